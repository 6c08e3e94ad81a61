"""``tcp://HOST:PORT``: a Dask scheduler and a worker that run already, as an operator starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hems.backtest.executors import ExecutorUnavailable, open_executor
from hems.fleet.chunk_builder import Reading
from hems.fleet.home_numbers import HomeDefaults
from hems.fleet.homes_file import HomesFile
from hems.fleet.planner import plan_chunk
from hems.fleet.prices import PriceBook
from hems.fleet.runner import work_through
from support.fleet_cases import lingering_plan, price_grid, write_homes

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


@contextmanager
def started(program: str, *words: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program of Dask in a process of its own, with this checkout to import from; end it afterwards."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("src", "test"))}
    log = folder / f"{program}.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *words],
            cwd=folder, env=environment, stdout=told, stderr=told,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def address_in(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Return where the scheduler answers, once it has written it down."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        assert process.poll() is None, "the scheduler ended"
        if file.exists() and (text := file.read_text()):
            return str(json.loads(text)["address"])
        time.sleep(0.1)
    raise AssertionError("the scheduler did not say where it answers")


def test_a_scheduler_that_runs_already_plans_the_fleet_and_lives_on(tmp_path: Path) -> None:
    write_homes(tmp_path / "homes.parquet", 20, 24)
    book = PriceBook(lambda _tariff: price_grid())
    fleet = HomesFile(tmp_path / "homes.parquet", Reading(defaults=HomeDefaults(), prices=book, chunk=5))
    place = tmp_path / "scheduler.json"
    with ExitStack() as running:
        scheduler = running.enter_context(
            started(
                "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                "--scheduler-file", str(place), folder=tmp_path,
            )
        )  # fmt: skip
        address = address_in(place, scheduler)
        assert address.startswith("tcp://127.0.0.1:")
        worker = running.enter_context(
            started(
                "dask_worker", address, "--host", "127.0.0.1", "--no-dashboard", "--nworkers", "1", "--nthreads", "1",
                "--no-nanny", "--local-directory", str(tmp_path), folder=tmp_path,
            )
        )  # fmt: skip
        for _ in range(2):  # who has left may come again: the cluster is not ours to end
            rows: list[int] = []
            pids: set[int] = set()
            with open_executor(address) as executor:
                for chunk, (pid, planned) in work_through(fleet, lingering_plan, executor, 3):
                    rows += chunk.rows.tolist()
                    pids.add(pid)
                    assert (plan_chunk(chunk).battery_w == planned.battery_w).all()
            assert sorted(rows) == list(range(20))
            assert pids == {worker.pid}
            assert scheduler.poll() is None
            assert worker.poll() is None


def test_a_scheduler_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.backtest.executors.SECONDS_TO_CONNECT", "1s")
    with (
        pytest.raises(ExecutorUnavailable, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        open_executor("tcp://127.0.0.1:9"),
    ):
        pass
