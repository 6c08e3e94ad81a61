"""The service as systemd sees it: a process of its own, a manager's socket, signals, and the hook after the stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import goodwe
import pytest

from hems.domain.command import Command, Mode, WritePurpose
from support.household import write_configuration
from support.manager import Manager

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "src" / "master_coordinator.py"
SILENT = "127.19.3.4"
"""Nothing listens there."""


class House:
    """A folder with a configuration, and how its programs are started."""

    def __init__(self, folder: Path, host: str, more: str = "") -> None:
        self.folder = folder
        self.config = write_configuration(folder, host=host, poll_s=1, lost_s=5, more=more)
        self.runtime = folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.log = folder / "service.log"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"RUNTIME_DIRECTORY": str(self.runtime)}

    @contextmanager
    def service(self, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, ENTRY, "--config", self.config],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment | more,
            )
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    def after_stop(self, **more: str) -> tuple[subprocess.CompletedProcess[str], float]:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, ENTRY, "--after-stop", "--config", self.config],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=self.environment | more,
        )
        return done, time.monotonic() - began

    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.runtime / "in_control.json").read_text()))

    def status(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, ENTRY, "--status", "--config", self.config], capture_output=True, text=True, check=False
        )


@contextmanager
def simulator(host: str, folder: Path) -> Iterator[None]:
    with (folder / "simulator.log").open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "hems.cli", "simulate", "--host", host, "--soc", "30", "--capacity-kwh", "10"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        child.kill()
        child.wait()


def ems_mode(host: str) -> int:
    """Return the EMS mode as an independent client reads it; 0 and 1 are self-use, 11 charges."""

    async def read() -> int:
        inverter = await goodwe.connect(host, family="ET", retries=5)
        return int(await inverter.read_setting("ems_mode"))

    return asyncio.run(read())


def force_a_charge(host: str) -> None:
    """Leave the inverter as a crash in the middle of a charge does."""
    from hems.adapters.clock import SystemClock
    from hems.adapters.inverters.goodwe import GoodWeConnector, GoodWeOptions
    from hems.adapters.inverters.user_settings import MemoryUserSettingsStore

    async def force() -> None:
        connector = GoodWeConnector(GoodWeOptions(host=host), SystemClock(), MemoryUserSettingsStore())
        inverter = await connector.open()
        expires_at = datetime.now(UTC) + timedelta(minutes=15)
        charge = Command(mode=Mode.CHARGE, power_w=2000.0, target_soc_pct=100.0, expires_at=expires_at, reason="test")
        await inverter.apply(charge, WritePurpose.DECISION)
        await inverter.close()

    asyncio.run(force())
    assert ems_mode(host) == 11


def is_ready(line: str) -> bool:
    return line == "READY=1"


def test_a_run_tells_that_it_is_ready_that_it_works_what_it_does_and_that_it_stops(tmp_path: Path) -> None:
    host = "127.19.3.5"
    house = House(tmp_path, host)
    with simulator(host, tmp_path), Manager() as manager:
        with house.service(**manager.environment(watchdog_s=180.0)) as service:
            manager.wait_for(is_ready, 20)
            manager.wait_for(lambda line: "battery 30 %" in line and "PLN/MWh" in line, 20)
            fed = manager.listen().count("WATCHDOG=1")
            time.sleep(3)
            assert manager.listen().count("WATCHDOG=1") >= fed + 2, "each finished cycle feeds the watchdog"
            assert house.record()["ended"] is None
            service.terminate()
            assert service.wait(20) == 0
        heard = manager.listen()
    assert heard.count("READY=1") == 1
    assert heard.count("STOPPING=1") == 1
    assert heard.index("STOPPING=1") > heard.index("READY=1")
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in heard[heard.index("STOPPING=1") :])
    assert not any(line.startswith("WATCHDOG_USEC=") for line in heard), "the unit's patience is enough"
    assert house.record()["ended"] is not None
    kept = tmp_path / "out" / "system_state" / "last_known_good.yaml"
    assert kept.read_bytes() == house.config.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    answer, seconds = house.after_stop()
    assert (answer.returncode, "Nothing to restore" in answer.stdout) == (0, True)
    assert seconds < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_inverter_that_is_silent_from_the_start_is_no_failed_start_and_delays_no_stop(
    tmp_path: Path, number: signal.Signals
) -> None:
    house = House(tmp_path, SILENT)
    with Manager() as manager, house.service(**manager.environment(watchdog_s=180.0)) as service:
        manager.wait_for(is_ready, 20)
        fed = manager.listen().count("WATCHDOG=1")
        manager.wait_for(lambda line: "the inverter does not answer" in line, 5)
        time.sleep(2)
        assert manager.listen().count("WATCHDOG=1") > fed
        service.send_signal(number)
        time.sleep(0.2)
        if number is signal.SIGHUP:
            service.send_signal(number)  # a shell that goes with its terminal sends a second one
        assert service.wait(30) == 1, "nobody confirmed that the inverter is in self-use"
        assert "STOPPING=1" in manager.listen()
    assert "NOT confirmed" in house.log.read_text()
    assert not (house.runtime / "in_control.json").exists(), "it was never taken over"


@pytest.mark.parametrize("spoilt", ["inverter: [\n", None])
def test_a_killed_run_is_undone_within_20_s_though_its_configuration_is_spoilt(
    tmp_path: Path, spoilt: str | None
) -> None:
    host = "127.19.3.6"
    house = House(tmp_path, host)
    with simulator(host, tmp_path), Manager() as manager:
        with house.service(**manager.environment()) as service:
            manager.wait_for(is_ready, 20)
            manager.wait_for(lambda line: "battery 30 %" in line, 20)
            if spoilt is None:
                house.config.unlink()
            else:
                house.config.write_text(spoilt)
            service.kill()
            service.wait()
        force_a_charge(host)
        answer, seconds = house.after_stop()
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "The configuration cannot be used" in answer.stdout
        assert "The inverter is in self-use (" in answer.stdout
        assert seconds < 20
        assert ems_mode(host) in {0, 1}
        again, _ = house.after_stop()
        assert again.returncode == 0
        assert "Nothing to restore" in again.stdout


def test_a_record_of_an_older_run_on_a_disk_that_takes_no_writes_is_not_believed(tmp_path: Path) -> None:
    host = "127.19.3.7"
    house = House(tmp_path, host)
    with simulator(host, tmp_path), Manager() as manager:
        with house.service(**manager.environment()) as service:
            manager.wait_for(lambda line: "battery 30 %" in line, 20)
            service.terminate()
            assert service.wait(20) == 0
        assert house.record()["ended"] is not None
        # After a reboot: memory is empty, the disk alone tells of a clean stop, perhaps of long ago.
        (house.runtime / "in_control.json").unlink()
        force_a_charge(host)
        answer, _ = house.after_stop()
        assert answer.returncode == 0, answer.stdout
        assert ems_mode(host) in {0, 1}
        assert house.record()["ended"] is not None


def test_the_hook_gives_up_in_time_when_the_inverter_is_silent(tmp_path: Path) -> None:
    host = "127.19.3.8"
    house = House(tmp_path, host)
    with simulator(host, tmp_path), Manager() as manager, house.service(**manager.environment()) as service:
        manager.wait_for(lambda line: "battery 30 %" in line, 20)
        service.kill()
        service.wait()
    answer, seconds = house.after_stop()
    assert answer.returncode == 4, answer.stdout
    assert "did not confirm self-use" in answer.stdout
    assert 10 < seconds < 20
    assert house.record()["ended"] is None, "the next attempt tries again"


def test_a_second_coordinator_is_refused_and_its_hook_leaves_the_first_alone(tmp_path: Path) -> None:
    host = "127.19.3.9"
    house = House(tmp_path, host)
    with simulator(host, tmp_path), Manager() as manager, house.service(**manager.environment()) as first:
        manager.wait_for(lambda line: "battery 30 %" in line, 20)
        with Manager() as other, house.service(**other.environment()) as second:
            assert second.wait(20) == 5
            assert any("another Master Coordinator runs" in line for line in other.listen())
            assert "READY=1" not in other.listen()
        answer, _ = house.after_stop()
        assert answer.returncode == 0
        assert "another Master Coordinator is running" in answer.stdout
        assert house.record()["ended"] is None
        assert "refused" not in house.status().stdout, "it is the second that was refused; the first works"
        first.terminate()
        assert first.wait(20) == 0


def test_a_refused_start_says_why_to_the_manager_on_stderr_and_to_status(tmp_path: Path) -> None:
    house = House(tmp_path, SILENT)
    good = house.config.read_text()
    house.config.write_text(good.replace("capacity_kwh: 10.0", "capacity_kwh: ten"))
    with Manager() as manager:
        with house.service(**manager.environment()) as service:
            assert service.wait(20) == 2
        heard = manager.listen()
    fault = f"{house.config}:9:17: battery_management.capacity_kwh"
    assert any(line.startswith("STATUS=Does not run: ") and fault in line for line in heard), heard
    assert fault in house.log.read_text()
    answer, seconds = house.after_stop()
    assert answer.returncode == 0
    assert "no run is on record" in answer.stdout
    assert seconds < 10
    assert fault in house.status().stderr
    house.config.write_text(good)
    told = house.status()
    assert told.returncode == 3
    assert "refused to start" in told.stdout
    assert fault in told.stdout
    with Manager() as manager, house.service(**manager.environment()) as service:
        manager.wait_for(is_ready, 20)
        assert "refused" not in house.status().stdout


def test_the_watchdogs_abort_leaves_a_trace_of_every_thread(tmp_path: Path) -> None:
    house = House(tmp_path, SILENT)
    with Manager() as manager, house.service(**manager.environment(watchdog_s=180.0)) as service:
        manager.wait_for(is_ready, 20)
        service.send_signal(signal.SIGABRT)
        assert service.wait(10) == -signal.SIGABRT
    trace = house.log.read_text()
    assert "Fatal Python error: Aborted" in trace
    assert "base_events.py" in trace
    assert "store" in trace, "the other threads are there too"


def test_more_patience_is_asked_for_where_longer_time_outs_are_configured(tmp_path: Path) -> None:
    house = House(tmp_path, SILENT)
    house.config.write_text(
        house.config.read_text().replace("inverter:\n", "inverter:\n  request_timeout_seconds: 2\n")
    )
    with Manager() as manager, house.service(**manager.environment(watchdog_s=180.0)):
        manager.wait_for(is_ready, 40)
        (asked,) = [line for line in manager.listen() if line.startswith("WATCHDOG_USEC=")]
        assert int(asked.partition("=")[2]) / 1e6 == pytest.approx(33 * 9.4)
