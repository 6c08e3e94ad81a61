#!/usr/bin/env python3
"""Run the service for hours on the real clock against a simulated inverter with a poor link, and watch what it holds.

    .venv/bin/python benchmarks/soak.py --hours 2 [--json OUT.json]
    .venv/bin/python benchmarks/soak.py --virtual-days 3      memory that Python holds, over simulated days

Inverter, service and price server are real processes and sockets; prices change every quarter, so that the mode does
too, and ``--status`` is asked every minute. Memory, file descriptors and threads are read from the kernel. Exit code 1
where one of them grew after the warm-up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402
from benchmarks.run import ENTRY, configuration, cpu_seconds, rss_bytes  # noqa: E402

HOST = "127.0.0.97"
POOR_LINK = ("drop:0.02", "delay:1.5%0.01", "garbage:0.02", "bad_crc:0.01", "truncate:0.01")
WARM_UP_SHARE = 0.25
"""Caches fill, and the allocator finds its size, in the first part of the run."""
RSS_GROWTH_MAX_BYTES = 2_000_000
"""Between the first and the last third after the warm-up: below what a day of history in reach may still add."""
HANDLES_GROWTH_MAX = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the service held at one moment."""

    elapsed_s: float
    rss_bytes: int
    descriptors: int
    threads: int
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Medians of the first and the last third after the warm-up."""

    rss_before_bytes: float
    rss_after_bytes: float
    descriptors_before: float
    descriptors_after: float
    threads_before: float
    threads_after: float
    descriptors_max: int

    @property
    def is_none(self) -> bool:
        """Return whether nothing grew by more than the allowance."""
        return (
            self.rss_after_bytes - self.rss_before_bytes <= RSS_GROWTH_MAX_BYTES
            and self.descriptors_after - self.descriptors_before <= HANDLES_GROWTH_MAX
            and self.threads_after - self.threads_before <= HANDLES_GROWTH_MAX
        )


def holding_of(pid: int, elapsed_s: float) -> Holding:
    """Return what process ``pid`` holds now."""
    process = Path(f"/proc/{pid}")
    return Holding(
        elapsed_s=round(elapsed_s, 1),
        rss_bytes=rss_bytes(pid),
        descriptors=sum(1 for _ in (process / "fd").iterdir()),
        threads=sum(1 for _ in (process / "task").iterdir()),
        cpu_s=cpu_seconds(pid),
    )


def growth_of(held: Sequence[Holding]) -> Growth:
    """Return how the holdings changed after the warm-up. Raises: ValueError: fewer than six of them are left."""
    warm = held[int(len(held) * WARM_UP_SHARE) :]
    if len(warm) < 6:
        raise ValueError(f"{len(held)} samples are too few to speak of growth: let it run for longer")
    third = len(warm) // 3
    first, last = warm[:third], warm[-third:]
    return Growth(
        rss_before_bytes=statistics.median(each.rss_bytes for each in first),
        rss_after_bytes=statistics.median(each.rss_bytes for each in last),
        descriptors_before=statistics.median(each.descriptors for each in first),
        descriptors_after=statistics.median(each.descriptors for each in last),
        threads_before=statistics.median(each.threads for each in first),
        threads_after=statistics.median(each.threads for each in last),
        descriptors_max=max(each.descriptors for each in warm),
    )


def price_rows(now: datetime) -> dict[str, list[Any]]:
    """Return two days of prices that change between cheap and dear every quarter."""
    from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
    from hems.domain.time_grid import local_date, slots_of_day
    from hems.simulation.market import pse_rows

    zone = ZoneInfo("Europe/Warsaw")
    today = local_date(now, zone)
    rows: dict[str, list[Any]] = {"csdac-pln": [], "rce-pln": []}
    for market, name in ((Market.DAY_AHEAD, "csdac-pln"), (Market.SETTLEMENT, "rce-pln")):
        for day in (today, today + timedelta(days=1)):
            slots = tuple(
                SlotPrice(
                    start=start,
                    price_per_mwh=50.0 if number % 2 else 900.0,
                    origin=PriceOrigin.PUBLISHED,
                )
                for number, start in enumerate(slots_of_day(day, zone))
            )
            rows[name] += pse_rows(market, PriceSeries("PLN", slots))
    return rows


@contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of this project beside; end it at the end."""
    child = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(timeout=60)


async def soak(hours: float, poll_s: float, every_s: float) -> tuple[list[Holding], dict[str, Any]]:
    """Return what the service held every ``every_s`` seconds, and its last status."""
    from hems.adapters.clock import SystemClock
    from hems.simulation.price_server import PriceServer, PriceServerOptions

    held: list[Holding] = []
    faults = [part for fault in POOR_LINK for part in ("--fault", fault)]
    with tempfile.TemporaryDirectory() as name:
        async with PriceServer(price_rows(datetime.now(UTC)), SystemClock(), PriceServerOptions()) as prices:
            config = configuration(Path(name), host=HOST, poll_interval_seconds=poll_s)
            settings = json.loads(config.read_text())
            settings["prices"]["pse"]["base_url"] = prices.base_url
            config.write_text(json.dumps(settings))
            with (
                running("-m", "hems.cli", "simulate", "--host", HOST, "--soc", "45", *faults),
                running(ENTRY, "--config", config) as service,
            ):
                await asyncio.sleep(20)
                start = time.monotonic()
                status: dict[str, Any] = {}
                while (elapsed_s := time.monotonic() - start) < hours * 3600:
                    if service.poll() is not None:
                        raise RuntimeError(f"the service ended with exit code {service.returncode}")
                    held.append(holding_of(service.pid, elapsed_s))
                    status = await asyncio.to_thread(status_of, config)
                    show_progress(held[-1], hours, status)
                    await asyncio.sleep(every_s - (time.monotonic() - start - elapsed_s))
    return held, status


def status_of(config: Path) -> dict[str, Any]:
    """Return what ``--status --json`` says. Raises: CalledProcessError: it fails."""
    command = [sys.executable, str(ENTRY), "--status", "--json", "--config", str(config)]
    return dict(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


def measure_virtual_days(days: int) -> list[tuple[int, float]]:
    """Return (hour, MB that Python holds) twice a day over simulated days, to tell filling up from growing."""
    import gc
    import tracemalloc

    from hems.composition.simulated_days import Moment, SimulatedRun, simulate_days
    from hems.composition.tools import load
    from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
    from hems.simulation.simulated_inverter import SimulatorOptions

    start = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
    held: dict[int, float] = {}

    def look(moment: Moment) -> None:
        hour = int((moment.at - start).total_seconds() // 3600)
        if hour % 12 == 2 and hour not in held:
            gc.collect()
            held[hour] = round(tracemalloc.get_traced_memory()[0] / 1e6, 2)
            print(f"hour {hour}: {held[hour]} MB", file=sys.stderr)

    tracemalloc.start()
    with tempfile.TemporaryDirectory() as name:
        config = configuration(Path(name), poll_interval_seconds=30, communication_lost_after_seconds=90)
        simulate_days(
            SimulatedRun(
                loaded=load(config),
                start=start,
                length=timedelta(days=days, hours=3),
                house=SimulatorOptions(soc_pct=35.0, capacity_wh=10_000.0),
                watch=look,
                prices=lambda clock: SimulatedPriceSource(clock, SimulatedMarketOptions()),
            )
        )
    return sorted(held.items())


def be_quiet() -> None:
    """Keep log lines out of the figures."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def show_progress(now: Holding, hours: float, status: dict[str, Any]) -> None:
    """Say on the error stream how far the run is."""
    mode = (status.get("mode") or {}).get("mode")
    print(
        f"{now.elapsed_s / 60:6.1f} of {hours * 60:.0f} min  RSS {now.rss_bytes / 1e6:6.2f} MB  "
        f"{now.descriptors} descriptors  {now.threads} threads  mode {mode}",
        file=sys.stderr,
    )


def main() -> int:
    """Run, and print the figures; exit code 1 where something grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--poll", type=float, default=5.0, help="seconds between two polls")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two looks at the process")
    parser.add_argument("--json", type=Path, help="where all samples go")
    parser.add_argument("--virtual-days", type=int, help="simulated days instead of hours; two or more")
    options = parser.parse_args()
    if options.virtual_days is not None:
        be_quiet()
        measured = measure_virtual_days(options.virtual_days)
        print("| Hour | " + " | ".join(str(hour) for hour, _ in measured) + " |\n" + "|---" * (len(measured) + 1) + "|")
        print("| held by Python, MB | " + " | ".join(f"{held_mb:.2f}" for _, held_mb in measured) + " |")
        return 0
    held, status = asyncio.run(soak(options.hours, options.poll, options.every))
    growth = growth_of(held)
    cpu_share = (held[-1].cpu_s - held[0].cpu_s) / (held[-1].elapsed_s - held[0].elapsed_s)
    if options.json is not None:
        document = {"machine": asdict(machine()), "growth": asdict(growth), "samples": [asdict(each) for each in held]}
        options.json.write_text(json.dumps(document, indent=1))
    print(f"\n{options.hours:g} h, a poll every {options.poll:g} s, on {machine()}.\n")
    print("| After the warm-up | first third | last third |\n|---|---|---|")
    print(f"| memory (RSS), MB | {growth.rss_before_bytes / 1e6:.2f} | {growth.rss_after_bytes / 1e6:.2f} |")
    print(f"| file descriptors | {growth.descriptors_before:g} | {growth.descriptors_after:g} |")
    print(f"| threads | {growth.threads_before:g} | {growth.threads_after:g} |")
    print(
        f"\nProcessor {100 * cpu_share:.2f} % of a core; at most {growth.descriptors_max} descriptors; "
        f"{status.get('decision_count')} decisions, {status.get('writes_today')} writes."
    )
    return 0 if growth.is_none else 1


if __name__ == "__main__":
    sys.exit(main())
