"""A measured home from a file: what is missing is unknown and counted, what contradicts itself is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hems.adapters.tables.household_file import read_household
from hems.adapters.tables.write_table import write_table
from hems.domain.errors import RejectedData
from hems.domain.measured import MeasuredHousehold

START = datetime(2024, 10, 26, 21, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def home_of(
    tmp_path: Path, rows: Sequence[str], header: str = "ts_utc,load_w,pv_w", name: str = "home.csv"
) -> MeasuredHousehold:
    """Write a home's file and read it."""
    (tmp_path / name).write_text("\n".join([header, *rows]) + "\n")
    return read_household(tmp_path / name)


def rows_of(count: int, step: timedelta = QUARTER, start: datetime = START) -> list[str]:
    """``count`` rows, each with a power of its own."""
    return [f"{(start + index * step):%Y-%m-%d %H:%M:%S},{100 + index},{index}" for index in range(count)]


@pytest.mark.parametrize("minutes", [5, 7, 10, 15, 30, 60])
def test_any_regular_step(tmp_path: Path, minutes: int) -> None:
    step = timedelta(minutes=minutes)
    home = home_of(tmp_path, rows_of(50, step))
    assert (home.start, home.step, home.end) == (START, step, START + 50 * step)
    assert home.load_w.tolist() == [100 + index for index in range(50)]
    assert home.pv_w.tolist() == list(range(50))
    assert home.pv_forecast_w is None
    quality = home.quality
    assert (quality.rows, quality.missing_rows, quality.gaps, quality.remarks) == (50, 0, (), ())
    assert (quality.first, quality.end, quality.step) == (home.start, home.end, step)
    assert quality.not_numbers == {}


def test_gaps_are_unknown_and_told_longest_first(tmp_path: Path) -> None:
    rows = rows_of(100)
    home = home_of(tmp_path, rows[:10] + rows[13:50] + rows[51:])
    assert len(home.load_w) == 100
    assert np.flatnonzero(np.isnan(home.load_w)).tolist() == [10, 11, 12, 50]
    assert home.load_w[13] == 113
    assert home.quality.missing_rows == 4
    assert home.quality.rows == 96
    assert home.quality.gaps == (
        (START + 10 * QUARTER, START + 13 * QUARTER),
        (START + 50 * QUARTER, START + 51 * QUARTER),
    )


def test_at_most_ten_gaps_are_told(tmp_path: Path) -> None:
    rows = rows_of(100)
    home = home_of(tmp_path, [row for index, row in enumerate(rows) if index % 7 != 3])
    assert len(home.quality.gaps) == 10
    assert home.quality.missing_rows == 14


def test_what_cannot_be_is_unknown_and_counted_by_column(tmp_path: Path) -> None:
    rows = rows_of(20)
    for index, cell in enumerate(["", "nan", "-5", "inf", "1000001", "broken"]):
        rows[index] = f"{rows[index].split(',')[0]},{cell},3"
    rows[7] = f"{rows[7].split(',')[0]},7,-0.0"
    rows[8] = f"{rows[8].split(',')[0]},7,-101"
    rows[9] = f"{rows[9].split(',')[0]},7,-20"
    home = home_of(tmp_path, rows)
    assert np.isnan(home.load_w[:6]).all()
    assert not np.isnan(home.load_w[6:]).any()
    assert home.quality.not_numbers == {"load_w": 6, "pv_w": 1}
    assert np.signbit(home.pv_w[7]) == np.False_
    assert np.isnan(home.pv_w[8])
    assert home.pv_w[9] == 0.0
    assert any("slightly below 0 in 1 rows" in remark for remark in home.quality.remarks)
    assert home.quality.missing_rows == 0
    assert any("above a megawatt in 1 rows" in remark for remark in home.quality.remarks)
    assert any("load_w holds text in 2 rows" in remark for remark in home.quality.remarks)


def test_unsorted_and_repeated_rows(tmp_path: Path) -> None:
    rows = rows_of(20)
    home = home_of(tmp_path, rows[10:] + rows[:10] + rows[3:6])
    assert home.load_w.tolist() == [100 + index for index in range(20)]
    assert home.quality.remarks == ("the rows were not in order of time", "3 rows repeat another and are left out")
    assert home.quality.rows == 20


def test_rows_that_contradict_each_other_are_refused_with_both_lines(tmp_path: Path) -> None:
    rows = rows_of(20)
    again = f"{rows[4].split(',')[0]},999,4"
    with pytest.raises(RejectedData, match=r"home.csv: line 22: a second row for 2024-10-26 22:00 UTC.* line 6; .*UTC"):
        home_of(tmp_path, [*rows, again])


def test_a_row_beside_the_grid_is_named(tmp_path: Path) -> None:
    rows = rows_of(20)
    rows[11] = rows[11].replace(":45:00", ":46:30")
    with pytest.raises(RejectedData, match=r"line 13: 2024-10-26 23:46:30 UTC does not lie on the grid of 15 minutes"):
        home_of(tmp_path, rows)


def test_the_first_row_does_not_make_the_grid(tmp_path: Path) -> None:
    rows = ["2024-10-26 20:52:00,1,1", *rows_of(20)]
    with pytest.raises(RejectedData, match="line 2: 2024-10-26 20:52"):
        home_of(tmp_path, rows)


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (rows_of(5), "ts_utc,load_kwh,pv_w", "has no column load_w; it has ts_utc, load_kwh, pv_w"),
        (rows_of(5), "ts_utc,a,b", "has no column load_w and no column pv_w"),
        (rows_of(1), "ts_utc,load_w,pv_w", "one row only"),
        (rows_of(9, timedelta(minutes=1)), "ts_utc,load_w,pv_w", "mostly 1 minutes apart; 5 to 60"),
        (rows_of(9, timedelta(days=1)), "ts_utc,load_w,pv_w", "mostly 24 hours apart"),
        (["2024-01-01 00:00,x,1", "2024-01-01 00:15,-4,1"], "ts_utc,load_w,pv_w", "column load_w has no usable value"),
        ([*rows_of(5), "2154-10-26 21:00:00,1,1"], "ts_utc,load_w,pv_w", "line 7: the rows reach from"),
        (["1974-10-26 21:00:00,1,1", *rows_of(5)], "ts_utc,load_w,pv_w", "the rows reach from"),
    ],
)
def test_no_home(tmp_path: Path, rows: list[str], header: str, said: str) -> None:
    with pytest.raises(RejectedData, match=said):
        home_of(tmp_path, rows, header)


def test_kilowatts_are_suspected_not_converted(tmp_path: Path) -> None:
    home = home_of(tmp_path, [f"2024-01-01 {hour:02}:00,0.4,1" for hour in range(24)])
    assert home.load_w[0] == 0.4
    assert any("are these kW?" in remark for remark in home.quality.remarks)


def test_a_pv_of_the_wrong_sign_is_told(tmp_path: Path) -> None:
    rows = [f"2024-01-01 {hour:02}:00,400,{-200 * hour if hour != 3 else 1}" for hour in range(24)]
    remarks = home_of(tmp_path, rows).quality.remarks
    assert any("pv_w is negative in 22 rows" in remark and "turn the sign" in remark for remark in remarks)


def test_forecast_and_flags(tmp_path: Path) -> None:
    rows = [f"{row},{index * 2 if index < 5 else ''},{int(index == 2)},0" for index, row in enumerate(rows_of(10))]
    home = home_of(tmp_path, rows, "ts_utc,load_w,pv_w,pv_forecast_w,load_filled,pv_filled")
    assert home.pv_forecast_w is not None
    np.testing.assert_array_equal(home.pv_forecast_w, [0, 2, 4, 6, 8, *[np.nan] * 5])
    assert home.load_w[2] == 102
    assert home.quality.not_numbers == {"pv_forecast_w": 5}
    assert home.quality.gaps == ()
    assert len(home.quality.remarks) == 1
    assert home.quality.remarks[0].startswith("load_filled: 1 rows were filled in")


def test_a_forecast_without_a_value_is_none(tmp_path: Path) -> None:
    home = home_of(tmp_path, [f"{row}," for row in rows_of(10)], "ts_utc,load_w,pv_w,pv_forecast_w")
    assert home.pv_forecast_w is None
    assert any("pv_forecast_w has no usable value" in remark for remark in home.quality.remarks)


def test_days_of_92_and_100_quarters_are_unbroken_in_utc_and_with_offsets(tmp_path: Path) -> None:
    for start in (datetime(2024, 3, 30, 23, tzinfo=UTC), START):
        at = [start + index * QUARTER for index in range(120)]
        for zone in (UTC, ZoneInfo("Europe/Warsaw")):
            rows = [f"{moment.astimezone(zone).isoformat()},1{index},0" for index, moment in enumerate(at)]
            home = home_of(tmp_path, rows)
            assert (home.start, len(home.load_w), home.quality.gaps) == (start, 120, ())


def test_local_times_betray_themselves(tmp_path: Path) -> None:
    """The hour that clocks skip is missing in spring; the hour that they repeat contradicts itself in autumn."""
    spring = rows_of(200, start=datetime(2024, 3, 30, 12, tzinfo=UTC))
    skipped = [row for row in spring if not row.startswith("2024-03-31 02:")]
    home = home_of(tmp_path, skipped)
    assert any("look like local times" in remark for remark in home.quality.remarks)
    assert home.quality.missing_rows == 4
    assert home_of(tmp_path, [row for row in spring if "03-31 05:" not in row]).quality.remarks == ()
    with_zone = [row.replace(",", "Z,", 1) for row in skipped]
    assert home_of(tmp_path, with_zone).quality.remarks == ()


def test_parquet_is_the_same_home(tmp_path: Path) -> None:
    starts = [START + index * QUARTER for index in range(30)]
    columns = {"ts_utc": starts, "load_w": np.arange(30.0) + 100, "pv_w": np.where(np.arange(30) == 4, np.nan, 1.0)}
    write_table(tmp_path / "h.parquet", columns)
    write_table(tmp_path / "h.csv", columns)
    one, other = read_household(tmp_path / "h.parquet"), read_household(tmp_path / "h.csv")
    np.testing.assert_array_equal(one.load_w, other.load_w)
    np.testing.assert_array_equal(one.pv_w, other.pv_w)
    assert one.quality.not_numbers == other.quality.not_numbers == {"pv_w": 1}
    assert one.start == other.start


@pytest.mark.data
def test_the_reference_home(reference_data: Path) -> None:
    begun = perf_counter()
    home = read_household(reference_data / "home_A_emhass_15min_2024-02-28_2025-02-27.csv")
    seconds = perf_counter() - begun
    assert (home.start, len(home.load_w)) == (datetime(2024, 2, 28, 21, tzinfo=UTC), 35_048)
    assert home.quality.missing_rows == 0
    assert not np.isnan(home.load_w).any()
    assert sum("were filled in" in remark for remark in home.quality.remarks) == 2
    assert seconds < 2.0, "0.2 s on a quiet machine of two cores"
