"""Over all homes hypothesis can think of: plans are exact, keep their limits, and marginal values are true prices."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hems.planning.compiled import PLAIN
from hems.planning.grid_programme import grid_plan
from hems.planning.kernel import CUT_ALL, CUT_NOTHING, CUT_SURPLUS
from support.oracle import needs_binaries, optimum
from support.planner_cases import KINDS, Case, random_case, run_exact

powers = st.one_of(st.sampled_from([0.0, 1.0, 5.0]), st.floats(0.0, 20.0).map(lambda x: round(x, 4)))
prices = st.one_of(st.sampled_from([0.0, 0.3, 1.0]), st.floats(0.0, 3.0).map(lambda x: round(x, 4)))
signed_prices = st.one_of(prices, st.floats(-2.0, 2.0).map(lambda x: round(x, 4)))
seeds = st.integers(0, 2**32 - 1)


def rows_of(values: st.SearchStrategy[float], slots: int) -> st.SearchStrategy[Any]:
    return st.lists(values, min_size=slots, max_size=slots).map(np.array)


@st.composite
def cases(draw: st.DrawFn, *, convex: bool) -> Case:
    """Any home over a few slots, with a tube it can keep."""
    slots = draw(st.integers(1, 8))
    buy = draw(rows_of(prices if convex else signed_prices, slots))
    sell = draw(rows_of(prices if convex else signed_prices, slots))
    capacity = draw(st.sampled_from([0.0, 0.3, 5.0, 10.0]))
    stored = capacity * draw(st.floats(0.0, 1.0).map(lambda x: round(x, 3)))
    efficiency = st.sampled_from([0.7, 0.9, 0.95, 1.0])
    case = Case(
        load=draw(rows_of(powers, slots)), pv=draw(rows_of(powers, slots)), buy=buy,
        sell=np.minimum(buy, sell) if convex else sell,
        hours=draw(rows_of(st.sampled_from([0.001, 0.25, 1.0]), slots)),
        wear=draw(rows_of(st.sampled_from([0.0, 0.05, 0.3]), slots)),
        low=np.full(slots + 1, min(0.1 * capacity, stored)), high=np.full(slots + 1, max(0.9 * capacity, stored)),
        stored=stored,
        limits=(draw(powers), draw(powers), draw(efficiency), draw(efficiency), draw(powers), draw(powers)),
        cut=draw(st.sampled_from([CUT_NOTHING, CUT_SURPLUS, CUT_ALL])), lock=draw(rows_of(st.integers(0, 3), slots)),
        end=(),
    )  # fmt: skip
    return replace(case, end=((draw(prices), float(case.high[-1] - case.low[-1])),))


@given(cases(convex=True))
@settings(max_examples=60, deadline=None)
def test_every_convex_plan_is_exact_and_keeps_its_limits(case: Case) -> None:
    assume(not needs_binaries(case))
    run = run_exact(PLAIN, case)
    assert case.violation(run.change) <= 1e-9
    assert run.gap == 0.0
    best = optimum(case).cost
    assert run.cost == pytest.approx(best, rel=1e-12, abs=1e-9)


@given(cases(convex=False))
@settings(max_examples=30, deadline=None)
def test_at_any_price_there_is_a_plan_with_an_honest_certificate(case: Case) -> None:
    run = run_exact(PLAIN, case)
    assert np.isfinite(run.cost)
    assert case.violation(run.change) <= 1e-9
    best = optimum(case)
    assert best.bound - 1e-6 <= run.cost <= best.cost + run.gap + 1e-6


@given(cases(convex=False))
@settings(max_examples=30, deadline=None)
def test_at_any_price_the_grid_plan_keeps_its_limits_and_is_no_dearer_than_doing_nothing(case: Case) -> None:
    plan = grid_plan(
        case.load, case.pv, case.buy, case.sell, case.hours, case.wear, case.low, case.high, case.stored, case.limits,
        case.cut, case.lock, case.end[0][0], levels=101,
    )  # fmt: skip
    assert case.violation(plan.change) <= 1e-9
    assert case.cost(plan.change) <= case.cost(np.zeros(len(case))) + 1e-3 + 1e-5 * abs(case.cost(plan.change))


@given(seeds, st.sampled_from(KINDS))
@settings(max_examples=40, deadline=None)
def test_marginal_values_descend_and_fill_the_tube(seed: int, kind: str) -> None:
    case = random_case(np.random.default_rng(seed), kind, 24)
    run = run_exact(PLAIN, case)
    for t in range(25):
        pieces = run.marginals(t)
        assert all(a[0] >= b[0] for a, b in pairwise(pieces))
        assert sum(length for _, length in pieces) == pytest.approx(case.high[t] - case.low[t], abs=1e-9)


@given(seeds, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_the_worth_of_what_is_stored_is_what_the_optimum_differs_by(seed: int, share: float, other: float) -> None:
    case = random_case(np.random.default_rng(seed), "convex", 12)
    run = run_exact(PLAIN, case)
    width = float(case.high[0] - case.low[0])
    costs = [optimum(replace(case, stored=float(case.low[0]) + s * width)).cost for s in (share, other)]
    assert run.worth(0, share * width) - run.worth(0, other * width) == pytest.approx(costs[1] - costs[0], abs=1e-8)
