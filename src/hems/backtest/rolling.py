"""A past lived through once more, quarter by quarter: the strategy sees what was known, physics does the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from hems.backtest.known_prices import KnownPrices
from hems.domain.command import Command, Mode
from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity, SourceForecast
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.plan import NoPlan
from hems.domain.time_grid import MTU, local_date, local_day_bounds
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.load import LoadForecaster
from hems.forecasting.pv import PvForecaster
from hems.planning import kernel, kernel_modes
from hems.planning.compiled import fastest_kernel
from hems.planning.grid_flow_optimizer import Candidate, GridFlowOptimizer
from hems.planning.kernel_modes import ANY_ORIGIN
from hems.planning.problem import PlanningOptions
from hems.planning.solver import Solver

HISTORY = timedelta(days=60)
_HOURS = MTU.total_seconds() / 3600.0
_W = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a house measured, and what a source said of its PV; shape (n,) on the grid of quarters from ``start`` on."""

    start: datetime
    load_w: FloatArray
    pv_w: FloatArray
    pv_said_w: FloatArray | None = None
    """A PV forecast by quarter, as issued the day before; NaN where nothing was said. None: there was no source."""

    def index(self, moment: datetime) -> int:
        """Return which quarter begins at ``moment``."""
        return (moment - self.start) // MTU


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedSlot:
    """One quarter as it was lived; house signs, mean powers [W], money with + a cost."""

    start: datetime
    mode: Mode
    power_w: float | None
    load_w: float
    pv_w: float
    battery_w: float
    grid_w: float
    curtailed_w: float
    import_per_kwh: float
    export_per_kwh: float
    soc_pct: float
    cost: float
    """Energy and wear."""


Choose = Callable[[datetime, float, Candidate, float], Candidate]
"""From the moment, the SoC [%], what is in force and the exportable energy [Wh] to what is done in the quarter."""


def live_through(
    past: Past, prices: KnownPrices, home: HomeModel, first: datetime, last: datetime, soc_pct: float, choose: Choose
) -> Iterator[LivedSlot]:
    """Yield every quarter from ``first`` to ``last`` (exclusive), lived in the mode that ``choose`` picks.

    A quarter whose load, PV or price is unknown is left out, and the battery rests in it.
    """
    limits = (
        home.charge_max_w / _W, home.discharge_max_w / _W, home.charge_efficiency, home.discharge_efficiency,
        home.import_max_w / _W, home.export_max_w / _W,
    )  # fmt: skip
    capacity = home.capacity_wh / _W
    store = (capacity, capacity * home.floor_pct / 100, capacity * home.ceiling_pct / 100, home.taper_from_pct / 100)
    stored, sunny = capacity * soc_pct / 100.0, home.exportable_wh / _W
    present = Candidate(mode=Mode.SELF_USE, power_w=None)
    for index in range((last - first) // MTU):
        start = first + index * MTU
        at = past.index(start)
        load, pv = float(past.load_w[at]) / _W, float(past.pv_w[at]) / _W
        price = prices.true(start)
        if price is None or not np.isfinite(load + pv):
            continue
        present = choose(start, 100.0 * stored / capacity, present, sunny * _W)
        exportable = sunny if home.no_grid_energy_into_export else ANY_ORIGIN
        battery = kernel_modes.mode_power(
            present.code, present.power_kw, load, pv, stored, _HOURS, limits, store, exportable
        )
        stored, sunny = _after(stored, sunny, battery, load, pv, limits)
        buy, sell = price.import_per_kwh, price.export_per_kwh
        cut = kernel.CUT_SURPLUS if home.can_limit_export and sell < 0.0 else kernel.CUT_NOTHING
        energy_cost = kernel.grid_cost(battery, load, pv, buy, sell, limits, cut)
        net = load - pv + battery
        least = 0.0 if cut == kernel.CUT_SURPLUS else -limits[5]
        curtailed = min(max(least - net, 0.0), pv)
        yield LivedSlot(
            start=start,
            mode=present.mode,
            power_w=present.power_w,
            load_w=load * _W,
            pv_w=pv * _W,
            battery_w=-battery * _W,
            grid_w=(net + curtailed) * _W,
            curtailed_w=curtailed * _W,
            import_per_kwh=buy,
            export_per_kwh=sell,
            soc_pct=100.0 * stored / capacity,
            cost=(energy_cost + home.wear_per_kwh * abs(battery)) * _HOURS,
        )


def _after(
    stored: float, sunny: float, battery: float, load: float, pv: float, limits: kernel.Limits
) -> tuple[float, float]:
    """Return what is stored, and what of it came from the sun, after a quarter [kWh]."""
    net = load - pv
    if battery > 0.0:
        return (
            stored + battery * limits[2] * _HOURS,
            sunny + min(battery, max(-net, 0.0)) * limits[2] * _HOURS,
        )
    into_house = min(-battery, max(net, 0.0)) * _HOURS / limits[3]
    sold = (-battery) * _HOURS / limits[3] - into_house
    from_grid = min(into_house, max(stored - sunny, 0.0))
    left = stored - into_house - sold
    return left, min(max(sunny - (into_house - from_grid) - sold, 0.0), max(left, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What of the future is known in a what-if: nothing by default."""

    load: bool = False
    pv: bool = False


class PlannedChoice:
    """The optimizer over a past: the service's forecasts, outlook and plan; nothing later than the moment is seen."""

    def __init__(
        self,
        past: Past,
        prices: KnownPrices,
        home: HomeModel,
        zone: ZoneInfo,
        load: LoadForecaster,
        pv: PvForecaster,
        options: PlanningOptions,
        foresight: Foresight | None = None,
    ) -> None:
        self._past, self._prices, self._home, self._zone = past, prices, home, zone
        self._load, self._pv = load, pv
        self._count = options.horizon // MTU
        self._optimizer = GridFlowOptimizer(options, Solver(fastest_kernel()))
        self._foresight = foresight or Foresight()
        self._learnt_until = past.start
        self.failures: list[str] = []
        """Why there was no plan, for every quarter without one."""

    def __call__(self, now: datetime, soc_pct: float, present: Candidate, exportable_wh: float) -> Candidate:
        """Return what is done in the quarter of ``now``."""
        outlook = self._outlook(now, exportable_wh)
        command = None
        if present.mode is not Mode.SELF_USE:
            command = Command(mode=present.mode, power_w=present.power_w, expires_at=now + MTU)
        solved = self._optimizer.solve(outlook, now, soc_pct, command)
        if isinstance(solved, NoPlan):
            self.failures.append("; ".join(solved.remarks))
            return Candidate(mode=Mode.SELF_USE, power_w=None)
        return solved.choice

    def _outlook(self, now: datetime, exportable_wh: float) -> Outlook:
        retail = self._prices.ahead(now, self._count)
        count = len(retail)
        midnight = local_day_bounds(local_date(now, self._zone), self._zone)[1]
        return Outlook(
            start=now,
            import_per_kwh=tuple(price.import_per_kwh for price in retail),
            export_per_kwh=tuple(price.export_per_kwh for price in retail),
            published_until=self._prices.published_until(now),
            currency="PLN",
            home=replace(self._home, exportable_wh=exportable_wh),
            load=self._expected(Quantity.LOAD, now, count),
            pv=self._expected(Quantity.PV, now, count),
            day_ends=(midnight,),
        )

    def _expected(self, quantity: Quantity, now: datetime, count: int) -> EnergyForecast | None:
        past, at = self._past, self._past.index(now)
        if getattr(self._foresight, quantity.value):
            true = past.load_w if quantity is Quantity.LOAD else past.pv_w
            return _as_forecast(quantity, now, np.nan_to_num(true[at : at + count]).tolist())
        midnight = local_day_bounds(local_date(now - HISTORY, self._zone), self._zone)[0]
        begin = max(0, past.index(midnight))  # whole days: what is learnt from them holds for a day
        history = QuarterHistory(
            start=past.start + begin * MTU,
            load_w=past.load_w[begin:at],
            pv_w=past.pv_w[begin:at],
            pv_curtailed=np.zeros(at - begin, dtype=np.bool_),
        )
        if quantity is Quantity.LOAD:
            return self._load.forecast(history, now, count, self._zone)
        said = None
        if past.pv_said_w is not None:
            values = [None if np.isnan(v) else float(v) for v in past.pv_said_w[at : at + count]]
            said = SourceForecast(source="given", received_at=now, start=now, pv_w=tuple(values))
            self._remember_until(now)
        return self._pv.forecast(history, now, count, self._zone, source=said)

    def _remember_until(self, now: datetime) -> None:
        """Let the forecaster know, day by day, what the source said before the backtest began."""
        past, day = self._past, timedelta(days=1)
        if past.pv_said_w is None:
            return
        start = max(self._learnt_until, now - HISTORY)
        while start + day <= now:
            at = past.index(start)
            values = [None if np.isnan(v) else float(v) for v in past.pv_said_w[at : at + day // MTU]]
            self._pv.remember(SourceForecast(source="given", received_at=start, start=start, pv_w=tuple(values)))
            start += day
        self._learnt_until = now


def _as_forecast(quantity: Quantity, now: datetime, values_w: Sequence[float]) -> EnergyForecast:
    return EnergyForecast(
        quantity=quantity,
        source="foresight",
        issued_at=now,
        known_at=now,
        start=now,
        levels_w=(tuple(values_w),) * len(QUANTILE_LEVELS),
    )
