"""Time as the market sees it: UTC instants on a grid of market time units (MTU).

Local time exists only to say which quarters belong to a delivery day and to show times to people. A delivery day
has 92, 96 or 100 quarters; none of them is special here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MTU = timedelta(minutes=15)
"""The market time unit of the European day-ahead market since 2025-10-01."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def require_utc(moment: datetime) -> datetime:
    """Return ``moment`` in UTC.

    Raises: ValueError: the datetime is naive; guessing its zone would shift prices by hours.
    """
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment.isoformat()}: a time zone is required")
    return moment.astimezone(UTC)


def floor_to_grid(moment: datetime, step: timedelta = MTU) -> datetime:
    """Return the start of the grid step that contains ``moment``, in UTC."""
    utc = require_utc(moment)
    return utc - (utc - _EPOCH) % step


def next_on_grid(moment: datetime, step: timedelta = MTU) -> datetime:
    """Return the first grid point strictly after ``moment``, in UTC."""
    return floor_to_grid(moment, step) + step


def local_day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the UTC start and end of the local delivery day ``day`` (23, 24 or 25 hours apart)."""
    start = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone).astimezone(UTC)
    return start, end


def slots_of_day(day: date, zone: ZoneInfo, step: timedelta = MTU) -> Iterator[datetime]:
    """Yield the UTC start of every slot of the local day: 92, 96 or 100 quarters."""
    slot, end = local_day_bounds(day, zone)
    while slot < end:
        yield slot
        slot += step


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """Return the local calendar date of ``moment``."""
    return require_utc(moment).astimezone(zone).date()
