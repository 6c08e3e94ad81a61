"""``/api/v1/session``: who am I, log in, log out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from hems.web.access.door import COOKIE, Caller, Door
from hems.web.access.guard import door_of
from hems.web.access.records import Scope
from hems.web.access.sessions import csrf_token_of
from hems.web.house import House
from hems.web.models.base import Model, Utc
from hems.web.problems import Problem, answers

LogInState = Literal["needed", "not_needed", "impossible"]
COOKIE_LASTS_S = 400 * 86_400
"""As long as browsers keep one; how long the session itself holds is the service's to say, thirty days unused."""


class CallerView(Model):
    """Who asks."""

    name: str = Field(description="The token's name; `owner` for a session, `local` where no log-in is needed.")
    kind: Literal["local", "session", "token"]
    scopes: list[Scope] = Field(description="What may be done.", examples=[["control", "read"]])


class SessionView(Model):
    """Whether a log-in is needed, and who asks."""

    log_in: LogInState = Field(
        description="Of this request: `needed` with a password; `impossible` where `reason` says what to do first."
    )
    reason: str | None = Field(description="Why nobody can get in this way, and what to do.")
    caller: CallerView | None = Field(description="Null for a stranger.")
    csrf_token: str | None = Field(description="To be sent as X-CSRF-Token with every change of this session.")
    expires_at: Utc | None = Field(description="When the session ends if nothing is asked any more.")
    language: str = Field(description="Of the house: en or pl.", examples=["en"])


class PasswordRequest(Model):
    """A log-in."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    password: Annotated[str, Field(repr=False, max_length=4096, json_schema_extra={"format": "password"})]


router = APIRouter(tags=["session"])


@router.get("/session", summary="Who am I, and is a log-in needed?")
async def who(request: Request, response: Response) -> SessionView:
    """Answer anybody: whether a log-in is needed, the language, and for whoever is in, who that is."""
    door = door_of(request)
    log_in, reason, caller = _found(door, request)
    await door.save_sessions()
    session_id = request.cookies.get(COOKIE, "")
    if caller is None or caller.kind != "session":
        return _view(door, log_in, reason, caller, None, _language(request))
    _put_cookie(request, response, session_id)  # for another while: only here and at the log-in, see there
    return _view(door, log_in, reason, caller, session_id, _language(request))


@router.post("/session", summary="Log in", responses=answers(400, 401, 403, 409, 415, 422, 429, 503))
async def log_in(request: Request, response: Response, body: PasswordRequest) -> SessionView:
    """Begin a session: the answer sets the cookie `hems_session`. Wrong passwords make the next tries wait."""
    door = door_of(request)
    begun = await door.log_in(request, body.password)
    _put_cookie(request, response, begun.session_id)
    return _view(door, "needed", None, begun.caller, begun.session_id, _language(request))


@router.delete("/session", status_code=204, summary="Log out", responses=answers(403, 415, 503))
async def log_out(request: Request, response: Response) -> None:
    """End the session and forget its cookie; without one nothing is done."""
    door = door_of(request)
    try:
        caller = door.enter(request)
    except Problem as problem:
        if problem.status != 401:
            raise
    else:
        await door.log_out(caller)
    _put_cookie(request, response, "", lasts_s=0)


def _found(door: Door, request: Request) -> tuple[LogInState, str | None, Caller | None]:
    try:
        caller = door.enter(request)
    except Problem as problem:
        return ("needed", None, None) if problem.status == 401 else ("impossible", problem.detail, None)
    return "not_needed" if caller.kind == "local" else "needed", None, caller


def _view(
    door: Door,
    log_in: LogInState,
    reason: str | None,
    caller: Caller | None,
    session_id: str | None,
    language: str,
) -> SessionView:
    return SessionView(
        log_in=log_in,
        reason=reason,
        caller=caller and CallerView(name=caller.name, kind=caller.kind, scopes=sorted(caller.scopes)),
        csrf_token=None if session_id is None else csrf_token_of(session_id),
        expires_at=None if caller is None else door.expires_at(caller),
        language=language,
    )


def _put_cookie(request: Request, response: Response, session_id: str, *, lasts_s: int = COOKIE_LASTS_S) -> None:
    """Set the cookie without a path: the browser then sends it to everything beside ``session``.

    That is ``/api/v1/`` under whatever sub-path a proxy has put us. Set from a deeper address it would be another
    cookie.
    """
    response.set_cookie(
        COOKIE,
        session_id,
        max_age=lasts_s,
        path=None,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _language(request: Request) -> str:
    house: House = request.app.state.house
    return house.loaded.settings.decision.language
