"""A common limit: as good as HiGHS with the whole at once, certified, and priced where it cannot be kept."""

from __future__ import annotations

import numpy as np
import pytest

from hems.fleet import batch_kernel as kernel
from hems.fleet.feeder import Coordination, Limit, Response, coordinate, excess_kw
from hems.fleet.feeder_chunks import mix, respond
from hems.fleet.homes import FloatArray, HomeChunk, PlannedChunk
from hems.fleet.interior_point import solve
from support.fleet_cases import random_chunk, whole_optimum


def kept(chunk: HomeChunk, limit: Limit) -> tuple[Coordination, PlannedChunk, float, float]:
    """Return the coordination, the plans, what they cost with their excess, and what batteries save without a limit."""
    groups = len(chunk)
    first = respond(chunk, groups)
    idle = Response(cost=first.idle_cost, bound=first.idle_cost, net_kw=first.idle_kw)

    def ask(price: FloatArray) -> Response:
        answer = respond(chunk.priced(price), groups)
        return Response(cost=answer.cost, bound=answer.bound, net_kw=answer.net_kw)

    found = coordinate(ask, idle, limit)
    plans = mix(chunk, found.prices, found.weights)
    figures = plans.figures
    cost = float((figures[:, kernel.COST] - figures[:, kernel.STORED_CHANGE] * figures[:, kernel.STORED_WORTH]).sum())
    cost += float(excess_kw(plans.totals_kw[0], limit).sum()) * limit.hours * limit.excess_per_kwh
    return found, plans, cost, float(idle.cost.sum() - first.cost.sum())


@pytest.mark.parametrize(("homes", "kw", "seed"), [(20, 12.0, 0), (20, 25.0, 2), (5, 2.0, 4)])
def test_within_half_a_percent_of_the_whole(homes: int, kw: float, seed: int) -> None:
    chunk = random_chunk(homes, 96, seed)
    limit = Limit(kw=kw, hours=0.25)
    found, plans, cost, saving = kept(chunk, limit)
    best = whole_optimum(chunk, kw, limit.excess_per_kwh)
    assert found.bound <= best + 1e-6 <= cost + 2e-6
    assert cost - best <= 0.005 * saving
    assert cost - found.bound <= 0.005 * saving
    assert excess_kw(plans.totals_kw[0], limit).max() <= 1e-3
    assert np.abs(plans.totals_kw[1]).max() > 1.5 * kw  # idle batteries break it


def test_each_home_keeps_its_own_limits() -> None:
    chunk = random_chunk(12, 96, 3)
    _, plans, _, _ = kept(chunk, Limit(kw=8.0, hours=0.25))
    numbers = chunk.numbers
    stored = plans.soc_pct / 100.0 * numbers[:, kernel.CAPACITY, None]
    assert (stored >= numbers[:, kernel.LOW, None] - 1e-4).all()
    assert (stored <= numbers[:, kernel.HIGH, None] + 1e-4).all()
    assert (-plans.battery_w <= 1000.0 * numbers[:, kernel.CHARGE, None] + 0.1).all()
    assert (plans.battery_w <= 1000.0 * numbers[:, kernel.DISCHARGE, None] + 0.1).all()


def test_a_limit_that_no_plan_can_keep_is_priced_not_infeasible() -> None:
    chunk = random_chunk(6, 48, 5, battery_kwh=1.0, soc_pct=10.0)
    limit = Limit(kw=1.0, hours=0.25)
    found, plans, cost, _ = kept(chunk, limit)
    best = whole_optimum(chunk, 1.0, limit.excess_per_kwh)
    assert excess_kw(plans.totals_kw[0], limit).max() > 1.0
    assert np.abs(found.limit_price).max() == pytest.approx(limit.excess_per_kwh, rel=0.2)
    assert found.bound <= best + 1e-6
    assert cost - best <= 0.01 * abs(best)


def test_a_limit_that_nobody_reaches_costs_nothing() -> None:
    chunk = random_chunk(6, 48, 6)
    found, plans, cost, _ = kept(chunk, Limit(kw=1000.0, hours=0.25))
    free = respond(chunk, 6)
    assert (found.limit_price == 0.0).all()
    assert cost == pytest.approx(float(free.cost.sum()), abs=1e-4)
    assert np.abs(plans.totals_kw[0]).max() < 1000.0


def test_negative_prices_and_hollow_costs_keep_the_bound_honest() -> None:
    chunk = random_chunk(8, 48, 7, curtail=0.0)
    found, _, cost, _ = kept(chunk, Limit(kw=6.0, hours=0.25))
    assert found.bound <= cost + 1e-6
    assert np.isfinite(found.bound)


def test_the_small_solver_agrees_with_what_is_known() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a = np.concatenate([rng.normal(size=(4, 9)), np.ones((1, 9))])
        x = rng.uniform(0.1, 1.0, 9)
        b, c = a @ x, rng.uniform(0.1, 1.0, 9)
        found, y = solve(a, b, c, 1e-9)
        assert a @ found == pytest.approx(b, abs=1e-6)
        assert (found >= -1e-12).all()
        assert (a.T @ y <= c + 1e-6).all()  # so b y bounds every solution from below
        assert c @ found == pytest.approx(b @ y, abs=1e-6)
