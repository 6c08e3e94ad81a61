"""Lives every strategy and yardstick through the same past, and sets them side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from hems.backtest.forecast_view import ForecastView
from hems.backtest.lived import LivedPeriod
from hems.backtest.outcome import IDLE_BATTERY, NO_BATTERY
from hems.backtest.plain_run import PlainRun, ScoreChoice, self_use, without_battery
from hems.backtest.planned_run import Planner, RollingRun, StepwiseRun
from hems.backtest.study import ForecastKind, Foresight, Span, Study
from hems.domain.time_grid import MTU
from hems.planning.compiled import Kernel, fastest_kernel

SELF_USE, MULTI_FACTOR, OPTIMAL, EMHASS = "self_use", "multi_factor", "optimal", "emhass"
KNOWN = (SELF_USE, MULTI_FACTOR, OPTIMAL, EMHASS)

CHUNK = timedelta(days=7)
"""What is lived between two signs of life: forecasts of a week are held at a time."""

KNOWING = {
    "knows_load": Foresight(load=True),
    "knows_pv": Foresight(pv=True),
    "knows_load_and_pv": Foresight(load=True, pv=True),
    "knows_all": Foresight(load=True, pv=True, prices=True),
}
"""The optimizer with more than anyone can know: what it does better tells what not knowing costs."""

Progress = Callable[[datetime], None]
"""Told up to when everything is lived."""


class Run(Protocol):
    """Something that lives span after span."""

    def live(self, span: Span) -> LivedPeriod:
        """Return the span as it was lived."""
        ...


class Plans(Protocol):
    """Something that looks ahead."""

    @property
    def foresight(self) -> Foresight:
        """What it may know of the future."""
        ...

    @property
    def without_plan(self) -> int:
        """How many quarters it found no plan for."""
        ...


@dataclass(slots=True, kw_only=True)
class Lived:
    """One run's rows so far."""

    parts: list[LivedPeriod] = field(default_factory=list)
    seconds: float = 0.0
    without_plan: int = 0
    handed_over: int = 0
    """Quarters that took the whole optimizer, and how long they took of ``seconds``."""
    handed_over_seconds: float = 0.0

    @property
    def period(self) -> LivedPeriod:
        """All rows."""
        return LivedPeriod.joined(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedStudy:
    """What came of several runs through one past."""

    runs: dict[str, Lived]
    until: datetime
    is_interrupted: bool
    forecast_seconds: float


def live_all(
    study: Study, names: Sequence[str], progress: Progress | None = None, kernel: Kernel | None = None
) -> LivedStudy:
    """Live ``names`` in step, week by week; an interruption (Ctrl-C) keeps the weeks that all have lived.

    Names: those of ``KNOWN``, of the yardsticks in `outcome`, and of ``KNOWING``. Raises: ValueError: another.
    """
    kernel = kernel or fastest_kernel()
    view = ForecastView(study)
    planners: dict[str, Plans] = {}
    runs = {name: run_of(study, name, view, kernel, planners) for name in names}
    lived = {name: Lived() for name in names}
    at, forecast_seconds, is_interrupted = study.first, 0.0, False
    try:
        for run in runs.values():
            if isinstance(run, RollingRun):
                run.get_ready()
        while at < study.last:
            until = min(at + CHUNK, study.last)
            begun = time.perf_counter()
            for planner in planners.values():
                view.levels(at, until, planner.foresight)
                view.prices(at, until, planner.foresight)
            forecast_seconds += time.perf_counter() - begun
            span = Span.of(study, at, until)
            done = {name: _timed(run, span) for name, run in runs.items()}
            for name, (part, seconds) in done.items():
                lived[name].parts.append(part)
                lived[name].seconds += seconds
            at = until
            if progress is not None:
                progress(at)
    except KeyboardInterrupt:
        is_interrupted = True
    for name, planner in planners.items():
        lived[name].without_plan = planner.without_plan
        if isinstance(planner, Planner):
            lived[name].handed_over = planner.handed_over
            lived[name].handed_over_seconds = planner.handed_over_seconds
    return LivedStudy(runs=lived, until=at, is_interrupted=is_interrupted, forecast_seconds=forecast_seconds)


def live_apart(
    study: Study, names: Sequence[str], executor: Executor, told: Callable[[int, int], None] | None = None
) -> LivedStudy:
    """Live ``names`` as independent pieces of work; as ``live_all``. ``told``: how many of how many are done.

    Each planner makes its own forecasts, so that this takes more work than ``live_all`` and less time. An interruption
    keeps the strategies that are finished.
    """
    own = replace(study, prices=study.prices.prepared(study.first, study.last, study.planning.horizon // MTU))
    futures = {name: executor.submit(live_all, own, (name,)) for name in names}
    is_interrupted = False
    try:
        for done, future in enumerate(as_completed(futures.values()), start=1):
            future.result()
            if told is not None:
                told(done, len(names))
    except KeyboardInterrupt:
        is_interrupted = True
        for future in futures.values():
            future.cancel()
    finished = {name: future for name, future in futures.items() if future.done() and not future.cancelled()}
    parts = {name: future.result() for name, future in finished.items()}
    if IDLE_BATTERY in names and IDLE_BATTERY not in parts:
        raise KeyboardInterrupt  # there is nothing yet to compare with
    return LivedStudy(
        runs={name: part.runs[name] for name, part in parts.items()},
        until=study.last,
        is_interrupted=is_interrupted,
        forecast_seconds=sum(part.forecast_seconds for part in parts.values()),
    )


def _timed(run: Run, span: Span) -> tuple[LivedPeriod, float]:
    begun = time.perf_counter()
    part = run.live(span)
    return part, time.perf_counter() - begun


def run_of(study: Study, name: str, view: ForecastView, kernel: Kernel, planners: dict[str, Plans]) -> Run:
    """Return the run ``name`` of ``study``; one that plans stands in ``planners`` afterwards. Raises: ValueError."""
    if name in (NO_BATTERY, IDLE_BATTERY):
        return without_battery(study, is_there=name == IDLE_BATTERY)
    if name == SELF_USE:
        return PlainRun(study, study.battery(study.home, study.start_soc_pct), self_use)
    if name == MULTI_FACTOR:
        return PlainRun(study, study.battery(study.home, study.start_soc_pct), ScoreChoice(study))
    if name == EMHASS:
        from hems.backtest.peers.emhass_run import EmhassRun  # EMHASS is an extra

        peer = planners[name] = EmhassRun(study, view, study.battery(study.home, study.start_soc_pct))
        return peer
    if name != OPTIMAL and name not in KNOWING:
        raise ValueError(f"strategy {name!r}: one of {', '.join(KNOWN)} is known")
    perfect = Foresight(load=True, pv=True) if study.forecast is ForecastKind.PERFECT else Foresight()
    planner = Planner(study, view, kernel, KNOWING.get(name, perfect))
    planners[name] = planner
    if study.is_ideal and planner.is_rolling:
        return RollingRun(planner)
    return StepwiseRun(planner, study.battery(study.home, study.start_soc_pct))
