"""The scripts around the service where no systemd is needed: usage, wrong options, helpers, and no systemd at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
SHELL_FILES = sorted([*SCRIPTS.rglob("*.sh"), *(ROOT / "test" / "systemd").glob("*.sh"), ROOT / ".ci" / "run"])
BASH = shutil.which("bash") or "/bin/bash"


def run(name: str, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({} if path is None else {"PATH": path})
    return subprocess.run(
        [BASH, SCRIPTS / name, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )


@pytest.mark.parametrize("file", SHELL_FILES, ids=lambda file: file.name)
def test_scripts_are_valid_bash(file: Path) -> None:
    subprocess.run([BASH, "-n", file], check=True)


def test_shellcheck_finds_nothing() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("NOT CHECKED: shellcheck is not installed (apt install shellcheck)")
    found = subprocess.run(
        [shellcheck, "-x", "-P", ROOT, *SHELL_FILES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


def test_scripts_that_people_call_are_executable() -> None:
    for name in ("ubuntu_setup.sh", "manage_services.sh"):
        assert os.access(SCRIPTS / name, os.X_OK), name
    assert os.access(ROOT / "test" / "systemd" / "make_tree.sh", os.X_OK)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--inverter"], "--inverter needs a value"),
        (["--inverter", "192.168.1.50 8899"], "is no address: an IP address or a host name without a port"),
        (["--inverter=x; reboot"], "is no address"),
        (["--capacity-kwh", "ten"], "a number of kWh"),
        (["--capacity-kwh=0"], "a number of kWh"),
        (["--port", "99999"], "--port 99999 is no port: 1 to 65535"),
        (["--wheels", "/nowhere"], "--wheels: there is no such folder"),
        (["--update", "--uninstall"], "--update does not go with --uninstall"),
        (["--purge"], "--purge goes with --uninstall only"),
        (["--updaet"], "--updaet is not an option"),
    ],
)
def test_setup_refuses_wrong_options_before_it_does_anything(arguments: list[str], told: str) -> None:
    done = run("ubuntu_setup.sh", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert "[1/" not in done.stderr


def test_setup_says_the_whole_command_that_root_is_to_run(tmp_path: Path) -> None:
    nobody = tmp_path / "id"
    nobody.write_text("#!/bin/sh\necho 65534\n")
    nobody.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for arguments, told in (([], "ubuntu_setup.sh\n"), (["--update"], "ubuntu_setup.sh --update\n")):
        done = run("ubuntu_setup.sh", *arguments, path=path)
        assert done.returncode == 1
        assert f"error: this needs root: sudo {SCRIPTS / told}" in done.stderr


def test_setup_explains_itself() -> None:
    done = run("ubuntu_setup.sh", "--help")
    assert done.returncode == 0
    for option in ("--inverter", "--capacity-kwh", "--python", "--wheels", "--update", "--uninstall", "--purge"):
        assert option in done.stdout


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "status", "logs", "enable", "disable"])
def test_every_verb_says_where_systemd_is_absent(verb: str, tmp_path: Path) -> None:
    for name in ("dirname", "id", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name} here"))
    done = run("manage_services.sh", verb, path=str(tmp_path))
    assert done.returncode == 1
    assert "error: systemd is not running on this machine" in done.stderr
    assert f"there is no service, and `{verb}` does nothing" in done.stderr
    assert f"{ROOT}/scripts/run.sh" in done.stderr


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["begin"], 2), (["start", "now"], 2), (["--help"], 0)])
def test_manage_services_shows_its_verbs(arguments: list[str], code: int) -> None:
    done = run("manage_services.sh", *arguments)
    assert done.returncode == code
    assert "start | stop | restart" in done.stdout + done.stderr


CONFIGURATION = """\
# Ours.\r
inverter:   {ip_address: simulator, port: 8899}  # a flow mapping, DOS line ends\r
battery_management:\r
  capacity_kwh: 10      # from the data sheet\r
"""


def yaml_key(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPTS / "setup" / "yaml_key.py", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("inverter.ip_address", '"10.0.0.7"', "ip_address: simulator,", 'ip_address: "10.0.0.7",'),
        ("inverter.port", "502", "port: 8899}", "port: 502}"),
        ("battery_management.capacity_kwh", "7.5", "capacity_kwh: 10 ", "capacity_kwh: 7.5 "),
    ],
)
def test_one_value_is_set_and_nothing_else_changes(
    tmp_path: Path, key: str, value: str, before: str, after: str
) -> None:
    file = tmp_path / "house.yaml"
    file.write_bytes(CONFIGURATION.encode())
    assert yaml_key(file, key, value).returncode == 0
    assert file.read_bytes().decode() == CONFIGURATION.replace(before, after)
    assert yaml_key(file, key).stdout == value.strip('"') + "\n"


@pytest.mark.parametrize("text", ["", "inverter:\n", "inverter: [1]\n", "inverter: {ip_address:\n", "inverter: x: y\n"])
def test_file_without_the_key_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(text)
    done = yaml_key(file, "inverter.ip_address", "10.0.0.7")
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_text() == text


def test_found_inverters_become_one_line_each() -> None:
    def answer(address: str, port: int, model: str | None) -> dict[str, object]:
        protocol = "udp" if port == 8899 else "modbus_tcp"
        return {"address": address, "port": port, "protocol": protocol, "model": model, "serial_number": "9…1"}

    document = {
        "found": [
            answer("10.0.0.7", 502, "GW6000"),
            answer("10.0.0.7", 8899, "GW6000"),
            answer("10.0.0.8", 502, "GW10K"),
            answer("10.0.0.9", 8899, None),  # a module without an answering inverter is nothing to configure
        ]
    }
    done = subprocess.run(
        [sys.executable, SCRIPTS / "setup" / "discovered.py"],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["10.0.0.7", "8899"], ["10.0.0.8", "502"]]
    assert "GW10K" in lines[1][2]
