"""``require``: what a route depends on to let only those in who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from hems.web.access.door import COOKIE, CSRF_HEADER, Caller, Door
from hems.web.access.records import Scope
from hems.web.problems import Problem, answers

REFUSALS = answers(401, 403, 503)
"""The answers of every guarded route to who is not let in, for its OpenAPI description."""

_session = APIKeyCookie(
    name=COOKIE,
    scheme_name="session",
    auto_error=False,
    description=f"The cookie of a log-in (`POST /api/v1/session`). A change takes the header `{CSRF_HEADER}` as well.",
)
_token = HTTPBearer(
    scheme_name="token",
    bearerFormat="hems_...",
    auto_error=False,
    description="A program's token (`hems web token create NAME --scope read|control`).",
)

_Cookie = Annotated[str | None, Security(_session)]
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_token)]


def door_of(request: Request) -> Door:
    """Return the door of the application that answers."""
    door: Door = request.app.state.door
    return door


def require(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """Return the dependency that lets in who may do what ``scope`` names, and gives the route its ``Caller``.

    The two schemes stand there to be described; the door itself looks at the request. The dependency raises: Problem.
    """

    async def guard(request: Request, _cookie: _Cookie, _bearer: _Bearer) -> Caller:
        door = door_of(request)
        caller = door.enter(request)
        await door.save_sessions()
        if scope not in caller.scopes:
            raise Problem(403, "scope-needed", f"The token {caller.name} may {'/'.join(sorted(caller.scopes))} only.")
        return caller

    return guard


reads = require("read")
controls = require("control")
Reader = Annotated[Caller, Depends(reads)]
"""For a route that shows something."""
Controller = Annotated[Caller, Depends(controls)]
"""For a route that changes something."""

FREE = frozenset({"/api/v1/session"})
"""Asks and answers who may."""


def unguarded(app: FastAPI) -> list[str]:
    """Return what of ``app`` below ``/api`` lets everybody in and is not meant to: a test wants none.

    It goes by the OpenAPI document, into which only the guard brings its schemes.
    """
    return sorted(
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/api") and path not in FREE and not operation.get("security")
    )
