"""``hems score`` as a person and a program meet it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hems.cli import score as score_command


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    score_command.register(app)
    return app


def run(app: typer.Typer, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["score", *arguments])


EXAMPLE = ("--price", "200", "--soc", "40", "--pv", "1000", "--load", "3000")


def test_json_carries_everything(app: typer.Typer) -> None:
    result = run(app, *EXAMPLE, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["inputs"] == {
        "price_per_mwh": 200.0,
        "currency": "PLN",
        "soc_pct": 40.0,
        "pv_w": 1000.0,
        "load_w": 3000.0,
        "charging": False,
    }
    assert list(document["factors"]) == ["price", "battery", "pv", "consumption"]
    assert document["factors"]["pv"] == {
        "value": 1000.0,
        "unit": "W",
        "band": "1000 and more",
        "points": 30.0,
        "weight": 0.2,
        "contribution": 6.0,
    }
    assert document["total"] == 81.0
    assert document["action"] == "start_charging"
    assert document["charging_after"] is True
    assert document["confidence"] == 68.3
    assert "score 81.0" in document["reason"]


@pytest.mark.parametrize(
    ("price", "charging", "action"),
    [
        ("-50", False, "start_charging"),
        ("-2086.86", True, "continue"),
        ("200.01", False, "start_charging"),
        ("600.01", False, "continue"),
    ],
)
def test_negative_prices_and_edges_parse(app: typer.Typer, price: str, charging: bool, action: str) -> None:
    flags = ("--charging",) if charging else ()
    result = run(app, "--price", price, "--soc", "40", "--pv", "1000", "--load", "3000", *flags, "--json")
    assert json.loads(result.stdout)["action"] == action


def test_a_person_reads_a_table_and_a_reason(app: typer.Typer) -> None:
    result = run(app, *EXAMPLE)
    assert result.exit_code == 0
    for words in ("price", "200 PLN/MWh", "up to 200", "81.0", "start charging (charging)", "confidence 68.3 %"):
        assert words in result.stdout
    assert "score 81.0" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--price", "nan", "--price: a number in PLN/MWh is needed"),
        ("--price", "inf", "--price: a number in PLN/MWh is needed"),
        ("--soc", "100.1", "--soc: a state of charge lies between 0 and 100 %"),
        ("--soc", "-1", "--soc: a state of charge lies between 0 and 100 %"),
        ("--pv", "-1", "--pv: a power in W, 0 or more"),
        ("--load", "-0.5", "--load: a power in W, 0 or more"),
        ("--load", "nan", "--load: a number in W is needed"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_words(app: typer.Typer, option: str, value: str, words: str) -> None:
    arguments = list(EXAMPLE)
    arguments[arguments.index(option) + 1] = value
    result = run(app, *arguments, "--json")
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


def test_a_missing_value_is_refused(app: typer.Typer) -> None:
    assert run(app, "--price", "200").exit_code == 2


def test_bands_come_from_the_configuration(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(
        "inverter: {ip_address: simulator}\n"
        "battery_management: {capacity_kwh: 10.0}\n"
        "coordinator: {charging_thresholds: {start_charging_score: 90, continue_charging_max: 90}}\n",
        encoding="utf-8",
    )
    result = run(app, *EXAMPLE, "--config", str(file), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["action"] == "continue"
