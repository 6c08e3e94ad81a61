"""Price Analyzer: what is cheap, what is dear, when prices turn negative. Pure; prices per MWh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hems.domain.prices import PriceSeries, SlotPrice
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds, slots_of_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """Where a quarter stands among those of its day: 1 is the cheapest of ``of``; equal prices share a place."""

    place: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeStretch:
    """Quarters in a row with a price below 0, from ``start`` to ``end``."""

    start: datetime
    end: datetime
    lowest_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySummary:
    """The day's prices in a line [per MWh], over the ``known`` of ``expected`` quarters, ``estimated`` of them guessed.

    The prices and their times are None where no quarter is known.
    """

    day: date
    expected: int
    known: int
    estimated: int
    min_per_mwh: float | None = None
    max_per_mwh: float | None = None
    mean_per_mwh: float | None = None
    cheapest_at: datetime | None = None
    dearest_at: datetime | None = None


def cheapest_slots(prices: PriceSeries, start: datetime, end: datetime, count: int) -> tuple[datetime, ...]:
    """Return the starts of the ``count`` cheapest quarters that overlap [start, end), in order of time.

    The quarter under way at ``start`` counts, its rest is still to be had. Of equal prices the earlier is taken: it
    leaves more time to make good what goes wrong. Fewer are returned where fewer are known.
    """
    return _select(prices, start, end, count, dearest=False)


def dearest_slots(prices: PriceSeries, start: datetime, end: datetime, count: int) -> tuple[datetime, ...]:
    """Return the starts of the ``count`` dearest quarters that overlap [start, end), in order of time."""
    return _select(prices, start, end, count, dearest=True)


def rank_in_day(prices: PriceSeries, moment: datetime, zone: ZoneInfo) -> Rank | None:
    """Return the rank of the quarter that contains ``moment`` in its local day; None where its price is unknown."""
    slot = prices.at(moment)
    if slot is None:
        return None
    day = prices.between(*local_day_bounds(local_date(moment, zone), zone))
    cheaper = sum(1 for other in day if other.price_per_mwh < slot.price_per_mwh)
    return Rank(place=cheaper + 1, of=len(day))


def percentile(prices: Iterable[SlotPrice], price_per_mwh: float) -> float | None:
    """Return the share [%] of ``prices`` below ``price_per_mwh``, equal ones counted half; None without prices."""
    below = equal = total = 0
    for slot in prices:
        total += 1
        below += slot.price_per_mwh < price_per_mwh
        equal += slot.price_per_mwh == price_per_mwh
    return None if total == 0 else 100.0 * (below + 0.5 * equal) / total


def negative_stretches(prices: PriceSeries) -> tuple[NegativeStretch, ...]:
    """Return every unbroken run of quarters priced below 0, in order of time; a gap in the series ends a run."""
    runs: list[list[SlotPrice]] = []
    for before, slot in pairwise((None, *prices)):
        if slot is None or slot.price_per_mwh >= 0:
            continue
        if before is not None and before.price_per_mwh < 0 and before.start + MTU == slot.start:
            runs[-1].append(slot)
        else:
            runs.append([slot])
    return tuple(
        NegativeStretch(
            start=run[0].start, end=run[-1].start + MTU, lowest_per_mwh=min(slot.price_per_mwh for slot in run)
        )
        for run in runs
    )


def summarise_day(prices: PriceSeries, day: date, zone: ZoneInfo) -> DaySummary:
    """Return lowest, highest and mean price of the local day, and how much of it is known."""
    expected = sum(1 for _ in slots_of_day(day, zone))
    slots = prices.between(*local_day_bounds(day, zone)).slots
    if not slots:
        return DaySummary(day=day, expected=expected, known=0, estimated=0)
    cheapest = min(slots, key=lambda slot: slot.price_per_mwh)
    dearest = max(slots, key=lambda slot: slot.price_per_mwh)
    return DaySummary(
        day=day,
        expected=expected,
        known=len(slots),
        estimated=sum(slot.origin.is_estimated for slot in slots),
        min_per_mwh=cheapest.price_per_mwh,
        max_per_mwh=dearest.price_per_mwh,
        mean_per_mwh=sum(slot.price_per_mwh for slot in slots) / len(slots),
        cheapest_at=cheapest.start,
        dearest_at=dearest.start,
    )


def _select(prices: PriceSeries, start: datetime, end: datetime, count: int, *, dearest: bool) -> tuple[datetime, ...]:
    if count <= 0 or end <= start:
        return ()
    sign = -1.0 if dearest else 1.0
    window = prices.between(floor_to_grid(start), end)
    chosen = sorted(window, key=lambda slot: (sign * slot.price_per_mwh, slot.start))[:count]
    return tuple(sorted(slot.start for slot in chosen))
