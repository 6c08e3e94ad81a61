"""A dynamic contract given by its numbers: the day-ahead price plus what seller, state and network add.

Formula, per kWh: buy = (market + margin + excise) x (1 + VAT) + network x (1 + VAT); sell = settlement price, never
below 0. A contract with an operator's zones or a seller's terms is put together in ``contract``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from zoneinfo import ZoneInfo

from hems.adapters.registry import options_from
from hems.adapters.tariffs.energy import DynamicEnergy
from hems.adapters.tariffs.household import HouseholdTariff
from hems.adapters.tariffs.network import FlatNetwork
from hems.adapters.tariffs.registry import TARIFFS
from hems.adapters.tariffs.sale import Sale, SaleTerms
from hems.adapters.tariffs.terms import DynamicTerms
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


class DynamicTariff(HouseholdTariff):
    """A dynamic contract whose network costs the same in every quarter."""

    def __init__(self, options: DynamicTariffOptions) -> None:
        terms = DynamicTerms(
            margin_per_kwh=options.seller_margin_per_kwh,
            negative_counts_as_zero=options.floor_negative_market,
            cap_per_mwh=options.market_cap_per_mwh,
        )
        sale = SaleTerms(
            multiplier=options.export_multiplier,
            negative_counts_as_zero=options.export_negative_counts_as_zero,
            margin_per_kwh=options.export_margin_per_kwh,
        )
        super().__init__(
            energy=DynamicEnergy(lambda _: terms),
            network=FlatNetwork(
                net_per_kwh=options.network_per_kwh, vat_pct=options.vat_pct, excise_per_kwh=options.excise_per_kwh
            ),
            sale=Sale(sale),
            zone=ZoneInfo("UTC"),  # nothing in it differs from day to day
        )


@TARIFFS.register("dynamic")
def _dynamic_from_settings(settings: Mapping[str, object]) -> Tariff:
    return DynamicTariff(options_from(DynamicTariffOptions, settings, key="tariff.dynamic"))
