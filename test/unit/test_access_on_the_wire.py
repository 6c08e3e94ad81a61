"""The door behind the real server: what arrives as bytes, proxies included."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from hems.web.access.opening import proxies_believed
from hems.web.access.records import Access
from support.door_tools import PASSWORD, Place, kept_password


@contextmanager
def served(place: Place) -> Iterator[int]:
    """Serve ``place`` on a port of its own with the options of the service; yield the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        place.served,
        lifespan="off",
        log_config=None,
        access_log=False,
        http="httptools",
        ws="none",
        forwarded_allow_ips=proxies_believed(()),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def ask(port: int, request: str, body: bytes = b"") -> tuple[int, str]:
    """Send ``request`` as it stands, and return the status and all that came back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer.decode("latin-1")


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield the port of a house without a password."""
    with served(Place(tmp_path_factory.mktemp("open"))) as port:
        yield port


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET /api/v1/live HTTP/1.1\nHost: 127.0.0.1\nConnection: close", 200),
        ("GET /api/v1/live HTTP/1.1\nHost: LOCALHOST:8080\nConnection: close", 200),
        ("GET /api/v1/live HTTP/1.0\nHost: 127.0.0.1", 403),
        ("GET /api/v1/live HTTP/1.0", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: 127.0.0.1\nHost: evil.example\nConnection: close", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: evil.example\nHost: 127.0.0.1\nConnection: close", 403),
        ("GET http://127.0.0.1/api/v1/live HTTP/1.1\nHost: evil.example\nConnection: close", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: 127.0.0.1@evil.example\nConnection: close", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: \nConnection: close", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: 127.0.0.1\nX-Forwarded-For: 127.0.0.1\nConnection: close", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: 127.0.0.1\nX-FORWARDED-for: 10.0.0.9\nConnection: close", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: 127.0.0.1\nReferer: https://home.example/\nConnection: close", 403),
        ("GET /api/v1/live HTTP/1.1\nHost: 127.0.0.1\nX-HTTP-Method-Override: DELETE\nConnection: close", 200),
        ("GET //api/v1/live HTTP/1.1\nHost: evil.example\nConnection: close", 404),
        ("GET /api/v1/%6cive HTTP/1.1\nHost: evil.example\nConnection: close", 403),
        ("GET /healthz/../api/v1/live HTTP/1.1\nHost: evil.example\nConnection: close", 404),
        ("GET /healthz HTTP/1.0\nHost: evil.example", 200),
    ],
)
def test_without_a_password_only_what_is_surely_from_here(open_house: int, request_text: str, status: int) -> None:
    assert ask(open_house, request_text)[0] == status


def test_a_form_of_another_page_orders_nothing(open_house: int) -> None:
    body = b'{"order": "emergency_stop"}'
    for extra in ("Content-Type: text/plain", "Content-Type: application/json\nOrigin: https://evil.example", ""):
        request = f"POST /api/v1/orders HTTP/1.1\nHost: 127.0.0.1\nConnection: close\nContent-Length: {len(body)}"
        status, _ = ask(open_house, request + (f"\n{extra}" if extra else ""), body)
        assert status in (403, 415)


def test_a_body_that_grows_is_cut_off(open_house: int) -> None:
    request = (
        "POST /api/v1/orders HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\nTransfer-Encoding: chunked"
    )
    body = b"".join(b"2000\r\n" + b"x" * 0x2000 + b"\r\n" for _ in range(9)) + b"0\r\n\r\n"
    status, answer = ask(open_house, request, body)
    assert status == 413
    assert "connection: close" in answer.lower()


def test_behind_a_proxy_on_this_machine(tmp_path: Path) -> None:
    """The scheme and the guesser are the proxy's word; the cookie is for https then."""
    body = json.dumps({"password": PASSWORD}).encode()
    place = Place(tmp_path, Access(password=kept_password()))

    def request(extra: str) -> str:
        length = f"Content-Length: {len(body)}\nContent-Type: application/json\nConnection: close"
        return f"POST /api/v1/session HTTP/1.1\nHost: home.example\n{length}\n{extra}"

    with served(place) as port:
        status, answer = ask(port, request("X-Forwarded-Proto: https\nX-Forwarded-For: 203.0.113.9"), body)
        assert status == 200
        cookie = next(line for line in answer.splitlines() if line.lower().startswith("set-cookie"))
        assert "; Secure" in cookie
        _, answer = ask(port, request("X-Forwarded-Proto: http"), body)
        assert "Secure" not in answer
        wrong = b'{"password": "' + b"x" * (len(body) - 16) + b'"}'
        assert len(wrong) == len(body)
        codes = [ask(port, request("X-Forwarded-For: 203.0.113.66"), wrong)[0] for _ in range(6)]
        assert codes == [401] * 5 + [429]
        assert ask(port, request("X-Forwarded-For: 203.0.113.9"), body)[0] == 200
