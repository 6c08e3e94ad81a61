"""A contract whose prices do not follow the market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite

from hems.adapters.registry import options_from
from hems.adapters.tariffs.registry import TARIFFS
from hems.adapters.tariffs.sale import Sale, SaleBasis, SaleTerms
from hems.domain.prices import MarketView, PartKind, PriceOrigin, PricePart, RetailPrice
from hems.ports.prices import Tariff, TariffNeeds


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
    """The same import price in every quarter; sold energy costs the same too, unless ``sale`` says otherwise."""

    def __init__(self, options: FixedTariffOptions, sale: Sale | None = None) -> None:
        self._options = options
        self._sale = sale or Sale(SaleTerms(basis=SaleBasis.FIXED, fixed_per_kwh=options.export_per_kwh))

    @property
    def needs(self) -> TariffNeeds:
        """What ``retail_series`` has to be given."""
        return TariffNeeds(month_of_settlement=self._sale.needs_month)

    def retail_series(self, market: MarketView) -> tuple[RetailPrice, ...]:
        """Return the contract's price for every quarter of ``market.day_ahead``.

        The market's prices are ignored, and so is their origin: a contract is known, not estimated.
        """
        price = self._options.import_per_kwh
        parts = (PricePart("contract, all included", price, PartKind.TOTAL),)
        return tuple(
            RetailPrice(
                start=slot.start,
                import_per_kwh=price,
                export_per_kwh=sold.per_kwh,
                origin=PriceOrigin.PUBLISHED,
                export_estimated=sold.estimated,
                import_parts=parts,
                export_parts=sold.parts,
            )
            for slot, sold in zip(market.day_ahead, self._sale.sold(market), strict=True)
        )

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return nothing: these are the owner's own figures."""
        del day
        return ()


@TARIFFS.register("fixed")
def _fixed_from_settings(settings: Mapping[str, object]) -> Tariff:
    return FixedTariff(options_from(FixedTariffOptions, settings, key="tariff.fixed"))
