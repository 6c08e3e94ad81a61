"""``hems web``: passwords asked for without an echo, tokens shown once, and the address that is configured."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hems.cli.app import app
from hems.cli.exit_codes import ExitCode
from hems.cli.web import addresses_of
from hems.web.access.access_file import read_access, write_access
from hems.web.access.passwords import is_password
from hems.web.access.records import TOKENS_MAX, Access, new_token
from support.door_tools import Place

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
LIVE = "/api/v1/live"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a house."""
    return configured(tmp_path)


def configured(folder: Path, web: str = "{}") -> Path:
    path = folder / "house.yaml"
    house = "inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n"
    path.write_text(f"{house}web: {web}\n")
    return path


def hems(config: Path, *arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(app, ["web", *arguments, "--config", str(config)], input=given)


def access_of(config: Path) -> Access:
    access = read_access(config.parent / "out" / "web")
    assert access is not None
    return access


class TestPasswd:
    """``hems web passwd``."""

    @pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nanother line\n"])
    def test_from_the_input(self, config: Path, ending: str) -> None:
        result = hems(config, "passwd", "--stdin", given=" a good password " + ending)
        assert (result.exit_code, result.output) == (0, "The password is set.\n")
        kept = access_of(config).password
        assert kept is not None
        assert is_password(" a good password ", kept)
        file = config.parent / "out" / "web" / "access.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "good" not in file.read_text()

    @pytest.mark.parametrize("given", [b"", b"\n", b"short\n", b"\xff\xfe long enough\n", b"x" * 1025, b"x" * 100_000])
    def test_what_is_unfit_changes_nothing(self, config: Path, given: bytes) -> None:
        result = hems(config, "passwd", "--stdin", given=given)
        assert result.exit_code == ExitCode.USAGE
        assert not (config.parent / "out").exists()

    def test_it_works_without_a_restart_and_ends_what_was(self, config: Path) -> None:
        place = Place(config.parent / "out")
        browser = place.browser()
        assert browser.get(LIVE).status_code == 200
        hems(config, "passwd", "--stdin", given="a good password")
        assert browser.get(LIVE).status_code == 401
        assert browser.post("/api/v1/session", json={"password": "a good password"}).status_code == 200
        assert browser.get(LIVE).status_code == 200
        result = hems(config, "passwd", "--stdin", given="another password")
        assert "Whoever was logged in has to log in again." in result.output
        assert browser.get(LIVE).status_code == 401
        assert "nobody else" in hems(config, "passwd", "--remove").output
        assert browser.get(LIVE).status_code == 200
        assert hems(config, "passwd", "--remove").output == "There was no password.\n"

    def test_removing_it_on_the_network_is_told(self, tmp_path: Path) -> None:
        config = configured(tmp_path, "{host: 0.0.0.0}")
        hems(config, "passwd", "--stdin", given="a good password")
        assert "nobody is let in now" in hems(config, "passwd", "--remove").output

    def test_tokens_stay(self, config: Path) -> None:
        hems(config, "token", "create", "ha", "--scope", "read")
        hems(config, "passwd", "--stdin", given="a good password")
        assert [token.name for token in access_of(config).tokens] == ["ha"]

    def test_a_damaged_file_is_written_anew_and_that_is_told(self, config: Path) -> None:
        file = config.parent / "out" / "web" / "access.json"
        file.parent.mkdir(parents=True)
        file.write_text("{")
        refused = hems(config, "token", "create", "ha", "--scope", "read")
        assert refused.exit_code != 0
        assert file.read_text() == "{"
        result = hems(config, "passwd", "--stdin", given="a good password")
        assert result.exit_code == 0
        assert "tokens that were in it are gone" in result.output
        assert access_of(config).password is not None

    def test_without_a_terminal_it_says_how(self, config: Path) -> None:
        result = hems(config, "passwd", given="a good password\na good password\n")
        assert result.exit_code == ExitCode.USAGE
        assert "--stdin" in result.output
        assert not (config.parent / "out").exists()

    def test_contradictions_are_refused(self, config: Path) -> None:
        assert hems(config, "passwd", "--stdin", "--remove").exit_code == ExitCode.USAGE

    @pytest.mark.parametrize(
        ("first", "second", "code", "told"),
        [
            ("zażółć gęślą", "zażółć gęślą", 0, "The password is set."),
            ("zażółć gęślą", "zażółć gęśla", ExitCode.USAGE, "The two differ; nothing is changed."),
            ("short", "short", ExitCode.USAGE, "at least 8 characters"),
        ],
    )
    def test_at_a_terminal_it_is_asked_for_twice_and_never_echoed(
        self, config: Path, first: str, second: str, code: int, told: str
    ) -> None:
        shown, ended = at_terminal(["web", "passwd", "--config", str(config)], [first, second])
        assert ended == code, shown
        assert told in shown
        assert first not in shown
        assert second not in shown
        assert (config.parent / "out" / "web" / "access.json").exists() is (code == 0)


def at_terminal(arguments: list[str], typed: list[str]) -> tuple[str, int]:
    """Run ``hems`` at a terminal of its own, answer each question, and return what the screen showed and the code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hems.cli", *arguments]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )
    os.close(theirs)
    shown, answered, deadline = b"", 0, time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other side has ended
                break
            shown += piece
            questions = shown.count(b"New password: ") + shown.count(b"Once more: ")
            if questions > answered:  # the echo is off by the time the question is shown
                os.write(ours, typed[answered].encode() + b"\n")
                answered += 1
    finally:
        os.close(ours)
    return shown.decode(), process.wait(timeout=30)


class TestTokens:
    """``hems web token``."""

    def test_made_once_shown_once_revoked_at_once(self, config: Path) -> None:
        hems(config, "passwd", "--stdin", given="a good password")
        result = hems(config, "token", "create", "home-assistant", "--scope", "control", "--days", "30")
        assert result.exit_code == 0
        secret = result.stdout.strip()
        assert re.fullmatch(r"hems_[A-Za-z0-9_-]{43}", secret)
        place = Place(config.parent / "out")
        place.clock.passed = datetime.now(UTC) - place.clock.now()
        program = place.browser(Authorization=f"Bearer {secret}")
        assert program.post("/api/v1/orders", json={}).status_code == 200
        listed = hems(config, "token", "list").stdout
        assert re.fullmatch(rf"home-assistant  control  \.\.\.{secret[-4:]}  since \S+, until \S+ \S+\n", listed)
        assert secret not in listed
        assert hems(config, "token", "revoke", "home-assistant").exit_code == 0
        assert program.get(LIVE).status_code == 401
        assert hems(config, "token", "list").stdout == "There are no tokens.\n"
        assert hems(config, "token", "revoke", "home-assistant").exit_code == ExitCode.FAILED

    def test_one_for_ever_and_one_that_has_expired(self, config: Path) -> None:
        hems(config, "token", "create", "for ever", "--scope", "read")
        _, old = new_token("old", "read", NOW - timedelta(days=400), NOW - timedelta(days=300))
        write_access(config.parent / "out" / "web", Access(tokens=(*access_of(config).tokens, old)))
        first, second = hems(config, "token", "list").stdout.splitlines()
        assert first.startswith("for ever  read     ...")
        assert first.endswith(", without end")
        assert ", EXPIRED 2026-01-27 07:00" in second

    @pytest.mark.parametrize("name", ["", " ", "-x", "a/b", "a\nb", "\x1b[31m", "x" * 51, "ą", "trailing "])
    def test_a_name_that_is_none(self, config: Path, name: str) -> None:
        result = hems(config, "token", "create", "--scope", "read", "--", name)
        assert result.exit_code == ExitCode.USAGE
        assert not (config.parent / "out" / "web" / "access.json").exists()

    def test_no_name_twice_and_not_too_many(self, config: Path) -> None:
        tokens = tuple(new_token(f"t{number}", "read", NOW, None)[1] for number in range(TOKENS_MAX - 1))
        write_access(config.parent / "out" / "web", Access(tokens=tokens))
        assert hems(config, "token", "create", "t3", "--scope", "read").exit_code == ExitCode.USAGE
        assert hems(config, "token", "create", "last", "--scope", "read").exit_code == 0
        assert hems(config, "token", "create", "more", "--scope", "read").exit_code == ExitCode.USAGE
        assert len(access_of(config).tokens) == TOKENS_MAX

    @pytest.mark.parametrize("arguments", [[], ["--scope", "admin"], ["--scope", "read", "--days", "0"]])
    def test_a_scope_is_said_and_days_are_days(self, config: Path, arguments: list[str]) -> None:
        assert hems(config, "token", "create", "ha", *arguments).exit_code == ExitCode.USAGE


class TestAddress:
    """``hems web address``."""

    def test_it_says_whether_it_answers(self, tmp_path: Path) -> None:
        answers = {"status": 200}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(answers["status"] if self.path == "/healthz" else 500)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            port = server.server_port
            config = configured(tmp_path, f"{{port: {port}}}")
            for status, code, told in ((200, 0, "It answers."), (503, 0, "It answers."), (404, 1, "Something else")):
                answers["status"] = status
                result = hems(config, "address")
                assert result.exit_code == code
                assert result.output.startswith(f"http://127.0.0.1:{port}/\n{told}")
            server.shutdown()

    def test_nobody_there(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        result = hems(configured(tmp_path, f"{{port: {port}}}"), "address")
        assert result.exit_code == ExitCode.FAILED
        assert "It does not answer (" in result.output

    def test_closed_for_want_of_a_password_or_switched_off(self, tmp_path: Path) -> None:
        result = hems(configured(tmp_path, "{host: 0.0.0.0}"), "address")
        assert result.exit_code == ExitCode.FAILED
        assert "hems web passwd" in result.output
        result = hems(configured(tmp_path, "{enabled: false}"), "address")
        assert (result.exit_code, result.output) == (1, "The dashboard is switched off: web.enabled is false.\n")

    def test_addresses(self) -> None:
        assert addresses_of("127.0.0.1", 8080) == ["http://127.0.0.1:8080/"]
        assert addresses_of("fd00::1", 80) == ["http://[fd00::1]:80/"]
        everywhere = addresses_of("0.0.0.0", 8080)  # noqa: S104
        assert everywhere[0] == "http://localhost:8080/"
        assert not any("0.0.0.0" in address or "127." in address for address in everywhere)  # noqa: S104


def test_what_needs_no_web_does_not_import_it() -> None:
    code = (
        "import sys, hems.cli.app; print([n for n in ('fastapi', 'starlette', 'uvicorn', 'numpy') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(shown.stdout.replace("'", '"')) == []
