"""What must not be told: hidden in every text that a person or a program may come to see.

A secret enters only through an address in the configuration, as its user and password or through ``${env:...}`` and
``${file:...}``. Serial numbers are no secret, yet the key by which a vendor's portal knows a house: they are shortened.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
SECRET_MIN_LENGTH = 4
"""Shorter values are hidden in addresses only: taken out of every text they would leave nothing readable."""

_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_SERIAL_SHOWN_START, _SERIAL_SHOWN_END = 8, 2


class Redactor:
    """Hides known secrets, in the forms in which they travel, and the user of any address."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= SECRET_MIN_LENGTH for form in _forms_of(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Return ``text`` without what must not be told."""
        if "://" in text:
            text = _USER_OF_ADDRESS.sub(f"{HIDDEN}@", text)
        return text if self._secrets is None else self._secrets.sub(HIDDEN, text)


def secrets_in_address(address: str) -> frozenset[str]:
    """Return the user and the password of ``address``, alone and as HTTP sends them; none where it has none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return frozenset()
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user or password):
        return frozenset()
    sent = base64.b64encode(f"{user}:{password}".encode()).decode()
    # A user without a password is a token; beside one it is a name that half the texts of a house may hold.
    return frozenset({sent, password or user})


def without_secrets(address: str) -> str:
    """Return ``address`` as it may be shown: neither user nor query."""
    shown = _USER_OF_ADDRESS.sub(f"{HIDDEN}@", address)
    start, mark, query = shown.partition("?")
    return f"{start}?{HIDDEN}" if mark and query else shown


def shortened_serial(serial_number: str) -> str:
    """Return a serial number that still tells model and device apart, but opens nothing: ``9010KETU******01``."""
    hidden = len(serial_number) - _SERIAL_SHOWN_START - _SERIAL_SHOWN_END
    if hidden <= 0:
        return "*" * len(serial_number)
    return f"{serial_number[:_SERIAL_SHOWN_START]}{'*' * hidden}{serial_number[-_SERIAL_SHOWN_END:]}"


def _forms_of(secret: str) -> set[str]:
    """Return ``secret`` as it looks plain, in an address, in Python's own words, and each of these inside JSON."""
    plain = {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
    return plain | {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in plain for ascii_only in (True, False)}
