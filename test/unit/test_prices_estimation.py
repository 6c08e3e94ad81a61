"""Estimates: similar days weigh by kind and age, a typical day where nothing is stored, DST days whole."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from statistics import mean

import pytest

from hems.analysis.polish_calendar import DayKind, day_kind, easter_sunday
from hems.analysis.price_estimation import EstimationOptions, estimate_day
from hems.domain.prices import PriceOrigin, PriceSeries
from hems.domain.time_grid import local_day_bounds
from hems.simulation.market import series_from_csv
from support.price_tools import WARSAW, day_series, utc

NOTHING = PriceSeries("PLN", ())


def history(prices: dict[date, float]) -> PriceSeries:
    """Days of one price each."""
    together = NOTHING
    for day, price in prices.items():
        together = together.merged_with(day_series(day, lambda _local, price=price: price))  # type: ignore[misc]
    return together


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-11-09", DayKind.WORKING_DAY),
        ("2026-11-07", DayKind.SATURDAY),
        ("2026-11-08", DayKind.FREE_DAY),
        ("2026-11-11", DayKind.FREE_DAY),  # Independence Day, a Wednesday
        ("2026-04-06", DayKind.FREE_DAY),  # Easter Monday
        ("2026-06-04", DayKind.FREE_DAY),  # Corpus Christi
        ("2026-08-15", DayKind.FREE_DAY),  # a holiday on a Saturday
        ("2024-12-24", DayKind.WORKING_DAY),
        ("2025-12-24", DayKind.FREE_DAY),
    ],
)
def test_kind_of_day(day: str, kind: DayKind) -> None:
    assert day_kind(date.fromisoformat(day)) is kind


@pytest.mark.parametrize(("year", "month", "day"), [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2038, 4, 25)])
def test_easter(year: int, month: int, day: int) -> None:
    assert easter_sunday(year) == date(year, month, day)


@pytest.mark.parametrize(
    ("day", "quarters", "noon", "night"),
    [
        ("2026-01-14", 96, 427, 389),  # winter, working day
        ("2026-07-15", 96, 186, 423),  # summer, working day
        ("2025-03-30", 92, 312, 383),  # winter, the Sunday that loses an hour
        ("2025-10-26", 100, 312, 383),  # winter, the Sunday that gains one
        ("2026-07-19", 96, 31, 440),  # summer, Sunday
    ],
)
def test_typical_day_where_nothing_is_stored(day: str, quarters: int, noon: int, night: int) -> None:
    estimate = estimate_day(date.fromisoformat(day), WARSAW, NOTHING)
    assert len(estimate) == quarters
    assert {slot.origin for slot in estimate} == {PriceOrigin.TYPICAL_DAY}
    by_hour = {slot.start.astimezone(WARSAW).hour: slot.price_per_mwh for slot in estimate}
    assert (by_hour[12], by_hour[0]) == (noon, night)


def test_no_typical_day_in_another_currency() -> None:
    assert len(estimate_day(date(2026, 1, 14), WARSAW, PriceSeries("EUR", ()))) == 0


def test_similar_days_weigh_by_age_and_kind() -> None:
    wednesday = date(2026, 1, 14)
    stored = history({date(2026, 1, 13): 100.0, date(2026, 1, 12): 200.0, date(2026, 1, 11): 1000.0})
    options = EstimationOptions(half_life_days=1.0, other_kind_weight=0.5)
    estimate = estimate_day(wednesday, WARSAW, stored, options)
    # weights: Tuesday 1/2, Monday 1/4, Sunday 1/8 x 1/2
    expected = (100 / 2 + 200 / 4 + 1000 / 16) / (1 / 2 + 1 / 4 + 1 / 16)
    assert {slot.origin for slot in estimate} == {PriceOrigin.SIMILAR_DAY}
    assert [slot.price_per_mwh for slot in estimate] == pytest.approx([expected] * 96)


def test_too_few_days_of_the_kind_give_the_typical_day() -> None:
    working_days = history({date(2026, 1, 13): 100.0, date(2026, 1, 12): 100.0})
    sunday = estimate_day(date(2026, 1, 18), WARSAW, working_days)
    assert {slot.origin for slot in sunday} == {PriceOrigin.TYPICAL_DAY}


def test_only_the_past_is_looked_at() -> None:
    day = date(2026, 1, 14)
    past = history({date(2026, 1, 13): 100.0, date(2026, 1, 12): 100.0})
    later = history({day: 9000.0, date(2026, 1, 15): 9000.0})
    assert estimate_day(day, WARSAW, past.merged_with(later)) == estimate_day(day, WARSAW, past)


def test_long_day_from_short_ones_and_the_reverse() -> None:
    by_hour = {date(2025, 10, 26) - timedelta(weeks=n): 0.0 for n in (1, 2)}
    stored = NOTHING
    for day in by_hour:
        stored = stored.merged_with(day_series(day, lambda local: float(local.hour)))
    autumn = estimate_day(date(2025, 10, 26), WARSAW, stored)
    assert len(autumn) == 100
    assert all(slot.price_per_mwh == pytest.approx(slot.start.astimezone(WARSAW).hour) for slot in autumn)
    spring = day_series(date(2025, 3, 30), lambda local: float(local.hour))
    stored = spring.merged_with(day_series(date(2025, 4, 6), lambda local: float(local.hour)))
    after = estimate_day(date(2025, 4, 13), WARSAW, stored)
    assert len(after) == 96
    assert after.at(utc("2025-04-13 00:00")).price_per_mwh == pytest.approx(2.0)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "options", [{"lookback_days": 0}, {"half_life_days": 0.0}, {"other_kind_weight": 2.0}, {"min_similar_days": 0}]
)
def test_options_that_leave_nothing_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be|from 0 to 1"):
        EstimationOptions(**options)  # type: ignore[arg-type]


@pytest.mark.data
def test_similar_days_beat_yesterday_and_the_typical_day(reference_data: Path) -> None:
    prices = series_from_csv(reference_data / "price_PL_csdac_15min_2024-06-14_2025-09-30.csv")
    misses: dict[str, list[float]] = {"similar": [], "typical": [], "yesterday": []}
    for offset in range(0, 365, 8):
        day = date(2024, 10, 1) + timedelta(days=offset)
        real = prices.between(*local_day_bounds(day, WARSAW))
        yesterday = prices.between(*local_day_bounds(day - timedelta(days=1), WARSAW))
        by_time = {slot.start.astimezone(WARSAW).time(): slot.price_per_mwh for slot in yesterday}
        similar, typical = estimate_day(day, WARSAW, prices), estimate_day(day, WARSAW, NOTHING)
        for slot, one, two in zip(real, similar, typical, strict=True):
            assert one.origin is PriceOrigin.SIMILAR_DAY
            misses["similar"].append(abs(slot.price_per_mwh - one.price_per_mwh))
            misses["typical"].append(abs(slot.price_per_mwh - two.price_per_mwh))
            copied = by_time.get(slot.start.astimezone(WARSAW).time())
            if copied is not None:
                misses["yesterday"].append(abs(slot.price_per_mwh - copied))
    assert mean(misses["similar"]) < 0.97 * mean(misses["yesterday"])
    assert mean(misses["similar"]) < 115
    assert mean(misses["typical"]) < 120
