"""The tariffs that can be configured, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hems.adapters.registry import Registry
from hems.ports.prices import Tariff

TariffFactory = Callable[[Mapping[str, object]], Tariff]

TARIFFS: Registry[TariffFactory] = Registry(kind="tariff", key="tariff.type", package="hems.adapters.tariffs")


def create_tariff(name: str, settings: Mapping[str, object]) -> Tariff:
    """Return the tariff called ``name``, set up from its own ``settings``.

    Raises: ConfigurationError: no such tariff, or a setting it does not have.
    """
    return TARIFFS.factory(name)(settings)
