"""From runs to a result: every strategy's figures against the yardsticks, and where the rest was lost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hems.backtest.figures import figures_of, net_cost
from hems.backtest.lived import LivedPeriod
from hems.backtest.outcome import IDLE_BATTERY, NO_BATTERY, PERFECT_FORESIGHT, Loss, StrategyOutcome, StudyResult
from hems.backtest.perfect import perfect_foresight
from hems.backtest.runner import KNOWING, MULTI_FACTOR, OPTIMAL, SELF_USE, LivedStudy
from hems.backtest.stories import best_and_worst
from hems.backtest.study import Study
from hems.decision.sentences import Language
from hems.domain.measured import RecordQuality
from hems.planning.compiled import Kernel, fastest_kernel

YARDSTICKS = (NO_BATTERY, IDLE_BATTERY, SELF_USE, MULTI_FACTOR)
"""Lived in every backtest; perfect foresight is the last of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a result carries beside its figures."""

    parameters: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    quality: tuple[RecordQuality, ...] = ()
    remarks: tuple[str, ...] = ()
    with_stories: bool = False
    language: Language = Language.ENGLISH


def assess(study: Study, lived: LivedStudy, telling: Telling, kernel: Kernel | None = None) -> StudyResult:
    """Return ``lived`` as a result. Raises: ValueError: nothing was lived, or no idle battery was."""
    idle = lived.runs[IDLE_BATTERY].period
    if len(idle) == 0:
        raise ValueError("nothing was lived: load, PV and prices are never known at the same time in the period")
    begun = time.perf_counter()
    perfect, gap = perfect_foresight(study, idle, kernel or fastest_kernel())
    seconds = time.perf_counter() - begun
    possible = net_cost(study, idle) - net_cost(study, perfect) + gap
    periods = {name: run.period for name, run in lived.runs.items()}
    outcomes = [
        StrategyOutcome(
            name=name,
            lived=periods[name],
            figures=figures_of(study, periods[name], idle, possible, run.seconds, run.without_plan),
        )
        for name, run in lived.runs.items()
        if name not in KNOWING
    ]
    outcomes.append(
        StrategyOutcome(
            name=PERFECT_FORESIGHT, lived=perfect, figures=figures_of(study, perfect, idle, possible, seconds)
        )
    )
    best, worst = None, None
    if telling.with_stories and OPTIMAL in periods:
        best, worst = best_and_worst(study, periods[OPTIMAL], idle, telling.language)
    return StudyResult(
        title=study.title,
        zone=study.zone,
        currency=study.prices.currency,
        first=study.first,
        last=lived.until,
        battery_kwh=study.home.capacity_wh / 1000.0,
        left_value_per_kwh=study.left_value_per_kwh,
        outcomes=tuple(outcomes),
        possible_saving=possible,
        possible_gap=gap,
        losses=_losses(study, periods, idle, possible),
        best_day=best,
        worst_day=worst,
        quality=telling.quality,
        left_out_hours=round((lived.until - study.first).total_seconds() / 3600.0 - float(idle.hours.sum()), 6),
        parameters=telling.parameters,
        versions=telling.versions,
        remarks=(*telling.remarks, *_explanations(study, outcomes)),
        is_interrupted=lived.is_interrupted,
        forecast_seconds=lived.forecast_seconds,
    )


def _explanations(study: Study, outcomes: Sequence[StrategyOutcome]) -> Iterator[str]:
    """Yield what the figures alone do not tell and a reader would take for a fault."""
    figures = {outcome.name: outcome.figures for outcome in outcomes}
    above_kwh = figures[IDLE_BATTERY].above_import_limit_kwh
    if above_kwh > 0.0 and OPTIMAL in figures:
        yield (
            f"the house alone draws {above_kwh:.1f} kWh above the import limit of {study.home.import_max_w / 1e3:g} "
            "kW: the optimizer also spends the battery on drawing less above it, which no saving counts"
        )
    for name, found in figures.items():
        if found.quarters_without_plan:
            yield (
                f"{name}: no plan could be made in {found.quarters_without_plan} quarters, mostly because too little "
                "was measured before them: self-use stood in"
            )


def _losses(study: Study, periods: Mapping[str, LivedPeriod], idle: LivedPeriod, possible: float) -> tuple[Loss, ...]:
    """Return why the optimizer saved less than everything possible; empty where the knowing runs are missing.

    What one forecast costs is what knowing that quantity alone would have saved more; ``together`` is what both cost
    beyond their sum. The causes sum to the whole loss.
    """
    if OPTIMAL not in periods or not all(name in periods for name in KNOWING):
        return ()
    cost = {name: net_cost(study, periods[name]) for name in (OPTIMAL, *KNOWING)}
    load = cost[OPTIMAL] - cost["knows_load"]
    pv = cost[OPTIMAL] - cost["knows_pv"]
    causes = {
        "load_forecast": load,
        "pv_forecast": pv,
        "together": cost[OPTIMAL] - cost["knows_load_and_pv"] - load - pv,
        "price_horizon": cost["knows_load_and_pv"] - cost["knows_all"],
        "mode_limits": cost["knows_all"] - (net_cost(study, idle) - possible),
    }
    ordered: Sequence[tuple[str, float]] = sorted(causes.items(), key=lambda item: -item[1])
    return tuple(Loss(cause=cause, amount=amount) for cause, amount in ordered)
