"""Decisions and events page by page: every one once, newest first, and only what was asked for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.decision_pages import (
    MOST_A_PAGE,
    read_all_decisions,
    read_decision,
    read_decisions,
    read_events,
)
from hems.adapters.storage.history_csv import decision_csv_lines
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.command import Mode
from hems.domain.errors import StorageError
from hems.domain.history import DecisionFilter, DecisionSummary, EventFilter
from hems.domain.record import CycleRecord, EventRecord, Trigger
from support.plan_records import WARSAW, context, outlook, planned_cycle
from support.storage_records import T0, cycle

SPAN = (T0 - timedelta(days=1), T0 + timedelta(days=10))


def some_cycles() -> list[CycleRecord]:
    """Return 60 decisions of several kinds, three of them made at the very same moment."""
    found = []
    for n in range(60):
        one = cycle(T0 + n * timedelta(minutes=15), reason=f"powód {n}: ŻÓŁW przy cenie {n % 7}0 PLN/MWh")
        command = replace(one.decision.command, mode=list(Mode)[n % 3], power_w=None if n % 3 == 0 else 1000.0 + n)
        decision = replace(
            one.decision,
            command=command,
            source=("optimal", "person")[n % 2],
            verdict=("allowed", "narrowed", "refused")[n % 3],
            causes=("grid.import_limit", "soc") if n % 3 else (),
        )
        found.append(
            replace(
                one,
                decision=decision,
                trigger=(Trigger.SCHEDULE, Trigger.PERSON)[n % 2],
                action=one.action if n % 4 else None,
            )
        )
    return [*found, replace(found[5], trigger=Trigger.JUMP), replace(found[5], trigger=Trigger.TEST)]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of ``some_cycles`` and 40 events."""
    path = tmp_path / "h.sqlite3"
    with SqliteStore(StoreOptions(path=path, durable=False)) as store:
        for one in some_cycles():
            store.add_cycle(one)
        for n in range(40):
            kind, severity = ("prices", "safety")[n % 2], ("info", "warning", "error")[n % 3]
            store.add_event(
                EventRecord(at=T0 + n * timedelta(hours=1), kind=kind, severity=severity, message=f"Zdarzenie {n}")
            )
    return path


def all_of(database: Path, wanted: DecisionFilter, limit: int) -> list[DecisionSummary]:
    """Return every page's rows, one after the other."""
    rows: list[DecisionSummary] = []
    before, matching = None, set()
    while True:
        page = read_decisions(database, SPAN, wanted, limit=limit, before=before)
        rows += page.rows
        matching.add(page.matching)
        if page.before is None:
            assert matching == {len(rows)}
            return rows
        assert len(page.rows) == limit
        before = page.before


@pytest.mark.parametrize("limit", [1, 7, 31, 62, 500])
def test_every_decision_is_on_one_page(database: Path, limit: int) -> None:
    rows = all_of(database, DecisionFilter(), limit)
    expected = sorted((one.at for one in some_cycles()), reverse=True)
    assert [row.at for row in rows] == expected
    same_moment = [row.trigger for row in rows if row.at == some_cycles()[5].at]
    assert same_moment == ["test", "jump", "person"]  # the last one written is the newest


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (DecisionFilter(modes=frozenset({Mode.CHARGE})), lambda one: one.decision.mode is Mode.CHARGE),
        (DecisionFilter(sources=frozenset({"person"})), lambda one: one.decision.source == "person"),
        (
            DecisionFilter(triggers=frozenset({Trigger.JUMP, Trigger.PERSON})),
            lambda one: one.trigger in {"jump", "person"},
        ),
        (DecisionFilter(verdicts=frozenset({"narrowed", "refused"})), lambda one: one.decision.verdict != "allowed"),
        (DecisionFilter(text="żółw PRZY cenie 30"), lambda one: "cenie 30 " in one.decision.reason),
        (DecisionFilter(text="100%_"), lambda one: False),
        (
            DecisionFilter(sources=frozenset({"optimal"}), text="cenie 20", modes=frozenset({Mode.SELF_USE})),
            lambda one: (
                one.decision.source == "optimal"
                and "cenie 20 " in one.decision.reason
                and one.decision.mode is Mode.SELF_USE
            ),
        ),
    ],
)
def test_a_filter_lets_through_what_fits_and_no_more(database: Path, wanted: DecisionFilter, fits: object) -> None:
    expected = sorted((one.at for one in some_cycles() if fits(one)), reverse=True)  # type: ignore[operator]
    assert [row.at for row in all_of(database, wanted, 5)] == expected
    assert [row.at for row in read_all_decisions(database, SPAN, wanted)] == expected


def test_a_span_is_from_its_start_to_just_before_its_end(database: Path) -> None:
    span = (T0 + timedelta(minutes=15), T0 + timedelta(minutes=45))
    rows = read_decisions(database, span, DecisionFilter(), limit=10).rows
    assert [row.at for row in rows] == [T0 + timedelta(minutes=30), T0 + timedelta(minutes=15)]


def test_a_line_says_what_the_record_says(database: Path) -> None:
    one = some_cycles()[7]
    (row,) = [row for row in all_of(database, DecisionFilter(), 100) if row.at == one.at]
    assert row == DecisionSummary(
        at=one.at,
        trigger="person",
        mode="charge",
        power_w=1007.0,
        target_soc_pct=90.0,
        export_limit_w=None,
        expires_at=one.decision.command.expires_at,
        source="person",
        reason=one.decision.reason,
        confidence_pct=71.0,
        verdict="narrowed",
        causes=("grid.import_limit", "soc"),
        price_per_mwh=412.5,
        import_per_kwh=None,
        soc_pct=50.0,
        score=None,
        result="Applied",
        result_detail="",
    )
    nothing_asked = next(row for row in all_of(database, DecisionFilter(), 100) if row.at == T0)
    assert nothing_asked.result is None


def test_one_decision_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    made = planned_cycle(context(outlook()))
    with SqliteStore(StoreOptions(path=path, durable=False)) as store:
        store.add_cycle(made)
    assert read_decision(path, made.at) == made
    assert made.decision.reasoning is not None
    assert read_decision(path, made.at + timedelta(microseconds=1)) is None
    with pytest.raises(ValueError, match="naive"):
        read_decision(path, made.at.replace(tzinfo=None))


def test_a_damaged_record_takes_only_its_details_with_it(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE cycles SET record = '{\"data\": ' WHERE id = 62")
        connection.execute("UPDATE cycles SET record = '[]' WHERE id = 61")
    rows = all_of(database, DecisionFilter(), 10)
    unreadable = [row for row in rows if not row.is_readable]
    assert [(row.trigger, row.power_w, row.reason[:5]) for row in unreadable] == [
        ("test", None, "powód"),
        ("jump", None, "powód"),
    ]
    with pytest.raises(StorageError, match="not JSON"):
        read_decision(database, some_cycles()[5].at)


@pytest.mark.parametrize("before", ["", "x", "1-", "1-2-3", "-1-2", "1" * 30 + "-1", "٣-٣", "1-1\n"])
def test_a_cursor_of_nobody_is_refused(database: Path, before: str) -> None:
    with pytest.raises(ValueError, match="no place in the list"):
        read_decisions(database, SPAN, DecisionFilter(), limit=5, before=before)


@pytest.mark.parametrize("limit", [0, -1, MOST_A_PAGE + 1])
def test_a_page_has_a_bound(database: Path, limit: int) -> None:
    with pytest.raises(ValueError, match="a page has"):
        read_events(database, SPAN, EventFilter(), limit=limit)


def test_events_are_paged_and_filtered_alike(database: Path) -> None:
    seen, before = [], None
    wanted = EventFilter(severities=frozenset({"warning", "error"}), kinds=frozenset({"safety"}), text="ZDARZENIE")
    while True:
        page = read_events(database, SPAN, wanted, limit=4, before=before)
        assert page.matching == 13
        seen += page.rows
        if (before := page.before) is None:
            break
    expected = [n for n in reversed(range(40)) if n % 2 == 1 and n % 3 != 0]
    assert [event.message for event in seen] == [f"Zdarzenie {n}" for n in expected]
    assert seen[0].at == T0 + timedelta(hours=expected[0])


def test_without_a_database_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database yet"):
        read_decisions(tmp_path / "none.sqlite3", SPAN, DecisionFilter(), limit=5)
    with pytest.raises(StorageError, match="no database yet"):
        read_decision(tmp_path / "none.sqlite3", datetime(2026, 1, 1, tzinfo=UTC))


def test_decisions_as_csv_say_units_and_both_times(database: Path) -> None:
    lines = list(decision_csv_lines(read_all_decisions(database, SPAN, DecisionFilter()), WARSAW, "PLN"))
    assert len(lines) == 63
    assert lines[0].startswith("time [UTC],time [Europe/Warsaw],trigger,mode,power [W],")
    assert "market price [PLN/MWh]" in lines[0]
    last = lines[-1].split(",")
    assert last[:6] == ["2026-11-01T12:00:00Z", "2026-11-01T13:00:00+01:00", "schedule", "self_use", "", "90"]
    assert "grid.import_limit; soc" in lines[-2]
