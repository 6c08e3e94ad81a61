"""What waits for the disk: bounded, ordered, and honest about what it had to let go.

Not thread-safe by itself: the store holds its lock around every call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from hems.adapters.storage.forecast_rows import FORECAST_COLUMNS
from hems.adapters.storage.rows import (
    CYCLE_COLUMNS,
    ENERGY_COLUMNS,
    EVENT_COLUMNS,
    PRICE_COLUMNS,
    SAMPLE_COLUMNS,
    Row,
    insert_sql,
)

ROW_OVERHEAD_BYTES = 400
"""What a queued row costs beside its texts: the tuple and some thirty numbers."""


class Kind(IntEnum):
    """The kinds of rows, in the order in which they are let go when memory runs out: samples first."""

    SAMPLE = 0
    FORECAST = 1
    EVENT = 2
    CYCLE = 3
    ENERGY = 4
    PRICE = 5


INSERT = {
    Kind.SAMPLE: insert_sql("samples", SAMPLE_COLUMNS),
    Kind.FORECAST: insert_sql("forecasts", FORECAST_COLUMNS),
    Kind.EVENT: insert_sql("events", EVENT_COLUMNS),
    Kind.CYCLE: insert_sql("cycles", CYCLE_COLUMNS),
    Kind.ENERGY: insert_sql("energy", ENERGY_COLUMNS),
    Kind.PRICE: insert_sql("prices", PRICE_COLUMNS),
}


def _cost(row: Row) -> int:
    return ROW_OVERHEAD_BYTES + sum(len(value) for value in row if isinstance(value, str))


@dataclass(slots=True)
class Batch:
    """Rows by kind, each kind in order of arrival."""

    rows: dict[Kind, deque[Row]] = field(default_factory=lambda: {kind: deque() for kind in Kind})

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    def __iter__(self) -> Iterator[tuple[Kind, Row]]:
        return ((kind, row) for kind, rows in self.rows.items() for row in rows)


class WriteQueue:
    """Rows that wait, at most ``max_rows`` and ``max_bytes`` of them; beyond that the oldest of the least kind go."""

    def __init__(self, *, max_rows: int, max_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._waiting = Batch()
        self._bytes = 0
        self.dropped: dict[Kind, int] = dict.fromkeys(Kind, 0)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """About how much memory the waiting rows take."""
        return self._bytes

    def add(self, kind: Kind, row: Row) -> None:
        """Queue ``row``, dropping and counting older rows where the bound asks for it."""
        self._waiting.rows[kind].append(row)
        self._bytes += _cost(row)
        self._keep_bounds()

    def take(self) -> Batch:
        """Return everything that waits and empty the queue."""
        taken, self._waiting, self._bytes = self._waiting, Batch(), 0
        return taken

    def put_back(self, batch: Batch) -> None:
        """Queue ``batch`` again, before everything that came since it was taken."""
        for kind, rows in batch.rows.items():
            self._waiting.rows[kind].extendleft(reversed(rows))
            self._bytes += sum(_cost(row) for row in rows)
        self._keep_bounds()

    def waiting(self, kind: Kind) -> list[Row]:
        """Return the rows of ``kind`` that wait, oldest first."""
        return list(self._waiting.rows[kind])

    def _keep_bounds(self) -> None:
        while len(self._waiting) > self._max_rows or self._bytes > self._max_bytes:
            kind = next((kind for kind in Kind if self._waiting.rows[kind]), None)
            if kind is None:
                return
            self._bytes -= _cost(self._waiting.rows[kind].popleft())
            self.dropped[kind] += 1
