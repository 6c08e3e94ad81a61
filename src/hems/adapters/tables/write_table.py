"""Columns into a file, CSV or Parquet by its name: whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hems.adapters.storage.disk import FILE_MODE, make_directory, why_refused
from hems.adapters.tables.table import needs_pyarrow
from hems.domain.errors import ConfigurationError, StorageError
from hems.domain.time_grid import require_utc

Column = Sequence[object] | NDArray[np.generic]

_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_ROWS_AT_ONCE = 10_000


def check_table_name(path: Path) -> None:
    """Refuse a file whose name says neither CSV nor Parquet. Raises: ConfigurationError."""
    if not path.name.endswith(_SUFFIXES):
        raise ConfigurationError([f"{path}: a table is written as {', '.join(_SUFFIXES)}: name it so"])


def beside_it(path: Path, word: str) -> Path:
    """Return the table beside ``path`` whose name has ``word`` added: ``prices.csv``, ``prices_settlement.csv``.

    Raises: ConfigurationError: as ``check_table_name``.
    """
    check_table_name(path)
    suffix = next(suffix for suffix in _SUFFIXES if path.name.endswith(suffix))
    return path.with_name(f"{path.name.removesuffix(suffix)}_{word}{suffix}")


def write_table(path: Path, columns: Mapping[str, Column]) -> None:
    """Write ``columns`` to ``path`` by its suffix (``.csv``, ``.csv.gz``, ``.parquet``), whole or not at all.

    All columns are of one length. In CSV, times are ISO 8601 with ``Z``, numbers have as many digits as they need to be
    read back the same, None and NaN are empty cells; in Parquet they are null.
    Raises: ConfigurationError: another suffix; StorageError: the disk refuses, and an older file stays;
        ExtraMissing: Parquet without pyarrow; ValueError: columns of different lengths.
    """
    check_table_name(path)
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError(f"columns of different lengths: { ({name: len(c) for name, c in columns.items()}) }")
    if path.suffix == ".parquet":
        content = _parquet_of(columns)
        _put(path, iter([content]))
    elif path.suffix == ".gz":
        packed = b"".join(_csv_of(columns))
        _put(path, iter([gzip.compress(packed, 6, mtime=0)]))
    else:
        _put(path, _csv_of(columns))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all. Raises: StorageError: the disk refuses; an older file stays."""
    _put(path, iter([text.encode("utf-8")]))


def _put(path: Path, pieces: Iterator[bytes]) -> None:
    try:
        make_directory(path.absolute().parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fchmod(file.fileno(), FILE_MODE)
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):  # the first error is the one to tell
                Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{path}: not written: {why_refused(error)}") from error


def _csv_of(columns: Mapping[str, Column]) -> Iterator[bytes]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    rows = zip(*(_cells(column) for column in columns.values()), strict=True)
    while True:
        some = list(islice(rows, _ROWS_AT_ONCE))
        writer.writerows(some)
        yield out.getvalue().encode("utf-8")
        if not some:
            return
        out.seek(0)
        out.truncate()


def _cells(column: Column) -> Iterator[object]:
    values = column.tolist() if isinstance(column, np.ndarray) else column
    return (_cell(value) for value in values)


def _cell(value: object) -> object:
    if isinstance(value, float):
        if value != value:
            return ""
        return int(value) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    if isinstance(value, datetime):
        utc = require_utc(value)
        return utc.isoformat(timespec="microseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")
    return value


def _parquet_of(columns: Mapping[str, Column]) -> bytes:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError as error:
        raise needs_pyarrow() from error
    arrays = {}
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            arrays[name] = pa.array(column, from_pandas=True)
            continue
        values = [None if value != value else value for value in column]
        if any(isinstance(value, datetime) for value in values):
            arrays[name] = pa.array(values, type=pa.timestamp("us", tz=str(UTC)))
        else:
            arrays[name] = pa.array(values)
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(arrays), sink)
    return bytes(sink.getvalue())
