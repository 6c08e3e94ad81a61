"""Health: how long the service has run, how much of that it was able to work, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hems.domain.record import ProcessFigures, SystemState
from hems.domain.time_grid import require_utc
from hems.ports.clock import Clock
from hems.ports.storage import RecordStore

UPTIME_KEY = "uptime"

SHORTEST_MEASURE_S = 30.0
"""Processor use over less than this is that of starting up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFigures:
    """Figures for the status: of this run, and over all runs since the first."""

    started_at: datetime
    uptime_s: float
    able_s: float
    """Seconds of this run in which the inverter was read and operations were not stopped."""
    first_start_at: datetime
    total_s: float
    """Seconds since the first start ever, down time included."""
    total_able_s: float
    process: ProcessFigures
    cpu_share_pct: float | None
    """Processor use since the last health check, percent of one core."""


class HealthMonitor:
    """Counts time by state; what it counted survives restarts."""

    def __init__(self, clock: Clock, store: RecordStore, meter: Callable[[], ProcessFigures]) -> None:
        self._clock = clock
        self._store = store
        self._meter = meter
        self._started_at = clock.now()
        self._started = clock.monotonic()
        self._last = self._started
        self._able_s = 0.0
        self._first_start_at, self._earlier_able_s = self._load()
        self._cpu_mark = (self._started, meter().cpu_s)
        self._cpu_share_pct: float | None = None

    def observe(self, state: SystemState) -> None:
        """Count the time since the last call towards ``state``."""
        mark = self._clock.monotonic()
        if state in {SystemState.MONITORING, SystemState.CHARGING, SystemState.OPTIMIZING}:
            self._able_s += mark - self._last
        self._last = mark

    def check(self) -> None:
        """Measure processor use since the last check and keep the counts on disk.

        Raises: StorageError.
        """
        mark, cpu_s = self._clock.monotonic(), self._meter().cpu_s
        elapsed_s = mark - self._cpu_mark[0]
        if elapsed_s >= SHORTEST_MEASURE_S:
            self._cpu_share_pct = 100.0 * (cpu_s - self._cpu_mark[1]) / elapsed_s
            self._cpu_mark = (mark, cpu_s)
        self._store.put_state(
            UPTIME_KEY,
            {"first_start_at": self._first_start_at.isoformat(), "able_s": self._earlier_able_s + self._able_s},
        )

    def figures(self) -> HealthFigures:
        """Return the figures of now."""
        now = self._clock.now()
        return HealthFigures(
            started_at=self._started_at,
            uptime_s=self._clock.monotonic() - self._started,
            able_s=self._able_s,
            first_start_at=self._first_start_at,
            total_s=max(0.0, (now - self._first_start_at).total_seconds()),
            total_able_s=self._earlier_able_s + self._able_s,
            process=self._meter(),
            cpu_share_pct=self._cpu_share_pct,
        )

    def _load(self) -> tuple[datetime, float]:
        kept = self._store.get_state(UPTIME_KEY)
        if isinstance(kept, dict):
            try:
                first, able_s = require_utc(datetime.fromisoformat(kept["first_start_at"])), float(kept["able_s"])
                if 0.0 <= able_s < math.inf:
                    return first, able_s
            except (KeyError, TypeError, ValueError, OverflowError):
                return self._started_at, 0.0
        return self._started_at, 0.0
