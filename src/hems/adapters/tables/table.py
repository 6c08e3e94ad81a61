"""A table with a time for each row, as it was found in a file, and how errors speak of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hems.domain.errors import PermanentError, RejectedData
from hems.domain.measured import FloatArray

IntArray = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ExtraMissing(PermanentError):
    """A package that this needs is not installed; the message names the extra that brings it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows in the order of the file; every array has shape (n,)."""

    source: str
    """The file, as it was named."""
    time_name: str
    time_ms: IntArray
    """Start of each row's interval, milliseconds since 1970-01-01 UTC."""
    line: IntArray
    """Where each row stands: the line of a CSV file counted from 1, the row of a Parquet file."""
    place: Literal["line", "row"]
    numbers: Mapping[str, FloatArray]
    """All columns but the time's, by their names in the file; NaN where a cell is empty or no finite number."""
    texts: Mapping[str, int]
    """How many cells of a column are neither empty nor a number, for columns that have any."""
    is_naive: bool
    """The times bore no zone and were taken for UTC."""
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time_ms)

    def refused(self, why: str, row: int | None = None) -> RejectedData:
        """Return the error that says where and why this table cannot be used; ``row`` is an index."""
        where = "" if row is None else f"{self.place} {self.line[row]}: "
        return RejectedData(f"{self.source}: {where}{why}")

    def column(self, name: str) -> FloatArray | None:
        """Return the column ``name``, whatever its case; None where there is none."""
        found = self.name_like(name)
        return None if found is None else self.numbers[found]

    def name_like(self, name: str) -> str | None:
        """Return how the file writes ``name``: the very same, else with other capitals; None where it has none."""
        if name in self.numbers:
            return name
        return next((own for own in self.numbers if own.casefold() == name.strip().casefold()), None)


def shown(text: str) -> str:
    """Return ``text`` of a file for a message: short, and with nothing in it that steers a terminal."""
    plain = text if text.isprintable() else repr(text)
    return plain if len(plain) <= 60 else f"{plain[:57]}..."


def listed(names: Sequence[str]) -> str:
    """Return ``names`` of a file for a message: the first twenty."""
    few = ", ".join(shown(name) for name in names[:20])
    return few + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def moment(time_ms: int) -> datetime:
    """Return the UTC datetime of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=int(time_ms))


def clock_text(time_ms: int) -> str:
    """Return a time for a message: ``2024-10-27 01:15 UTC``."""
    return f"{moment(time_ms):%Y-%m-%d %H:%M} UTC"


def needs_pyarrow() -> ExtraMissing:
    """Return the error for Parquet without pyarrow."""
    return ExtraMissing(
        "Parquet files need pyarrow, which is not installed: add it with the extra `parquet` "
        "(pip install 'goodwe-master-coordinator[parquet]'), or use CSV"
    )
