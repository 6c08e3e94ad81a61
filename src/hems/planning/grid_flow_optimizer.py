"""The Grid Flow Optimizer: from what lies ahead to a plan of modes, and to the mode of the present slot.

The value of stored energy comes from the exact programme over all scenarios; the mode is the one that, lived through
the slot's scenarios, costs least less the worth of what it leaves stored. Pure: time, state and outlook are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hems.domain.command import Command, Mode
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.plan import Choice, NoPlan, Plan, PlannedSlot
from hems.planning import kernel, kernel_modes
from hems.planning.kernel_modes import ANY_ORIGIN
from hems.planning.money_unit import in_currency, in_units, money_unit
from hems.planning.problem import LEAST_GAP, PlanningOptions, Problem, build_problem
from hems.planning.reasoning import KERNEL_MODE, reasoning_of
from hems.planning.restrictions import days_of, discharge_left, origin_locks, wear_for_cycles
from hems.planning.solver import Solver, ValueFunction

LEAST_POWER_W = 100.0
"""Less no inverter regulates."""

POWER_STEP_W = 100.0

SUN_W = 20.0
"""Above this the PV counts as giving something to curtail."""

_W = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to live through a slot."""

    mode: Mode
    power_w: float | None

    @property
    def code(self) -> int:
        """The kernel's number of the mode."""
        return KERNEL_MODE[self.mode]

    @property
    def power_kw(self) -> float:
        """The asked power [kW], 0 where the mode has none."""
        return (self.power_w or 0.0) / _W


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """The present slot's choice, and what led to it."""

    problem: Problem
    candidates: tuple[Candidate, ...]
    values: ValueFunction
    costs: tuple[float, ...]
    """Of each candidate now, less the worth of what it leaves stored [money]."""
    chosen: int
    allowed: tuple[int, ...]
    """Which of the candidates the day's cycles still allow."""
    lock: tuple[int, ...]
    gap: float
    method: str

    @property
    def choice(self) -> Candidate:
        """The way the present slot is lived."""
        return self.candidates[self.chosen]


class GridFlowOptimizer:
    """Plans; holds nothing between two plans but the room it works in."""

    def __init__(self, options: PlanningOptions | None = None, solver: Solver | None = None) -> None:
        self.options = options or PlanningOptions()
        self._solver = solver or Solver()
        self._path_solver = Solver(self._solver.kernel)

    def plan(self, outlook: Outlook, at: datetime, soc_pct: float | None, present: Command | None) -> Plan | NoPlan:
        """Return the plan from ``at`` on, or why there is none. ``present``: the lease in force, None in self-use."""
        unit = money_unit(outlook)
        if unit == 1.0:
            return self._plan(outlook, at, soc_pct, present)
        plan = self._plan(in_units(outlook, unit), at, soc_pct, present)
        return in_currency(plan, unit) if isinstance(plan, Plan) else plan

    def _plan(self, outlook: Outlook, at: datetime, soc_pct: float | None, present: Command | None) -> Plan | NoPlan:
        solved = self.solve(outlook, at, soc_pct, present)
        if isinstance(solved, NoPlan):
            return solved
        problem, candidates, chosen = solved.problem, solved.candidates, solved.chosen
        slots = self._live_through(problem, solved.values, candidates, chosen, outlook)
        agreement, regret = self._agreement(solved)
        choices = _ranked(solved)
        reasoning = reasoning_of(
            outlook, problem, solved.values, slots, choices, _choice(solved, 0), agreement=agreement, regret=regret
        )
        return Plan(
            at=at,
            soc_pct=100.0 * problem.stored / problem.store[0],
            slots=slots,
            choices=choices,
            reasoning=reasoning,
            gap=solved.gap,
            method=solved.method,
            remarks=(*problem.remarks, *_broken_limits(problem)),
        )

    def solve(self, outlook: Outlook, at: datetime, soc_pct: float | None, present: Command | None) -> Solved | NoPlan:
        """Return the present slot's choice with all that led to it, without the plan of the slots that follow.

        Prices are taken as they are: a kWh should cost less than what a broken limit counts (`money_unit`). The value
        function holds until the next question.
        """
        problem = build_problem(outlook, at, soc_pct, self.options)
        if isinstance(problem, NoPlan):
            return problem
        candidates = candidates_of(outlook.home, self.options.power_levels)
        wear = wear_for_cycles(self._solver, problem)
        free = self._solver.exact(problem, problem.expected_load, problem.expected_pv, None, wear)
        bound = free.cost - free.gap
        idle = self._idle_cost(problem)
        lock = origin_locks(self._solver, problem, wear)
        lawful = self._solver.exact(problem, problem.expected_load, problem.expected_pv, lock, wear)
        problem = replace(problem, wear=wear)
        method = "convex"
        if lawful.gap > max(self.options.gap_share_max * (idle - lawful.cost), LEAST_GAP):
            values, gap, method = self._by_grid(problem, lock, bound)
        else:
            gap = max(lawful.cost - bound, 0.0)
            values = self._solver.over_scenarios(problem, self.options.most_pieces, lock)
        allowed = _allowed(problem, candidates)
        costs = self._costs_now(problem, values, candidates)
        chosen = _cheapest(costs, allowed, index_of(candidates, present), self.options.change_price)
        return Solved(
            problem=problem, candidates=candidates, values=values, costs=tuple(costs), chosen=chosen, allowed=allowed,
            lock=tuple(lock), gap=gap, method=method,
        )  # fmt: skip

    def _idle_cost(self, problem: Problem) -> float:
        """Return what the horizon costs with a battery that does nothing, what is stored counted alike."""
        solver = self._solver
        cost = sum(
            solver.kernel.grid_cost(0.0, load, pv, buy, sell, problem.limits, problem.cut) * hours
            for load, pv, buy, sell, hours in zip(
                problem.expected_load, problem.expected_pv, problem.buy, problem.sell, problem.hours, strict=True
            )
        )
        return float(cost) - problem.end_value * problem.stored

    def _by_grid(self, problem: Problem, lock: Sequence[int], bound: float) -> tuple[ValueFunction, float, str]:
        """Return the value function of the grid programme, for prices that make a slot's cost hollow."""
        import numpy as np  # taken up only where such prices come

        from hems.planning.grid_programme import grid_plan

        found = grid_plan(
            np.asarray(problem.load), np.asarray(problem.pv), np.asarray(problem.buy), np.asarray(problem.sell),
            np.asarray(problem.hours), np.asarray(problem.wear), np.asarray(problem.low), np.asarray(problem.high),
            problem.stored, problem.limits, problem.cut, np.asarray(lock, dtype=np.int64), problem.end_value,
        )  # fmt: skip
        solver = self._solver
        values = ValueFunction(  # the plain kernel walks lists far faster than arrays
            value=solver.row(found.value.tolist()),
            length=solver.row(found.length.tolist()),
            first=solver.whole(found.first.tolist()),
            count=solver.whole(found.count.tolist()),
            bottom=solver.row(problem.low),
        )
        return values, max(found.cost - bound, 0.0), "grid"

    def _costs_now(self, problem: Problem, values: ValueFunction, candidates: Sequence[Candidate]) -> list[float]:
        """Return what each candidate costs in the present slot less the worth of what it leaves stored [money]."""
        solver = self._solver
        load, pv = solver.rows([row[:1] for row in problem.load]), solver.rows([row[:1] for row in problem.pv])
        return [
            float(
                solver.kernel.mode_cost(
                    candidate.code, candidate.power_kw, load, pv, 0,
                    problem.buy[0], problem.sell[0], problem.hours[0], problem.wear[0], problem.stored, problem.limits,
                    problem.store, problem.exportable, problem.cut,
                    values.value, values.length, values.first[1], values.count[1], values.bottom[1],
                )
            )
            for candidate in candidates
        ]  # fmt: skip

    def _live_through(
        self,
        problem: Problem,
        values: ValueFunction,
        candidates: Sequence[Candidate],
        chosen: int,
        outlook: Outlook,
    ) -> tuple[PlannedSlot, ...]:
        """Return every slot in its cheapest mode, lived through with the expected load and PV."""
        solver, slots = self._solver, len(problem)
        now = candidates[chosen]
        day_left = solver.row(discharge_left(problem))
        day_of = solver.whole([number for number, day in enumerate(days_of(problem)) for _ in day])
        power = kernel_modes.mode_power(
            now.code, now.power_kw, problem.expected_load[0], problem.expected_pv[0], problem.stored,
            problem.hours[0], problem.limits, problem.store, problem.exportable,
        )  # fmt: skip
        change = power * problem.hours[0] * (problem.limits[2] if power > 0.0 else 1.0 / problem.limits[3])
        stored = min(max(problem.stored + change, 0.0), problem.store[0])
        day_left[0] -= max(-power, 0.0) * problem.hours[0]
        mode_at = solver.whole([chosen] * slots)
        battery, level = solver.floats(slots), solver.floats(slots + 1)
        battery[0], level[0] = power, problem.stored
        solver.kernel.plan_modes(
            solver.whole([c.code for c in candidates]), solver.row([c.power_kw for c in candidates]),
            solver.rows([problem.expected_load]), solver.rows([problem.expected_pv]),
            solver.row(problem.expected_load), solver.row(problem.expected_pv),
            solver.row(problem.buy), solver.row(problem.sell), solver.row(problem.hours), solver.row(problem.wear),
            stored, problem.limits, problem.store, _exportable_after(problem, power), problem.cut,
            values.value, values.length, values.first, values.count, values.bottom,
            chosen, self.options.change_price, day_of, day_left, 1, mode_at, battery, level,
        )  # fmt: skip
        return tuple(
            _planned_slot(problem, values, candidates[mode_at[t]], t, float(battery[t]), level, outlook)
            for t in range(slots)
        )

    def _agreement(self, solved: Solved) -> tuple[float, float]:
        """Return the share of scenarios in which the chosen way is best, and the mean regret [money].

        Each scenario is lived through as if it were known from now on to its end; best is what no change would beat.
        """
        problem, agree, regret = solved.problem, 0, 0.0
        for load, pv in zip(problem.load, problem.pv, strict=True):
            path = replace(problem, load=[load], pv=[pv])
            values = self._path_solver.exact(path, load, pv, solved.lock).values
            costs = self._costs_now(path, values, solved.candidates)
            more = costs[solved.chosen] - min(costs[i] for i in solved.allowed)
            agree += more <= self.options.change_price
            regret += max(more, 0.0)
        return agree / len(problem.load), regret / len(problem.load)


def candidates_of(home: HomeModel, power_levels: int) -> tuple[Candidate, ...]:
    """Return every way in which ``home`` may live through a slot; plain self-use comes first."""
    found = [Candidate(mode=Mode.SELF_USE, power_w=None)]
    found += [Candidate(mode=mode, power_w=None) for mode in (Mode.HOLD, Mode.NO_CHARGE) if mode in home.modes]
    for mode, most_w in ((Mode.CHARGE, home.charge_max_w), (Mode.DISCHARGE, home.discharge_max_w)):
        if mode not in home.modes or not most_w >= LEAST_POWER_W:
            continue
        powers = {most_w * level / power_levels // POWER_STEP_W * POWER_STEP_W for level in range(1, power_levels + 1)}
        found += [Candidate(mode=mode, power_w=power) for power in sorted(powers) if power >= LEAST_POWER_W]
    return tuple(found)


def index_of(candidates: Sequence[Candidate], present: Command | None) -> int:
    """Return which candidate is in force, -1 where none of them."""
    if present is None:
        return 0
    for i, candidate in enumerate(candidates):
        if candidate.mode is present.mode and candidate.power_w == present.power_w:
            return i
    for i, candidate in enumerate(candidates):
        if candidate.mode is present.mode and not present.mode.is_forced:
            return i
    return -1


def _allowed(problem: Problem, candidates: Sequence[Candidate]) -> tuple[int, ...]:
    """Return which candidates the day's cycles still allow: when it has had them, those that take nothing out."""
    if discharge_left(problem)[0] > 0.0:
        return tuple(range(len(candidates)))
    return tuple(i for i, candidate in enumerate(candidates) if candidate.mode in (Mode.HOLD, Mode.CHARGE))


def _cheapest(costs: Sequence[float], allowed: Sequence[int], here: int, change_price: float) -> int:
    """Return the cheapest that is allowed; one in force needs no change, and among equals the first is taken."""
    best = here if here in allowed else allowed[0]
    least = costs[best] + (change_price if best != here else 0.0)
    for i in allowed:
        if i != here and costs[i] + change_price < least - 1e-9:
            best, least = i, costs[i] + change_price
    return best


def _ranked(solved: Solved) -> tuple[Choice, ...]:
    """Return the allowed choices, the chosen one first, the rest by cost."""
    order = sorted((i for i in solved.allowed if i != solved.chosen), key=lambda i: solved.costs[i])
    return tuple(_choice(solved, i) for i in (solved.chosen, *order))


def _choice(solved: Solved, i: int) -> Choice:
    """Return candidate ``i`` as a choice; none is said to cost less than the chosen."""
    candidate = solved.candidates[i]
    return Choice(
        mode=candidate.mode,
        power_w=candidate.power_w,
        export_limit_w=export_limit_w(solved.problem, 0, candidate.mode),
        costs_more=max(solved.costs[i] - solved.costs[solved.chosen], 0.0),
    )


def export_limit_w(problem: Problem, t: int, mode: Mode) -> float | None:
    """Return 0 where selling costs money, PV may be left over and the inverter can be told; else None.

    None for a discharge too: what is sold on purpose is not held back.
    """
    if mode is Mode.DISCHARGE:
        return None
    sunny = max(row[t] for row in problem.pv) * _W > SUN_W
    return 0.0 if problem.cut == kernel.CUT_SURPLUS and problem.sell[t] < 0.0 and sunny else None


def _exportable_after(problem: Problem, power: float) -> float:
    """Return what of PV origin is stored after the first slot [kWh]."""
    if problem.exportable >= ANY_ORIGIN:
        return problem.exportable
    net = problem.expected_load[0] - problem.expected_pv[0]
    hours, limits = problem.hours[0], problem.limits
    if power > 0.0:
        return problem.exportable + min(power, max(-net, 0.0)) * limits[2] * hours
    return max(problem.exportable - max(-power - max(net, 0.0), 0.0) * hours / limits[3], 0.0)


def _planned_slot(
    problem: Problem,
    values: ValueFunction,
    candidate: Candidate,
    t: int,
    battery: float,
    level: Sequence[float],
    outlook: Outlook,
) -> PlannedSlot:
    load, pv, hours = problem.expected_load[t], problem.expected_pv[t], problem.hours[t]
    limit_w = export_limit_w(problem, t, candidate.mode)
    grid = load - pv + battery
    least = -problem.limits[5] if limit_w is None else -limit_w / _W
    curtailed = min(max(least - grid, 0.0), pv)
    start = problem.starts[t]
    cost = kernel.net_cost(grid + curtailed, problem.buy[t], problem.sell[t], problem.limits[4])
    known = outlook.published_until
    return PlannedSlot(
        start=start,
        end=problem.ends[t],
        mode=candidate.mode,
        power_w=candidate.power_w,
        export_limit_w=limit_w,
        load_w=load * _W,
        pv_w=pv * _W,
        battery_w=-battery * _W,
        grid_w=(grid + curtailed) * _W,
        curtailed_w=curtailed * _W,
        soc_pct=100.0 * float(level[t + 1]) / problem.store[0],
        import_per_kwh=problem.buy[t],
        export_per_kwh=problem.sell[t],
        price_estimated=known is None or start >= known,
        cost=(cost + problem.home.wear_per_kwh * abs(battery)) * hours,
        stored_value_per_kwh=float(
            kernel_modes.marginal(
                values.value, values.length, values.first[t], values.count[t], level[t] - values.bottom[t]
            )
        ),
    )


def _broken_limits(problem: Problem) -> tuple[str, ...]:
    """Return what no plan can keep."""
    over = [t for t, load in enumerate(problem.expected_load) if load - problem.limits[1] > problem.limits[4]]
    if not over:
        return ()
    first = problem.starts[over[0]]
    return (f"import limit: the load alone is expected above it from {first:%Y-%m-%d %H:%M} UTC on, battery or not",)
