"""One coordinator per data directory, also where the disk has become read-only."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hems.adapters.process_lock import LOCK_NAME, ProcessLock, is_held
from hems.domain.errors import PermanentError, StorageError


def test_a_second_coordinator_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with ProcessLock(tmp_path):
        assert is_held(tmp_path) is True
        with pytest.raises(PermanentError, match="another Master Coordinator runs"), ProcessLock(tmp_path):
            pass
    assert is_held(tmp_path) is False


def turn_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer every opening for writing as a disk does that was mounted read-only after an error."""
    really_open = os.open

    def open_read_only(path: str, flags: int, *more: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return really_open(path, flags, *more)

    monkeypatch.setattr("hems.adapters.process_lock.os.open", open_read_only)


def test_the_lock_of_an_earlier_run_serves_a_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / LOCK_NAME).touch()
    turn_read_only(monkeypatch)
    with ProcessLock(tmp_path):
        assert is_held(tmp_path) is True
        with pytest.raises(PermanentError), ProcessLock(tmp_path):
            pass


def test_without_one_a_read_only_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn_read_only(monkeypatch)
    with pytest.raises(StorageError, match="must be writable"), ProcessLock(tmp_path):
        pass
