"""A CSV or Parquet file that a person brings, as a table of numbers with a time for each row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hems.adapters.storage.disk import why_refused
from hems.adapters.tables.csv_text import TEXT_MAX_BYTES, read_csv_text
from hems.adapters.tables.table import Table, needs_pyarrow
from hems.adapters.tables.times import HOW
from hems.domain.errors import StorageError
from hems.plain_files import read_plain_file

_PARQUET = b"PAR1"
_EARLIEST_MS = 0
_LATEST_MS = 7_258_118_400_000
"""The beginning of 2200: nobody measured beyond it, and what is far beyond is no date any more."""


def read_table(path: Path) -> Table:
    """Return what stands in ``path``: CSV, also packed with gzip, or Parquet; told apart by its content.

    The time is the column ``ts_utc`` (or ``time``, ``timestamp``, ``datetime``, ``date``, ``start``, else the first
    that holds times), the start of an interval: ISO 8601, UTC where it bears no zone, or a number since 1970.
    Raises: StorageError: it cannot be read; RejectedData: what it holds is no such table, with the line;
        ExtraMissing: it is Parquet, and pyarrow is not installed.
    """
    try:
        content = read_plain_file(path, TEXT_MAX_BYTES)
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else why_refused(error)
        raise StorageError(f"{path}: cannot be read: {reason}") from error
    except ValueError as error:  # a NUL in the name
        raise StorageError(f"{str(path)!r}: is no name of a file") from error
    table = _read(content, str(path))
    beyond = np.flatnonzero((table.time_ms < _EARLIEST_MS) | (table.time_ms >= _LATEST_MS))
    if len(beyond):
        raise table.refused(f"its time lies before 1970 or after 2199: {HOW}", int(beyond[0]))
    return table


def _read(content: bytes, source: str) -> Table:
    if not content.startswith(_PARQUET):
        return read_csv_text(content, source)
    try:
        from hems.adapters.tables.parquet_content import read_parquet
    except ImportError as error:
        raise needs_pyarrow() from error
    return read_parquet(content, source)
