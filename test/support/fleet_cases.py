"""Fleets nobody has, as chunks and as tables, and HiGHS with the whole of one at once."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hems.fleet import batch_kernel as kernel
from hems.fleet.home_numbers import HomeDefaults, numbers_of
from hems.fleet.homes import FloatArray, HomeChunk, PlannedChunk
from hems.fleet.planner import plan_chunk
from hems.fleet.prices import PriceGrid
from support.oracle import _Model

START = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
"""The evening before a day of 92 quarters."""


def day_prices(slots: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return what bought and sold energy costs by the quarter."""
    rng = np.random.default_rng(seed)
    market = 0.4 + 0.3 * np.sin(np.arange(slots) / 96.0 * 4.0 * np.pi) + rng.normal(0.0, 0.05, slots)
    return np.maximum(market, 0.0) * 1.23 + 0.35, np.maximum(market, 0.0)


def price_grid(slots: int = 400, seed: int = 0) -> PriceGrid:
    """Return the same from ``START`` on."""
    buy, sell = day_prices(slots, seed)
    return PriceGrid(start_s=int(START.timestamp()), buy=buy, sell=sell)


def powers(homes: int, slots: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return load and PV [W]."""
    rng = np.random.default_rng([seed, homes])
    day = np.arange(slots) / 96.0 - 1.0 / 12.0
    shape = 0.3 + 0.5 * np.exp(-((((day * 24.0) % 24.0) - 19.0) ** 2) / 6.0)
    load = 1000.0 * shape * rng.gamma(4.0, 0.4, (homes, slots))
    sun = np.maximum(np.sin(2.0 * np.pi * (day - 0.25)), 0.0)
    return load, 1000.0 * sun * rng.uniform(0.0, 8.0, (homes, 1)) * rng.uniform(0.6, 1.0, (homes, slots))


def random_chunk(homes: int, slots: int, seed: int = 0, **numbers: float) -> HomeChunk:
    """Return a chunk of homes with batteries of their own; ``numbers`` hold for all."""
    rng = np.random.default_rng([seed, 7])
    defaults = HomeDefaults()
    columns = {
        name: np.full(homes, float(numbers.get(name, getattr(defaults, name)))) for name in HomeDefaults.__slots__
    }
    if "battery_kwh" not in numbers:
        columns["battery_kwh"] = rng.choice([5.0, 10.0, 15.0], homes)
    if "soc_pct" not in numbers:
        columns["soc_pct"] = rng.uniform(10.0, 100.0, homes)
    floats, wholes = numbers_of(columns, np.full(homes, 0.25))
    wholes[:, kernel.SLOTS] = slots
    load, pv = powers(homes, slots, seed)
    buy, sell = day_prices(slots, seed)
    return HomeChunk(
        number=0,
        rows=np.arange(homes),
        home_ids=tuple(f"home {i}" for i in range(homes)),
        start_s=np.full(homes, int(START.timestamp())),
        load_w=load,
        pv_w=pv,
        buy=buy[None],
        sell=sell[None],
        numbers=floats,
        wholes=wholes,
    )


def write_homes(path: Path, homes: int, slots: int, seed: int = 0, **columns: Any) -> None:
    """Write a fleet's table; ``columns`` replace those of the same name or come to them."""
    import pyarrow as pa
    from pyarrow import parquet

    load, pv = powers(homes, slots, seed)
    rng = np.random.default_rng(seed)
    table: dict[str, Any] = {
        "home_id": [f"home {i}" for i in range(homes)],
        "start_utc": pa.array([START] * homes, pa.timestamp("s", "UTC")),
        "battery_kwh": rng.choice([5.0, 10.0, 15.0], homes),
        "soc_pct": rng.uniform(10.0, 100.0, homes),
        "load_w": pa.array(list(load.astype(np.float32))),
        "pv_w": pa.array(list(pv.astype(np.float32))),
    }
    parquet.write_table(pa.table(table | columns), path)


def whole_optimum(chunk: HomeChunk, limit_kw: float, excess_per_kwh: float) -> float:
    """Return what HiGHS finds for all homes at once under the common limit; convex prices, surplus may be cut."""
    model, slots = _Model(), chunk.width
    buy, sell = chunk.buy[0], chunk.sell[0]
    flows: list[tuple[Any, Any]] = []
    constant = 0.0
    for home in range(len(chunk)):
        n = chunk.numbers[home]
        hours, stored, wear = n[kernel.HOURS], n[kernel.STORED], n[kernel.WEAR]
        load, pv = chunk.load_w[home] / 1000.0, chunk.pv_w[home] / 1000.0
        mean = float(buy.mean()) * n[kernel.CHARGE_EFFICIENCY] * n[kernel.DISCHARGE_EFFICIENCY]
        worth = max(mean - 2.0 * wear, 0.0)
        charge = model.add(slots, 0.0, n[kernel.CHARGE], wear * hours)
        discharge = model.add(slots, 0.0, np.minimum(n[kernel.DISCHARGE], n[kernel.EXPORT] + load), wear * hours)
        bought = model.add(slots, 0.0, n[kernel.IMPORT], buy * hours)
        sold = model.add(slots, 0.0, n[kernel.EXPORT], -sell * hours)
        cut = model.add(slots, 0.0, pv)
        level_cost = np.zeros(slots)
        level_cost[-1] = -worth
        level = model.add(slots, n[kernel.LOW], n[kernel.HIGH], level_cost)
        constant += worth * stored
        need = load - pv
        model.require(need, need, (bought, 1.0), (sold, -1.0), (cut, -1.0), (charge, -1.0), (discharge, 1.0))
        into, out = n[kernel.CHARGE_EFFICIENCY] * hours, hours / n[kernel.DISCHARGE_EFFICIENCY]
        first = slice(0, 1)
        model.require(stored, stored, (level[first], 1.0), (charge[first], -into), (discharge[first], out))
        later = slice(1, None)
        model.require(
            0.0, 0.0, (level[later], 1.0), (level[:-1], -1.0), (charge[later], -into), (discharge[later], out)
        )  # fmt: skip
        flows += [(bought, 1.0), (sold, -1.0)]
    hours = float(chunk.numbers[0, kernel.HOURS])
    above = model.add(slots, 0.0, np.inf, excess_per_kwh * hours)
    below = model.add(slots, 0.0, np.inf, excess_per_kwh * hours)
    model.require(-np.inf, limit_kw, *flows, (above, -1.0))
    model.require(-limit_kw, np.inf, *flows, (below, 1.0))
    cost, _, _ = model.solve(60.0)
    return cost + constant


def lingering_plan(chunk: HomeChunk) -> tuple[int, PlannedChunk]:
    """Plan a chunk slowly, and say in which process."""
    time.sleep(0.1)
    return os.getpid(), plan_chunk(chunk)
