"""Price Analyzer: ranks, cheapest quarters, negative stretches, summaries."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from hems.analysis.price_analyzer import (
    Rank,
    cheapest_slots,
    dearest_slots,
    negative_stretches,
    percentile,
    rank_in_day,
    summarise_day,
)
from hems.domain.prices import PriceOrigin, PriceSeries, SlotPrice
from hems.domain.time_grid import MTU
from support.price_tools import WARSAW, day_series, utc

START = utc("2026-01-15 10:00")


def series(*prices: float | None) -> PriceSeries:
    """Quarters from START on; None is a gap."""
    return PriceSeries(
        "PLN",
        tuple(
            SlotPrice(start=START + index * MTU, price_per_mwh=price, origin=PriceOrigin.PUBLISHED)
            for index, price in enumerate(prices)
            if price is not None
        ),
    )


@pytest.mark.parametrize(
    ("prices", "from_s", "to_s", "count", "cheapest", "dearest"),
    [
        ((5, 1, 3, 2, 4), 0, 5 * 900, 2, [1, 3], [0, 4]),
        ((5, 1, 3, 2, 4), 0, 5 * 900, 0, [], []),
        ((5, 1, 3, 2, 4), 0, 5 * 900, 9, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
        ((1, 5, 5, 5, 5), 1, 5 * 900, 1, [0], [1]),  # the quarter under way counts
        ((5, 5, 5, 5, 1), 0, 4 * 900, 1, [0], [0]),  # one that starts at the deadline does not
        ((5, 5, 5, 5, 1), 0, 4 * 900 + 1, 1, [4], [0]),  # one that the deadline cuts does
        ((2, 2, 2, 2), 0, 4 * 900, 2, [0, 1], [0, 1]),  # of equal ones the earlier
        ((-5, None, -7, 0), 0, 4 * 900, 1, [2], [3]),
        ((1, 2), 900, 900, 1, [], []),
        ((1, 2), 900, 0, 1, [], []),
        ((1, 2), 9000, 19000, 1, [], []),
    ],
)
def test_cheapest_and_dearest(
    prices: tuple[float | None, ...], from_s: int, to_s: int, count: int, cheapest: list[int], dearest: list[int]
) -> None:
    window = START + timedelta(seconds=from_s), START + timedelta(seconds=to_s)
    assert cheapest_slots(series(*prices), *window, count) == tuple(START + index * MTU for index in cheapest)
    assert dearest_slots(series(*prices), *window, count) == tuple(START + index * MTU for index in dearest)


def test_rank_counts_the_local_day_only() -> None:
    today = day_series(date(2026, 1, 15), lambda local: local.hour * 10.0)
    yesterday = day_series(date(2026, 1, 14), lambda local: -500.0)
    both = today.merged_with(yesterday)
    assert rank_in_day(both, utc("2026-01-14 23:00"), WARSAW) == Rank(place=1, of=96)  # local midnight
    assert rank_in_day(both, utc("2026-01-15 00:07"), WARSAW) == Rank(place=5, of=96)  # 01:00 local, four cheaper
    assert rank_in_day(both, utc("2026-01-15 22:59"), WARSAW) == Rank(place=93, of=96)
    assert rank_in_day(both, utc("2026-01-16 00:00"), WARSAW) is None


@pytest.mark.parametrize(
    ("prices", "price", "share"),
    [((1, 2, 3, 4), 2.5, 50.0), ((1, 2, 3, 4), 0, 0.0), ((1, 2, 3, 4), 9, 100.0), ((2, 2), 2, 50.0), ((), 2, None)],
)
def test_percentile(prices: tuple[float, ...], price: float, share: float | None) -> None:
    assert percentile(series(*prices), price) == share


def test_negative_stretches_end_at_zero_and_at_gaps() -> None:
    found = negative_stretches(series(-1, -3, 0, -2, None, -4, 5))
    assert [(run.start, run.end, run.lowest_per_mwh) for run in found] == [
        (START, START + 2 * MTU, -3),
        (START + 3 * MTU, START + 4 * MTU, -2),
        (START + 5 * MTU, START + 6 * MTU, -4),
    ]
    assert negative_stretches(series()) == ()


def test_summary_of_a_short_day_with_gaps() -> None:
    day = date(2025, 3, 30)
    whole = day_series(day, lambda local: 100.0 + local.hour)
    summary = summarise_day(whole, day, WARSAW)
    assert (summary.expected, summary.known, summary.estimated) == (92, 92, 0)
    assert (summary.min_per_mwh, summary.max_per_mwh) == (100.0, 123.0)
    assert summary.mean_per_mwh == pytest.approx((sum(range(24)) - 2) / 23 + 100)
    assert summary.cheapest_at == utc("2025-03-29 23:00")
    assert summary.dearest_at == utc("2025-03-30 21:00")
    half = PriceSeries("PLN", whole.slots[:46])
    assert summarise_day(half, day, WARSAW).known == 46
    nothing = summarise_day(PriceSeries("PLN", ()), day, WARSAW)
    assert (nothing.known, nothing.mean_per_mwh, nothing.cheapest_at) == (0, None, None)
