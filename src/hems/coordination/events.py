"""Events: what a person may want to know, kept and logged; the same one is not repeated at once."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import structlog

from hems.domain.record import EventRecord
from hems.ports.clock import Clock
from hems.ports.storage import RecordStore

log = structlog.get_logger(__name__)

REPEAT_AFTER = timedelta(minutes=15)
"""A condition that lasts is told again only this often."""

KEPT = 50


class EventLog:
    """Takes events from everywhere in the cycle."""

    def __init__(self, clock: Clock, store: RecordStore) -> None:
        self._clock = clock
        self._store = store
        self._latest: deque[EventRecord] = deque(maxlen=KEPT)
        self._told_at: dict[tuple[str, str], datetime] = {}

    @property
    def latest(self) -> tuple[EventRecord, ...]:
        """The latest events, oldest first."""
        return tuple(self._latest)

    def add(self, kind: str, severity: str, message: str, *, always: bool = False) -> None:
        """Take one event; a repetition of the same within 15 minutes is dropped, unless ``always`` is told."""
        now = self._clock.now()
        key = (kind, message)
        told_at = self._told_at.get(key)
        if not always and told_at is not None and timedelta(0) <= now - told_at < REPEAT_AFTER:
            return
        self._told_at = {k: at for k, at in self._told_at.items() if now - at < REPEAT_AFTER}
        self._told_at[key] = now
        event = EventRecord(at=now, kind=kind, severity=severity, message=message)
        self._latest.append(event)
        self._store.add_event(event)
        getattr(log, severity)(message, kind=kind)
