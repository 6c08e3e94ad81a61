"""Makes ten plans of 192 quarters in one way and prints what the process held at most [MB of RSS] as JSON.

.venv/bin/python -m benchmarks.ten_plans plain|compiled|highs|emhass

A process of its own, which imports no more than its way needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from math import pi, sin
from pathlib import Path

SLOTS, PLANS = 192, 10
LIMITS = (5.0, 5.0, 0.95, 0.95, 11.0, 8.0)
END_VALUE, STORED = 0.45, 4.0
ROOM = 100 * SLOTS


def peak_mb() -> float:
    """Return the most that this process has held since its start [MB]."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says here would count the process that started this one
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1.024 / 1000.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def home() -> tuple[list[float], list[float], list[float], list[float]]:
    """Return load and PV [kW] and the prices to buy and sell at [money/kWh] of an everyday home."""
    load = [0.6 + 0.3 * sin(t) for t in range(SLOTS)]
    pv = [max(4.0 * sin(pi * (t % 96 - 24) / 48), 0.0) for t in range(SLOTS)]
    buy = [0.6 + 0.3 * sin(pi * t / 24) for t in range(SLOTS)]
    return load, pv, buy, [price - 0.2 for price in buy]


def plain() -> None:
    """Plan with the kernel in plain Python: no numpy."""
    _by_kernel(is_compiled=False)


def compiled() -> None:
    """Plan with the kernel that numba compiled."""
    _by_kernel(is_compiled=True)


def _by_kernel(*, is_compiled: bool) -> None:
    from hems.planning.compiled import PLAIN, fastest_kernel
    from hems.planning.kernel import CUT_SURPLUS, FREE
    from hems.planning.solver import Solver

    kernel = fastest_kernel() if is_compiled else PLAIN
    solver = Solver(kernel)
    load, pv, buy, sell = (solver.row(row) for row in home())
    hours, wear = solver.row([0.25] * SLOTS), solver.row([0.05] * SLOTS)
    low, high, lock = solver.row([1.0] * (SLOTS + 1)), solver.row([10.0] * (SLOTS + 1)), solver.whole([FREE] * SLOTS)
    value, length, owner = solver.floats(ROOM), solver.floats(ROOM), solver.whole([0] * ROOM)
    first, count = solver.whole([0] * (SLOTS + 1)), solver.whole([0] * (SLOTS + 1))
    slope, size, used, change = (solver.floats(n) for n in (16, 16, SLOTS + 1, SLOTS))
    for _ in range(PLANS):
        value[0], length[0], owner[0], count[SLOTS] = END_VALUE, 9.0, SLOTS, 1
        pooled = kernel.exact_plan(
            load, pv, buy, sell, hours, wear, low, high, STORED, LIMITS, CUT_SURPLUS, lock,
            value, length, owner, first, count, slope, size, used, change,
        )  # fmt: skip
        if pooled != 0:
            raise RuntimeError("no exact plan")


def highs() -> None:
    """Plan with HiGHS, the referee of the tests."""
    import numpy as np

    from benchmarks.planner import everyday_home
    from support.oracle import optimum  # type: ignore[import-not-found]

    for number in range(PLANS):
        optimum(everyday_home(np.random.default_rng(number), "convex", SLOTS))


def emhass() -> None:
    """Plan with EMHASS."""
    import numpy as np

    from benchmarks.beside_emhass import HOME, HOURS
    from hems.backtest.peers.emhass import EmhassPlanner
    from hems.backtest.peers.question import PlanQuestion

    load, pv, buy, sell = (np.array(row) for row in home())
    question = PlanQuestion(
        load_kw=load, pv_kw=pv, buy_per_kwh=buy, sell_per_kwh=sell, slot_hours=HOURS, end_value=END_VALUE
    )
    planner = EmhassPlanner(HOME)
    for _ in range(PLANS):
        if planner.plan(question, STORED).battery_kw is None:
            raise RuntimeError("no plan")


WAYS: dict[str, Callable[[], None]] = {"plain": plain, "compiled": compiled, "highs": highs, "emhass": emhass}


def main() -> None:
    """Plan in the named way."""
    start = peak_mb()
    WAYS[sys.argv[1]]()
    print(json.dumps({"start": start, "peak": peak_mb()}))


if __name__ == "__main__":
    main()
