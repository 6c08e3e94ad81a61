"""Self-use conserves energy, stays in its window and never does what only a coordinator would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.planning.self_use import SelfUseHouse

houses = st.builds(
    SelfUseHouse,
    capacity_wh=st.floats(0.0, 50_000.0),
    soc_min_pct=st.floats(0.0, 50.0),
    soc_max_pct=st.floats(50.0, 100.0),
    charge_max_w=st.floats(0.0, 12_000.0),
    discharge_max_w=st.floats(0.0, 12_000.0),
    charge_efficiency=st.floats(0.5, 1.0),
    discharge_efficiency=st.floats(0.5, 1.0),
    inverter_efficiency=st.floats(0.5, 1.0),
    idle_w=st.floats(0.0, 150.0),
)
powers = st.floats(0.0, 20_000.0)
HOUSE = SelfUseHouse(
    capacity_wh=10_000.0, soc_min_pct=10.0, soc_max_pct=100.0, charge_max_w=5000.0, discharge_max_w=5000.0
)


@given(houses, st.floats(0.0, 100.0), powers, powers, st.floats(0.1, 900.0))
def test_energy_is_conserved(house: SelfUseHouse, soc_pct: float, load_w: float, pv_w: float, dt_s: float) -> None:
    before_wh = house.stored_wh(soc_pct)
    step = house.step(before_wh, load_w, pv_w, dt_s)
    assert pv_w + step.battery_w + step.grid_w == pytest.approx(load_w + step.loss_w, abs=1e-6)
    stored_change_w = (step.stored_wh - before_wh) / (dt_s / 3600.0)
    assert stored_change_w + step.battery_loss_w == pytest.approx(-step.battery_w, abs=1e-3, rel=1e-6)
    assert step.loss_w >= -1e-6
    assert step.battery_loss_w >= 0.0


@given(houses, st.floats(0.0, 100.0), powers, powers, st.floats(0.1, 900.0))
def test_soc_never_leaves_its_window(
    house: SelfUseHouse, soc_pct: float, load_w: float, pv_w: float, dt_s: float
) -> None:
    before_wh = house.stored_wh(soc_pct)
    after_wh = house.step(before_wh, load_w, pv_w, dt_s).stored_wh
    low, high = house.stored_wh(house.soc_min_pct), house.stored_wh(house.soc_max_pct)
    assert min(before_wh, low) - 1e-6 <= after_wh <= max(before_wh, high) + 1e-6


@given(houses, st.floats(0.0, 100.0), powers, powers)
def test_never_charges_from_the_grid_nor_sells_the_battery(
    house: SelfUseHouse, soc_pct: float, load_w: float, pv_w: float
) -> None:
    step = house.step(house.stored_wh(soc_pct), load_w, pv_w, 10.0)
    if step.battery_w < 0.0:
        assert step.grid_w <= 0.0
    if step.battery_w > 0.0:
        assert step.grid_w >= 0.0


@pytest.mark.parametrize(
    ("case", "soc_pct", "load_w", "pv_w", "battery_w", "grid_w"),
    [
        ("night, battery covers", 50.0, 940.0, 0.0, 1000.0, 0.0),
        ("night, battery at its floor", 10.0, 940.0, 0.0, 0.0, 970.0),
        ("load beyond the battery's power", 50.0, 5790.0, 0.0, 5000.0, 970.0),
        ("sun, surplus stored", 50.0, 940.0, 3000.0, -2000.0, 0.0),
        ("sun, battery full", 100.0, 940.0, 3000.0, 0.0, -1940.0),
        ("sun beyond the battery's power", 50.0, 940.0, 8000.0, -5000.0, -1940.0),
    ],
)
def test_self_use_by_hand(
    case: str, soc_pct: float, load_w: float, pv_w: float, battery_w: float, grid_w: float
) -> None:
    # 0.97 from DC to AC and 30 W of its own: 940 W of load take 970 W of AC, 1000 W of DC.
    step = HOUSE.step(HOUSE.stored_wh(soc_pct), load_w, pv_w, 1.0)
    assert (step.battery_w, step.grid_w) == pytest.approx((battery_w, grid_w), abs=1e-9), case


def test_pv_beyond_the_export_limit_is_curtailed() -> None:
    house = SelfUseHouse(
        capacity_wh=10_000.0,
        soc_min_pct=10.0,
        soc_max_pct=100.0,
        charge_max_w=5000.0,
        discharge_max_w=5000.0,
        export_max_w=1000.0,
    )
    step = house.step(10_000.0, 940.0, 5000.0, 60.0)
    assert step.grid_w == -1000.0
    assert step.loss_w == pytest.approx(30.0 + 0.03 * 1000.0 + 0.03 * 1000.0 / 0.97, abs=1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"soc_min_pct": 80.0, "soc_max_pct": 20.0}, "SoC window"),
        ({"charge_efficiency": 0.0}, "charge_efficiency"),
        ({"inverter_efficiency": 1.01}, "inverter_efficiency"),
        ({"capacity_wh": -1.0}, "capacity_wh"),
    ],
)
def test_a_house_that_cannot_be_is_refused(changes: dict[str, float], said: str) -> None:
    values = {
        "capacity_wh": 1.0,
        "soc_min_pct": 0.0,
        "soc_max_pct": 100.0,
        "charge_max_w": 1.0,
        "discharge_max_w": 1.0,
    }
    with pytest.raises(ValueError, match=said):
        SelfUseHouse(**(values | changes))
