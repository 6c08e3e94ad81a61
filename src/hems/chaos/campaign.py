"""Many days of chaos, side by side on the machine's cores, and what they add up to."""

from __future__ import annotations

import logging
import os
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from typing import Any

import structlog

from hems.chaos.day import DayResult, live_through
from hems.chaos.plan import draw_day

INVARIANTS: dict[int, str] = {
    1: "never charged or discharged outside the battery's window beyond the inverter's own autonomy",
    2: "no forced mode without a lease for more than a minute",
    3: "no committed record lost, none half written",
    4: "writes for decisions within the daily budget",
    5: "back to normal within five minutes of the last trouble's end",
    6: "on calm days never dearer than self-use by more than the allowance",
}


def run_days(seeds: Sequence[int], jobs: int) -> Iterator[DayResult]:
    """Yield the result of every day as it is done, in any order; ``jobs`` processes work side by side."""
    if jobs == 1:
        be_quiet()
        for seed in seeds:
            yield live_through(draw_day(seed))
        return
    # A fresh interpreter for each worker: what one day leaves in memory is no other day's business.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=be_quiet) as pool:
        left = iter(seeds)
        under_way: set[Future[DayResult]] = set()
        while True:
            under_way |= {pool.submit(_one, each) for each in islice(left, 2 * jobs - len(under_way))}
            if not under_way:
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _one(seed: int) -> DayResult:
    return live_through(draw_day(seed))


def be_quiet() -> None:
    """Keep the simulated services' logs to themselves: they are about faults that were asked for."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def default_jobs() -> int:
    """Return how many days are lived through side by side."""
    return max(1, len(os.sched_getaffinity(0)))


def replay_command(seed: int) -> str:
    """Return the command that lives through one day again."""
    return f"hems chaos --days 1 --seed {seed}"


def summary_of(results: Sequence[DayResult]) -> dict[str, Any]:
    """Return the campaign's figures; every duration in seconds."""
    broken = Counter(breach.invariant for result in results for breach in result.breaches)
    calm = [result for result in results if result.plan.is_calm]
    with_battery = [r.worse_than_self_use_pln for r in calm if r.worse_than_self_use_pln is not None]
    faults = Counter(fault.kind.name for result in results for fault in result.plan.faults)
    troubles = Counter(trouble.kind.name for result in results for trouble in result.plan.troubles)
    return {
        "days": len(results),
        "calm_days": len(calm),
        "invariants": {
            str(number): {"promise": promise, "breaches": broken[number]} for number, promise in INVARIANTS.items()
        },
        "faults": dict(sorted(faults.items())),
        "troubles": dict(sorted(troubles.items())),
        "starts": sum(result.starts for result in results),
        "refused_starts": sum(result.refused_starts for result in results),
        "restores": sum(result.restores for result in results),
        "cycles": sum(result.cycles for result in results),
        "register_writes": sum(result.writes for result in results),
        "records_checked": sum(result.records for result in results),
        "worst_forced_without_lease_s": max(result.worst.forced_without_lease_s for result in results),
        "worst_limited_without_lease_s": max(result.worst.limited_without_lease_s for result in results),
        "worst_outside_window_s": max(result.worst.outside_window_s for result in results),
        "worst_back_to_normal_s": max(result.back_to_normal_s for result in results),
        "worst_beyond_self_use_pln": max(with_battery, default=None),
        "median_beyond_self_use_pln": statistics.median(with_battery) if with_battery else None,
        "cpu_per_day_s": {
            "median": round(statistics.median(result.cpu_s for result in results), 3),
            "mean": round(statistics.fmean(result.cpu_s for result in results), 3),
            "worst": round(max(result.cpu_s for result in results), 3),
        },
    }


def document_of(results: Sequence[DayResult]) -> dict[str, Any]:
    """Return the figures and every broken promise, with the command that shows it again."""
    return summary_of(results) | {
        "broken": [
            {
                "seed": result.plan.seed,
                "day": result.plan.describe(),
                "replay": replay_command(result.plan.seed),
                "breaches": [
                    {"invariant": breach.invariant, "at": breach.at.isoformat(), "said": breach.said}
                    for breach in result.breaches
                ],
            }
            for result in sorted(results, key=lambda each: each.plan.seed)
            if result.breaches
        ]
    }
