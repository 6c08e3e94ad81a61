"""The JSON files: whole or absent, by local day, readable when broken."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.disk import why_refused
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.json_text import plain
from hems.adapters.storage.state_file import CURRENT_STATE, read_current_state
from hems.domain.command import Mode
from hems.domain.time_grid import local_day_bounds, slots_of_day
from support.storage_records import T0, quarter

WARSAW = ZoneInfo("Europe/Warsaw")
DAY = timedelta(days=1)


@pytest.fixture
def files(tmp_path: Path) -> JsonFiles:
    return JsonFiles(tmp_path / "out", WARSAW)


def schedule_of(files: JsonFiles, day: str) -> list[dict[str, object]]:
    path = files.directory / "charging_schedules" / f"schedule_{day}.json"
    entries: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))["entries"]
    return entries


def removed(files: JsonFiles, now: datetime) -> int:
    """Prune, and return how many files of days are gone."""
    before = len(list((files.directory / "energy_data").iterdir()))
    files.prune(now)
    return before - len(list((files.directory / "energy_data").iterdir()))


def test_the_published_state_is_read_back(files: JsonFiles) -> None:
    files.publish({"state": Mode.CHARGE, "at": T0, "soc_pct": 40.5, "unknown": None, "bound": float("inf")}, ())
    found = read_current_state(files.directory)
    assert found.problem is None
    assert found.status == {
        "state": "charge",
        "at": "2026-11-01T12:00:00+00:00",
        "soc_pct": 40.5,
        "unknown": None,
        "bound": "inf",
    }
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (files.directory / CURRENT_STATE, files.directory)}
    assert modes == {0o640, 0o750}
    assert [path.name for path in (files.directory / "system_state").iterdir()] == ["current_state.json"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "has not run yet"),
        ('{"state": "char', "not whole JSON"),
        ("[1]", "holds no state"),
        ("", "not whole JSON"),
    ],
)
def test_a_missing_or_broken_state_is_explained(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / CURRENT_STATE).parent.mkdir()
        (tmp_path / CURRENT_STATE).write_text(content, encoding="utf-8")
    found = read_current_state(tmp_path)
    assert found.status is None
    assert found.problem is not None
    assert said in found.problem
    assert str(tmp_path) in found.problem


def test_a_disk_that_refuses_keeps_the_old_file_and_never_stops_the_cycle(
    files: JsonFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.publish({"n": 1}, ())

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        files.publish({"n": 2}, ())
    assert files.failed_writes == 1
    assert files.last_error is not None
    assert "No space left" in files.last_error
    assert read_current_state(files.directory).status == {"n": 1}
    assert len(list((files.directory / "system_state").iterdir())) == 1
    files.publish({"n": 3}, ())
    assert files.last_error is None
    assert read_current_state(files.directory).status == {"n": 3}
    assert [told.severity for told in files.news()] == ["error", "info"]


def test_a_value_without_a_readable_form_is_a_defect_and_says_so() -> None:
    with pytest.raises(TypeError, match="object has no readable form"):
        plain({"a": [object()]})


def test_schedule_entries_go_to_their_local_day_and_stay_after_a_restart(files: JsonFiles) -> None:
    # 22:30 UTC is 23:30 in Warsaw in winter; 23:30 UTC is the next day there.
    before, after = datetime(2026, 11, 1, 22, 30, tzinfo=UTC), datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    files.publish({}, [{"start": after, "mode": Mode.HOLD}, {"at": before, "mode": Mode.CHARGE}])
    assert schedule_of(files, "2026-11-01") == [{"at": before.isoformat(), "mode": "charge"}]
    assert schedule_of(files, "2026-11-02") == [{"start": after.isoformat(), "mode": "hold"}]
    again = JsonFiles(files.directory, WARSAW)
    again.publish({}, [{"at": before - timedelta(hours=1), "mode": Mode.SELF_USE}, {"at": before, "mode": Mode.HOLD}])
    assert [entry["mode"] for entry in schedule_of(files, "2026-11-01")] == ["self_use", "hold"]


def test_an_unchanged_schedule_is_not_written_again(files: JsonFiles) -> None:
    entry: dict[str, object] = {"at": T0, "mode": "charge"}
    files.publish({}, [entry])
    path = files.directory / "charging_schedules" / "schedule_2026-11-01.json"
    inode = path.stat().st_ino
    files.publish({}, [dict(entry)])
    assert path.stat().st_ino == inode
    files.publish({}, [{**entry, "mode": "hold"}])
    assert path.stat().st_ino != inode


def test_an_entry_without_a_time_is_refused(files: JsonFiles) -> None:
    with pytest.raises(ValueError, match="without a time"):
        files.publish({}, [{"mode": "charge"}])


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 29), 92), (date(2026, 7, 1), 96), (date(2026, 10, 25), 100)])
def test_the_energy_of_a_day_with_any_number_of_quarters(files: JsonFiles, day: date, count: int) -> None:
    quarters = [quarter(start, pv_wh=10.0, cost=0.25) for start in slots_of_day(day, WARSAW)]
    files.write_energy_of(day, quarters)
    content = json.loads((files.directory / f"energy_data/energy_data_{day}.json").read_text(encoding="utf-8"))
    assert len(content["quarters"]) == count
    assert content["totals"]["pv_wh"] == pytest.approx(10.0 * count)
    assert content["totals"]["cost"] == pytest.approx(0.25 * count)
    assert content["until"] == local_day_bounds(day, WARSAW)[1].isoformat()
    assert len({entry["local"] for entry in content["quarters"]}) == count


def test_money_that_is_unknown_is_not_zero(files: JsonFiles) -> None:
    files.write_energy_of(date(2026, 11, 1), [quarter(T0, cost=None, import_price_per_kwh=None)])
    content = json.loads((files.directory / "energy_data/energy_data_2026-11-01.json").read_text(encoding="utf-8"))
    assert content["totals"]["cost"] is None
    assert content["totals"]["cost_quarters"] == 0
    assert content["quarters"][0]["cost"] is None


def test_an_old_file_that_cannot_be_removed_is_told_and_the_others_go(
    files: JsonFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in (0, 40, 41):
        files.write_energy_of((T0 - age * DAY).date(), [])
    real = Path.unlink

    def stubborn(path: Path, missing_ok: bool = False) -> None:
        if path.name == "energy_data_2026-09-22.json":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stubborn)
    files.prune(T0)
    assert len(list((files.directory / "energy_data").iterdir())) == 2
    assert files.failed_removals == 1
    (told,) = files.news()
    assert told.severity == "warning"
    assert "energy_data_2026-09-22.json: old file not removed: Read-only file system" in told.text
    assert files.news() == ()


def test_a_directory_that_cannot_be_listed_does_not_end_the_prune(
    files: JsonFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_path: Path, _pattern: str) -> list[Path]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "glob", unreadable)
    files.prune(T0)
    assert files.failed_removals == 5


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room on the disk"),
        (errno.EACCES, "Permission denied. Check owner and mode"),
        (errno.EROFS, "takes no writes"),
        (errno.ENOENT, "there is no such directory"),
        (errno.EIO, "may be failing"),
        (errno.EBUSY, os.strerror(errno.EBUSY)),
    ],
)
def test_each_refusal_of_a_disk_has_its_own_advice(number: int, advice: str) -> None:
    said = why_refused(OSError(number, os.strerror(number)))
    assert advice in said
    assert ("room" in said) is (number == errno.ENOSPC)


def test_old_days_go_and_strangers_stay(files: JsonFiles) -> None:
    for age in (0, 30, 31, 400):
        files.write_energy_of((T0 - age * DAY).date(), [])
        files.publish({}, [{"at": T0 - age * DAY, "mode": "hold"}])
    stranger = files.directory / "energy_data" / "energy_data_mine.json"
    stranger.write_text("{}", encoding="utf-8")
    leftover = files.directory / "system_state" / ".current_state.json.abc.tmp"
    leftover.write_text("{", encoding="utf-8")
    files.prune(T0)
    left = sorted(path.name for path in (files.directory / "energy_data").iterdir())
    assert left == ["energy_data_2026-10-02.json", "energy_data_2026-11-01.json", "energy_data_mine.json"]
    assert len(list((files.directory / "charging_schedules").iterdir())) == 2
    assert not leftover.exists()
    assert stranger.exists()


def test_a_clock_that_leaps_a_year_costs_no_month_of_files(files: JsonFiles) -> None:
    for age in range(35):
        files.write_energy_of((T0 - age * DAY).date(), [])
    assert removed(files, T0) == 4
    assert removed(files, T0 + 365 * DAY) <= 3
    assert removed(files, T0) == 0


def test_after_a_long_pause_old_files_go_day_by_day(files: JsonFiles) -> None:
    for age in range(20):
        files.write_energy_of((T0 - age * DAY).date(), [])
    counts = [removed(files, T0 + (100 + n) * DAY) for n in range(40)]
    assert sum(counts) == 20
    assert max(counts) <= 2


def test_the_documented_folders_are_there_from_the_start(tmp_path: Path) -> None:
    JsonFiles(tmp_path / "out", ZoneInfo("Europe/Warsaw"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"system_state", "energy_data", "charging_schedules"}


def test_folders_that_cannot_be_made_are_told_and_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file in the way")
    files = JsonFiles(tmp_path / "out", ZoneInfo("Europe/Warsaw"))
    assert files.last_error is not None
    assert "out" in files.last_error


def test_a_disk_that_hangs_holds_up_nobody_and_the_latest_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, begun, real, written = threading.Event(), threading.Event(), os.fsync, []

    def hanging(handle: int) -> None:
        written.append(handle)
        begun.set()
        assert stuck.wait(20.0)
        real(handle)

    monkeypatch.setattr("os.fsync", hanging)
    with JsonFiles(tmp_path / "out", WARSAW, in_background=True) as files:
        files.publish({"n": 0}, ())
        assert begun.wait(5.0)
        for n in range(1, 1000):
            files.publish({"n": n}, [{"at": T0, "mode": "charge", "n": n}])
        files.prune(T0)
        assert len(written) == 1, "somebody waited for the disk"
        stuck.set()
    assert len(written) < 20, "of many states only the latest is worth writing"
    assert read_current_state(files.directory).status == {"n": 999}
    assert [entry["n"] for entry in schedule_of(files, "2026-11-01")] == [999]


def test_trouble_in_the_background_is_told(tmp_path: Path) -> None:
    with JsonFiles(tmp_path / "out", WARSAW, in_background=True) as files:
        (tmp_path / "out" / "system_state").rmdir()
        (tmp_path / "out" / "system_state").write_text("in the way", encoding="utf-8")
        files.publish({"n": 1}, ())
    assert [told.severity for told in files.news()] == ["error"]
    assert "a file where a directory should be" in (files.last_error or "")
