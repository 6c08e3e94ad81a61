"""The levels of the Energy Compass, kept among the service's state: two months of it are two kilobytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from hems.domain.errors import StorageError
from hems.domain.prices import Compass, CompassLevel

KEY = "energy_compass"
DAYS_KEPT = 62
HOURS_OF_A_DAY = 24
_UNKNOWN = "-"


class StateKeeper(Protocol):
    """Keeps JSON values by key."""

    def get_state(self, key: str) -> object | None:
        """Return the value kept under ``key``, or None."""
        ...

    def put_state(self, key: str, value: object) -> None:
        """Keep a value under ``key``. Raises: StorageError."""
        ...


class CompassInState:
    """One text of 24 digits for each UTC day: 0 to 3, ``-`` where an hour is not known."""

    def __init__(self, store: StateKeeper) -> None:
        self._store = store

    def load_compass(self) -> Compass:
        """Return everything that is stored. Raises: StorageError: what is stored is none of ours."""
        stored = self._store.get_state(KEY)
        if stored is None:
            return {}
        try:
            return _levels_of(stored)
        except (TypeError, ValueError) as error:
            raise StorageError(f"the stored Energy Compass cannot be read ({error}); it is fetched anew") from error

    def save_compass(self, levels: Compass) -> None:
        """Keep ``levels``, and of what was stored the newest 62 days. Raises: StorageError."""
        if not levels:
            return
        try:
            known = {**self.load_compass(), **levels}
        except StorageError:
            known = dict(levels)
        days: dict[str, list[str]] = {}
        for start, level in known.items():
            hours = days.setdefault(start.astimezone(UTC).date().isoformat(), [_UNKNOWN] * HOURS_OF_A_DAY)
            hours[start.astimezone(UTC).hour] = str(int(level))
        self._store.put_state(KEY, {day: "".join(days[day]) for day in sorted(days)[-DAYS_KEPT:]})


def _levels_of(stored: object) -> dict[datetime, CompassLevel]:
    if not isinstance(stored, dict):
        raise TypeError("not an object")
    levels: dict[datetime, CompassLevel] = {}
    for day, hours in stored.items():
        midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
        for hour, digit in enumerate(hours):
            if digit != _UNKNOWN:
                levels[midnight + timedelta(hours=hour)] = CompassLevel(int(digit))
    return levels
