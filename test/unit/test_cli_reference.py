"""docs/commands.md is what the commands themselves say, and what they say is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hems.cli import documented
from hems.cli.app import app
from hems.cli.coordinator import farewell
from hems.cli.exit_codes import MEANINGS, ExitCode
from hems.cli.reference import render_commands
from hems.cli.show_status import SCHEMA_SHOWN, show_status
from hems.coordination.status import SCHEMA

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def test_the_page_is_the_rendered_one() -> None:
    renewed = "renew it: python -m hems.cli.reference > docs/commands.md"
    assert PAGE.read_text(encoding="utf-8") == render_commands(), renewed


def test_every_command_option_and_exit_code_is_on_the_page() -> None:
    page = render_commands()
    for heading in ("`src/master_coordinator.py`", "`hems run`", "`hems backup FILE`", "`hems config check [FILE]`"):
        assert f"## {heading}" in page
    assert "| `--what quarters\\|samples\\|decisions` | What to export | quarters |" in page
    assert "| `--execute` | with --test: carry the decision out, prove it, undo it |  |" in page
    assert set(MEANINGS) == set(ExitCode)
    for code in ExitCode:
        assert f"| {code.value} | {MEANINGS[code]} |" in page


@pytest.mark.parametrize("arguments", [["--json"], ["--execute"], ["--test", "--status"]])
def test_options_that_do_not_go_together_never_start_the_service(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        documented.main(arguments)
    assert stopped.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("severity", "state", "expected"),
    [
        ("info", "stopped", "the inverter is back in self-use."),
        ("error", "stopped", "NOT confirmed back in self-use (it said nothing): run `hems restore`"),
        ("info", "charging", "NOT confirmed back in self-use"),
    ],
)
def test_the_last_word_of_a_run_is_true(severity: str, state: str, expected: str) -> None:
    events = [
        {"kind": "stopped", "severity": "info", "message": "an earlier run"},
        {"kind": "stopped", "severity": severity, "message": "it said nothing"},
    ]
    assert expected in farewell({"state": state, "events": events})


def test_a_run_that_left_no_record_is_not_called_safe() -> None:
    assert "NOT confirmed" in farewell({})


def test_a_record_of_another_version_is_named_and_not_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert SCHEMA_SHOWN == SCHEMA
    config, state = tmp_path / "house.yaml", tmp_path / "out" / "system_state" / "current_state.json"
    config.write_text("inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n")
    state.parent.mkdir(parents=True)
    state.write_text('{"schema": 99, "at": "2026-01-01T00:00:00Z"}')
    assert show_status(config, as_json=False) == ExitCode.NOT_RUNNING
    assert "NOT running. Its last record is of another version" in capsys.readouterr().out


def test_a_port_that_is_none_is_refused_before_anything_is_asked() -> None:
    result = CliRunner().invoke(app, ["restore", "--host", "127.0.0.1", "--port", "70000"])
    assert result.exit_code == ExitCode.USAGE


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))


@pytest.mark.parametrize("path", list(_commands(typer.main.get_command(app))), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0, shown.exception
    assert "Usage" in shown.output
