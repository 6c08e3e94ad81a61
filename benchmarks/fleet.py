"""How many homes a second a fleet plans, in process and through Dask, and how time grows with homes and horizon.

Chunks of 500 homes, each with a load, a sun and prices of its own out of 2,000 random ones, planned by `hems.fleet` as
`hems fleet plan` does; reading and writing files is not in it. A rate counts from the first chunk handed out to the
last answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.machine import Spread, installed
from benchmarks.sections import Options, Outcome
from benchmarks.table import Table
from hems.backtest.executors import cores, open_executor
from hems.fleet.batch_kernel import HOME_NUMBERS, HOME_WHOLES
from hems.fleet.homes import HomeChunk
from hems.fleet.planner import plan_chunk

CHUNK = 500
DISTINCT = 4
"""Chunks that are different; a larger fleet is made of them again."""
PROMISED_AT = 192
PROMISED = {"in process": 40_000.0, "Dask": 30_000.0}
"""Plans a second at T = 192 on two cores."""
GROWTH_MAX = 1.15
"""Of the time of a home between 100 homes and 30,000."""


def measure(options: Options) -> Outcome:
    """Measure in process, and through Dask where it is installed."""
    lengths = (96,) if options.quick else (96, PROMISED_AT)
    sizes = (100, 1_000) if options.quick else (100, 1_000, 10_000, 30_000)
    rounds = options.rounds or (1 if options.quick else 5)
    rows: list[dict[str, Any]] = []
    remarks = []
    for slots in lengths:
        chunks = random_chunks(slots, options.seed)
        rows += _grow("in process", partial(_in_process, chunks), slots, sizes, rounds, options)
    if options.quick or installed("distributed") is None:
        remarks.append(f"Dask: not measured, {'a quick run' if options.quick else 'the extra `fleet` is missing'}.")
    else:
        begun = perf_counter()
        with open_executor("dask") as executor:
            remarks.append(f"The local Dask cluster was there after {perf_counter() - begun:.1f} s, not in the rates.")
            for slots in lengths:
                spread = partial(_spread, executor, random_chunks(slots, options.seed))
                spread(4 * CHUNK)  # every worker loads what was compiled
                rows += _grow("Dask", spread, slots, sizes, rounds, options)
    return Outcome(
        tables=(table(rows),),
        figures=[{name: asdict(v) if isinstance(v, Spread) else v for name, v in row.items()} for row in rows],
        remarks=tuple(remarks),
        missed=() if options.quick else broken_promises(rows),
    )


def random_chunks(slots: int, seed: int) -> list[HomeChunk]:
    """Return chunks of everyday homes: 5 to 15 kWh, 3 to 6 kW, quarters."""
    rng = np.random.default_rng([seed, slots])
    day = np.arange(slots) / 96.0
    sun = np.maximum(np.sin(2.0 * np.pi * (day - 0.25)), 0.0)
    chunks = []
    for number in range(DISTINCT):
        capacity, power = rng.uniform(5.0, 15.0, CHUNK), rng.uniform(3.0, 6.0, CHUNK)
        columns = (
            capacity, power, power, 0.95, 0.95, 11.0, 8.0, 0.05, capacity * 0.4, capacity * 0.1, capacity, 0.25,
            capacity * 0.1,
        )  # fmt: skip
        numbers = np.column_stack([np.broadcast_to(column, CHUNK) for column in columns])
        assert numbers.shape[1] == HOME_NUMBERS
        wholes = np.zeros((CHUNK, HOME_WHOLES), np.int64)
        wholes[:, 0], wholes[:, 1], wholes[:, 2] = slots, np.arange(CHUNK) % 50, 1
        market = 0.5 + 0.3 * np.sin(4.0 * np.pi * day) + rng.normal(0.0, 0.1, (50, slots))
        chunks.append(
            HomeChunk(
                number=number, rows=np.arange(CHUNK), home_ids=tuple(str(home) for home in range(CHUNK)),
                start_s=np.zeros(CHUNK, np.int64),
                load_w=rng.gamma(2.0, 300.0, (CHUNK, slots)).astype(np.float32),
                pv_w=(rng.uniform(0.0, 6_000.0, (CHUNK, 1)) * sun).astype(np.float32),
                buy=market + 0.45, sell=np.maximum(market, 0.0), numbers=numbers, wholes=wholes,
            )
        )  # fmt: skip
    return chunks


def fleet_of(chunks: Sequence[HomeChunk], homes: int) -> list[HomeChunk]:
    """Return ``homes`` homes in chunks."""
    whole = [replace(chunks[number % len(chunks)], number=number) for number in range(-(-homes // CHUNK))]
    rest = homes - CHUNK * (len(whole) - 1)
    last = whole[-1]
    rows = {
        name: getattr(last, name)[:rest]
        for name in ("rows", "home_ids", "start_s", "load_w", "pv_w", "numbers", "wholes")
    }
    return [*whole[:-1], replace(last, **rows)]


def _in_process(chunks: Sequence[HomeChunk], homes: int) -> float:
    fleet = fleet_of(chunks, homes)
    begun = perf_counter()
    for chunk in fleet:
        plan_chunk(chunk, threads=cores())
    return perf_counter() - begun


def _spread(executor: Executor, chunks: Sequence[HomeChunk], homes: int) -> float:
    fleet = fleet_of(chunks, homes)
    begun = perf_counter()
    waiting = [executor.submit(plan_chunk, chunk) for chunk in fleet]
    for future in waiting:
        future.result()
    return perf_counter() - begun


def _grow(
    way: str, plan: Callable[[int], float], slots: int, sizes: Sequence[int], rounds: int, options: Options
) -> list[dict[str, Any]]:
    """Return a row for every size; all sizes in every round, so that a disturbance falls on all alike."""
    plan(sizes[0])  # compiled, and rooms made
    seconds: dict[int, list[float]] = {homes: [] for homes in sizes}
    for number in range(rounds):
        for homes in sizes:
            again = max(1, 1_000 // homes)  # a hundred homes are over in milliseconds
            seconds[homes].append(sum(plan(homes) for _ in range(again)) / again)
        options.report(f"fleet: {way}, T = {slots}, {number + 1} of {rounds}")
    first = Spread.of(seconds[sizes[0]]).median / sizes[0]
    return [
        {
            "way": way, "slots": slots, "homes": homes,
            "growth": Spread.of(seconds[homes]).median / homes / first,
            "per_second": Spread.of([homes / each for each in seconds[homes]]),
            "seconds": Spread.of(seconds[homes]),
        }
        for homes in sizes
    ]  # fmt: skip


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return growth first, then rates."""
    return Table(
        columns=("way", "T", "homes", "time of a home, by that of the smallest fleet", "plans a second", "seconds"),
        rows=tuple(
            (row["way"], row["slots"], f"{row['homes']:,}", row["growth"], row["per_second"], row["seconds"])
            for row in rows
        ),
        note=f"Chunks of {CHUNK} homes on {cores()} cores; median (least – most).",
    )


def broken_promises(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return which promised rates and growths were not kept; a fleet of 10,000 homes and more counts for the rates."""
    missed = []
    for row in rows:
        name = f"{row['way']}, T = {row['slots']}, {row['homes']:,} homes"
        promised = PROMISED[row["way"]]
        if row["slots"] == PROMISED_AT and row["homes"] >= 10_000 and row["per_second"].median < promised:
            missed.append(f"{name}: {row['per_second'].median:,.0f} plans/s, promised {promised:,.0f}")
        if row["way"] == "in process" and row["growth"] > GROWTH_MAX:
            missed.append(f"{name}: {row['growth']:.2f} times the time of a home in the smallest fleet")
    return tuple(missed)
