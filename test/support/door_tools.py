"""A small application behind the real door, time that moves by hand, and a browser to knock with."""

from __future__ import annotations

import functools
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI, Request
from starlette.testclient import TestClient

from hems.adapters.clock import SystemClock
from hems.web import problems
from hems.web.access.access_file import write_access
from hems.web.access.door import CSRF_HEADER, Door, DoorOptions
from hems.web.access.fences import fenced
from hems.web.access.guard import Controller, Reader
from hems.web.access.passwords import KEY_BYTES, PasswordHash
from hems.web.access.records import Access, Scope, Token, new_token
from hems.web.routes import session

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
PASSWORD = "zażółć gęślą jaźń"  # noqa: S105 - of this test alone
HERE = "http://127.0.0.1:8080"


class HandClock(SystemClock):
    """Time that moves only by hand."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def now(self) -> datetime:
        return START + self.passed

    def monotonic(self) -> float:
        return self.passed.total_seconds()


@functools.cache
def kept_password(password: str = PASSWORD) -> PasswordHash:
    """Return a hash made once for all tests, as cheap as is accepted: a real one is meant to take its time."""
    salt, n, r, p = b"a salt for tests", 2**14, 8, 1
    key = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2**26, dklen=KEY_BYTES)
    return PasswordHash(n=n, r=r, p=p, salt=salt, key=key, set_at=START)


def token_for(scope: Scope, expires_at: datetime | None = None) -> tuple[str, Token]:
    """Return a token and what is kept of it."""
    return new_token(f"a {scope} token", scope, START, expires_at)


def make_app() -> FastAPI:
    """Return an application with a route to look, one to change, and one for defects."""
    app = FastAPI(openapi_url="/api/v1/openapi.json")
    problems.install(app)
    api = APIRouter(prefix="/api/v1")
    api.include_router(session.router)

    @api.get("/live")
    async def live(caller: Reader) -> dict[str, str]:
        return {"name": caller.name, "kind": caller.kind}

    @api.post("/orders")
    async def order(caller: Controller, request: Request) -> dict[str, Any]:
        return {"name": caller.name, "bytes": len(await request.body())}

    @api.get("/defect")
    async def defect(_caller: Reader) -> None:
        raise ZeroDivisionError

    app.include_router(api)

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    settings = SimpleNamespace(decision=SimpleNamespace(language="pl"))
    app.state.house = SimpleNamespace(loaded=SimpleNamespace(settings=settings))
    return app


class Place:
    """One data directory with a door before it, and browsers."""

    def __init__(self, folder: Path, access: Access | None = None, **options: Any) -> None:
        self.directory = folder / "web"
        self.clock = HandClock()
        self._options = DoorOptions(**{"host": "127.0.0.1", **options})
        if access is not None:
            write_access(self.directory, access)
        self.restart()

    def restart(self) -> None:
        """Begin anew with what is on the disk."""
        self.app = make_app()
        self.door = Door(self.directory, self.clock, self._options)
        self.served = fenced(self.app, self.door, self._options.cors_origins)

    def browser(self, base_url: str = HERE, peer: str = "127.0.0.1", **headers: str) -> TestClient:
        """Return a client at ``peer`` that keeps cookies as a browser does."""
        return TestClient(
            self.served, base_url=base_url, client=(peer, 40000), headers=headers, raise_server_exceptions=False
        )

    def logged_in(self, **options: Any) -> TestClient:
        """Return a browser that has logged in and sends its CSRF token."""
        browser = self.browser(**options)
        answer = log_in(browser)
        assert answer.status_code == 200, answer.text
        browser.headers[CSRF_HEADER] = answer.json()["csrf_token"]
        return browser


def log_in(browser: TestClient, password: str = PASSWORD, **headers: str) -> httpx2.Response:
    """Return the answer to a log-in."""
    return browser.post("/api/v1/session", json={"password": password}, headers=headers)


def slug(answer: httpx2.Response) -> str:
    """Return what kind of problem an answer tells."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).rpartition(":")[2]
