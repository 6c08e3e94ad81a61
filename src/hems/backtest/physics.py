"""The battery that a backtest lives with: by default just the one that plans are made with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hems.domain.command import Mode
from hems.domain.outlook import HomeModel
from hems.domain.units import kw_from_w, kwh_from_wh
from hems.planning.kernel_rolling import live_slot, within_fuse
from hems.planning.problem import limits_of, store_of
from hems.planning.reasoning import KERNEL_MODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the inverter is told for a stretch of time."""

    mode: Mode
    power_w: float | None = None
    target_soc_pct: float | None = None
    export_limit_w: float | None = None
    """None: the connection's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What came of it: mean powers [W], + delivers to the house."""

    battery_w: float
    grid_w: float
    curtailed_w: float


class Battery(Protocol):
    """A house's battery with its inverter, moved on stretch by stretch."""

    @property
    def soc_pct(self) -> float:
        """How full it is now [%]."""
        ...

    @property
    def exportable_wh(self) -> float:
        """What of the stored energy came from the sun [Wh]."""
        ...

    def live(self, start: datetime, hours: float, order: Order, load_w: float, pv_w: float) -> Stretch:
        """Move on by ``hours`` under ``order``, with constant ``load_w`` and what the panels could give."""
        ...


class IdealBattery:
    """The physics of the plan: constant efficiencies, no idle draw, power until full unless the home says else."""

    def __init__(self, home: HomeModel, soc_pct: float) -> None:
        self._home = home
        self._limits = limits_of(home)
        self._stored = kwh_from_wh(home.capacity_wh) * soc_pct / 100.0
        self._sunny = kwh_from_wh(home.exportable_wh)

    @property
    def soc_pct(self) -> float:
        """How full it is now [%]."""
        return 100.0 * self._stored / kwh_from_wh(self._home.capacity_wh)

    @property
    def exportable_wh(self) -> float:
        """What of the stored energy came from the sun [Wh]."""
        return self._sunny * 1000.0

    def live(self, start: datetime, hours: float, order: Order, load_w: float, pv_w: float) -> Stretch:
        """Move on by ``hours`` under ``order``; a charge that reaches its target has the power that just does."""
        del start
        home = self._home
        store = store_of(home, self.soc_pct)
        if order.target_soc_pct is not None and order.mode is Mode.CHARGE:
            target = max(store[0] * order.target_soc_pct / 100.0, self._stored)
            store = (store[0], store[1], min(store[2], target), store[3])
        limits = self._limits
        if order.export_limit_w is not None:
            limits = (*limits[:5], min(limits[5], kw_from_w(order.export_limit_w)))
        mode, load, pv = KERNEL_MODE[order.mode], kw_from_w(load_w), kw_from_w(pv_w)
        battery, grid, curtailed, self._stored, self._sunny = live_slot(
            mode, within_fuse(mode, kw_from_w(order.power_w or 0.0), load, pv, limits), load, pv, self._stored,
            self._sunny, hours, limits, store, home.no_grid_energy_into_export,
        )  # fmt: skip
        return Stretch(battery_w=-battery * 1000.0, grid_w=grid * 1000.0, curtailed_w=curtailed * 1000.0)
