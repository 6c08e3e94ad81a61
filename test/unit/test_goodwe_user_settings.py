"""The owner's settings on disk: atomic, private, and never half there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.domain.errors import StorageError

SETTINGS: dict[str, object] = {"serial_number": "X", "fields": {"min_soc": "000a"}, "touched": []}


def test_keeps_and_forgets(tmp_path: Path) -> None:
    store = JsonUserSettingsStore(tmp_path / "state" / "owner.json")
    assert store.load() is None
    store.clear()
    store.save(SETTINGS)
    assert JsonUserSettingsStore(tmp_path / "state" / "owner.json").load() == SETTINGS
    assert [entry.name for entry in (tmp_path / "state").iterdir()] == ["owner.json"], "nothing half-written is left"
    store.clear()
    assert store.load() is None


def test_only_owner_and_group_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "owner.json"
    previous = os.umask(0)
    try:
        JsonUserSettingsStore(path).save(SETTINGS)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_power_cut_while_writing_leaves_the_old_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "owner.json"
    store = JsonUserSettingsStore(path)
    store.save(SETTINGS)

    def cut(_descriptor: int) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises(StorageError, match="cannot be saved"):
        store.save({"fields": {}})
    assert json.loads(path.read_text()) == SETTINGS


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00"])
def test_a_damaged_save_is_an_error_not_an_absence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "owner.json"
    path.write_text(content)
    with pytest.raises(StorageError, match=r"owner\.json"):
        JsonUserSettingsStore(path).load()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/owner\.json"):
        JsonUserSettingsStore(tmp_path / "file" / "owner.json").save(SETTINGS)
