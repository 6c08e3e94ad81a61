"""The registry of price sources: by name, by file, with its own settings."""

from __future__ import annotations

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.prices.pse import PsePriceSource
from hems.adapters.prices.registry import PRICE_SOURCES, create_price_source
from hems.adapters.registry import Registry
from hems.domain.errors import ConfigurationError


def test_pse_is_found_by_name() -> None:
    assert PRICE_SOURCES.names() == ("energy_charts", "pse")
    source = create_price_source("pse", {"base_url": "http://127.0.0.1:9/api", "timeout_s": 1.0}, SystemClock())
    assert isinstance(source, PsePriceSource)
    assert source.name == "pse"


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("psee", {}, "prices.source: 'psee' is not a price source; allowed: energy_charts, pse"),
        ("pse", {"url": "x"}, "prices.pse.url: unknown setting; allowed: base_url,"),
        ("pse", {"base_url": "api.raporty.pse.pl"}, "must be http(s)://host[:port][/path]"),
        ("pse", {"base_url": "ftp://api.raporty.pse.pl"}, "must be http(s)"),
        ("pse", {"base_url": "http://host:99999/api"}, "Port out of range"),
        ("pse", {"base_url": "http://host:0/api"}, "port 0"),
        ("pse", {"base_url": "http://[::1/api"}, "prices.pse: Invalid IPv6 URL"),
        ("pse", {"timeout_s": 0.0}, "must be above 0"),
        ("pse", {"page_size": 0}, "must be 1 or more"),
    ],
)
def test_wrong_settings_name_themselves(name: str, settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_price_source(name, settings, SystemClock())
    assert said in str(caught.value)


def test_two_of_one_name_are_a_defect() -> None:
    registry: Registry[str] = Registry(kind="thing", key="thing", package="hems.adapters.prices")
    registry.register("a")("first")
    with pytest.raises(ValueError, match="two thing factories are named 'a'"):
        registry.register("a")("second")
