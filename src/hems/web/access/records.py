"""What ``access.json`` holds: the password's hash and the tokens. Read strictly: what is not understood is refused.

{"version": 1, "password": {"scheme": "scrypt", "n": 32768, ...} or null, "tokens": [{"name": ...}, ...]}
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from hems.domain.time_grid import require_utc
from hems.web.access.passwords import KEY_BYTES, SALT_BYTES, PasswordHash

VERSION = 1
Scope = Literal["read", "control"]
SCOPES: Mapping[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "control": frozenset({"read", "control"}),
}
"""What each scope lets do: who may give orders may look, too."""

TOKEN_PREFIX = "hems_"  # noqa: S105 - not a secret: it tells a leaked one apart from other programs'
TOKENS_MAX = 50
TOKEN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,48}[A-Za-z0-9])?")
_TOKEN = re.compile(re.escape(TOKEN_PREFIX) + r"[A-Za-z0-9_-]{43}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A program's key: what is kept of it opens nothing."""

    name: str
    digest: str = field(repr=False)
    """sha256 of the whole token as hexadecimal; it has 256 random bits, so nothing slower is needed."""
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    last_four: str

    def holds(self, now: datetime) -> bool:
        """Return whether it has not expired."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may. ``password`` None: none is set."""

    password: PasswordHash | None = None
    tokens: tuple[Token, ...] = ()

    def token_of(self, presented: str, now: datetime) -> Token | None:
        """Return the token that was ``presented``, or None; takes as long wherever they differ."""
        if not _TOKEN.fullmatch(presented):
            return None
        return self.token_with(digest_of(presented), now)

    def token_with(self, digest: str, now: datetime) -> Token | None:
        """Return the token of that ``digest`` that holds, or None."""
        found = None
        for token in self.tokens:
            if hmac.compare_digest(token.digest, digest) and token.holds(now):
                found = token
        return found


def digest_of(secret: str) -> str:
    """Return the sha256 of a random secret as hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_token(name: str, scope: Scope, now: datetime, expires_at: datetime | None) -> tuple[str, Token]:
    """Return a new token as its owner gets it, once, and what is kept of it."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    kept = Token(
        name=name,
        digest=digest_of(secret),
        scope=scope,
        created_at=now,
        expires_at=expires_at,
        last_four=secret[-4:],
    )
    return secret, kept


def access_to_json(access: Access) -> dict[str, Any]:
    """Return ``access`` as JSON values."""
    kept = access.password
    password = kept and {
        "scheme": "scrypt",
        "n": kept.n,
        "r": kept.r,
        "p": kept.p,
        "salt": kept.salt.hex(),
        "key": kept.key.hex(),
        "set_at": kept.set_at.isoformat(),
    }
    tokens = [
        {
            "name": token.name,
            "sha256": token.digest,
            "scopes": sorted(SCOPES[token.scope]),
            "created_at": token.created_at.isoformat(),
            "expires_at": None if token.expires_at is None else token.expires_at.isoformat(),
            "last_four": token.last_four,
        }
        for token in access.tokens
    ]
    return {"version": VERSION, "password": password, "tokens": tokens}


def access_from_json(body: Any) -> Access:
    """Return what ``body`` says. Raises: ValueError: it is not wholly understood."""
    try:
        if body["version"] != VERSION:
            raise ValueError(f"of version {body['version']!r}, not {VERSION}")
        if not isinstance(body["tokens"], list):
            raise ValueError("tokens are a list")
        password = body["password"]
        access = Access(
            password=None if password is None else _password_from(password),
            tokens=tuple(_token_from(token) for token in body["tokens"]),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if len(access.tokens) > TOKENS_MAX:
        raise ValueError(f"more than {TOKENS_MAX} tokens")
    if len({token.name for token in access.tokens}) < len(access.tokens):
        raise ValueError("two tokens of one name")
    return access


def _password_from(body: Any) -> PasswordHash:
    kept = PasswordHash(
        n=body["n"],
        r=body["r"],
        p=body["p"],
        salt=bytes.fromhex(body["salt"]),
        key=bytes.fromhex(body["key"]),
        set_at=require_utc(datetime.fromisoformat(body["set_at"])),
    )
    # Neither so weak that the hash can be guessed through, nor so dear that one log-in takes the board's memory.
    affordable = kept.n in {2**power for power in range(14, 18)} and kept.r == 8 and kept.p in range(1, 5)
    if body["scheme"] != "scrypt" or not affordable or any(isinstance(body[key], bool) for key in "nrp"):
        raise ValueError("a password kept in a way that is not known here")
    if len(kept.salt) < SALT_BYTES or len(kept.key) != KEY_BYTES:
        raise ValueError("a password's hash of another length")
    return kept


def _token_from(body: Any) -> Token:
    scopes = body["scopes"]
    scope = next((name for name in get_args(Scope) if sorted(SCOPES[name]) == scopes), None)
    expires = body["expires_at"]
    token = Token(
        name=body["name"],
        digest=body["sha256"],
        scope=scope or "read",
        created_at=require_utc(datetime.fromisoformat(body["created_at"])),
        expires_at=None if expires is None else require_utc(datetime.fromisoformat(expires)),
        last_four=body["last_four"],
    )
    if scope is None:
        raise ValueError(f"scopes {scopes!r} are not known here")
    if not (TOKEN_NAME.fullmatch(token.name) and _DIGEST.fullmatch(token.digest) and isinstance(token.last_four, str)):
        raise ValueError("a token without a proper name or digest")
    return token
