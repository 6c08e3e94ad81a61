"""The owner's password, kept as what cannot be turned back into it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

PASSWORD_MIN_LENGTH, PASSWORD_MAX_LENGTH = 8, 1024
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
"""32 MB and 0.13 s on the machine this was built on: dear for who guesses, bearable for a small board."""
SALT_BYTES, KEY_BYTES = 16, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordHash:
    """What is kept of a password: scrypt's own parameters beside the salt and the key made with them."""

    n: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    key: bytes = field(repr=False)
    set_at: datetime

    @property
    def mark(self) -> str:
        """A name of this very password, new with every change: a session holds only under the one it began with."""
        return hashlib.sha256(b"hems password\0" + self.salt + self.key).hexdigest()[:32]


def why_unfit(password: str) -> str | None:
    """Return what is wrong with a new password, or None."""
    if len(password) < PASSWORD_MIN_LENGTH:
        return f"A password has at least {PASSWORD_MIN_LENGTH} characters."
    if len(password) > PASSWORD_MAX_LENGTH:
        return f"A password has at most {PASSWORD_MAX_LENGTH} characters."
    if _bytes_of(password) is None or any(unicodedata.category(letter) == "Cc" for letter in password):
        return "A password takes no control characters: a browser could not send them."
    return None


def hash_password(password: str, now: datetime) -> PasswordHash:
    """Return what to keep of ``password``. Raises: ValueError: it is unfit; the message says why."""
    content = _bytes_of(password)
    problem = why_unfit(password)
    if content is None or problem is not None:
        raise ValueError(problem)
    salt = secrets.token_bytes(SALT_BYTES)
    key = _scrypt(content, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    return PasswordHash(n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, salt=salt, key=key, set_at=now)


def is_password(password: str, kept: PasswordHash) -> bool:
    """Return whether ``password`` is the one of which ``kept`` is kept; takes as long for a wrong one."""
    content = _bytes_of(password)
    if content is None or len(password) > PASSWORD_MAX_LENGTH:
        return False
    return hmac.compare_digest(_scrypt(content, kept.salt, kept.n, kept.r, kept.p), kept.key)


def _bytes_of(password: str) -> bytes | None:
    """Return the password's bytes, one way of writing ``ó`` or another; None for what is no text."""
    try:
        return unicodedata.normalize("NFC", password).encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can carry
        return None


def _scrypt(content: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    # The library's own bound on memory is just below what these parameters take.
    return hashlib.scrypt(content, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r + 2**20, dklen=KEY_BYTES)
