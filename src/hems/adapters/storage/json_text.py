"""JSON as text that a person can read and a disk can keep: laid out by hand, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from hems.adapters.storage.codec import to_json
from hems.adapters.storage.disk import FILE_MODE, PRIVATE_MODE, make_directory, sync_directory
from hems.adapters.storage.disk import why_refused as why_refused
from hems.domain.errors import StorageError
from hems.domain.time_grid import require_utc

LEVELS_LAID_OUT = 2
"""Deeper values stand on one line: short to read, and the library's fast encoder does them."""

LINES_MAX = 100
"""A longer list is a series: it stands on one line."""


def readable_json(value: object) -> str:
    """Return ``value`` as JSON text, two levels laid out in lines, the rest compact.

    Raises: TypeError: a type that has no readable form.
    """
    return _lay_out(value, "", LEVELS_LAID_OUT) + "\n"


def _lay_out(value: object, indent: str, levels: int) -> str:
    inner = indent + " "
    if levels and isinstance(value, Mapping) and value:
        lines = (f"{inner}{_quoted(key)}: {_lay_out(item, inner, levels - 1)}" for key, item in value.items())
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if levels and isinstance(value, list | tuple) and 0 < len(value) <= LINES_MAX and isinstance(value[0], Mapping):
        lines = (inner + _compact(item) for item in value)
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return _compact(value)


def _quoted(key: object) -> str:
    # Nearly every key is a plain name, and a file has a hundred of them.
    return f'"{key}"' if isinstance(key, str) and key.isidentifier() else _compact(str(plain(key)))


def _compact(value: object) -> str:
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError):  # keys that are no text, or an infinite bound
        return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def write_json_atomically(path: Path, value: object, *, durable: bool = True, private: bool = False) -> None:
    """Write ``value`` to ``path`` so that it is there whole or not at all, also after a power cut.

    Without ``durable`` a power cut may lose it; a crash of the process does not. ``private``: for its owner alone, who
    is the directory's where root writes.
    Raises: StorageError: the disk refuses; the old file stays.
    """
    write_text_atomically(path, readable_json(value), durable=durable, private=private)


def write_text_atomically(path: Path, text: str, *, durable: bool = True, private: bool = False) -> None:
    """As ``write_json_atomically``, for text that is laid out already. Raises: StorageError."""
    try:
        make_directory(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), PRIVATE_MODE if private else FILE_MODE)
                if private and os.geteuid() == 0:
                    owner = path.parent.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                if durable:
                    os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):  # the first error is the one to tell; the leftover goes with the next prune
                Path(name).unlink(missing_ok=True)
            raise
        if durable:
            sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"{path}: not written: {why_refused(error)}") from error


def plain(value: object) -> Any:
    """Return ``value`` as JSON values: times as ISO UTC, enums as their value, dataclasses by the codec.

    Raises: TypeError: a type that has no readable form.
    """
    if value is None or isinstance(value, bool):
        return value
    simple = _plain_scalar(value)
    if simple is not None:
        return simple
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return to_json(value)
    raise TypeError(f"{type(value).__name__} has no readable form in JSON: {value!r:.80}")


def _plain_scalar(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        # JSON has no infinity: a bound that does not bind is shown as a word.
        return value if value - value == 0.0 else str(value)
    if isinstance(value, int | str):
        return value
    if isinstance(value, datetime):
        return require_utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    return None


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=plain)
"""Made once: the status is laid out in a hundred pieces, and making an encoder costs more than a piece."""
