#!/usr/bin/env python3
"""Set the planner against HiGHS over random homes: gaps, broken limits, certificates; and times, side by side.

.venv/bin/python benchmarks/planner.py [--cases 10000] [--rounds 30] [--seed 0] [--json FILE]

``convex``, ``negative`` and ``dearer`` are the kinds of prices of `test/support/planner_cases.py`. A gap is what a plan
costs above the optimum that HiGHS proves. In percent it is of the saving over a battery that does nothing, over the
cases in which doing nothing is allowed (no reserve to be filled), blows no fuse and costs at least 0.01 PLN more than
the optimum; in PLN it is over all. ``planner`` is what the service takes: the exact kernel, and where its certificate
is above 0.5 % of the saving the grid programme.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src"), str(ROOT / "test")]

from benchmarks.machine import Spread, machine  # noqa: E402
from benchmarks.sections import Options, Outcome  # noqa: E402
from benchmarks.table import Table  # noqa: E402
from hems.planning.compiled import PLAIN, fastest_kernel  # noqa: E402
from hems.planning.grid_programme import grid_plan  # noqa: E402
from support.oracle import optimum  # type: ignore[import-not-found]  # noqa: E402
from support.planner_cases import KINDS, random_case, run_exact, run_scenarios  # type: ignore[import-not-found]  # noqa: E402

SLOTS = {"convex": (1, 2, 24, 48, 96, 192), "negative": (1, 2, 12, 24, 48), "dearer": (1, 2, 12, 24, 48)}
GAP_SHARE_MAX = 0.005
LEAST_SAVING = 0.01
VIOLATION = 1e-9
DISHONEST = 1e-6
MILP_SLOTS_MAX = 192


@dataclass(slots=True, kw_only=True)
class Sweep:
    """What came of the cases of one kind of prices; gaps in PLN, shares in percent of the saving."""

    kind: str
    cases: int = 0
    unproven: int = 0
    """HiGHS found no proof in time: these count nowhere else."""
    violations: int = 0
    dishonest: int = 0
    """Certificates that the optimum contradicts."""
    without_plan: int = 0
    by_grid: int = 0
    savings: float = 0.0
    gaps: dict[str, list[float]] = field(default_factory=lambda: {"kernel": [], "grid": [], "planner": []})
    shares: dict[str, list[float]] = field(default_factory=lambda: {"kernel": [], "grid": [], "planner": []})

    def add(self, gaps: dict[str, float], saving: float | None) -> None:
        """Count one case; ``saving`` is None where there is none to compare with."""
        for name, gap in gaps.items():
            self.gaps[name].append(gap)
            if saving is not None:
                self.shares[name].append(100.0 * gap / saving)
        self.savings += saving or 0.0


def sweep(kind: str, cases: int, seed: int, report: Callable[[str], None]) -> Sweep:
    """Plan ``cases`` random homes with prices of ``kind`` and compare each with HiGHS."""
    found = Sweep(kind=kind)
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    for number in range(cases):
        _one_case(found, random_case(rng, kind, int(rng.choice(SLOTS[kind]))))
        if number % 250 == 249:
            report(f"{kind}: {number + 1} of {cases}")
    return found


def _one_case(found: Sweep, case: Any) -> None:
    case = replace(case, end=((case.end[0][0], float(case.high[-1] - case.low[-1])),))
    found.cases += 1
    run, best = run_exact(PLAIN, case), optimum(case, seconds_max=30.0)
    plans = {"kernel": run.change}
    if found.kind != "convex":  # there the grid programme is never asked
        plans["grid"] = grid_plan(
            case.load, case.pv, case.buy, case.sell, case.hours, case.wear, case.low, case.high, case.stored,
            case.limits, case.cut, case.lock, case.end[0][0],
        ).change  # fmt: skip
    costs = {name: case.cost(change) for name, change in plans.items()}
    if not np.isfinite([*costs.values(), run.cost]).all():
        found.without_plan += 1
        return
    found.violations += int(max(case.violation(change) for change in plans.values()) > VIOLATION)
    if best.cost - best.bound > DISHONEST:
        found.unproven += 1
        return
    found.dishonest += int(not best.bound - DISHONEST <= run.cost <= best.cost + run.gap + DISHONEST)
    idle = np.zeros(len(case))
    saving = case.cost(idle) - best.cost
    hollow = run.gap > GAP_SHARE_MAX * max(case.cost(idle) - run.cost, 0.0) and run.gap > DISHONEST
    found.by_grid += int(hollow)
    costs["planner"] = costs["grid" if hollow and "grid" in costs else "kernel"]
    fits = case.violation(idle) <= VIOLATION and (case.load - case.pv).max() <= case.limits[4]
    gaps = {name: cost - best.cost for name, cost in costs.items()}
    found.add(gaps, saving if fits and saving >= LEAST_SAVING else None)


def measure_times(
    rounds: int,
    seed: int,
    report: Callable[[str], None],
    kinds: Sequence[str] = ("convex", "negative"),
    lengths: Sequence[int] = (96, 192, 384, 672),
) -> list[dict[str, Any]]:
    """Return the milliseconds of every way to plan as `Spread`, the ways one after another in every round."""
    fast, rows = fastest_kernel(), []
    for kind in kinds:
        for slots in lengths:
            ways: dict[str, list[float]] = {}
            for number in range(rounds):
                case = everyday_home(np.random.default_rng([seed, number]), kind, slots)
                if number == 0:  # compiled, and in the processor's memory
                    _time_ways({}, case, kind, fast)
                _time_ways(ways, case, kind, fast)
            if "HiGHS" in ways:
                ways |= {
                    f"HiGHS / {way}": _ratios(ways["HiGHS"], ways[f"kernel, {way}"]) for way in ("compiled", "plain")
                }
            rows.append({"prices": kind, "slots": slots} | {n: Spread.of(v) for n, v in ways.items()})
            report(f"times of {kind}, T = {slots}")
    return rows


def _ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(slow, fast, strict=True)]


def everyday_home(rng: np.random.Generator, kind: str, slots: int) -> Any:
    """Return an everyday home: 10 kWh, 5 kW, quarters; its prices and house are random."""
    case = random_case(rng, kind, slots)
    day = np.arange(slots) / 96.0
    pv = np.maximum(np.sin(2.0 * np.pi * (day - 0.25)), 0.0) * rng.uniform(0.0, 6.0)
    flat = {"hours": np.full(slots, 0.25), "wear": np.full(slots, 0.05), "load": rng.gamma(2.0, 0.3, slots), "pv": pv}
    tube = {"low": np.full(slots + 1, 1.0), "high": np.full(slots + 1, 10.0), "stored": 4.0}
    options = {"limits": (5.0, 5.0, 0.95, 0.95, 11.0, 8.0), "cut": 1, "lock": np.zeros(slots, np.int64)}
    return replace(case, **flat, **tube, **options, end=((0.45, 9.0),))


def _time_ways(ways: dict[str, list[float]], case: Any, kind: str, fast: Any) -> None:
    def took(name: str, seconds: float) -> None:
        ways.setdefault(name, []).append(1000.0 * seconds)

    took("kernel, plain", run_exact(PLAIN, case).seconds)
    took("kernel, compiled", run_exact(fast, case).seconds)
    spread = np.linspace(0.7, 1.3, 5)[:, np.newaxis]
    load, pv = case.load * spread, case.pv * spread[::-1]
    took("5 scenarios, plain", run_scenarios(PLAIN, case, load, pv).seconds)
    took("5 scenarios, compiled", run_scenarios(fast, case, load, pv).seconds)
    start = time.perf_counter()
    grid_plan(
        case.load, case.pv, case.buy, case.sell, case.hours, case.wear, case.low, case.high, case.stored, case.limits,
        case.cut, case.lock, 0.45,
    )  # fmt: skip
    took("grid", time.perf_counter() - start)
    if kind == "convex" or len(case) <= MILP_SLOTS_MAX:
        took("HiGHS", optimum(case, seconds_max=30.0).seconds)


def summary(found: Sweep) -> dict[str, Any]:
    """Return a sweep's figures."""
    figures: dict[str, Any] = {n: v for n, v in asdict(found).items() if n not in {"gaps", "shares"}}
    for name, gaps in found.gaps.items():
        shares = np.array(found.shares[name] or [0.0])
        figures[name] = {
            "gap max PLN": float(max(gaps, default=0.0)),
            "gap min PLN": float(min(gaps, default=0.0)),
            "share mean %": float(shares.mean()),
            "share p99 %": float(np.percentile(shares, 99)),
            "share max %": float(shares.max()),
            "above 0.2 %": int((shares > 0.2).sum()),
            "compared": len(found.shares[name]),
        }
    return figures


def tables(sweeps: list[dict[str, Any]], times: list[dict[str, Any]]) -> tuple[Table, ...]:
    """Return the figures as tables, ratios first."""
    found = []
    if times:
        ratios = [name for name in times[0] if name.startswith("HiGHS /")]
        ways = [*ratios, *(name for name in times[0] if name not in {"prices", "slots", *ratios})]
        heads = [name if name in ratios else f"{name}, ms" for name in ways]
        rows = tuple((row["prices"], row["slots"], *(row.get(way) for way in ways)) for row in times)
        count = times[0][ways[-1]].count
        note = (
            f"Median (least – most) of {count} everyday homes, one way after the other in every round. "
            "HiGHS builds and solves."
        )
        found.append(Table(columns=("prices", "T", *heads), rows=rows, note=note))
    if sweeps:
        names = ("kind", "cases", "by_grid", "violations", "dishonest", "without_plan", "unproven")
        heads = [
            "prices",
            "homes",
            "by grid",
            "limits broken",
            "certificates refuted",
            "without plan",
            "not proven by HiGHS",
        ]
        found.append(Table(columns=tuple(heads), rows=tuple(tuple(row[name] for name in names) for row in sweeps)))
        columns = ("compared", "gap max PLN", "share mean %", "share p99 %", "share max %", "above 0.2 %")
        gaps = tuple(
            (row["kind"], way, *(row[way][column] for column in columns))
            for row in sweeps
            for way in ("kernel", "grid", "planner")
            if row[way]["compared"]
        )
        note = "Above the optimum that HiGHS proves; shares of the saving over a battery that does nothing."
        found.append(Table(columns=("prices", "plan", *columns), rows=gaps, note=note))
    return tuple(found)


def broken_promises(sweeps: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return what the plans promise and did not keep."""
    missed = []
    for row in sweeps:
        if row["kind"] == "convex" and row["kernel"]["gap max PLN"] > 1e-9:
            missed.append(f"a convex plan {row['kernel']['gap max PLN']:.2g} PLN above the optimum")
        missed += [
            f"{row['kind']}: {row[name]} {name.replace('_', ' ')}"
            for name in ("violations", "dishonest", "without_plan")
            if row[name]
        ]
    return tuple(missed)


def measure(options: Options) -> Outcome:
    """Measure times and gaps for the one entry of all benchmarks."""
    rounds = options.rounds or (2 if options.quick else 15)
    cases = 4 if options.quick else 200
    times = measure_times(
        rounds, options.seed, options.report,
        kinds=("convex",) if options.quick else ("convex", "negative"),
        lengths=(96,) if options.quick else (96, 192, 384, 672),
    )  # fmt: skip
    sweeps = [summary(sweep(kind, cases, options.seed, options.report)) for kind in KINDS]
    return Outcome(
        tables=tables(sweeps, times),
        figures={"times_ms": as_numbers(times), "sweeps": sweeps},
        missed=broken_promises(sweeps),
    )


def as_numbers(times: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``times`` as JSON takes them."""
    return [{n: asdict(v) if isinstance(v, Spread) else v for n, v in row.items()} for row in times]


def main() -> int:
    """Run both; exit code 1 where a limit was broken, a certificate refuted, or a convex plan not exact."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=900, help="random homes, a third of each kind of prices")
    parser.add_argument("--rounds", type=int, default=15, help="of the times")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()

    def report(text: str) -> None:
        print(text, file=sys.stderr)

    share = -(-options.cases // len(KINDS))
    sweeps = [summary(sweep(kind, share, options.seed, report)) for kind in KINDS] if options.cases else []
    times = measure_times(options.rounds, options.seed, report) if options.rounds else []
    print(f"\nMeasured on {machine()}.\n")
    print("\n".join(table.markdown() for table in tables(sweeps, times)))
    if options.json:
        figures = {"machine": asdict(machine()), "sweeps": sweeps, "times_ms": as_numbers(times)}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    missed = broken_promises(sweeps)
    print("\n".join(f"MISSED: {line}" for line in missed), file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
