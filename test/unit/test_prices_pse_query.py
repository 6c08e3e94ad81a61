"""The simulated API answers queries, and refuses them, as the real one does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from hems.domain.prices import Market
from hems.simulation.market import pse_rows, synthetic_day
from hems.simulation.pse_query import BadQuery, Row, answer_query

DAYS = [date(2026, 11, 20) + timedelta(days=offset) for offset in range(3)]

ROWS: list[Row] = [row for day in DAYS for row in pse_rows(Market.DAY_AHEAD, synthetic_day(Market.DAY_AHEAD, day))]


def all_pages(query: str) -> list[list[Row]]:
    """Follow the pages to the end."""
    pages: list[list[Row]] = []
    following: str | None = query
    while following is not None:
        answer = answer_query("csdac-pln", ROWS, following)
        pages.append(list(answer.rows))
        following = answer.next_query
    return pages


@pytest.mark.parametrize(
    ("query", "pages", "days"),
    [
        ("", [100, 100, 88], DAYS),
        ("$first=288", [288], DAYS),
        ("$first=1000", [288], DAYS),
        ("$filter=business_date eq '2026-11-21'", [96], DAYS[1:2]),
        ("$filter=business_date ge '2026-11-21' and business_date le '2026-11-22'", [100, 92], DAYS[1:]),
        ("$filter=business_date gt '2026-11-21'&$first=50", [50, 46], DAYS[2:]),
        ("$filter=business_date eq '2030-01-01'", [0], []),
        ("$filter=publication_ts_utc lt '2026-11-20 00:00:00'&$orderby=dtime_utc desc&$first=95", [95, 1], DAYS[:1]),
    ],
)
def test_pages(query: str, pages: list[int], days: list[date]) -> None:
    found = all_pages(query)
    assert [len(page) for page in found] == pages
    rows = [row for page in found for row in page]
    assert {row["business_date"] for row in rows} == {day.isoformat() for day in days}
    stamps = [str(row["dtime_utc"]) for row in rows]
    assert stamps == sorted(stamps, reverse="desc" in query)
    assert len(set(stamps)) == len(stamps)


def test_select_and_comparison_with_a_number() -> None:
    answer = answer_query("csdac-pln", ROWS, "$select=dtime_utc, csdac_pln&$filter=csdac_pln lt 300&$first=500")
    assert 0 < len(answer.rows) < 288
    for row in answer.rows:
        price = row["csdac_pln"]
        assert set(row) == {"dtime_utc", "csdac_pln"}
        assert isinstance(price, float)
        assert price < 300


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("$filter=doba eq '2026-11-21'", "Could not find a property named 'doba'"),
        ("$select=udtczas", "Could not find a property named 'udtczas'"),
        ("$orderby=znacznik", "Could not find a property named 'znacznik'"),
        ("$top=5", "Invalid Query Parameter: $top"),
        ("$filter=business_date", "Syntax error in $filter"),
        ("$filter=business_date like '2026'", "Syntax error in $filter"),
        ("$filter=business_date eq 5", "cannot be compared"),
        ("$orderby=dtime_utc upwards", "Syntax error in $orderby"),
        ("$first=0", "$first must be 1 to"),
        ("$first=many", "$first must be 1 to"),
        ("$after=%%%", "not a cursor"),
        ("$after=bnVsbA==", "does not fit"),
        ("nonsense", "cannot be read"),
    ],
)
def test_refusals(query: str, said: str) -> None:
    with pytest.raises(BadQuery) as caught:
        answer_query("csdac-pln", ROWS, query)
    assert said in str(caught.value)


def test_autumn_rows_repeat_dtime_and_only_period_tells_them_apart() -> None:
    rows = pse_rows(Market.DAY_AHEAD, synthetic_day(Market.DAY_AHEAD, date(2026, 10, 25)))
    assert len(rows) == 100
    assert [row["dtime"] for row in rows].count("2026-10-25 02:15") == 2
    assert len({row["period"] for row in rows}) == 100
    assert len({row["dtime_utc"] for row in rows}) == 100
    assert rows[-1]["period"] == "23:45 - 24:00"
