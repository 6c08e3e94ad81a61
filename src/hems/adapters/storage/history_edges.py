"""Where the rows of a look back begin and end: quarters, and hours, days and months as the house's clock shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hems.domain.history import MOST_ROWS, HistoryQuestion, Resolution
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds, require_utc

FIT_FOR_A_SCREEN = 1500
"""More points than this no screen shows apart."""

_LEAST = {
    Resolution.READING: timedelta(seconds=1),
    Resolution.QUARTER_HOUR: MTU,
    Resolution.HOUR: timedelta(hours=1),
    Resolution.DAY: timedelta(days=1),
    Resolution.MONTH: timedelta(days=28),
}


def refuse_too_many(question: HistoryQuestion, resolution: Resolution) -> None:
    """Refuse more rows than anybody draws. Raises: ValueError: names a resolution that fits."""
    span = question.end - question.start
    step = question.reading_every if resolution is Resolution.READING else _LEAST[resolution]
    if span / step > MOST_ROWS:
        fitting = next(one for one in list(Resolution)[1:] if span / _LEAST[one] <= MOST_ROWS)
        raise ValueError(
            f"{span.days} days by {resolution.value} are more than {MOST_ROWS} rows: ask by {fitting.value}"
        )


def fit_for_a_screen(span: timedelta, reading_every: timedelta, *, readings_reach: bool) -> Resolution:
    """Return the finest resolution of which ``span`` has at most about 1500 rows; ``readings_reach``: are any kept?"""
    if readings_reach and span / reading_every <= FIT_FOR_A_SCREEN:
        return Resolution.READING
    for resolution in (Resolution.QUARTER_HOUR, Resolution.HOUR, Resolution.DAY):
        if span / _LEAST[resolution] <= FIT_FOR_A_SCREEN:
            return resolution
    return Resolution.MONTH


def edges(start: datetime, end: datetime, resolution: Resolution, zone: ZoneInfo) -> list[datetime]:
    """Return the UTC edges of the whole rows that [start, end) touches, ascending: rows lie between two of them.

    For readings these are the quarters that hold them, for their totals.
    """
    found: list[datetime] = []
    for edge in _all_edges(require_utc(start), zone, resolution):
        # A day that a zone left out, when it crossed the date line, has no length.
        if not found or edge > found[-1]:
            found.append(edge)
        if edge >= end:
            break
    return found


def _all_edges(start: datetime, zone: ZoneInfo, resolution: Resolution) -> Iterator[datetime]:
    match resolution:
        case Resolution.HOUR:
            yield from _hours(start, zone)
        case Resolution.DAY:
            day = local_date(start, zone)
            while True:
                yield local_day_bounds(day, zone)[0]
                day += timedelta(days=1)
        case Resolution.MONTH:
            first = local_date(start, zone).replace(day=1)
            while True:
                yield local_day_bounds(first, zone)[0]
                first = _next_month(first)
        case Resolution.READING | Resolution.QUARTER_HOUR:
            edge = floor_to_grid(start)
            while True:
                yield edge
                edge += MTU


def _hours(start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the local clock's full hours; where it is set by half an hour, an edge lies there and half an hour on."""
    edge = local_day_bounds(local_date(start, zone), zone)[0]
    while (following := _next_hour(edge, zone)) <= start:
        edge = following
    while True:
        yield edge
        edge = _next_hour(edge, zone)


def _next_hour(edge: datetime, zone: ZoneInfo) -> datetime:
    return (edge + timedelta(minutes=60 - edge.astimezone(zone).minute)).astimezone(UTC)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
