"""Prices that homes share: what bought and sold energy costs, by tariff, cut to a home's own slots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hems.fleet.homes import FloatArray

MTU_S = 900
NO_TARIFF = ""
"""Stands for what holds where a home names no tariff."""

_NEAR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceGrid:
    """Retail prices by the quarter from ``start_s`` on [money/kWh]; NaN is unknown."""

    start_s: int
    buy: FloatArray
    sell: FloatArray

    def window(self, start_s: int, step_s: int, slots: int) -> tuple[FloatArray, FloatArray]:
        """Return the prices of ``slots`` slots of ``step_s`` seconds, NaN from the first on that is not known whole.

        A slot longer than a quarter has the mean of its quarters, a shorter one that of the quarter it lies in.
        Raises: ValueError: the slots lie across the quarters.
        """
        if step_s % MTU_S and MTU_S % step_s:
            raise ValueError(f"step_minutes {step_s / 60:g}: neither divides a quarter nor holds whole ones")
        if start_s % min(step_s, MTU_S):
            raise ValueError("start_utc lies across the quarters that have a price")
        parts = max(step_s // MTU_S, 1)
        begins = start_s - self.start_s + step_s * np.arange(slots)
        quarters = begins[:, None] // MTU_S + np.arange(parts)
        is_inside = (quarters >= 0) & (quarters < len(self.buy))
        places = np.where(is_inside, quarters, 0)
        rows = []
        for prices in (self.buy, self.sell):
            values = np.where(is_inside, prices[places] if len(prices) else np.nan, np.nan).mean(axis=1)
            rows.append(values)
        return rows[0], rows[1]


class PriceBook:
    """Price grids by the name of their tariff, made when they are first asked for."""

    def __init__(self, find: Callable[[str], PriceGrid]) -> None:
        """``find`` returns a tariff's grid (``NO_TARIFF``: the command's) or raises a `HemsError` that says why."""
        self._find = find
        self._grids: dict[str, PriceGrid] = {}

    def grid(self, tariff: str) -> PriceGrid:
        """Return the prices of ``tariff``; raises what ``find`` raises."""
        if tariff not in self._grids:
            self._grids[tariff] = self._find(tariff)
        return self._grids[tariff]


def known_slots(buy: FloatArray, sell: FloatArray) -> int:
    """Return how many slots from the first on have both prices."""
    is_known = np.isfinite(buy) & np.isfinite(sell)
    return len(buy) if is_known.all() else int(np.argmin(is_known))
