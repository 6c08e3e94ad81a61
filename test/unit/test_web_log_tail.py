"""The newest lines of the log, from the end of a file that may be large or torn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hems.domain.errors import StorageError
from hems.web.log_tail import READ_MAX_BYTES, read_log_tail


def line(number: int, level: str = "info") -> str:
    return json.dumps({"timestamp": f"t{number}", "level": level, "event": f"e{number}", "number": number})


def test_the_newest_lines_come_oldest_first(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("\n".join(line(number) for number in range(10)) + "\n")
    tail = read_log_tail(file, 3, "info")
    assert [(one.event, one.fields["number"]) for one in tail.lines] == [("e7", 7), ("e8", 8), ("e9", 9)]


def test_a_level_is_the_least_one(tmp_path: Path) -> None:
    file = tmp_path / "log"
    levels = ["debug", "info", "warning", "error", "critical"]
    file.write_text("\n".join(line(number, level) for number, level in enumerate(levels)))
    assert [one.level for one in read_log_tail(file, 9, "warning").lines] == ["warning", "error", "critical"]
    assert len(read_log_tail(file, 9, "debug").lines) == 5


def test_what_is_no_line_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(f'{line(1)}\n{{"half": \n[1]\n"text"\n\xff\xfe\n{line(2)}\n'.encode("latin-1"))
    assert [one.event for one in read_log_tail(file, 9, "info").lines] == ["e1", "e2"]


def test_only_the_end_of_a_large_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("\n".join(line(number) for number in range(READ_MAX_BYTES // 50)))
    tail = read_log_tail(file, 1_000_000, "info").lines
    assert 1000 < len(tail) < READ_MAX_BYTES // 50
    numbers = [int(one.fields["number"]) for one in tail]
    assert numbers == list(range(numbers[0], READ_MAX_BYTES // 50)), "without a torn one"


def test_no_file_yet_is_no_line(tmp_path: Path) -> None:
    assert read_log_tail(tmp_path / "log", 9, "info").lines == []


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        read_log_tail(tmp_path, 9, "info")
