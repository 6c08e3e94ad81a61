"""``hems simulate`` as a person or a script meets it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import goodwe
import pytest
import typer
from typer.testing import CliRunner

from hems.cli.simulate import CAPACITY_MAX_KWH, SPEED_MAX, register
from hems.config.models import BatterySettings, SimulatorSettings
from hems.simulation.faults import FAULT_KINDS
from hems.simulation.models import MODELS
from hems.simulation.scenarios import SCENARIOS

SOURCES = Path(__file__).resolve().parents[2] / "src"
PROGRAM = "import typer; from hems.cli.simulate import register; app = typer.Typer(); register(app); app()"


def application() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


def test_the_list_names_everything_that_can_be_chosen() -> None:
    result = CliRunner().invoke(application(), ["--list"])
    assert result.exit_code == 0
    for name in (*MODELS, *FAULT_KINDS, *SCENARIOS):
        assert name in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "GW1"], "known are GW6000-ES-20"),
        (["--battery", "lead"], "known are pack_48v"),
        (["--model", "GW6000-DT", "--battery", "pack_48v"], "takes no battery"),
        (["--scenario", "doomsday"], "known are everyday"),
        (["--fault", "gremlins"], "known are"),
        (["--start", "tomorrow"], "ISO date"),
        (["--speed", "0"], "above 0"),
        (["--speed", "nan"], "above 0"),
        (["--speed", "inf"], "up to 3600"),
        (["--speed", "3601"], "up to 3600"),
        (["--capacity-kwh", "nan"], "up to 1000"),
        (["--capacity-kwh", "inf"], "up to 1000"),
        (["--capacity-kwh", "0"], "above 0"),
        (["--soc", "nan"], "Invalid value for '--soc'"),
        (["--start", "9999-12-31T23:59"], "from 2000-01-01 to 2099-12-31"),
        (["--start", "0001-01-01T00:00+14:00"], "from 2000-01-01 to 2099-12-31"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1: this machine does not have that address"),
        (["--host", "no-such-house.invalid"], "not a known name or address"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(application(), ["--udp", "0", *arguments])
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
    assert "None" not in result.output
    assert "listening" not in result.output


def test_a_port_in_use_names_that_port_alone() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.44.0.3", 0))
        port = other.getsockname()[1]
        result = CliRunner().invoke(application(), ["--host", "127.44.0.3", "--udp", str(port)])
    assert result.exit_code == 2
    assert f"127.44.0.3, UDP {port}: already in use" in result.output
    assert "TCP" not in result.output


def test_the_bounds_are_those_of_the_configuration() -> None:
    bounds = [
        next(rule.le for rule in model.model_fields[name].metadata if hasattr(rule, "le"))
        for model, name in ((SimulatorSettings, "speed"), (BatterySettings, "capacity_kwh"))
    ]
    assert bounds == [SPEED_MAX, CAPACITY_MAX_KWH]


def test_the_help_loses_no_unit() -> None:
    result = CliRunner().invoke(application(), ["--help"], env={"COLUMNS": "200"})
    assert "capacity in kWh" in result.output
    assert "name[:value][%chance][@start[+seconds]]" in result.output


async def test_it_says_where_it_listens_serves_and_stops_on_a_signal() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--host", "127.0.0.79", "--tcp", "0", "--soc", "42"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCES), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening tcp 127.0.0.79:")
        inverter = await goodwe.connect("127.0.0.79", int(line.rsplit(":", 1)[1]), family="ET")
        assert (await inverter.read_runtime_data())["battery_soc"] == 42
        assert "SoC  42.0 %" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read().endswith("stopped\n")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
