#!/usr/bin/env python3
"""Measure what the product promises and print a table; ``docs/benchmarks.md`` says what each row means.

.venv/bin/python benchmarks/run.py [status] [footprint] [reaction] [day] [planner] [--minutes 10]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.machine import machine  # noqa: E402
from benchmarks.sections import Options, Outcome  # noqa: E402
from benchmarks.table import Table  # noqa: E402

ENTRY = ROOT / "src" / "master_coordinator.py"
DEAD_END = "http://127.0.0.1:9/api"
"""No prices are fetched: what is measured is the product, not a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured promise."""

    what: str
    promised: str
    measured: str
    kept: bool


def configuration(folder: Path, host: str = "simulator", **inverter: object) -> Path:
    """Write a configuration into ``folder`` and return its path."""
    settings: dict[str, Any] = {
        "inverter": {"ip_address": host, **inverter},
        "battery_management": {"capacity_kwh": 10.0},
        "prices": {"pse": {"base_url": DEAD_END}},
        "simulator": {"initial_soc": 60},
        "web": {"enabled": False},  # the section "web" measures with it
    }
    path = folder / "config" / "master_coordinator_config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))  # JSON is YAML
    return path


def measure_status(_: argparse.Namespace) -> list[Row]:
    """``--status`` as a whole process, while the service runs."""
    with tempfile.TemporaryDirectory() as name:
        config = configuration(Path(name))
        service = subprocess.Popen([sys.executable, ENTRY, "--config", config], stderr=subprocess.DEVNULL)
        try:
            time.sleep(8)
            seconds = []
            for _round in range(15):
                start = time.perf_counter()
                subprocess.run(
                    [sys.executable, ENTRY, "--status", "--config", config], stdout=subprocess.DEVNULL, check=True
                )
                seconds.append(time.perf_counter() - start)
        finally:
            service.terminate()
            service.wait()
    median, worst = statistics.median(seconds), max(seconds)
    return [
        Row(
            what="`--status` as a process, median (worst) of 15",
            promised="0.7 s",
            measured=f"{median:.2f} s ({worst:.2f} s)",
            kept=median <= 0.7,
        )
    ]


def measure_footprint(options: argparse.Namespace) -> list[Row]:
    """Memory and processor of the service at a 5 s poll, the simulated inverter in another process."""
    with tempfile.TemporaryDirectory() as name:
        config = configuration(Path(name), host="127.0.0.95", poll_interval_seconds=5)
        simulator = subprocess.Popen(
            [sys.executable, "-m", "hems.cli", "simulate", "--host", "127.0.0.95"], stdout=subprocess.DEVNULL
        )
        time.sleep(3)
        service = subprocess.Popen([sys.executable, ENTRY, "--config", config], stderr=subprocess.DEVNULL)
        try:
            time.sleep(20)
            cpu_before, start = cpu_seconds(service.pid), time.monotonic()
            time.sleep(60.0 * options.minutes)
            cpu_share = (cpu_seconds(service.pid) - cpu_before) / (time.monotonic() - start)
            rss_mb = rss_bytes(service.pid) / 1e6
        finally:
            for process in (service, simulator):
                process.terminate()
                process.wait()
    return [
        Row(
            what="memory (RSS) at a 5 s poll, without the dashboard",
            promised="90 MB",
            measured=f"{rss_mb:.1f} MB",
            kept=rss_mb <= 90,
        ),
        Row(
            what=f"processor at a 5 s poll, mean of {options.minutes:g} min",
            promised="2 % of a core",
            measured=f"{100 * cpu_share:.2f} %",
            kept=cpu_share <= 0.02,
        ),
    ]


def cpu_seconds(pid: int) -> float:
    """Return user and system time of process ``pid`` so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """Return the resident memory of process ``pid``."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure_reaction(_: argparse.Namespace) -> list[Row]:
    """From unsafe reading in the device to the protection on the wire; 100 ms between frames as on hardware."""
    poll_s = 5.0
    delays: list[float] = []
    for number in range(5):
        with tempfile.TemporaryDirectory() as name:
            delays.append(asyncio.run(_one_reaction(Path(name), poll_s, after_s=7.0 + 0.7 * number)))
    worst = max(delays)
    return [
        Row(
            what="unsafe reading to protective write, worst of 5 (median)",
            promised=f"one poll and 1 s ({poll_s + 1:.0f} s)",
            measured=f"{worst:.2f} s ({statistics.median(delays):.2f} s)",
            kept=worst <= poll_s + 1.0,
        )
    ]


async def _one_reaction(folder: Path, poll_s: float, after_s: float) -> float:
    from hems.adapters.clock import SystemClock
    from hems.composition.service import run_service
    from hems.composition.tools import load
    from hems.simulation.server import ServerOptions, SimulatorServer
    from hems.simulation.simulated_inverter import SimulatorOptions

    clock = SystemClock()
    fault = f"over_temperature:66@{after_s}"
    simulator = SimulatorOptions(soc_pct=15.0, capacity_wh=10_000.0, faults=(fault,))
    server = SimulatorServer(ServerOptions(simulator=simulator, host="127.0.0.96"), clock)
    await server.start()
    started = time.monotonic()
    written: list[float] = []
    answer = server.answer_datagram

    def listen(frame: bytes, address: tuple[str | Any, int]) -> None:
        is_write = len(frame) > 2 and frame[0] == 0xF7 and frame[1] in {0x06, 0x10}
        if is_write and time.monotonic() - started >= after_s:
            written.append(time.monotonic() - started)
        answer(frame, address)

    server.answer_datagram = listen  # type: ignore[method-assign]
    stop = asyncio.Event()
    config = configuration(folder, host="127.0.0.96", poll_interval_seconds=poll_s)
    service = asyncio.create_task(run_service(load(config), stop))
    try:
        async with asyncio.timeout(60):
            while not written:
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await service
        await server.stop()
    return written[0] - after_s


def measure_day(_: argparse.Namespace) -> list[Row]:
    """24 simulated hours of the whole coordinator: house, safety, decisions, storage, files; 5 s polls."""
    from hems.composition.simulated_days import SimulatedRun, simulate_days
    from hems.composition.tools import load
    from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
    from hems.simulation.simulated_inverter import SimulatorOptions

    seconds, cycles = [], 0
    for _round in range(3):
        with tempfile.TemporaryDirectory() as name:
            run = SimulatedRun(
                loaded=load(configuration(Path(name))),
                start=datetime(2026, 3, 10, 11, 0, tzinfo=UTC),
                length=timedelta(hours=24),
                house=SimulatorOptions(soc_pct=35.0, capacity_wh=10_000.0),
                prices=lambda clock: SimulatedPriceSource(clock, SimulatedMarketOptions()),
            )
            start = time.perf_counter()
            cycles = simulate_days(run).cycles
            seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    return [
        Row(
            what=f"24 simulated hours, {cycles} cycles, median of 3",
            promised="20 s",
            measured=f"{median:.1f} s",
            kept=median <= 20,
        )
    ]


def measure_planner(_: argparse.Namespace) -> list[Row]:
    """An exact plan over 192 quarters of an everyday home; ``planner.py`` says more."""
    from benchmarks.planner import measure_times

    times = measure_times(31, 0, lambda _: None, kinds=("convex",), lengths=(192,))[0]
    plain, compiled = times["kernel, plain"].median, times["kernel, compiled"].median
    return [
        Row(what="plan of 192 quarters, plain Python", promised="3 ms", measured=f"{plain:.2f} ms", kept=plain <= 3),
        Row(what="the same, compiled", promised="0.1 ms", measured=f"{compiled:.3f} ms", kept=compiled <= 0.1),
    ]


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "status": measure_status,
    "reaction": measure_reaction,
    "day": measure_day,
    "planner": measure_planner,
    "footprint": measure_footprint,
}


def table(rows: Sequence[Row]) -> Table:
    """Return the promises and what came of them."""
    cells = ((row.what, row.promised, row.measured, "kept" if row.kept else "MISSED") for row in rows)
    return Table(columns=("What", "Promised", "Measured", ""), rows=tuple(cells))


def measure(options: Options) -> Outcome:
    """Measure all promises for the one entry of all benchmarks; the quick run takes the one that needs no process."""
    _be_quiet()
    rows: list[Row] = []
    for name in ["planner"] if options.quick else MEASUREMENTS:
        options.report(f"service: {name}")
        rows += MEASUREMENTS[name](argparse.Namespace(minutes=5.0))
    return Outcome(
        tables=(table(rows),),
        figures=[asdict(row) for row in rows],
        missed=() if options.quick else tuple(f"{row.what}: {row.measured}" for row in rows if not row.kept),
    )


def _be_quiet() -> None:
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def main() -> int:
    """Run the chosen measurements; exit code 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("which", nargs="*", choices=[*MEASUREMENTS, []], help="all where none is named")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the footprint is watched")
    options = parser.parse_args()
    _be_quiet()
    rows: list[Row] = []
    for name in options.which or MEASUREMENTS:
        print(f"measuring {name} …", file=sys.stderr)
        rows += MEASUREMENTS[name](options)
    print(f"\nMeasured on {machine()}.\n\n{table(rows).markdown()}")
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
