"""``hems fast-charge``: what cannot be meant is refused in words, what is there already is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from hems.cli.app import app
from hems.cli.exit_codes import ExitCode
from hems.cli.fast_charge import already_reached, deadline_of

WARSAW = ZoneInfo("Europe/Warsaw")
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("07:00", datetime(2026, 11, 23, 6, 0, tzinfo=UTC)),
        ("16:01", datetime(2026, 11, 22, 15, 1, tzinfo=UTC)),
        ("2026-11-29T16:00", datetime(2026, 11, 29, 15, 0, tzinfo=UTC)),
        ("07:00+00:00", datetime(2026, 11, 23, 7, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_the_next_one_to_come(text: str, expected: datetime) -> None:
    assert deadline_of(text, NOW, WARSAW) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("25:00", "25:00 is not a time"),
        ("soon", "soon is not a time"),
        ("2026-11-22T15:59", "2026-11-22T15:59 is in the past"),
        ("2026-11-29T16:01", "2026-11-29T16:01 is more than 7 days ahead"),
        ("9999-12-31T23:59", "9999-12-31T23:59 is more than 7 days ahead"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        deadline_of(text, NOW, WARSAW)


def ask(folder: Path, *arguments: str) -> tuple[int, str]:
    config = folder / "house.yaml"
    config.write_text("inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n")
    result = CliRunner().invoke(app, ["fast-charge", *arguments, "--config", str(config)])
    return result.exit_code, result.output


@pytest.mark.parametrize("target", ["nan", "0", "101", "-inf"])
def test_a_target_that_is_none_is_refused_and_nothing_is_asked(tmp_path: Path, target: str) -> None:
    code, told = ask(tmp_path, f"--to={target}", "--by", "07:00")
    assert code == ExitCode.USAGE
    assert f"{target} is not a target. Give a number from 1 to 100 [%]." in told
    assert not (tmp_path / "out").exists()


def test_a_deadline_that_is_none_is_refused_and_nothing_is_asked(tmp_path: Path) -> None:
    code, told = ask(tmp_path, "--to", "90", "--by", "25:00")
    assert code == ExitCode.USAGE
    assert "25:00 is not a time. Give a local time" in told
    assert not (tmp_path / "out").exists()


def test_a_target_that_is_reached_already_is_said(tmp_path: Path) -> None:
    record = tmp_path / "out" / "system_state" / "current_state.json"
    record.parent.mkdir(parents=True)
    seen = datetime.now(UTC) - timedelta(minutes=1)
    record.write_text(
        json.dumps({"at": seen.isoformat(), "sensors": {"at": seen.isoformat(), "battery_soc_pct": 90.0}})
    )
    assert "The battery was at 90 % already" in ask(tmp_path, "--to", "90", "--by", "07:00")[1]
    assert "already" not in ask(tmp_path, "--to", "91", "--by", "07:00")[1]


def test_an_unknown_charge_is_not_called_reached() -> None:
    for document in ({}, {"sensors": None}, {"sensors": {"at": "2026-11-22T15:00:00Z", "battery_soc_pct": None}}):
        assert already_reached(document, 50.0, WARSAW) is None
