#!/usr/bin/env python3
"""Hold the shadow of the strategy in charge against the simulated house itself; print a table.

.venv/bin/python benchmarks/shadows.py [--strategy optimal] [--hours 74] [--json]

The whole coordinator lives through days in virtual time. At the end of every quarter the virtual battery is compared
with the inverter's own SoC, and at the end the shadow's saving with F5, which comes from another model.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test"))

from hems.composition.simulated_days import Moment
from hems.coordination.shadow_houses import ShadowHouses
from hems.domain.decision import DecisionContext
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import live_through, priced_by  # type: ignore[import-not-found]

START = datetime(2026, 11, 17, 20, 0, tzinfo=UTC)
HOUSE = SimulatorOptions(
    model="GW10K-ET", soc_pct=40.0, capacity_wh=10_000.0, pv_peak_w=5000.0, load_average_w=600.0, scenario="everyday"
)
CHEAP_NIGHT, CHEAP_NOON, DEAR = range(5), range(11, 14), (6, 7, 17, 18, 19)


def price(at: datetime) -> float:
    """Return the market price [PLN/MWh]: cheap nights and noons, dear mornings and evenings."""
    if at.hour in DEAR:
        return 900.0
    return 150.0 if at.hour in CHEAP_NIGHT else 100.0 if at.hour in CHEAP_NOON else 450.0


@dataclass
class Observer:
    """Collects the differences of SoC [points] at the ends of quarters, and what a decision takes [ms]."""

    strategy: str
    differences: list[float] = field(default_factory=list)
    decided_ms: list[float] = field(default_factory=list)
    quarters: int = 0

    def watch(self, moment: Moment) -> None:
        """Compare after the cycle that has closed a quarter."""
        coordinator = moment.household.coordinator
        if coordinator.parts.shadows is None or coordinator.snapshot is None:
            return
        told: Any = coordinator.parts.shadows.status(moment.at)
        soc_pct = coordinator.snapshot.battery.soc_pct
        if told["quarters"] != self.quarters and soc_pct is not None:
            self.quarters = told["quarters"]
            self.differences.append(abs(told["houses"][self.strategy]["soc_pct"] - soc_pct))

    def timed(self, decide: Callable[[ShadowHouses, DecisionContext], None]) -> Callable[..., None]:
        """Return ``decide``, measured where it asks the strategies."""

        def measured(shadows: ShadowHouses, context: DecisionContext) -> None:
            begun_s, decided_for = time.perf_counter(), shadows.decided_for
            decide(shadows, context)
            if shadows.decided_for != decided_for:
                self.decided_ms.append(1000.0 * (time.perf_counter() - begun_s))

        return measured


def main() -> None:
    """Live, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategy", default="optimal", choices=("optimal", "multi_factor", "self_use"))
    parser.add_argument("--hours", type=float, default=74.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    observer = Observer(strategy=asked.strategy)
    timed = patch.object(ShadowHouses, "decide", observer.timed(ShadowHouses.decide))
    with tempfile.TemporaryDirectory() as folder, timed:
        outcome = live_through(
            Path(folder), START, timedelta(hours=asked.hours), HOUSE, prices=priced_by(price), watch=observer.watch,
            poll_s=30, strategy=asked.strategy, shadows=True,
        )  # fmt: skip
    told = outcome.status["strategies"]
    figures = {
        "quarters": told["quarters"],
        "gaps": told["gaps"],
        "shadow_saved": told["houses"][asked.strategy]["saved_total"],
        "f5_saved": round(outcome.status["metrics"]["savings"]["value"] or 0.0, 4),
        "soc_difference_mean": round(statistics.mean(observer.differences), 2),
        "soc_difference_max": round(max(observer.differences), 2),
        "decide_ms_median": round(statistics.median(observer.decided_ms), 1),
        "decide_ms_max": round(max(observer.decided_ms), 1),
    }
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name.replace('_', ' '):22}{figure}")


if __name__ == "__main__":
    main()
