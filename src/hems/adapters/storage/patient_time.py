"""A clock that leaps must not cost a month of records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

STEP_MAX = timedelta(days=2)
"""How far one pruning may go beyond the one before; after a long pause the rest follows day by day."""


def newest_believed(
    last_before: Callable[[datetime | None], datetime | None], first_from: Callable[[datetime], datetime | None]
) -> datetime | None:
    """Return the time of the newest record that does not stand alone in a future, or None where there is no record.

    What follows a gap is believed once it goes on for ``STEP_MAX``: a clock that leapt writes a few records far ahead,
    and the next start must not take their time for today.
    ``last_before``: the last record before a time, None is of all; ``first_from``: the first one at or after a time.
    """
    candidate = last_before(None)
    while candidate is not None:
        first = candidate
        while candidate - first < STEP_MAX:
            earlier = first_from(first - STEP_MAX)
            if earlier is None or earlier >= first:
                break
            first = earlier
        else:
            return candidate
        before = last_before(first)
        if before is None:
            return candidate
        candidate = before
    return None


class PatientTime:
    """The time by which records grow old: the clock's, but never far ahead of what was believed before."""

    def __init__(self) -> None:
        self._believed: datetime | None = None

    def at(self, now: datetime, newest: datetime | None) -> datetime:
        """Return the time to prune by, ``newest`` being the time of the last record on disk before this run."""
        believed = self._believed or newest
        self._believed = now if believed is None else min(now, believed + STEP_MAX)
        return self._believed
