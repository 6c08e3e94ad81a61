"""What was saved by day and month: as the figures are defined, remembered, and honest about what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.analysis.metrics import (
    charging_efficiency,
    data_collection_rate,
    decision_accuracy,
    savings,
    uptime,
)
from hems.composition import hindsight as hindsight_module
from hems.composition.hindsight import hindsight
from hems.composition.savings import SavingsBook, SavingsOptions, SavingsReport, SavingsRow
from hems.composition.savings_settings import savings_book_of
from hems.config.models import Configuration
from hems.domain.errors import StorageError
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, local_day_bounds
from support.past_year import CAPACITY_WH, PastYear, fill
from support.plan_records import home
from support.storage_records import quarter, sample

WARSAW = ZoneInfo("Europe/Warsaw")
NOW = datetime(2026, 11, 3, 10, 7, tzinfo=UTC)
FIRST, TODAY = date(2026, 9, 28), date(2026, 11, 3)
HOME = home()
MINUTE_S = 60.0


def a_book(zone: ZoneInfo = WARSAW) -> SavingsBook:
    """Return a book that knows nothing yet."""
    return SavingsBook(SavingsOptions(zone=zone, currency="PLN", home=HOME, poll_every=timedelta(minutes=1)))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> PastYear:
    """Five weeks with holes and the change of the clock; three days of readings."""
    return fill(tmp_path_factory.mktemp("past"), end=NOW, days=37, reading_days=3, planned=0, with_holes=True)


@pytest.fixture(scope="module")
def report(past: PastYear) -> SavingsReport:
    """What was saved in all of it."""
    return a_book().report(past.database, FIRST, TODAY, NOW)


def quarters_of(past: PastYear, first: datetime, end: datetime) -> list[EnergySlot]:
    """Return the stored quarters of [first, end)."""
    with StoreReader(past.database) as reader:
        return list(reader.energy_between(first, end))


def check_row(past: PastYear, row: SavingsRow, end: datetime) -> None:
    """Compare ``row`` with the definitions, applied to its quarters."""
    inside = quarters_of(past, row.start, end)
    assert row.saved.value == pytest.approx(savings(inside, CAPACITY_WH, "PLN").value)
    assert row.decision_accuracy == decision_accuracy(inside)
    efficiency = charging_efficiency(inside, CAPACITY_WH)
    assert row.charging_efficiency.value == pytest.approx(efficiency.value)
    assert row.charging_efficiency.reason == efficiency.reason
    if inside:
        assert row.cost == pytest.approx(sum(slot.cost or 0.0 for slot in inside))
        assert row.baseline_cost == pytest.approx(sum(slot.baseline_cost or 0.0 for slot in inside))
        assert row.cycles.value == pytest.approx(sum(slot.discharge_wh for slot in inside) / CAPACITY_WH)
    else:
        assert row.cost is row.cycles.value is row.saved.value is None


def test_every_day_is_what_the_definitions_say(past: PastYear, report: SavingsReport) -> None:
    assert [row.first for row in report.days] == [FIRST + timedelta(days=n) for n in range(37)]
    lost = 0
    for row in report.days:
        start, end = local_day_bounds(row.first, WARSAW)
        assert row.start == start
        check_row(past, row, end)
        inside = quarters_of(past, start, end)
        elapsed = min(end, NOW.replace(minute=0)) - start
        assert row.hindsight == hindsight(inside, elapsed, HOME, "PLN")
        assert row.coverage == pytest.approx(len(inside) * MTU / elapsed)
        lost += not inside
        if row.hindsight.value is not None and row.saved.value is not None:
            assert row.hindsight.value >= row.saved.value
    assert lost == 1  # the whole day that nobody measured is there, and is nothing
    assert next(row for row in report.days if row.first == date(2026, 10, 25)).hours == 25.0
    assert not any(row.hindsight_pending for row in report.days)


def test_months_and_the_whole_are_of_the_days_asked_for(past: PastYear, report: SavingsReport) -> None:
    assert [row.first for row in report.months] == [FIRST, date(2026, 10, 1), date(2026, 11, 1)]
    ends = [*(row.start for row in report.months[1:]), local_day_bounds(TODAY, WARSAW)[1]]
    for row, end in zip(report.months, ends, strict=True):
        check_row(past, row, end)
    check_row(past, report.whole, ends[-1])
    days = [row for row in report.days if row.hindsight.value is not None]
    possible = sum(row.hindsight.value or 0.0 for row in days)
    assert report.whole.hindsight.value == pytest.approx(possible)
    assert report.whole.hindsight.basis == f"{len(days)} of 37 days"
    assert report.whole.captured.value == pytest.approx(100.0 * sum(row.saved.value or 0.0 for row in days) / possible)
    assert report.whole.hours == pytest.approx(sum(row.hours for row in report.days))
    assert report.whole.end == NOW.replace(minute=0)


def test_the_score_is_told_as_far_as_its_books_reach(report: SavingsReport) -> None:
    told = {row.first: row.score_saved for row in report.days}
    known = {day: figure.value for day, figure in told.items() if figure.value is not None}
    assert known[date(2026, 11, 1)] == pytest.approx(0.3)
    assert known[TODAY] == pytest.approx(0.1)
    assert report.months[2].score_saved.value == pytest.approx(0.7)
    assert report.whole.score_saved.value == pytest.approx(sum(known.values()))


def test_uptime_and_collection_are_of_the_days_whose_readings_are_kept(past: PastYear, report: SavingsReport) -> None:
    watched = [row for row in report.days if row.uptime.value is not None]
    assert [row.first for row in watched] == [date(2026, 10, 31) + timedelta(days=n) for n in range(4)]
    assert report.days[0].uptime.reason == "no readings are kept of this time"
    for row in watched:
        start, end = local_day_bounds(row.first, WARSAW)
        with StoreReader(past.database) as reader:
            times, complete = (reader.sample_times(start, end, complete_only=only) for only in (False, True))
            first = reader.first_sample_at()
        assert first is not None
        span = (max(start, first), min(end, NOW))
        assert row.uptime.value == pytest.approx(uptime(times, *span, MINUTE_S).value)
        assert row.data_collection_rate.value == pytest.approx(data_collection_rate(complete, *span, MINUTE_S).value)
    assert 90.0 < (report.whole.uptime.value or 0.0) < 100.0  # no poll since the last full quarter


@pytest.fixture
def looked_back_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many quarters each hindsight was made of, in order of asking."""
    asked: list[int] = []
    made = hindsight_module.hindsight

    def counted(quarters: list[EnergySlot], *rest: object) -> object:
        if quarters:  # of nothing it is made as quickly as it is found
            asked.append(len(quarters))
        return made(quarters, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(hindsight_module, "hindsight", counted)
    return iter([asked])  # type: ignore[return-value]


def test_a_finished_day_is_looked_back_on_once(past: PastYear, looked_back_on: Iterator[list[int]]) -> None:
    asked, book = next(looked_back_on), a_book()
    first = book.report(past.database, FIRST, TODAY, NOW)
    assert len(asked) == 36
    asked.clear()
    assert book.report(past.database, FIRST, TODAY, NOW) == first
    assert asked == []
    book.report(past.database, FIRST, TODAY, NOW + MTU)
    assert asked == [44]  # the running day alone


def test_a_day_whose_quarters_change_is_looked_back_on_anew(
    tmp_path: Path, looked_back_on: Iterator[list[int]]
) -> None:
    asked, book, path = next(looked_back_on), a_book(), tmp_path / "h.sqlite3"
    start, end = local_day_bounds(date(2026, 11, 1), WARSAW)
    slots = [quarter(start + n * MTU) for n in range((end - start) // MTU)]
    with SqliteStore(StoreOptions(path=path, durable=False)) as store:
        for slot in slots:
            store.add_energy(slot)
        store.flush()
        before = book.report(path, date(2026, 11, 1), TODAY, NOW).days[0]
        asked.clear()
        store.add_energy(replace(slots[40], cost=0.4, import_price_per_kwh=3.2))
        store.flush()
        after = book.report(path, date(2026, 11, 1), TODAY, NOW).days[0]
    assert asked == [96]
    assert (after.saved.value or 0.0) < (before.saved.value or 0.0)
    assert after.hindsight != before.hindsight


def test_what_has_to_wait_is_pending_and_comes_the_newest_first(past: PastYear) -> None:
    book, first = a_book(), date(2026, 10, 24)
    found = book.report(past.database, first, TODAY, NOW, new_days=3)
    waiting = [row.first for row in found.days if row.hindsight_pending]
    # Days without quarters cost nothing and are told at once where they are reached.
    assert found.days[-3].hindsight_pending is found.days[-1].hindsight_pending is False
    assert waiting == [row.first for row in found.days[: len(waiting)]]
    assert found.whole.hindsight_pending
    assert found.whole.hindsight.value is None
    assert found.whole.hindsight.reason == "still being computed: ask again"
    for _ in range(3):
        found = book.report(past.database, first, TODAY, NOW, new_days=3)
    assert not found.whole.hindsight_pending
    assert found == a_book().report(past.database, first, TODAY, NOW)


def test_today_is_the_figure_of_the_day_so_far(past: PastYear, report: SavingsReport) -> None:
    figure = a_book().today(past.database, NOW)
    assert figure == savings(quarters_of(past, local_day_bounds(TODAY, WARSAW)[0], NOW), CAPACITY_WH, "PLN")
    assert figure.value == pytest.approx(report.days[-1].saved.value)


def test_days_to_come_are_left_out_and_a_span_of_them_is_refused(past: PastYear) -> None:
    found = a_book().report(past.database, TODAY, TODAY + timedelta(days=400), NOW)
    assert [row.first for row in found.days] == [TODAY]
    with pytest.raises(ValueError, match="empty"):
        a_book().report(past.database, TODAY + timedelta(days=1), TODAY + timedelta(days=2), NOW)
    with pytest.raises(ValueError, match="outside"):
        a_book().report(past.database, date(1990, 1, 1), TODAY, NOW)


def test_a_house_on_its_first_day_says_why_there_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    with SqliteStore(StoreOptions(path=path, durable=False)) as store:
        store.add_sample(sample(NOW - timedelta(minutes=5)))
    found = a_book().report(path, FIRST, TODAY, NOW)
    for row in (*found.days, *found.months, found.whole):
        for name in ("saved", "score_saved", "hindsight", "captured", "cycles", "decision_accuracy", "uptime"):
            figure = getattr(row, name)
            assert figure.value is None, name
            assert figure.reason, name
        assert row.cost is None
    assert found.whole.score_saved.reason == "no comparison of strategies is kept yet"
    assert a_book().today(path, NOW).reason
    midnight = local_day_bounds(TODAY, WARSAW)[0]
    assert a_book().report(path, TODAY, TODAY, midnight).whole.coverage == 0.0


@pytest.mark.parametrize("kept", ["text", [], {}, {"format": 1, "houses": {}}, {"format": 9, "houses": {"a": {}}}])
def test_books_that_cannot_be_read_are_told(tmp_path: Path, kept: object) -> None:
    path = tmp_path / "h.sqlite3"
    with SqliteStore(StoreOptions(path=path, durable=False)) as store:
        store.put_state("shadow_houses", kept)
    figure = a_book().report(path, TODAY, TODAY, NOW).whole.score_saved
    assert figure.value is None
    assert figure.reason


def test_without_a_database_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database yet"):
        a_book().report(tmp_path / "none.sqlite3", FIRST, TODAY, NOW)
    with pytest.raises(StorageError, match="no database yet"):
        a_book().today(tmp_path / "none.sqlite3", NOW)


def test_the_days_of_another_zone_are_its_own(past: PastYear) -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    found = a_book(kolkata).report(past.database, date(2026, 10, 30), date(2026, 10, 31), NOW)
    assert found.days[0].start == datetime(2026, 10, 29, 18, 30, tzinfo=UTC)
    check_row(past, found.days[0], found.days[1].start)


def test_the_book_of_a_configuration_knows_its_house() -> None:
    settings = Configuration.model_validate(
        {
            "inverter": {"ip_address": "192.0.2.1"},
            "battery_management": {"capacity_kwh": 12.5, "soc_min": 15, "discharge_power_max": 4000},
            "grid": {"import_limit": 9000},
        }
    )
    options = savings_book_of(settings, can_limit_export=True)._options
    assert (options.home.capacity_wh, options.home.floor_pct, options.home.discharge_max_w) == (12_500.0, 15.0, 4000.0)
    assert (options.home.import_max_w, options.home.can_limit_export) == (9000.0, True)
    assert options.zone.key == settings.site.time_zone
    assert options.poll_every == timedelta(minutes=1)
