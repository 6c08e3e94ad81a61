"""What a connection may cost before anybody knows who asks, on real sockets; and a server that fails and comes back."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from hems.web import server, wire
from hems.web.server import ServerOptions, WebServer

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


class Served:
    """Answers every request once its body is there; ``/slow`` a second later. Opens only after ``failures`` tries."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.headers: list[bytes] = []

    def why_closed(self) -> str | None:
        return None

    def open(self) -> ASGIApp:
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("not this time")
        return self

    def close(self) -> None:
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        self.headers = [name for name, _ in scope["headers"]]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"we", "more_body": True})
        if scope["path"] == "/slow":
            await asyncio.sleep(1.0)
        await send({"type": "http.response.body", "body": b"ll"})


@contextmanager
def serving(content: Served, told: list[tuple[str, str]] | None = None) -> Iterator[int]:
    """Serve ``content`` and yield the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    heard = [] if told is None else told
    running = WebServer(content, ServerOptions(host="127.0.0.1", port=port), lambda *what: heard.append(what))
    running.start()
    try:
        wait_until(lambda: any(severity == "info" for severity, _ in heard))
        yield port
    finally:
        running.stop()


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def rest_of(connection: socket.socket) -> bytes:
    """Return what comes until the server hangs up."""
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def sent_before_refusal(port: int, beginning: bytes, piece: bytes) -> int:
    """Send ``piece`` again and again; return how many bytes went out before the server hung up, 64 MB at most."""
    sent = 0
    with connect(port) as connection:
        connection.sendall(beginning)
        try:
            while sent < 64_000_000:
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
    return sent


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET /", b"a" * 65_536),
        (HEAD + b"X-A: ", b"a" * 65_536),
        (HEAD, b"X-A: b\r\n" * 8192),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 8192),
        (b"", b"\r\n" * 32_768),
    ],
    ids=["address", "one header", "many headers", "trailers", "empty lines"],
)
def test_a_request_that_never_ends_is_hung_up_on(beginning: bytes, piece: bytes) -> None:
    with serving(Served()) as port:
        # What the kernel keeps on its way counts as sent: some megabytes on loopback.
        assert sent_before_refusal(port, beginning, piece) < 32_000_000


def test_ordinary_requests_one_after_another_are_answered() -> None:
    with serving(Served()) as port, connect(port) as connection:
        for size in (0, 10, 60_000):
            connection.sendall(HEAD + b"Content-Length: %d\r\nX-A: %s\r\n\r\n" % (size, b"a" * 8000) + b"b" * size)
            answer = b""
            while not answer.endswith(b"well"):
                piece = connection.recv(65536)
                assert piece, answer
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200")


def test_a_trailer_is_no_header() -> None:
    content = Served()
    with serving(content) as port, connect(port) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        connection.sendall(b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        assert rest_of(connection).endswith(b"well")
    assert b"host" in content.headers
    assert b"authorization" not in content.headers


def test_too_many_connections_are_hung_up_on_and_those_before_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECTIONS_HELD_MAX", 5)
    with serving(Served()) as port:
        held = [connect(port) for _ in range(5)]
        further = [connect(port) for _ in range(4)]
        assert [rest_of(one) for one in further] == [b""] * 4
        held[0].sendall(HEAD + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert rest_of(held[0]).endswith(b"well")
        for one in (*held, *further):
            one.close()


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET / HTT", HEAD + b"Content-Length: 9\r\n\r\nabc"],
    ids=["silent", "half a head", "half a body"],
)
def test_whoever_does_not_end_what_he_asks_is_hung_up_on(beginning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_WITHIN_S", 0.3)
    with serving(Served()) as port, connect(port) as connection:
        connection.sendall(beginning)
        began = time.monotonic()
        rest_of(connection)
        assert time.monotonic() - began < 5.0


def test_an_empty_line_between_two_requests_keeps_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_WITHIN_S", 0.3)
    with serving(Served()) as port, connect(port) as connection:
        connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
        answer = b""
        while not answer.endswith(b"well"):
            answer += connection.recv(65536)
        connection.sendall(b"\r\n")
        began = time.monotonic()
        rest_of(connection)
        assert time.monotonic() - began < 5.0


def test_an_answer_may_take_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_WITHIN_S", 0.3)
    with serving(Served()) as port, connect(port) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert rest_of(connection).endswith(b"well")


def test_bad_requests_write_no_lines_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Served()) as port:
        for _ in range(20):
            with connect(port) as connection:
                connection.sendall(b"no request\r\n\r\n")
                assert b" 400 " in rest_of(connection)
    assert [one.getMessage() for one in caplog.records if "nvalid" in one.getMessage()] == []


def test_a_server_that_fails_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RETRY_S", 0.05)
    told: list[tuple[str, str]] = []
    with serving(Served(failures=2), told) as port, connect(port) as connection:
        connection.sendall(HEAD + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert rest_of(connection).endswith(b"well")
    assert [severity for severity, _ in told] == ["error", "info"]
    assert "not this time" in told[0][1]
