"""The dashboard and its API: how quickly they show, what they weigh, and that no load on them delays the control.

The service runs pinned to one core, the simulated inverter and whoever asks to the other.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, installed
from benchmarks.programs import environment
from benchmarks.run import DEAD_END, rss_bytes
from benchmarks.sections import Options, Outcome
from benchmarks.table import Table

STATIC = ROOT / "src" / "hems" / "web" / "static"
HOST = "127.0.0.94"
"""Of the simulated inverter."""
POLL_S = 1.0
DASHBOARDS = 10
RATE = 1000.0

BUNDLE_MAX_KB = 120.0
PAINT_MAX_S = CHANGE_MAX_S = YEAR_MAX_S = 1.0
RSS_MAX_MB = 130.0
DELAY_MAX_S = 0.050


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One control cycle: when it began and ended on the monotonic clock, and the wall clock at its end [s]."""

    begin: float
    end: float
    at: float


class House:
    """A running service and the cycles it has told of."""

    def __init__(self, process: subprocess.Popen[str], port: int, cycles: Path) -> None:
        self.process = process
        self.port = port
        self._cycles = cycles

    @property
    def url(self) -> str:
        """Where its dashboard is."""
        return f"http://127.0.0.1:{self.port}/"

    def cycles_between(self, start: float, end: float) -> list[Cycle]:
        """Return the cycles that ended in [start, end) of the monotonic clock."""
        found = [Cycle(**json.loads(line)) for line in self._cycles.read_text().splitlines() if line.startswith("{")]
        return [cycle for cycle in found if start <= cycle.end < end]


def measure(options: Options) -> Outcome:
    """Measure everything; the quick run is short, and without a browser."""
    calm_s, load_s = (8.0, 8.0) if options.quick else (60.0, 60.0)
    rows: list[tuple[object, ...]] = []
    missed: list[str] = []

    def take(what: str, promised: str, measured: str, *, kept: bool) -> None:
        rows.append((what, promised, measured, "kept" if kept else "MISSED"))
        if not kept:
            missed.append(f"{what}: {measured}, promised {promised}")

    bundle_kb = bundle_bytes() / 1000.0
    take("page, scripts and styles, gzipped", f"{BUNDLE_MAX_KB:.0f} kB", f"{bundle_kb:.1f} kB",
         kept=bundle_kb <= BUNDLE_MAX_KB)  # fmt: skip
    figures: dict[str, Any] = {"bundle_kb": bundle_kb}
    with tempfile.TemporaryDirectory() as name, running_house(Path(name), years=0 if options.quick else 1) as house:
        options.report(f"calm for {calm_s:.0f} s")
        calm = _watched(house, calm_s)
        for title, rate in ((f"{RATE:.0f} a second", RATE), ("as many as it can", 0.0)):
            options.report(f"live state, {title}, for {load_s:.0f} s")
            figures[title] = found = loaded_figures(house, rate, load_s, calm)
            take(
                f"live state asked {title}: latest end of a control cycle beyond the calm median",
                f"{1000 * DELAY_MAX_S:.0f} ms" if rate else "-",
                f"{1000 * found['delay_max_s']:.0f} ms (median {1000 * found['delay_median_s']:.0f} ms; "
                f"{found['per_second']:.0f} answers/s, half within {1000 * found['median_s']:.1f} ms)",
                kept=not rate or (found["delay_max_s"] <= DELAY_MAX_S and found["per_second"] >= 0.98 * rate),
            )
        if not options.quick and installed("playwright") is not None:
            for what, promised, measured, kept in in_a_browser(house, options):
                take(what, promised, measured, kept=kept)
    table = Table(columns=("what", "promised", "measured", ""), rows=tuple(rows))
    figures["calm_s"] = statistics.median(cycle.end - cycle.begin for cycle in calm)
    return Outcome(tables=(table,), figures=figures, missed=tuple(missed))


def bundle_bytes() -> int:
    """Return how many bytes a browser loads for the page, packed."""
    files = [file for file in STATIC.iterdir() if file.suffix in {".html", ".js", ".css"}]
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def loaded_figures(house: House, rate: float, seconds: float, calm: Sequence[Cycle]) -> dict[str, float]:
    """Ask for the live state for ``seconds`` and return how fast, and by how much control cycles ended later."""
    start = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.web_load", "127.0.0.1", str(house.port), "/api/v1/state"]
    done = subprocess.run(
        pinned(1, [*command, str(rate), str(seconds)]), check=True, capture_output=True, text=True, env=environment()
    )
    loaded = house.cycles_between(start + 1.0, start + seconds)
    delays = delays_of(calm, loaded)
    return {**json.loads(done.stdout), "delay_max_s": max(delays), "delay_median_s": statistics.median(delays)}


def delays_of(calm: Sequence[Cycle], loaded: Sequence[Cycle]) -> list[float]:
    """Return how much later than in calm each cycle ended, measured on the cadence of its poll [s].

    A cycle that begins late and one that takes long are late alike: what counts is when it was through.
    """

    def phase(cycle: Cycle, origin: float) -> float:
        off = (cycle.end - origin) % POLL_S
        return off - POLL_S if off > POLL_S / 2 else off

    origin = calm[0].end
    usual = statistics.median(phase(cycle, origin) for cycle in calm)
    return [phase(cycle, origin + usual) for cycle in loaded]


def in_a_browser(house: House, options: Options) -> Iterator[tuple[str, str, str, bool]]:
    """Yield what, promised, measured and whether it was kept, of everything a browser sees."""
    from playwright.sync_api import sync_playwright

    from support.dashboard import CHROMIUM_FLAGS  # type: ignore[import-not-found]

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM_FLAGS))
        options.report("first paints")
        paints = [_paint_s(browser, house) for _ in range(7)]
        yield (
            "first useful paint: the state of charge stands there, median (worst) of 7, empty cache",
            f"{PAINT_MAX_S:.0f} s",
            f"{statistics.median(paints):.2f} s ({max(paints):.2f} s)",
            statistics.median(paints) <= PAINT_MAX_S,
        )
        options.report("changes on screen")
        changes = _changes_s(browser, house)
        yield (
            f"from the first question of a poll to the screen, median (worst) of {len(changes)} changes",
            f"{CHANGE_MAX_S:.0f} s",
            f"{statistics.median(changes):.2f} s ({max(changes):.2f} s)",
            statistics.median(changes) <= CHANGE_MAX_S,
        )
        options.report("a year of history")
        years = [_year_s(browser, house) for _ in range(5)]
        yield (
            "a year of history, from the click to the drawing, median (worst) of 5",
            f"{YEAR_MAX_S:.0f} s",
            f"{statistics.median(years):.2f} s ({max(years):.2f} s)",
            statistics.median(years) <= YEAR_MAX_S,
        )
        options.report(f"{DASHBOARDS} dashboards for a minute")
        pages = [browser.new_page() for _ in range(DASHBOARDS)]
        for number, page in enumerate(pages):
            page.goto(f"{house.url}#/{('now', 'plan', 'history', 'savings', 'system')[number % 5]}")
        time.sleep(60)
        rss_mb = rss_bytes(house.process.pid) / 1e6
        yield (
            f"memory (RSS) of the service with {DASHBOARDS} open dashboards, after all of the above",
            f"{RSS_MAX_MB:.0f} MB",
            f"{rss_mb:.1f} MB",
            rss_mb <= RSS_MAX_MB,
        )
        browser.close()


def _paint_s(browser: Any, house: House) -> float:
    context = browser.new_context()
    page = context.new_page()
    began = time.perf_counter()
    page.goto(house.url, wait_until="commit")
    page.get_by_test_id("soc").wait_for(state="visible")
    took = time.perf_counter() - began
    context.close()
    return took


def _changes_s(browser: Any, house: House, seconds: float = 120.0) -> list[float]:
    """Return, for each change of a power on the screen, how long before it the poll that read it had begun [s]."""
    page = browser.new_page()
    page.goto(house.url)
    page.get_by_test_id("soc").wait_for(state="visible")
    page.evaluate(
        """() => {
          const told = () => requestAnimationFrame(() => window.seen.push(Date.now()));
          window.seen = [];
          const all = { subtree: true, characterData: true, childList: true };
          new MutationObserver(told).observe(document.querySelector('[data-testid=flow]'), all);
        }"""
    )
    start = time.monotonic()
    time.sleep(seconds)
    seen = [at / 1000.0 for at in page.evaluate("() => window.seen")]
    page.close()
    cycles = house.cycles_between(start, start + seconds)
    shown = [(at, [cycle for cycle in cycles if cycle.at <= at]) for at in seen]
    return [at - told[-1].at + told[-1].end - told[-1].begin for at, told in shown if told]


def _year_s(browser: Any, house: House) -> float:
    page = browser.new_page()
    page.goto(f"{house.url}#/history?range=24h")
    page.locator("[data-testid=history-chart] canvas").first.wait_for(state="visible")
    time.sleep(1.0)  # what it drew before is no part of it
    took: float = page.evaluate(YEAR_SCRIPT)
    page.close()
    return took


YEAR_SCRIPT = """() => new Promise((resolve) => {
  const part = (name) => document.querySelector(`[data-testid="${name}"]`);
  const before = part('history-totals').innerText;
  const began = performance.now();
  const look = () => {
    const isBusy = part('history-chart').closest('[aria-busy]')?.getAttribute('aria-busy') === 'true';
    if (isBusy || part('history-totals').innerText === before) {
      requestAnimationFrame(look);
    } else {
      requestAnimationFrame(() => requestAnimationFrame(() => resolve((performance.now() - began) / 1000)));
    }
  };
  part('history-range-1y').closest('label').querySelector('input').click();
  look();
})"""
"""Drawn is: the sums of the year stand there, nothing is being loaded, and two more frames have been painted."""


@contextmanager
def running_house(folder: Path, *, years: int) -> Iterator[House]:
    """Run a service with its dashboard on core 0, its simulated inverter on core 1."""
    from support.dashboard import free_port
    from support.past_year import fill  # type: ignore[import-not-found]

    port = free_port()
    settings: dict[str, Any] = {
        "inverter": {"ip_address": HOST, "poll_interval_seconds": POLL_S},
        "battery_management": {"capacity_kwh": 10.0},
        "prices": {"pse": {"base_url": DEAD_END}},
        "web": {"port": port},
    }
    config = folder / "config" / "master_coordinator_config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(settings))  # JSON is YAML
    (folder / "out").mkdir()
    if years:
        fill(folder / "out", end=datetime.now(UTC), days=365 * years)
    told = folder / "cycles.jsonl"
    with ExitStack() as stack:
        simulator = [sys.executable, "-m", "hems.cli", "simulate", "--host", HOST]
        stack.enter_context(_process(pinned(1, simulator), subprocess.DEVNULL))
        time.sleep(3)
        output = stack.enter_context(told.open("w"))
        service = pinned(0, [sys.executable, "-m", "benchmarks.web_house", str(config)])
        process = stack.enter_context(_process(service, output))
        time.sleep(12)
        yield House(process, port, told)


@contextmanager
def _process(command: Sequence[str], output: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stdout=output, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=environment()
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _watched(house: House, seconds: float) -> list[Cycle]:
    start = time.monotonic()
    time.sleep(seconds)
    return house.cycles_between(start, start + seconds)


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """Return ``command`` on one core alone, where the machine has more than one."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core % len(cores)]), *command]
