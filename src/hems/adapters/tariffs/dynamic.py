"""A dynamic contract: the day-ahead market price plus what seller, state and network add.

Source: sellers' published algorithms and the 2026 distribution tariffs of Polish operators. Formula, per kWh:
buy = (market + margin + excise) x (1 + VAT) + network x (1 + VAT); sell = settlement price, never below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from hems.adapters.registry import options_from
from hems.adapters.tariffs.registry import TARIFFS
from hems.domain.prices import PriceOrigin, RetailPrice
from hems.domain.units import per_kwh_from_per_mwh
from hems.ports.prices import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicTariffOptions:
    """What stands in the household's contract; amounts are net, per kWh, in ``currency``.

    The defaults are one Polish contract of 2025/26: a seller's margin of 0.08, and the network of Tauron G11 with its
    fees (0.2464 network + 0.0331 quality + 0.0073 renewables + 0.0030 cogeneration).
    """

    currency: str = "PLN"
    seller_margin_per_kwh: float = 0.08
    excise_per_kwh: float = 0.005
    vat_pct: float = 23.0
    network_per_kwh: float = 0.2898
    floor_negative_market: bool = False
    """Whether the seller counts a negative market price as 0 when billing (PGE does, others pass it on)."""
    market_cap_per_mwh: float | None = None
    """The highest market price the seller bills (PGE: 4000); None is no cap."""
    export_multiplier: float = 1.0
    """What the deposit adds to the settlement price (net-billing in Poland: 1.23 where it applies)."""
    export_negative_counts_as_zero: bool = True
    export_margin_per_kwh: float = 0.0
    """What the buyer of the exported energy keeps."""

    def __post_init__(self) -> None:
        """Refuse figures that cannot stand in a contract.

        Raises: ValueError.
        """
        amounts = (
            self.seller_margin_per_kwh,
            self.excise_per_kwh,
            self.network_per_kwh,
            self.export_margin_per_kwh,
            self.export_multiplier,
        )
        if not all(map(isfinite, amounts)):
            raise ValueError("margins, excise, network and multiplier must be finite numbers")
        if not 0.0 <= self.vat_pct <= 100.0:
            raise ValueError(f"vat_pct {self.vat_pct}: must be 0 to 100")
        if self.export_multiplier < 0.0:
            raise ValueError(f"export_multiplier {self.export_multiplier}: must be 0 or more")


class DynamicTariff:
    """Day-ahead price in, retail price out; pure, so that every quarter can be checked against a bill."""

    def __init__(self, options: DynamicTariffOptions) -> None:
        self._options = options

    def retail(
        self, start: datetime, day_ahead_per_mwh: float, settlement_per_mwh: float | None, origin: PriceOrigin
    ) -> RetailPrice:
        """Return the retail price of the quarter at ``start``; without a settlement price, day-ahead pays."""
        paid_per_mwh = day_ahead_per_mwh if settlement_per_mwh is None else settlement_per_mwh
        return RetailPrice(
            start=start,
            import_per_kwh=self._import_per_kwh(day_ahead_per_mwh),
            export_per_kwh=self._export_per_kwh(paid_per_mwh),
            origin=origin,
        )

    def _import_per_kwh(self, market_per_mwh: float) -> float:
        options = self._options
        billed = market_per_mwh
        if options.floor_negative_market:
            billed = max(0.0, billed)
        if options.market_cap_per_mwh is not None:
            billed = min(billed, options.market_cap_per_mwh)
        energy = per_kwh_from_per_mwh(billed) + options.seller_margin_per_kwh + options.excise_per_kwh
        return (energy + options.network_per_kwh) * (1.0 + options.vat_pct / 100.0)

    def _export_per_kwh(self, paid_per_mwh: float) -> float:
        options = self._options
        paid = max(0.0, paid_per_mwh) if options.export_negative_counts_as_zero else paid_per_mwh
        return per_kwh_from_per_mwh(paid) * options.export_multiplier - options.export_margin_per_kwh


@TARIFFS.register("dynamic")
def _dynamic_from_settings(settings: Mapping[str, object]) -> Tariff:
    return DynamicTariff(options_from(DynamicTariffOptions, settings, key="tariff.dynamic"))
