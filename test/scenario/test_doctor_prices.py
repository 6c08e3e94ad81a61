"""Each failure of a price server, over real HTTP, is told apart."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hems.adapters.clock import SystemClock
from hems.composition.doctor import prices
from hems.composition.doctor.prices import price_findings
from hems.domain.errors import PricesUnavailable
from hems.domain.prices import Market
from hems.domain.time_grid import local_date
from hems.simulation.market import pse_rows
from hems.simulation.price_server import PriceFault, PriceServer, PriceServerOptions
from support.doctor_house import codes, house_in
from support.household import WARSAW, flat_prices


@pytest.fixture
async def server() -> AsyncIterator[PriceServer]:
    today = local_date(datetime.now(UTC), WARSAW)
    rows = {"csdac-pln": pse_rows(Market.DAY_AHEAD, flat_prices(50.0)(Market.DAY_AHEAD, today)), "rce-pln": []}
    async with PriceServer(rows, SystemClock(), PriceServerOptions(slow_s=1.0)) as running:
        yield running


FAULTS = {
    None: ("prices_fetched", "quarters of"),
    PriceFault.DOWN: ("prices_unreachable", "broke off"),
    PriceFault.SLOW: ("prices_slow", "did not"),
    PriceFault.TRICKLE: ("prices_slow", "did not finish"),
    PriceFault.RATE_LIMITED: ("prices_server_error", "429"),
    PriceFault.SERVER_ERROR: ("prices_server_error", "500"),
    PriceFault.BAD_JSON: ("prices_not_understood", "JSON"),
    PriceFault.HTML: ("prices_not_understood", "JSON"),
    PriceFault.WRONG_SHAPE: ("prices_not_understood", "value"),
    PriceFault.PARTIAL_DAY: ("prices_day_partial", "40 of"),
    PriceFault.ENDLESS: ("prices_not_understood", "next page"),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.items(), ids=[str(fault) for fault in FAULTS])
async def test_a_failure_of_the_server_is_told(
    tmp_path: Path,
    server: PriceServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: PriceFault | None,
    expected: tuple[str, str],
) -> None:
    monkeypatch.setattr(prices, "FETCH_S", 0.8)
    if fault is not None:
        server.faults = {fault}
    (finding,) = await price_findings(house_in(tmp_path, base_url=server.base_url))
    assert (finding.code, expected[1] in finding.found) == (expected[0], True), finding.found
    assert "$filter" not in finding.found, "the query says nothing to a person"


async def test_a_day_without_prices_is_told(tmp_path: Path) -> None:
    async with PriceServer({"csdac-pln": [], "rce-pln": []}, SystemClock(), PriceServerOptions()) as server:
        assert codes(await price_findings(house_in(tmp_path, base_url=server.base_url))) == ["prices_day_empty"]


async def test_a_wrong_address_on_the_right_server_is_told(tmp_path: Path, server: PriceServer) -> None:
    wrong = server.base_url.replace("/api", "/elsewhere")
    (finding,) = await price_findings(house_in(tmp_path, base_url=wrong))
    assert (finding.code, "404" in finding.found) == ("prices_request_refused", True)


@pytest.mark.parametrize(
    ("base_url", "code"),
    [
        ("http://no-such-server.invalid/api", "prices_name_unknown"),
        ("http://127.0.0.1:{closed}/api", "prices_connection_refused"),
        ("https://127.0.0.1:{plain}/api", "prices_tls"),
    ],
)
async def test_a_server_that_is_not_reached_is_told_by_why(tmp_path: Path, base_url: str, code: str) -> None:
    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(speak_plainly, "127.0.0.1", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it, and it refuses
        ports = {"closed": taken.getsockname()[1], "plain": plain.sockets[0].getsockname()[1]}
        async with plain:
            findings = await price_findings(house_in(tmp_path, base_url=base_url.format(**ports)))
            await asyncio.sleep(0.05)
    assert codes(findings) == [code]


def test_a_certificate_that_is_not_accepted_is_no_mere_encryption_fault() -> None:
    error = PricesUnavailable("cannot be reached")
    error.__cause__ = ExceptionGroup("all attempts", [ssl.SSLCertVerificationError("certificate has expired")])
    assert prices._kind_of(error).code == "prices_certificate"


async def test_a_name_server_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: object) -> object:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(prices, "in_daemon_thread", hang)
    monkeypatch.setattr(prices, "LOOK_UP_S", 0.05)
    assert codes(await price_findings(house_in(tmp_path))) == ["prices_name_slow"]
