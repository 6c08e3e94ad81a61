"""The door: which request is let in, as whom, and what the others are told to do."""

from __future__ import annotations

import asyncio
import hmac
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from starlette.requests import Request

from hems.ports.clock import Clock
from hems.web.access.access_file import FollowedAccess, Unreadable
from hems.web.access.origins import SAFE_METHODS, is_loopback, why_foreign, why_not_json, why_not_local
from hems.web.access.passwords import PasswordHash, is_password
from hems.web.access.records import SCOPES, Access, Scope, digest_of
from hems.web.access.sessions import Session, SessionBook, csrf_token_of
from hems.web.access.throttle import LoginThrottle, guesser_of
from hems.web.problems import Problem

_log = logging.getLogger(__name__)

COOKIE = "hems_session"
CSRF_HEADER = "X-CSRF-Token"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="hems"'}
GUESSES_WAITING_MAX = 8
"""Each waits 0.1 s for those before it; more at a time are no people."""
SET_A_PASSWORD = "Set a password with `hems web passwd` on the machine of the service, then log in."  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and what that lets do."""

    name: str
    kind: Literal["local", "session", "token"]
    scopes: frozenset[Scope]
    digest: str = field(default="", repr=False)
    """What is kept of the token or the session id; empty for who needs neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """A session that has just begun: its id goes into the cookie and nowhere else."""

    session_id: str = field(repr=False)
    session: Session

    @property
    def caller(self) -> Caller:
        """Whom the session lets in."""
        return _person(self.session)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOptions:
    """What the door goes by, beside what the owner has set with ``hems web``."""

    host: str
    """The address the service listens on."""
    cors_origins: tuple[str, ...] = ()


class Door:
    """Lets requests in. It lives on the web's event loop; hashing and the disk have threads."""

    def __init__(self, directory: Path, clock: Clock, options: DoorOptions) -> None:
        """``directory``: ``<data>/web``."""
        self._clock = clock
        self._options = options
        self._followed = FollowedAccess(directory)
        self._throttle = LoginThrottle(clock.monotonic)
        self._hasher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web-password")
        self._guesses_waiting = 0
        self.sessions = SessionBook(directory, clock.now)

    def enter(self, request: Request) -> Caller:
        """Return who asks. Raises: Problem: nobody who may, or not in a way that another web page could not feign."""
        access = self._access()
        bearer = _bearer_of(request)
        if bearer is not None:
            token = access.token_of(bearer, self._clock.now())
            if token is None:
                raise Problem(401, "unknown-token", "This token is unknown, revoked or expired.", headers=CHALLENGE)
            return Caller(name=token.name, kind="token", scopes=SCOPES[token.scope], digest=token.digest)
        if access.password is None:
            return self._enter_without_password(request)
        session_id = request.cookies.get(COOKIE, "")
        session = self.sessions.find(session_id, access.password.mark)
        if session is None:
            raise Problem(401, "log-in-needed", "Log in, or send a token.", headers=CHALLENGE)
        if request.method not in SAFE_METHODS:
            self.check_own_page(request)
            presented = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(presented.encode(), csrf_token_of(session_id).encode()):
                raise Problem(
                    403, "csrf-token-needed", f"A change needs the session's token in the header {CSRF_HEADER}."
                )
        return _person(session)

    def still_lets_in(self, caller: Caller) -> bool:
        """Return whether ``caller`` would still be let in: a stream asks each time before it tells more."""
        access = self._followed.now()
        if isinstance(access, Unreadable):
            return False
        match caller.kind:
            case "token":
                return access.token_with(caller.digest, self._clock.now()) is not None
            case "session":
                kept = access.password
                return kept is not None and self.sessions.find_by_digest(caller.digest, kept.mark) is not None
            case "local":
                return access.password is None

    def expires_at(self, caller: Caller) -> datetime | None:
        """Return until when ``caller`` is let in if nothing more is asked; None: without end, or no longer."""
        access = self._access()
        if caller.kind == "token":
            token = access.token_with(caller.digest, self._clock.now())
            return None if token is None else token.expires_at
        if caller.kind == "local" or access.password is None:
            return None
        session = self.sessions.find_by_digest(caller.digest, access.password.mark)
        return None if session is None else session.expires_at

    def check_own_page(self, request: Request) -> None:
        """Refuse a change that another web page may have had a browser ask for. Raises: Problem."""
        problem = why_foreign(request.headers)
        if problem is not None:
            raise Problem(403, "foreign-page", f"The change is refused: {problem}.")
        problem = why_not_json(request.headers)
        if problem is not None:
            raise Problem(415, "json-needed", f"The change is refused: {problem}.")

    async def log_in(self, request: Request, password: str) -> LogIn:
        """Begin a session for who knows the password. Raises: Problem: wrong, too often, or none is set."""
        self.check_own_page(request)
        kept = self._access().password
        if kept is None:
            raise Problem(409, "no-password", f"No password is set, so nobody can log in. {SET_A_PASSWORD}")
        guesser = guesser_of(request.client.host if request.client is not None else None)
        self._admit(guesser)
        if not await self._is_password(password, kept):
            self._throttle.failed()
            _log.warning("dashboard: a log-in with a wrong password from %s", guesser)
            raise Problem(401, "wrong-password", "This is not the password.", headers=CHALLENGE)
        self._throttle.succeeded(guesser)
        self.sessions.end(digest_of(request.cookies.get(COOKIE, "")))  # the browser forgets it, so shall we
        session_id, session = self.sessions.begin(kept.mark)
        await self.save_sessions()
        _log.info("dashboard: a log-in from %s", guesser)
        return LogIn(session_id=session_id, session=session)

    async def log_out(self, caller: Caller) -> None:
        """End the session of ``caller``; of a token or a local caller there is none."""
        if caller.kind == "session":
            self.sessions.end(caller.digest)
            await self.save_sessions()

    async def save_sessions(self) -> None:
        """Keep on disk what has changed, in a thread."""
        if self.sessions.is_changed:
            await asyncio.to_thread(self.sessions.save)

    def close(self) -> None:
        """Let the thread go."""
        self._hasher.shutdown(wait=False, cancel_futures=True)

    def _access(self) -> Access:
        access = self._followed.now()
        if isinstance(access, Unreadable):
            raise Problem(
                503, "access-unknown", "It cannot be read who may log in, so nobody may: the service's log says why."
            )
        return access

    def _enter_without_password(self, request: Request) -> Caller:
        if not is_loopback(self._options.host):
            raise Problem(403, "password-needed", f"No password is set. {SET_A_PASSWORD}")
        peer = request.client.host if request.client is not None else None
        version = str(request.scope.get("http_version", ""))
        problem = why_not_local(peer, version, request.headers, self._options.cors_origins)
        if problem is not None:
            raise Problem(
                403,
                "password-needed",
                "Without a password only this very machine is let in, at http://localhost or http://127.0.0.1; this "
                f"request is not: {problem}. {SET_A_PASSWORD}",
            )
        if request.method not in SAFE_METHODS:
            self.check_own_page(request)
        return Caller(name="local", kind="local", scopes=SCOPES["control"])

    def _admit(self, guesser: str) -> None:
        wait_s = 1 if self._guesses_waiting >= GUESSES_WAITING_MAX else self._throttle.admit(guesser)
        if wait_s is not None:
            raise Problem(
                429,
                "too-many-guesses",
                f"Too many wrong passwords: try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
                extra={"retry_after_s": wait_s},
            )

    async def _is_password(self, password: str, kept: PasswordHash) -> bool:
        """Compare in a thread of its own, one at a time: each takes 32 MB."""
        self._guesses_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hasher, is_password, password, kept)
        finally:
            self._guesses_waiting -= 1


def _person(session: Session) -> Caller:
    return Caller(name="owner", kind="session", scopes=SCOPES["control"], digest=session.digest)


def _bearer_of(request: Request) -> str | None:
    """Return what was presented as a token; None where nothing was. Another scheme is some proxy's business."""
    headers = request.headers.getlist("authorization")
    bearers = [
        rest.strip() for scheme, _, rest in (header.partition(" ") for header in headers) if scheme.lower() == "bearer"
    ]
    if len(bearers) > 1:
        return ""  # which of them is meant is not for us to guess
    return bearers[0] if bearers else None
