"""EMHASS as a peer: what it is told, what is made of its answer; and, where it is installed, that both agree."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from hems.backtest.peers import emhass
from hems.backtest.peers.question import PlanQuestion
from hems.domain.outlook import HomeModel
from support.oracle import optimum
from support.planner_cases import random_case

pd = pytest.importorskip("pandas")

HOME = HomeModel(
    capacity_wh=8_000.0,
    floor_pct=5.0,
    reserve_pct=20.0,
    ceiling_pct=95.0,
    charge_max_w=3_000.0,
    discharge_max_w=4_000.0,
    charge_efficiency=0.9,
    discharge_efficiency=0.8,
    wear_per_kwh=0.05,
    import_max_w=5_000.0,
    export_max_w=2_000.0,
)


def question(slots: int = 6, **other: Any) -> PlanQuestion:
    rows = {name: np.full(slots, 1.0) for name in ("load_kw", "pv_kw", "buy_per_kwh", "sell_per_kwh")}
    return PlanQuestion(**({"slot_hours": 0.25, "end_value": 0.4} | rows | other))


class FakeOptimization:
    """Stands for `emhass.optimization.Optimization`: keeps what it is told; discharges 2 kW, charges 1 kW."""

    built: ClassVar[list[FakeOptimization]] = []

    def __init__(self, sensors: Any, optim: Any, plant: Any, *names: Any, num_timesteps: int) -> None:
        self.sensors, self.optim_conf, self.plant, self.names = sensors, optim, plant, names
        self.slots = num_timesteps
        self.optim_status = "Optimal"
        self.prob = SimpleNamespace(solver_stats=SimpleNamespace(solve_time=0.125))
        self.asked: list[dict[str, Any]] = []
        self.rewards: list[float] = []
        FakeOptimization.built.append(self)

    def perform_naive_mpc_optim(self, prices: Any, pv: Any, load: Any, horizon: int, **ends: Any) -> Any:
        self.asked.append({"prices": prices, "pv": pv, "load": load, "horizon": horizon} | ends)
        self.rewards.append(self.optim_conf["battery_soc_final_reward_factor"])
        ends["stage_times"]["optim_solve.build"] = 0.001
        if self.optim_status != "Optimal":
            return pd.DataFrame({"optim_status": [self.optim_status] * horizon})
        return pd.DataFrame({"P_batt": [2000.0, -1000.0] * (horizon // 2)})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeOptimization]:
    FakeOptimization.built = []
    module = ModuleType("emhass.optimization")
    module.Optimization = FakeOptimization  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "emhass", ModuleType("emhass"))
    monkeypatch.setitem(sys.modules, "emhass.optimization", module)
    return FakeOptimization


def test_powers_come_back_in_kilowatts_with_charging_positive(fake: type[FakeOptimization]) -> None:
    planner = emhass.EmhassPlanner(HOME)
    plan = planner.plan(question(4 + 2), 4.0)
    assert plan.battery_kw is not None
    assert plan.battery_kw.tolist() == [-2.0, 1.0, -2.0, 1.0, -2.0, 1.0]
    assert planner.battery_kw(question(), 4.0) == -2.0
    assert plan.solver_seconds == 0.125
    assert plan.seconds >= plan.build_seconds - 0.001 > 0.0


def test_the_home_is_told_in_its_words(fake: type[FakeOptimization]) -> None:
    emhass.EmhassPlanner(HOME).plan(question(load_kw=np.full(6, 0.7)), 4.0)
    model = fake.built[0]
    assert model.names[:3] == ("buy", "sell", "profit")
    assert model.sensors["optimization_time_step"] == pd.Timedelta(minutes=15)
    assert model.plant["battery_discharge_power_max"] == pytest.approx(5_000.0)  # it takes the efficiency off: 4 kW
    assert model.plant["battery_charge_power_max"] == 3_000.0
    assert model.plant["battery_minimum_state_of_charge"] == 0.2  # the reserve lies above the floor
    assert model.plant["battery_maximum_state_of_charge"] == 0.95
    assert (model.plant["maximum_power_from_grid"], model.plant["maximum_power_to_grid"]) == (5_000.0, 2_000.0)
    assert model.plant["compute_curtailment"] is True
    assert model.optim_conf["set_nodischarge_to_grid"] is False
    asked = model.asked[0]
    assert (asked["soc_init"], asked["soc_final"], asked["horizon"]) == (0.5, 0.2, 6)
    assert asked["load"].tolist() == pytest.approx([700.0] * 6)


@pytest.mark.parametrize(
    ("last_price", "end_value", "weights", "reward"),
    [
        (0.8, 0.4, (0.05, 0.05), 0.5),  # as a share of the last price
        (-0.2, 0.4, (0.05 + 0.4 / 0.8, 0.05 - 0.4 * 0.9), 1e-9),  # which is no measure: in the weights
        (0.0, 0.4, (0.05 + 0.4 / 0.8, 0.05 - 0.4 * 0.9), 1e-9),
        (0.8, 0.0, (0.05, 0.05), 1e-9),
        (0.8, -0.1, (0.05 - 0.1 / 0.8, 0.05 + 0.1 * 0.9), 1e-9),
    ],
)
def test_what_is_left_gets_its_worth(
    fake: type[FakeOptimization],
    last_price: float,
    end_value: float,
    weights: tuple[float, float],
    reward: float,
) -> None:
    buy = np.array([1.0, 1.0, 1.0, 1.0, 1.0, last_price])
    emhass.EmhassPlanner(HOME).plan(question(buy_per_kwh=buy, end_value=end_value), 4.0)
    conf = fake.built[0].optim_conf
    assert (conf["weight_battery_discharge"], conf["weight_battery_charge"]) == pytest.approx(weights)
    assert fake.built[0].rewards == [pytest.approx(reward)]


def test_a_built_problem_is_used_again_where_only_numbers_change(fake: type[FakeOptimization]) -> None:
    planner = emhass.EmhassPlanner(HOME)
    anew = [
        planner.plan(asked, 4.0).is_built_anew
        for asked in (question(), question(end_value=0.3), question(8), question(load_kw=np.full(6, 9.0)), question())
    ]
    assert anew == [True, False, True, True, False]
    assert fake.built[0].rewards == [pytest.approx(0.4), pytest.approx(0.3), pytest.approx(0.4)]


def test_a_load_above_the_fuse_widens_it_in_its_slots_only(fake: type[FakeOptimization]) -> None:
    load = np.array([1.0, 9.0, 1.0, 1.0, 1.0, 1.0])
    emhass.EmhassPlanner(HOME).plan(question(load_kw=load), 4.0)
    assert fake.built[0].plant["maximum_power_from_grid"].tolist() == [5000.0, 8000.0, 5000.0, 5000.0, 5000.0, 5000.0]


def test_no_plan_is_none_and_says_why(fake: type[FakeOptimization], monkeypatch: pytest.MonkeyPatch) -> None:
    planner = emhass.EmhassPlanner(HOME)
    assert planner.battery_kw(question(1), 4.0) is None  # its programme needs two slots
    planner.plan(question(), 4.0)
    fake.built[0].optim_status = "Infeasible"
    plan = planner.plan(question(), 4.0)
    assert (plan.battery_kw, plan.status) == (None, "Infeasible")


def test_what_nobody_can_plan_with_is_refused_by_name(fake: type[FakeOptimization]) -> None:
    with pytest.raises(ValueError, match="sell_per_kwh: not a number in slot 2"):
        question(sell_per_kwh=np.array([1.0, 1.0, np.nan, 1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="pv_kw: must have the shape"):
        question(pv_kw=np.ones(5))
    with pytest.raises(ValueError, match="nothing to plan with"):
        emhass.EmhassPlanner(replace(HOME, capacity_wh=0.0))
    with pytest.raises(ValueError, match="9 kWh stored in a battery of 8 kWh"):
        emhass.EmhassPlanner(HOME).plan(question(), 9.0)


def test_its_absence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "emhass", None)
    monkeypatch.setitem(sys.modules, "emhass.optimization", None)
    with pytest.raises(emhass.PeerNotInstalled, match=r"\[peers\]"):
        emhass.EmhassPlanner(HOME)


@pytest.mark.skipif(not emhass.is_installed(), reason="EMHASS is not installed (extra `peers`)")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["convex", "negative", "dearer"])
@pytest.mark.parametrize("slots", [3, 24])
def test_the_true_emhass_finds_our_optimum(kind: str, slots: int) -> None:
    """Told everything rightly and solved to the end, it must cost what HiGHS proves for our own model of the home."""
    rng = np.random.default_rng([slots, len(kind)])
    limits = (3.0, 4.0, 0.9, 0.8, 5.0, 2.0)
    case = random_case(rng, kind, slots)
    case = replace(
        case, hours=np.full(slots, 0.25), wear=np.full(slots, 0.05), load=rng.gamma(2.0, 0.3, slots),
        low=np.full(slots + 1, 1.6), high=np.full(slots + 1, 7.6), stored=4.0, limits=limits, cut=2,
        lock=np.zeros(slots, np.int64), end=((0.4, 6.0),),
    )  # fmt: skip
    asked = question(load_kw=case.load, pv_kw=case.pv, buy_per_kwh=case.buy, sell_per_kwh=case.sell, end_value=0.4)
    plan = emhass.EmhassPlanner(HOME, emhass.EmhassSettings(mip_gap=1e-7)).plan(asked, case.stored)
    assert plan.battery_kw is not None
    power = plan.battery_kw
    change = np.where(power > 0.0, power * 0.9, power / 0.8) * 0.25
    assert case.violation(change) < 1e-6
    # its tie-break of curtailment is worth up to 0.0004 PLN/kWh
    assert case.cost(change) == pytest.approx(optimum(case).cost, abs=1e-3)
