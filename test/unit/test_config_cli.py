"""`hems config` says what is wrong, where, with exit codes for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hems.cli.config import register
from hems.config.reference import render_example, render_reference

runner = CliRunner()


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


def test_check_of_a_good_file_is_one_line_and_exit_0(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(render_example(), encoding="utf-8")
    result = runner.invoke(app, ["config", "check", str(file)])
    assert result.exit_code == 0
    assert result.stdout == f"{file}: in order (inverter simulator, battery 10 kWh, profile auto)\n"


def test_check_of_a_faulty_file_names_all_faults_and_exits_2(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("inverter: {ip_address: simulator, port: 0}\nbattery_management: {}\n", encoding="utf-8")
    result = runner.invoke(app, ["config", "check", str(file)])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{file}:1:41: inverter.port: must be a whole number from 1 to 65535, not 0",
        f"{file}:2:1: battery_management.capacity_kwh: required: a number above 0 and up to 1000 kWh",
        f"{file}: 2 faults",
    ]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("model", "GW1", "allowed: GW6000-ES-20"),
        ("battery", "lead", "allowed: auto, "),
        ("scenario", "doomsday", "allowed: everyday"),
    ],
)
def test_check_refuses_what_the_simulated_house_would(
    app: typer.Typer, tmp_path: Path, key: str, value: str, says: str
) -> None:
    file = tmp_path / "c.yaml"
    house = f"battery_management: {{capacity_kwh: 10}}\nsimulator:\n  {key}: {value}\n"
    file.write_text(f"inverter: {{ip_address: simulator}}\n{house}", encoding="utf-8")
    result = runner.invoke(app, ["config", "check", str(file)])
    assert result.exit_code == 2
    assert f"{file}:4:3: simulator.{key}: {says}" in result.stderr
    file.write_text(f"inverter: {{ip_address: 192.0.2.7}}\n{house}", encoding="utf-8")
    assert runner.invoke(app, ["config", "check", str(file)]).exit_code == 0, "a real house simulates nothing"


def test_check_refuses_a_battery_behind_a_model_that_takes_none(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n"
        "simulator: {model: GW6000-DT, battery: pack_48v}\n",
        encoding="utf-8",
    )
    result = runner.invoke(app, ["config", "check", str(file)])
    assert result.exit_code == 2
    assert f"{file}:3:1: simulator: " in result.stderr
    assert "takes no battery" in result.stderr


@pytest.mark.parametrize("depth", [200, 5000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_check_of_a_file_nested_too_deep_is_a_fault_and_no_traceback(
    app: typer.Typer, tmp_path: Path, depth: int, opening: str, closing: str
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"inverter: {opening * depth}{closing * depth}\n", encoding="utf-8")
    result = runner.invoke(app, ["config", "check", str(file)])
    assert result.exit_code == 2
    assert f"{file}:1:" in result.stderr


def test_check_without_a_name_takes_the_file_in_use(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEMS_CONFIG", str(tmp_path / "absent.yaml"))
    result = runner.invoke(app, ["config", "check"])
    assert result.exit_code == 2
    assert "absent.yaml:1:1: configuration: no such file" in result.stderr


def test_schema_reference_and_example_are_printed_whole(app: typer.Typer) -> None:
    assert json.loads(runner.invoke(app, ["config", "schema"]).stdout)["title"] == "Configuration"
    assert runner.invoke(app, ["config", "reference"]).stdout == render_reference()
    assert runner.invoke(app, ["config", "example"]).stdout == render_example()
