"""Fleets with a past: tables of homes that were lived for days, and the same homes as files of their own."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hems.domain.measured import MeasuredHousehold
from support.backtests import measured, retail

DAYS = 14


def write_home(path: Path, house: MeasuredHousehold) -> None:
    """Write a house as HOME.csv, to the last digit."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts_utc", "load_w", "pv_w"])
        for index, (load, pv) in enumerate(zip(house.load_w.tolist(), house.pv_w.tolist(), strict=True)):
            cells = ["" if np.isnan(value) else repr(value) for value in (load, pv)]
            rows.writerow([(house.start + index * house.step).isoformat(), *cells])


def write_buy_sell(path: Path, days: int = DAYS, **shape: Any) -> None:
    """Write prices that need no tariff."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts_utc", "buy_per_kwh", "sell_per_kwh"])
        rows.writerows([p.start.isoformat(), p.import_per_kwh, p.export_per_kwh] for p in retail(days, **shape))


def houses(count: int, days: int = DAYS) -> list[MeasuredHousehold]:
    """Return houses that differ; the second has a gap, the third steps of half an hour."""
    found = [measured(days, seed=seed, step_minutes=30 if seed == 2 else 15) for seed in range(count)]
    gap = found[1].pv_w.copy()
    gap[900:940] = np.nan
    found[1] = replace(found[1], pv_w=gap)
    return found


def write_fleet(path: Path, fleet: list[MeasuredHousehold], **columns: Any) -> None:
    """Write a fleet's table with what the houses measured in it; ``columns`` come to it or replace others."""
    import pyarrow as pa
    from pyarrow import parquet

    table: dict[str, Any] = {
        "home_id": [f"home {number}" for number in range(len(fleet))],
        "start_utc": pa.array([house.start for house in fleet], pa.timestamp("s", "UTC")),
        "step_minutes": [house.step.total_seconds() / 60.0 for house in fleet],
        "load_w": pa.array([house.load_w.tolist() for house in fleet]),
        "pv_w": pa.array([house.pv_w.tolist() for house in fleet]),
    }
    parquet.write_table(pa.table(table | columns), path)
