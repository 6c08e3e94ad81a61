"""The days worth telling: what the optimizer did on its best and its worst day, and why, in its own sentences."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from hems.backtest.forecast_view import ForecastView
from hems.backtest.lived import MODE_NAMES, LivedPeriod
from hems.backtest.outcome import DayReason, DayStory
from hems.backtest.planned_run import Planner
from hems.backtest.study import Study
from hems.decision.sentences import Language, sentence_of
from hems.domain.command import Command, Mode
from hems.domain.plan import NoPlan
from hems.domain.time_grid import MTU, local_date, local_day_bounds
from hems.domain.units import kwh_from_wh
from hems.planning.compiled import PLAIN
from hems.planning.grid_flow_optimizer import GridFlowOptimizer

WHOLE_DAY_H = 22.9
"""Only days that were lived whole are compared; the shortest local day has 23 hours."""

MOST_REASONS = 40


def savings_by_day(study: Study, lived: LivedPeriod, idle: LivedPeriod) -> dict[date, float]:
    """Return what each whole local day saved over an idle battery [money], the change of what is stored counted."""
    per_pct = kwh_from_wh(study.home.capacity_wh) / 100.0 * study.left_value_per_kwh
    before = np.concatenate([[study.start_soc_pct], lived.soc_pct[:-1]])
    gained = (lived.soc_pct - before) * per_pct
    saved = (idle.cost - lived.cost + gained).tolist()
    sums: dict[date, float] = {}
    hours: dict[date, float] = {}
    for start, value, length in zip(lived.starts(), saved, lived.hours.tolist(), strict=True):
        day = local_date(start, study.zone)
        sums[day] = sums.get(day, 0.0) + value
        hours[day] = hours.get(day, 0.0) + length
    return {day: value for day, value in sums.items() if hours[day] >= WHOLE_DAY_H}


def best_and_worst(
    study: Study, lived: LivedPeriod, idle: LivedPeriod, language: Language = Language.ENGLISH
) -> tuple[DayStory | None, DayStory | None]:
    """Return the stories of the best and the worst whole day of the optimizer; None where there are not two of them."""
    by_day = savings_by_day(study, lived, idle)
    if len(by_day) < 2:
        return None, None
    teller = _Teller(study, lived, language)
    best, worst = (pick(by_day, key=lambda day: by_day[day]) for pick in (max, min))
    return teller.story(best, by_day[best]), teller.story(worst, by_day[worst])


class _Teller:
    """Plans the quarters of a day again, as they stood then, this time with the reasons."""

    def __init__(self, study: Study, lived: LivedPeriod, language: Language) -> None:
        self._study, self._lived, self._language = study, lived, language
        self._planner = Planner(study, ForecastView(study), PLAIN)
        self._optimizer = GridFlowOptimizer(study.planning)

    def story(self, day: date, saving: float) -> DayStory:
        """Return what was decided on ``day``; a decision is told where the mode or its power changes."""
        study, planner = self._study, self._planner
        first, last = local_day_bounds(day, study.zone)
        first, last = max(first, study.first), min(last, study.last)
        levels = planner.view.levels(first, last, planner.foresight)
        prices = planner.view.prices(first, last, planner.foresight)
        rows = self._lived.between(first, last)
        reasons: list[DayReason] = []
        told: tuple[str, float | None] | None = None
        for index, start in enumerate(rows.starts()):
            mode, asked_w = MODE_NAMES[int(rows.mode[index])], float(rows.asked_w[index])
            decision = (mode, None if np.isnan(asked_w) else asked_w)
            if decision == told or (start - first) % MTU or len(reasons) >= MOST_REASONS:
                continue
            outlook = planner.outlook(start, (start - first) // MTU, levels, prices, (*self._state(start), 0.0))
            plan = (
                None
                if outlook is None
                else self._optimizer.plan(outlook, start, self._state(start)[0], _lease(told, start))
            )
            sentence = "nothing was known to plan with"
            if plan is not None and not isinstance(plan, NoPlan):
                sentence = sentence_of(plan.reasoning, plan.chosen, zone=study.zone, now=start, language=self._language)
            reasons.append(DayReason(start=start, mode=mode, sentence=sentence))
            told = decision
        return DayStory(day=day, saving=saving, reasons=tuple(reasons))

    def _state(self, moment: datetime) -> tuple[float, float]:
        """Return the SoC [%] at ``moment``, and what of the stored energy came from the sun [Wh]."""
        study = self._study
        at = int(np.searchsorted(self._lived.start_s, moment.timestamp()))
        soc_pct = study.start_soc_pct if at == 0 else float(self._lived.soc_pct[at - 1])
        if not study.home.no_grid_energy_into_export:
            return soc_pct, 0.0
        return soc_pct, exportable_after(study, self._lived.rows(slice(0, at)))


def exportable_after(study: Study, lived: LivedPeriod) -> float:
    """Return what of the stored energy came from the sun after ``lived`` [Wh]: only what is sold comes out of it."""
    home = study.home
    sunny = home.exportable_wh
    surplus_w = np.maximum(lived.pv_w - lived.load_w, 0.0)
    need_w = np.maximum(lived.load_w - lived.pv_w, 0.0)
    into = np.minimum(np.maximum(-lived.battery_w, 0.0), surplus_w) * home.charge_efficiency * lived.hours
    sold = np.maximum(lived.battery_w - need_w, 0.0) / home.discharge_efficiency * lived.hours
    stored = lived.soc_pct / 100.0 * home.capacity_wh
    for gain, loss, most in zip(into.tolist(), sold.tolist(), stored.tolist(), strict=True):
        sunny = min(max(sunny + gain - loss, 0.0), most)
    return sunny


def _lease(told: tuple[str, float | None] | None, now: datetime) -> Command | None:
    """Return the command in force, None in self-use."""
    if told is None or told[0] == Mode.SELF_USE.value:
        return None
    return Command(mode=Mode(told[0]), power_w=told[1], expires_at=now + timedelta(minutes=15))
