"""Whatever a file holds: a table, or an error of ours in words; never a traceback, and never a made-up value."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hems.adapters.tables.household_file import read_household
from hems.adapters.tables.price_file import read_buy_sell, read_prices
from hems.adapters.tables.table_file import read_table
from hems.domain.errors import HemsError

CELLS = st.one_of(
    st.sampled_from(
        [
            "2024-10-27T01:00:00Z",
            "2024-10-27 01:15",
            "2024-10-27 01:30:00+02:00",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "1711836000",
            "99999999999999999999",
            "ts_utc",
            "load_w",
            "pv_w",
            "buy_per_kwh",
            "sell_per_kwh",
            "load_filled",
            "price",
            "",
            "nan",
            "1e308",
            "-5",
            "1,5",
            '"',
            "é",
        ]
    ),
    st.floats().map(repr),
    st.text(max_size=8),
)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8)
CONTENT = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda rows, mark: "\n".join(mark.join(row) for row in rows).encode("utf-8", "surrogatepass"),
        ROWS,
        st.sampled_from(",;\t"),
    ),
    st.builds(
        lambda rows, mark: "\n".join(["ts_utc,load_w,pv_w", *(mark.join(row) for row in rows)]).encode(
            "utf-8", "replace"
        ),
        st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
        st.just(","),
    ),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that every example writes anew."""
    return tmp_path_factory.mktemp("fuzz") / "any"


@settings(max_examples=250, deadline=None)
@given(content=CONTENT)
@example(content=b"ts_utc,load_w,pv_w\n0001-01-01T00:00:00+23:59,1,1\n9999-12-31T23:59:59-23:59,1,1\n")
@example(content=b"ts_utc,load_w,pv_w\n0001-01-01T00:00:00+23:59,1,1\n0001-01-01T00:00:00+23:59,2,1\n")
@example(content=b"PAR1" + bytes(range(60)) + b"PAR1")
@example(content=b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03garbage")
@example(content=b'ts_utc,a\n"2024-01-01,1\n')
@example(content=b"ts_utc,a\r2024-01-01,1\r")
@example(content=b"ts_utc,a\n2024-01-01\x00,1\n")
def test_no_content_breaks_a_reader(file: Path, content: bytes) -> None:
    for packed in (content, gzip.compress(content, 1)):
        file.write_bytes(packed)
        for reader in (read_table, read_household, read_prices, read_buy_sell):
            told = str(file)
            try:
                reader(file)
            except HemsError as error:
                told = str(error)
            assert str(file) in told


START = datetime(2024, 10, 26, 20, tzinfo=UTC)
POWER = st.one_of(st.none(), st.floats(0, 20_000).map(lambda value: round(value, 1)))


@settings(max_examples=100, deadline=None)
@given(
    powers=st.lists(st.tuples(POWER, POWER), min_size=2, max_size=40).filter(
        lambda rows: all(any(row[i] is not None for row in rows) for i in (0, 1))
    ),
    minutes=st.sampled_from([5, 10, 15, 30, 60]),
    shuffle=st.randoms(use_true_random=False),
    again=st.integers(0, 3),
)
def test_every_value_stands_where_it_was_measured(
    file: Path, powers: list[tuple[float | None, float | None]], minutes: int, shuffle: object, again: int
) -> None:
    rows = [
        f"{(START + timedelta(minutes=minutes * i)).isoformat()},"
        f"{'' if load is None else load},{'' if pv is None else pv}"
        for i, (load, pv) in enumerate(powers)
    ]
    rows += rows[:again]
    shuffle.shuffle(rows)  # type: ignore[attr-defined]
    file.write_text("\n".join(["ts_utc,load_w,pv_w", *rows]))
    home = read_household(file)
    assert home.start == START
    assert home.step == timedelta(minutes=minutes)
    for found, index in ((home.load_w, 0), (home.pv_w, 1)):
        expected = np.array([np.nan if row[index] is None else row[index] for row in powers], dtype=float)
        np.testing.assert_array_equal(found, expected)
    lost = {name: sum(row[i] is None for row in powers) for i, name in enumerate(("load_w", "pv_w"))}
    assert home.quality.not_numbers == {name: count for name, count in lost.items() if count}
