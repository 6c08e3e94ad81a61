"""What sold energy is paid: net-billing by quarter, hour or month, a fixed price, or nothing.

Source: Dz.U. 2024 poz. 1847: a negative RCE counts as 0 in each quarter, the hour's price is the mean of its four
quarters. RCEm is the month's mean weighted by what prosumers fed in; it is published in the following month.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from math import isfinite
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.network import hour_of
from hems.domain.prices import MarketView, PartKind, PricePart
from hems.domain.units import per_kwh_from_per_mwh

Month = tuple[int, int]

RCEM_MAX_AGE_MONTHS = 2
"""RCEm of a month comes out in the next one, so the newest known is one or two months old; an older one says less than
the present month's own settlement prices."""


class SaleBasis(StrEnum):
    """What the price of sold energy follows."""

    RCE = "rce"  # the settlement price of the quarter
    RCE_HOUR = "rce_hour"  # the mean of the hour's four quarters, as netting by hour is billed
    RCEM = "rcem"  # the settlement price of the month
    FIXED = "fixed"
    NONE = "none"  # sold energy is not paid


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleTerms:
    """How sold energy is paid [currency/kWh]."""

    basis: SaleBasis = SaleBasis.RCE
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Warsaw"))
    """The zone of the settlement month."""
    multiplier: float = 1.0
    """What the deposit adds to the settlement price (net-billing in Poland: 1.23 where it applies)."""
    negative_counts_as_zero: bool = True
    margin_per_kwh: float = 0.0
    """What the buyer keeps."""
    fixed_per_kwh: float = 0.0
    rcem_per_mwh: Mapping[Month, float] = field(default_factory=dict)
    """Published monthly prices, by year and month."""

    def __post_init__(self) -> None:
        """Refuse figures that cannot stand in a contract.

        Raises: ValueError.
        """
        amounts = (self.multiplier, self.margin_per_kwh, self.fixed_per_kwh, *self.rcem_per_mwh.values())
        if not all(map(isfinite, amounts)):
            raise ValueError("margins, multiplier and prices must be finite numbers")
        if self.multiplier < 0.0:
            raise ValueError(f"export_multiplier {self.multiplier}: must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """The price of a sold kWh and what it is made of."""

    per_kwh: float
    parts: tuple[PricePart, ...]
    estimated: bool


@dataclass(frozen=True, slots=True)
class _Paid:
    """The settlement price of one quarter, as it enters the bill."""

    name: str
    per_mwh: float
    estimated: bool


class Sale:
    """Prices what the house sells."""

    def __init__(self, terms: SaleTerms) -> None:
        self._terms = terms

    @property
    def needs_month(self) -> bool:
        """Whether the settlement prices of the whole month so far matter."""
        return self._terms.basis is SaleBasis.RCEM

    def sold(self, market: MarketView) -> Iterator[Sold]:
        """Yield the price of every quarter of ``market.day_ahead``."""
        match self._terms.basis:
            case SaleBasis.FIXED:
                price = self._terms.fixed_per_kwh
                known = Sold(per_kwh=price, parts=(PricePart("contract", price, PartKind.SALE),), estimated=False)
                yield from (known for _ in market.day_ahead)
            case SaleBasis.NONE:
                nothing = Sold(per_kwh=0.0, parts=(PricePart("not paid", 0.0, PartKind.SALE),), estimated=False)
                yield from (nothing for _ in market.day_ahead)
            case SaleBasis.RCE:
                yield from (self._priced(paid) for paid in _quarters(market))
            case SaleBasis.RCE_HOUR:
                for hour in self._hours(market):
                    yield from hour
            case SaleBasis.RCEM:
                yield from self._months(market)

    def _counted(self, per_mwh: float) -> float:
        return 0.0 if self._terms.negative_counts_as_zero and per_mwh <= 0.0 else per_mwh

    def _hours(self, market: MarketView) -> Iterator[list[Sold]]:
        starts = [slot.start for slot in market.day_ahead]
        for _, hour in groupby(zip(starts, _quarters(market), strict=True), key=lambda pair: hour_of(pair[0])):
            paid = [quarter for _, quarter in hour]
            mean = sum(self._counted(quarter.per_mwh) for quarter in paid) / len(paid)
            estimated = any(quarter.estimated for quarter in paid)
            name = "day-ahead price" if estimated else "settlement price"
            sold = self._priced(_Paid(f"{name}, mean of the hour", mean, estimated))
            yield [sold] * len(paid)

    def _months(self, market: MarketView) -> Iterator[Sold]:
        months: dict[Month, Sold] = {}
        for slot in market.day_ahead:
            month = _month_of(slot.start, self._terms.zone)
            if month not in months:
                months[month] = self._priced(self._monthly(month, market))
            yield months[month]

    def _monthly(self, month: Month, market: MarketView) -> _Paid:
        """Return the month's price: its own, else the last one published, else the mean of the month so far."""
        known = self._terms.rcem_per_mwh
        if month in known:
            return _Paid(f"RCEm {month[0]}-{month[1]:02d}", known[month], estimated=False)
        earlier = max((one for one in known if one < month), default=None)
        if earlier is not None and _months_between(earlier, month) <= RCEM_MAX_AGE_MONTHS:
            return _Paid(f"RCEm {earlier[0]}-{earlier[1]:02d}, the last one known", known[earlier], estimated=True)
        for name, series in (("RCE", market.settlement), ("day-ahead price", market.day_ahead)):
            counted = [
                self._counted(slot.price_per_mwh) for slot in series if _month_of(slot.start, self._terms.zone) == month
            ]
            if counted:
                return _Paid(f"mean {name} of the month so far", sum(counted) / len(counted), estimated=True)
        raise AssertionError("a month is asked for only where a quarter of it is priced")

    def _priced(self, paid: _Paid) -> Sold:
        terms = self._terms
        counted = self._counted(paid.per_mwh)
        base = per_kwh_from_per_mwh(counted)
        named = [(paid.name, per_kwh_from_per_mwh(paid.per_mwh))]
        if counted != paid.per_mwh:
            named.append(("negative price counted as 0", per_kwh_from_per_mwh(counted - paid.per_mwh)))
        if terms.multiplier != 1.0:
            named.append((f"deposit × {terms.multiplier:g}", base * (terms.multiplier - 1.0)))
        if terms.margin_per_kwh:
            named.append(("buyer's margin", -terms.margin_per_kwh))
        return Sold(
            per_kwh=base * terms.multiplier - terms.margin_per_kwh,
            parts=tuple(PricePart(name, per_kwh, PartKind.SALE) for name, per_kwh in named),
            estimated=paid.estimated,
        )


def _quarters(market: MarketView) -> Iterator[_Paid]:
    """Yield the settlement price of each quarter; where none is published, the day-ahead price."""
    settled = {slot.start: slot.price_per_mwh for slot in market.settlement}
    for slot in market.day_ahead:
        price = settled.get(slot.start)
        if price is None or not isfinite(price):
            yield _Paid("day-ahead price, settlement not known yet", slot.price_per_mwh, estimated=True)
        else:
            yield _Paid("settlement price", price, estimated=False)


def _month_of(start: datetime, zone: ZoneInfo) -> Month:
    local = start.astimezone(zone)
    return local.year, local.month


def _months_between(earlier: Month, later: Month) -> int:
    return (later[0] - earlier[0]) * 12 + later[1] - earlier[1]
