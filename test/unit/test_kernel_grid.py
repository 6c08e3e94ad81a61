"""The grid programme: slot costs as the kernel's, near the proven optimum at hard prices, limits kept, V a true V."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hems.planning.compiled import PLAIN
from hems.planning.grid_programme import GridPlan, _Slots, grid_plan
from hems.planning.kernel import grid_cost, power_range
from hems.planning.kernel_modes import worth
from support.oracle import optimum
from support.planner_cases import KINDS, Case, random_case, run_exact, run_scenarios


def grid_case(seed: int | list[int], kind: str, slots: int) -> Case:
    """Return a random case with one worth for all that is left."""
    case = random_case(np.random.default_rng(seed), kind, slots)
    return replace(case, end=((case.end[0][0], float(case.high[-1] - case.low[-1])),))


def planned(case: Case, **options: Any) -> GridPlan:
    """Plan ``case`` on the grid."""
    return grid_plan(
        case.load, case.pv, case.buy, case.sell, case.hours, case.wear, case.low, case.high, case.stored, case.limits,
        case.cut, case.lock, case.end[0][0], **options,
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_the_cost_of_a_slot_is_the_kernels(kind: str, seed: int) -> None:
    case = random_case(np.random.default_rng(seed), kind, 12)
    slots = _Slots(case.load, case.pv, case.buy, case.sell, case.hours, case.wear, case.limits, case.cut, case.lock)
    for t in range(12):
        least, most = power_range(case.load[t], case.pv[t], case.limits, int(case.lock[t]))
        assert (slots.least[t, 0], slots.most[t, 0]) == pytest.approx((least, most))
        powers = np.linspace(least, most, 60)
        stored = np.where(powers > 0.0, powers * case.limits[2], powers / case.limits[3]) * case.hours[t]
        row = (case.load[t], case.pv[t], case.buy[t], case.sell[t], case.limits, case.cut)
        expected = [(grid_cost(p, *row) + case.wear[t] * abs(p)) * case.hours[t] for p in powers.tolist()]
        assert slots.cost(stored[np.newaxis], slice(t, t + 1))[0] == pytest.approx(np.array(expected), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_a_grid_plan_keeps_every_limit_and_is_near_the_proven_optimum(kind: str, seed: int) -> None:
    case = grid_case([seed, 11], kind, [2, 6, 12, 24][seed % 4])
    plan, best = planned(case), optimum(case)
    assert case.violation(plan.change) <= 1e-9
    bottom = case.end[0][0] * float(case.low[-1])  # the referee counts what is above the tube's bottom
    assert plan.cost == pytest.approx(case.cost(plan.change) - bottom, abs=1e-9)
    saving = case.cost(np.zeros(len(case))) - best.cost
    assert plan.cost + bottom >= best.bound - 1e-6
    near = max(0.002 * saving, 0.001, 1e-5 * abs(best.cost))  # a blown fuse costs hundreds
    assert plan.cost + bottom - best.cost <= near


@pytest.mark.parametrize("seed", range(8))
def test_where_costs_are_convex_the_worth_is_the_exact_one(seed: int) -> None:
    case = grid_case([seed, 12], "convex", 24)
    plan, exact = planned(case), run_exact(PLAIN, case)
    step = float(case.high.max() - case.low.min()) / 400
    for t in range(25):
        width = float(case.high[t] - case.low[t])
        assert plan.length[plan.first[t] : plan.first[t] + plan.count[t]].sum() == pytest.approx(width, abs=1e-9)
        steepest = max((abs(slope) for slope, _ in exact.marginals(t)), default=0.0)
        for share in (0.2, 0.5, 1.0):
            mine = worth(plan.value, plan.length, plan.first[t], plan.count[t], share * width)
            assert mine == pytest.approx(exact.worth(t, share * width), abs=0.0005 * width + 2.0 * steepest * step)


@pytest.mark.parametrize("levels", [2, 11, 101, 401, 1001])
def test_more_levels_come_nearer_and_every_one_keeps_the_limits(levels: int) -> None:
    case = grid_case(3, "negative", 24)
    plan = planned(case, levels=levels)
    assert case.violation(plan.change) <= 1e-9
    assert planned(case, levels=1001).cost <= plan.cost + 1e-3


def test_scenarios_are_averaged_slot_by_slot() -> None:
    """Either the load is 0 and a stored kWh is worth nothing, or it is 2 and saves 1 PLN: on average half."""
    case = replace(
        grid_case(0, "convex", 1), load=np.ones(1), pv=np.zeros(1), buy=np.ones(1), sell=np.zeros(1), hours=np.ones(1),
        wear=np.zeros(1), low=np.zeros(2), high=np.full(2, 4.0), stored=4.0, limits=(1.0, 4.0, 1.0, 1.0, 11.0, 0.0),
        lock=np.zeros(1, np.int64), end=((0.0, 4.0),),
    )  # fmt: skip
    both = np.array([[0.0], [2.0]])
    plan = planned(replace(case, load=both, pv=np.zeros((2, 1))))
    assert worth(plan.value, plan.length, plan.first[0], plan.count[0], 1.0) == pytest.approx(0.5)
    assert worth(plan.value, plan.length, plan.first[0], plan.count[0], 4.0) == pytest.approx(1.0)
    assert plan.change.tolist() == pytest.approx([-1.0]), "the plan itself lives the mean load"


@pytest.mark.parametrize("seed", range(6))
def test_scenarios_are_worth_on_the_grid_what_the_kernel_finds(seed: int) -> None:
    case = grid_case([seed, 13], "convex", 24)
    floor = np.full(25, float(case.low.min()))  # what one scenario can reach, another might not
    case = replace(case, low=floor, end=((case.end[0][0], float(case.high[-1] - floor[0])),))
    spread = np.random.default_rng(seed).uniform(0.5, 1.5, (2, 3, 24))
    load, pv = case.load * spread[0], case.pv * spread[1]
    plan, exact = planned(replace(case, load=load, pv=pv)), run_scenarios(PLAIN, case, load, pv)
    step = float(case.high.max() - case.low.min()) / 400
    for t in (0, 6, 12, 23):
        width = float(case.high[t] - case.low[t])
        steepest = max((abs(slope) for slope, _ in exact.marginals(t)), default=0.0)
        for share in (0.2, 0.5, 1.0):
            mine = worth(plan.value, plan.length, plan.first[t], plan.count[t], share * width)
            assert mine == pytest.approx(exact.worth(t, share * width), abs=0.001 * width + 2.0 * steepest * step)


def test_equal_scenarios_are_the_one() -> None:
    case = grid_case(5, "negative", 24)
    three = planned(replace(case, load=np.tile(case.load, (3, 1)), pv=np.tile(case.pv, (3, 1))))
    one = planned(case)
    assert three.cost == pytest.approx(one.cost, abs=1e-6), "where two plans are as good, either may be taken"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"low": np.full(13, 2.0), "high": np.full(13, 2.0), "stored": 2.0}, id="no width"),
        pytest.param({"limits": (0.0, 0.0, 0.95, 0.95, 11.0, 8.0)}, id="no power"),
        pytest.param({"limits": (5.0, 5.0, 0.95, 0.95, 0.0, 0.0)}, id="no connection"),
    ],
)
def test_there_is_always_a_grid_plan(changed: dict[str, Any]) -> None:
    base = grid_case(6, "negative", 12)
    tube = {"low": np.full(13, 1.0), "high": np.full(13, 9.0), "stored": 5.0}
    case = replace(base, **(tube | changed))
    case = replace(case, end=((0.5, float(case.high[-1] - case.low[-1])),))
    plan = planned(case)
    assert case.violation(plan.change) <= 1e-9
    assert plan.cost + 0.5 * case.low[-1] == pytest.approx(optimum(case).cost, abs=0.01)


def test_a_tube_that_cannot_be_kept_is_come_near_to() -> None:
    case = replace(
        grid_case(6, "negative", 4), low=np.array([0.0, 9.0, 9.0, 9.0, 9.0]), high=np.full(5, 10.0), stored=0.0,
        limits=(2.0, 2.0, 1.0, 1.0, 50.0, 8.0), hours=np.ones(4), lock=np.zeros(4, np.int64),
    )  # fmt: skip
    assert planned(case).change.tolist() == pytest.approx([2.0, 2.0, 2.0, 2.0])
