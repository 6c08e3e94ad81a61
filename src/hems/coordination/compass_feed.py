"""The Energy Compass at hand: which hours the grid operator recommends, asked for every hour, kept across restarts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from hems.domain.errors import PricesRefused, PricesUnavailable, RejectedData, StorageError
from hems.domain.prices import Compass, CompassLevel
from hems.domain.time_grid import local_date, local_day_bounds
from hems.ports.prices import CompassArchive, CompassSource

log = structlog.get_logger(__name__)

REFRESH = timedelta(hours=1)
"""An hour's level has several versions; a new one is noticed within this time."""

REST_MAX = timedelta(hours=6)
"""The longest wait that the source may ask for."""


class CompassFeed:
    """The published levels, and when to ask for more. What cannot be fetched or stored is logged and tried again."""

    def __init__(self, source: CompassSource, archive: CompassArchive, zone: ZoneInfo) -> None:
        """``zone`` is that of the operator's day."""
        self._source = source
        self._archive = archive
        self._zone = zone
        self._known: dict[datetime, CompassLevel] = {}
        self._not_before: datetime | None = None
        self._fetched_at: datetime | None = None
        self._last_error: str | None = None

    def between(self, start: datetime, end: datetime) -> Compass:
        """Return the known levels of the hours that start in [start, end)."""
        return {hour: level for hour, level in self._known.items() if start <= hour < end}

    def load(self) -> None:
        """Take up what is stored."""
        try:
            self._known = {**self._archive.load_compass(), **self._known}
        except StorageError as error:
            log.warning("stored_compass_unreadable", error=str(error))

    def next_attempt_at(self, now: datetime) -> datetime:
        """Return when to ask next; ``now`` means at once."""
        return now if self._not_before is None else max(now, self._not_before)

    async def fetch_due(self, now: datetime) -> bool:
        """Ask for today and tomorrow where an hour has passed; return whether anything is new."""
        if self.next_attempt_at(now) > now:
            return False
        self._not_before = now + REFRESH
        today = local_date(now, self._zone)
        news = await self._fetch(today, now)
        if self._last_error is None:
            news |= await self._fetch(today + timedelta(days=1), now)
        return news

    async def ensure_day(self, day: date, now: datetime) -> bool:
        """Ask for ``day`` where an hour of it is missing; return whether anything is new."""
        start, end = local_day_bounds(day, self._zone)
        hours = (end - start) // timedelta(hours=1)
        if sum(start <= one < end for one in self._known) >= hours:
            return False
        return await self._fetch(day, now)

    def status(self) -> dict[str, object]:
        """Return what a person asks when the zones look wrong, ready for JSON."""
        return {
            "known_until": max(self._known).isoformat() if self._known else None,
            "fetched_at": None if self._fetched_at is None else self._fetched_at.isoformat(),
            "last_error": self._last_error,
        }

    async def _fetch(self, day: date, now: datetime) -> bool:
        try:
            levels = await self._source.fetch_compass(day)
        except (PricesUnavailable, PricesRefused, RejectedData) as error:
            self._last_error = str(error)
            asked = getattr(error, "retry_after", None)
            if asked is not None:
                self._not_before = now + max(REFRESH, min(asked, REST_MAX))
            log.warning("compass_not_fetched", day=day.isoformat(), error=str(error))
            return False
        self._last_error = None
        self._fetched_at = now
        news = {start: level for start, level in levels.items() if self._known.get(start) != level}
        if not news:
            return False
        self._known = {**self._known, **news}
        try:
            self._archive.save_compass(news)
        except StorageError as error:
            log.warning("compass_not_stored", error=str(error))
        return True
