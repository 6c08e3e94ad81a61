"""Tokens, guesses, and a file that cannot be read: each against the real door."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter

from hems.web.access import door as door_module
from hems.web.access.access_file import write_access
from hems.web.access.door import COOKIE, Caller
from hems.web.access.guard import unguarded
from hems.web.access.records import Access
from hems.web.access.throttle import FREE_GUESSES_OF_ALL
from support.door_tools import PASSWORD, START, Place, kept_password, log_in, slug, token_for

LIVE, ORDERS, SESSION = "/api/v1/live", "/api/v1/orders", "/api/v1/session"


@pytest.fixture
def locked(tmp_path: Path) -> Place:
    """Return a place with a password."""
    return Place(tmp_path, Access(password=kept_password()))


class TestTokens:
    """Programs: a key with a scope."""

    def test_scopes(self, tmp_path: Path) -> None:
        (read, kept_read), (control, kept_control) = token_for("read"), token_for("control")
        place = Place(tmp_path, Access(password=kept_password(), tokens=(kept_read, kept_control)))
        looks, orders = (place.browser(peer="10.0.0.9", Authorization=f"Bearer {key}") for key in (read, control))
        assert looks.get(LIVE).json() == {"name": "a read token", "kind": "token"}
        answer = looks.post(ORDERS, json={})
        assert (answer.status_code, slug(answer)) == (403, "scope-needed")
        assert orders.get(LIVE).status_code == 200
        assert orders.post(ORDERS, json={}).status_code == 200
        told = looks.get(SESSION).json()
        assert told["caller"] == {"name": "a read token", "kind": "token", "scopes": ["read"]}
        assert told["csrf_token"] is None

    def test_a_token_needs_no_word_of_a_browser(self, tmp_path: Path) -> None:
        key, kept = token_for("control")
        place = Place(tmp_path, Access(password=kept_password(), tokens=(kept,)))
        browser = place.browser(Authorization=f"bearer {key}", Origin="https://app.example")
        assert browser.post(ORDERS, content="x", headers={"Content-Type": "text/plain"}).status_code == 200

    def test_a_revoked_or_expired_one_stops_at_once(self, tmp_path: Path) -> None:
        (key, kept), (short, kept_short) = token_for("read"), token_for("control", START + timedelta(days=1))
        access = Access(password=kept_password(), tokens=(kept, kept_short))
        place = Place(tmp_path, access)
        browser, brief = (place.browser(Authorization=f"Bearer {one}") for one in (key, short))
        caller = Caller(name="", kind="token", scopes=frozenset(), digest=kept.digest)
        assert (browser.get(LIVE).status_code, brief.get(LIVE).status_code) == (200, 200)
        assert place.door.still_lets_in(caller)
        place.clock.passed = timedelta(days=1)
        assert brief.get(LIVE).status_code == 401
        write_access(place.directory, replace(access, tokens=()))
        answer = browser.get(LIVE)
        assert (answer.status_code, slug(answer)) == (401, "unknown-token")
        assert not place.door.still_lets_in(caller)

    @pytest.mark.parametrize(
        "value",
        [
            "Bearer",
            "Bearer ",
            "Bearer hems_",
            "Bearer hems_" + "a" * 43,
            "Bearer \xff\xfe",
            "bEARER x y",
            "Bearer " + "a" * 9000,
        ],
    )
    def test_a_wrong_one_is_refused_even_beside_what_would_do(self, tmp_path: Path, value: str) -> None:
        browser = Place(tmp_path).browser()
        assert browser.get(LIVE).status_code == 200
        assert browser.get(LIVE, headers={b"Authorization": value.encode("latin-1")}).status_code == 401

    def test_two_are_none(self, tmp_path: Path) -> None:
        key, kept = token_for("read")
        place = Place(tmp_path, Access(password=kept_password(), tokens=(kept,)))
        headers = [("Authorization", f"Bearer {key}"), ("Authorization", "Bearer x")]
        assert place.browser().get(LIVE, headers=headers).status_code == 401

    def test_a_proxys_own_log_in_does_not_hide_the_session(self, locked: Place) -> None:
        browser = locked.logged_in()
        assert browser.get(LIVE, headers={"Authorization": "Basic eDp5"}).status_code == 200

    def test_what_is_kept_of_a_token_is_no_token(self, tmp_path: Path) -> None:
        _, kept = token_for("control")
        place = Place(tmp_path, Access(password=kept_password(), tokens=(kept,)))
        for value in (kept.digest, f"hems_{kept.digest}", f"hems_{kept.digest[:43]}", kept.last_four):
            assert place.browser(Authorization=f"Bearer {value}").get(LIVE).status_code == 401


class TestGuessing:
    """Five guesses, then ever longer waits."""

    def test_five_then_waits_that_double(self, locked: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(door_module, "is_password", lambda *_: False)
        browser = locked.browser(peer="192.168.1.66")
        for _ in range(5):
            assert log_in(browser, "wrong password").status_code == 401
        waits = []
        for _ in range(8):
            answer = log_in(browser, PASSWORD)
            assert (answer.status_code, slug(answer)) == (429, "too-many-guesses")
            assert answer.json()["retry_after_s"] == int(answer.headers["retry-after"])
            waits.append(int(answer.headers["retry-after"]))
            locked.clock.passed += timedelta(seconds=waits[-1])
            assert log_in(browser, "wrong password").status_code == 401
        assert waits == [15, 30, 60, 120, 240, 480, 900, 900]
        assert log_in(locked.browser(peer="192.168.1.67"), "wrong password").status_code == 401

    def test_many_addresses_together_are_slowed_down_too(self, locked: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(door_module, "is_password", lambda *_: False)
        codes = [
            log_in(locked.browser(peer=f"10.0.0.{n}"), "guess").status_code for n in range(FREE_GUESSES_OF_ALL + 1)
        ]
        assert codes == [401] * FREE_GUESSES_OF_ALL + [429]

    def test_guesses_side_by_side_are_not_free(self, locked: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        running, most, lock = 0, 0, threading.Lock()

        def slow(*_: object) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            threading.Event().wait(0.02)
            with lock:
                running -= 1
            return False

        monkeypatch.setattr(door_module, "is_password", slow)
        with locked.browser(peer="192.168.1.66") as browser, ThreadPoolExecutor(12) as pool:
            codes = sorted(answer.status_code for answer in pool.map(lambda _: log_in(browser, "guess"), range(24)))
        assert codes == [401] * 5 + [429] * 19
        assert most == 1

    def test_the_right_one_clears_the_count(self, locked: Place) -> None:
        browser = locked.browser()
        for _ in range(2):
            for _ in range(4):
                assert log_in(browser, "wrong password").status_code == 401
            assert log_in(browser).status_code == 200


class TestWhatCannotBeRead:
    """Nobody gets in, and the log says why; it is never taken for no password."""

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{}",
            b"null",
            b"[]",
            b"\xff",
            b'{"version": 1}',
            b'{"version": 2, "password": null, "tokens": []}',
            b"x" * 200_000,
        ],
    )
    def test_a_damaged_file_closes_the_door(
        self, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        key, kept = token_for("control")
        place = Place(tmp_path, Access(password=kept_password(), tokens=(kept,)))
        browser, program = place.logged_in(), place.browser(Authorization=f"Bearer {key}")
        (place.directory / "access.json").write_bytes(content)
        for answer in (browser.get(LIVE), program.get(LIVE), place.browser().get(LIVE), log_in(place.browser())):
            assert (answer.status_code, slug(answer)) == (503, "access-unknown")
        assert place.browser().get(SESSION).json()["log_in"] == "impossible"
        assert len([record for record in caplog.records if "lets nobody in" in record.message]) == 1
        assert not place.door.still_lets_in(Caller(name="", kind="local", scopes=frozenset()))

    def test_a_file_that_vanishes_closes_the_door(self, locked: Place) -> None:
        assert locked.browser().get(LIVE).status_code == 401
        (locked.directory / "access.json").unlink()
        assert locked.browser().get(LIVE).status_code == 503

    def test_a_pipe_or_directory_in_its_place_closes_the_door(self, tmp_path: Path) -> None:
        import os

        for name, make in (("pipe", os.mkfifo), ("directory", os.mkdir)):
            place = Place(tmp_path / name)
            place.directory.mkdir(parents=True)
            make(place.directory / "access.json")
            assert place.browser().get(LIVE).status_code == 503

    def test_mended_it_opens_without_a_restart(self, tmp_path: Path) -> None:
        place = Place(tmp_path, Access(password=kept_password()))
        (place.directory / "access.json").write_text("{")
        assert place.browser().get(LIVE).status_code == 503
        write_access(place.directory, Access())
        assert place.browser().get(LIVE).status_code == 200
        write_access(place.directory, Access(password=kept_password()))
        assert place.browser().get(LIVE).status_code == 401


class TestDescription:
    """The OpenAPI document says how to get in."""

    def test_both_schemes_are_described(self, tmp_path: Path) -> None:
        document = Place(tmp_path).app.openapi()
        schemes = document["components"]["securitySchemes"]
        assert (schemes["session"]["type"], schemes["session"]["in"], schemes["session"]["name"]) == (
            "apiKey",
            "cookie",
            COOKIE,
        )
        assert (schemes["token"]["type"], schemes["token"]["scheme"]) == ("http", "bearer")
        assert document["paths"][LIVE]["get"]["security"] == [{"session": []}, {"token": []}]
        assert "security" not in document["paths"][SESSION]["get"]

    def test_a_route_without_a_guard_is_found(self, tmp_path: Path) -> None:
        assert unguarded(Place(tmp_path).app) == []
        app, router = Place(tmp_path).app, APIRouter(prefix="/api/v1")

        @router.get("/forgotten")
        async def forgotten() -> None:
            return None

        app.include_router(router)
        assert unguarded(app) == ["GET /api/v1/forgotten"]
