"""The optimizer over a past: the kernel's rolling step, and the service's own optimizer where that step hands over."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from hems.backtest.forecast_view import ForecastView, Levels
from hems.backtest.known_prices import SeenPrices
from hems.backtest.lived import IntArray, LivedPeriod
from hems.backtest.physics import Battery, Order
from hems.backtest.plain_run import Moment, PlainRun, lived_period
from hems.backtest.study import ForecastKind, Foresight, Span, Study
from hems.domain.command import Command, Mode
from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity
from hems.domain.measured import FloatArray
from hems.domain.outlook import Outlook
from hems.domain.plan import NoPlan
from hems.domain.time_grid import MTU, local_date, local_day_bounds
from hems.domain.units import kwh_from_wh
from hems.planning.compiled import Kernel
from hems.planning.grid_flow_optimizer import Candidate, GridFlowOptimizer, candidates_of
from hems.planning.kernel import CUT_NOTHING, CUT_SURPLUS
from hems.planning.kernel_modes import ANY_ORIGIN
from hems.planning.kernel_rolling import NO_FORECAST, NO_ROOM
from hems.planning.problem import limits_of, reserve_kwh, settings_of, store_of
from hems.planning.solver import PIECES_PER_SLOT, Solver

_QUARTER_H = MTU.total_seconds() / 3600.0
_SCENARIO_ROOM = 64


class Planner:
    """Chooses as the service does. ``foresight`` lets it know more, to see what not knowing costs."""

    def __init__(self, study: Study, view: ForecastView, kernel: Kernel, foresight: Foresight | None = None) -> None:
        is_perfect = study.forecast is ForecastKind.PERFECT
        self.foresight = foresight or Foresight(load=is_perfect, pv=is_perfect)
        self.study, self.view, self.kernel = study, view, kernel
        home = study.home
        self.candidates = candidates_of(home, study.planning.power_levels)
        self.settings = settings_of(home, study.planning)
        self.horizon = study.planning.horizon // MTU
        # A cap of daily cycles needs the whole plan at every step.
        self.is_rolling = home.cycles_per_day_max is None
        self.without_plan = 0
        self.handed_over = 0
        """Quarters that the kernel's step cannot choose, most of them for prices that make a cost hollow."""
        self.handed_over_seconds = 0.0
        self._optimizer = GridFlowOptimizer(study.planning, Solver(kernel))
        self.rows = Solver(kernel)
        self._pieces = PIECES_PER_SLOT
        self.room = self._new_room()
        self.modes = self.rows.whole([candidate.code for candidate in self.candidates])
        self.powers = self.rows.row([candidate.power_kw for candidate in self.candidates])

    def home_numbers(self) -> tuple[Any, ...]:
        """Return what the kernel's step wants of the home, in its order."""
        home = self.study.home
        return (
            limits_of(home), store_of(home, 50.0), reserve_kwh(home), float(home.wear_per_kwh),
            CUT_SURPLUS if home.can_limit_export else CUT_NOTHING, self.modes, self.powers,
        )  # fmt: skip

    def grow(self) -> None:
        """Make more room for the pieces of value functions."""
        self._pieces *= 2
        self.room = self._new_room()

    def as_rows(self, values: FloatArray | IntArray) -> Any:
        """Return an array as the kernel walks it fastest."""
        return values if self.kernel.is_compiled else values.tolist()

    def by_optimizer(
        self,
        at: datetime,
        step: int,
        levels: Levels,
        prices: SeenPrices,
        state: tuple[float, float, float],
        present: int,
    ) -> int:
        """Return the candidate that the whole optimizer chooses; ``state``: SoC [%], exportable and discharged [Wh]."""
        begun = time.perf_counter()
        try:
            return self._by_optimizer(at, step, levels, prices, state, present)
        finally:
            self.handed_over += 1
            self.handed_over_seconds += time.perf_counter() - begun

    def _by_optimizer(
        self,
        at: datetime,
        step: int,
        levels: Levels,
        prices: SeenPrices,
        state: tuple[float, float, float],
        present: int,
    ) -> int:
        outlook = self.outlook(at, step, levels, prices, state)
        command = None
        candidate = self.candidates[present]
        if candidate.mode is not Mode.SELF_USE:
            command = Command(mode=candidate.mode, power_w=candidate.power_w, expires_at=at + MTU)
        solved = None if outlook is None else self._optimizer.solve(outlook, at, state[0], command)
        if solved is None or isinstance(solved, NoPlan):
            self.without_plan += 1
            return 0
        return solved.chosen

    def _new_room(self) -> tuple[Any, ...]:
        rows, slots = self.rows, self.horizon
        count = 1 if self.foresight.load and self.foresight.pv else len(QUANTILE_LEVELS)
        pieces = self._pieces * slots + 600 + 2 * count * _SCENARIO_ROOM
        wide = [
            np.zeros((count, slots)) if self.kernel.is_compiled else [[0.0] * slots for _ in range(count)] for _ in "ab"
        ]
        return (
            rows.floats(slots), rows.floats(slots), *wide, rows.row([_QUARTER_H] * slots), rows.floats(slots),
            rows.floats(slots + 1), rows.floats(slots + 1), rows.whole([0] * slots),
            rows.floats(pieces), rows.floats(pieces), rows.whole([0] * pieces),
            rows.whole([0] * (slots + 1)), rows.whole([0] * (slots + 1)), rows.floats(16), rows.floats(16),
            rows.floats(slots + 1), rows.floats(slots), rows.whole([0] * slots), rows.whole([0] * slots),
        )  # fmt: skip

    def outlook(
        self, at: datetime, step: int, levels: Levels, prices: SeenPrices, state: tuple[float, float, float]
    ) -> Outlook | None:
        """Return what lay ahead at ``at``, the ``step``-th quarter of the span; None where nothing was known."""
        study, count = self.study, int(prices.slots_of[step])
        since = int(prices.from_of[step])
        row = int(prices.row_of[step])
        if count == 0 or not (np.isfinite(levels.load[step]).all() and np.isfinite(levels.pv[step]).all()):
            return None
        midnights, day = [], local_date(at, study.zone)
        while (midnight := local_day_bounds(day, study.zone)[1]) < at + count * MTU:
            midnights.append(midnight)
            day += timedelta(days=1)
        return Outlook(
            start=at,
            import_per_kwh=tuple(prices.buy[row, since : since + count].tolist()),
            export_per_kwh=tuple(prices.sell[row, since : since + count].tolist()),
            published_until=study.prices.publication.known_until(at),
            currency=study.prices.currency,
            home=replace(study.home, exportable_wh=state[1], discharged_today_wh=state[2]),
            load=_as_forecast(Quantity.LOAD, at, levels.load[step, :, :count]),
            pv=_as_forecast(Quantity.PV, at, levels.pv[step, :, :count]),
            day_ends=tuple(midnights),
        )


class RollingRun:
    """Lives spans with the battery of the plan itself, the whole loop inside the kernel."""

    def __init__(self, planner: Planner) -> None:
        study = planner.study
        self._planner, self._study = planner, study
        capacity = kwh_from_wh(study.home.capacity_wh)
        stored = capacity * study.start_soc_pct / 100.0
        self._state = planner.rows.row([stored, kwh_from_wh(study.home.exportable_wh), 0.0, 0.0])

    def get_ready(self) -> None:
        """Compile what will be run, so that the first span does not seem to take long."""
        if self._planner.kernel.is_compiled:
            self.live(Span.of(self._study, self._study.first, self._study.first))

    def live(self, span: Span) -> LivedPeriod:
        """Return ``span`` as it is lived."""
        planner, study = self._planner, self._study
        levels = planner.view.levels(span.first, span.last, planner.foresight)
        prices = planner.view.prices(span.first, span.last, planner.foresight)
        rows = planner.as_rows
        count = span.steps * span.parts
        chosen = planner.rows.whole([-1] * count)
        battery, grid, curtailed, stored = (planner.rows.floats(count) for _ in range(4))
        seen = (rows(levels.load), rows(levels.pv), rows(prices.buy), rows(prices.sell), rows(prices.row_of),
                rows(prices.from_of), rows(prices.slots_of))  # fmt: skip
        came = (rows(span.load), rows(span.pv), rows(span.buy), rows(span.sell), span.parts)
        is_sun_only = study.home.no_grid_energy_into_export
        begin, forced, state = 0, -1, self._state
        while True:
            begin, refusal = planner.kernel.roll(
                *seen, *came, begin, forced, is_sun_only, *planner.home_numbers(), study.planning.most_pieces,
                planner.settings, planner.room, state, chosen, battery, grid, curtailed, stored,
            )  # fmt: skip
            forced = -1
            if refusal == 0:
                break
            if refusal == NO_ROOM:
                planner.grow()
                continue
            at = span.first + begin * MTU
            soc_pct = 100.0 * float(state[0]) / kwh_from_wh(study.home.capacity_wh)
            forced = planner.by_optimizer(
                at, begin, levels, prices, (soc_pct, float(state[1]) * 1000.0, 0.0), int(state[2])
            )
        planner.without_plan += int(state[3])
        state[3] = 0.0
        columns = [np.asarray(column) for column in (battery, grid, curtailed, stored)]
        return self._period(span, np.asarray(chosen, dtype=np.int64), columns)

    def _period(self, span: Span, chosen: Any, columns: list[Any]) -> LivedPeriod:
        study = self._study
        row = np.flatnonzero(chosen >= 0)
        chosen = chosen[row]
        battery, grid, curtailed, stored = (column[row] for column in columns)
        modes = np.array([candidate.code for candidate in self._planner.candidates])
        asked = np.array([np.nan if c.power_w is None else c.power_w for c in self._planner.candidates])
        soc_pct = 100.0 * stored / kwh_from_wh(study.home.capacity_wh)
        table = np.stack(
            [row, modes[chosen], asked[chosen], -battery * 1e3, grid * 1e3, curtailed * 1e3, soc_pct], axis=1
        )
        return lived_period(study, span, table.astype(np.float64))


class StepwiseRun:
    """Lives spans with any battery, or with a cap of daily cycles: each quarter is chosen by itself."""

    def __init__(self, planner: Planner, battery: Battery) -> None:
        self._planner, self._battery = planner, battery
        self._present = 0
        self._run = PlainRun(planner.study, battery, self._choose)
        self._seen: tuple[Levels, SeenPrices]

    def live(self, span: Span) -> LivedPeriod:
        """Return ``span`` as it is lived."""
        planner = self._planner
        levels = planner.view.levels(span.first, span.last, planner.foresight)
        self._seen = (levels, planner.view.prices(span.first, span.last, planner.foresight))
        return self._run.live(span)

    def _choose(self, moment: Moment) -> Order:
        levels, prices = self._seen
        self._present = self._candidate(moment, levels, prices)
        candidate: Candidate = self._planner.candidates[self._present]
        is_held_back = (
            self._planner.study.home.can_limit_export
            and moment.export_per_kwh < 0.0
            and candidate.mode is not Mode.DISCHARGE
        )
        return Order(mode=candidate.mode, power_w=candidate.power_w, export_limit_w=0.0 if is_held_back else None)

    def _candidate(self, moment: Moment, levels: Levels, prices: SeenPrices) -> int:
        planner = self._planner
        study, step = planner.study, moment.step
        soc_pct = min(max(moment.soc_pct, 0.0), 100.0)
        stored = kwh_from_wh(study.home.capacity_wh) * soc_pct / 100.0
        refusal = None
        while planner.is_rolling:
            row, since, count = int(prices.row_of[step]), int(prices.from_of[step]), int(prices.slots_of[step])
            rows, numbers = planner.as_rows, planner.home_numbers()
            exportable = moment.exportable_wh / 1000.0 if study.home.no_grid_energy_into_export else ANY_ORIGIN
            refusal = planner.kernel.choose_now(
                rows(levels.load[step]), rows(levels.pv[step]), rows(prices.buy[row, since : since + count]),
                rows(prices.sell[row, since : since + count]), count, stored, exportable, *numbers, self._present,
                study.planning.most_pieces, planner.settings, planner.room,
            )  # fmt: skip
            if refusal >= 0:
                return int(refusal)
            if refusal != NO_ROOM:
                break
            planner.grow()
        if refusal == NO_FORECAST:
            planner.without_plan += 1
            return 0
        state = (soc_pct, moment.exportable_wh, self._run.discharged_today_wh(moment.at))
        return planner.by_optimizer(moment.at, step, levels, prices, state, self._present)


def _as_forecast(quantity: Quantity, at: datetime, levels_kw: FloatArray) -> EnergyForecast:
    levels_w = levels_kw * 1000.0
    if len(levels_w) != len(QUANTILE_LEVELS):
        levels_w = np.repeat(levels_w[:1], len(QUANTILE_LEVELS), axis=0)
    return EnergyForecast(
        quantity=quantity,
        source="backtest",
        issued_at=at,
        known_at=at,
        start=at,
        levels_w=tuple(tuple(level) for level in levels_w.tolist()),
    )
