"""What is drawn, reckoned from the rows that were lived: savings between moments, cycles, time in modes, SoC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from hems.backtest.lived import MODE_NAMES, LivedPeriod
from hems.backtest.outcome import IDLE_BATTERY, NO_BATTERY, PERFECT_FORESIGHT, StrategyOutcome, StudyResult
from hems.domain.measured import FloatArray
from hems.domain.time_grid import local_date, local_day_bounds

YARDSTICKS = (NO_BATTERY, IDLE_BATTERY, "self_use", PERFECT_FORESIGHT)
YEAR_DAYS = 365.25
LEAST_DAYS_FOR_A_YEAR = 300.0
"""A shorter record misses a season, and what a battery saves in winter and in summer differs too much to be scaled."""

MOST_DAYS_BY_HOUR = 31
"""Up to a month a line goes from hour to hour, else from midnight to midnight."""

SOC_BIN_PCT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A local calendar month, or what of it lies in the period: [start_s, end_s)."""

    first_day: date
    start_s: float
    end_s: float


def subject_of(result: StudyResult) -> StrategyOutcome | None:
    """Return what the page tells of: ``optimal``, else the strategy that saved most, else self-use, else nothing."""
    chosen = result.outcome("optimal")
    if chosen is None:
        others = [outcome for outcome in result.outcomes if outcome.name not in YARDSTICKS]
        chosen = max(others, key=lambda outcome: outcome.figures.saving_pln, default=result.outcome("self_use"))
    return chosen if chosen is None or len(chosen.lived) else None


def compared(result: StudyResult) -> tuple[StrategyOutcome, ...]:
    """Return the outcomes whose saving is worth a line: all but those that leave the battery alone."""
    return tuple(o for o in result.outcomes if o.name not in (NO_BATTERY, IDLE_BATTERY) and len(o.lived))


def local_days(result: StudyResult) -> list[date]:
    """Return every local day that the period touches; empty where it has no length."""
    if result.last <= result.first:
        return []
    day, last = local_date(result.first, result.zone), local_date(result.last - timedelta(seconds=1), result.zone)
    return [day + timedelta(days=n) for n in range((last - day).days + 1)]


def line_edges_s(result: StudyResult) -> FloatArray:
    """Return the moments a line over the period passes through [s since 1970]: local midnights; hours if it is short.

    The first and the last are the ends of the period.
    """
    first, last = result.first.timestamp(), result.last.timestamp()
    days = local_days(result)
    if len(days) > MOST_DAYS_BY_HOUR:
        inner = np.array([local_day_bounds(day, result.zone)[0].timestamp() for day in days])
    else:
        inner = np.arange(first, last, 3600.0)
    edges: FloatArray = np.concatenate([[first], inner[(inner > first) & (inner < last)], [last]])
    return edges


def months(result: StudyResult) -> list[Month]:
    """Return the local months of the period, in order."""
    found: list[Month] = []
    for day in local_days(result):
        if found and (found[-1].first_day.year, found[-1].first_day.month) == (day.year, day.month):
            continue
        start = max(local_day_bounds(day, result.zone)[0], result.first)
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = min(local_day_bounds(following, result.zone)[0], result.last)
        found.append(Month(first_day=day, start_s=start.timestamp(), end_s=end.timestamp()))
    return found


def savings_until(result: StudyResult, outcome: StrategyOutcome, edges_s: Sequence[float] | FloatArray) -> FloatArray:
    """Return what was saved over an idle battery from the start to each edge [money]; the last equals the figure.

    What is stored counts as in the figure: at each edge, by the SoC, at ``left_value_per_kwh``.
    Raises: ValueError: there is no idle battery to compare with.
    """
    idle = result.outcome(IDLE_BATTERY)
    if idle is None:
        raise ValueError("savings are told over an idle battery, which was not lived")
    edges = np.asarray(edges_s, dtype=np.float64)
    saved: FloatArray = _balance(result, outcome, edges) - _balance(result, idle, edges)
    return saved


def _balance(result: StudyResult, outcome: StrategyOutcome, edges_s: FloatArray) -> FloatArray:
    lived = outcome.lived
    if not len(lived):
        return np.zeros(len(edges_s))
    rows = np.searchsorted(lived.start_s, edges_s)
    spent = np.concatenate([[0.0], np.cumsum(lived.cost)])[rows]
    worth = np.nan_to_num(lived.soc_pct) / 100.0 * result.battery_kwh * result.left_value_per_kwh
    # the SoC of the start is not among the rows: it follows from what the figure says the store gained
    worth = np.concatenate([[worth[-1] - outcome.figures.stored_change_pln], worth])
    balance: FloatArray = worth[rows] - worth[0] - spent
    return balance


def sums_between(lived: LivedPeriod, values: FloatArray, edges_s: Sequence[float] | FloatArray) -> FloatArray:
    """Return the sums of ``values`` (n,) over the rows that start between one edge and the next."""
    rows = np.searchsorted(lived.start_s, np.asarray(edges_s, dtype=np.float64))
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])[rows]
    sums: FloatArray = np.diff(total)
    return sums


def discharged_kwh(lived: LivedPeriod) -> FloatArray:
    """Return what the battery gave in each row [kWh]."""
    given: FloatArray = np.maximum(np.nan_to_num(lived.battery_w), 0.0) * lived.hours / 1000.0
    return given


def cycles_by_month(outcome: StrategyOutcome, spans: Sequence[Month]) -> list[float]:
    """Return the figure's cycles, shared out to the months as the discharged energy was."""
    given = discharged_kwh(outcome.lived)
    whole = float(given.sum())
    if whole <= 0.0:
        return [0.0] * len(spans)
    edges = [span.start_s for span in spans] + [spans[-1].end_s]
    return [float(share) for share in sums_between(outcome.lived, given, edges) / whole * outcome.figures.cycles]


def hours_by_mode(lived: LivedPeriod) -> list[tuple[str, float]]:
    """Return (mode, hours) of the modes that were in force, longest first."""
    hours = np.bincount(lived.mode, weights=lived.hours, minlength=len(MODE_NAMES))
    found = [(MODE_NAMES[code], float(hours[code])) for code in range(len(MODE_NAMES)) if hours[code] > 0.0]
    return sorted(found, key=lambda pair: -pair[1])


def soc_shares_pct(lived: LivedPeriod) -> FloatArray:
    """Return the share of time [%] by SoC in steps of ``SOC_BIN_PCT`` from 0; shape (20,); unknown SoC is left out."""
    known = np.isfinite(lived.soc_pct)
    count = round(100 / SOC_BIN_PCT)
    bins = np.clip((lived.soc_pct[known] // SOC_BIN_PCT).astype(np.int64), 0, count - 1)
    hours: FloatArray = np.bincount(bins, weights=lived.hours[known], minlength=count).astype(np.float64)
    total = float(hours.sum())
    shares: FloatArray = hours / total * 100.0 if total > 0.0 else hours
    return shares


def lived_days(lived: LivedPeriod) -> float:
    """Return how long was lived [d]."""
    return float(lived.hours.sum()) / 24.0


def per_year(amount: float, days: float) -> float | None:
    """Return ``amount`` of ``days`` days scaled to a year; None where that would leave a season out."""
    return amount / days * YEAR_DAYS if days >= LEAST_DAYS_FOR_A_YEAR else None


def day_rows(outcome: StrategyOutcome, day: date, result: StudyResult) -> tuple[LivedPeriod, datetime, datetime]:
    """Return a local day's rows and its bounds."""
    start, end = local_day_bounds(day, result.zone)
    return outcome.lived.between(start, end), start, end
