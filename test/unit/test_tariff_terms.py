"""Sellers' terms, sold energy, fixed prices and the parts of a price, against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.adapters.tariffs.meter import Meter, MeterClock, is_public_holiday, library_holidays
from hems.adapters.tariffs.terms import DayKind
from hems.analysis.polish_calendar import DayKind as PolishDayKind
from hems.analysis.polish_calendar import day_kind
from hems.domain.prices import CompassLevel, MarketView, PartKind, PriceOrigin, PriceSeries, RetailPrice
from support.price_tools import WARSAW
from support.tariff_tools import hours_of, priced, series, tariff

TUESDAY = date(2026, 3, 10)


def at(prices: tuple[RetailPrice, ...], hour: int, minute: int = 0) -> RetailPrice:
    """Return the price of the quarter from a local time."""
    return next(
        price for price in prices if (local := price.start.astimezone(WARSAW)).hour == hour and local.minute == minute
    )


@pytest.mark.parametrize(
    ("seller", "market", "buy"),
    [
        # (0.4 + 0.0812 + 0.005 + 0.2898) x 1.23
        ("pge", 400.0, 0.95448),
        ("pge", -300.0, 0.46248),  # counted as 0: (0.0812 + 0.005 + 0.2898) x 1.23
        ("pge", 9000.0, 5.38248),  # no more than 4000: (4 + 0.376) x 1.23
        # (0.4 + 0.0892 + 0.005 + 0.2898) x 1.23
        ("tauron", 400.0, 0.96432),
        ("tauron", -300.0, 0.361454),  # the energy costs 0.005 with VAT at least: 0.005 + 0.2898 x 1.23
        ("pstryk", -300.0, 0.092004),  # passed on: (-0.3 + 0.08 + 0.005 + 0.2898) x 1.23
        ("enea", 400.0, 0.971454),  # 0.0950
        ("energa", 400.0, 0.987444),  # 0.1080
    ],
)
def test_what_a_seller_makes_of_the_market_price(seller: str, market: float, buy: float) -> None:
    assert at(priced(tariff(seller=seller), TUESDAY, market), 12).import_per_kwh == pytest.approx(buy)


def test_pge_bills_the_mean_of_the_hour() -> None:
    quarters = {0: -800.0, 15: 200.0, 30: 600.0, 45: 800.0}  # mean 200: the negative quarter is not floored alone
    prices = priced(tariff(seller="pge"), TUESDAY, lambda local: quarters[local.minute])
    # (0.2 + 0.0812 + 0.005 + 0.2898) x 1.23
    assert {round(price.import_per_kwh, 9) for price in prices} == {0.70848}


def test_what_the_owner_changed_goes_before_the_sellers_file() -> None:
    of = tariff(seller="pge", seller_margin_per_kwh=0.0912, market_cap_per_mwh=1000.0)
    # (1 + 0.0912 + 0.005 + 0.2898) x 1.23; PGE's own rule for negative prices still holds
    assert at(priced(of, TUESDAY, 9000.0), 12).import_per_kwh == pytest.approx(1.70478)
    assert at(priced(of, TUESDAY, -300.0), 12).import_per_kwh == pytest.approx(0.47478)
    assert any("terms of your settings" in remark for remark in of.remarks(TUESDAY))
    assert not any("terms of your settings" in remark for remark in tariff(seller="pge").remarks(TUESDAY))


@pytest.mark.parametrize(
    ("more", "hour", "buy"),
    [
        # (0.50203 + 0.2464 + 0.0434) x 1.23: excise is in the regulated price
        ({"seller": "tauron", "operator": "tauron", "group": "G11"}, 12, 0.9739509),
        # (0.54797 + 0.2841 + 0.0434) x 1.23 and (0.41797 + 0.0558 + 0.0434) x 1.23
        ({"seller": "tauron", "operator": "tauron", "group": "G12"}, 12, 1.0768281),
        ({"seller": "tauron", "operator": "tauron", "group": "G12"}, 13, 0.6361191),
        # (0.78301 + 0.3898 + 0.0434) x 1.23
        ({"seller": "tauron", "operator": "tauron", "group": "G13"}, 17, 1.4959383),
        # a contract with PGE over Energa's network: (0.37398 + 0.0827 + 0.0434) x 1.23
        ({"seller": "pge", "operator": "energa", "group": "G12"}, 23, 0.6150984),
        # the owner's own prices: (0.62 + 0.2841 + 0.0434) x 1.23 and (0.41 + 0.0558 + 0.0434) x 1.23
        ({"operator": "tauron", "group": "G12", "energy_per_kwh": {"day": 0.62, "night": 0.41}}, 12, 1.165425),
        ({"operator": "tauron", "group": "G12", "energy_per_kwh": {"day": 0.62, "night": 0.41}}, 3, 0.626316),
        # one price for all zones: (0.55 + 0.0558 + 0.0434) x 1.23
        ({"operator": "tauron", "group": "G12", "energy_per_kwh": {"all": 0.55}}, 3, 0.798516),
        # without an operator: (0.55 + 0.2898) x 1.23
        ({"energy_per_kwh": {"all": 0.55}}, 3, 1.032954),
    ],
)
def test_fixed_price_of_energy(more: Mapping[str, Any], hour: int, buy: float) -> None:
    for market in (-2000.0, 400.0, 2748.0):
        price = at(priced(tariff(kind="fixed_energy", **more), TUESDAY, market), hour)
        assert price.import_per_kwh == pytest.approx(buy)
        assert price.export_per_kwh == pytest.approx(0.3)  # what is sold follows the market all the same


@pytest.mark.parametrize(
    ("more", "settlement", "sell", "estimated"),
    [
        ({"sell": "rce"}, 300.0, [0.3, 0.3, 0.3, 0.3], False),
        ({"sell": "rce"}, None, [-0.0, 0.4, 0.8, 1.2], True),  # the day-ahead price stands in
        ({"sell": "rce_hour"}, None, [0.6, 0.6, 0.6, 0.6], True),
        ({"sell": "rce_hour"}, 300.0, [0.3, 0.3, 0.3, 0.3], False),
        ({"sell": "fixed", "fixed_export_per_kwh": 0.21}, 300.0, [0.21, 0.21, 0.21, 0.21], False),
        ({"sell": "none"}, 300.0, [0.0, 0.0, 0.0, 0.0], False),
        ({"sell": "rcem", "rcem_per_mwh": {"2026-03": 212.0}}, 300.0, [0.212] * 4, False),
        ({"sell": "rcem", "rcem_per_mwh": {"2026-01": 250.0}}, 300.0, [0.25] * 4, True),  # the last one known
        ({"sell": "rcem", "rcem_per_mwh": {"2025-12": 250.0}}, 300.0, [0.3] * 4, True),  # older than two months
        ({"sell": "rcem", "rcem_per_mwh": {"2026-04": 250.0}}, 300.0, [0.3] * 4, True),  # a later month says nothing
        ({"sell": "rcem", "export_multiplier": 1.23}, 300.0, [0.369] * 4, True),
    ],
)
def test_what_is_sold(more: Mapping[str, Any], settlement: float | None, sell: list[float], estimated: bool) -> None:
    quarters = {0: -100.0, 15: 400.0, 30: 800.0, 45: 1200.0}
    prices = priced(tariff(**more), TUESDAY, lambda local: quarters[local.minute], settlement)
    assert [price.export_per_kwh for price in prices[:4]] == pytest.approx(sell)
    assert {price.export_estimated for price in prices} == {estimated}


def test_monthly_price_from_the_month_so_far() -> None:
    of = tariff(sell="rcem")
    assert of.needs.month_of_settlement
    first, second = series(date(2026, 3, 1), lambda _: 100.0), series(date(2026, 3, 2), lambda _: -500.0)
    before = series(date(2026, 2, 28), lambda _: 900.0)
    market = MarketView(
        day_ahead=series(TUESDAY, lambda _: 400.0), settlement=before.merged_with(first).merged_with(second)
    )
    # February does not count, a negative quarter is 0: (96 x 100 + 96 x 0) / 192
    assert {price.export_per_kwh for price in of.retail_series(market)} == {0.05}


def test_hour_with_a_quarter_that_is_not_settled_is_estimated() -> None:
    settled = series(TUESDAY, lambda _: 300.0)
    market = MarketView(
        day_ahead=series(TUESDAY, lambda _: 400.0),
        settlement=PriceSeries("PLN", (*settled.slots[:3], *settled.slots[4:])),
    )
    prices = tariff(sell="rce_hour").retail_series(market)
    assert [price.export_per_kwh for price in prices[:5]] == pytest.approx([0.325] * 4 + [0.3])
    assert [price.export_estimated for price in prices[:5]] == [True] * 4 + [False]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"floor_negative_market": True, "market_cap_per_mwh": 500.0, "export_multiplier": 1.23},
        {"seller": "tauron", "operator": "tauron", "group": "G13"},
        {"seller": "pge", "operator": "pge", "group": "G12n", "sell": "rce_hour"},
        {"operator": "tauron", "group": "G14dynamic", "sell": "rcem"},
        {"kind": "fixed_energy", "seller": "pge", "operator": "pge", "group": "G12w"},
        {"kind": "fixed", "fixed_import_per_kwh": 1.1, "fixed_export_per_kwh": 0.3},
    ],
)
@given(
    market=st.floats(-3000.0, 10_000.0, allow_nan=False),
    settlement=st.none() | st.floats(-3000.0, 10_000.0, allow_nan=False),
    level=st.sampled_from(CompassLevel),
)
def test_the_parts_sum_to_the_price(
    settings: Mapping[str, Any], market: float, settlement: float | None, level: CompassLevel
) -> None:
    day = date(2026, 10, 25)
    compass = dict.fromkeys(hours_of(day)[::2], level)
    of = tariff(**settings)
    day_ahead = series(day, lambda local: market + local.minute).slots[::7]
    settled = () if settlement is None else series(day, lambda _: settlement).slots[::14]
    view = MarketView(day_ahead=PriceSeries("PLN", day_ahead), settlement=PriceSeries("PLN", settled), compass=compass)
    for price in of.retail_series(view):
        assert math.fsum(part.per_kwh for part in price.import_parts) == pytest.approx(price.import_per_kwh, abs=1e-12)
        assert math.fsum(part.per_kwh for part in price.export_parts) == pytest.approx(price.export_per_kwh, abs=1e-12)
        assert {part.kind for part in price.export_parts} == {PartKind.SALE}


def test_every_part_of_a_price_is_named() -> None:
    price = at(priced(tariff(seller="pge", operator="pge", group="G12"), TUESDAY, -300.0), 13)
    assert [(part.name, round(part.per_kwh, 9), part.kind.value) for part in price.import_parts] == [
        ("market price, mean of the hour", -0.3, "energy"),
        ("negative market price counted as 0", 0.3, "energy"),
        ("seller's margin", 0.0812, "energy"),
        ("excise", 0.005, "energy"),
        ("VAT 23 % on energy", 0.019826, "energy"),
        ("network (night)", 0.0765, "network"),
        ("quality fee", 0.0332, "network"),
        ("renewables fee", 0.0073, "network"),
        ("cogeneration fee", 0.003, "network"),
        ("VAT 23 % on network", 0.0276, "network"),
    ]


@given(
    market=st.floats(-3000.0, 5000.0),
    margin=st.floats(-1.0, 5.0),
    network=st.floats(0.0, 5.0),
    vat_pct=st.floats(0.0, 50.0),
)
def test_numbers_alone_give_the_prices_they_always_gave(
    market: float, margin: float, network: float, vat_pct: float
) -> None:
    """To the last digit: whoever has only the older keys pays what was shown before."""
    of = tariff(seller_margin_per_kwh=margin, network_per_kwh=network, vat_pct=vat_pct)
    slots = series(TUESDAY, lambda _: market).slots[:1]
    (price,) = of.retail_series(MarketView(day_ahead=PriceSeries("PLN", slots), settlement=PriceSeries("PLN", slots)))
    assert price.import_per_kwh == (market / 1000.0 + margin + 0.005 + network) * (1.0 + vat_pct / 100.0)
    assert price.export_per_kwh == max(0.0, market) / 1000.0


def test_holidays_are_those_of_the_act() -> None:
    """The act of 1951 and the library agree on every day of ten years, 24 December before and since 2025 too."""
    meter = Meter(WARSAW, MeterClock.LOCAL, "PL")
    pairs = {
        PolishDayKind.WORKING_DAY: DayKind.WORKING,
        PolishDayKind.SATURDAY: DayKind.SATURDAY,
        PolishDayKind.FREE_DAY: DayKind.FREE,
    }
    for ordinal in range(date(2022, 1, 1).toordinal(), date(2032, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        assert meter.day_kind(day) is pairs[day_kind(day)], day
        assert (day in library_holidays("PL", None)) is is_public_holiday(day, "PL"), day
    assert meter.day_kind(date(2024, 12, 24)) is DayKind.WORKING
    assert meter.day_kind(date(2025, 12, 24)) is DayKind.FREE


def test_winter_clock_is_an_hour_behind_in_summer_only() -> None:
    meter = Meter(WARSAW, MeterClock.WINTER, "PL")
    shown = {
        "2026-03-29 00:45": "01:45",  # the last quarter of winter time
        "2026-03-29 01:00": "02:00",  # local 03:00
        "2026-07-14 20:00": "21:00",  # local 22:00
        "2026-10-25 00:30": "01:30",  # local 02:30, the first time
        "2026-10-25 01:30": "02:30",  # local 02:30, again
        "2026-12-31 23:30": "00:30",
    }
    for start, wall in shown.items():
        assert f"{meter.reading(datetime.fromisoformat(start + '+00:00')):%H:%M}" == wall


def test_origin_of_an_estimated_market_price_stays() -> None:
    slots = series(TUESDAY, lambda _: 400.0).slots
    guessed = tuple(
        type(slot)(start=slot.start, price_per_mwh=slot.price_per_mwh, origin=PriceOrigin.SIMILAR_DAY)
        for slot in slots[1:2]
    )
    market = MarketView(
        day_ahead=PriceSeries("PLN", (slots[0], *guessed, *slots[2:])), settlement=PriceSeries("PLN", ())
    )
    by_quarter = tariff(seller="tauron").retail_series(market)
    assert [price.origin.is_estimated for price in by_quarter[:5]] == [False, True, False, False, False]
    by_hour = tariff(seller="pge").retail_series(market)
    assert [price.origin.is_estimated for price in by_hour[:5]] == [True, True, True, True, False]
    contract = tariff(kind="fixed_energy", energy_per_kwh={"all": 0.5}).retail_series(market)
    assert not any(price.origin.is_estimated for price in contract)


def test_a_price_that_is_no_number_never_becomes_one() -> None:
    nan = float("nan")
    for seller in ("pge", "tauron", "pstryk"):
        assert math.isnan(at(priced(tariff(seller=seller), TUESDAY, nan), 12).import_per_kwh)
    for sell in ("rce", "rce_hour"):
        price = at(priced(tariff(sell=sell), TUESDAY, 400.0, nan), 12)
        assert (price.export_per_kwh, price.export_estimated) == (0.4, True)
        assert math.isnan(at(priced(tariff(sell=sell), TUESDAY, nan, None), 12).export_per_kwh)
