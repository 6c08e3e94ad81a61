"""A contract whose prices do not follow the market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from hems.adapters.registry import options_from
from hems.adapters.tariffs.registry import TARIFFS
from hems.domain.prices import PriceOrigin, RetailPrice
from hems.ports.prices import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedTariffOptions:
    """Prices per kWh with all taxes and fees, as they stand on the bill."""

    import_per_kwh: float
    export_per_kwh: float = 0.0
    currency: str = "PLN"

    def __post_init__(self) -> None:
        """Refuse figures that are no prices.

        Raises: ValueError.
        """
        if not (isfinite(self.import_per_kwh) and isfinite(self.export_per_kwh)):
            raise ValueError("import_per_kwh and export_per_kwh must be finite numbers")


class FixedTariff:
    """The same retail price in every quarter."""

    def __init__(self, options: FixedTariffOptions) -> None:
        self._options = options

    def retail(
        self, start: datetime, day_ahead_per_mwh: float, settlement_per_mwh: float | None, origin: PriceOrigin
    ) -> RetailPrice:
        """Return the contract's price for the quarter at ``start``.

        The market's prices are ignored, and so is their origin: a contract is known, not estimated.
        """
        del day_ahead_per_mwh, settlement_per_mwh, origin
        return RetailPrice(
            start=start,
            import_per_kwh=self._options.import_per_kwh,
            export_per_kwh=self._options.export_per_kwh,
            origin=PriceOrigin.PUBLISHED,
        )


@TARIFFS.register("fixed")
def _fixed_from_settings(settings: Mapping[str, object]) -> Tariff:
    return FixedTariff(options_from(FixedTariffOptions, settings, key="tariff.fixed"))
