"""Nobody sees a price before it is published; what lies beyond is estimated of what was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from hems.backtest.known_prices import Publication, prices_as_given
from hems.domain.time_grid import MTU
from support.backtests import WARSAW, at, known, retail

PUBLICATION = Publication(zone=WARSAW)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2024-10-24 11:45", "2024-10-24 22:00"),  # 13:45 in Warsaw: today is known
        ("2024-10-24 12:00", "2024-10-25 22:00"),  # 14:00: tomorrow too
        ("2024-10-26 12:00", "2024-10-27 23:00"),  # tomorrow is the day of 25 hours
        ("2024-10-27 12:45", "2024-10-27 23:00"),  # winter time: 13:45
        ("2024-10-27 13:00", "2024-10-28 23:00"),
    ],
)
def test_tomorrow_is_known_from_its_publication_on(now: str, until: str) -> None:
    assert PUBLICATION.known_until(at(now)) == at(until)


def test_a_step_sees_the_truth_up_to_the_end_of_what_is_published_and_an_estimate_beyond() -> None:
    prices = known(retail(11))
    first = at("2024-11-12 08:00")
    seen = prices.seen(first, first + timedelta(hours=8), 144)
    true_buy, _ = prices.between(first, first + timedelta(hours=60))
    for step in range(32):
        now = first + step * MTU
        row, since, count = int(seen.row_of[step]), int(seen.from_of[step]), int(seen.slots_of[step])
        assert count == 144
        known_for = (PUBLICATION.known_until(now) - now) // MTU
        looked = seen.buy[row, since : since + count]
        np.testing.assert_array_equal(looked[:known_for], true_buy[step : step + known_for])
        assert not np.array_equal(looked[known_for:], true_buy[step + known_for : step + count])


def test_the_estimate_knows_nothing_of_prices_that_are_not_published() -> None:
    first = at("2024-11-12 08:00")
    days = list(retail(11))
    changed = [
        replace(price, import_per_kwh=9.0, export_per_kwh=8.0) if price.start >= at("2024-11-12 23:00") else price
        for price in days
    ]
    one, other = (known(tuple(prices)).seen(first, first + 20 * MTU, 144) for prices in (days, changed))
    np.testing.assert_array_equal(one.buy, other.buy)
    np.testing.assert_array_equal(one.sell, other.sell)


def test_where_no_like_day_is_known_the_horizon_ends_at_what_is_published() -> None:
    prices = known(retail(3))
    first = prices.start
    seen = prices.seen(first, first + 96 * MTU, 144)
    assert int(seen.slots_of[0]) == 96
    assert int(seen.slots_of[40]) == 56
    assert int(seen.slots_of[56]) == 144  # 14:00: two days are known, enough to estimate a third


def test_a_gap_ends_the_horizon() -> None:
    days = [price for price in retail(11) if price.start != at("2024-11-12 18:00")]
    prices = known(tuple(days))
    seen = prices.seen(at("2024-11-12 13:00"), at("2024-11-12 19:00"), 144)
    assert seen.slots_of[:20].tolist() == list(range(20, 0, -1))
    assert int(seen.slots_of[20]) == 0
    assert int(seen.slots_of[21]) == 144


def test_estimates_made_before_are_the_same_elsewhere() -> None:
    prices = known(retail(11))
    first, last = at("2024-11-08 00:00"), at("2024-11-10 00:00")
    sent = prices.prepared(first, last, 144)
    one, other = prices.seen(first, last, 144), sent.seen(first, last, 144)
    np.testing.assert_array_equal(one.buy, other.buy)
    np.testing.assert_array_equal(one.slots_of, other.slots_of)


def test_a_seer_sees_what_came() -> None:
    prices = known(retail(11))
    first = at("2024-11-08 00:00")
    seen = prices.foreseen(first, first + 4 * MTU, 144)
    true_buy, true_sell = prices.between(first, first + 148 * MTU)
    np.testing.assert_array_equal(seen.buy[0], true_buy)
    np.testing.assert_array_equal(seen.sell[0], true_sell)
    assert seen.slots_of.tolist() == [144] * 4


def test_no_prices_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="no prices"):
        prices_as_given((), "PLN", PUBLICATION)
