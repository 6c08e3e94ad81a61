"""A clock that leaps must not cost a month of records."""

from __future__ import annotations

from datetime import datetime, timedelta

STEP_MAX = timedelta(days=2)
"""How far one pruning may go beyond the one before; after a long pause the rest follows day by day."""


class PatientTime:
    """The time by which records grow old: the clock's, but never far ahead of what was believed before."""

    def __init__(self) -> None:
        self._believed: datetime | None = None

    def at(self, now: datetime, newest: datetime | None) -> datetime:
        """Return the time to prune by, ``newest`` being the time of the last record on disk before this run."""
        believed = self._believed or newest
        self._believed = now if believed is None else min(now, believed + STEP_MAX)
        return self._believed
