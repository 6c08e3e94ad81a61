"""Data Collection Manager: the cadence of polls, the latest snapshot, and a day of minutes within reach."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from hems.coordination.enhanced_data_collector import EnhancedDataCollector
from hems.domain.readings import SiteSnapshot
from hems.ports.clock import Clock

REACH = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionOptions:
    """How often the inverter is read [s], and how often a reading is kept [s]."""

    poll_interval_s: float
    sample_interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFigures:
    """How collection went since the start."""

    polls: int
    answered: int
    last_success_at: datetime | None
    consecutive_failures: int
    reconnections: int
    last_error: str | None

    @property
    def rate_pct(self) -> float | None:
        """Answered polls per hundred; None before the first poll."""
        return 100.0 * self.answered / self.polls if self.polls else None


class DataCollectionManager:
    """Polls through the collector and remembers."""

    def __init__(self, collector: EnhancedDataCollector, clock: Clock, options: CollectionOptions) -> None:
        self._collector = collector
        self._clock = clock
        self._options = options
        self._polls = 0
        self._answered = 0
        self._last_success_at: datetime | None = None
        self._last_sample_at: datetime | None = None
        length = int(REACH.total_seconds() / options.sample_interval_s) + 1
        self._reach: deque[SiteSnapshot] = deque(maxlen=length)

    @property
    def last_success_at(self) -> datetime | None:
        """When the inverter last answered a poll."""
        return self._last_success_at

    @property
    def last_24_hours(self) -> tuple[SiteSnapshot, ...]:
        """The kept snapshots of the last day, oldest first."""
        return tuple(self._reach)

    async def poll(self) -> SiteSnapshot | None:
        """Read once; None where the inverter gave nothing."""
        self._polls += 1
        snapshot = await self._collector.collect()
        if snapshot is not None:
            self._answered += 1
            self._last_success_at = self._clock.now()
        return snapshot

    def sample_due(self, snapshot: SiteSnapshot) -> bool:
        """Return whether ``snapshot`` is one to keep, and take it into the last 24 hours if so."""
        last = self._last_sample_at
        tolerance_s = self._options.poll_interval_s / 2
        if last is not None:
            elapsed_s = (snapshot.at - last).total_seconds()
            if 0 <= elapsed_s < self._options.sample_interval_s - tolerance_s:
                return False
        self._last_sample_at = snapshot.at
        self._reach.append(snapshot)
        return True

    def figures(self) -> CollectionFigures:
        """Return how collection went since the start."""
        return CollectionFigures(
            polls=self._polls,
            answered=self._answered,
            last_success_at=self._last_success_at,
            consecutive_failures=self._collector.consecutive_failures,
            reconnections=self._collector.reconnections,
            last_error=self._collector.last_error,
        )
