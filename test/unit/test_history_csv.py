"""A look back as CSV: a spreadsheet reads back what was measured."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.history_csv import decision_csv_lines, history_csv_lines, read_history_csv
from hems.adapters.storage.history_reader import read_history
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.errors import StorageError
from hems.domain.history import DecisionSummary, HistoryQuestion, Resolution
from support.storage_records import quarter, sample

WARSAW = ZoneInfo("Europe/Warsaw")
START = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)


def lines_of(tmp_path: Path, resolution: Resolution) -> list[list[str]]:
    """Return the CSV of three hours around the night's change of the clock, one of them a gap."""
    path = tmp_path / "h.sqlite3"
    with SqliteStore(StoreOptions(path=path, durable=False)) as store:
        store.add_energy(quarter(START, load_wh=1234.5, cost=-0.0123, price_estimated=True))
        store.add_energy(quarter(START + timedelta(hours=2), decision_gain=0.02))
        store.add_sample(sample(START + timedelta(minutes=3)))
    question = HistoryQuestion(
        start=START,
        end=START + timedelta(hours=3),
        zone=WARSAW,
        currency="PLN",
        capacity_wh=10_000.0,
        resolution=resolution,
    )
    text = "".join(history_csv_lines(read_history(path, question)))
    assert text.count("\r\n") == text.count("\n")
    return list(csv.reader(text.splitlines()))


def test_rows_have_both_times_and_units_and_gaps_are_empty(tmp_path: Path) -> None:
    header, *rows = lines_of(tmp_path, Resolution.HOUR)
    assert header[:2] == ["time [UTC]", "time [Europe/Warsaw]"]
    assert [row[:2] for row in rows] == [
        ["2026-10-25T00:00:00Z", "2026-10-25T02:00:00+02:00"],
        ["2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"],
        ["2026-10-25T02:00:00Z", "2026-10-25T03:00:00+01:00"],
    ]
    first, gap, _ = (dict(zip(header, row, strict=True)) for row in rows)
    assert first["load [Wh]"] == "1234.5"
    assert first["cost [PLN]"] == "-0.0123"
    assert first["price estimated [yes/no]"] == "yes"
    assert first["measured share [0-1]"] == "0.25"
    assert gap.pop("measured share [0-1]") == "0"
    assert set(list(gap.values())[2:]) == {""}


def test_readings_have_the_columns_that_readings_have(tmp_path: Path) -> None:
    header, row = lines_of(tmp_path, Resolution.READING)
    told = dict(zip(header, row, strict=True))
    assert told["load [W]"] == "500"
    assert told["mode"] == "self_use"
    assert not any("Wh]" in name and "/" not in name for name in header)


@pytest.mark.parametrize("resolution", list(Resolution))
def test_a_long_file_is_written_in_parts_and_is_the_same(tmp_path: Path, resolution: Resolution) -> None:
    path = tmp_path / "h.sqlite3"
    start = datetime(2026, 9, 30, 20, 37, tzinfo=UTC)
    with SqliteStore(StoreOptions(path=path, durable=False)) as store:
        for n in range(300):
            store.add_energy(quarter(START + timedelta(hours=n - 250), load_wh=100.0 + n))
            store.add_sample(sample(START + timedelta(hours=n - 250, minutes=1)))
    question = HistoryQuestion(
        start=start,
        end=datetime(2026, 12, 3, 7, 5, tzinfo=UTC),
        zone=WARSAW,
        currency="PLN",
        capacity_wh=10_000.0,
        resolution=resolution,
        reading_every=timedelta(hours=1),
    )
    assert list(read_history_csv(path, question)) == list(history_csv_lines(read_history(path, question)))


def test_what_cannot_be_read_is_told_before_the_first_line(tmp_path: Path) -> None:
    question = HistoryQuestion(
        start=START, end=START + timedelta(days=90), zone=WARSAW, currency="PLN", capacity_wh=1.0,
        resolution=Resolution.HOUR,
    )  # fmt: skip
    with pytest.raises(StorageError, match="no database yet"):
        read_history_csv(tmp_path / "none.sqlite3", question)


def test_a_text_is_no_formula() -> None:
    one = DecisionSummary(
        at=START,
        trigger="person",
        mode="hold",
        power_w=None,
        target_soc_pct=None,
        export_limit_w=None,
        expires_at=None,
        source="=HYPERLINK(1)",
        reason='says "stop", then',
        confidence_pct=-1.0,
        verdict="allowed",
        causes=(),
        price_per_mwh=-12.5,
        import_per_kwh=None,
        soc_pct=None,
        score=None,
        result=None,
        result_detail="",
    )
    _, line = decision_csv_lines([one], WARSAW, "PLN")
    (row,) = csv.reader([line])
    assert "'=HYPERLINK(1)" in row
    assert 'says "stop", then' in row
    assert "-12.5" in row
