"""Tables as people write them: separators, commas, packing, times; and what we write reads back the same."""

from __future__ import annotations

import builtins
import gzip
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from hems.adapters.tables.table import ExtraMissing, Table, moment
from hems.adapters.tables.table_file import read_table
from hems.adapters.tables.write_table import beside_it, write_table
from hems.domain.errors import ConfigurationError, RejectedData, StorageError

START = datetime(2024, 3, 30, 22, tzinfo=UTC)
STARTS = [START + timedelta(minutes=15 * index) for index in range(4)]


def table_of(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Table:
    """Write ``content`` and read it."""
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(file)


COMMA = "ts_utc,load_w\n2024-03-30T22:00:00Z,1.5\n2024-03-30T22:15:00Z,\n"


@pytest.mark.parametrize(
    "content",
    [
        COMMA.encode(),
        b"\xef\xbb\xbf" + COMMA.encode(),
        gzip.compress(COMMA.encode(), mtime=0),
        COMMA.encode("utf-16"),
        COMMA.replace("\n", "\r\n").encode(),
        COMMA.replace(",", ";").replace("1.5", "1,5").encode(),
        COMMA.replace(",", "\t").replace("1.5", "1,5").encode(),
        COMMA.replace("\n", "\n\n").encode(),
        COMMA.replace("\n", ",\n").encode(),
        COMMA.replace("load_w", '"load_w"').replace("1.5", '"1.5"').encode(),
        COMMA.replace("T22", " 22").replace("Z", "").encode(),
        COMMA.replace("22:00:00Z", "23:00:00+01:00").encode(),
        COMMA.replace("2024-03-30T22:00:00Z", "1711836000").replace("2024-03-30T22:15:00Z", "1711836900").encode(),
        COMMA.replace("2024-03-30T22:00:00Z", "1711836000000")
        .replace("2024-03-30T22:15:00Z", "1711836900000")
        .encode(),
        COMMA.replace("1.5", " 1.5 ").replace("Z,\n", "Z,nan\n").encode(),
    ],
    ids=range(15),
)
def test_ways_to_write_the_same_table(tmp_path: Path, content: bytes) -> None:
    table = table_of(tmp_path, content)
    assert [moment(int(time)) for time in table.time_ms] == STARTS[:2]
    np.testing.assert_array_equal(table.numbers["load_w"], [1.5, np.nan])
    assert table.remarks == ()
    assert list(table.line) == ([3, 5] if b"\n\n" in content else [2, 3])


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("time,a", True),
        ("Timestamp,a", True),
        ("date,a", True),
        ("start,a", True),
        ("when,a", True),
        ("time [UTC],a", False),
        ("a,TS_UTC", False),
    ],
)
def test_the_column_of_times_is_found_and_a_missing_zone_is_told(tmp_path: Path, header: str, told: bool) -> None:
    cells = ["2024-03-30 22:00", "7"] if not header.startswith("a,") else ["7", "2024-03-30 22:00"]
    table = table_of(tmp_path, f"{header}\n{','.join(cells)}\n")
    assert moment(int(table.time_ms[0])) == START
    assert table.column("A") is not None
    assert bool(table.remarks) is told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("ts_utc,load_w\n", "has a header but no rows"),
        ("a,b\nx,y\n", "no column of times among a, b; name it ts_utc"),
        ("ts_utc,a\n2024-01-01,1\nyesterday,2\n", "line 3: 'yesterday' in column ts_utc is not a time"),
        ("ts_utc,a\n,1\n", "line 2: '' in column ts_utc is not a time"),
        ("ts_utc,a\n12,1\n", "line 2: '12'"),
        ("ts_utc,a\n2024-01-01,1\n1969-12-31,1\n", "line 3: its time lies before 1970"),
        ("ts_utc,a\n0001-01-01T00:00:00+23:59,1\n", "line 2: its time lies before 1970"),
        ("ts_utc,a\n2024-01-01,1\n2024-01-02,1,5\n", "line 3: 3 cells where the first line names 2"),
        ("ts_utc,a\n2024-01-01\n", "line 2: 1 cells"),
        ("ts_utc,a,a\n2024-01-01,1,2\n", "two columns are named a"),
        ("ts_utc,a\n2024-01-01T00:00,1\n2024-01-01T00:15Z,1\n", "1 of 2 times bear no zone"),
        ("ts_utc,\x1b[2J\n2024-01-01,1\nx,1\n", "line 3"),
        (b"\xff\xd8\xff\xe0", "is no text in UTF-8"),
        (gzip.compress(COMMA.encode(), mtime=0)[:-12], "damaged or cut off"),
        (b"\x1f\x8b\x00", "damaged or cut off"),
        (b"PAR1 and then nothing", "is no Parquet file"),
        ("ts_utc,a\n2024-01-01," + "9" * 200_000 + "\n", "is no CSV: field larger"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(RejectedData) as caught:
        table_of(tmp_path, content)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_cells_that_are_no_finite_number_are_unknown_and_text_is_counted(tmp_path: Path) -> None:
    cells = ["1", "-2.5e1", "inf", "NaN", "", "null", "1_000", "0x10", "1.2.3", "on", "1e400"]
    rows = "".join(f"{1711836000 + 900 * i},{cell}\n" for i, cell in enumerate(cells))
    table = table_of(tmp_path, "ts_utc,a\n" + rows)
    np.testing.assert_array_equal(table.numbers["a"], [1, -25, *[np.nan] * 9])
    assert table.texts == {"a": 5}  # inf, 1_000, 0x10, 1.2.3, on


def test_a_thousands_separator_is_not_guessed(tmp_path: Path) -> None:
    table = table_of(tmp_path, "ts_utc;a\n2024-01-01;1.234,5\n2024-01-02;1,5\n")
    np.testing.assert_array_equal(table.numbers["a"], [np.nan, 1.5])


def test_a_block_is_no_border(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.adapters.tables.csv_text._BLOCK_ROWS", 3)
    rows = "".join(f"{1711836000 + 900 * i},{i},{'x' if i % 2 else ''}\n" for i in range(10))
    table = table_of(tmp_path, "ts_utc,a,b\n" + rows)
    assert table.numbers["a"].tolist() == list(range(10))
    assert table.texts == {"b": 5}
    assert table.line.tolist() == list(range(2, 12))


def test_what_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.adapters.tables.csv_text.TEXT_MAX_BYTES", 100_000)
    with pytest.raises(RejectedData, match="larger than 100000 bytes"):
        table_of(tmp_path, gzip.compress(b"ts_utc,a\n" + b"2024-01-01,1\n" * 100_000))


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(StorageError, match="cannot be read"):
        read_table(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="not a regular file"):
        read_table(tmp_path / "pipe")


# -- Parquet ---------------------------------------------------------------------------------------------------

NAIVE = [start.replace(tzinfo=None) for start in STARTS]


@pytest.mark.parametrize(
    ("times", "is_naive"),
    [
        (pa.array(STARTS, pa.timestamp("us", "UTC")), False),
        (pa.array(STARTS, pa.timestamp("ns", "Europe/Warsaw")), False),
        (pa.array(NAIVE, pa.timestamp("s")), True),
        (pa.array([int(start.timestamp()) for start in STARTS]), False),
        (pa.array([start.isoformat() for start in STARTS]), False),
    ],
)
def test_parquet_times(tmp_path: Path, times: pa.Array, is_naive: bool) -> None:
    columns = {
        "time": times,
        "load_w": pa.array([1, None, 3, 4]),
        "pv_w": pa.array([0.5, float("inf"), float("nan"), 2.0], pa.float32()),
        "note": pa.array(["a", None, "b", "c"]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert [moment(int(time)) for time in table.time_ms] == STARTS
    np.testing.assert_array_equal(table.numbers["load_w"], [1, np.nan, 3, 4])
    np.testing.assert_array_equal(table.numbers["pv_w"], [0.5, np.nan, np.nan, 2])
    assert table.texts == {"note": 3}
    assert table.is_naive is is_naive
    assert bool(table.remarks) is is_naive


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"time": pa.array([], pa.timestamp("s")), "a": pa.array([], pa.float64())}, "has no rows"),
        ({"time": pa.array([NAIVE[0], None])}, "row 2: column time has no time"),
        ({"time": pa.array(["2024-01-01", "soon"])}, "row 2: 'soon'"),
        ({"a": pa.array([1.0, 2.0])}, "no column of times among a"),
        ({"time": pa.array([10**12], pa.timestamp("s"))}, "row 1: its time lies before 1970 or after 2199"),
        ({"time": pa.array([float("nan")])}, "row 1: 'nan'"),
        ({"time": pa.array([True])}, "row 1: 'True'"),
    ],
)
def test_parquet_without_times_is_refused(tmp_path: Path, columns: Mapping[str, pa.Array], said: str) -> None:
    parquet.write_table(pa.table(dict(columns)), tmp_path / "a.parquet")
    with pytest.raises(RejectedData, match=said):
        read_table(tmp_path / "a.parquet")


@pytest.fixture
def no_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    really: Callable[..., object] = builtins.__import__

    def importing(name: str, *rest: object, **named: object) -> object:
        if name.startswith("pyarrow") or name.endswith("parquet_content"):
            raise ImportError(name)
        return really(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.usefixtures("no_pyarrow")
def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1....PAR1")
    with pytest.raises(ExtraMissing, match=r"extra `parquet`.*\[parquet\]"):
        read_table(tmp_path / "a.parquet")
    with pytest.raises(ExtraMissing, match="extra `parquet`"):
        write_table(tmp_path / "b.parquet", {"a": [1]})
    assert not (tmp_path / "b.parquet").exists()


# -- writing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_what_is_written_reads_back_the_same(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "new" / f"t{suffix}"
    values = np.array([0.1 + 0.2, -1e-9, np.nan, 123456789.0])
    write_table(file, {"ts_utc": STARTS, "a": values, "b": [1, None, 3, -4], "mode": ["x", "y,z", 'q"', ""]})
    table = read_table(file)
    assert [moment(int(time)) for time in table.time_ms] == STARTS
    assert table.numbers["a"].tobytes() == values.tobytes()
    np.testing.assert_array_equal(table.numbers["b"], [1, np.nan, 3, -4])
    assert not table.is_naive
    assert [left.name for left in file.parent.iterdir()] == [file.name]


def test_csv_is_plain(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"ts_utc": STARTS[:1], "a": [2.0], "b": [None], "c": [0.1]})
    assert (tmp_path / "t.csv").read_text() == "ts_utc,a,b,c\n2024-03-30T22:00:00Z,2,,0.1\n"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    write_table(file, {"a": [1]})
    with pytest.raises(ValueError, match="naive datetime"):
        write_table(file, {"a": [datetime(2024, 1, 1)]})  # noqa: DTZ001
    with pytest.raises(ValueError, match="different lengths"):
        write_table(file, {"a": [1], "b": [1, 2]})
    assert file.read_text() == "a\n1\n"
    assert [left.name for left in tmp_path.iterdir()] == ["t.csv"]
    with pytest.raises(StorageError, match="not written"):
        write_table(file / "below.csv", {"a": [1]})


def test_a_name_says_how_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\.csv, \.csv\.gz, \.parquet"):
        write_table(tmp_path / "t.xlsx", {"a": [1]})
    assert beside_it(Path("a/p.2025.csv.gz"), "settlement") == Path("a/p.2025_settlement.csv.gz")
