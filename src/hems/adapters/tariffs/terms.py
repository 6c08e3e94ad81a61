"""What a tariff file says, as types: operators' networks, sellers' contracts, the rules of net-billing.

All amounts are net of VAT, in the file's currency; an edition is one file: one year's tariff of one company.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeVar

from hems.domain.prices import CompassLevel, DepositTerms

QUARTERS_OF_A_DAY = 96


class DayKind(StrEnum):
    """Days as tariffs tell them apart."""

    WORKING = "working"
    SATURDAY = "saturday"  # one that is no public holiday
    FREE = "free"  # Sundays and public holidays


class MarketStep(StrEnum):
    """Which market price a seller bills in a quarter."""

    QUARTER = "quarter"
    HOUR = "hour"  # the mean of the hour's quarters


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The days on which something holds, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def holds_on(self, day: date) -> bool:
        """Return whether ``day`` is one of them."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Which file this is, for whom and how far it may be trusted."""

    name: str
    """How the configuration names the company."""
    title: str
    country: str
    currency: str
    source: str
    verified: bool
    """Whether the figures were read from the company's own document."""
    file: str
    valid: Validity

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know where this edition prices ``day``."""
        found: list[str] = []
        if self.valid.last is not None and day > self.valid.last:
            found.append(
                f"{self.title}: the tariff ended on {self.valid.last}; its prices are used on. Look for an update"
            )
        if self.valid.first is not None and day < self.valid.first:
            found.append(
                f"{self.title}: the earliest known tariff starts on {self.valid.first}; its prices are used before"
            )
        if not self.verified:
            found.append(
                f"{self.title}: figures not verified against the company's own document: check them with a bill"
            )
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A fee per energy that every group pays, such as the quality fee."""

    name: str
    per_kwh: float
    valid: Validity = field(default_factory=Validity)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyFee:
    """A fee per month: part of the bill, without effect on any decision; ``applies_to`` says to whom.

    The fields below say the same to a program; one that is None binds nobody.
    """

    name: str
    per_month: float
    applies_to: str = ""
    includes_vat: bool = False
    phases: int | None = None
    above_kwh_a_year: float | None = None
    up_to_kwh_a_year: float | None = None
    """Of the energy that the house takes from the grid."""
    only_dynamic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule:
    """Quarters of the meter's day that belong to a zone, in these months and on these kinds of day."""

    zone: str
    quarters: frozenset[int]
    """0 starts at 00:00 of the meter's clock, 95 at 23:45."""
    months: frozenset[int]
    days: frozenset[DayKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One tariff group: the price of each zone, and when each zone holds.

    The first rule that fits decides; ``otherwise`` is the zone of all other quarters. A group with ``by_compass`` takes
    its zone from the level of the hour instead.
    """

    name: str
    zones: Mapping[str, float]
    otherwise: str
    rules: tuple[ZoneRule, ...] = ()
    above_last_year: Mapping[str, float] = field(default_factory=dict)
    """Zone prices for energy above last year's volume; a zone not named costs the same."""
    by_compass: Mapping[CompassLevel, str] = field(default_factory=dict)
    monthly: tuple[MonthlyFee, ...] = ()

    def zone_of(self, month: int, day: DayKind, quarter: int) -> str:
        """Return the zone of a quarter of the meter's clock."""
        for rule in self.rules:
            if quarter in rule.quarters and month in rule.months and day in rule.days:
                return rule.zone
        return self.otherwise

    def price_of(self, zone: str, *, above_last_year: bool) -> float:
        """Return the zone's price [currency/kWh], net."""
        if above_last_year and zone in self.above_last_year:
            return self.above_last_year[zone]
        return self.zones[zone]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEdition:
    """One year's tariff of a network operator."""

    edition: Edition
    subdivision: str | None
    """Part of the country with holidays of its own (ISO 3166-2), or None."""
    time_zone: str
    vat_pct: float
    excise_per_kwh: float
    fees: tuple[Fee, ...]
    groups: Mapping[str, Group]
    monthly: tuple[MonthlyFee, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicTerms:
    """How a seller bills the day-ahead price."""

    margin_per_kwh: float
    step: MarketStep = MarketStep.QUARTER
    negative_counts_as_zero: bool = False
    cap_per_mwh: float | None = None
    floor_gross_per_kwh: float | None = None
    """The least that a kWh of energy costs with VAT, network aside; None is no floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerEdition:
    """One year's terms of a seller of energy; None or empty where it has no such contract."""

    edition: Edition
    dynamic: DynamicTerms | None
    regulated: Mapping[str, Mapping[str, float]]
    """Group to zone to price of energy, excise included."""
    monthly: tuple[MonthlyFee, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBillingBasis:
    """What sold energy is worth, and what becomes of the credit for it."""

    multiplier: float
    """On the settlement price, where it applies: ``prices.tariff.export_multiplier``."""
    deposit: DepositTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBillingEdition:
    """A country's rules for selling what the house does not use."""

    edition: Edition
    bases: Mapping[str, NetBillingBasis]


class HasEdition(Protocol):
    """Anything that comes from a tariff file."""

    @property
    def edition(self) -> Edition:
        """Which file."""
        ...


E = TypeVar("E", bound=HasEdition)


def edition_on(editions: Sequence[E], day: date) -> E:
    """Return the latest of ``editions`` (in order of their first day) that has begun on ``day``, else the earliest."""
    begun = [one for one in editions if one.edition.valid.first is None or one.edition.valid.first <= day]
    return begun[-1] if begun else editions[0]
