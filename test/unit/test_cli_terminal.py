"""Output for any terminal: a reader that leaves is no error, and letters it lacks do not end a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENTRIES = {
    "hems": "import sys; from hems.cli.app import run; sys.argv[1:1] = ['status']; run()",
    "documented": "import sys; from hems.cli.documented import main; sys.exit(main(['--status', *sys.argv[1:]]))",
}
PRINTING = "from hems.cli.terminal import any_terminal\nwith any_terminal(): print('▲ ──▶ 20 °C ▂█ żółw')"


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_reader_that_leaves_is_no_error(entry: str, tmp_path: Path) -> None:
    config = tmp_path / "house.yaml"
    config.write_text("inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", ENTRIES[entry], "--json", "--config", str(config)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode < 120  # 120 is the interpreter's own failure to flush


def test_a_reader_that_leaves_an_unbuffered_command_is_no_error_and_another_broken_connection_is() -> None:
    entering = "from hems.cli.terminal import any_terminal\nwith any_terminal(): "
    for work, is_quiet in (
        ("print('x' * 100_000, flush=True)", True),
        ("raise BrokenPipeError('the inverter')", False),
    ):
        reading, writing = os.pipe()
        if is_quiet:
            os.close(reading)
        command = [sys.executable, "-u", "-c", entering + work]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
        os.close(writing)
        if not is_quiet:
            os.close(reading)
        assert (done.stderr == "") == is_quiet, done.stderr
        assert done.returncode == 1


@pytest.mark.parametrize(
    ("encoding", "expected"), [("ascii", "? --> 20 ?C .# ???w"), ("iso-8859-2", "? --> 20 °C .# żółw")]
)
def test_what_a_terminal_has_no_letters_for_is_shown_in_plain_ones(encoding: str, expected: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", PRINTING], capture_output=True, env=environment, check=False)
    assert (done.stdout.decode(encoding).strip(), done.returncode) == (expected, 0), done.stderr
