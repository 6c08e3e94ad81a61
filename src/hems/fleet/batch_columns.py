"""A batch of a fleet's table, column by column; rows that are wrong are noted with their reason, the others go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from hems.fleet.homes import FloatArray, IntArray


class BatchColumns:
    """The columns that every reader of a fleet's table looks at; ``refused`` says by row why a home is left out."""

    def __init__(self, batch: Any) -> None:
        """``batch``: a pyarrow record batch."""
        self.batch = batch
        self.count = int(batch.num_rows)
        self.refused: dict[int, str] = {}

    def refuse(self, is_wrong: Any, why: str) -> None:
        """Refuse the rows where ``is_wrong``, unless they are refused already."""
        for row in np.flatnonzero(is_wrong).tolist():
            self.refused.setdefault(row, why)

    def cells(self, name: str) -> list[Any]:
        """Return a column's cells; None where the table has no such column."""
        return self.batch.column(name).to_pylist() if name in self.batch.schema.names else [None] * self.count

    def column(self, name: str, missing: float) -> FloatArray:
        """Return a column of numbers; an empty cell has ``missing``."""
        import pyarrow as pa  # type: ignore[import-untyped]

        column = self.batch.column(name).cast(pa.float64()).fill_null(missing)
        return np.array(column.to_numpy(zero_copy_only=False), np.float64)

    def steps(self) -> IntArray:
        """Return the length of each home's slots [s]."""
        if "step_minutes" not in self.batch.schema.names:
            return np.full(self.count, 900, np.int64)
        minutes = self.column("step_minutes", 15.0)
        is_wrong = ~((minutes >= 1.0) & (minutes <= 1440.0))
        self.refuse(is_wrong, "step_minutes: from 1 to 1440 is allowed")
        return np.where(is_wrong, 900.0, minutes * 60.0).astype(np.int64)

    def starts(self) -> IntArray:
        """Return when each home's slots begin [s since 1970]; -1 where nothing is said."""
        if "start_utc" not in self.batch.schema.names:
            return np.full(self.count, -1, np.int64)
        import pyarrow as pa

        column = self.batch.column("start_utc")
        if pa.types.is_timestamp(column.type):
            seconds = column.cast(pa.timestamp("s", column.type.tz), safe=False).cast(pa.int64()).fill_null(-1)
            return np.array(seconds.to_numpy(zero_copy_only=False), np.int64)
        return np.array([self._start(row, cell) for row, cell in enumerate(column.to_pylist())], np.int64)

    def _start(self, row: int, cell: object) -> int:
        if cell is None:
            return -1
        try:
            moment = datetime.fromisoformat(str(cell))
        except ValueError:
            self.refused.setdefault(row, f"start_utc {str(cell)[:40]!r}: no time; write 2026-11-01T00:00:00Z")
            return -1
        return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp())
