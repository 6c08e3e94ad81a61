"""The installed service on a real systemd: set up, killed, hung, misconfigured, rebooted, updated, removed.

A machine of its own is booted (test/support/container.py), with a simulated inverter in it. What was typed and what
came back is written to $HEMS_SYSTEMD_TRANSCRIPT, from which docs/installation.md has its transcript:

    HEMS_SYSTEMD_TRANSCRIPT=transcript.txt .venv/bin/python -m pytest test/e2e/test_systemd.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.container import ROOT, CannotBoot, Container, booted, make_tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

APP = "/opt/goodwe-dynamic-price-optimiser"
CONFIG = f"{APP}/config/master_coordinator_config.yaml"
MANAGE = f"{APP}/scripts/manage_services.sh"
SETUP = "scripts/ubuntu_setup.sh"
UNIT = "goodwe-master-coordinator"
INVERTER = "127.0.0.20"
SELF_USE = {0, 1}
RESTORED_WITHIN_S = 20
WATCHDOG_S = 25
GIT = "git -c user.name=owner -c user.email=owner@localhost"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Boot a machine with the project as a git clone in /root/clone and its wheels in /wheels."""
    folder = tmp_path_factory.mktemp("machine")
    try:
        tree = make_tree()
        wheels = download_wheels(folder / "wheels")
        with booted(tree, {wheels: "/wheels", ROOT / "test" / "systemd" / "in_tree": "/srv/in_tree"}) as container:
            clone_into(container)
            yield container
            if target := os.environ.get("HEMS_SYSTEMD_TRANSCRIPT"):
                Path(target).write_text("".join(container.transcript), encoding="utf-8")
    except CannotBoot as reason:
        pytest.skip(f"NOT TESTED on a real systemd: {reason}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def download_wheels(folder: Path) -> Path:
    """Fetch what requirements.txt pins; the machine has no network."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--require-hashes", "-d", str(folder)]
    done = subprocess.run(
        [*command, "-r", str(ROOT / "requirements.txt")], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode != 0:
        raise CannotBoot(f"the packages could not be downloaded: {done.stderr.strip()[-400:]}")
    return folder


def clone_into(container: Container) -> None:
    """Put the working files of this checkout into the machine as a git repository with an upstream to pull from."""
    clone = container.root / "root" / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    container.run(
        f"cd /root/clone && chown -R root:root . && git init -q -b main && git add -A && {GIT} commit -qm 'version one'"
        " && git clone -q --bare . /srv/upstream.git && git remote add origin /srv/upstream.git"
        " && git fetch -q && git branch -q -u origin/main",
        shown=False,
    )


def publish(machine: Container, change: str, message: str) -> None:
    """Commit ``change`` (shell, run in the clone) and push it to the upstream."""
    machine.run(f"cd /root/clone && {change} && {GIT} commit -qam '{message}' && git push -q origin main", shown=False)


def until(what: str, seen: Callable[[], object], within_s: float) -> float:
    """Return after how many seconds ``seen`` held; fails the test where it does not within ``within_s``."""
    began = time.monotonic()
    last: object = None
    while time.monotonic() - began < within_s:
        try:
            if last := seen():
                return time.monotonic() - began
        except (ValueError, KeyError) as error:  # half a document, or none yet
            last = error
        time.sleep(0.3)
    pytest.fail(f"{what} did not come within {within_s} s; last: {last}")


class House:
    """The installed service and its inverter, as somebody outside sees them."""

    def __init__(self, machine: Container) -> None:
        self.machine = machine

    def inverter(self) -> dict[str, float]:
        """Return what an independent client reads."""
        text = self.machine.run(f"/srv/house/venv/bin/python /srv/in_tree/read_inverter.py {INVERTER}", shown=False)
        return dict(json.loads(text.splitlines()[-1]))

    def status(self) -> dict[str, object]:
        """Return the service's own record."""
        _, text = self.machine.attempt(f"{APP}/.venv/bin/hems status --json --config {CONFIG}", shown=False)
        return dict(json.loads(text))

    def property(self, name: str) -> str:
        """Return a property of the unit."""
        return self.machine.run(f"systemctl show -p {name} --value {UNIT}", shown=False).strip()

    def is_charging(self) -> bool:
        """Return whether the inverter is in a forced charge that runs."""
        seen = self.inverter()
        return seen["ems_mode"] == 11 and seen["battery_w"] < -1000

    def wait_for_charge(self) -> None:
        """Return once the inverter charges because the service told it to."""
        until("a forced charge", self.is_charging, 90)
        self.show_inverter()

    def is_in_self_use(self) -> bool:
        """Return whether the inverter is in self-use."""
        return self.inverter()["ems_mode"] in SELF_USE

    def show_inverter(self) -> None:
        """Have the transcript say what the independent client reads."""
        self.machine.run(f"/srv/house/venv/bin/python /srv/in_tree/read_inverter.py {INVERTER}")


def test_installed_service_lives_through_it_all(machine: Container) -> None:
    """One test in chapters: each goes on with the machine as the one before left it."""
    house = House(machine)
    for chapter in (
        set_up_without_an_inverter,
        set_up_with_the_inverter,
        looks_as_promised,
        killed_in_a_forced_charge,
        hung_in_a_forced_charge,
        misconfigured,
        rebooted,
        updated_by_git_pull,
        updated_by_the_script,
        broken_versions_are_not_kept,
        uninstalled,
    ):
        began = time.monotonic()
        chapter(machine, house)
        print(f"{chapter.__name__}: {time.monotonic() - began:.0f} s")


def set_up_without_an_inverter(machine: Container, _house: House) -> None:
    machine.note("Set up without a network and without anybody to ask: a simulated house, not started yet")
    output = machine.run(f"cd /root/clone && {SETUP} --wheels /wheels --no-start")
    assert "[9/9] done" in output
    assert "This is a SIMULATED house" in output
    # The inverter of this test lives apart from what is installed: it outlives stop, update and removal.
    machine.run(
        f"mkdir -p /srv/house && cp -a $(readlink -f {APP}/.venv) /srv/house/venv && cp -a {APP}/src /srv/house/src",
        shown=False,
    )
    start_inverter(machine)


def start_inverter(machine: Container) -> None:
    """Start the simulated inverter; its battery is nearly empty, and the plan charges that at any price."""
    machine.run(
        "systemd-run --quiet --unit=inverter -E PYTHONPATH=/srv/house/src /srv/house/venv/bin/python -m hems.cli"
        f" simulate --host {INVERTER} --soc 3 --capacity-kwh 40",
        shown=False,
    )


def set_up_with_the_inverter(machine: Container, house: House) -> None:
    machine.note(
        f"A simulated inverter appears at {INVERTER}; its battery is at 3 %, low enough to charge at any price"
    )
    output = machine.run(
        f"cd /root/clone && {SETUP} --wheels /wheels --non-interactive --inverter {INVERTER} --capacity-kwh 40"
    )
    assert "it is what is installed" in output
    assert "✓ It answers." in output
    assert "  it runs" in output
    written = machine.run(f"grep -nE '^  (ip_address|capacity_kwh):|^# How to reach' {CONFIG}")
    assert f'ip_address: "{INVERTER}"' in written
    assert "capacity_kwh: 40" in written
    assert "# How to reach the inverter" in written, "comments are kept"

    machine.note("Once more: nothing to do")
    before = house.property("MainPID")
    again = machine.run(f"cd /root/clone && {SETUP} --wheels /wheels --non-interactive")
    assert "nothing that it uses has changed: left alone" in again
    assert house.property("MainPID") == before


def looks_as_promised(machine: Container, house: House) -> None:
    machine.note("What it looks like")
    status = machine.run(f"{MANAGE} status")
    assert "active (running)" in status
    assert "the coordinator has started" in machine.run(f"{MANAGE} logs --no-follow -n 20 --output cat")
    code, followed = machine.attempt(f"timeout 3 {MANAGE} logs -n 2 --output cat", shown=False)
    assert code == 124, "logs follows until it is ended"
    assert followed.strip()
    shown = machine.run(f"python3 {APP}/src/master_coordinator.py --status | head -n 30")
    assert "battery" in shown
    limits = machine.run(f"systemctl show {UNIT} --property=MemoryMax,CPUQuotaPerSecUSec")
    assert "MemoryMax=536870912" in limits
    assert "CPUQuotaPerSecUSec=500ms" in limits
    exposure = machine.run(f"systemd-analyze security --no-pager {UNIT} | tail -n 1")
    assert float(exposure.split(":")[1].split()[0]) <= 2.5
    rights = machine.run(f"cd {APP} && stat -c '%A %U:%G %n' . src .venv/bin {CONFIG} out logs out/hems.sqlite3 .git")
    expected = {
        ".": "drwxr-xr-x root:root",
        "src": "drwxr-xr-x root:root",
        CONFIG: "-rw-r----- root:goodwe-ems",
        "out": "drwxr-x--- goodwe-ems:goodwe-ems",
        "logs": "drwxr-x--- goodwe-ems:goodwe-ems",
        ".git": "drwx------ root:root",
    }
    for name, right in expected.items():
        assert f"{right} {name}\n" in rights
    assert machine.run(f"find {APP} -path {APP}/out -prune -o -user goodwe-ems ! -path '{APP}/logs*' -print") == ""
    assert machine.run(f"find {APP}/out {APP}/logs -perm /o+rwx") == "", "nothing of the household is for everybody"
    code, refused = machine.attempt(f"runuser -u nobody -- {MANAGE} stop")
    assert code == 1
    assert "stop needs root: sudo" in refused
    machine.run(
        f"runuser -u goodwe-ems -- sh -c '! touch {APP}/src/x && ! touch {APP}/config/x' 2>/dev/null", shown=False
    )


def killed_in_a_forced_charge(machine: Container, house: House) -> None:
    machine.note(
        "Killed with -9 in a forced charge (EMS mode 11): the inverter is back in self-use, then the service returns"
    )
    house.wait_for_charge()
    machine.run(f"kill -9 $(systemctl show -p MainPID --value {UNIT})")
    took_s = until("self-use after kill -9", house.is_in_self_use, RESTORED_WITHIN_S)
    machine.note(f"in self-use {took_s:.1f} s after the kill; the power follows within a few seconds")
    time.sleep(4)
    house.show_inverter()
    until("the service", lambda: house.status().get("running"), 90)
    machine.run(f"journalctl -u {UNIT} --no-pager -o cat -n 12")


def hung_in_a_forced_charge(machine: Container, house: House) -> None:
    machine.note(
        "The event loop hangs in a forced charge. The watchdog's patience follows from the inverter's time-outs and is"
        f" 180 s; short ones and WatchdogSec={WATCHDOG_S} save that wait here"
    )
    machine.run(
        "sed -i.patient -e 's/^  request_timeout_seconds: .*/  request_timeout_seconds: 0.6/'"
        f" -e 's/^  request_retries: .*/  request_retries: 0/' {CONFIG}"
    )
    drop_in = f"[Service]\\nWatchdogSec={WATCHDOG_S}\\nEnvironment=PYTHONPATH=/srv/in_tree/hang:{APP}/src\\n"
    folder = f"/etc/systemd/system/{UNIT}.service.d"
    machine.run(
        f"mkdir -p {folder} && printf '{drop_in}' >{folder}/hang.conf"
        f" && systemctl daemon-reload && systemctl restart {UNIT}"
    )
    house.wait_for_charge()
    machine.run(f"kill -USR1 $(systemctl show -p MainPID --value {UNIT})")
    took_s = until("self-use after the hang", house.is_in_self_use, WATCHDOG_S + 10 + RESTORED_WITHIN_S)
    machine.note(f"in self-use {took_s:.1f} s after the loop hung")
    words = machine.run(f"journalctl -u {UNIT} --no-pager -o cat -n 80")
    assert "Watchdog timeout" in words
    assert "sitecustomize.py" in words, "the trace names the line in which the loop hung"
    machine.run(
        f"rm -r {folder} && mv {CONFIG}.patient {CONFIG} && systemctl daemon-reload && systemctl restart {UNIT}"
    )


def misconfigured(machine: Container, house: House) -> None:
    machine.note("A wrong configuration at a restart in a forced charge")
    house.wait_for_charge()
    machine.run(f"sed -i.good 's/^  capacity_kwh: 40/  capacity_kwh: plenty/' {CONFIG}")
    machine.attempt(f"{MANAGE} restart")
    took_s = until("self-use with a wrong configuration", house.is_in_self_use, RESTORED_WITHIN_S)
    machine.note(f"in self-use {took_s:.1f} s after the restart was asked for")
    until(
        "the reason in the journal",
        lambda: "battery_management.capacity_kwh" in machine.run(f"journalctl -u {UNIT} -n 30 -o cat", shown=False),
        30,
    )
    machine.run(f"{MANAGE} logs --no-follow -n 12 --output cat")
    _, status = machine.attempt(f"python3 {APP}/src/master_coordinator.py --status")
    assert "battery_management.capacity_kwh" in status
    assert "plenty" in status
    line = machine.run(f"grep -n 'capacity_kwh: plenty' {CONFIG}", shown=False).split(":")[0]
    assert f"{CONFIG}:{line}:" in status, "key, line and what is allowed"
    machine.run(f"mv {CONFIG}.good {CONFIG} && {MANAGE} restart")
    until("the service with the right configuration", lambda: house.status().get("running"), 60)


def rebooted(machine: Container, house: House) -> None:
    machine.note("A power cut and the power's return: the service comes up by itself")
    machine.switch_off()
    machine.switch_on()
    start_inverter(machine)
    until("the service after the reboot", lambda: house.status().get("running"), 60)
    house.wait_for_charge()
    machine.run(f"{MANAGE} status | head -n 6")


def decisions(machine: Container) -> int:
    """Return how many decision cycles the database holds."""
    question = 'import sqlite3 as s; print(*s.connect("out/hems.sqlite3").execute("select count(*) from cycles"))'
    answer = machine.run(f"cd {APP} && runuser -u goodwe-ems -- .venv/bin/python -c '{question}'", shown=False)
    return int(answer.strip("(),\n"))


def updated_by_git_pull(machine: Container, house: House) -> None:
    machine.note("A new version, by hand: stop, git pull, start. It ships another configuration, which is not taken")
    publish(
        machine,
        "echo '# newer' >>src/hems/__init__.py && sed -i 's/initial_soc: 35/initial_soc: 36/' config/*.yaml",
        "two",
    )
    before, kept = decisions(machine), machine.run(f"sha256sum {CONFIG}", shown=False)
    machine.run(f"{MANAGE} stop")
    assert house.is_in_self_use(), "a stop gives the inverter back"
    machine.run(f"git -C {APP} pull")
    machine.run(f"{MANAGE} start")
    assert machine.run(f"tail -n 1 {APP}/src/hems/__init__.py", shown=False) == "# newer\n"
    assert machine.run(f"sha256sum {CONFIG}", shown=False) == kept
    until("the updated service", lambda: house.status().get("running"), 60)
    assert decisions(machine) >= before > 0
    assert machine.run(f"git -C {APP} status --short") == "", "nothing for the owner to sort out"


def updated_by_the_script(machine: Container, house: House) -> None:
    machine.note("A new version with --update: its packages are built beside the old ones")
    publish(machine, "sed -i 's/^version = .*/version = \"0.1.99\"/' pyproject.toml", "three")
    before, kept = decisions(machine), machine.run(f"sha256sum {CONFIG}", shown=False)
    former = machine.run(f"readlink {APP}/.venv", shown=False)
    output = machine.run(f"{APP}/{SETUP} --update --wheels /wheels")
    assert "version 0.1.99" in output
    assert "data backed up: " in output
    assert machine.run(f"readlink {APP}/.venv", shown=False) != former
    assert machine.run(f"ls {APP}/.venvs | wc -l", shown=False) == "1\n", "the old environment is gone"
    assert machine.run(f"sha256sum {CONFIG}", shown=False) == kept
    assert house.status()["running"] is True
    assert decisions(machine) >= before


def broken_versions_are_not_kept(machine: Container, house: House) -> None:
    machine.note("A version that does not run at all: refused while the old one goes on running")
    running = house.property("MainPID")
    publish(machine, "echo 'raise RuntimeError(\"broken\")' >>src/hems/cli/coordinator.py", "four, broken")
    code, output = machine.attempt(f"{APP}/{SETUP} --update --wheels /wheels")
    assert code == 1
    assert "RuntimeError: broken" in output, "it says why"
    assert "this version does not run here" in output
    assert house.property("MainPID") == running

    machine.note("A version that dies when it is started: the old one is put back and runs")
    change = "git checkout -q HEAD~1 src && echo 'raise RuntimeError(\"late\")' >>src/hems/composition/service.py"
    publish(machine, change, "five, broken later")
    code, output = machine.attempt(f"{APP}/{SETUP} --update --wheels /wheels")
    assert code == 1
    assert "RuntimeError: late" in output, "it says why"
    assert "the old version runs again" in output
    assert house.status()["running"] is True
    assert machine.run(f"git -C {APP} log -1 --format=%s") == "three\n"


def uninstalled(machine: Container, house: House) -> None:
    machine.note("Uninstalled: the inverter is given back; data and configuration stay")
    house.wait_for_charge()
    machine.run(f"{APP}/{SETUP} --uninstall")
    house.show_inverter()
    assert house.is_in_self_use()
    assert machine.run(f"ls -A {APP}") == "config\nlogs\nout\n"
    assert machine.run(f"find {APP} -perm /o+rwx ! -type d", shown=False) == ""
    for gone in (f"systemctl cat {UNIT}", "id goodwe-ems"):
        assert machine.attempt(gone)[0] != 0
    machine.run(f"test -s {APP}/out/hems.sqlite3 && grep -q '{INVERTER}' {CONFIG}", shown=False)
