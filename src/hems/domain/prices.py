"""Prices per market time unit, and what is known or only guessed about each."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from hems.domain.time_grid import MTU, floor_to_grid


class PriceOrigin(StrEnum):
    """How a price came to be known, best first."""

    PUBLISHED = "published"  # the market operator's own figure
    SIMILAR_DAY = "similar_day"  # estimated from stored days of the same kind
    TYPICAL_DAY = "typical_day"  # estimated from a long-term daily shape; nothing stored to go by

    @property
    def is_estimated(self) -> bool:
        """Whether this is a guess rather than a published figure."""
        return self is not PriceOrigin.PUBLISHED


class Market(StrEnum):
    """Which price a series carries."""

    DAY_AHEAD = "day_ahead"  # what energy costs to buy (PSE: csdac-pln)
    SETTLEMENT = "settlement"  # what exported energy is paid (PSE: rce-pln)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPrice:
    """The market price of one quarter of an hour that starts at ``start`` (UTC)."""

    start: datetime
    price_per_mwh: float
    origin: PriceOrigin
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """Market prices by the start of their quarter, ascending, without two for one quarter; gaps are allowed."""

    currency: str
    slots: tuple[SlotPrice, ...]

    @staticmethod
    def of(currency: str, by_start: Mapping[datetime, SlotPrice]) -> PriceSeries:
        """Return the series of ``by_start`` in order of time."""
        return PriceSeries(currency, tuple(by_start[start] for start in sorted(by_start)))

    def at(self, moment: datetime) -> SlotPrice | None:
        """Return the price of the quarter that contains ``moment``, or None where there is none."""
        start = floor_to_grid(moment)
        index = bisect.bisect_left(self.slots, start, key=lambda slot: slot.start)
        if index < len(self.slots) and self.slots[index].start == start:
            return self.slots[index]
        return None

    def between(self, start: datetime, end: datetime) -> PriceSeries:
        """Return the quarters that start in [start, end)."""
        low = bisect.bisect_left(self.slots, start, key=lambda slot: slot.start)
        high = bisect.bisect_left(self.slots, end, key=lambda slot: slot.start)
        return PriceSeries(self.currency, self.slots[low:high])

    def merged_with(self, other: PriceSeries) -> PriceSeries:
        """Return both series together; where both know a quarter, ``other`` wins."""
        if other.currency != self.currency:
            raise ValueError(f"cannot merge prices in {other.currency} into prices in {self.currency}")
        by_start = {slot.start: slot for slot in self.slots} | {slot.start: slot for slot in other.slots}
        return PriceSeries.of(self.currency, by_start)

    def __iter__(self) -> Iterator[SlotPrice]:
        return iter(self.slots)

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def end(self) -> datetime | None:
        """The end of the last quarter, or None for an empty series."""
        return self.slots[-1].start + MTU if self.slots else None


class CompassLevel(IntEnum):
    """What the grid operator recommends for an hour (PSE Energy Compass, ``pdgsz``: ``usage_fcst``)."""

    RECOMMENDED_USE = 0
    NORMAL = 1
    RECOMMENDED_SAVING = 2
    REQUIRED_RESTRICTION = 3


Compass = Mapping[datetime, CompassLevel]
"""Levels by the UTC start of their hour; an hour that nobody has published is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """What a tariff may know of the markets to price every quarter of ``day_ahead``.

    Both series hold whole hours, so that an hour's mean can be made; ``settlement`` holds published prices only, and
    reaches back to the start of the local month where the tariff needs it.
    """

    day_ahead: PriceSeries
    settlement: PriceSeries
    compass: Compass = field(default_factory=dict)


class PartKind(StrEnum):
    """To whom a part of a price goes."""

    ENERGY = "energy"  # the seller of the energy, with excise and VAT on both: what a deposit may pay
    NETWORK = "network"  # the network operator and the fees it collects, with VAT on them
    TOTAL = "total"  # an all-in price that the contract does not split
    SALE = "sale"  # what the household is paid


@dataclass(frozen=True, slots=True)
class PricePart:
    """One named line of a price [currency/kWh]; the parts of a price sum to it."""

    name: str
    per_kwh: float
    kind: PartKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositTerms:
    """What becomes of the credit for sold energy: how long it lasts, and what is paid out of it when it lapses."""

    valid_months: int = 12
    refund_share_max: float = 0.30
    """Of the month's credit. Source: Dz.U. 2024 poz. 1847: 0.30 where the basis is RCE, 0.20 where it is RCEm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetailPrice:
    """What the household pays and is paid in one quarter, taxes and fees included [currency/kWh]."""

    start: datetime
    import_per_kwh: float
    export_per_kwh: float
    origin: PriceOrigin
    """Of the import price."""
    export_estimated: bool = False
    """Whether the export price rests on a figure that is not published yet."""
    import_parts: tuple[PricePart, ...] = field(default=(), compare=False)
    export_parts: tuple[PricePart, ...] = field(default=(), compare=False)
