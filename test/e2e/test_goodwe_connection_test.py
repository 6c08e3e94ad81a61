"""The operators' connection test, run as they run it: a plain script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "inverter_test.py"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def test_says_what_it_found(tmp_path: Path) -> None:
    result = run("--host", "simulator", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for expected in ("✓ It answers", "GW6000ES20", "56000ESN00SIM001", "Family", "SoC", "pack_48v", "ems", "self use"):
        assert expected in result.stdout
    assert list(tmp_path.iterdir()) == [], "it changes nothing, also not here"


def test_visits_the_simulated_inverter_that_is_configured(tmp_path: Path) -> None:
    """A DT inverter sleeps without sun: only the configured scenario, a bright morning, lets it answer at any hour."""
    config = tmp_path / "house.yaml"
    config.write_text(
        "inverter: {ip_address: simulator}\n"
        "simulator: {model: GW6000-DT, scenario: full_battery}\n"
        "battery_management: {capacity_kwh: 10}\n"
    )
    result = run("--config", str(config), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "GW6000-DT" in result.stdout
    assert "have no battery" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("--host", "127.93.0.1"), 1, "Connection refused"),
        (("--host", "no-such-inverter.invalid"), 1, "Name not known"),
        (("--host", "simulator", "--family", "DT"), 1, "Wrong family"),
        (("--host", "simulator", "--family", "XT"), 2, "inverter.family"),
        (("--config", "missing.yaml"), 2, "missing.yaml"),
        (("--host", "127.93.0.1", "--port", "70000"), 2, "70000 is no port"),
    ],
)
def test_says_what_to_try(arguments: tuple[str, ...], code: int, expected: str, tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_a_reader_that_has_read_enough_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-u", str(SCRIPT), "--host", "simulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(timeout=60), process.stderr.read()) == (0, "")
