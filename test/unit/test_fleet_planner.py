"""A fleet's plans are the single homes' plans: by the same kernel, compiled or plain, whoever shares a call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hems.fleet import batch_kernel as kernel
from hems.fleet import planner
from hems.fleet.grid_pass import open_homes
from hems.fleet.homes import HomeChunk
from hems.fleet.planner import plan_blocks, plan_chunk
from hems.planning.compiled import PLAIN, Kernel
from hems.planning.kernel import NO_GRID_CHARGE, grid_cost
from hems.planning.kernel_rolling import fill_tube
from hems.planning.problem import PlanningOptions, settings_of
from support.backtests import HOME
from support.fleet_cases import random_chunk
from support.oracle import optimum
from support.planner_cases import Case, run_exact


def case_of(chunk: HomeChunk, home: int) -> Case:
    """Return one home of a chunk as the planner's tests take it."""
    numbers, wholes = chunk.numbers[home], chunk.wholes[home]
    slots = int(wholes[kernel.SLOTS])
    buy, sell = chunk.buy[wholes[kernel.PRICES]][:slots], chunk.sell[wholes[kernel.PRICES]][:slots]
    mean = float(buy.mean()) * numbers[kernel.CHARGE_EFFICIENCY] * numbers[kernel.DISCHARGE_EFFICIENCY]
    low, high = np.zeros(slots + 1), np.zeros(slots + 1)
    kernel.fill_home(numbers, int(wholes[kernel.LOCK]), np.full(slots, numbers[kernel.HOURS]), slots, low, high)
    width = float(high[-1] - low[-1])
    return Case(
        load=chunk.load_w[home, :slots] / 1000.0, pv=chunk.pv_w[home, :slots] / 1000.0, buy=buy, sell=sell,
        hours=np.full(slots, numbers[kernel.HOURS]), wear=np.full(slots, numbers[kernel.WEAR]),
        low=low, high=high,
        stored=float(numbers[kernel.STORED]),
        limits=tuple(float(n) for n in numbers[[1, 2, 3, 4, 5, 6]]),  # type: ignore[arg-type]
        cut=int(wholes[kernel.CUT]), lock=np.full(slots, wholes[kernel.LOCK]),
        end=((max(mean - 2.0 * numbers[kernel.WEAR], 0.0), width),),
    )  # fmt: skip


def with_negative_prices(chunk: HomeChunk) -> HomeChunk:
    return replace(chunk, buy=chunk.buy - 0.9, sell=chunk.sell - 0.6)


@pytest.mark.parametrize("is_negative", [False, True])
def test_every_home_gets_the_plan_it_would_get_alone(is_negative: bool) -> None:
    chunk = random_chunk(12, 96, seed=3)
    if is_negative:
        chunk = with_negative_prices(chunk)
    wholes = chunk.wholes.copy()
    wholes[::3, kernel.SLOTS] = 50  # rows of a chunk need not be of one length
    wholes[1::4, kernel.LOCK] = 3
    wholes[2::5, kernel.CUT] = 0
    chunk = replace(chunk, wholes=wholes)
    planned = plan_blocks(chunk, 1, 1)
    for home in range(len(chunk)):
        case = case_of(chunk, home)
        alone = run_exact(PLAIN, case)
        slots, figures = len(case), planned.figures[home]
        worth = case.end[0][0]
        net = figures[kernel.COST] - worth * figures[kernel.STORED_CHANGE]
        expected = alone.cost + case.end_worth(case.stored)
        idle = case.cost(np.zeros(slots)) + case.end_worth(case.stored)
        assert net == pytest.approx(min(expected, idle), abs=1e-9)
        assert net - figures[kernel.GAP] == pytest.approx(expected - alone.gap, abs=1e-9)
        assert figures[kernel.IDLE_COST] == pytest.approx(idle, abs=1e-9)
        if expected < idle - 1e-9:
            assert planned.battery_w[home, :slots] == pytest.approx(-1000.0 * case.power(alone.change), abs=1e-3)
        assert np.isnan(planned.battery_w[home, slots:]).all()
        assert case.violation(_change(case, planned.battery_w[home, :slots])) < 1e-5


def _change(case: Case, battery_w: np.ndarray) -> np.ndarray:
    kwh = -np.asarray(battery_w, np.float64) / 1000.0 * case.hours
    return np.where(kwh > 0.0, kwh * case.limits[2], kwh / case.limits[3])


def test_plans_are_optimal_by_another_solver() -> None:
    chunk = random_chunk(4, 96, seed=8)
    planned = plan_chunk(chunk)
    for home in range(4):
        case = case_of(chunk, home)
        figures = planned.figures[home]
        net = figures[kernel.COST] - case.end[0][0] * figures[kernel.STORED_CHANGE] - case.end_worth(case.stored)
        assert net == pytest.approx(optimum(case).cost, abs=1e-7)
        assert figures[kernel.GAP] == 0.0


def test_threads_and_order_change_nothing() -> None:
    chunk = random_chunk(37, 96, seed=4)
    one, many = plan_chunk(chunk, 1), plan_chunk(chunk, 2)
    assert (one.battery_w == many.battery_w).all()
    assert (one.soc_pct == many.soc_pct).all()
    assert (one.figures == many.figures).all()
    assert one.totals_kw == pytest.approx(many.totals_kw, abs=1e-9)


def test_without_numba_the_plain_kernel_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = random_chunk(5, 48, seed=5)
    compiled = plan_chunk(chunk)
    monkeypatch.setattr(planner, "fleet_kernel", lambda: Kernel(kernel, is_compiled=False))
    plain = plan_chunk(chunk, 2)
    assert plain.figures == pytest.approx(compiled.figures, abs=1e-12)
    assert plain.battery_w == pytest.approx(compiled.battery_w, abs=1e-3)
    assert plain.totals_kw == pytest.approx(compiled.totals_kw, abs=1e-9)


def test_where_there_is_too_little_room_more_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = random_chunk(6, 96, seed=6)
    roomy = plan_chunk(chunk)
    monkeypatch.setattr(planner, "PIECES_PER_SLOT", -5)  # 120 pieces in all
    narrow = plan_chunk(chunk, 2)
    assert (narrow.figures == roomy.figures).all()
    assert narrow.totals_kw == pytest.approx(roomy.totals_kw, abs=1e-9)


def test_totals_are_what_the_powers_say() -> None:
    chunk = random_chunk(9, 96, seed=7)
    planned = plan_chunk(chunk, 2)
    net = (chunk.load_w - chunk.pv_w - planned.battery_w) / 1000.0
    least = np.maximum(net, -chunk.numbers[:, kernel.EXPORT, None]).sum(axis=0)
    assert planned.totals_kw[kernel.PLANNED] == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize("sell", [0.3, -0.3])
@pytest.mark.parametrize("cut", [0, 1])
def test_what_flows_is_what_the_kernel_prices(sell: float, cut: int) -> None:
    limits = (5.0, 5.0, 0.95, 0.95, 11.0, 4.0)
    for load, pv, power in ((1.0, 3.0, 0.5), (1.0, 9.0, -2.0), (3.0, 0.0, 2.0), (0.5, 8.0, -4.0)):
        if load + power < -limits[5]:
            continue
        net = kernel.net_power(load - pv + power, load + power, sell, limits[5], cut)
        assert grid_cost(power, load, pv, 0.8, sell, limits, cut) == pytest.approx(
            0.8 * max(net, 0) - sell * max(-net, 0)
        )


def test_a_home_without_a_battery_is_planned_as_idle() -> None:
    planned = plan_chunk(random_chunk(3, 24, battery_kwh=0.0))
    assert (planned.battery_w == 0.0).all()
    assert (planned.figures[:, kernel.COST] == planned.figures[:, kernel.IDLE_COST]).all()


def test_an_open_certificate_gets_a_second_plan_near_the_proven_optimum() -> None:
    chunk = with_negative_prices(random_chunk(8, 48, seed=3))
    first, planned = plan_blocks(chunk, 1, 1), plan_chunk(chunk)
    again = open_homes(first.figures)
    assert planned.planned_again == len(again) > 3
    bettered = 0
    for home in range(len(chunk)):
        case, before, after = case_of(chunk, home), first.figures[home], planned.figures[home]
        worth = case.end[0][0]
        nets = [each[kernel.COST] - worth * each[kernel.STORED_CHANGE] for each in (before, after)]
        assert nets[1] <= nets[0] + 1e-9
        bettered += nets[1] < nets[0] - 1e-3
        bound = nets[0] - before[kernel.GAP]  # what is proven stays proven
        assert nets[1] - after[kernel.GAP] == pytest.approx(bound, abs=1e-9)
        change = _change(case, planned.battery_w[home])
        assert case.violation(change) < 1e-4
        assert case.cost(change) + case.end_worth(case.stored) == pytest.approx(nets[1], abs=1e-4)
        assert planned.soc_pct[home] == pytest.approx(
            100.0 * (case.stored + np.cumsum(change)) / chunk.numbers[home, kernel.CAPACITY], abs=1e-3
        )
        best = optimum(case).cost + case.end_worth(case.stored)
        assert bound - 1e-6 <= best <= nets[1] + 1e-6
        assert nets[1] - best <= 0.005 * (after[kernel.IDLE_COST] - best) + 1e-3
    assert bettered
    kw = (chunk.load_w - chunk.pv_w - planned.battery_w) / 1000.0
    least = np.maximum(kw, -chunk.numbers[:, kernel.EXPORT, None])
    most = np.minimum((chunk.load_w - planned.battery_w) / 1000.0, 0.0)
    net = np.where(chunk.sell[0] < 0.0, np.maximum(least, most), least)
    assert planned.totals_kw[kernel.PLANNED] == pytest.approx(net.sum(axis=0), abs=1e-4)


def test_everyday_prices_need_no_second_plan() -> None:
    assert plan_chunk(random_chunk(20, 96, seed=2)).planned_again == 0


@pytest.mark.parametrize(("soc_pct", "hours"), [(8.0, 2.0), (3.0, 1.25)])
def test_a_battery_below_its_reserve_is_brought_back_as_the_service_does(soc_pct: float, hours: float) -> None:
    chunk = random_chunk(3, 48, seed=9, soc_pct=soc_pct, floor_pct=5.0, reserve_pct=50.0, battery_kwh=12.0)
    falling = 5.0 - 0.1 * np.arange(48)  # it would rather wait
    chunk = replace(chunk, buy=np.where(np.arange(48) < 12, falling, chunk.buy))
    planned = plan_chunk(chunk)
    home = replace(
        HOME, capacity_wh=12_000.0, floor_pct=5.0, reserve_pct=50.0, charge_max_w=5_000.0, charge_efficiency=0.95
    )
    slots, low, high = 48, [0.0] * 49, [0.0] * 49
    spans = [0.25] * slots
    fill_tube(0.12 * soc_pct, 6.0, 12.0, spans, slots, settings_of(home, PlanningOptions()), low, high)
    for row in range(3):
        case = case_of(chunk, row)
        assert case.low == pytest.approx(low)
        assert case.high == pytest.approx(high)
        figures = planned.figures[row]
        left = case.stored + figures[kernel.STORED_CHANGE] - case.low[-1]
        assert figures[kernel.COST] - case.end[0][0] * left == pytest.approx(optimum(case).cost, abs=1e-6)
        assert planned.soc_pct[row, round(hours * 4.0) - 1] >= 49.9
        assert planned.soc_pct[row, : round(hours * 4.0) - 2].max() < 49.9  # no sooner than it has to be
    kept_out = replace(chunk, wholes=chunk.wholes.copy())
    kept_out.wholes[:, kernel.LOCK] = NO_GRID_CHARGE
    assert plan_chunk(kept_out).soc_pct[:, 7].max() < 49.9  # nothing out of the grid, not even for the reserve
