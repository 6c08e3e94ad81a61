"""A year of home A lived quarter by quarter with the service's own code: what it captured, and how long it took.

The house: home A of the reference data (measured load, PV and the PV forecast it had), CSDAC to buy at (a seller's
margin of 0.08, excise, network of Tauron G11, 23 % VAT) and RCE to sell at, never below zero. The battery: 10 kWh,
10 to 100 %, 5 kW, 0.95 each way, 0.05 PLN of wear per kWh each way; fuse 11 kW, export limit 8 kW. Tomorrow's prices
are seen from 14:00 local. `hems backtest` gives the same from the command line.

For the time alone, the home's year is laid on a year of prices, 35,040 quarters, all of it known: what is measured is
35,040 plans, choices and lived quarters, and no forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from benchmarks.machine import Spread, figure
from benchmarks.sections import HOME_A, Options, Outcome
from benchmarks.table import Table
from hems.adapters.tables.household_file import read_household
from hems.backtest.assess import YARDSTICKS, Telling, assess
from hems.backtest.outcome import StudyResult
from hems.backtest.past import Past
from hems.backtest.runner import KNOWING, OPTIMAL, SELF_USE, live_all
from hems.backtest.study import ForecastKind, Study
from hems.composition.backtest import prepare
from hems.composition.backtest_request import BacktestRequest
from hems.domain.time_grid import MTU
from hems.planning.compiled import PLAIN, fastest_kernel

DAY_AHEAD = "price_PL_csdac_15min_2024-06-14_2025-09-30.csv"
SETTLEMENT = "price_PL_rce_15min_2024-07-01_2025-04-01.csv"

STORED_VALUE = 0.45
FIRST, LAST = date(2024, 7, 8), date(2025, 2, 25)
QUICK_LAST = date(2024, 7, 10)

MOVED = timedelta(days=112)
"""Sixteen weeks: home A's year, begun in February 2024, then lies within the prices, and weekdays stay weekdays."""

COMPILED_SECONDS_MAX, PLAIN_SECONDS_MAX = 2.0, 120.0
YEAR_STEPS = 35_040


def measure(options: Options) -> Outcome:
    """Live the period under three rules, and time the year; three days and a day where quick."""
    last = QUICK_LAST if options.quick else LAST
    rows, figures = [], {}
    for title, only_sun, names in (
        ("any energy may be sold", False, [*YARDSTICKS, OPTIMAL, *KNOWING]),
        ("only the sun's energy is sold", True, [*YARDSTICKS, OPTIMAL]),
    ):
        options.report(title)
        result, forecast_s = lived(request_of(options, only_sun=only_sun, last=last), names)
        rows.append(row_of(title, result, forecast_s))
        figures[title] = document(result)
    captured = Table(
        columns=("Rule", "Captured", "Self-use", "Saved", "Possible", "Changes/day", "Cycles", "Decide", "Forecasts"),
        rows=tuple(rows),
    )
    times, missed = year_times(options)
    figures["seconds"] = {title: spread.median for title, spread in times.items()}
    steps = 96 if options.quick else YEAR_STEPS
    timed = Table(
        columns=(f"{steps:,} plans, choices and lived quarters", "Seconds", "A step"),
        rows=tuple(
            (title, str(spread), f"{figure(1e6 * spread.median / steps)} us") for title, spread in times.items()
        ),
    )
    return Outcome(tables=(captured, timed), figures=figures, missed=tuple(missed))


def request_of(options: Options, *, only_sun: bool, last: date) -> BacktestRequest:
    """Return what `hems backtest` is asked."""
    return BacktestRequest(
        home=str(options.data / HOME_A),
        prices=options.data / DAY_AHEAD,
        sell_prices=options.data / SETTLEMENT,
        stored_value=STORED_VALUE,
        only_solar_export=only_sun,
        first_day=FIRST,
        last_day=last,
    )


def lived(request: BacktestRequest, names: Sequence[str]) -> tuple[StudyResult, float]:
    """Return what came of a request, and what its forecasts took [s]."""
    study = prepare(request).study
    runs = live_all(study, names)
    return assess(study, runs, Telling()), runs.forecast_seconds


def row_of(title: str, result: StudyResult, forecast_s: float) -> tuple[str, ...]:
    """Return a result as cells."""
    optimal, alone = (outcome.figures for name in (OPTIMAL, SELF_USE) if (outcome := result.outcome(name)) is not None)
    return (
        title, f"{optimal.captured_pct:.1f} %", f"{alone.captured_pct:.1f} %", f"{optimal.saving_pln:.0f} PLN",
        f"{result.possible_saving:.0f} PLN", f"{optimal.mode_changes_per_day:.1f}", f"{optimal.cycles:.0f}",
        f"{optimal.seconds:.1f} s", f"{forecast_s:.1f} s",
    )  # fmt: skip


def document(result: StudyResult) -> dict[str, Any]:
    """Return the figures for JSON."""
    return {
        "possible_saving_pln": result.possible_saving,
        "strategies": {
            outcome.name: {
                "saving_pln": outcome.figures.saving_pln,
                "captured_pct": outcome.figures.captured_pct,
                "mode_changes_per_day": outcome.figures.mode_changes_per_day,
                "seconds": outcome.figures.seconds,
            }
            for outcome in result.outcomes
        },
        "losses_pln": {loss.cause: loss.amount for loss in result.losses},
    }


def year_times(options: Options) -> tuple[dict[str, Spread], list[str]]:
    """Return how long the year takes, compiled and plain, and which promise was not kept."""
    study = year(options)
    rounds = options.rounds or (1 if options.quick else 3)
    found: dict[str, Spread] = {}
    missed = []
    for title, kernel, most_s, count in (
        ("compiled", fastest_kernel(), COMPILED_SECONDS_MAX, rounds),
        ("plain Python", PLAIN, PLAIN_SECONDS_MAX, 1),
    ):
        if title == "compiled" and not kernel.is_compiled:
            continue
        options.report(f"a year, {title}")
        day = replace(study, last=study.first + timedelta(days=1))
        live_all(day, [OPTIMAL], kernel=kernel)  # compiled by now
        runs = [live_all(day if options.quick else study, [OPTIMAL], kernel=kernel) for _ in range(count)]
        each = [run.runs[OPTIMAL] for run in runs]
        found[title] = Spread.of([run.seconds for run in each])
        if each[0].handed_over:
            without = f"{title}, {each[0].handed_over} quarters with hollow prices left out"
            found[without] = Spread.of([run.seconds - run.handed_over_seconds for run in each])
        if found[title].median > most_s:
            missed.append(f"a year of steps, {title}: {found[title].median:.1f} s, {most_s:.0f} s were promised")
    return found, missed


def year(options: Options) -> Study:
    """Return home A's year on a year of prices, everything known."""
    measured = read_household(options.data / HOME_A)
    base = prepare(
        BacktestRequest(home=str(options.data / HOME_A), prices=options.data / DAY_AHEAD, forecast="perfect")
    ).study
    past = Past.of(replace(measured, start=measured.start + MOVED))
    return replace(base, past=past, first=past.start, last=past.start + YEAR_STEPS * MTU, forecast=ForecastKind.PERFECT)
