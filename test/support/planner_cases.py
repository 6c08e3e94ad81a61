"""Random homes and prices for the planner's tests and benchmark, and the kernel run over them.

Units as in the kernel: kW, kWh, money per kWh; + stores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hems.planning.compiled import Kernel
from hems.planning.kernel import CUT_ALL, CUT_NOTHING, CUT_SURPLUS, Limits

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

KINDS = ("convex", "negative", "dearer")
"""Sold never dearer than bought and never paid to import; paid to import at times; sold dearer at times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question to the planner: T slots, the tube has T + 1 edges; ``end``: (slope, size) pieces from low[T] on."""

    load: Floats
    pv: Floats
    buy: Floats
    sell: Floats
    hours: Floats
    wear: Floats
    low: Floats
    high: Floats
    stored: float
    limits: Limits
    cut: int
    lock: Whole
    end: tuple[tuple[float, float], ...]

    def __len__(self) -> int:
        return len(self.load)

    def power_range(self) -> tuple[Floats, Floats]:
        """Return the least and the most battery power [kW], as the options of a home say it."""
        charge, discharge, _, _, _, export = self.limits
        need, surplus = np.maximum(self.load - self.pv, 0.0), np.maximum(self.pv - self.load, 0.0)
        least = np.where(self.lock & 1, need, np.inf)
        most = np.where(self.lock & 2, surplus, np.inf)
        return -np.minimum(np.minimum(discharge, export + self.load), least), np.minimum(charge, most)

    def power(self, change: Floats) -> Floats:
        """Return the battery power [kW] that changes what is stored by ``change`` [kWh]."""
        return np.where(change > 0.0, change / (self.limits[2] * self.hours), change * self.limits[3] / self.hours)

    def end_worth(self, level: float) -> float:
        """Return what ``level`` [kWh] is worth at the end."""
        above, worth = level - float(self.low[-1]), 0.0
        for slope, size in self.end:
            part = min(max(above, 0.0), size)
            worth, above = worth + slope * part, above - part
        return worth

    def cost(self, change: Floats) -> float:
        """Return what living ``change`` costs less the worth of what it leaves: every cut of PV tried, not derived."""
        power = self.power(change)
        _, _, _, _, import_max, export_max = self.limits
        total = 0.0
        for t in range(len(self)):
            load, pv, buy, sell = self.load[t], self.pv[t], self.buy[t], self.sell[t]
            uncut = load - pv + power[t]
            forced = max(-export_max - uncut, 0.0)
            cuts = {forced}
            if self.cut == CUT_ALL:
                cuts |= {min(max(c, forced), pv) for c in (pv, -uncut, import_max - uncut)}
            elif self.cut == CUT_SURPLUS and sell < 0.0:
                cuts |= {max(forced, min(pv, -uncut))} if uncut < 0.0 else set()
            best = np.inf
            for cut in cuts:
                net = uncut + cut
                over = max(net - import_max, 0.0)
                best = min(best, (buy if net > 0.0 else sell) * (net - over) + 50.0 * over)
            total += (best + self.wear[t] * abs(power[t])) * self.hours[t]
        return total - self.end_worth(self.stored + float(change.sum()))

    def violation(self, change: Floats) -> float:
        """Return the most by which a power [kW] or the tube [kWh] is exceeded."""
        power, level = self.power(change), self.stored + np.concatenate([[0.0], np.cumsum(change)])
        least, most = self.power_range()
        worst = max((self.low - level).max(), (level - self.high).max(), (least - power).max(), (power - most).max())
        return max(0.0, float(worst))


def random_case(rng: np.random.Generator, kind: str, slots: int) -> Case:
    """Return a home nobody has: of ``kind`` prices, with one option or trouble or another."""
    limits, capacity = _battery(rng)
    even = rng.random() < 0.6
    hours = np.full(slots, rng.choice([0.25, 0.5, 1.0])) if even else rng.choice([0.02, 0.1, 0.25, 0.25, 1.0], slots)
    day = np.cumsum(hours) / 24.0 + rng.random()
    load = rng.gamma(2.0, rng.choice([0.1, 0.4, 1.5]), slots) * (rng.random(slots) > 0.02)
    pv = np.maximum(np.sin(2.0 * np.pi * day), 0.0) * rng.uniform(0.0, 10.0) * rng.uniform(0.3, 1.0, slots)
    buy, sell = _prices(rng, kind, day)
    cut = int(rng.choice([CUT_NOTHING, CUT_SURPLUS, CUT_ALL]))
    if kind == "convex" and cut == CUT_NOTHING:
        sell = np.maximum(sell, 0.0)  # a surplus that may not be cut is dearer within the export limit than beyond
    lock = np.full(slots, rng.choice([0, 0, 1, 2, 3])) if rng.random() < 0.8 else rng.integers(0, 4, slots)
    wear = np.full(slots, rng.choice([0.0, 0.02, 0.05, 0.2])) if even else rng.uniform(0.0, 0.2, slots)
    case = Case(
        load=load, pv=pv, buy=buy, sell=sell, hours=hours, wear=wear, low=hours, high=hours, stored=0.0,
        limits=limits, cut=cut, lock=lock.astype(np.int64), end=(),
    )  # fmt: skip
    return with_tube(rng, case, capacity)


def _battery(rng: np.random.Generator) -> tuple[Limits, float]:
    charge, discharge = rng.choice([0.0, 1.0, 3.0, 5.0, 10.0], 2, p=[0.03, 0.1, 0.3, 0.4, 0.17])
    charge_efficiency, discharge_efficiency = rng.choice([0.85, 0.93, 0.95, 0.98, 1.0], 2)
    import_max = rng.choice([0.5, 3.0, 11.0, 17.0, 1000.0])
    export_max = rng.choice([0.0, 2.0, 8.0, 1000.0])
    capacity = float(rng.choice([0.0, 0.5, 5.0, 10.0, 20.0], p=[0.03, 0.07, 0.3, 0.4, 0.2]))
    limits = (charge, discharge, charge_efficiency, discharge_efficiency, import_max, export_max)
    return tuple(float(limit) for limit in limits), capacity  # type: ignore[return-value]


def _prices(rng: np.random.Generator, kind: str, day: Floats) -> tuple[Floats, Floats]:
    market = 0.4 + 0.3 * np.sin(4.0 * np.pi * day) + rng.normal(0.0, rng.choice([0.01, 0.1, 0.3]), len(day))
    if rng.random() < 0.3:
        market = np.round(market, 1)  # equal prices: many plans are as good
    if kind == "negative":
        market -= rng.uniform(0.3, 1.2)
        return market + rng.choice([0.0, 0.1, 0.45]), market if rng.random() < 0.7 else np.maximum(market, 0.0)
    if kind == "dearer":
        buy = np.maximum(market, 0.05)
        if rng.random() < 0.5:
            return buy, buy + rng.normal(0.0, 0.2, len(day))
        return buy, np.full(len(day), rng.uniform(0.2, 1.0))
    buy = np.maximum(market + rng.choice([0.0, 0.1, 0.45]), 0.0)
    return buy, np.minimum(market if rng.random() < 0.7 else np.maximum(market, 0.0), buy)


def with_tube(rng: np.random.Generator, case: Case, capacity: float) -> Case:
    """Return ``case`` with a tube of stored energy that can be kept, and a worth of what is left."""
    stored = capacity * float(rng.choice([0.0, 0.05, 0.2, 0.5, 0.97, 1.0]))
    floor, ceiling = capacity * 0.1, capacity * 0.95
    slots = len(case)
    high = np.full(slots + 1, max(ceiling, stored))
    wanted = np.full(slots + 1, floor)
    if rng.random() < 0.4:  # a reserve that comes and goes
        since = int(rng.integers(0, slots + 1))
        wanted[since : since + int(rng.integers(1, slots + 1))] = capacity * rng.uniform(0.1, 0.9)
    _, most = case.power_range()
    reach = most * case.limits[2] * case.hours
    low = np.empty(slots + 1)
    low[0] = min(wanted[0], stored)
    for t in range(slots):
        low[t + 1] = min(wanted[t + 1], low[t] + reach[t])
    width, worth = high[-1] - low[-1], rng.uniform(0.0, 1.0)
    end = ((worth, width),) if rng.random() < 0.6 else ((worth, width * 0.3), (worth * 0.5, width * 0.7))
    return replace(case, low=low, high=high, stored=stored, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the kernel said: see `kernel.exact_plan`; ``cost`` counts what is left."""

    pooled: int
    change: Floats
    cost: float
    gap: float
    value: Any
    length: Any
    first: Any
    count: Any
    seconds: float
    """Of the plan itself."""

    def marginals(self, t: int) -> list[tuple[float, float]]:
        """Return V_t's (marginal value, length)."""
        pieces = range(self.first[t], self.first[t] + self.count[t])
        return [(float(self.value[i]), float(self.length[i])) for i in pieces]

    def worth(self, t: int, above: float) -> float:
        """Return V_t at ``above`` the bottom of the tube, less V_t there."""
        total = 0.0
        for value, length in self.marginals(t):
            part = min(above, length)
            total, above = total + part * value, above - part
        return total


class Room:
    """Lists for the plain kernel, arrays for the compiled one."""

    def __init__(self, kernel: Kernel, case: Case, scenarios: int = 1) -> None:
        self.is_compiled = kernel.is_compiled
        slots = len(case)
        room = 200 * slots + 3000 * scenarios
        self.value, self.length = self.row(np.zeros(room)), self.row(np.zeros(room))
        self.owner = self.row(np.zeros(room, np.int64))
        self.first, self.count = self.row(np.zeros(slots + 1, np.int64)), self.row(np.zeros(slots + 1, np.int64))
        self.slope, self.size = self.row(np.zeros(16)), self.row(np.zeros(16))
        for i, (slope, size) in enumerate(case.end):
            self.value[i], self.length[i], self.owner[i] = slope, size, slots
        self.count[slots] = len(case.end)

    def row(self, array: NDArray[Any]) -> Any:
        """Return ``array`` as the kernel takes it."""
        return array.copy() if self.is_compiled else array.tolist()

    def pieces(self) -> tuple[Any, ...]:
        """Return where V goes."""
        return self.value, self.length, self.owner, self.first, self.count, self.slope, self.size


def run_exact(kernel: Kernel, case: Case) -> Run:
    """Plan ``case`` exactly."""
    room = Room(kernel, case)
    used, change = room.row(np.zeros(len(case) + 1)), room.row(np.zeros(len(case)))
    rows = [room.row(a) for a in (case.load, case.pv, case.buy, case.sell, case.hours, case.wear)]
    low, high, lock = room.row(case.low), room.row(case.high), room.row(case.lock)
    start = perf_counter()
    pooled = kernel.exact_plan(
        *rows, low, high, case.stored, case.limits, case.cut, lock, *room.pieces(), used, change
    )  # fmt: skip
    seconds = perf_counter() - start
    assert pooled >= 0, "no room for the pieces"
    cost, gap = kernel.plan_cost(*rows, case.limits, case.cut, lock, change, room.slope, room.size)
    changes = np.array(change)
    return Run(
        pooled=pooled, change=changes, cost=cost - case.end_worth(case.stored + float(changes.sum())), gap=gap,
        value=room.value, length=room.length, first=room.first, count=room.count, seconds=seconds,
    )  # fmt: skip


def run_scenarios(kernel: Kernel, case: Case, load: Floats, pv: Floats, most_pieces: int = 48) -> Run:
    """Return the value function over scenarios, rows of ``load`` and ``pv``; there is no plan in it."""
    room = Room(kernel, case, len(load))
    rows = [room.row(a) for a in (load, pv, case.buy, case.sell, case.hours, case.wear, case.low, case.high)]
    lock, used = room.row(case.lock), room.row(np.zeros(1))
    start = perf_counter()
    pooled = kernel.scenario_values(*rows, case.limits, case.cut, lock, *room.pieces(), used, most_pieces)
    seconds = perf_counter() - start
    assert pooled >= 0, "no room for the pieces"
    return Run(
        pooled=pooled, change=np.zeros(len(case)), cost=np.nan, gap=np.nan, value=room.value, length=room.length,
        first=room.first, count=room.count, seconds=seconds,
    )  # fmt: skip
