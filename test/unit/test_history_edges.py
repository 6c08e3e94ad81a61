"""Where the rows of a look back lie: by the house's own clock, on days of 23, 24 and 25 hours."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.history_edges import edges, fit_for_a_screen, refuse_too_many
from hems.domain.history import HistoryQuestion, Resolution

WARSAW = ZoneInfo("Europe/Warsaw")
MINUTE = timedelta(minutes=1)


def local(zone: str, *when: int) -> datetime:
    """Return a local time as UTC."""
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type]


def test_days_are_local_ones_whatever_their_length() -> None:
    start, end = local("Europe/Warsaw", 2026, 3, 28, 13), local("Europe/Warsaw", 2026, 3, 30, 1)
    found = edges(start, end, Resolution.DAY, WARSAW)
    assert [following - this for this, following in itertools.pairwise(found)] == [
        timedelta(hours=hours) for hours in (24, 23, 24)
    ]
    assert found[0] == datetime(2026, 3, 27, 23, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 11, 1), 24)])
def test_a_day_of_hours_has_as_many_as_the_clock_showed(day: tuple[int, int, int], hours: int) -> None:
    start = local("Europe/Warsaw", *day)
    found = edges(start, start + timedelta(hours=hours), Resolution.HOUR, WARSAW)
    assert found == [start + timedelta(hours=n) for n in range(hours + 1)]
    quarters = edges(start, start + timedelta(hours=hours), Resolution.QUARTER_HOUR, WARSAW)
    assert len(quarters) - 1 == 4 * hours


@pytest.mark.parametrize(("zone", "minute"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Europe/London", 0)])
def test_hours_are_those_of_the_house_where_its_clock_differs_by_less(zone: str, minute: int) -> None:
    start = datetime(2026, 11, 1, 12, 40, tzinfo=UTC)
    found = edges(start, start + timedelta(hours=3), Resolution.HOUR, ZoneInfo(zone))
    assert {edge.minute for edge in found} == {minute}
    assert found[0] <= start < found[1]
    assert found[-2] < start + timedelta(hours=3) <= found[-1]


def test_a_clock_set_by_half_an_hour_cuts_there() -> None:
    howe = ZoneInfo("Australia/Lord_Howe")
    start, end = local("Australia/Lord_Howe", 2026, 10, 4, 0), local("Australia/Lord_Howe", 2026, 10, 4, 5)
    found = edges(start, end, Resolution.HOUR, howe)
    shown = [f"{edge.astimezone(howe):%H:%M}" for edge in found]
    assert shown == ["00:00", "01:00", "02:30", "03:00", "04:00", "05:00"]
    asked_late = edges(local("Australia/Lord_Howe", 2026, 10, 4, 2, 45), end, Resolution.HOUR, howe)
    assert asked_late == found[2:]


def test_a_day_that_a_zone_left_out_is_no_row() -> None:
    apia = ZoneInfo("Pacific/Apia")
    start, end = local("Pacific/Apia", 2011, 12, 29), local("Pacific/Apia", 2012, 1, 1)
    found = edges(start, end, Resolution.DAY, apia)
    assert [edge.astimezone(apia).day for edge in found] == [29, 31, 1]


def test_months_are_whole_local_months() -> None:
    start, end = local("Europe/Warsaw", 2025, 11, 17), local("Europe/Warsaw", 2026, 2, 1)
    found = [edge.astimezone(WARSAW) for edge in edges(start, end, Resolution.MONTH, WARSAW)]
    assert [(edge.year, edge.month, edge.day, edge.hour) for edge in found] == [
        (2025, 11, 1, 0),
        (2025, 12, 1, 0),
        (2026, 1, 1, 0),
        (2026, 2, 1, 0),
    ]


@pytest.mark.parametrize(
    ("days", "resolution"),
    [(1, "reading"), (1.5, "quarter_hour"), (7, "quarter_hour"), (30, "hour"), (365, "day"), (5 * 365, "month")],
)
def test_a_screen_gets_about_fifteen_hundred_points_at_most(days: float, resolution: str) -> None:
    span = timedelta(days=days)
    assert fit_for_a_screen(span, MINUTE, readings_reach=True) == resolution
    assert fit_for_a_screen(timedelta(hours=1), MINUTE, readings_reach=False) == "quarter_hour"


def question(days: float) -> HistoryQuestion:
    """Return a question of ``days`` days."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return HistoryQuestion(
        start=start, end=start + timedelta(days=days), zone=WARSAW, currency="PLN", capacity_wh=10_000.0
    )


def test_more_rows_than_anybody_draws_are_refused_with_what_fits() -> None:
    refuse_too_many(question(124), Resolution.QUARTER_HOUR)
    refuse_too_many(question(366), Resolution.HOUR)
    with pytest.raises(ValueError, match="ask by hour"):
        refuse_too_many(question(400), Resolution.QUARTER_HOUR)
    with pytest.raises(ValueError, match="ask by quarter_hour"):
        refuse_too_many(question(60), Resolution.READING)
    refuse_too_many(question(12_000), Resolution.DAY)
    refuse_too_many(question(36_000), Resolution.MONTH)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (datetime(1999, 12, 31, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)),
        (datetime(2026, 1, 2), datetime(2026, 1, 3, tzinfo=UTC)),  # noqa: DTZ001
    ],
)
def test_a_span_that_cannot_be_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match=r"empty|outside|no time zone"):
        HistoryQuestion(start=start, end=end, zone=WARSAW, currency="PLN", capacity_wh=1.0)
