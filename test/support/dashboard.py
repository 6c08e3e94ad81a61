"""The running service with its dashboard on a simulated house, and a real Chromium that may talk to nobody else."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, sync_playwright

from support.household import write_configuration

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "src" / "master_coordinator.py"

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium itself must not ring home either: its own connections would be refused here, many at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDashboard:
    """A service process, its folder, and where its dashboard is."""

    process: subprocess.Popen[bytes]
    config: Path
    url: str
    log: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.config.parent.parent / "out"

    def get(self, path: str) -> Any:
        """Return the JSON of ``path`` below ``/api/v1``."""
        answer = httpx2.get(f"{self.url}api/v1/{path}", timeout=20)
        answer.raise_for_status()
        return answer.json()

    def order(self, **order: Any) -> dict[str, Any]:
        """Give an order and return the answer."""
        answer = httpx2.post(f"{self.url}api/v1/orders", json=order, timeout=30)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def hems(self, *words: str, given: str | None = None) -> str:
        """Run a command of ``hems`` on this service's configuration and return what it printed."""
        command = [sys.executable, "-m", "hems.cli", *words, "--config", str(self.config)]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_dashboard(
    folder: Path, *, more: str = "", port: int | None = None, **how: Any
) -> Iterator[RunningDashboard]:
    """Run the service with its dashboard in ``folder``; ``how`` goes to ``write_configuration``."""
    port = port or free_port()
    config = write_configuration(folder, more=f"web: {{port: {port}}}\n{more}", **how)
    log = folder / "service.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, ENTRY, "--config", config], stdout=output, stderr=subprocess.STDOUT, cwd=folder
        )
    running = RunningDashboard(process=process, config=config, url=f"http://127.0.0.1:{port}/", log=log)
    try:
        _wait_until_ready(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(running: RunningDashboard, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            break
        try:
            if httpx2.get(f"{running.url}readyz", timeout=2).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"the dashboard did not open: {running.log.read_text()[-3000:]}")


def chromium() -> str:
    """Return the path of Chromium; install Debian's where that can be done, skip loudly where it cannot."""
    found = _installed_chromium()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with (Path(tempfile.gettempdir()) / "hems-chromium.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side, and apt works for one at a time
            found = _installed_chromium()
            for command in () if found else (["apt-get", "-q", "update"], ["apt-get", "-qy", "install", "chromium"]):
                environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
                subprocess.run(command, check=False, capture_output=True, timeout=600, env=environment)
            found = _installed_chromium()
    if found is None:
        pytest.skip("NOT TESTED in a real browser: there is no Chromium here (Debian: apt install chromium)")
    return found


def _installed_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser_on() -> Iterator[Browser]:
    """Start Chromium with an empty profile."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass(slots=True, kw_only=True)
class Watched:
    """A page, and everything about it that must not happen."""

    page: Page
    context: BrowserContext
    foreign: list[str]
    """Requests to any other host."""
    errors: list[str]
    """What the page's console called an error, and exceptions nobody caught."""

    def check(self) -> None:
        """Fail where the page spoke to another host or had errors."""
        assert not self.foreign, f"the page spoke to others: {self.foreign}"
        assert not self.errors, f"the page had errors: {self.errors}"


@contextmanager
def watched_page(browser: Browser, url: str, **context_options: Any) -> Iterator[Watched]:
    """Open a page of its own that may only speak to ``url``'s host; whatever else it asks for fails the test."""
    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | context_options
    context = browser.new_context(**options)
    page = context.new_page()
    watched = Watched(page=page, context=context, foreign=[], errors=[])

    def decide(route: Route, request: Request) -> None:
        if request.url.startswith((url, "data:", "blob:")):
            route.continue_()
        else:
            watched.foreign.append(request.url)
            route.abort()

    context.route("**/*", decide)
    page.on("console", lambda message: watched.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    try:
        yield watched
    finally:
        context.close()
