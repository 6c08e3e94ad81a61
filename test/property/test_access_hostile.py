"""Whatever a request carries, the door lets it in or refuses it in words; it never breaks, and luck opens nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import Request

from hems.web.access.door import COOKIE, Caller
from hems.web.access.origins import names_loopback, why_foreign, why_not_local
from hems.web.access.records import Access, access_from_json
from hems.web.problems import Problem
from support.door_tools import Place, kept_password, token_for

NAMES = ["host", "origin", "referer", "authorization", "cookie", "content-type", "content-length", "x-csrf-token"]
NAMES += ["sec-fetch-site", "x-forwarded-for", "x-forwarded-host", "forwarded", "transfer-encoding"]
GOOD = ["127.0.0.1", "localhost:8080", "[::1]", "http://localhost", "Bearer x", f"{COOKIE}=x", "application/json", "0"]
values = st.one_of(st.sampled_from([value.encode() for value in GOOD]), st.binary(max_size=60))
headers = st.lists(st.tuples(st.sampled_from([name.encode() for name in NAMES]), values), max_size=8)
methods = st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PATCH", "X"])
versions = st.sampled_from(["1.0", "1.1"])
peers = st.sampled_from(["127.0.0.1", "::1", "10.0.0.9", "fd00::1", ""])


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[Place, Place]]:
    """Yield a house without and one with a password."""
    with tempfile.TemporaryDirectory() as folder:
        locked = Access(password=kept_password(), tokens=(token_for("control")[1],))
        yield Place(Path(folder) / "open"), Place(Path(folder) / "locked", locked)


def enter(place: Place, scope: dict[str, object]) -> Caller | int:
    try:
        return place.door.enter(Request(scope))  # type: ignore[arg-type]
    except Problem as problem:
        return problem.status if problem.detail else 0


@given(headers, methods, versions, peers)
def test_nothing_gets_in_by_luck(
    places: tuple[Place, Place], sent: list[tuple[bytes, bytes]], method: str, version: str, peer: str
) -> None:
    scope = {
        "type": "http",
        "method": method,
        "path": "/api/v1/live",
        "query_string": b"",
        "http_version": version,
        "headers": sent,
        "client": (peer, 1) if peer else None,
    }
    open_house, locked = places
    assert enter(locked, scope) == 401
    found = enter(open_house, scope)
    if isinstance(found, int):
        assert found in (401, 403, 415)
        return
    hosts = [value for name, value in sent if name == b"host"]
    assert found.kind == "local"
    assert peer in ("127.0.0.1", "::1")
    assert version == "1.1"
    assert len(hosts) == 1
    assert hosts[0].lower().startswith((b"127.", b"localhost", b"[::1]", b"[::ffff:127.", b"[0:", b"[::"))
    assert not any(name.startswith((b"x-forwarded", b"forwarded")) for name, _ in sent)


@given(st.text(st.characters(max_codepoint=255), max_size=40), st.sampled_from(["http://", "https://", ""]))
def test_names_are_judged_without_a_fault(name: str, scheme: str) -> None:
    names_loopback(name)
    raw = Headers({"host": "127.0.0.1", "origin": scheme + name})
    why_foreign(raw)
    why_not_local("127.0.0.1", "1.1", raw, ())


@given(st.from_regex(r"[a-z0-9.-]{1,20}\.[a-z]{2,6}(:[0-9]{1,5})?", fullmatch=True))
def test_no_public_name_is_this_machine(name: str) -> None:
    assert not names_loopback(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
bodies = json_values | st.fixed_dictionaries({"version": st.just(1), "password": json_values, "tokens": json_values})


@given(bodies)
def test_a_file_of_anything_is_understood_or_refused(body: object) -> None:
    try:
        access = access_from_json(body)
    except ValueError:
        return
    assert access == Access()
