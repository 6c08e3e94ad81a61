"""The unit file says what it is meant to say, to systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hems.adapters.inverters.goodwe import RetryOptions
from hems.cli.after_stop import END_AFTER_S
from hems.cli.documented import make_parser
from hems.composition.restore import AFTER_STOP_S, AFTER_STOP_TIMEOUT_S
from hems.composition.service_report import STOP_EXTENSION_MAX_S, patience_of
from hems.config.loader import CONFIG_NAME, INSTALLED_ROOT

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "goodwe-master-coordinator.service"
PAGE = ROOT / "docs" / "service.md"
EXPOSURE_MAX = 2.5

needs_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: the unit is NOT checked"
)


def directives() -> dict[str, dict[str, list[str]]]:
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def seconds(text: str) -> float:
    factors = {"s": 1, "min": 60}
    found = re.fullmatch(r"(\d+)(s|min)", text)
    assert found, text
    return float(found[1]) * factors[found[2]]


@needs_systemd_analyze
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    root = tmp_path / "opt"
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(str(INSTALLED_ROOT), str(root)))
    answer = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("RestartSec=", "RestartSecs="))
    answer = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "RestartSecs" in answer.stderr, "an unknown key is told on stderr only, so that is what has to be empty"


@needs_systemd_analyze
def test_its_exposure_is_low() -> None:
    answer = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", answer.stdout)
    assert found, answer.stderr
    assert float(found[1]) <= EXPOSURE_MAX


def test_it_runs_what_is_installed_with_options_that_exist() -> None:
    service = directives()["Service"]
    python, entry = INSTALLED_ROOT / ".venv/bin/python", INSTALLED_ROOT / "src/master_coordinator.py"
    for directive in ("ExecStart", "ExecStopPost"):
        (command,) = service[directive]
        words = command.split()
        assert words[:2] == [str(python), str(entry)]
        options = make_parser().parse_args(words[2:])
        assert options.config == INSTALLED_ROOT / CONFIG_NAME
        assert options.after_stop is (directive == "ExecStopPost")
    writable = {str(INSTALLED_ROOT / name) for name in ("out", "logs")}
    assert set(service["ReadWritePaths"][0].split()) == writable


def test_its_times_fit_those_of_the_program() -> None:
    service = directives()["Service"]
    assert patience_of(RetryOptions()) <= seconds(service["WatchdogSec"][0]), "the default needs no longer watchdog"
    assert AFTER_STOP_S + AFTER_STOP_TIMEOUT_S < END_AFTER_S < 20.0 < seconds(service["TimeoutStopSec"][0])
    assert seconds(service["TimeoutStopSec"][0]) <= STOP_EXTENSION_MAX_S
    assert seconds(service["RestartSec"][0]) >= 15, "a broken configuration costs a start each time"


def test_it_never_gives_up() -> None:
    sections = directives()
    assert sections["Service"]["Restart"] == ["always"]
    assert sections["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert "RestartPreventExitStatus" not in sections["Service"]


def test_its_limits_are_the_promised_ones() -> None:
    service = directives()["Service"]
    assert service["MemoryMax"] == ["512M"]
    assert int(service["CPUQuota"][0].rstrip("%")) <= 50


def test_every_directive_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)=", page))
    missing = {key for section in directives().values() for key in section} - named
    assert not missing
