"""A password given to the service is looked for in every byte that it writes or prints, debug logs included."""

from __future__ import annotations

import base64
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from support.service_process import hems, running_service

pytestmark = pytest.mark.slow

USER, PASSWORD, TOKEN = "canary-user", 'Zq"7\\pa ss%', "tok-3f9c-canary"
SENT = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
NEVER = sorted({PASSWORD, quote(PASSWORD, safe=""), TOKEN, SENT, 'Zq\\"7\\\\pa ss%', "Zq%227"})


class Gossip(BaseHTTPRequestHandler):
    """Answers every request with a failure that repeats all it was told."""

    heard: list[str]
    status: int

    def do_GET(self) -> None:  # the server's name for it
        told = f"{self.path} {self.headers['Authorization']}"
        type(self).heard.append(told)
        self.send_response(type(self).status)
        self.send_header("Location", f"http://elsewhere{self.path}")
        self.end_headers()
        self.wfile.write(told.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name for it
        return


@pytest.fixture
def gossip(request: pytest.FixtureRequest) -> Iterator[tuple[str, type[Gossip]]]:
    handler = type("Handler", (Gossip,), {"heard": [], "status": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def configured(folder: Path, place: str, *, by_reference: bool) -> tuple[Path, dict[str, str]]:
    config = folder / "config" / "master_coordinator_config.yaml"
    config.parent.mkdir()
    (config.parent / "password").write_text(quote(PASSWORD, safe="") + "\n")
    secret = "${file:password}" if by_reference else quote(PASSWORD, safe="")
    token = "${env:PRICE_TOKEN}" if by_reference else "api"
    config.write_text(
        "inverter: {ip_address: simulator, poll_interval_seconds: 1, communication_lost_after_seconds: 5}\n"
        "battery_management: {capacity_kwh: 10}\n"
        "debug: {enabled: true}\n"
        f'prices: {{pse: {{base_url: "http://{USER}:{secret}@{place}/{token}"}}}}\n'
    )
    return config, {"PRICE_TOKEN": TOKEN}


def spilt(folder: Path, printed: dict[str, str], but: set[Path]) -> list[str]:
    """Return where a canary was found: files below ``folder``, archives unpacked, and what was printed."""
    places = [(name, text.encode()) for name, text in printed.items()]
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path not in but):
        places.append((str(file), file.read_bytes()))
        if file.name.endswith(".tar.gz"):
            with tarfile.open(file) as archive:
                for member in archive.getmembers():
                    content = archive.extractfile(member)
                    if content is not None and not member.name.startswith("config/"):
                        places.append((f"{file}:{member.name}", content.read()))
    return [f"{secret!r} in {name}" for name, content in places for secret in NEVER if secret.encode() in content]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("gossip", "by_reference"), [(500, True), (301, False)], indirect=["gossip"])
def test_no_password_reaches_a_log_a_file_or_the_screen(
    tmp_path: Path, gossip: tuple[str, type[Gossip]], by_reference: bool
) -> None:
    place, handler = gossip
    config, environment = configured(tmp_path, place, by_reference=by_reference)
    with running_service(config, environment=environment, to_journal=True) as service:
        document = service.wait_for(
            "a failed price fetch", lambda status: bool(status["prices"]["markets"]["day_ahead"]["last_error"])
        )
        service.wait_for("a reading", lambda status: status["sensors"] is not None)
        running = {
            "status": hems("status", "--config", config, environment=environment, folder=tmp_path)[1],
            "status --json": hems("status", "--json", "--config", config, environment=environment, folder=tmp_path)[1],
        }
        assert service.stop() == 0
    assert any(SENT in told for told in handler.heard), "the password is sent where it belongs"
    assert place in document["prices"]["markets"]["day_ahead"]["last_error"]["message"], "and the message is of use"
    printed = running | {
        " ".join(words): hems(*words, "--config", config, environment=environment, folder=tmp_path)[1]
        for words in (
            ("status",),
            ("prices",),
            ("doctor",),
            ("test",),
            ("export",),
            ("export", "samples.csv", "--what", "samples"),
            ("backup", "backup.tar.gz"),
            ("backup", "backup.sqlite3"),
        )
    }
    printed["config check"] = hems("config", "check", config, environment=environment, folder=tmp_path)[1]
    for needed in ("samples.csv", "backup.tar.gz", "backup.sqlite3", "output.txt"):
        assert (tmp_path / needed).stat().st_size > 0, printed
    assert "send_request_headers" in (tmp_path / "logs" / "master_coordinator.log").read_text(), "debug is on"
    assert "***@" in (tmp_path / "output.txt").read_text()
    secrets_own = {config, config.parent / "password"}
    assert spilt(tmp_path, printed, secrets_own) == []
    if by_reference:  # then the configuration is no secret either, and a backup of it neither
        assert TOKEN not in config.read_text()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (f"http://{USER}:{TOKEN}@host:99999/x", "host:99999"),
        (f"http://host/x?token={TOKEN}", r"http://host/x\?\*\*\*"),
        (f"ftp://{USER}:{TOKEN}@host/x", "ftp://"),
        ("http://${env:PRICE_TOKEN}@host:99999/", "the value of http://"),
    ],
)
def test_a_refused_address_is_shown_without_its_secret(tmp_path: Path, wrong: str, told: str) -> None:
    config = tmp_path / "house.yaml"
    config.write_text(
        "inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n"
        f'prices: {{pse: {{base_url: "{wrong}"}}}}\n'
    )
    code, printed = hems("config", "check", config, environment={"PRICE_TOKEN": TOKEN}, folder=tmp_path)
    assert code == 2
    assert re.search(told, printed), printed
    assert TOKEN not in printed
