"""What a source said about each quarter before it began: the past that its errors are learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hems.domain.forecast import SourceForecast
from hems.domain.time_grid import MTU
from hems.forecasting.history import FloatArray

IntArray = NDArray[np.int64]

MTU_S = int(MTU.total_seconds())
QUARTERS_PER_DAY = 96

EARLY = timedelta(hours=6)
"""What was said this long ahead is kept beside what was said last: a forecast grows better as its hour comes near."""

_KEPT_DAYS = 60
_AHEAD_DAYS = 8
_STATE_FORMAT = 1
_LATEST = 2**40
"""No quarter of any calendar."""


def quarter_index(moment: datetime) -> int:
    """Return the number of the quarter that contains ``moment``, counted from 1970 UTC."""
    return int(moment.timestamp()) // MTU_S


class SaidBefore(Protocol):
    """What was said of quarters before they began."""

    def said(self, start: int, count: int) -> tuple[FloatArray, FloatArray]:
        """Return what was said last and what was said early [W] about ``count`` quarters from number ``start`` on.

        Both of shape (count,), NaN where nothing was said.
        """
        ...


class SourceMemory:
    """Two values for each quarter of the last weeks [W]: the last one said before it began, and the last said early.

    What is said about a quarter after it began is not taken up: nothing in here knew what came. Another source's
    values replace all that was remembered: its errors are its own.
    """

    def __init__(self) -> None:
        self._capacity = (_KEPT_DAYS + _AHEAD_DAYS) * QUARTERS_PER_DAY
        self.source: str | None = None
        """Whose values these are; None while nothing is remembered."""
        self._forget()

    def remember(self, said: SourceForecast) -> None:
        """Keep the values of ``said`` for quarters that start at its receipt or later."""
        if said.source != self.source:
            self._forget()
            self.source = said.source
        values = np.array(said.pv_w[: _AHEAD_DAYS * QUARTERS_PER_DAY], dtype=np.float64)  # None becomes NaN
        index = quarter_index(said.start) + np.arange(len(values))
        lead_s = index * MTU_S - said.received_at.timestamp()
        usable = np.isfinite(values) & (lead_s >= 0.0)
        early = usable & (lead_s >= EARLY.total_seconds())
        for row, mask in enumerate((usable, early)):
            self._put(row, index[mask], values[mask])

    def said(self, start: int, count: int) -> tuple[FloatArray, FloatArray]:
        """Return what was said last and what was said early [W] about ``count`` quarters from number ``start`` on.

        Both of shape (count,), NaN where nothing was said.
        """
        index = start + np.arange(count)
        place = index % self._capacity
        known = self._index[:, place] == index
        last, early = np.where(known, self._value[:, place], np.nan)
        return last, early

    def state(self) -> dict[str, object]:
        """Return all of this as plain JSON values, for a restart."""
        known = self._index[self._index >= 0]
        first = int(known.min()) if known.size else 0
        count = int(known.max()) + 1 - first if known.size else 0
        # A memory that slept may hold quarters older than its length: they are no longer worth their room.
        skipped = max(0, count - self._capacity)
        last, early = self.said(first + skipped, count - skipped)
        return {
            "format": _STATE_FORMAT,
            "source": self.source,
            "start": first + skipped,
            "last": _as_json(last),
            "early": _as_json(early),
        }

    @staticmethod
    def of_state(state: Mapping[str, object]) -> SourceMemory:
        """Return the memory that ``state`` was taken of.

        Raises: ValueError: it is no such state.
        """
        memory = SourceMemory()
        source, start = state.get("source"), state.get("start")
        if state.get("format") != _STATE_FORMAT or not (source is None or isinstance(source, str)):
            raise ValueError("not the state of a source's memory")
        if isinstance(start, bool) or not isinstance(start, int) or not 0 <= start < _LATEST:
            raise ValueError("not the state of a source's memory: start")
        memory.source = source
        for row, key in enumerate(("last", "early")):
            values = _of_json(state.get(key), memory._capacity, key)
            known = np.isfinite(values)
            memory._put(row, start + np.flatnonzero(known), values[known])
        return memory

    def _put(self, row: int, index: IntArray, values: FloatArray) -> None:
        place = index % self._capacity
        self._index[row, place] = index
        self._value[row, place] = values

    def _forget(self) -> None:
        self._index = np.full((2, self._capacity), -1, dtype=np.int64)
        self._value = np.full((2, self._capacity), np.nan)


class StandingWord:
    """A source whose word on a quarter is known from the beginning and never changes, as a file of forecasts holds it.

    What a ``SourceMemory`` would hold that heard it at every quarter from the first on.
    """

    def __init__(self, first: int, said_w: FloatArray) -> None:
        """``said_w``: of the quarters from number ``first`` on [W], (n,); NaN where nothing is said."""
        self._first = first
        self._said_w = np.where(np.isfinite(said_w), said_w, np.nan)

    def said(self, start: int, count: int) -> tuple[FloatArray, FloatArray]:
        """Return what was said last and what was said early, see ``SaidBefore``."""
        last = np.full(count, np.nan)
        low, high = max(start, self._first), min(start + count, self._first + len(self._said_w))
        if high > low:
            last[low - start : high - start] = self._said_w[low - self._first : high - self._first]
        begun = self._first + int(EARLY.total_seconds()) // MTU_S
        return last, np.where(start + np.arange(count) >= begun, last, np.nan)


def _as_json(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.round(2).tolist()]


def _of_json(listed: object, most: int, key: str) -> FloatArray:
    """Return the values of a list of numbers and nulls. Raises: ValueError: it is none, or far too long."""
    if not isinstance(listed, list) or len(listed) > most:
        raise ValueError(f"not the state of a source's memory: {key}")
    if not all(item is None or (isinstance(item, int | float) and item >= 0.0) for item in listed):
        raise ValueError(f"not the state of a source's memory: {key}")
    return np.array(listed, dtype=np.float64)
