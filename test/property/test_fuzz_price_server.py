"""A price server that means harm: every answer is refused in bounded time and memory, and leads nowhere else."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import resource
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hems.adapters.clock import SystemClock
from hems.adapters.prices.pse import PseOptions, PsePriceSource
from hems.domain.errors import PricesRefused, PricesUnavailable, RejectedData
from hems.domain.prices import Market
from hems.simulation.market import pse_rows, synthetic_day

DAY = date(2026, 10, 25)
GOOD = {"value": pse_rows(Market.DAY_AHEAD, synthetic_day(Market.DAY_AHEAD, DAY))}
REFUSALS = (PricesRefused, PricesUnavailable, RejectedData)
MEMORY_BOUND_BYTES = 300_000_000
PATIENCE_S, PATIENCE_IN_ALL_S = 0.5, 2.0


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@asynccontextmanager
async def answering(answer: bytes, *, endless: bytes = b"") -> AsyncIterator[tuple[PsePriceSource, list[bytes]]]:
    """Yield a source whose server sends ``answer``, then ``endless`` for as long as anybody takes it."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            while endless:
                writer.write(endless)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = PsePriceSource(
        PseOptions(base_url=f"http://127.0.0.1:{port}/api", timeout_s=PATIENCE_S, total_timeout_s=PATIENCE_IN_ALL_S),
        SystemClock(),
    )
    try:
        yield source, requests
    finally:
        await source.aclose()
        server.close()
        await server.wait_closed()


async def refused(answer: bytes, *, endless: bytes = b"") -> tuple[str, int]:
    """Return the refusal of ``answer`` and how many requests it led to."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with answering(answer, endless=endless) as (source, requests):
        async with asyncio.timeout(PATIENCE_IN_ALL_S + 1.5):
            with pytest.raises(REFUSALS) as caught:
                await source.fetch_day(Market.DAY_AHEAD, DAY)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MEMORY_BOUND_BYTES
    assert "http://127.0.0.1" in str(caught.value)
    assert len(str(caught.value)) < 1500
    return str(caught.value), len(requests)


def packed(times: int) -> bytes:
    body = b"\0" * 50_000_000
    for _ in range(times):
        body = gzip.compress(body, 9)
    return body


BODY = json.dumps(GOOD).encode()
NEXT = {"value": [], "nextLink": "http://127.0.0.1:1/api/csdac-pln?$after="}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reply(packed(1), "Content-Encoding: gzip"), "more than 4000000 bytes"),
        (reply(packed(2), "Content-Encoding: gzip, gzip"), "packed more than once"),
        (reply(packed(3), "Content-Encoding: gzip, gzip, gzip"), "packed more than once"),
        (reply(zlib.compress(b"\0" * 50_000_000), "Content-Encoding: deflate"), "more than 4000000 bytes"),
        (reply(b"\x1f\x8b rubbish", "Content-Encoding: gzip"), "garbled"),
        (reply(b"", "Location: http://127.0.0.2:1/elsewhere", status="302 Found"), "moved to http://127.0.0.2"),
        (reply(b"", "Location: file:///etc/passwd", status="301 Moved"), "moved to file:"),
        (reply(b"", "Location: \x1b[2J", status="301 Moved"), "moved|garbled"),
        (reply(json.dumps({"value": [{}] * 300_000}).encode()), "business_date"),
        (reply(b"[" * 1_000_000), "not JSON"),
        (reply(b'{"value": ' + b"9" * 1_000_000 + b"}"), "not JSON|without a list"),
        (reply(b'{"value": [], "nextLink": ' + json.dumps("x" * 3_000_000).encode() + b"}"), "nextLink"),
        (reply(json.dumps({"value": [], "nextLink": "http://[::1"}).encode()), "nextLink"),
        (reply(json.dumps({"value": [], "nextLink": "http://h/api/csdac-pln?\r\nX: y"}).encode()), "nextLink"),
        (reply(json.dumps({"value": [], "nextLink": "http://h/api/csdac-pln?\ud800"}).encode()), "nextLink"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n{", "garbled|broke off|did not"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx", "garbled|broke off|did not"),
        (b"HTTP/9.9 abc\r\n\r\n", "garbled|broke off"),
        (b"\0" * 100, "garbled|broke off"),
        (b"", "garbled|broke off"),
    ],
)
async def test_hostile_answers_are_refused(answer: bytes, told: str) -> None:
    said, _ = await refused(answer)
    assert re.search(told, said), said
    assert said.isprintable(), "a server must not write escape codes into a log or a terminal"


@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"y" * 1000 + b"\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_an_answer_without_end_is_cut_off(start: bytes, endless: bytes) -> None:
    await refused(start, endless=endless)


async def test_pages_that_lead_elsewhere_stay_with_the_configured_host_and_end() -> None:
    pages = {"value": [], "nextLink": "http://127.0.0.9:1/api/csdac-pln?$after=1"}
    said, requests = await refused(reply(json.dumps(pages).encode()))
    assert requests == 2
    assert "names itself" in said


@given(st.binary(max_size=300), st.integers(0, len(BODY)))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_bytes_in_place_of_an_answer(noise: bytes, cut: int) -> None:
    for answer in (noise, reply(noise), reply(BODY)[:cut], reply(BODY[:cut] + noise)):
        async with answering(answer) as (source, _):
            try:
                prices = await source.fetch_day(Market.DAY_AHEAD, DAY)
            except REFUSALS as error:
                refusal = str(error)
            else:
                assert len(prices) <= 100
                continue
        assert len(refusal) < 1500
        assert refusal.isprintable()
