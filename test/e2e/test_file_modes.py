"""Whatever the caller's umask, nothing written is open to other users, and no planted link is followed."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.process_lock import LOCK_NAME, ProcessLock
from hems.adapters.storage.fast_charge_inbox import FileFastChargeInbox
from hems.adapters.storage.json_text import write_json_atomically
from hems.domain.errors import StorageError
from hems.domain.fast_charge import FastChargeRequest
from support.household import write_configuration
from support.service_process import hems, running_service

NOON = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)


def too_open(folder: Path) -> dict[str, str]:
    """Return the mode of everything in and below ``folder`` that others may enter, read or write, or a group write."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink() and mode & 0o027:
            found[str(path.relative_to(folder.parent))] = oct(mode)
    return found


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_whatever_the_umask_nothing_is_open_to_others(tmp_path: Path) -> None:
    config = write_configuration(tmp_path, poll_s=1, lost_s=5, more="debug: {enabled: true}")
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o750)
    with running_service(config) as service:
        service.wait_for("a decision", lambda status: status["decision_count"] > 0)
        assert hems("fast-charge", "--to", "90", "--by", "23:59", "--config", config, folder=tmp_path)[0] == 0
        assert (tmp_path / "out" / "hems.sqlite3-wal").exists(), "the log of the database is there while it runs"
        assert too_open(tmp_path / "out") == {}
        assert too_open(tmp_path / "logs") == {}
        assert service.stop() == 0
    for arguments in (
        ("backup", kept / "all.tar.gz"),
        ("backup", kept / "database.sqlite3"),
        ("export", kept / "quarters.csv"),
        ("prices",),
        ("test",),
        ("status",),
    ):
        code, printed = hems(*arguments, "--config", config, folder=tmp_path)
        assert "Traceback" not in printed, printed
        assert code in {0, 1, 3, 4}, (arguments, code, printed)
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert written >= {"out", "logs", "kept"}
    for folder in ("out", "logs", "kept"):
        assert too_open(tmp_path / folder) == {}
    for name in ("all.tar.gz", "database.sqlite3"):
        assert stat.S_IMODE((kept / name).stat().st_mode) == 0o600, "the configuration and the household are in it"


@pytest.fixture
def careless() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_each_writer_closes_its_own_folders(tmp_path: Path) -> None:
    with ProcessLock(tmp_path / "lock" / "in" / "here"):
        pass
    JsonUserSettingsStore(tmp_path / "settings" / "in" / "here.json").save({"a": 1})
    write_json_atomically(tmp_path / "json" / "in" / "here.json", {"a": 1})
    for folder in ("lock", "settings", "json"):
        assert too_open(tmp_path / folder) == {}


# -- links planted in the data directory -----------------------------------------------------------------------


def test_no_planted_link_is_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    data = tmp_path / "out"
    data.mkdir()
    settings = data / "inverter_user_settings.json"
    for name in (".inverter_user_settings.json.new", "inverter_user_settings.json", "state.json", "request.json"):
        (data / name).symlink_to(precious)
    JsonUserSettingsStore(settings).save({"a": 1})
    write_json_atomically(data / "state.json", {"a": 1})
    request = FastChargeRequest(target_soc_pct=90.0, deadline=NOON + timedelta(hours=1), asked_at=NOON)
    FileFastChargeInbox(data / "request.json").write(request)
    assert precious.read_text() == "keep me"
    for name in ("inverter_user_settings.json", "state.json", "request.json"):
        assert not (data / name).is_symlink(), "the link itself was replaced"
    assert JsonUserSettingsStore(settings).load() == {"a": 1}


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (tmp_path / LOCK_NAME).symlink_to(precious)
    with pytest.raises(StorageError, match=r"coordinator\.lock"):
        ProcessLock(tmp_path).__enter__()
    assert not precious.exists()
