"""People who have logged in, kept over a restart so that a tablet on the wall stays logged in.

<data>/web/sessions.json    {"sessions": [{"sha256": ..., "password": ..., "created_at": ..., "expires_at": ...}]}
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hems.domain.errors import StorageError
from hems.domain.time_grid import require_utc
from hems.plain_files import read_json_file
from hems.web.access.access_file import write_private
from hems.web.access.records import digest_of

_log = logging.getLogger(__name__)

SESSIONS_NAME = "sessions.json"
SESSIONS_MAX = 50
SESSIONS_MAX_BYTES = 100_000
"""Fifty sessions take 15 kB."""
SESSION_LASTS = timedelta(days=30)
RENEWED_EACH = timedelta(days=1)
"""A session in use is written anew once a day, not at every request: the disk may be an SD card."""
_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_HEX = re.compile(r"[0-9a-f]{32,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in. What is kept of it does not open anything: neither its id nor its CSRF token can be made from it."""

    digest: str = field(repr=False)
    password_mark: str = field(repr=False)
    created_at: datetime
    expires_at: datetime


def csrf_token_of(session_id: str) -> str:
    """Return what a page of this session sends with every change: another page cannot know it."""
    return digest_of(f"hems csrf {session_id}")


class SessionBook:
    """All sessions. Any thread may ask; ``save`` belongs into a thread that may wait for the disk."""

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        """``directory``: ``<data>/web``; a file that cannot be read means that everybody logs in again."""
        self._path = directory / SESSIONS_NAME
        self._now = now
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._sessions = self._load()
        self._changed = False

    @property
    def is_changed(self) -> bool:
        """Whether there is something to save."""
        return self._changed

    def begin(self, password_mark: str) -> tuple[str, Session]:
        """Return the id and the record of a new session; of too many the one used longest ago ends."""
        session_id, now = secrets.token_urlsafe(32), self._now()
        session = Session(
            digest=digest_of(session_id),
            password_mark=password_mark,
            created_at=now,
            expires_at=now + SESSION_LASTS,
        )
        with self._lock:
            kept = [
                old for old in self._sessions.values() if old.password_mark == password_mark and now < old.expires_at
            ]
            kept = sorted(kept, key=lambda old: old.expires_at)[-(SESSIONS_MAX - 1) :]
            self._sessions = {old.digest: old for old in [*kept, session]}
            self._changed = True
        return session_id, session

    def find(self, session_id: str, password_mark: str) -> Session | None:
        """Return the session of ``session_id`` where it holds, now for another thirty days; else None."""
        if not _ID.fullmatch(session_id):
            return None
        return self.find_by_digest(digest_of(session_id), password_mark)

    def find_by_digest(self, digest: str, password_mark: str) -> Session | None:
        """As ``find``, by what is kept of the id. A lookup by a hash tells no guesser how near the guess was."""
        now = self._now()
        with self._lock:
            session = self._sessions.get(digest)
            if session is None or session.password_mark != password_mark or now >= session.expires_at:
                return None
            if now + SESSION_LASTS - session.expires_at >= RENEWED_EACH:
                session = self._sessions[digest] = replace(session, expires_at=now + SESSION_LASTS)
                self._changed = True
            return session

    def end(self, digest: str) -> None:
        """End a session; one that is none already is as well."""
        with self._lock:
            self._changed = self._sessions.pop(digest, None) is not None or self._changed

    def save(self) -> None:
        """Keep the sessions over a restart; a disk that refuses is told, and they hold until then."""
        with self._saving:
            with self._lock:
                sessions, self._changed = list(self._sessions.values()), False
            try:
                write_private(self._path, {"sessions": [_to_json(session) for session in sessions]})
            except StorageError as error:
                _log.warning("log-ins and log-outs hold until the next start only: %s", error)

    def _load(self) -> dict[str, Session]:
        try:
            body = read_json_file(self._path, SESSIONS_MAX_BYTES)
            sessions = [_from_json(one) for one in body["sessions"]]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            _log.warning("%s: not read: %s; everybody has to log in again", self._path, error)
            return {}
        return {session.digest: session for session in sessions[-SESSIONS_MAX:]}


def _to_json(session: Session) -> dict[str, Any]:
    return {
        "sha256": session.digest,
        "password": session.password_mark,
        "created_at": session.created_at.isoformat(),
        "expires_at": session.expires_at.isoformat(),
    }


def _from_json(body: Any) -> Session:
    session = Session(
        digest=body["sha256"],
        password_mark=body["password"],
        created_at=require_utc(datetime.fromisoformat(body["created_at"])),
        expires_at=require_utc(datetime.fromisoformat(body["expires_at"])),
    )
    if not (_HEX.fullmatch(session.digest) and _HEX.fullmatch(session.password_mark)):
        raise ValueError("a session without a proper digest")
    if session.expires_at - session.created_at < timedelta(0):
        raise ValueError("a session that ends before it begins")
    return session
