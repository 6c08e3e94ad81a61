"""Who is let in, in which way, and what the others are told: each rule against the real door."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hems.web.access.access_file import write_access
from hems.web.access.door import COOKIE, CSRF_HEADER, Caller
from hems.web.access.passwords import hash_password
from hems.web.access.records import Access
from support.door_tools import PASSWORD, START, Place, kept_password, log_in, slug, token_for

LIVE, ORDERS, SESSION = "/api/v1/live", "/api/v1/orders", "/api/v1/session"


@pytest.fixture
def locked(tmp_path: Path) -> Place:
    """Return a place with a password."""
    return Place(tmp_path, Access(password=kept_password()))


class TestWithoutPassword:
    """Only who sits at the machine itself, and is seen to."""

    @pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080", "127.9.9.9:1"])
    def test_this_machine_is_let_in(self, tmp_path: Path, host: str) -> None:
        browser = Place(tmp_path).browser(host=host)
        assert browser.get(LIVE).json() == {"name": "local", "kind": "local"}
        assert browser.post(ORDERS, json={}, headers={"Origin": f"http://{host}"}).status_code == 200
        assert browser.get(SESSION).json()["log_in"] == "not_needed"

    @pytest.mark.parametrize("peer", ["192.168.1.7", "10.0.0.1", "fd00::1", "testclient", "0.0.0.0"])  # noqa: S104
    def test_another_machine_is_not(self, tmp_path: Path, peer: str) -> None:
        answer = Place(tmp_path).browser(peer=peer).get(LIVE)
        assert (answer.status_code, slug(answer)) == (403, "password-needed")
        assert "hems web passwd" in answer.json()["detail"]

    @pytest.mark.parametrize("peer", ["::1", "::ffff:127.0.0.1", "127.1.2.3"])
    def test_every_loopback_address_is_this_machine(self, tmp_path: Path, peer: str) -> None:
        assert Place(tmp_path).browser(peer=peer).get(LIVE).status_code == 200

    @pytest.mark.parametrize(
        "host",
        ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0:8080", "192.168.1.5:8080"],
    )
    def test_a_name_turned_to_this_machine_opens_nothing(self, tmp_path: Path, host: str) -> None:
        answer = Place(tmp_path).browser(host=host).get(LIVE)
        assert (answer.status_code, slug(answer)) == (403, "password-needed")

    @pytest.mark.parametrize(
        "header",
        ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via", "x-real-ip"],
    )
    def test_a_forgotten_proxy_opens_nothing(self, tmp_path: Path, header: str) -> None:
        for value in ("127.0.0.1", "for=127.0.0.1", ""):
            answer = Place(tmp_path).browser(**{header: value}).get(LIVE)
            assert (answer.status_code, slug(answer)) == (403, "password-needed")

    @pytest.mark.parametrize("header", ["Origin", "Referer"])
    def test_a_page_seen_under_another_name_opens_nothing(self, tmp_path: Path, header: str) -> None:
        for value in ("https://home.example/", "http://localhost@evil.example/", "null", "http://[", "about:blank"):
            assert Place(tmp_path).browser(**{header: value}).get(LIVE).status_code == 403
        assert Place(tmp_path).browser(**{header: "http://localhost:8080"}).get(LIVE).status_code == 200

    def test_a_page_the_owner_named_may_look_but_not_order(self, tmp_path: Path) -> None:
        place = Place(tmp_path, cors_origins=("https://home.example",))
        answer = place.browser(Origin="https://home.example").get(LIVE)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://home.example"
        assert "access-control-allow-credentials" not in answer.headers
        assert place.browser(Origin="https://home.example").post(ORDERS, json={}).status_code == 403

    def test_bound_to_the_network_not_even_this_machine_is_let_in(self, tmp_path: Path) -> None:
        for host in ("0.0.0.0", "::", "192.168.1.5"):  # noqa: S104
            answer = Place(tmp_path, host=host).browser().get(LIVE)
            assert (answer.status_code, slug(answer)) == (403, "password-needed")

    def test_a_stranger_is_told_what_to_do_and_nothing_else(self, tmp_path: Path) -> None:
        told = Place(tmp_path).browser(peer="192.168.1.7").get(SESSION).json()
        assert told["log_in"] == "impossible"
        assert "hems web passwd" in told["reason"]
        assert (told["caller"], told["csrf_token"], told["expires_at"], told["language"]) == (None, None, None, "pl")

    def test_a_stream_of_this_machine_ends_when_a_password_is_set(self, tmp_path: Path) -> None:
        place = Place(tmp_path)
        caller = Caller(name="local", kind="local", scopes=frozenset())
        assert place.door.still_lets_in(caller)
        write_access(place.directory, Access(password=kept_password()))
        assert not place.door.still_lets_in(caller)

    def test_a_token_is_let_in_from_elsewhere_too(self, tmp_path: Path) -> None:
        key, kept = token_for("read")
        place = Place(tmp_path, Access(tokens=(kept,)))
        browser = place.browser("https://home.example", peer="10.0.0.9", Authorization=f"Bearer {key}")
        assert browser.get(LIVE).status_code == 200
        assert place.browser("https://home.example", peer="10.0.0.9").get(LIVE).status_code == 403

    def test_nobody_can_log_in(self, tmp_path: Path) -> None:
        answer = log_in(Place(tmp_path).browser(), "")
        assert (answer.status_code, slug(answer)) == (409, "no-password")


@pytest.fixture(scope="module")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> tuple[TestClient, TestClient]:
    """Return a browser that needs no log-in, and one that is logged in."""
    locked = Place(tmp_path_factory.mktemp("locked"), Access(password=kept_password()))
    return Place(tmp_path_factory.mktemp("open")).browser(), locked.logged_in()


class TestChangesFromElsewhere:
    """What another web page can have a browser send changes nothing."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:9999"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none"},
            {"Sec-Fetch-Site": ""},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "multipart/form-data; boundary=application/json"},
            {"Content-Type": ""},
        ],
    )
    def test_is_refused(self, browsers: tuple[TestClient, TestClient], headers: dict[str, str]) -> None:
        for browser in browsers:
            sent = {"Content-Type": "application/json", **headers}
            assert browser.post(ORDERS, content="{}", headers=sent).status_code in (403, 415), headers
            assert browser.post(SESSION, content='{"password": "x"}', headers=sent).status_code in (403, 409, 415, 422)
            sent = {"Content-Type": "application/json; charset=utf-8", "Sec-Fetch-Site": "same-origin"}
            assert browser.post(ORDERS, content="{}", headers=sent).status_code == 200

    def test_a_log_in_from_another_page_is_refused(self, locked: Place) -> None:
        answer = log_in(locked.browser(), PASSWORD, Origin="https://evil.example")
        assert (answer.status_code, slug(answer)) == (403, "foreign-page")
        assert COOKIE not in answer.cookies

    def test_the_page_behind_a_proxy_is_our_own(self, locked: Place) -> None:
        far = {"X-Forwarded-Host": "home.example", "X-Forwarded-Proto": "https"}
        browser = locked.logged_in()
        for origin, status in (("https://home.example", 200), ("https://evil.example", 403)):
            answer = browser.post(ORDERS, json={}, headers={"Origin": origin, **far})
            assert answer.status_code == status
        same = {"Origin": "https://home.example:443", "Host": "home.example"}
        assert log_in(locked.browser(**same)).status_code == 200

    def test_an_order_without_a_body_needs_no_type(self, tmp_path: Path) -> None:
        assert Place(tmp_path).browser().post(ORDERS).status_code == 200


class TestPassword:
    """With a password everybody needs a log-in or a token, this machine too."""

    def test_from_this_machine_too(self, locked: Place) -> None:
        answer = locked.browser().get(LIVE)
        assert (answer.status_code, slug(answer)) == (401, "log-in-needed")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert locked.browser().post(ORDERS, json={}).status_code == 401

    def test_what_is_free(self, locked: Place) -> None:
        browser = locked.browser(peer="192.168.1.7")
        assert browser.get("/healthz").status_code == 200
        assert browser.get(SESSION).json() == {
            "log_in": "needed",
            "reason": None,
            "caller": None,
            "csrf_token": None,
            "expires_at": None,
            "language": "pl",
        }

    def test_a_log_in_opens_and_a_log_out_closes(self, locked: Place) -> None:
        browser = locked.logged_in(peer="192.168.1.7", base_url="http://192.168.1.5:8080")
        assert browser.get(LIVE).json() == {"name": "owner", "kind": "session"}
        assert browser.post(ORDERS, json={}).json()["name"] == "owner"
        told = browser.get(SESSION).json()
        assert told["caller"] == {"name": "owner", "kind": "session", "scopes": ["control", "read"]}
        assert told["csrf_token"] == browser.headers[CSRF_HEADER]
        assert told["expires_at"] == "2026-12-23T06:00:00Z"
        stolen = browser.cookies[COOKIE]
        assert browser.delete(SESSION).status_code == 204
        assert COOKIE not in browser.cookies
        assert locked.browser(Cookie=f"{COOKIE}={stolen}").get(LIVE).status_code == 401
        locked.restart()
        assert locked.browser(Cookie=f"{COOKIE}={stolen}").get(LIVE).status_code == 401

    @pytest.mark.parametrize("password", ["", "wrong password", PASSWORD + " ", PASSWORD.upper(), "x" * 2000])
    def test_a_wrong_one_does_not(self, locked: Place, password: str) -> None:
        answer = log_in(locked.browser(), password)
        assert (answer.status_code, slug(answer)) == (401, "wrong-password")
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "{",
            "[]",
            "{}",
            '{"password": 1}',
            '{"password": null}',
            '{"password": "hidden-word", "x": 1}',
            '{"password": "\\ud800hidden-word"}',
        ],
    )
    def test_what_is_no_log_in_is_told_without_repeating_it(self, locked: Place, body: str) -> None:
        answer = locked.browser().post(SESSION, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert "hidden-word" not in answer.text

    def test_one_way_of_writing_a_letter_is_as_good_as_another(self, locked: Place) -> None:
        import unicodedata

        other = unicodedata.normalize("NFD", PASSWORD)
        assert other != PASSWORD
        assert log_in(locked.browser(), other).status_code == 200

    def test_a_change_needs_the_sessions_own_token(self, locked: Place) -> None:
        browser, other = locked.logged_in(), locked.logged_in()
        own = browser.headers.pop(CSRF_HEADER)
        for wrong in ("", "x", "ó" * 64, other.headers[CSRF_HEADER], own[:-1]):
            answer = browser.post(ORDERS, json={}, headers={CSRF_HEADER: wrong.encode("latin-1")})
            assert (answer.status_code, slug(answer)) == (403, "csrf-token-needed")
        assert browser.delete(SESSION).status_code == 403
        assert browser.post(ORDERS, json={}, headers={CSRF_HEADER: own}).status_code == 200

    def test_a_new_password_ends_every_session_at_once(self, locked: Place) -> None:
        browser = locked.logged_in()
        caller = Caller(
            name="owner", kind="session", scopes=frozenset(), digest=next(iter(locked.door.sessions._sessions))
        )
        assert locked.door.still_lets_in(caller)
        again = hash_password(PASSWORD, START)  # the same word: the session ends all the same
        write_access(locked.directory, Access(password=again))
        assert browser.get(LIVE).status_code == 401
        assert not locked.door.still_lets_in(caller)

    def test_sessions_outlive_a_restart_and_slide(self, locked: Place) -> None:
        browser = locked.logged_in()
        cookie = f"{COOKIE}={browser.cookies[COOKIE]}"
        for _ in range(4):
            locked.clock.passed += timedelta(days=20)
            locked.restart()
            assert locked.browser(Cookie=cookie).get(LIVE).status_code == 200
        locked.clock.passed += timedelta(days=30)
        assert locked.browser(Cookie=cookie).get(LIVE).status_code == 401

    def test_a_new_log_in_ends_the_old_one_of_the_same_browser(self, locked: Place) -> None:
        browser = locked.logged_in()
        old = browser.cookies[COOKIE]
        log_in(browser)
        assert browser.cookies[COOKIE] != old
        assert locked.browser(Cookie=f"{COOKIE}={old}").get(LIVE).status_code == 401

    @pytest.mark.parametrize("value", ["", "x", "a" * 43, "../../etc", '"', "a" * 4000, "ą"])
    def test_an_invented_session_is_none(self, locked: Place, value: str) -> None:
        cookie = {b"Cookie": f"{COOKIE}={value}".encode()}
        assert locked.browser().get(LIVE, headers=cookie).status_code == 401


class TestCookie:
    """It goes nowhere else, no script reads it, and it works under any sub-path."""

    def test_attributes(self, locked: Place) -> None:
        plain = log_in(locked.browser()).headers["set-cookie"]
        name, *attributes = plain.split("; ")
        assert len(name) == len(f"{COOKIE}=") + 43
        assert {one.partition("=")[0].lower() for one in attributes} == {"httponly", "max-age", "samesite"}
        assert "SameSite=strict" in plain
        secure = log_in(locked.browser("https://127.0.0.1:8080")).headers["set-cookie"]
        assert "Secure" in secure.split("; ")

    def test_under_a_sub_path_it_is_sent_there_and_nowhere_else(self, locked: Place) -> None:
        import http.cookiejar
        import urllib.request

        set_cookie = log_in(locked.browser()).headers["set-cookie"]
        jar = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(strict_ns_set_path=True))
        asked = urllib.request.Request("http://home.example/hems/api/v1/session")

        class Answer:
            def info(self) -> object:
                from email.message import Message

                message = Message()
                message["Set-Cookie"] = set_cookie
                return message

        jar.extract_cookies(Answer(), asked)  # type: ignore[arg-type]
        for path, is_sent in (("hems/api/v1/live", True), ("hems/api/v1/history/x", True), ("other/", False)):
            request = urllib.request.Request(f"http://home.example/{path}")
            jar.add_cookie_header(request)
            assert request.has_header("Cookie") is is_sent, path

    def test_it_is_set_only_beside_the_session(self, locked: Place) -> None:
        browser = locked.logged_in()
        locked.clock.passed += timedelta(days=2)
        assert "set-cookie" not in browser.get(LIVE).headers
        assert "set-cookie" in browser.get(SESSION).headers
