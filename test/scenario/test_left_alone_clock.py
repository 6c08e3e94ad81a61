"""A clock that is weeks ahead over several starts costs no month of records, and a long absence is caught up with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.patient_time import newest_believed
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from support.storage_records import T0, sample

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_starting_again_and_again_with_a_clock_that_is_ahead_loses_no_month(tmp_path: Path) -> None:
    options = StoreOptions(path=tmp_path / "hems.sqlite3")
    with SqliteStore(options) as store:
        for n in range(24 * 29):
            store.add_sample(sample(T0 - 29 * DAY + n * HOUR))
        store.flush()
    for n in range(4):
        with SqliteStore(options) as store:
            ahead = T0 + 60 * DAY + n * HOUR
            store.prune(ahead)
            store.add_sample(sample(ahead))
            store.flush()
            assert len(store.reader.sample_times(T0 - 27 * DAY, T0)) == 24 * 27


def believed(*hours: int) -> int | None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + hour * HOUR for hour in sorted(hours)]
    found = newest_believed(
        lambda at: next((moment for moment in reversed(moments) if at is None or moment < at), None),
        lambda at: next((moment for moment in moments if moment >= at), None),
    )
    return None if found is None else round((found - start) / HOUR)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ((), None),
        ((5,), 5),
        (tuple(range(30)), 29),
        ((*range(100), 2000, 2001), 99),
        ((*range(100), 2000, 2001, 9000), 99),
        ((*range(100), *range(2000, 2049)), 2048),
        ((*range(3), 2000), 2),
        ((*range(100), 140), 140),
    ],
)
def test_what_stands_alone_in_a_future_is_not_today(hours: tuple[int, ...], expected: int | None) -> None:
    assert believed(*hours) == expected
