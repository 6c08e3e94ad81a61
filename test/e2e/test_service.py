"""The service as a process of its own against the simulator as a process of its own: real sockets, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import goodwe
import pytest

from hems.adapters.clock import SystemClock
from hems.domain.prices import Market
from hems.domain.time_grid import local_date
from hems.simulation.market import pse_rows
from hems.simulation.price_server import PriceServer, PriceServerOptions
from support.household import WARSAW, flat_prices, write_configuration

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "src" / "master_coordinator.py"
EAGER = """\
coordinator: {data_collection_interval_seconds: 5, health_check_interval_minutes: 1}
safety: {release_after_seconds: 5}
"""


@contextmanager
def process(*arguments: str | Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of this project in the background, its output in ``log``."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, *map(str, arguments)], stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def simulator(host: str, log: Path, *more: str) -> Any:
    command = ("-m", "hems.cli", "simulate", "--host", host, "--soc", "30", "--capacity-kwh", "10", *more)
    return process(*command, log=log)


def status_of(config: Path) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, ENTRY, "--status", "--json", "--config", config], capture_output=True, text=True, check=False
    )
    assert answer.returncode in {0, 3}, answer.stderr
    return dict(json.loads(answer.stdout))


async def wait_for(config: Path, what: str, holds: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    status: dict[str, Any] = {}
    while time.monotonic() < deadline:
        status = await asyncio.to_thread(status_of, config)
        if status.get("at") and holds(status):
            return status
        await asyncio.sleep(0.5)
    pytest.fail(f"{what} did not come within {seconds} s; last: {json.dumps(status.get('mode'))} {status.get('state')}")


@pytest.fixture
async def cheap_prices() -> AsyncIterator[str]:
    """Serve today and tomorrow at 50 PLN/MWh over HTTP."""
    today = local_date(datetime.now(UTC), WARSAW)
    rows = {
        name: [
            row
            for day in (today, today + timedelta(days=1))
            for row in pse_rows(market, flat_prices(50.0)(market, day))
        ]
        for market, name in ((Market.DAY_AHEAD, "csdac-pln"), (Market.SETTLEMENT, "rce-pln"))
    }
    async with PriceServer(rows, SystemClock(), PriceServerOptions()) as server:
        yield server.base_url


async def registers(host: str) -> tuple[int, float, int]:
    """Return EMS mode, battery power and minimum SoC as an independent client reads them."""
    inverter = await goodwe.connect(host, family="ET")
    data = await inverter.read_runtime_data()
    return (
        await inverter.read_setting("ems_mode"),
        data["pbattery1"],
        await inverter.read_setting("battery_discharge_depth"),
    )


@pytest.mark.timeout(240)
async def test_charges_survives_a_restart_of_the_inverter_and_ends_in_self_use(
    tmp_path: Path, cheap_prices: str
) -> None:
    host = "127.0.0.91"
    config = write_configuration(tmp_path, host=host, base_url=cheap_prices, poll_s=1, lost_s=5, more=EAGER)
    service_log = tmp_path / "service.log"
    with simulator(host, tmp_path / "simulator.log") as device:
        with process(ENTRY, "--config", config, log=service_log) as service:
            charging = await wait_for(config, "a charge", lambda s: s["mode"]["mode"] == "charge", 30)
            assert charging["running"] is True
            assert charging["state"] == "charging"
            assert charging["decision"]["score"]["factors"]["price"]["points"] == 100.0
            proven = await wait_for(config, "the proof", lambda s: s["mode"]["proof"] == "confirmed", 60)
            assert proven["sensors"]["battery_w"] < -1000
            assert (await registers(host))[0] == 11

            second = subprocess.run(
                [sys.executable, ENTRY, "--config", config], capture_output=True, text=True, timeout=30, check=False
            )
            assert second.returncode == 5
            assert "another Master Coordinator runs" in second.stderr

            device.kill()
            device.wait()
            lost = await wait_for(config, "the loss", lambda s: s["state"] == "error", 60)
            assert any(cause["cause"] == "communication_lost" for cause in lost["safety"]["causes"])
            with simulator(host, tmp_path / "simulator.log"):
                again = await wait_for(
                    config,
                    "charging again",
                    lambda s: s["mode"]["mode"] == "charge" and (s["sensors"]["battery_w"] or 0) < -1000,
                    90,
                )
                assert again["inverter"]["connected"] is True
                service.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(service.wait, 30) == 0
                await asyncio.sleep(4)  # the inverter acts 3 s after the write
                ems_mode, battery_w, _ = await registers(host)
                assert ems_mode in {0, 1}
                assert battery_w > -200
    stopped = status_of(config)
    assert stopped["running"] is False
    assert stopped["state"] == "stopped"
    assert stopped["mode"]["mode"] == "self_use"
    assert "self-use" in service_log.read_text()


@pytest.mark.timeout(120)
async def test_a_killed_service_is_undone_by_restore(tmp_path: Path, cheap_prices: str) -> None:
    host = "127.0.0.92"
    config = write_configuration(tmp_path, host=host, base_url=cheap_prices, poll_s=1, lost_s=5, more=EAGER)
    with simulator(host, tmp_path / "simulator.log"):
        with process(ENTRY, "--config", config, log=tmp_path / "service.log") as service:
            await wait_for(config, "a charge", lambda s: s["mode"]["mode"] == "charge", 30)
            service.kill()
            service.wait()
        await asyncio.sleep(3.5)
        assert (await registers(host))[1] < -1000, "EMS has no time-out: the charge goes on"
        left = status_of(config)
        assert left["running"] is False
        assert "hems restore" in left["warning"]
        restore = subprocess.run(
            [sys.executable, "-m", "hems.cli", "restore", "--config", config],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert restore.returncode == 0, restore.stderr
        assert "warning" not in status_of(config)
        await asyncio.sleep(4)
        ems_mode, battery_w, _ = await registers(host)
        assert ems_mode in {0, 1}
        assert battery_w > -200


@pytest.mark.timeout(120)
def test_the_shipped_configuration_runs_one_cycle_without_a_network_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    config = tmp_path / "config" / "master_coordinator_config.yaml"
    shipped = (ROOT / "config" / "master_coordinator_config.yaml").read_text()
    config.write_text(shipped.replace("https://api.raporty.pse.pl/api", "http://127.0.0.1:9/api"))
    answer = subprocess.run(
        [sys.executable, ENTRY, "--test", "--json", "--config", config],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["test"]["executed"] is False
    assert report["decision"]["score"]["total"] is not None
    assert report["price"]["origin"] == "typical_day"
    assert report["writes_today"] == 0


@pytest.mark.timeout(120)
def test_an_executed_test_proves_itself_and_gives_the_inverter_back(tmp_path: Path) -> None:
    host = "127.0.0.93"
    config = write_configuration(tmp_path, host=host, poll_s=1, lost_s=5)
    with simulator(host, tmp_path / "simulator.log", "--soc", "15"):
        time.sleep(2)
        answer = subprocess.run(
            [sys.executable, ENTRY, "--test", "--execute", "--json", "--config", config],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        report = json.loads(answer.stdout)
        assert report["decision"]["mode"] == "charge"
        assert report["test"]["succeeded"] is True, report["test"]
        assert asyncio.run(registers(host))[0] in {0, 1}


def test_a_wrong_configuration_names_line_and_what_is_allowed(tmp_path: Path) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text("inverter:\n  ip_adress: simulator\n  port: 99999\n")
    for option in ((), ("--status",), ("--test",)):
        answer = subprocess.run(
            [sys.executable, ENTRY, *option, "--config", config], capture_output=True, text=True, check=False
        )
        assert answer.returncode == 2
        assert f"{config}:2:3: inverter.ip_adress" in answer.stderr
        assert ":3:9: inverter.port" in answer.stderr
        assert "Traceback" not in answer.stderr
