"""Where a request comes from: this very machine, or a page of our own. Pure; what is unclear counts as foreign."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\\\s]+)(?::([0-9]{1,5}))?")
_PASSED_ON = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def is_loopback(address: str | None) -> bool:
    """Return whether ``address`` is one of this machine's own that no other can reach."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


def names_loopback(host: str) -> bool:
    """Return whether a Host header, with or without a port, names this machine to itself."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower()
    return name == "localhost" or is_loopback(name.removeprefix("[").removesuffix("]"))


def why_not_local(
    peer: str | None, http_version: str, headers: Headers, allowed_origins: Collection[str]
) -> str | None:
    """Return why a request is not surely somebody's at this machine; None where it is.

    Another name than a loopback one would let in any web page that points its own name at this address (DNS
    rebinding). A proxy's marks mean that somebody else stands behind the loopback peer; HTTP/1.0 is what nginx speaks
    to what is behind it, without any mark, and no browser does.
    """
    if not is_loopback(peer):
        return "it comes from another machine"
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not names_loopback(hosts[0]):
        return "it asks under a name that is not localhost"
    if http_version == "1.0" or any(name in _PASSED_ON or name.startswith("x-forwarded") for name in headers):
        return "a proxy has passed it on"
    for name in ("origin", "referer"):
        value = headers.get(name)
        if value is not None and value not in allowed_origins and not names_loopback(_host_of(value) or ""):
            return "another web page sent it"
    return None


def why_foreign(headers: Headers) -> str | None:
    """Return why a change was not asked for by a page of our own, as far as a browser says; None where it was.

    A page cannot make a browser lie about either header. Behind a proxy that asks under a name of its own, the
    browser's word that the page and its target are one (``Sec-Fetch-Site``) still holds.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return None if site == "same-origin" else "another web page sent it"
    origins = headers.getlist("origin")
    if not origins:
        return None  # not a browser
    own = {_without_port(origins[0], host) for host in (*headers.getlist("host"), *headers.getlist("x-forwarded-host"))}
    origin = _host_of(origins[0])
    if len(origins) > 1 or origin is None or _without_port(origins[0], origin) not in own:
        return "another web page sent it"
    return None


def why_not_json(headers: Headers) -> str | None:
    """Return why a body is not JSON by its own word: what a form of another web page can send never is."""
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return "its body is not of the type application/json" if has_body and kind != "application/json" else None


def _host_of(address: str) -> str | None:
    """Return host and port of an address; None for ``null`` and what is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.netloc if parts.scheme in _DEFAULT_PORTS and parts.netloc else None


def _without_port(origin: str, host: str) -> str:
    """Return ``host`` without the port that ``origin``'s scheme has anyway."""
    port = _DEFAULT_PORTS.get(origin.partition(":")[0])
    return host.lower().removesuffix(f":{port}") if port else host.lower()
