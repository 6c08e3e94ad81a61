"""Referees of the planner: HiGHS with the whole problem at once, and a lattice that tries every plan.

Neither shares a line with the kernel. Where a price is negative, or selling pays more than buying costs, the model has
a binary for charging or discharging, one for importing or exporting and one for what PV may be cut; elsewhere the
linear programme is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from hems.planning.kernel import ABOVE_FUSE, CUT_ALL, CUT_SURPLUS
from support.planner_cases import Case, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The least cost, what is proven of it (``bound`` <= optimum <= ``cost``), and the change [kWh] that has it."""

    cost: float
    bound: float
    change: Floats
    seconds: float
    """Of building and solving."""


@dataclass
class _Model:
    """Columns and rows of a linear programme, gathered in blocks of arrays."""

    columns: int = 0
    rows: int = 0
    bounds: list[tuple[Floats, Floats, Floats, bool]] = field(default_factory=list)
    sides: list[tuple[Floats, Floats]] = field(default_factory=list)
    entries: list[tuple[Any, Any, Any]] = field(default_factory=list)

    def add(self, count: int, least: Any, most: Any, cost: Any = 0.0, *, whole: bool = False) -> NDArray[np.int64]:
        """Return ``count`` new columns."""
        low, high, price = (np.broadcast_to(np.asarray(a, float), count) for a in (least, most, cost))
        self.bounds.append((low, high, price, whole))
        self.columns += count
        return np.arange(self.columns - count, self.columns)

    def require(self, least: Any, most: Any, *terms: tuple[Any, Any]) -> None:
        """Add rows: least <= the sum of coefficient x column <= most; ``terms`` are (columns, coefficients)."""
        count = max(len(np.atleast_1d(columns)) for columns, _ in terms)
        low, high = (np.broadcast_to(np.asarray(a, float), count) for a in (least, most))
        rows = np.arange(self.rows, self.rows + count)
        self.sides.append((low, high))
        self.entries += [tuple(np.broadcast_arrays(rows, c, np.asarray(v, float))) for c, v in terms]  # type: ignore[misc]
        self.rows += count

    def solve(self, seconds_max: float) -> tuple[float, float, Floats]:
        """Return the objective, its proven bound and the columns' values."""
        lp = highspy.HighsLp()
        row, column, value = (np.concatenate([e[i] for e in self.entries]) for i in range(3))
        order = np.lexsort((row, column))
        row, column, value = row[order], column[order], value[order]
        lp.num_col_, lp.num_row_ = self.columns, self.rows
        lp.col_lower_, lp.col_upper_, lp.col_cost_ = (np.concatenate([b[i] for b in self.bounds]) for i in range(3))
        lp.row_lower_, lp.row_upper_ = (np.concatenate([s[i] for s in self.sides]) for i in range(2))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.searchsorted(column, np.arange(self.columns + 1))
        lp.a_matrix_.index_, lp.a_matrix_.value_ = row, value
        is_mixed = any(whole for *_, whole in self.bounds)
        if is_mixed:
            kinds = highspy.HighsVarType
            lp.integrality_ = [
                kinds.kInteger if whole else kinds.kContinuous for b, *_, whole in self.bounds for _ in range(len(b))
            ]
        solver = highspy.Highs()
        solver.silent()
        options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10, "threads": 1}
        if is_mixed:
            options |= {"mip_rel_gap": 1e-7, "mip_abs_gap": 1e-8, "mip_feasibility_tolerance": 1e-9}
            options |= {"time_limit": seconds_max}
        for name, setting in options.items():
            solver.setOptionValue(name, setting)
        solver.passModel(lp)
        solver.run()
        status, known = solver.getModelStatus(), highspy.HighsModelStatus
        assert status in {known.kOptimal, known.kTimeLimit}, f"the referee has no answer: {status}"
        info = solver.getInfo()
        bound = info.mip_dual_bound if is_mixed else info.objective_function_value
        return info.objective_function_value, bound, np.asarray(solver.getSolution().col_value)


def needs_binaries(case: Case) -> bool:
    """Say whether the linear programme would lie: it burns energy where it is paid to, or buys what it sells."""
    hard = (case.buy < 0.0) | (case.sell > case.buy)
    if case.cut not in {CUT_ALL, CUT_SURPLUS}:
        hard |= case.sell < 0.0
    return bool(hard.any())


def optimum(case: Case, *, seconds_max: float = 60.0) -> Optimum:
    """Return the least cost of ``case`` over all plans that keep its limits and its tube."""
    start = perf_counter()
    slots, hours, model = len(case), case.hours, _Model()
    _, _, charge_efficiency, discharge_efficiency, import_max, export_max = case.limits
    least, most = case.power_range()
    mixed = needs_binaries(case)
    charge = model.add(slots, 0.0, most, case.wear * hours)
    discharge = model.add(slots, 0.0, -least, case.wear * hours)
    bought = model.add(slots, 0.0, import_max, case.buy * hours)
    above_fuse = model.add(slots, 0.0, np.inf, ABOVE_FUSE * hours)
    sold = model.add(slots, 0.0, export_max, -case.sell * hours)
    cut = model.add(slots, 0.0, case.pv)
    level = model.add(slots, case.low[1:], case.high[1:])
    sizes, worths = np.array([s for _, s in case.end]), np.array([w for w, _ in case.end])
    left = model.add(len(case.end), 0.0, sizes, -worths)
    need = case.load - case.pv
    model.require(
        need, need, (bought, 1.0), (above_fuse, 1.0), (sold, -1.0), (cut, -1.0), (charge, -1.0), (discharge, 1.0)
    )
    stored = np.concatenate([[case.stored], np.zeros(slots - 1)])
    before = np.concatenate([[level[0]], level[:-1]])
    kept = np.concatenate([[0.0], np.full(slots - 1, -1.0)])
    balance = ((charge, -charge_efficiency * hours), (discharge, hours / discharge_efficiency))
    own = np.ones(slots)
    if slots > 1:  # the first slot's own column stands in for the level before it, which is a number
        model.require(stored[1:], stored[1:], (level[1:], 1.0), (before[1:], kept[1:]), *_each(balance, slice(1, None)))
    model.require(stored[:1], stored[:1], (level[:1], own[:1]), *_each(balance, slice(0, 1)))
    end_row = np.concatenate([left, level[-1:]])
    signs = np.concatenate([np.ones(len(left)), [-1.0]])
    row = model.rows
    model.sides.append((np.array([-case.low[-1]]), np.array([-case.low[-1]])))
    model.entries.append((np.full(len(end_row), row), end_row, signs))
    model.rows += 1
    if mixed:
        _exclude(model, case, charge, discharge, bought, above_fuse, sold, cut)
    cost, bound, values = model.solve(seconds_max)
    change = values[charge] * charge_efficiency * hours - values[discharge] * hours / discharge_efficiency
    return Optimum(cost=cost, bound=bound, change=change, seconds=perf_counter() - start)


def _each(terms: tuple[tuple[Any, Any], ...], part: slice) -> list[tuple[Any, Any]]:
    return [(columns[part], values[part]) for columns, values in terms]


def _exclude(
    model: _Model, case: Case, charge: Any, discharge: Any, bought: Any, above_fuse: Any, sold: Any, cut: Any
) -> None:
    """Add what a house cannot do at once, and where PV may not be cut."""
    slots, export_max = len(case), case.limits[5]
    least, most = case.power_range()
    most_bought = case.load + most
    most_sold = np.minimum(export_max, np.maximum(case.pv - case.load - least, 0.0))
    charging = model.add(slots, 0.0, 1.0, whole=True)
    model.require(-np.inf, 0.0, (charge, 1.0), (charging, -most))
    model.require(-np.inf, -least, (discharge, 1.0), (charging, -least))
    buying = model.add(slots, 0.0, 1.0, whole=True)
    model.require(-np.inf, 0.0, (bought, 1.0), (above_fuse, 1.0), (buying, -most_bought))
    model.require(-np.inf, most_sold, (sold, 1.0), (buying, most_sold))
    if case.cut == CUT_ALL:
        return
    cutting = model.add(slots, 0.0, 1.0, whole=True)
    model.require(-np.inf, 0.0, (cut, 1.0), (cutting, -case.pv))
    # What is cut is never bought instead ...
    model.require(-np.inf, most_bought, (bought, 1.0), (above_fuse, 1.0), (cutting, most_bought))
    # ... and only what the export limit leaves over is cut, unless selling costs money and the surplus may be cut.
    full = np.where((case.cut == CUT_SURPLUS) & (case.sell < 0.0), 0.0, export_max)
    model.require(-np.inf, 0.0, (cutting, full), (sold, np.where(full > 0.0, -1.0, 0.0)))


def lattice_cost(case: Case, step: float) -> float:
    """Return the least cost over plans whose every change is a multiple of ``step`` [kWh], by trying them all.

    Exact where every kink lies on the lattice (efficiencies of 1, whole numbers of steps everywhere); else no optimum
    is dearer. For a handful of slots and levels only.
    """
    least, most = case.power_range()
    levels: dict[int, float] = {0: 0.0}
    for t in range(len(case)):
        one = _single(case, t)
        following: dict[int, float] = {}
        lowest = math.ceil(least[t] * case.hours[t] / case.limits[3] / step - 1e-9)
        highest = math.floor(most[t] * case.hours[t] * case.limits[2] / step + 1e-9)
        costs = {n: one.cost(np.array([n * step])) for n in range(lowest, highest + 1)}
        for at, paid in levels.items():
            for n, cost in costs.items():
                level = case.stored + (at + n) * step
                if not case.low[t + 1] - 1e-9 <= level <= case.high[t + 1] + 1e-9:
                    continue
                if paid + cost < following.get(at + n, math.inf):
                    following[at + n] = paid + cost
        levels = following
    return min(paid - case.end_worth(case.stored + at * step) for at, paid in levels.items())


def _single(case: Case, t: int) -> Case:
    """Return slot ``t`` alone, with nothing worth at its end."""
    here = slice(t, t + 1)
    rows = {name: getattr(case, name)[here] for name in ("load", "pv", "buy", "sell", "hours", "wear", "lock")}
    edges = {"low": case.low[t : t + 2], "high": case.high[t : t + 2]}
    return Case(**rows, **edges, stored=case.stored, limits=case.limits, cut=case.cut, end=())
