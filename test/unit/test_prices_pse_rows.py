"""Rows of the PSE API are believed only as far as they can be right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from hems.adapters.prices.pse_rows import prices_from_rows, read_page
from hems.domain.errors import RejectedData
from hems.domain.prices import Market, PriceSeries
from hems.simulation.market import pse_rows, synthetic_day

DAY = date(2026, 11, 20)


def rows() -> list[dict[str, object]]:
    return pse_rows(Market.DAY_AHEAD, synthetic_day(Market.DAY_AHEAD, DAY))


def parse(content: list[dict[str, object]]) -> PriceSeries:
    return prices_from_rows(list(content), field="csdac_pln", day=DAY, where="ADDRESS")


def put(**fields: object) -> Callable[[list[dict[str, object]]], None]:
    """A change of the sixth row."""
    return lambda content: content[5].update(fields)


def drop_price(content: list[dict[str, object]]) -> None:
    del content[5]["csdac_pln"]


def contradict(content: list[dict[str, object]]) -> None:
    content.append(dict(content[5], csdac_pln=1.0))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (put(business_date="2026-11-21"), "ends 2026-11-20 00:30 UTC is not of its business_date 2026-11-21"),
        (put(business_date=None), "business_date is None"),
        (put(dtime_utc="2026-11-21 00:30:00"), "ends 2026-11-21 00:30 UTC is not of its business_date 2026-11-20"),
        (put(dtime_utc="2026-11-19 23:00:00"), "ends 2026-11-19 23:00 UTC is not of its business_date 2026-11-20"),
        (put(dtime_utc="0001-01-01 00:00:00"), "is not of its business_date"),
        (put(dtime_utc="2026-11-20 00:20:00"), "is not the end of a quarter"),
        (put(dtime_utc="2026-11-20 00:30:01"), "is not the end of a quarter"),
        (put(dtime_utc="2026-11-31 00:30:00"), "dtime_utc is '2026-11-31 00:30:00', not"),
        (put(dtime_utc="2026-11-20T00:30:00+05:00"), "not 'YYYY-MM-DD HH:MM:SS'"),
        (put(dtime_utc=None), "dtime_utc is None"),
        (put(csdac_pln="450.18"), "csdac_pln is '450.18', not a number"),
        (put(csdac_pln=True), "csdac_pln is True, not a number"),
        (put(csdac_pln=20_000.01), "no price lies beyond ±20000 PLN/MWh"),
        (put(csdac_pln=-20_000.01), "no price lies beyond"),
        (put(csdac_pln=10**400), "no price lies beyond"),
        (put(csdac_pln=float("inf")), "no price lies beyond"),
        (put(csdac_pln=float("nan")), "no price lies beyond"),
        (drop_price, "a row has no 'csdac_pln'"),
        (contradict, "two prices for the quarter from 2026-11-20 00:15 UTC"),
    ],
)
def test_what_cannot_be_right_is_refused_whole(spoil: Callable[[list[dict[str, object]]], None], said: str) -> None:
    content = rows()
    spoil(content)
    with pytest.raises(RejectedData) as caught:
        parse(content)
    assert str(caught.value).startswith("ADDRESS")
    assert said in str(caught.value)


@pytest.mark.parametrize("price", [0, 0.0, -2086.86, 2748.07, 20_000.0, -20_000])
def test_odd_prices_that_are_prices(price: float) -> None:
    content = rows()
    content[5]["csdac_pln"] = price
    assert parse(content).slots[5].price_per_mwh == price


def test_a_null_price_is_a_quarter_not_yet_published() -> None:
    content = rows()
    content[5]["csdac_pln"] = None
    prices = parse(content)
    assert len(prices) == 95
    assert prices.at(synthetic_day(Market.DAY_AHEAD, DAY).slots[5].start) is None


def test_order_and_repetition_do_not_matter() -> None:
    content = rows()
    assert parse(list(reversed(content)) + content[:3]) == parse(content)


@pytest.mark.parametrize("stamp", [None, "", "yesterday", 5])
def test_an_unreadable_publication_time_is_unknown(stamp: object) -> None:
    content = rows()
    content[5]["publication_ts_utc"] = stamp
    assert parse(content).slots[5].published_at is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"value": [', "not JSON"),
        (b'{"value": [{"csdac_pln": Infinity}]}', "Infinity is not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"[]", "without a list named 'value'"),
        (b"null", "without a list"),
        (b'{"value": null}', "without a list"),
        (b'{"value": {}}', "without a list"),
        (b'{"error": {"code": "BadRequest"}}', "without a list"),
        (b'{"value": [1]}', "a row is 1, not an object"),
        (b'{"value": [], "nextLink": 5}', "nextLink is 5"),
    ],
)
def test_bodies_of_the_wrong_shape(body: bytes, said: str) -> None:
    with pytest.raises(RejectedData) as caught:
        read_page(body, "ADDRESS")
    assert str(caught.value).startswith("ADDRESS")
    assert said in str(caught.value)
