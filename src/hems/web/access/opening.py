"""Whether the dashboard may open at all, and whose word counts for who asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hems.domain.errors import RejectedData, StorageError
from hems.web.access.access_file import read_access
from hems.web.access.origins import is_loopback

LOOPBACK_PROXIES = ("127.0.0.1", "::1")


def why_closed(host: str, directory: Path) -> str | None:
    """Return why the dashboard does not open on the address ``host``, and what to do; None where it may.

    Whoever is in the network could else order the house about. ``directory``: ``<data>/web``.
    """
    if is_loopback(host):
        return None
    hint = "Set one with `hems web passwd`"
    try:
        access = read_access(directory)
    except (StorageError, RejectedData) as error:
        return f"The dashboard stays closed on {host}: {error}"
    if access is None or access.password is None:
        return f"The dashboard stays closed on {host}: no password is set. {hint}, or listen on 127.0.0.1 (web.host)."
    return None


def proxies_believed(trusted: Sequence[str]) -> list[str]:
    """Return the addresses and networks whose ``X-Forwarded-*`` count: this machine's own and ``trusted``."""
    return [*LOOPBACK_PROXIES, *trusted]
