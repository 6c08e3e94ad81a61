"""What the energy itself costs: the market price as a seller bills it, or a fixed price for each zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Protocol
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.network import NetworkCharge, hour_of
from hems.adapters.tariffs.terms import DynamicTerms, MarketStep
from hems.domain.prices import PartKind, PriceOrigin, PricePart, PriceSeries, SlotPrice
from hems.domain.units import per_kwh_from_per_mwh

_BEST_FIRST = tuple(PriceOrigin)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCharge:
    """The energy's share of a kWh, net of VAT [currency/kWh], and how well it is known."""

    net_per_kwh: float
    parts: tuple[PricePart, ...]
    origin: PriceOrigin


class Energy(Protocol):
    """Knows the energy's share of a kWh."""

    def billed(self, day_ahead: PriceSeries, zone: ZoneInfo) -> Iterator[SlotPrice]:
        """Yield the market price that is billed in each quarter of ``day_ahead``; ``zone`` is that of the contract."""
        ...

    def charge(self, billed: SlotPrice, day: date, network: NetworkCharge) -> EnergyCharge:
        """Return the charge of a quarter of the local ``day``."""
        ...

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about it on ``day``."""
        ...


class DynamicEnergy:
    """The day-ahead price and what the seller makes of it: floor, cap, margin, excise.

    Source: PGE's annex to its dynamic contract; other sellers' price lists. (market + margin + excise), net of VAT.
    """

    def __init__(
        self, terms_on: Callable[[date], DynamicTerms], remarks: Callable[[date], tuple[str, ...]] = lambda _: ()
    ) -> None:
        """``terms_on`` and ``remarks`` tell the terms of a local day, and what a person should know about them."""
        self._terms_on = terms_on
        self._remarks = remarks

    def billed(self, day_ahead: PriceSeries, zone: ZoneInfo) -> Iterator[SlotPrice]:
        """Yield the quarter's own price, or the mean of its hour's quarters where the seller bills hours."""
        for start, hour in groupby(day_ahead, key=lambda slot: hour_of(slot.start)):
            slots = list(hour)
            if self._terms_on(start.astimezone(zone).date()).step is MarketStep.QUARTER:
                yield from slots
                continue
            mean = sum(slot.price_per_mwh for slot in slots) / len(slots)
            origin = max((slot.origin for slot in slots), key=_BEST_FIRST.index)
            for slot in slots:
                yield SlotPrice(start=slot.start, price_per_mwh=mean, origin=origin)

    def charge(self, billed: SlotPrice, day: date, network: NetworkCharge) -> EnergyCharge:
        """Return the charge of a quarter of the local ``day``."""
        terms = self._terms_on(day)
        market = billed.price_per_mwh
        # Written so that a price that is no number stays one: max() would make it 0.
        counted = 0.0 if terms.negative_counts_as_zero and market <= 0.0 else market
        capped = counted if terms.cap_per_mwh is None else min(counted, terms.cap_per_mwh)
        name = "market price" if terms.step is MarketStep.QUARTER else "market price, mean of the hour"
        parts = [PricePart(name, per_kwh_from_per_mwh(market), PartKind.ENERGY)]
        if counted != market:
            parts.append(_energy("negative market price counted as 0", per_kwh_from_per_mwh(counted - market)))
        if capped != counted:
            parts.append(_energy("seller's cap on the market price", per_kwh_from_per_mwh(capped - counted)))
        parts += (_energy("seller's margin", terms.margin_per_kwh), _energy("excise", network.excise_per_kwh))
        net = per_kwh_from_per_mwh(capped) + terms.margin_per_kwh + network.excise_per_kwh
        if terms.floor_gross_per_kwh is not None:
            least = terms.floor_gross_per_kwh / (1.0 + network.vat_pct / 100.0)
            if net < least:
                parts.append(_energy("seller's lowest price", least - net))
                net = least
        return EnergyCharge(net_per_kwh=net, parts=tuple(parts), origin=billed.origin)

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the seller's terms of ``day``."""
        return self._remarks(day)


@lru_cache(maxsize=256)
def _energy(name: str, per_kwh: float) -> PricePart:
    """Return the part; most are the same in every quarter."""
    return PricePart(name, per_kwh, PartKind.ENERGY)


EVERY_ZONE = "all"
"""The zone of a price that holds in all of them."""


class FixedEnergy:
    """A price of energy for each zone, excise included, that does not follow the market."""

    def __init__(
        self,
        prices_on: Callable[[date], Mapping[str, float]],
        remarks: Callable[[date], tuple[str, ...]] = lambda _: (),
    ) -> None:
        """``prices_on`` tells the net price of every zone of the network, or of ``all``, on a local day."""
        self._prices_on = prices_on
        self._remarks = remarks

    def billed(self, day_ahead: PriceSeries, zone: ZoneInfo) -> Iterator[SlotPrice]:
        """Yield the market's own quarters: only their time matters."""
        del zone
        yield from day_ahead

    def charge(self, billed: SlotPrice, day: date, network: NetworkCharge) -> EnergyCharge:
        """Return the charge of the network's zone; a contract is known, not estimated."""
        del billed
        prices = self._prices_on(day)
        zone = network.zone if network.zone in prices else EVERY_ZONE
        net = prices[zone or EVERY_ZONE]
        name = "energy" if zone in (None, EVERY_ZONE) else f"energy ({str(zone).replace('_', ' ')})"
        part = PricePart(name, net, PartKind.ENERGY)
        return EnergyCharge(net_per_kwh=net, parts=(part,), origin=PriceOrigin.PUBLISHED)

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the prices of ``day``."""
        return self._remarks(day)
