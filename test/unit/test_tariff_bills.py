"""Bills of whole days for every group, worked out by hand.

The house buys 1 kWh in every hour of the day. The market costs 400 PLN/MWh, the seller's margin is 0.08, excise 0.005:
0.485 for the energy; the fees are 0.0434 (PGE: 0.0435). So each hour costs 0.5284 (PGE: 0.5285) and its zone, net of
23 % VAT. All figures below are literal results of that arithmetic, none is computed by the code under test.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from hems.analysis.billing import QuarterEnergy, bill_of
from hems.domain.prices import CompassLevel, RetailPrice
from hems.domain.time_grid import slots_of_day
from support.price_tools import WARSAW
from support.tariff_tools import hours_of, priced, tariff

TUESDAY = date(2026, 3, 10)
SATURDAY = date(2026, 3, 14)
SUNDAY = date(2026, 3, 15)
SUMMER_TUESDAY = date(2026, 7, 14)
SUMMER_SATURDAY = date(2026, 7, 18)
EASTER_MONDAY = date(2026, 4, 6)
CORPUS_CHRISTI = date(2026, 6, 4)
INDEPENDENCE_DAY = date(2026, 11, 11)
CHRISTMAS_EVE_2024 = date(2024, 12, 24)
CHRISTMAS_EVE_2025 = date(2025, 12, 24)
CHRISTMAS_EVE_2026 = date(2026, 12, 24)
SPRING = date(2026, 3, 29)
"""A Sunday of 23 hours: 02:00 does not exist."""
AUTUMN = date(2026, 10, 25)
"""A Sunday of 25 hours: 02:00 exists twice."""

ABOVE = {"above_last_year": True}


@pytest.mark.parametrize(
    ("operator", "group", "more", "day", "cost"),
    [
        # 24 x 0.2464 = 5.9136; + 12.6816 = 18.5952
        ("tauron", "G11", {}, TUESDAY, 22.872096),
        # 14 h x 0.2841 + 10 h x 0.0558 = 4.5354; + 12.6816 = 17.2170; weekends and holidays are no exception
        ("tauron", "G12", {}, TUESDAY, 21.176910),
        ("tauron", "G12", {}, SUNDAY, 21.176910),
        ("tauron", "G12", {}, CHRISTMAS_EVE_2026, 21.176910),
        # 23 h: 9 h of night, 4.4796 + 12.1532; 25 h: 11 h of night, 4.5912 + 13.2100
        ("tauron", "G12", {}, SPRING, 20.458344),
        ("tauron", "G12", {}, AUTUMN, 21.895476),
        # 14 h x 0.3298 + 10 h x 0.0512 = 5.1292
        ("tauron", "G12w", {}, TUESDAY, 21.907284),
        # 24 h x 0.0512 = 1.2288
        ("tauron", "G12w", {}, SATURDAY, 17.109792),
        ("tauron", "G12w", {}, EASTER_MONDAY, 17.109792),
        ("tauron", "G12w", {}, CORPUS_CHRISTI, 17.109792),
        ("tauron", "G12w", {}, CHRISTMAS_EVE_2026, 17.109792),
        ("tauron", "G12w", {}, CHRISTMAS_EVE_2025, 17.109792),
        ("tauron", "G12w", {}, CHRISTMAS_EVE_2024, 21.907284),  # a Tuesday: it was no holiday yet
        # the night costs as the day up to last year's volume; above it 16 h x 0.2464 + 8 h x 0.0246 = 4.1392
        ("tauron", "G12as", {}, TUESDAY, 22.872096),
        ("tauron", "G12as", ABOVE, TUESDAY, 20.689584),
        ("tauron", "G12as", ABOVE, SPRING, 20.009394),  # 7 h of night: 4.1146 + 12.1532
        # winter: 6 h x 0.2203 + 5 h x 0.3898 + 13 h x 0.0392 = 3.7804
        ("tauron", "G13", {}, TUESDAY, 20.248260),
        # summer: 6 h x 0.2203 + 3 h x 0.3898 + 15 h x 0.0392 = 3.0792
        ("tauron", "G13", {}, SUMMER_TUESDAY, 19.385784),
        ("tauron", "G13", {}, INDEPENDENCE_DAY, 16.755552),  # 24 x 0.0392 = 0.9408
        ("tauron", "G13", {}, AUTUMN, 17.453700),  # 25 x 0.0392 = 0.98; + 13.21
        # 8 h x 0.1000 + 6 h x 0.2842 + 10 h x 0.1094 = 3.5992
        ("tauron", "G13s", {}, SUMMER_TUESDAY, 20.025384),
        # 8 h x 0.0400 + 6 h x 0.1176 + 10 h x 0.1094 = 2.1196
        ("tauron", "G13s", {}, SUMMER_SATURDAY, 18.205476),
        ("tauron", "G13s", {}, CORPUS_CHRISTI, 18.205476),
        # 5 h x 0.1999 + 9 h x 0.3332 + 10 h x 0.1094 = 5.0923
        ("tauron", "G13s", {}, TUESDAY, 21.861897),
        # 5 h x 0.1200 + 9 h x 0.1960 + 10 h x 0.1094 = 3.4580
        ("tauron", "G13s", {}, SUNDAY, 19.851708),
        # 24 x 0.3469 = 8.3256; + 12.6840
        ("pge", "G11", {}, TUESDAY, 25.841808),
        # 14 h x 0.4014 + 10 h x 0.0765 = 6.3846, the same in summer at other hours
        ("pge", "G12", {}, TUESDAY, 23.454378),
        ("pge", "G12", {}, SUMMER_SATURDAY, 23.454378),
        # 14 h x 0.4276 + 10 h x 0.0845 = 6.8314; 24 x 0.0845 = 2.0280
        ("pge", "G12w", {}, TUESDAY, 24.003942),
        ("pge", "G12w", {}, SATURDAY, 18.095760),
        ("pge", "G12w", {}, CORPUS_CHRISTI, 18.095760),
        # 14 h x 0.3851 + 10 h x 0.0349 = 5.7404
        ("pge", "G12e", {}, TUESDAY, 22.662012),
        # 16 h x 0.3469 + 8 h x 0.0489 = 5.9416
        ("pge", "G12as", ABOVE, TUESDAY, 22.909488),
        # 20 h x 0.3470 + 4 h x 0.0347 = 7.0788; a Saturday is as a working day; 24 x 0.0347 = 0.8328 on Sundays
        ("pge", "G12n", {}, TUESDAY, 24.308244),
        ("pge", "G12n", {}, SATURDAY, 24.308244),
        ("pge", "G12n", {}, SUNDAY, 16.625664),
        ("pge", "G12n", {}, EASTER_MONDAY, 16.625664),
        ("pge", "G12n", {}, SPRING, 15.932928),  # 23 h: 0.7981 + 12.1555
        # 24 x 0.3485 = 8.3640; 24 x 0.0516 = 1.2384
        ("energa", "G11", {}, TUESDAY, 25.886088),
        ("energa", "G11f", {}, TUESDAY, 17.121600),
        # 14 h x 0.3844 + 10 h x 0.0827 = 6.2086
        ("energa", "G12", {}, SUNDAY, 23.234946),
        # 14 h x 0.4017 + 10 h x 0.0851 = 6.4748; 24 x 0.0851 = 2.0424
        ("energa", "G12w", {}, TUESDAY, 23.562372),
        ("energa", "G12w", {}, SUNDAY, 18.110520),
        # 12 h x 0.3640 + 12 h x 0.0882 = 5.4264
        ("energa", "G12r", {}, SUNDAY, 22.272840),
        # 16 h x 0.3485 + 8 h x 0.0337 = 5.8456
        ("energa", "G12as", ABOVE, TUESDAY, 22.788456),
        # 24 x 0.2456 = 5.8944; 14 h x 0.2779 + 10 h x 0.0913 = 4.8036; 15 h x 0.2702 + 9 h x 0.0813 = 4.7847
        ("enea", "G11", {}, TUESDAY, 22.848480),
        ("enea", "G12", {}, TUESDAY, 21.506796),
        ("enea", "G12w", {}, TUESDAY, 21.483549),
    ],
)
def test_a_kwh_in_every_hour(operator: str, group: str, more: Mapping[str, Any], day: date, cost: float) -> None:
    prices = priced(tariff(operator=operator, group=group, **more), day)
    assert len(prices) == len(list(slots_of_day(day, WARSAW)))
    bought = [QuarterEnergy(start=price.start, import_wh=250.0, export_wh=0.0) for price in prices]
    assert bill_of(bought, prices).cost == pytest.approx(cost, abs=1e-9)


def test_dynamic_network_follows_the_energy_compass() -> None:
    # 6 h x 0.0224 + 12 h x 0.0893 + 5 h x 0.3881 + 1 h x 2.3756 = 5.5221; + 12.6816 = 18.2037
    levels = [0] * 6 + [1] * 12 + [2] * 5 + [3]
    compass = {start: CompassLevel(level) for start, level in zip(hours_of(TUESDAY), levels, strict=True)}
    prices = priced(tariff(operator="tauron", group="G14dynamic"), TUESDAY, compass=compass)
    bought = [QuarterEnergy(start=price.start, import_wh=250.0, export_wh=0.0) for price in prices]
    assert bill_of(bought, prices).cost == pytest.approx(22.390551, abs=1e-9)
    assert not any(price.origin.is_estimated for price in prices)


def test_an_hour_without_a_level_counts_as_normal_and_is_marked() -> None:
    known = hours_of(TUESDAY)[0]
    prices = priced(
        tariff(operator="tauron", group="G14dynamic"), TUESDAY, compass={known: CompassLevel.RECOMMENDED_SAVING}
    )
    # (0.485 + 0.3881 + 0.0434) x 1.23 and (0.485 + 0.0893 + 0.0434) x 1.23
    assert [price.import_per_kwh for price in prices[:4]] == pytest.approx([1.127295] * 4)
    assert [price.import_per_kwh for price in prices[4:]] == pytest.approx([0.759771] * 92)
    assert [price.origin.is_estimated for price in prices] == [False] * 4 + [True] * 92


def cheap_hours(prices: tuple[RetailPrice, ...], zone: str) -> list[int]:
    """Return the local hours whose network part is that of ``zone``."""
    hours = [
        price.start.astimezone(WARSAW).hour
        for price in prices
        if any(part.name == f"network ({zone})" for part in price.import_parts)
    ]
    return sorted(dict.fromkeys(hours))


@pytest.mark.parametrize(
    ("operator", "group", "more", "day", "zone", "hours"),
    [
        ("tauron", "G12", {}, SUMMER_TUESDAY, "night", [0, 1, 2, 3, 4, 5, 13, 14, 22, 23]),
        ("pge", "G12", {}, TUESDAY, "night", [0, 1, 2, 3, 4, 5, 13, 14, 22, 23]),
        ("pge", "G12", {}, SUMMER_TUESDAY, "night", [0, 1, 2, 3, 4, 5, 15, 16, 22, 23]),
        # a meter on winter time: the same hours by its own clock, an hour later by ours
        ("pge", "G12", {"meter_clock": "winter"}, SUMMER_TUESDAY, "night", [0, 1, 2, 3, 4, 5, 6, 16, 17, 23]),
        ("pge", "G12", {"meter_clock": "winter"}, TUESDAY, "night", [0, 1, 2, 3, 4, 5, 13, 14, 22, 23]),
        # its Monday begins at 01:00 of ours: until then the weekend's zone goes on
        ("energa", "G12w", {"meter_clock": "winter"}, date(2026, 7, 13), "night", [*range(7), 14, 15, 23]),
        ("energa", "G12w", {"meter_clock": "winter"}, date(2026, 7, 18), "night", [*range(24)]),
        ("pge", "G12n", {}, TUESDAY, "night", [1, 2, 3, 4]),
        ("tauron", "G13", {}, SUMMER_TUESDAY, "afternoon peak", [19, 20, 21]),
        ("tauron", "G13", {}, TUESDAY, "afternoon peak", [16, 17, 18, 19, 20]),
        ("tauron", "G13", {}, date(2026, 9, 30), "afternoon peak", [19, 20, 21]),
        ("tauron", "G13", {}, date(2026, 10, 1), "afternoon peak", [16, 17, 18, 19, 20]),
        ("tauron", "G13s", {}, TUESDAY, "winter workday peak", [7, 8, 9, 15, 16, 17, 18, 19, 20]),
        ("energa", "G12r", {}, SUNDAY, "peak", [7, 8, 9, 10, 11, 12, 16, 17, 18, 19, 20, 21]),
        ("enea", "G12w", {}, TUESDAY, "peak", [*range(6, 21)]),
    ],
)
def test_hours_of_a_zone(
    operator: str, group: str, more: Mapping[str, Any], day: date, zone: str, hours: list[int]
) -> None:
    assert cheap_hours(priced(tariff(operator=operator, group=group, **more), day), zone) == hours


def test_the_night_of_a_winter_meter_ends_an_hour_late() -> None:
    """On our Monday at 06:30 the meter still shows 05:30: night, where a meter on local time is in the day."""
    of = tariff(operator="tauron", group="G12w", meter_clock="winter")
    saturday = priced(of, SUMMER_SATURDAY)
    assert cheap_hours(saturday, "offpeak") == [*range(24)]
    monday = priced(of, SUMMER_SATURDAY + timedelta(days=2))
    assert 6 in cheap_hours(monday, "offpeak")
    assert 6 not in cheap_hours(priced(tariff(operator="tauron", group="G12w"), date(2026, 7, 20)), "offpeak")


def test_bill_by_the_quarter_in_both_directions() -> None:
    """One hour by hand: 0.4 kWh in and 0.7 kWh out are 0.3 kWh sold, at the mean of the four RCE, negatives as 0."""
    of = tariff(sell="rce_hour", export_multiplier=1.23)
    rce = {0: -40.0, 15: 20.0, 30: 100.0, 45: 60.0}
    prices = priced(of, TUESDAY, settlement=lambda local: rce[local.minute] if local.hour == 12 else 500.0)
    noon = datetime(2026, 3, 10, 12, tzinfo=WARSAW)
    moved = [(300.0, 0.0), (0.0, 200.0), (0.0, 500.0), (100.0, 0.0)]
    energies = [
        QuarterEnergy(
            start=price.start,
            import_wh=moved[price.start.astimezone(WARSAW).minute // 15][0],
            export_wh=moved[price.start.astimezone(WARSAW).minute // 15][1],
        )
        for price in prices
        if price.start.astimezone(WARSAW).hour == noon.hour
    ]
    bill = bill_of(energies, prices)
    # (0 + 20 + 100 + 60) / 4 = 45 PLN/MWh; 0.3 kWh x 0.045 x 1.23
    assert (bill.import_wh, bill.export_wh, bill.cost) == (0.0, 300.0, 0.0)
    assert bill.credit == pytest.approx(0.016605)
    # without netting 0.4 kWh are bought at (0.4 + 0.08 + 0.005 + 0.2898) x 1.23 = 0.953004, and 0.7 kWh are sold
    apart = bill_of(energies, prices, netted_over=timedelta(minutes=15))
    assert apart.cost == pytest.approx(0.3812016)
    assert apart.credit == pytest.approx(0.038745)
