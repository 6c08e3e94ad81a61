"""What listens does so on loopback; what is spoken to was configured. Seen from the kernel and from an audit hook."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hems.adapters.clock import SystemClock
from hems.simulation.price_server import PriceServer, PriceServerOptions
from support.dashboard import free_port
from support.household import write_configuration
from support.service_process import hems, listening_sockets, running_service

LOOPBACK_V4 = "7F"
"""How the kernel writes the first byte of 127.0.0.0/8, last in its little-endian word."""


def is_loopback(address: str) -> bool:
    return address.endswith(LOOPBACK_V4) if len(address) == 8 else address == "0" * 24 + "01000000"


def serving(arguments: Sequence[str], folder: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """Start ``hems simulate`` and return it with the lines it printed up to its first state."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hems.cli", "simulate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if "SoC" in line or "PV" in line:
            break
    return process, lines


@pytest.mark.parametrize(
    ("arguments", "loopback"),
    [
        (["--udp", "0", "--tcp", "0"], True),
        (["--host", "localhost", "--udp", "0", "--tcp", "0"], True),
        (["--host", "127.0.0.77", "--udp", "0"], True),
        (["--host", "0.0.0.0", "--udp", "0", "--tcp", "0"], False),  # noqa: S104 - asked for, and told
    ],
)
@pytest.mark.slow
def test_the_simulator_listens_on_loopback_unless_told_otherwise_and_then_says_so(
    tmp_path: Path, arguments: list[str], loopback: bool
) -> None:
    process, lines = serving(arguments, tmp_path)
    try:
        sockets = listening_sockets([process.pid])
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert len(sockets) >= 1 + ("--tcp" in arguments), lines
    assert all(is_loopback(address) for _, address, _ in sockets) is loopback, sockets
    warned = any("other machines" in line for line in lines)
    assert warned is not loopback, lines


async def test_the_price_server_listens_on_loopback() -> None:
    async with PriceServer({}, SystemClock(), PriceServerOptions()) as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        mine = {entry for entry in listening_sockets([os.getpid()]) if entry[2] == port}
    assert len(mine) == 1
    assert all(is_loopback(address) for _, address, _ in mine)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_the_service_speaks_only_to_what_was_configured(tmp_path: Path) -> None:
    async with PriceServer({"csdac-pln": [], "rce-pln": []}, SystemClock(), PriceServerOptions()) as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        dashboard = free_port()
        more = f"web: {{port: {dashboard}}}"
        config = write_configuration(tmp_path, base_url=server.base_url, poll_s=1, lost_s=5, more=more)
        environment = {"http_proxy": "", "https_proxy": "", "all_proxy": "", "NO_PROXY": "*"}
        with running_service(config, environment=environment) as service:
            await asyncio.to_thread(
                service.wait_for,
                "a reading",
                lambda status: (status["sensors"] or {}).get("battery_soc_pct") is not None,
            )
            await asyncio.to_thread(
                service.wait_for,
                "an answer of the price server",
                lambda status: status["prices"]["markets"]["day_ahead"]["attempts"] >= 1,
            )
            await asyncio.to_thread(service.wait_for, "the dashboard", lambda status: status["web"]["open"])
            sockets = listening_sockets([service.process.pid])
            assert await asyncio.to_thread(service.stop) == 0
        assert server.requests
    found = service.addresses()
    inverter = {host for event, host, listening in found if event == "socket.bind" and listening == 8899}
    assert inverter, "the built-in simulator"  # it looks for an address that no other one on this machine has
    assert all(host.startswith("127.") for host in inverter)
    assert len([port for protocol, _, port in sockets if (protocol, port) == ("udp", 8899)]) == 1
    spoken_to = {(host, to) for event, host, to in found if event != "socket.bind"}
    simulated = {host for host, to in spoken_to if to == 8899}
    assert len(simulated) == 1
    others = {entry for entry in spoken_to if entry[1] != 8899 and entry != ("127.0.0.1", port)}
    replies = {entry for entry in others if entry[0].startswith("127.")}  # to the ports our own questions came from
    assert others == replies, "nobody else"
    assert ("tcp", dashboard) in {(protocol, port) for protocol, _, port in sockets}
    assert all(is_loopback(address) for _, address, _ in sockets), sockets


@pytest.mark.slow
def test_a_status_question_speaks_to_nobody(tmp_path: Path) -> None:
    config = write_configuration(tmp_path)
    script = (
        "import sys\n"
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(f'it did {event}'))\n"
        "from hems.cli import main\n"
        f"sys.argv = ['hems', 'status', '--config', {str(config)!r}]\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "has not run yet" in done.stdout
    assert hems("status", "--config", config, folder=tmp_path)[0] == 3
