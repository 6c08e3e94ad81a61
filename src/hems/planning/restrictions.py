"""Two rules that one state of charge cannot hold: energy from the grid is not sold, and a day has its cycles.

Both are kept by planning again with the slots barred, or the wear raised, where the free plan breaks them. The free
plan remains the bound that the certificate speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hems.domain.command import Mode
from hems.domain.units import kwh_from_wh
from hems.planning.kernel import FREE
from hems.planning.kernel_modes import ANY_ORIGIN
from hems.planning.problem import Problem
from hems.planning.solver import Solver

DEAREST_WEAR = 5.0
"""Added wear [money/kWh] at which no price makes a battery move."""

HALVINGS = 8

NO_CAP = 1e9
"""What a day may take out of a battery without a cap [kWh]."""


def origin_locks(solver: Solver, problem: Problem, wear: Sequence[float]) -> list[int]:
    """Return what each slot's battery may not do, so that no energy from the grid leaves the house again.

    The stored energy is followed by origin through the plan: see `kernel_rolling.lawful_locks`.
    """
    if problem.exportable >= ANY_ORIGIN:
        return [FREE] * len(problem)
    return solver.lawful(problem, wear)


def wear_for_cycles(solver: Solver, problem: Problem) -> list[float]:
    """Return the wear per slot [money/kWh], raised on days whose plan would exceed the cap of cycles.

    The added wear is what a kWh of cycling is worth at the cap: found by halving, day by day. Swings of equal worth
    cannot be told apart by it, so the cap itself is kept by ``discharge_left``.
    """
    wear = list(problem.wear)
    if problem.home.cycles_per_day_max is None:
        return wear
    # The last day first: what a later day's cap makes of stored energy is what the earlier one has to know.
    for day, left in reversed(list(zip(days_of(problem), discharge_left(problem), strict=True))):
        if _discharged(solver, problem, wear, day) > left:
            least, most = 0.0, DEAREST_WEAR
            for _ in range(HALVINGS):
                added = (least + most) / 2.0
                tried = [w + added if t in day else w for t, w in enumerate(wear)]
                if _discharged(solver, problem, tried, day) > left:
                    least = added
                else:
                    most = added
            wear = [w + least if t in day else w for t, w in enumerate(wear)]
    return wear


def discharge_left(problem: Problem) -> list[float]:
    """Return what each local day of the horizon may still take out of the battery [kWh, delivered]."""
    cap = problem.home.cycles_per_day_max
    days = len(days_of(problem))
    if cap is None or Mode.HOLD not in problem.home.modes:  # without a hold nothing can keep it from the house
        return [NO_CAP] * days
    whole = cap * kwh_from_wh(problem.home.capacity_wh)
    return [max(whole - kwh_from_wh(problem.home.discharged_today_wh), 0.0), *[whole] * (days - 1)]


def _discharged(solver: Solver, problem: Problem, wear: Sequence[float], day: range) -> float:
    """Return what the plan takes out of the battery on ``day`` [kWh, delivered]."""
    change = solver.exact(problem, problem.expected_load, problem.expected_pv, None, wear).change
    return sum(-change[t] * problem.limits[3] for t in day if change[t] < 0.0)


def days_of(problem: Problem) -> list[range]:
    """Return the slots of each local day of the horizon."""
    edges = [0]
    ends: Sequence[datetime] = problem.day_ends
    for end in ends:
        index = next((t for t, start in enumerate(problem.starts) if start >= end), len(problem))
        if edges[-1] < index < len(problem):
            edges.append(index)
    return [range(a, b) for a, b in zip(edges, [*edges[1:], len(problem)], strict=True)]
