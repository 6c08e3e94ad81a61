"""Whatever a server sends, the source gives prices that can be right or a clear refusal."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from hems.adapters.prices.pse_rows import ABSURD_PER_MWH, PSE_ZONE, prices_from_rows, read_page
from hems.domain.errors import RejectedData
from hems.domain.prices import Market, PriceSeries
from hems.domain.time_grid import slots_of_day
from hems.simulation.market import pse_rows, synthetic_day

DAYS = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 20)]

ROWS = {day: pse_rows(Market.DAY_AHEAD, synthetic_day(Market.DAY_AHEAD, day)) for day in DAYS}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)

FIELDS = sorted(ROWS[DAYS[0]][0])


def parse(body: bytes, day: date) -> PriceSeries | None:
    """Return the prices, None where they were refused; anything else fails the test."""
    try:
        page = read_page(body, "ADDRESS")
        return prices_from_rows(list(page.rows), field="csdac_pln", day=day, where="ADDRESS")
    except RejectedData as error:
        said = str(error)
    assert said.startswith("ADDRESS")
    assert len(said) < 400
    assert "\n" not in said
    return None


def assert_usable_or_refused(prices: PriceSeries | None, day: date) -> None:
    """What was accepted lies on the day's grid, in order, once each, within the limits of the market."""
    if prices is None:
        return
    grid = list(slots_of_day(day, PSE_ZONE))
    starts = [slot.start for slot in prices]
    assert starts == [start for start in grid if start in set(starts)]
    assert all(abs(slot.price_per_mwh) <= ABSURD_PER_MWH for slot in prices)


@given(st.binary(max_size=300), st.sampled_from(DAYS))
def test_any_bytes(body: bytes, day: date) -> None:
    assert_usable_or_refused(parse(body, day), day)


@given(JSON, st.sampled_from(DAYS))
def test_any_json_in_place_of_the_rows(content: object, day: date) -> None:
    for document in (content, {"value": content}, {"value": [content]}):
        assert_usable_or_refused(parse(json.dumps(document).encode(), day), day)


@given(st.data())
def test_a_good_day_with_fields_gone_wrong(data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(DAYS))
    rows = [dict(row) for row in ROWS[day]]
    for _ in range(data.draw(st.integers(1, 4))):
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        field = data.draw(st.sampled_from(FIELDS))
        if data.draw(st.booleans()):
            row[field] = data.draw(JSON | st.sampled_from([other[field] for other in ROWS[day][:8]]))
        else:
            row.pop(field, None)
    assert_usable_or_refused(parse(json.dumps({"value": rows}).encode(), day), day)


@given(st.data())
def test_a_good_body_with_bytes_gone_wrong(data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(DAYS))
    body = bytearray(json.dumps({"value": ROWS[day][:6]}).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert_usable_or_refused(parse(bytes(body), day), day)


@given(st.sampled_from(DAYS), st.integers(0, 2**32))
def test_every_true_day_comes_back_as_it_was(day: date, seed: int) -> None:
    made = synthetic_day(Market.DAY_AHEAD, day, seed=seed)
    rows = pse_rows(Market.DAY_AHEAD, made)
    assert parse(json.dumps({"value": rows}).encode(), day) == made
