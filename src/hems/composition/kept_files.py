"""Small files that one run leaves for what comes after it, in every place where that may look. Light on imports.

The runtime directory that systemd gives the service comes first: it lies in memory, so a disk that is full or read-only
cannot make it tell of an older run, and after a reboot it is empty.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hems.adapters.storage.disk import make_directory, sync_directory, why_refused

STATE = "system_state"
DEFAULT_DATA = Path("out")


def runtime_directory(environment: Mapping[str, str]) -> Path | None:
    """Return the directory in memory that systemd gave this service, or None where systemd did not start it."""
    first = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None


def places_of(runtime: Path | None, *data: Path) -> tuple[Path, ...]:
    """Return where records are kept, the one to believe first first; ``data`` are data directories."""
    places = [*([runtime] if runtime is not None else []), *(directory / STATE for directory in data)]
    return tuple(dict.fromkeys(places))


def keep(name: str, content: bytes, places: Sequence[Path]) -> list[str]:
    """Put ``content`` into a file ``name`` in every place; return what the disk said where it refused."""
    problems = []
    for place in places:
        try:
            _write_whole(place / name, content)
        except OSError as error:
            problems.append(f"{place / name}: not written: {why_refused(error)}")
    return problems


def _write_whole(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` whole or not at all, for its owner only. Raises: OSError."""
    make_directory(path.parent)
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            _give_to_owner_of(path.parent, file.fileno())
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(beside).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _give_to_owner_of(directory: Path, descriptor: int) -> None:
    """Let root, who restored by hand, leave a file that the service can read."""
    if os.geteuid() == 0:
        found = directory.stat()
        os.fchown(descriptor, found.st_uid, found.st_gid)
