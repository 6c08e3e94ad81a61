"""Reading a file that others may have put there. Standard library only: every floor may use it."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any


def read_plain_file(path: Path, limit_bytes: int) -> bytes:
    """Return the bytes of ``path``, at once or not at all: a pipe or a device never holds the reader.

    Raises: OSError: it cannot be read, is not a regular file, or is larger than ``limit_bytes``; ``strerror`` says so.
    """
    # Without O_NONBLOCK the open itself waits for somebody to write into a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file, but a pipe, a device or a socket", str(path))
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(errno.EFBIG, f"larger than {limit_bytes} bytes, which none of ours is", str(path))
    return content


def read_json_file(path: Path, limit_bytes: int) -> Any:
    """Return the JSON value in ``path``.

    Raises: OSError: as ``read_plain_file``; ValueError: no JSON, or nested deeper than anything of ours.
    """
    try:
        return json.loads(read_plain_file(path, limit_bytes).decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deep") from None
