"""The fast-charge request on disk: whole, closed to others, and no disk trouble ends the service."""

from __future__ import annotations

import errno
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.fast_charge_inbox import FileFastChargeInbox
from hems.coordination.fast_charge_controller import FastChargeController, FastChargeOptions
from hems.domain.errors import RejectedData, StorageError
from hems.domain.fast_charge import FastChargeRequest
from support.storage_records import T0

REQUEST = FastChargeRequest(target_soc_pct=90.0, deadline=T0 + timedelta(hours=8), asked_at=T0)


def test_a_request_comes_back_and_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "out" / "fast_charge.json"
    inbox = FileFastChargeInbox(path)
    inbox.write(REQUEST)
    assert FileFastChargeInbox(path).read() == REQUEST
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)] == [0o640, 0o750]
    assert list(path.parent.iterdir()) == [path]
    assert inbox.clear() is True
    assert inbox.clear() is False
    assert inbox.read() is None


def test_a_request_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "fast_charge.json", []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(path.exists()), real(handle)))
    FileFastChargeInbox(path).write(REQUEST)
    assert synced[0] is False


def test_what_the_disk_does_not_give_is_rejected_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    inbox = FileFastChargeInbox(tmp_path / "file" / "fast_charge.json")
    with pytest.raises(RejectedData, match="not read: Not a directory"):
        inbox.read()
    with pytest.raises(RejectedData, match="not withdrawn: Not a directory"):
        inbox.clear()
    with pytest.raises(StorageError, match="a file where a directory should be"):
        inbox.write(REQUEST)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"target_soc_pct": 1' + "0" * 400 + "}",
        '{"target_soc_pct": 80, "deadline": "0001-01-01T00:00+14:00", "asked_at": "2026-11-01T12:00+00:00"}',
        '{"target_soc_pct": NaN, "deadline": "2026-11-01T22:00+00:00", "asked_at": "2026-11-01T12:00+00:00"}',
    ],
    ids=str.__len__,
)
def test_whatever_stands_in_the_file_is_rejected_and_ends_nothing(content: str, tmp_path: Path) -> None:
    path = tmp_path / "fast_charge.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RejectedData):
        FileFastChargeInbox(path).read()


def test_an_expired_request_that_cannot_be_removed_neither_ends_the_service_nor_counts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fast_charge.json"
    inbox = FileFastChargeInbox(path)
    inbox.write(REQUEST)
    options = FastChargeOptions(capacity_wh=10_000.0, charge_power_w=3_000.0)
    controller = FastChargeController(inbox, options)
    assert controller.refresh(T0)

    def stubborn(_path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", stubborn)
    for _ in range(3):
        controller.refresh(REQUEST.deadline)
        assert controller.request is None
    assert caplog.text.count("not withdrawn: Read-only file system") == 1
    with pytest.raises(RejectedData, match="not withdrawn"):
        FileFastChargeInbox(path).clear()


def test_a_full_disk_keeps_the_earlier_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = FileFastChargeInbox(tmp_path / "fast_charge.json")
    inbox.write(REQUEST)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="Make room on the disk"):
        inbox.write(FastChargeRequest(target_soc_pct=50.0, deadline=REQUEST.deadline, asked_at=T0))
    assert inbox.read() == REQUEST
    assert len(list(tmp_path.iterdir())) == 1
