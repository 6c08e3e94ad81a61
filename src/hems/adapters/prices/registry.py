"""The price sources that can be configured, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hems.adapters.registry import Registry
from hems.ports.clock import Clock
from hems.ports.prices import PriceSource

PriceSourceFactory = Callable[[Mapping[str, object], Clock], PriceSource]

PRICE_SOURCES: Registry[PriceSourceFactory] = Registry(
    kind="price source", key="prices.source", package="hems.adapters.prices"
)


def create_price_source(name: str, settings: Mapping[str, object], clock: Clock) -> PriceSource:
    """Return the price source called ``name``, set up from its own ``settings``.

    Raises: ConfigurationError: no such source, or a setting it does not have.
    """
    return PRICE_SOURCES.factory(name)(settings, clock)
