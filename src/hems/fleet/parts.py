"""What is finished stays finished: one file per chunk, written whole or not at all, and joined at the end.

``OUT.parquet.parts/`` holds ``manifest.json`` and ``part-00007.parquet``; a run that begins again goes on with what is
missing, where its inputs and options are the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hems.domain.errors import PermanentError, StorageError
from hems.fleet.rows import NOTE
from hems.plain_files import read_json_file

_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20
_PART = re.compile(r"part-(\d{5,})\.parquet")
_WRITING: Mapping[str, Any] = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
"""Powers repeat little and compress little: dictionaries and statistics cost more than they save."""


class OtherInputs(PermanentError):
    """The parts that lie there were made from other inputs."""


class Parts:
    """The parts of one result."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._folder = out.with_name(f"{out.name}.parts")

    def open(self, identity: Mapping[str, Any], *, restart: bool) -> set[int]:
        """Return the numbers of the chunks that are done already; with ``restart`` none, and what lies there goes.

        Raises: OtherInputs: what lies there is of other inputs or options; StorageError: the disk refuses.
        """
        try:
            if restart and self._folder.exists():
                shutil.rmtree(self._folder)
            self._folder.mkdir(parents=True, exist_ok=True)
            manifest = self._folder / _MANIFEST
            if manifest.exists():
                self._compare(read_json_file(manifest, _MANIFEST_BYTES), identity)
            else:
                _put(manifest, json.dumps(identity, indent=1).encode())
            return set(self._finished())
        except (OSError, ValueError) as error:
            raise StorageError(f"{self._folder}: {error}; --restart begins anew") from error

    def write(self, number: int, table: Any) -> None:
        """Keep a chunk's rows. Raises: StorageError."""
        from pyarrow import parquet  # type: ignore[import-untyped]

        path = self._folder / f"part-{number:05d}.parquet"
        unfinished = path.with_suffix(".unfinished")
        try:
            parquet.write_table(table, unfinished, **_WRITING)
            unfinished.replace(path)
        except OSError as error:
            raise StorageError(f"{path}: not written: {error}") from error

    def notes(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield what every chunk adds to the summary."""
        from pyarrow import parquet

        for number in range(count):
            metadata = parquet.read_schema(self._folder / f"part-{number:05d}.parquet").metadata
            yield json.loads(metadata[NOTE])

    def join(self, count: int) -> Iterator[Any]:
        """Write all parts into one file and yield each part's table on the way; then the parts go.

        No more than a part is in memory. Raises: StorageError: a part is missing or the disk refuses.
        """
        from pyarrow import parquet

        unfinished = self._out.with_name(f".{self._out.name}.unfinished")
        writer = None
        try:
            for number in range(count):
                table = parquet.read_table(self._folder / f"part-{number:05d}.parquet")
                rows = table.replace_schema_metadata()
                writer = writer or parquet.ParquetWriter(unfinished, rows.schema, **_WRITING)
                writer.write_table(rows)
                yield table
            if writer is not None:
                writer.close()
                unfinished.replace(self._out)
            shutil.rmtree(self._folder)
        except OSError as error:
            raise StorageError(f"{self._out}: not joined: {error}") from error

    def _compare(self, found: Any, identity: Mapping[str, Any]) -> None:
        differing = [
            name for name, value in identity.items() if not isinstance(found, dict) or found.get(name) != value
        ]
        if differing:
            raise OtherInputs(
                f"{self._folder} holds parts of another run ({', '.join(differing)} differ): --restart begins anew, or "
                "name another --out"
            )

    def _finished(self) -> Iterator[int]:
        for path in self._folder.iterdir():
            match = _PART.fullmatch(path.name)
            if match is not None:
                yield int(match.group(1))


def digest_of(path: Path) -> str:
    """Return a digest of a file's content. Raises: StorageError: it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{path}: not read: {error}") from error


def _put(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)
