"""A household's whole tariff: energy, network and sale put together, every price with the parts it is made of.

buy = (energy + network) x (1 + VAT); the energy is (market + margin + excise) of a dynamic contract, or a fixed price.
Source: sellers' published algorithms and the 2026 distribution tariffs of Polish operators.
"""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.energy import Energy, EnergyCharge
from hems.adapters.tariffs.network import Network, NetworkCharge
from hems.adapters.tariffs.sale import Sale
from hems.domain.prices import MarketView, PartKind, PriceOrigin, PricePart, RetailPrice
from hems.ports.prices import TariffNeeds


class HouseholdTariff:
    """Day-ahead and settlement prices in, retail prices out; pure, so that every quarter can be checked with a bill."""

    def __init__(self, *, energy: Energy, network: Network, sale: Sale, zone: ZoneInfo) -> None:
        """``zone`` is that of the contract: its days decide which edition of a tariff holds."""
        self._energy = energy
        self._network = network
        self._sale = sale
        self._zone = zone

    @property
    def needs(self) -> TariffNeeds:
        """What ``retail_series`` has to be given."""
        return TariffNeeds(compass=self._network.needs_compass, month_of_settlement=self._sale.needs_month)

    def retail_series(self, market: MarketView) -> tuple[RetailPrice, ...]:
        """Return the retail price of every quarter of ``market.day_ahead``, in order."""
        prices: list[RetailPrice] = []
        billed = self._energy.billed(market.day_ahead, self._zone)
        for slot, sold in zip(billed, self._sale.sold(market), strict=True):
            network = self._network.charge(slot.start, market.compass)
            energy = self._energy.charge(slot, slot.start.astimezone(self._zone).date(), network)
            prices.append(
                RetailPrice(
                    start=slot.start,
                    import_per_kwh=(energy.net_per_kwh + network.net_per_kwh) * (1.0 + network.vat_pct / 100.0),
                    export_per_kwh=sold.per_kwh,
                    origin=_origin_of(energy, network),
                    export_estimated=sold.estimated,
                    import_parts=_with_vat(energy, network),
                    export_parts=sold.parts,
                )
            )
        return tuple(prices)

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the prices of ``day``, each remark once."""
        return tuple(dict.fromkeys((*self._energy.remarks(day), *self._network.remarks(day))))


def _origin_of(energy: EnergyCharge, network: NetworkCharge) -> PriceOrigin:
    """Return how well the price is known: a zone that is a guess makes it one."""
    if network.assumed and not energy.origin.is_estimated:
        return PriceOrigin.TYPICAL_DAY
    return energy.origin


def _with_vat(energy: EnergyCharge, network: NetworkCharge) -> tuple[PricePart, ...]:
    """Return all parts of a bought kWh; VAT stands apart for energy and network, as a deposit pays only the former."""
    vat = energy.net_per_kwh * network.vat_pct / 100.0
    return (*energy.parts, PricePart(f"VAT {network.vat_pct:g} % on energy", vat, PartKind.ENERGY), *network.parts)
