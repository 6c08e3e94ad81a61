"""A fleet's table: what is right is read as it stands, what is wrong is named, home by home."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from hems.domain.errors import RejectedData, StorageError
from hems.fleet import batch_kernel as kernel
from hems.fleet.chunk_builder import Reading
from hems.fleet.home_numbers import HomeDefaults
from hems.fleet.homes import HomeChunk
from hems.fleet.homes_file import HomesFile
from hems.fleet.prices import PriceBook, PriceGrid
from support.fleet_cases import START, price_grid, write_homes


def read(path: Path, horizon: float | None = None, chunk: int = 500, book: PriceBook | None = None) -> list[HomeChunk]:
    prices = book or PriceBook(lambda _tariff: price_grid())
    reading = Reading(defaults=HomeDefaults(wear=0.03), prices=prices, horizon_hours=horizon, chunk=chunk)
    return list(HomesFile(path, reading).chunks())


def test_a_sound_table_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "homes.parquet"
    write_homes(path, 7, 96)
    chunks = read(path, chunk=3)
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    table = parquet.read_table(path)
    assert np.concatenate([c.load_w for c in chunks]).tolist() == table.column("load_w").to_pylist()
    assert chunks[0].load_w.dtype == np.float32
    assert np.concatenate([c.rows for c in chunks]).tolist() == list(range(7))
    numbers = np.concatenate([c.numbers for c in chunks])
    assert numbers[:, kernel.CAPACITY].tolist() == table.column("battery_kwh").to_pylist()
    assert (numbers[:, kernel.WEAR] == 0.03).all()
    assert chunks[0].buy.shape == (1, 96)
    assert chunks[0].buy[0] == pytest.approx(price_grid().buy[:96])


def test_chunks_do_not_end_with_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "homes.parquet"
    write_homes(path, 10, 8)
    parquet.write_table(parquet.read_table(path), path, row_group_size=3)
    assert [len(chunk) for chunk in read(path, chunk=4)] == [4, 4, 2]


def test_wrong_homes_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    path = tmp_path / "homes.parquet"
    load = [[500.0] * 8 for _ in range(10)]
    load[1][3] = float("nan")
    load[2] = [500.0] * 7
    load[3] = []
    load[4][0] = -5.0
    load[5] = None  # type: ignore[call-overload]
    load[6][2] = None  # type: ignore[call-overload]
    capacity = [10.0] * 10
    capacity[7] = -3.0
    names: list[str | None] = [f"h{i}" for i in range(10)]
    names[8] = None
    write_homes(path, 10, 8, load_w=load, battery_kwh=capacity, home_id=names, ceiling_pct=[100.0] * 9 + [5.0])
    (chunk,) = read(path)
    assert chunk.home_ids == ("h0",)
    why = {row: text for row, _, text in chunk.refused}
    assert "load_w[3] is nan" in why[1]
    assert why[2] == "load has 7 slots, PV has 8: of the same length is needed"
    assert "0 slots" in why[3]
    assert "load_w[0] is -5" in why[4]
    assert "0 slots" in why[5]
    assert "load_w[2] is nan" in why[6]
    assert "battery_kwh -3" in why[7]
    assert why[8] == "home_id is empty"
    assert "must be below ceiling_pct" in why[9]


def test_own_prices_go_before_shared_ones(tmp_path: Path) -> None:
    path = tmp_path / "homes.parquet"
    buy = [[0.5] * 8, None, [0.5] * 3, [0.5] * 7 + [float("nan")]]
    write_homes(path, 4, 8, buy_per_kwh=buy, sell_per_kwh=[[0.2] * 8] * 4)
    (chunk,) = read(path)
    assert chunk.home_ids == ("home 0", "home 1")
    assert chunk.buy[chunk.wholes[0, kernel.PRICES]].tolist() == [0.5] * 8
    assert chunk.buy[chunk.wholes[1, kernel.PRICES]] == pytest.approx(price_grid().buy[:8])
    assert [why for _, _, why in chunk.refused] == [
        "buy_per_kwh has 3 slots, load has 8",
        "buy_per_kwh[7] is nan: a number within ±50 is needed",
    ]


def test_a_plan_ends_where_prices_do(tmp_path: Path) -> None:
    path = tmp_path / "homes.parquet"
    starts = pa.array([START, START - timedelta(days=3), START + timedelta(hours=99)], pa.timestamp("us", "UTC"))
    write_homes(path, 3, 96, start_utc=starts)
    (chunk,) = read(path)  # 400 quarters are 100 hours
    assert chunk.home_ids == ("home 0", "home 2")
    assert chunk.wholes[:, kernel.SLOTS].tolist() == [96, 4]
    assert chunk.refused[0][2].startswith("no price is known for 2026-03-25 22:00")


def test_the_horizon_cuts_every_row(tmp_path: Path) -> None:
    path = tmp_path / "homes.parquet"
    write_homes(path, 2, 96, step_minutes=[15.0, 60.0], start_utc=["2026-03-28T22:00:00", "2026-03-28T22:00:00Z"])
    (chunk,) = read(path, horizon=6.0)
    assert chunk.wholes[:, kernel.SLOTS].tolist() == [24, 6]
    assert chunk.numbers[:, kernel.HOURS].tolist() == [0.25, 1.0]
    assert (chunk.start_s == START.timestamp()).all()
    hour = chunk.buy[chunk.wholes[1, kernel.PRICES]]
    assert hour[0] == pytest.approx(price_grid().buy[:4].mean())


def test_a_home_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    begin = datetime(2026, 3, 28, 22, tzinfo=UTC)
    lines = ["ts_utc,load_w,pv_w,pv_forecast_w"]
    lines += [f"{(begin + timedelta(minutes=15 * i)).isoformat()},{100 + i},{i},{2 * i}" for i in range(40)]
    (tmp_path / "one.csv").write_text("\n".join(lines))
    ids = pa.array(["a", "b", "c"])
    starts = pa.array([None, begin + timedelta(hours=1), None], pa.timestamp("s", "UTC"))
    table = pa.table({"home_id": ids, "data": ["one.csv", "one.csv", "none.csv"], "start_utc": starts})
    parquet.write_table(table, tmp_path / "homes.parquet")
    (chunk,) = read(tmp_path / "homes.parquet", horizon=5.0)
    assert chunk.home_ids == ("a", "b")
    assert chunk.load_w[0].tolist() == [100.0 + i for i in range(20)]
    assert chunk.load_w[1].tolist() == [104.0 + i for i in range(20)]
    assert chunk.pv_w[1].tolist() == [8.0 + 2 * i for i in range(20)]  # what was forecast, not what came
    assert "none.csv" in chunk.refused[0][2]


def test_tariffs_are_looked_up_by_name_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "homes.parquet"
    write_homes(path, 3, 8, tariff=["cheap", None, "unheard"])

    def find(name: str) -> PriceGrid:
        if name == "unheard":
            raise RejectedData("no tariff unheard")
        grid = price_grid()
        return PriceGrid(start_s=grid.start_s, buy=grid.buy * (0.5 if name == "cheap" else 1.0), sell=grid.sell)

    (chunk,) = read(path, book=PriceBook(find))
    buy = chunk.buy[chunk.wholes[:, kernel.PRICES]]
    assert buy[0] == pytest.approx(buy[1] / 2.0)
    assert chunk.refused == ((2, "home 2", "no tariff unheard"),)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"load_w": [[1.0]], "pv_w": [[1.0]]}, "home_id"),
        ({"home_id": ["a"]}, "neither load_w"),
        ({"home_id": ["a"], "load_w": [[1.0]], "pv_w": [[0.0]]}, "start_utc"),
    ],
)
def test_a_table_without_what_is_needed_is_refused(tmp_path: Path, columns: dict[str, object], said: str) -> None:
    path = tmp_path / "homes.parquet"
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(RejectedData, match=said):
        read(path)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "homes.parquet").write_text("home_id,load_w")
    with pytest.raises(RejectedData, match="no Parquet file"):
        read(tmp_path / "homes.parquet")
    with pytest.raises(StorageError):
        read(tmp_path / "absent.parquet")


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_prices_follow_the_length_of_a_slot(minutes: int) -> None:
    grid = price_grid()
    buy, _ = grid.window(grid.start_s, minutes * 60, 24)
    seconds = np.repeat(grid.buy[:96], 900)
    expected = [seconds[i * minutes * 60 : (i + 1) * minutes * 60].mean() for i in range(24)]
    assert buy == pytest.approx(expected)


def test_slots_across_quarters_have_no_price() -> None:
    grid = price_grid()
    with pytest.raises(ValueError, match="quarter"):
        grid.window(grid.start_s, 1200, 4)
    with pytest.raises(ValueError, match="across"):
        grid.window(grid.start_s + 300, 900, 4)
    assert np.isnan(grid.window(grid.start_s - 900, 900, 2)[0]).tolist() == [True, False]
