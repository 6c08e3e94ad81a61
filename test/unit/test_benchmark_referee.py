"""The referee of the benchmark: by hand, against the referee of the tests, and that it sees what is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hems.backtest.peers.question import PlanQuestion
from hems.domain.outlook import HomeModel
from hems.planning.compiled import PLAIN
from hems.planning.solver import Solver
from support.oracle import optimum
from support.planner_cases import KINDS, random_case

HOME = HomeModel(
    capacity_wh=10_000.0,
    floor_pct=10.0,
    reserve_pct=10.0,
    ceiling_pct=100.0,
    charge_max_w=5_000.0,
    discharge_max_w=5_000.0,
    charge_efficiency=0.9,
    discharge_efficiency=0.8,
    wear_per_kwh=0.05,
    import_max_w=4_000.0,
    export_max_w=2_000.0,
)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
    from benchmarks.referee import judge

    return judge


def one_slot(load: float, pv: float, buy: float, sell: float) -> PlanQuestion:
    rows = {"load_kw": load, "pv_kw": pv, "buy_per_kwh": buy, "sell_per_kwh": sell}
    return PlanQuestion(**{name: np.array([value]) for name, value in rows.items()}, slot_hours=1.0, end_value=0.5)


@pytest.mark.parametrize(
    ("load", "pv", "buy", "sell", "battery", "cost"),
    [
        (1.0, 0.0, 0.8, 0.2, 0.0, 0.8),  # bought
        (1.0, 2.5, 0.8, 0.2, 0.0, -0.3),  # sold
        (1.0, 2.5, 0.8, -0.2, 0.0, 0.0),  # cut rather than paid for
        (1.0, 2.5, -0.5, -0.7, 0.0, -0.5),  # all PV cut where buying is paid for
        (1.0, 9.0, 0.8, 0.2, 0.0, -0.4),  # cut above the export limit of 2 kW
        (1.0, 0.0, 0.8, 0.2, 2.0, 2.4 + 0.1),  # charged, with wear
        (1.0, 0.0, 0.8, 0.2, -1.0, 0.05),  # discharged into the house
        (6.0, 0.0, 0.5, 0.2, 0.0, 4 * 0.5 + 2 * 50.0),  # above the fuse
        (1.0, 5.0, -0.5, 0.3, 4.0, -2.0 + 0.2),  # paid to import up to the fuse
    ],
)
def test_one_slot_by_hand(
    judge: Any, load: float, pv: float, buy: float, sell: float, battery: float, cost: float
) -> None:
    verdict = judge(HOME, one_slot(load, pv, buy, sell), 4.0, np.array([battery]))
    left = 4.0 + (battery * 0.9 if battery > 0.0 else battery / 0.8)
    assert verdict.left_kwh == pytest.approx(left)
    assert verdict.cost == pytest.approx(cost - 0.5 * left)
    assert (verdict.broken_kw, verdict.broken_kwh) == (0.0, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_the_referee_of_the_tests(judge: Any, kind: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        case = random_case(rng, kind, 24)
        case = replace(
            case, hours=np.full(24, 0.25), wear=np.full(24, 0.05), limits=(5.0, 5.0, 0.9, 0.8, 4.0, 2.0), cut=2,
            low=np.full(25, 1.0), high=np.full(25, 10.0), stored=5.0, end=((0.5, 9.0),),
        )  # fmt: skip
        power = rng.uniform(-2.0, 2.0, 24)
        change = np.where(power > 0.0, power * 0.9, power / 0.8) * 0.25
        asked = PlanQuestion(
            load_kw=case.load, pv_kw=case.pv, buy_per_kwh=case.buy, sell_per_kwh=case.sell, slot_hours=0.25,
            end_value=0.5,
        )  # fmt: skip
        verdict = judge(HOME, asked, 5.0, power)
        left = 5.0 + change.sum()
        above_bottom = case.end_worth(left) if left >= 1.0 else 0.0
        assert verdict.cost == pytest.approx(case.cost(change) + above_bottom - 0.5 * left)


@pytest.mark.parametrize(
    ("battery", "broken_kw", "broken_kwh"),
    [
        ([-5.5], 2.5, 5.875),  # more than the battery gives, the export limit takes and the window holds
        ([5.5], 0.5, 0.0),
        ([5.0, 5.0], 0.0, 1.0),
        ([-2.0, -2.0], 0.0, 4.0),
        ([-3.0], 0.0, 2.75),
        ([0.0, 0.0], 0.0, 0.0),
    ],
)
def test_says_what_is_broken(judge: Any, battery: list[float], broken_kw: float, broken_kwh: float) -> None:
    slots = len(battery)
    rows = {name: np.full(slots, 1.0) for name in ("load_kw", "buy_per_kwh", "sell_per_kwh")}
    asked = PlanQuestion(**rows, pv_kw=np.zeros(slots), slot_hours=1.0, end_value=0.0)
    verdict = judge(HOME, asked, 2.0, np.array(battery))
    assert verdict.broken_kw == pytest.approx(broken_kw)
    assert verdict.broken_kwh == pytest.approx(broken_kwh)


@pytest.mark.parametrize("kind", ["convex", "negative"])
def test_our_plan_of_the_benchmark_costs_what_highs_proves(judge: Any, kind: str) -> None:
    from benchmarks import beside_emhass as beside
    from benchmarks.planner import everyday_home

    solver = Solver(PLAIN)
    for number in range(3):
        case = replace(everyday_home(np.random.default_rng(number), kind, 24), cut=2)
        asked = PlanQuestion(
            load_kw=case.load, pv_kw=case.pv, buy_per_kwh=case.buy, sell_per_kwh=case.sell, slot_hours=0.25,
            end_value=0.45,
        )  # fmt: skip
        plan = beside.plan_ours(solver, asked, case.stored)
        verdict = judge(beside.HOME, asked, case.stored, plan.battery_kw)
        idle = judge(beside.HOME, asked, case.stored, np.zeros(24))
        best = optimum(case).cost - 0.45 * 1.0  # the tests' referee counts what is left above the floor of 1 kWh only
        assert max(verdict.broken_kw, verdict.broken_kwh) < 1e-9
        assert -1e-6 < verdict.cost - best < max(0.002 * (idle.cost - best), 1e-6)


def test_emhass_is_judged_by_the_faster_of_its_times_and_promises_by_their_kind(judge: Any) -> None:
    from benchmarks import beside_emhass as beside

    from hems.backtest.peers.question import PeerPlan

    def peer(seconds: float) -> PeerPlan:
        return PeerPlan(
            battery_kw=np.zeros(1), status="Optimal", is_built_anew=False, seconds=seconds, build_seconds=0.0,
            solver_seconds=seconds,
        )  # fmt: skip

    ours = beside.OurPlan(battery_kw=np.zeros(1), seconds=0.001, kernel_seconds=0.0005, by_grid=False)
    slow = replace(ours, seconds=0.1, by_grid=True)
    verdict = judge(HOME, one_slot(1.0, 0.0, 0.8, 0.2), 4.0, np.zeros(1))
    dearer = replace(verdict, cost=verdict.cost + 0.5)
    rounds = [
        beside.Round(plain=slow, compiled=ours, first=peer(0.9), again=peer(0.4), ours=verdict, theirs=dearer),
        beside.Round(plain=slow, compiled=ours, first=peer(0.6), again=peer(0.8), ours=dearer, theirs=verdict),
        beside.Round(plain=slow, compiled=slow, first=peer(5.0), again=peer(5.0), ours=verdict, theirs=None),
    ]
    found = beside.summary(rounds)
    assert found["times_longer"] == pytest.approx(600.0)
    assert found["times_longer_where_exact"] == pytest.approx(500.0)
    assert found["times_longer_by_grid"] == pytest.approx(50.0)
    assert (found["theirs_dearer"], found["ours_dearer"], found["without_plan"], found["by_grid"]) == (1, 1, 1, 1)
    everyday = {"prices": beside.KINDS["convex"], "slots": 192} | found
    assert beside.broken_promises([everyday]) == ("everyday, T = 192: 1 plans of ours cost more",)
    slower = everyday | {"ours_dearer": 0, "times_longer": 499.0, "prices": beside.KINDS["negative"]}
    assert beside.broken_promises([slower]) == ("negative at times, T = 192: 499 times shorter, promised 500",)


@pytest.mark.parametrize("homes", [100, 500, 1_234])
def test_a_fleet_of_the_benchmark_has_its_homes_in_chunks(judge: Any, homes: int) -> None:
    from benchmarks.fleet import CHUNK, fleet_of, random_chunks

    fleet = fleet_of(random_chunks(8, 0), homes)
    assert sum(len(chunk) for chunk in fleet) == homes
    assert all(len(chunk) == CHUNK for chunk in fleet[:-1])
    assert fleet[-1].load_w.shape == (len(fleet[-1]), 8)
    assert [chunk.number for chunk in fleet] == list(range(len(fleet)))
