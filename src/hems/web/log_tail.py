"""The newest lines of the log file, read from its end: a day of debugging may be large."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hems.domain.errors import StorageError
from hems.web.models.system import LogLine, LogTail

READ_MAX_BYTES = 1_000_000
"""So far back from the end is looked; a line has some 300 bytes."""

RANK = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}


def read_log_tail(file: Path, count: int, level: str) -> LogTail:
    """Return the newest ``count`` lines of at least ``level``, oldest first; none where there is no file yet.

    Raises: StorageError: the file cannot be read.
    """
    lines: list[LogLine] = []
    for text in reversed(_last_lines(file)):
        line = _parse(text)
        if line is not None and RANK.get(line.level, 1) >= RANK[level]:
            lines.append(line)
            if len(lines) == count:
                break
    return LogTail(lines=lines[::-1])


def _last_lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            start = max(0, size - READ_MAX_BYTES)
            handle.seek(start)
            lines = handle.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{file}: cannot be read: {error.strerror or error}") from error
    return lines if start == 0 else lines[1:]  # the first one may be half a line


def _parse(text: str) -> LogLine | None:
    try:
        body: Any = json.loads(text)
    except ValueError:
        return None  # half a line after a power cut
    if not isinstance(body, dict):
        return None
    at, level, event = (str(body.pop(key, "")) for key in ("timestamp", "level", "event"))
    return LogLine(at=at, level=level, event=event, fields=body)
