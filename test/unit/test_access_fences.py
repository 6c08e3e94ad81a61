"""Every answer binds the browser, and no body is larger than any of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from hems.web.access.fences import BODY_MAX_BYTES, BodyLimit, SecurityHeaders
from hems.web.access.records import Access
from support.door_tools import Place, kept_password, slug

LIVE, ORDERS = "/api/v1/live", "/api/v1/orders"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", LIVE, 200),
        ("GET", "/healthz", 200),
        ("GET", "/nothing", 404),
        ("PUT", LIVE, 405),
        ("GET", "/api/v1/defect", 500),
        ("POST", "/api/v1/session", 422),
    ],
)
def test_every_answer_wears_the_headers(tmp_path: Path, method: str, path: str, status: int) -> None:
    with capture_logs():  # laying out the defect's traceback would take seconds
        answer = Place(tmp_path).browser().request(method, path, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert all("http" not in value and "unsafe" not in value and "*" not in value for value in policy.values())
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert "strict-transport-security" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    assert (answer.headers.get("cache-control") == "no-store") is path.startswith("/api/")


def test_no_other_page_may_read_unless_it_is_named(tmp_path: Path) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    named = Place(tmp_path / "named", cors_origins=("https://home.example",))
    for place, origin, is_let in (
        (Place(tmp_path / "none"), "https://home.example", False),
        (named, "https://home.example", True),
        (named, "https://home.example.evil.example", False),
        (named, "http://home.example", False),
        (named, "null", False),
    ):
        answer = place.browser().options(ORDERS, headers={"Origin": origin, **asked})
        assert (answer.headers.get("access-control-allow-origin") == origin) is is_let
        assert "*" not in answer.headers.get("access-control-allow-origin", "")
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(("size", "status"), [(BODY_MAX_BYTES, 200), (BODY_MAX_BYTES + 1, 413)])
def test_a_body_is_bounded(tmp_path: Path, size: int, status: int) -> None:
    browser = Place(tmp_path).browser(**{"Content-Type": "application/json"})
    answer = browser.post(ORDERS, content=b"x" * size)
    assert answer.status_code == status

    def pieces() -> Any:
        for start in range(0, size, 10_000):
            yield b"x" * min(10_000, size - start)

    chunked = browser.post(ORDERS, content=pieces())
    assert "content-length" not in chunked.request.headers
    assert chunked.status_code == status
    if status == 200:
        assert (answer.json()["bytes"], chunked.json()["bytes"]) == (size, size)
    else:
        assert slug(answer) == slug(chunked) == "body-too-large"
        assert answer.headers["connection"] == "close"


def test_a_stranger_cannot_have_a_large_body_read(tmp_path: Path) -> None:
    browser = Place(tmp_path, Access(password=kept_password())).browser(peer="10.0.0.9")
    assert browser.post("/api/v1/session", content=b"x" * 10**6).status_code == 413


class _Body:
    """A sender whose pieces are counted."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.taken = 0

    async def __call__(self) -> Message:
        self.taken += 1
        return self.messages.pop(0)


async def _ask(limit: int, headers: dict[bytes, bytes], receive: _Body) -> tuple[list[Message], list[Message]]:
    seen: list[Message] = []
    sent: list[Message] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        seen.append(await receive())
        seen.append(await receive())

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers.items())}
    await BodyLimit(app, limit)(scope, receive, send)
    return seen, sent


def _piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_what_is_said_to_be_too_large_is_not_read_at_all() -> None:
    receive = _Body()
    for length in (b"11", b"-1", b"1e1", b"9" * 40, b"", "١".encode()):
        seen, sent = await _ask(10, {b"content-length": length}, receive)
        assert (seen, sent[0]["status"]) == ([], 413)
    assert receive.taken == 0


async def test_what_grows_too_large_is_read_no_further() -> None:
    receive = _Body(*(_piece(b"12345", more=True) for _ in range(100)))
    seen, sent = await _ask(10, {b"transfer-encoding": b"chunked"}, receive)
    assert (seen, sent[0]["status"], receive.taken) == ([], 413, 3)


async def test_the_body_arrives_whole_and_then_what_comes() -> None:
    receive = _Body(_piece(b"123", more=True), _piece(b"45", more=False), {"type": "http.disconnect"})
    seen, sent = await _ask(10, {b"content-length": b"5"}, receive)
    assert seen == [_piece(b"12345", more=False), {"type": "http.disconnect"}]
    assert sent == []


async def test_who_hangs_up_meanwhile_is_not_answered() -> None:
    seen, sent = await _ask(10, {b"content-length": b"5"}, _Body(_piece(b"1", more=True), {"type": "http.disconnect"}))
    assert (seen, sent) == ([], [])


async def test_under_a_sub_path_the_api_stays_out_of_caches() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"public")]})

    for root, path, cached in (("", "/api/v1/live", False), ("/hems", "/hems/api/v1/live", False), ("", "/a.js", True)):
        sent: list[Message] = []

        async def send(message: Message, into: list[Message] = sent) -> None:
            into.append(message)

        await SecurityHeaders(app)({"type": "http", "path": path, "root_path": root}, _Body(), send)
        values = [value for name, value in sent[0]["headers"] if name == b"cache-control"]
        assert values == [b"public" if cached else b"no-store"]
