"""The server opens when it may, says why it does not, and ends in time whatever is still open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from hems.web import server as module
from hems.web.server import ServerOptions, WebServer


class Page:
    """What is served: a word, a stream that never ends, and a reason to stay closed."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.opened = 0

    def why_closed(self) -> str | None:
        return self.reason

    def open(self) -> ASGIApp:
        self.opened += 1

        async def word(_request: Request) -> PlainTextResponse:
            return PlainTextResponse("here")

        async def endless(_request: Request) -> StreamingResponse:
            async def lines():  # type: ignore[no-untyped-def]
                import asyncio

                while True:
                    yield b"more\n"
                    await asyncio.sleep(0.05)

            return StreamingResponse(lines())

        return Starlette(routes=[Route("/", word), Route("/endless", endless)])

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/", timeout=2).text == "here"
    except httpx2.TransportError:
        return False


def test_it_serves_and_ends_and_says_where() -> None:
    told: list[tuple[str, str]] = []
    port = free_port()
    server = WebServer(Page(), ServerOptions(host="127.0.0.1", port=port), lambda *words: told.append(words))
    server.start()
    wait_for(lambda: answers(port))
    server.stop()
    assert not answers(port)
    assert told == [("info", f"the dashboard is at http://127.0.0.1:{port}/")]


def test_a_taken_port_is_told_once_and_tried_again() -> None:
    told: list[tuple[str, str]] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = WebServer(Page(), ServerOptions(host="127.0.0.1", port=port), lambda *words: told.append(words))
        server.start()
        wait_for(lambda: bool(told))
        time.sleep(0.35)
        assert len(told) == 1
        severity, message = told[0]
        assert severity == "error"
        assert f"port {port}" in message
        assert "web.port" in message
    wait_for(lambda: answers(port))
    server.stop()
    assert told[1:] == [("info", f"the dashboard is at http://127.0.0.1:{port}/")]


def test_it_stays_closed_for_its_reason_and_opens_without_a_restart() -> None:
    told: list[tuple[str, str]] = []
    page, port = Page(), free_port()
    page.reason = "no password is set"
    server = WebServer(page, ServerOptions(host="127.0.0.1", port=port), lambda *words: told.append(words))
    server.start()
    wait_for(lambda: bool(told))
    assert not answers(port)
    page.reason = None
    wait_for(lambda: answers(port))
    server.stop()
    assert [severity for severity, _ in told] == ["error", "info"]
    assert "no password is set" in told[0][1]
    assert page.opened == 1


def test_it_ends_in_time_with_an_open_stream() -> None:
    port = free_port()
    server = WebServer(Page(), ServerOptions(host="127.0.0.1", port=port), lambda *_: None)
    server.start()
    wait_for(lambda: answers(port))
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.recv(100)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 4.0
    client.close()
    assert not any(thread.name == "web" for thread in threading.enumerate())


def test_it_ends_before_it_has_begun() -> None:
    server = WebServer(Page(), ServerOptions(host="127.0.0.1", port=free_port()), lambda *_: None)
    server.start()
    server.stop()
    assert not any(thread.name == "web" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("0.0.0.0", "http://127.0.0.1:8080/"),  # noqa: S104
        ("::", "http://[::1]:8080/"),
        ("::1", "http://[::1]:8080/"),
        ("192.168.1.7", "http://192.168.1.7:8080/"),
    ],
)
def test_the_address_can_be_typed_into_a_browser(host: str, shown: str) -> None:
    assert ServerOptions(host=host, port=8080).address == shown
