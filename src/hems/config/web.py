"""The settings of the dashboard and its API: where they listen, and whose word counts on the way."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from hems.config.fields import Allowed, Section

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?)(:[0-9]{1,5})?")


def _check_address(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise PydanticCustomError("address", "not an address") from None
    return value


def _check_origin(value: Any) -> Any:
    if isinstance(value, str):
        try:
            port = urlsplit(value).port
        except ValueError:
            port = 0
        default = {"http": 80, "https": 443}.get(value.partition(":")[0])
        # A browser never names the default port: an origin written with it would never be met.
        if not _ORIGIN.fullmatch(value) or port == 0 or port == default:
            raise PydanticCustomError("origin", "not an origin")
    return value


def _check_proxy(value: Any) -> Any:
    if isinstance(value, str):
        try:
            network = ipaddress.ip_network(value)
        except ValueError:
            raise PydanticCustomError("proxy", "not an address or a network") from None
        if network.prefixlen == 0:
            raise PydanticCustomError("proxy", "everybody's word would count")
    return value


Address = Annotated[
    str, BeforeValidator(_check_address), Allowed("an IPv4 or IPv6 address, such as 127.0.0.1, 0.0.0.0 or ::")
]
Origins = Annotated[
    tuple[Annotated[str, BeforeValidator(_check_origin)], ...],
    Field(max_length=20, strict=False),
    Allowed("a list of origins as a browser sends them, such as [https://home.example, http://10.0.0.5:8123]"),
]
Proxies = Annotated[
    tuple[Annotated[str, BeforeValidator(_check_proxy)], ...],
    Field(max_length=20, strict=False),
    Allowed("a list of addresses or networks, such as [192.168.1.2, 172.30.32.0/23]"),
]


class WebSettings(Section):
    """The dashboard and its API (docs/security.md). On any address but this machine's own they open only with a
    password."""

    enabled: bool = Field(default=True, description="Whether the service serves the dashboard and the API.")
    host: Address = Field(
        default="127.0.0.1",
        description="Address to listen on. `127.0.0.1` is this machine alone, `0.0.0.0` every IPv4 network it is in; "
        "that takes a password first: `hems web passwd`.",
    )
    port: int = Field(
        default=8080, ge=1, le=65535, description="TCP port to listen on; below 1024 the shipped service may not."
    )
    cors_origins: Origins = Field(
        default=(),
        description="Other web pages that may use the API from a browser, with a token. None is needed for the "
        "dashboard itself.",
    )
    trusted_proxies: Proxies = Field(
        default=(),
        description="Reverse proxies on other machines whose word counts for who asks and whether it came by https "
        "(`X-Forwarded-For`, `X-Forwarded-Proto`). This machine's own are believed always.",
    )
