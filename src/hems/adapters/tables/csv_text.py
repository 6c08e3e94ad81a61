"""CSV as people and their programs write it: comma, semicolon or tab; decimal comma; BOM; packed with gzip."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from hems.adapters.tables.table import Table, listed, shown
from hems.adapters.tables.times import HOW, is_utc_name, parse_alike, parse_time, time_column
from hems.domain.errors import RejectedData
from hems.domain.measured import FloatArray

_BLOCK_ROWS = 20_000
"""Cells are held as text for so many rows at a time: a row of six cells takes 400 bytes, its numbers 48."""

TEXT_MAX_BYTES = 1_000_000_000
"""Unpacked; ten years of minutes are 300 MB. A few kilobytes of gzip could unpack to any size."""

_COLUMNS_MAX = 1000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOTHING = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "nat", "unavailable", "unknown"})


def read_csv_text(content: bytes, source: str) -> Table:
    """Return the table in ``content``; ``source`` names it in errors.

    A cell that is no number is NaN and counted; a row with too many or too few cells, and a time that is none, are
    errors that name the line. Raises: RejectedData.
    """
    try:
        with _opened(content) as text:
            return _Reader(source, text).read()
    except UnicodeError as error:
        raise RejectedData(f"{source}: is no text in UTF-8: {_short(error)}; save it as CSV in UTF-8") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RejectedData(f"{source}: the packed file is damaged or cut off: {_short(error)}") from error
    except csv.Error as error:
        raise RejectedData(f"{source}: is no CSV: {_short(error)}") from error


class _Bounded(io.RawIOBase):
    """A stream that ends with an error beyond ``TEXT_MAX_BYTES``."""

    def __init__(self, inner: io.BufferedIOBase) -> None:
        self._inner, self._left = inner, TEXT_MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        view = memoryview(into)  # type: ignore[arg-type]
        count = self._inner.readinto(view)
        self._left -= count
        if self._left < 0:
            raise csv.Error(f"unpacked it is larger than {TEXT_MAX_BYTES} bytes")
        return count


def _opened(content: bytes) -> io.TextIOWrapper:
    stream: io.BufferedIOBase = io.BytesIO(content)
    if content.startswith(b"\x1f\x8b"):
        stream = gzip.GzipFile(fileobj=stream)
    buffered = io.BufferedReader(_Bounded(stream), 1 << 16)
    is_wide = buffered.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return io.TextIOWrapper(buffered, encoding="utf-16" if is_wide else "utf-8-sig", newline="")


@dataclass(slots=True)
class _Columns:
    """What has been read so far, block by block."""

    names: list[str]
    time_at: int
    time_ms: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    naive: int = 0
    blocks: dict[str, list[FloatArray]] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)


class _Reader:
    """Reads one file from the header to the end."""

    def __init__(self, source: str, text: io.TextIOWrapper) -> None:
        self._source = source
        self._text = text
        self._has_decimal_comma = False

    def read(self) -> Table:
        """Return the whole table. Raises: RejectedData, and what decoding and unpacking raise."""
        header = self._header_line()
        delimiter = _delimiter_of(header)
        self._has_decimal_comma = delimiter != ","
        names = self._names(next(csv.reader([header], delimiter=delimiter)))
        rows = self._rows(csv.reader(self._text, delimiter=delimiter), len(names))
        columns: _Columns | None = None
        block: list[list[str]] = []
        lines: list[int] = []
        for line, row in rows:
            block.append(row)
            lines.append(line)
            if len(block) == _BLOCK_ROWS:
                columns = self._take(columns, names, block, lines)
                block, lines = [], []
        if block:
            columns = self._take(columns, names, block, lines)
        if columns is None:
            raise RejectedData(f"{self._source}: has a header but no rows")
        return self._table(columns)

    def _header_line(self) -> str:
        for number, line in enumerate(self._text, start=1):
            if line.strip():
                self._before_rows = number
                return line.strip("\r\n")
        raise RejectedData(f"{self._source}: is empty")

    def _names(self, cells: Sequence[str]) -> list[str]:
        names = [cell.strip() for cell in cells]
        while len(names) > 1 and not names[-1]:
            names.pop()  # a delimiter at the end of every line
        names = [name or f"column {number}" for number, name in enumerate(names, start=1)]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(names) <= _COLUMNS_MAX else []
        if twice or len(names) > _COLUMNS_MAX:
            why = f"two columns are named {listed(twice)}" if twice else f"has {len(names)} columns"
            raise RejectedData(f"{self._source}: {why}; the first line must name each column once")
        return names

    def _rows(self, reader: Iterator[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
        line = self._before_rows
        for row in reader:
            line = self._before_rows + reader.line_num  # type: ignore[attr-defined]
            if len(row) != width:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) < width or any(cell.strip() for cell in row[width:]):
                    raise RejectedData(
                        f"{self._source}: line {line}: {len(row)} cells where the first line names {width} columns"
                    )
                row = row[:width]
            yield line, row

    def _take(self, columns: _Columns | None, names: list[str], block: list[list[str]], lines: list[int]) -> _Columns:
        if columns is None:
            time_at = time_column(names, block[0])
            if time_at is None:
                raise RejectedData(
                    f"{self._source}: no column of times among {listed(names)}; name it ts_utc and {HOW}"
                )
            columns = _Columns(names, time_at)
        for name, cells in zip(names, zip(*block, strict=True), strict=True):
            if name == names[columns.time_at]:
                self._take_times(columns, cells, lines)
                continue
            numbers, texts = _numbers(cells, decimal_comma=self._has_decimal_comma)
            columns.blocks.setdefault(name, []).append(numbers)
            columns.texts[name] = columns.texts.get(name, 0) + texts
        columns.line += lines
        return columns

    def _take_times(self, columns: _Columns, cells: Sequence[str], lines: Sequence[int]) -> None:
        alike = parse_alike(cells)
        if alike is not None:
            columns.time_ms += alike
            columns.naive += len(alike)
            return
        for cell, line in zip(cells, lines, strict=True):
            try:
                time_ms, is_naive = parse_time(cell)
            except (ValueError, OverflowError) as error:
                name = shown(columns.names[columns.time_at])
                raise RejectedData(
                    f"{self._source}: line {line}: {shown(cell)!r} in column {name} is not a time: {HOW}"
                ) from error
            columns.time_ms.append(time_ms)
            columns.naive += is_naive

    def _table(self, columns: _Columns) -> Table:
        name = columns.names[columns.time_at]
        if 0 < columns.naive < len(columns.time_ms):
            raise RejectedData(
                f"{self._source}: column {shown(name)}: {columns.naive} of {len(columns.time_ms)} times bear no zone "
                "and the others do: which zone they are in cannot be told"
            )
        return Table(
            source=self._source,
            time_name=name,
            time_ms=np.array(columns.time_ms, dtype=np.int64),
            line=np.array(columns.line, dtype=np.int64),
            place="line",
            numbers={key: np.concatenate(blocks) for key, blocks in columns.blocks.items()},
            texts={key: count for key, count in columns.texts.items() if count},
            is_naive=columns.naive > 0,
            remarks=zone_remarks(name, is_naive=columns.naive > 0),
        )


def zone_remarks(name: str, *, is_naive: bool) -> tuple[str, ...]:
    """Return what to say of times without a zone in a column that does not call itself UTC."""
    if is_naive and not is_utc_name(name):
        return (f"the times in column {shown(name)} bear no zone: taken for UTC",)
    return ()


def _delimiter_of(header: str) -> str:
    """Return what separates the names: a semicolon or a tab where there is one, else the comma."""
    return next((mark for mark in (";", "\t") if mark in header), ",")


def _numbers(cells: Sequence[str], *, decimal_comma: bool) -> tuple[FloatArray, int]:
    """Return the cells as numbers, NaN where one is none, and how many hold other text."""
    if "_" not in "".join(cells):  # Python reads 1_000 as a number; nobody else does
        try:
            numbers = np.array(list(map(float, cells)))
        except ValueError:
            pass
        else:
            numbers[np.isinf(numbers)] = np.nan
            return numbers, 0
    texts = 0
    found = np.full(len(cells), np.nan)
    for index, cell in enumerate(cells):
        text = cell.strip()
        if decimal_comma and "." not in text:
            text = text.replace(",", ".", 1)
        if _NUMBER.fullmatch(text):
            found[index] = float(text)
        elif text.casefold() not in _NOTHING:
            texts += 1
    found[np.isinf(found)] = np.nan
    return found, texts


def _short(error: Exception) -> str:
    return shown(" ".join(str(error).split()))
