"""Where the dashboard opens, how many sessions there are, and how often a password is guessed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hems.web.access.access_file import write_access
from hems.web.access.opening import proxies_believed, why_closed
from hems.web.access.records import Access, digest_of
from hems.web.access.sessions import SESSIONS_MAX, SessionBook, csrf_token_of
from hems.web.access.throttle import ADDRESSES_MAX, FREE_GUESSES_OF_ALL, LoginThrottle, guesser_of
from support.door_tools import HandClock, kept_password, token_for


class TestOpening:
    """On the network only with a password."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
    def test_this_machine_alone_needs_none(self, tmp_path: Path, host: str) -> None:
        assert why_closed(host, tmp_path) is None

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "fd00::5", "::ffff:10.0.0.1"])  # noqa: S104
    def test_anywhere_else_does(self, tmp_path: Path, host: str) -> None:
        for access in (None, Access(), Access(tokens=(token_for("control")[1],))):
            if access is not None:
                write_access(tmp_path, access)
            told = why_closed(host, tmp_path)
            assert told is not None
            assert "hems web passwd" in told
        (tmp_path / "access.json").write_text("{")
        told = why_closed(host, tmp_path)
        assert told is not None
        assert "damaged" in told
        write_access(tmp_path, Access(password=kept_password()))
        assert why_closed(host, tmp_path) is None

    def test_only_named_proxies_are_believed(self) -> None:
        assert proxies_believed(()) == ["127.0.0.1", "::1"]
        assert proxies_believed(("192.168.1.2",)) == ["127.0.0.1", "::1", "192.168.1.2"]


class TestSessions:
    """Fifty at most, thirty days each, and few writes."""

    def test_the_one_used_longest_ago_makes_room(self, tmp_path: Path) -> None:
        clock, mark = HandClock(), "a" * 32
        book = SessionBook(tmp_path, clock.now)
        ids = []
        for _ in range(SESSIONS_MAX):
            clock.passed += timedelta(minutes=1)
            ids.append(book.begin(mark)[0])
        clock.passed += timedelta(days=2)
        assert book.find(ids[0], mark) is not None
        ids.append(book.begin(mark)[0])
        assert [book.find(one, mark) is not None for one in ids] == [True, False] + [True] * (SESSIONS_MAX - 1)

    def test_one_in_use_is_written_once_a_day(self, tmp_path: Path) -> None:
        clock, mark, writes = HandClock(), "a" * 32, 0
        book = SessionBook(tmp_path, clock.now)
        session_id, _ = book.begin(mark)
        book.save()
        for _ in range(24 * 4):
            clock.passed += timedelta(hours=1)
            assert book.find(session_id, mark) is not None
            if book.is_changed:
                book.save()
                writes += 1
        assert writes == 4

    @pytest.mark.parametrize(
        "content",
        ["", "{", "[]", '{"sessions": [{}]}', '{"sessions": [{"sha256": "x", "password": "", "created_at": 1}]}'],
    )
    def test_a_damaged_file_means_that_everybody_logs_in_again(
        self, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "sessions.json").write_text(content)
        book = SessionBook(tmp_path, HandClock().now)
        assert "everybody has to log in again" in caplog.text
        session_id, _ = book.begin("a" * 32)
        book.save()
        assert SessionBook(tmp_path, HandClock().now).find(session_id, "a" * 32) is not None

    def test_a_disk_that_refuses_is_told_and_the_session_holds(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "file").write_text("")
        book = SessionBook(tmp_path / "file", HandClock().now)
        caplog.clear()
        session_id, _ = book.begin("a" * 32)
        book.save()
        assert "until the next start only" in caplog.text
        assert book.find(session_id, "a" * 32) is not None

    def test_one_begun_under_another_password_is_none(self, tmp_path: Path) -> None:
        book = SessionBook(tmp_path, HandClock().now)
        session_id, _ = book.begin("a" * 32)
        assert book.find(session_id, "b" * 32) is None
        assert book.find(session_id, "a" * 32) is not None

    def test_the_csrf_token_is_another_for_each_and_tells_nothing_of_the_id(self) -> None:
        assert csrf_token_of("a") != csrf_token_of("b")
        assert csrf_token_of("a") not in (digest_of("a"), "a")


class TestThrottle:
    """Memory is bounded, all together are bounded, and the owner is not locked out where he is known."""

    def test_memory_is_bounded(self) -> None:
        throttle = LoginThrottle(lambda: 0.0)
        for number in range(ADDRESSES_MAX * 2):
            throttle.admit(f"10.0.{number // 256}.{number % 256}")
        assert len(throttle) == ADDRESSES_MAX

    def test_many_addresses_together_have_to_wait_too(self) -> None:
        clock = HandClock()
        throttle = LoginThrottle(clock.monotonic)
        assert throttle.admit("home") is None
        throttle.succeeded("home")
        for number in range(FREE_GUESSES_OF_ALL):
            assert throttle.admit(f"10.0.0.{number}") is None
            throttle.failed()
        assert throttle.admit("10.0.1.1") == 15
        assert throttle.admit("home") is None
        clock.passed = timedelta(seconds=15)
        assert throttle.admit("10.0.1.1") is None
        throttle.failed()
        assert throttle.admit("10.0.1.2") == 30

    def test_after_an_hour_it_is_forgotten(self) -> None:
        clock = HandClock()
        throttle = LoginThrottle(clock.monotonic)
        for _ in range(5):
            assert throttle.admit("a") is None
        assert throttle.admit("a") == 15
        clock.passed = timedelta(seconds=3601)
        for _ in range(5):
            assert throttle.admit("a") is None
        assert throttle.admit("a") == 15

    def test_a_wait_never_overflows(self) -> None:
        clock = HandClock()
        throttle = LoginThrottle(clock.monotonic)
        for _ in range(2000):
            wait = throttle.admit("a")
            assert wait is None or wait <= 900
            clock.passed += timedelta(seconds=wait or 0)

    @pytest.mark.parametrize(
        ("peer", "guesser"),
        [
            ("192.168.1.7", "192.168.1.7"),
            ("::ffff:192.168.1.7", "192.168.1.7"),
            ("fd00:1:2:3:4:5:6:7", "fd00:1:2:3::/64"),
            ("fd00:1:2:3::1%eth0", "fd00:1:2:3::/64"),
            ("2001:db8::1", "2001:db8::/64"),
            ("evil\r\ninjected", "unknown"),
            ("", "unknown"),
            (None, "unknown"),
        ],
    )
    def test_who_guesses(self, peer: str | None, guesser: str) -> None:
        assert guesser_of(peer) == guesser
