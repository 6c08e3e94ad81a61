"""Reads a fleet's table, one home a row, chunk by chunk: no more of it is in memory than the chunks in work."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hems.adapters.tables.table import needs_pyarrow
from hems.domain.errors import RejectedData, StorageError
from hems.fleet.chunk_builder import LISTS, ChunkBuilder, Reading
from hems.fleet.home_numbers import ALIASES, NUMBERS
from hems.fleet.homes import HomeChunk

_READ_AHEAD = 1 << 20

SCALARS = ("home_id", "start_utc", "step_minutes", "tariff", "data", "only_solar_export")


class HomesFile:
    """A fleet's table."""

    def __init__(self, path: Path, reading: Reading) -> None:
        """Raises: StorageError: it cannot be read; RejectedData: no such table; ExtraMissing: no pyarrow."""
        try:
            import pyarrow as pa  # type: ignore[import-untyped]
            from pyarrow import parquet
        except ImportError:
            raise needs_pyarrow() from None
        self._path, self._reading = path, reading
        try:
            self._file = parquet.ParquetFile(path, buffer_size=_READ_AHEAD, pre_buffer=False)
        except OSError as error:
            raise StorageError(f"{path}: not read: {error}") from error
        except pa.ArrowException as error:
            raise RejectedData(f"{path}: is no Parquet file that can be read: {error}") from error
        names = set(self._file.schema_arrow.names)
        self._lists = [name for name in LISTS if name in names]
        if "home_id" not in names:
            raise RejectedData(f"{path}: has no column home_id; it has {', '.join(sorted(names))}")
        if "data" not in names and not {"load_w", "pv_w"} <= names:
            raise RejectedData(f"{path}: has neither load_w and pv_w (lists of W) nor data (the path of a HOME.csv)")
        if "load_w" in names and "data" not in names and "start_utc" not in names:
            raise RejectedData(f"{path}: has no column start_utc: when load_w and pv_w begin")
        self._scalars = [n for n in SCALARS if n in names]
        self.ignored = tuple(sorted(set(names) - {*SCALARS, *LISTS, *NUMBERS, *ALIASES}))
        """Columns that mean nothing here: a misspelt one would leave every home with a default."""
        self.folder = path.parent
        """Where the homes' own files lie."""
        self.numbers = {n: ALIASES.get(n, n) for n in (*NUMBERS, *ALIASES) if n in names}

    @property
    def homes(self) -> int:
        """How many homes it has."""
        return int(self._file.metadata.num_rows)

    @property
    def count(self) -> int:
        """How many chunks it comes in."""
        return -(-self.homes // self._reading.chunk)

    def data_stamp(self) -> str:
        """Return a digest of which files of their own the homes name, their sizes and times."""
        digest = hashlib.sha256()
        if "data" in self._scalars:
            for batch in self._file.iter_batches(columns=["data"]):
                for name in batch.column(0).to_pylist():
                    path = self.folder / str(name)
                    found = path.stat() if name is not None and path.is_file() else None
                    digest.update(f"{name} {found and (found.st_size, found.st_mtime_ns)}\n".encode())
        return digest.hexdigest()

    def chunks(self, done: Collection[int] = ()) -> Iterator[HomeChunk]:
        """Yield the chunks in order, without those in ``done``. Raises: RejectedData: the file is damaged."""
        for number, first, batch in self.batches(done):
            with self.understood(first):
                chunk = ChunkBuilder(self.folder, self._reading, batch, self.numbers).build(number, first)
            yield chunk

    def batches(self, done: Collection[int] = ()) -> Iterator[tuple[int, int, Any]]:
        """Yield each chunk's number, the row of the file it begins with, and its rows. Raises: RejectedData."""
        import pyarrow as pa

        columns = [*self._scalars, *self._lists, *self.numbers]
        number, first = 0, 0
        try:
            for batch in _rebatched(self._file.iter_batches(self._reading.chunk, columns=columns), self._reading.chunk):
                if number not in done:
                    yield number, first, batch
                number, first = number + 1, first + batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise RejectedData(f"{self._path}: cannot be read from row {first} on: {error}") from error

    @contextmanager
    def understood(self, first: int) -> Iterator[None]:
        """Say where in the file it was that pyarrow could make nothing of. Raises: RejectedData."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise RejectedData(f"{self._path}: cannot be read from row {first} on: {error}") from error


def _rebatched(batches: Iterator[Any], size: int) -> Iterator[Any]:
    """Yield batches of ``size`` rows, the last may be shorter: a row group's end makes no chunk of its own."""
    import pyarrow as pa

    waiting: list[Any] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= size:
            whole = waiting[0] if len(waiting) == 1 else pa.concat_batches(waiting)
            yield whole.slice(0, size)
            rest = whole.slice(size)
            waiting, rows = ([rest] if rest.num_rows else []), rest.num_rows
    if rows:
        yield pa.concat_batches(waiting)
