"""Real files, real modes, and where it is permitted real file systems that are full or read-only."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from hems.adapters.storage.sqlite_store import SqliteStore
from hems.adapters.systemd import UnitState
from hems.composition.doctor import disk, rights
from hems.composition.doctor.catalogue import checks_of
from hems.composition.doctor.disk import database_findings, json_findings, room_findings
from hems.composition.doctor.house import House, look_at
from hems.composition.doctor.model import Group
from hems.composition.doctor.rights import User, rights_findings, user_of
from hems.composition.doctor.runner import NOT_PERMITTED, run_checks
from hems.composition.inverter import USER_SETTINGS_FILE
from hems.composition.tools import store_options
from support.doctor_house import codes, house_in, the

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away and mount")


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "out" / "system_state").mkdir(parents=True)
    for directory in ("out", "logs"):
        (tmp_path / directory).mkdir(exist_ok=True)
        (tmp_path / directory).chmod(0o750)
    return house_in(tmp_path)


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """Mount a small file system of its own on ``place``; skips loudly where that is not permitted."""
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


async def test_a_disk_with_room_is_in_order(house: House) -> None:
    found = codes(await room_findings(house))
    assert found[-1] == "disk_data_size"
    assert "disk_takes_writes" in found
    assert not [path for path in house.data.rglob("*") if path.is_file()], "the probe leaves nothing"


async def test_no_data_directory_is_no_fault(tmp_path: Path) -> None:
    assert codes(await room_findings(house_in(tmp_path))) == ["disk_no_data_yet"]


@needs_root
@pytest.mark.parametrize(
    ("options", "fill", "code"),
    [
        ("size=256k", 400_000, "disk_full"),
        ("size=8m", 0, "disk_full"),
        ("size=256k,ro", 0, "disk_read_only"),
        ("size=600m,nr_inodes=40", 0, "disk_no_inodes"),
    ],
)
async def test_a_small_disk_is_told_for_what_it_is(house: House, options: str, fill: int, code: str) -> None:
    with mounted(house.data, options):
        if fill:
            with pytest.raises(OSError, match="No space"):
                (house.data / "filling").write_bytes(bytes(fill))
        findings = await room_findings(house)
    assert code in codes(findings)
    assert str(house.data) in the(findings, code).found


async def test_a_disk_that_refuses_and_a_slow_one_are_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    findings = await room_findings(house)
    assert "disk_refuses" in codes(findings)
    assert "it may be failing" in the(findings, "disk_refuses").found
    monkeypatch.undo()
    monkeypatch.setattr(disk, "SLOW_WRITE_S", -1.0)
    assert "disk_slow" in codes(await room_findings(house))


async def test_much_that_is_kept_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "KEPT_BYTES", 1000)
    (house.data / "big").write_bytes(bytes(2000))
    assert "disk_much_kept" in codes(await room_findings(house))


async def test_a_whole_database_is_read_without_a_trace(house: House) -> None:
    assert codes(await database_findings(house)) == []
    assert house.loaded is not None
    with SqliteStore(store_options(house.loaded)):
        assert codes(await database_findings(house)) == ["disk_database_good"], "while the service writes"
    before = sorted(house.data.iterdir())
    assert codes(await database_findings(house)) == ["disk_database_good"]
    assert sorted(house.data.iterdir()) == before, "no file is left that the service's user might not own"


async def test_a_damaged_database_is_told(house: House) -> None:
    assert house.loaded is not None
    path = house.loaded.database
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("filling" * 50,)] * 200)
        connection.commit()
    content = bytearray(path.read_bytes())
    content[4096:20480] = b"\xa5" * 16384
    path.write_bytes(content)
    assert codes(await database_findings(house)) == ["disk_database_damaged"]
    path.write_bytes(b"no database at all" * 100)
    (house.data / f"{path.name}.damaged-1").touch()
    assert codes(await database_findings(house)) == ["disk_database_set_aside", "disk_database_damaged"]


async def test_a_check_of_a_large_database_ends_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert house.loaded is not None
    with closing(sqlite3.connect(house.loaded.database)) as connection:
        connection.execute("CREATE TABLE t (x INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(60_000)])
        connection.commit()
    monkeypatch.setattr(disk, "QUICK_CHECK_S", -1.0)
    assert codes(await database_findings(house)) == ["disk_database_not_finished"]


async def test_broken_files_are_named(house: House) -> None:
    day = house.data / "energy_data" / "energy_data_2026-11-22.json"
    day.parent.mkdir()
    day.write_text("{}")
    assert codes(await json_findings(house)) == ["disk_json_good"]
    day.write_text('{"day": "2026-11')
    (house.data / "system_state" / USER_SETTINGS_FILE).write_text("[")
    findings = await json_findings(house)
    assert codes(findings) == ["disk_saved_settings_broken", "disk_json_broken"]
    assert str(day) in findings[1].found


async def test_rights_as_they_should_be(house: House) -> None:
    assert codes(await rights_findings(house)) == ["rights_good"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o600, "rights_good"),
        (0o644, "rights_configuration_readable_by_all"),
        (0o660, "rights_configuration_writable"),
    ],
)
async def test_a_configuration_that_others_may_touch_is_told(house: House, mode: int, expected: str) -> None:
    house.path.chmod(mode)
    findings = await rights_findings(house)
    assert expected in codes(findings)
    assert all("FILE" not in advice for finding in findings for advice in finding.advice)


async def test_data_that_everybody_may_read_is_told(house: House) -> None:
    house.data.chmod(0o755)
    (house.data / "open.json").touch(0o644)
    (house.data / "open.json").chmod(0o644)
    findings = await rights_findings(house)
    assert codes(findings) == ["rights_readable_by_all"]
    assert f"chmod -R o= {house.data}" in findings[0].advice
    house.data.chmod(0o750)
    assert codes(await rights_findings(house)) == ["rights_good"], "what lies in a closed directory is closed"


@needs_root
async def test_files_of_another_user_are_told(house: House) -> None:
    for path in (house.data, house.data / "system_state", house.logs):
        os.chown(path, 65534, 65534)
    (house.data / "system_state" / "left_by_root.json").touch(0o640)
    findings = await rights_findings(house)
    assert codes(findings) == ["rights_configuration_unreadable", "rights_other_owner"]
    assert "left_by_root.json" in findings[1].found
    os.chown(house.logs, 0, 0)
    assert "rights_not_writable" in codes(await rights_findings(house))


def unit(**properties: str) -> UnitState:
    return UnitState(properties={"LoadState": "loaded"} | properties)


async def test_a_unit_whose_user_is_missing_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def installed() -> UnitState:
        return unit(User="no-such-user-here")

    monkeypatch.setattr(rights, "unit_state", installed)
    assert codes(await rights_findings(house)) == ["rights_user_missing"]


def test_the_unit_s_user_goes_before_the_data_s_owner(house: House) -> None:
    found = user_of(unit(User="root"), house.data)
    assert found is not None
    assert found.uid == 0
    assert user_of(None, house.data) is not None
    assert user_of(None, house.data / "missing") is None


@pytest.mark.parametrize(
    ("uid", "gids", "mode", "wanted", "may"),
    [
        (0, set(), 0o000, 2, True),
        (7, {9}, 0o400, 4, True),
        (7, {9}, 0o040, 4, False),  # the owner's bits alone count for the owner
        (8, {9}, 0o040, 4, True),
        (8, {9}, 0o004, 4, False),
        (8, {1}, 0o004, 4, True),
        (8, {1}, 0o750, 3, False),
        (7, {1}, 0o750, 3, True),
    ],
)
def test_mode_bits_are_read_as_the_kernel_does(uid: int, gids: set[int], mode: int, wanted: int, may: bool) -> None:
    found = os.stat_result((0o100000 | mode, 1, 1, 1, 7, 9, 0, 0, 0, 0))
    assert User(name="somebody", uid=uid, gids=frozenset(gids)).may(found, wanted) is may


@needs_root
async def test_another_user_is_told_what_it_may_not_see() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        house = house_in(folder)
        (folder / "config").chmod(0o755)
        house.data.mkdir(0o750)
        (house.data / "hems.sqlite3").touch(0o640)
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
        try:
            hidden = look_at(house.options)
            looks = [check for check in checks_of(hidden) if check.group in {Group.CONFIGURATION, Group.DISK}]
            findings = await run_checks(looks, lambda _: None)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
    found = codes(findings)
    assert "configuration_not_readable" in found
    assert found.count(NOT_PERMITTED) == 3
    assert str(house.data) in next(one.found for one in findings if one.code == NOT_PERMITTED)
    assert not {"check_crashed", "disk_refuses", "disk_database_unreadable", "configuration_invalid"} & set(found)


async def test_without_files_there_is_nothing_to_check(tmp_path: Path) -> None:
    house = dataclasses.replace(house_in(tmp_path), data=tmp_path / "none", logs=tmp_path / "none")
    assert codes(await rights_findings(house)) == ["rights_nothing_there"]
