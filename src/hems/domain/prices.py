"""Prices per market time unit, and what is known or only guessed about each."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetailPrice:
    """What the household pays and is paid in one quarter, taxes and fees included [currency/kWh]."""

    start: datetime
    import_per_kwh: float
    export_per_kwh: float
    origin: PriceOrigin
