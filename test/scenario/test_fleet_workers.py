"""A worker that is killed costs time and nothing else: on processes, and on a Dask cluster of this machine."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hems.backtest.executors import ExecutorUnavailable, open_executor
from hems.fleet.chunk_builder import Reading
from hems.fleet.home_numbers import HomeDefaults
from hems.fleet.homes import HomeChunk, PlannedChunk
from hems.fleet.homes_file import HomesFile
from hems.fleet.planner import plan_chunk
from hems.fleet.prices import PriceBook
from hems.fleet.runner import work_through
from support.fleet_cases import lingering_plan, price_grid, write_homes

HOMES, CHUNK = 60, 5


@pytest.fixture
def fleet(tmp_path: Path) -> HomesFile:
    write_homes(tmp_path / "homes.parquet", HOMES, 24)
    book = PriceBook(lambda _tariff: price_grid())
    return HomesFile(tmp_path / "homes.parquet", Reading(defaults=HomeDefaults(), prices=book, chunk=CHUNK))


def same(chunk: HomeChunk, planned: PlannedChunk) -> bool:
    alone = plan_chunk(chunk)
    return bool((alone.figures == planned.figures).all() and (alone.battery_w == planned.battery_w).all())


@pytest.mark.parametrize("spec", ["processes", "dask"])
def test_a_killed_worker_loses_no_home_and_doubles_none(fleet: HomesFile, spec: str) -> None:
    rows: list[int] = []
    pids: set[int] = set()
    killed = None
    with open_executor(spec, 2) as executor:
        for chunk, (pid, planned) in work_through(fleet, lingering_plan, executor, 6):
            pids.add(pid)
            if killed is None:
                killed = pid
                os.kill(pid, signal.SIGKILL)
            rows += chunk.rows.tolist()
            assert same(chunk, planned)
    assert sorted(rows) == list(range(HOMES))
    assert os.getpid() not in pids
    assert len(pids) >= 2  # somebody else went on


def test_local_threads_give_the_same(fleet: HomesFile) -> None:
    with open_executor("local") as executor:
        done = list(work_through(fleet, partial(plan_chunk, threads=2), executor, 3))
    assert sorted(chunk.number for chunk, _ in done) == list(range(HOMES // CHUNK))
    assert all(same(chunk, planned) for chunk, planned in done)


def test_no_more_chunks_are_in_memory_than_asked_for(fleet: HomesFile) -> None:
    taken: list[int] = []

    class Counted:
        def chunks(self, done: object = ()) -> object:
            for chunk in fleet.chunks():
                taken.append(chunk.number)
                yield chunk

    with open_executor("local") as executor:
        for finished, _ in enumerate(work_through(Counted(), plan_chunk, executor, 2)):  # type: ignore[arg-type]
            assert len(taken) - finished <= 2
    assert len(taken) == HOMES // CHUNK


@pytest.mark.parametrize(
    ("spec", "workers", "said"),
    [
        ("cloud", None, "local, processes, dask or tcp://HOST:PORT"),
        ("tcp://", None, "tcp://HOST:PORT"),
        ("local", 0, "at least 1"),
    ],
)
def test_what_is_no_executor_is_named(spec: str, workers: int | None, said: str) -> None:
    with pytest.raises(ExecutorUnavailable, match=said):
        open_executor(spec, workers)


def test_work_that_kills_every_worker_ends_with_an_error() -> None:
    from concurrent.futures.process import BrokenProcessPool

    with open_executor("processes", 1) as executor, pytest.raises(BrokenProcessPool):
        executor.submit(os.abort).result(timeout=60)


def test_an_error_in_the_work_is_passed_on() -> None:
    with open_executor("processes", 1) as executor:
        with pytest.raises(ValueError, match="could not"):
            executor.submit(np.float64, "could not").result(timeout=60)
        assert executor.submit(max, 3, 4).result(timeout=60) == 4


def test_what_is_given_up_is_not_done() -> None:
    with open_executor("processes", 1) as executor:
        first = executor.submit(time.sleep, 1.0)
        others = [executor.submit(os.getpid) for _ in range(6)]
        assert all(each.cancel() for each in others[3:])  # the pool has the first few in its hands
        assert first.result(timeout=60) is None
        assert len({each.result(timeout=60) for each in others[:3]}) == 1
        assert all(each.cancelled() for each in others[3:])
