"""A Parquet file as a table of numbers with a time for each row. Importing this needs pyarrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from hems.adapters.tables.csv_text import zone_remarks
from hems.adapters.tables.table import IntArray, Table, listed, shown
from hems.adapters.tables.times import HOW, epoch_ms, parse_time, time_column
from hems.domain.errors import RejectedData
from hems.domain.measured import FloatArray


def read_parquet(content: bytes, source: str) -> Table:
    """Return the table in ``content``; ``source`` names it in errors. Raises: RejectedData: with the row."""
    try:
        frame = parquet.read_table(pa.BufferReader(content))
        names = [str(name) for name in frame.column_names]
        columns = [frame.column(index) for index in range(len(names))]
        return _table_of(names, columns, source)
    except (pa.ArrowException, OSError) as error:
        raise RejectedData(f"{source}: is no Parquet file that can be read: {shown(str(error))}") from error


def _table_of(names: list[str], columns: list[Any], source: str) -> Table:
    if len(set(names)) < len(names):
        raise RejectedData(f"{source}: two columns have the same name")
    if not columns or not len(columns[0]):
        raise RejectedData(f"{source}: has no rows")
    stamped = [index for index, column in enumerate(columns) if _is_stamp(column.type)]
    first = [_first_cell(column) for column in columns]
    time_at = time_column(names, first)
    if time_at is None or (stamped and not _is_stamp(columns[time_at].type)):
        time_at = stamped[0] if stamped else time_at
    if time_at is None:
        raise RejectedData(f"{source}: no column of times among {listed(names)}; name it ts_utc and {HOW}")
    time_ms, is_naive = _times(columns[time_at], names[time_at], source)
    numbers: dict[str, FloatArray] = {}
    texts: dict[str, int] = {}
    for name, column in zip(names, columns, strict=True):
        if name == names[time_at]:
            continue
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            values = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
            numbers[name] = np.where(np.isfinite(values), values, np.nan)
        elif pa.types.is_decimal(kind):
            numbers[name] = column.cast(pa.float64()).to_numpy().astype(np.float64)
        else:
            numbers[name] = np.full(len(column), np.nan)
            texts[name] = len(column) - column.null_count
    return Table(
        source=source,
        time_name=names[time_at],
        time_ms=time_ms,
        line=np.arange(1, len(time_ms) + 1, dtype=np.int64),
        place="row",
        numbers=numbers,
        texts={name: count for name, count in texts.items() if count},
        is_naive=is_naive,
        remarks=zone_remarks(names[time_at], is_naive=is_naive),
    )


def _first_cell(column: Any) -> str:
    """Return what may be a time in a column without stamps; a stamp itself may lie beyond what Python can hold."""
    kind = column.type
    is_plain = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return str(column[0].as_py()) if is_plain else ""


def _is_stamp(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _times(column: Any, name: str, source: str) -> tuple[IntArray, bool]:
    """Return the milliseconds of a time column, and whether they bore no zone. Raises: RejectedData."""
    if column.null_count:
        row = next(index for index, value in enumerate(column) if not value.is_valid)
        raise RejectedData(f"{source}: row {row + 1}: column {shown(name)} has no time")
    if _is_stamp(column.type):
        # Parquet knows ms, us and ns: nothing can overflow, and what is finer than ms is cut.
        stamps = column.cast(pa.timestamp("ms", tz=getattr(column.type, "tz", None)), safe=False)
        return np.asarray(stamps.cast(pa.int64()).to_numpy(), dtype=np.int64), getattr(column.type, "tz", None) is None
    found: list[int] = []
    naive = 0
    for row, value in enumerate(column.to_pylist(), start=1):
        try:
            if isinstance(value, int | float):
                time_ms, is_naive = epoch_ms(float(value)), False
            else:
                time_ms, is_naive = parse_time(str(value))
        except (ValueError, OverflowError) as error:
            told = f"{shown(str(value))!r} in column {shown(name)} is not a time: {HOW}"
            raise RejectedData(f"{source}: row {row}: {told}") from error
        found.append(time_ms)
        naive += is_naive
    if 0 < naive < len(found):
        raise RejectedData(f"{source}: column {shown(name)}: some times bear a zone and some do not")
    return np.array(found, dtype=np.int64), naive > 0
