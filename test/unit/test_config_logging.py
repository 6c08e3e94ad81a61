"""Logs arrive in the daily file as JSON, and as readable lines where a person or the journal reads them."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from hems.adapters.clock import SystemClock
from hems.adapters.logging_setup import LOG_FILE_NAME, LoggingOptions, configure_logging, tell_error
from hems.domain.errors import StorageError


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """Give the process its own logging back after each test."""
    root = logging.getLogger()
    level = root.level
    levels = {name: logging.getLogger(name).level for name in ("httpx2", "httpcore2", "goodwe", "asyncio")}
    yield
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    structlog.reset_defaults()


class FullDisk(io.StringIO):
    """A file on a disk without space."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def records(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / LOG_FILE_NAME).read_text(encoding="utf-8").splitlines()]


def test_structlog_and_stdlib_take_the_same_way(tmp_path: Path) -> None:
    stream = io.StringIO()
    close = configure_logging(LoggingOptions(directory=tmp_path / "logs"), stream=stream, environment={})
    structlog.get_logger("hems.test").info("charging started", power_w=3000, soc_pct=35.5)
    logging.getLogger("library").warning("lost %d of %d", 1, 3, extra={"host": "10.0.0.1"})
    close()
    ours, theirs = records(tmp_path / "logs")
    assert ours["event"] == "charging started"
    assert (ours["power_w"], ours["level"], ours["logger"]) == (3000, "info", "hems.test")
    assert str(ours["timestamp"]).endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["host"]) == ("lost 1 of 3", "warning", "10.0.0.1")
    shown = stream.getvalue()
    assert "charging started" in shown
    assert "power_w=3000" in shown
    assert "lost 1 of 3" in shown


def test_exception_is_kept_with_its_traceback(tmp_path: Path) -> None:
    close = configure_logging(LoggingOptions(directory=tmp_path, console=False), environment={})
    try:
        raise RuntimeError("no answer from 10.0.0.1")
    except RuntimeError:
        structlog.get_logger().exception("poll failed")
    close()
    assert "no answer from 10.0.0.1" in json.dumps(records(tmp_path)[0]["exception"])


@pytest.mark.parametrize("debug", [False, True])
def test_debug_is_verbose_and_otherwise_libraries_are_quiet(tmp_path: Path, debug: bool) -> None:
    close = configure_logging(LoggingOptions(directory=tmp_path, debug=debug, console=False), environment={})
    structlog.get_logger("hems").debug("frame sent")
    logging.getLogger("httpx2").info("HTTP Request: GET")
    close()
    assert [record["event"] for record in records(tmp_path)] == (["frame sent", "HTTP Request: GET"] if debug else [])


def test_console_off_leaves_the_terminal_alone(tmp_path: Path) -> None:
    stream = io.StringIO()
    close = configure_logging(LoggingOptions(directory=tmp_path, console=False), stream=stream, environment={})
    structlog.get_logger().error("hidden from the live view")
    close()
    assert stream.getvalue() == ""
    assert len(records(tmp_path)) == 1


def test_journal_gets_the_priority_on_every_line_and_no_time(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        options = LoggingOptions(directory=tmp_path, console=False)
        close = configure_logging(options, stream=stream, environment=environment)
        structlog.get_logger("hems").warning("inverter lost", since_s=12)
        try:
            raise ValueError("bad frame")
        except ValueError:
            structlog.get_logger("hems").exception("poll failed")
        close()
        stream.seek(0)
        lines = stream.read().splitlines()
    assert lines[0] == "<4>inverter lost since_s=12"
    assert lines[1] == "<3>poll failed"
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines[1:])


def test_inherited_journal_variable_of_another_stream_is_not_believed(tmp_path: Path) -> None:
    stream = io.StringIO()
    close = configure_logging(LoggingOptions(directory=tmp_path), stream=stream, environment={"JOURNAL_STREAM": "1:2"})
    structlog.get_logger().info("in a shell")
    close()
    assert "<6>" not in stream.getvalue()
    assert "in a shell" in stream.getvalue()


def dated_files(directory: Path, ages_days: Iterable[int]) -> set[str]:
    """Make log files of so many days ago; return their names."""
    today = SystemClock().now().astimezone().date()
    names = {f"{LOG_FILE_NAME}.{today - timedelta(days=age)}" for age in ages_days}
    for name in names:
        (directory / name).write_text("old\n")
    return names


def test_files_go_by_their_age_and_not_by_their_number(tmp_path: Path) -> None:
    kept = dated_files(tmp_path, (2, 5, 7))
    gone = dated_files(tmp_path, (8, 15, 400))
    (tmp_path / f"{LOG_FILE_NAME}.mine").write_text("somebody's own\n")
    close = configure_logging(LoggingOptions(directory=tmp_path, console=False), environment={})
    close()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == kept | {LOG_FILE_NAME, f"{LOG_FILE_NAME}.mine"}, "at the start: the house may have been off for long"
    assert gone.isdisjoint(left)


def test_the_old_go_at_midnight_too_and_the_day_before_is_kept(tmp_path: Path) -> None:
    close = configure_logging(LoggingOptions(directory=tmp_path, keep_days=3, console=False), environment={})
    kept = dated_files(tmp_path, (2, 3))
    dated_files(tmp_path, (4, 5))
    (handler,) = [item for item in logging.getLogger().handlers if hasattr(item, "doRollover")]
    structlog.get_logger().info("before midnight")
    handler.doRollover()
    structlog.get_logger().info("after midnight")
    close()
    assert [record["event"] for record in records(tmp_path)] == ["after midnight"]
    earlier = [path for path in tmp_path.glob(f"{LOG_FILE_NAME}.*") if path.name not in kept]
    assert [path.read_text().count("before midnight") for path in earlier] == [1]
    assert kept < {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_file_is_closed_to_others_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        close = configure_logging(LoggingOptions(directory=tmp_path / "logs", console=False), environment={})
        (handler,) = [item for item in logging.getLogger().handlers if hasattr(item, "doRollover")]
        structlog.get_logger().info("before midnight")
        handler.doRollover()
        close()
    finally:
        os.umask(former)
    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o750
    files = list((tmp_path / "logs").iterdir())
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}


def test_an_error_of_a_command_is_one_for_the_journal_on_every_line(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        tell_error("two\nfaults", stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        tell_error("in a shell", stream, {})
        stream.seek(0)
        assert stream.read() == "<3>two\n<3>faults\nin a shell\n"


def test_configuring_again_replaces_the_former(tmp_path: Path) -> None:
    configure_logging(LoggingOptions(directory=tmp_path / "a", console=False), environment={})
    close = configure_logging(LoggingOptions(directory=tmp_path / "b", console=False), environment={})
    structlog.get_logger().info("once")
    close()
    assert records(tmp_path / "a") == []
    assert len(records(tmp_path / "b")) == 1


def test_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(StorageError, match=r"logs cannot be kept at .*: .*logging\.directory"):
        configure_logging(LoggingOptions(directory=tmp_path / "logs"), environment={})


def test_full_disk_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    close = configure_logging(LoggingOptions(directory=tmp_path, console=False), environment={})
    (handler,) = [item for item in logging.getLogger().handlers if hasattr(item, "doRollover")]
    handler.stream.close()
    handler.stream = FullDisk()
    for _ in range(3):
        structlog.get_logger().info("lost")
    errors = capsys.readouterr().err.splitlines()
    close()
    assert len(errors) == 1
    assert "logs are not being kept" in errors[0]
    assert errors[0].endswith("No space left on device. Make room on the disk")
