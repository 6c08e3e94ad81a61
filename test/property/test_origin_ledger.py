"""The ledger of origin: energy is conserved, nothing turns negative, and no sun comes from nowhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hems.planning.origin_ledger import OriginLedger

energies = st.floats(min_value=0.0, max_value=50_000.0)
powers = st.floats(min_value=0.0, max_value=20_000.0)
signed = st.floats(min_value=-20_000.0, max_value=20_000.0)
efficiencies = st.floats(min_value=0.5, max_value=1.0)
seconds = st.floats(min_value=0.0, max_value=3600.0)
ledgers = st.builds(OriginLedger, pv_wh=energies, grid_wh=energies)


def after(ledger: OriginLedger, **flows: float) -> OriginLedger:
    usual = {"pv_w": 0.0, "load_w": 0.0, "battery_w": 0.0, "grid_w": 0.0, "dt_s": 3600.0}
    return ledger.after(**{**usual, "charge_efficiency": 0.9, "discharge_efficiency": 0.8, **flows})


@settings(max_examples=500)
@given(ledgers, powers, powers, signed, signed, seconds, efficiencies, efficiencies)
def test_nothing_is_negative_and_energy_is_conserved(
    ledger: OriginLedger,
    pv_w: float,
    load_w: float,
    battery_w: float,
    grid_w: float,
    dt_s: float,
    charging: float,
    discharging: float,
) -> None:
    result = ledger.after(
        pv_w=pv_w,
        load_w=load_w,
        battery_w=battery_w,
        grid_w=grid_w,
        dt_s=dt_s,
        charge_efficiency=charging,
        discharge_efficiency=discharging,
    )
    assert result.pv_wh >= 0.0
    assert result.grid_wh >= 0.0
    flow_wh = battery_w * dt_s / 3600.0
    expected = ledger.stored_wh - (flow_wh / discharging if flow_wh > 0.0 else flow_wh * charging)
    assert result.stored_wh == pytest.approx(max(0.0, expected), abs=1e-6)
    if max(0.0, pv_w) <= load_w:
        assert result.pv_wh <= ledger.pv_wh, "without a surplus no sun goes into the battery"
    if battery_w > 0.0:
        assert result.pv_wh <= ledger.pv_wh
        assert result.grid_wh <= ledger.grid_wh
    assert 0.0 <= result.exportable_wh <= result.stored_wh


@given(ledgers, energies)
def test_scaling_keeps_the_shares_and_meets_the_sum(ledger: OriginLedger, stored_wh: float) -> None:
    result = ledger.rescaled_to(stored_wh)
    assert result.stored_wh == pytest.approx(stored_wh, abs=1e-6)
    if ledger.stored_wh > 1.0 and stored_wh > 1.0:
        assert result.pv_wh / stored_wh == pytest.approx(ledger.pv_wh / ledger.stored_wh, abs=1e-6)


@given(ledgers, energies)
def test_over_a_gap_the_sun_never_gains(ledger: OriginLedger, stored_wh: float) -> None:
    result = ledger.after_gap(stored_wh)
    assert result.stored_wh == pytest.approx(stored_wh, abs=1e-6)
    assert result.pv_wh <= ledger.pv_wh
    if stored_wh < ledger.stored_wh:
        assert result.grid_wh <= ledger.grid_wh + 1e-6


@pytest.mark.parametrize(
    ("flows", "pv_wh", "grid_wh"),
    [
        # Charging at 3 kW: 2 kW of PV beyond the load, 1 kW of the grid, a tenth of each lost.
        ({"pv_w": 2500.0, "load_w": 500.0, "battery_w": -3000.0, "grid_w": 1000.0}, 1000 + 1800, 2000 + 900),
        # At night all of it is the grid's.
        ({"load_w": 500.0, "battery_w": -1000.0, "grid_w": 1500.0}, 1000, 2000 + 900),
        # All PV: nothing of the grid.
        ({"pv_w": 5000.0, "load_w": 500.0, "battery_w": -1000.0, "grid_w": -3500.0}, 1000 + 900, 2000),
        # Covering the load draws 1000 Wh for 800: the grid's.
        ({"load_w": 800.0, "battery_w": 800.0}, 1000, 1000),
        # More than the grid's part: the sun's covers the rest.
        ({"load_w": 2000.0, "battery_w": 2000.0}, 500, 0),
        # Selling 400 W beyond a load of 400 W: the sun's for the sale, the grid's for the house.
        ({"load_w": 400.0, "battery_w": 800.0, "grid_w": -400.0}, 500, 1500),
        # PV feeds in 1000 W by itself; the battery's 400 W beside it are its own.
        ({"pv_w": 1500.0, "load_w": 500.0, "battery_w": 400.0, "grid_w": -1400.0}, 500, 2000),
        # More sold than the sun had given: it is gone from the grid's part, and none of the sun's is left.
        ({"battery_w": 1600.0, "grid_w": -1600.0}, 0, 1000),
    ],
)
def test_what_each_flow_does(flows: dict[str, float], pv_wh: float, grid_wh: float) -> None:
    result = after(OriginLedger(pv_wh=1000.0, grid_wh=2000.0), **flows)
    assert result.pv_wh == pytest.approx(pv_wh)
    assert result.grid_wh == pytest.approx(grid_wh)


def test_what_nobody_saw_is_the_grids() -> None:
    assert OriginLedger.unknown(500.0) == OriginLedger(pv_wh=0.0, grid_wh=500.0)
    empty = OriginLedger(pv_wh=0.0, grid_wh=0.0)
    assert empty.rescaled_to(300.0) == OriginLedger(pv_wh=0.0, grid_wh=300.0)
    known = OriginLedger(pv_wh=1000.0, grid_wh=2000.0)
    assert known.after_gap(4000.0) == OriginLedger(pv_wh=1000.0, grid_wh=3000.0), "what came is the grid's"
    assert known.after_gap(2600.0) == OriginLedger(pv_wh=600.0, grid_wh=2000.0), "what went was the sun's"
    assert known.after_gap(500.0) == OriginLedger(pv_wh=0.0, grid_wh=500.0)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_impossible_figures_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="pv_wh"):
        OriginLedger(pv_wh=bad, grid_wh=0.0)
    known = OriginLedger(pv_wh=1.0, grid_wh=1.0)
    with pytest.raises(ValueError, match="stored_wh"):
        known.rescaled_to(bad)
    with pytest.raises(ValueError, match="time"):
        after(known, dt_s=bad)
    with pytest.raises(ValueError, match="efficiencies"):
        after(known, charge_efficiency=bad)


def test_a_year_of_quarters_neither_leaks_nor_grows() -> None:
    ledger, stored_wh = OriginLedger(pv_wh=0.0, grid_wh=5000.0), 5000.0
    for quarter in range(35_040):
        pv_w = max(0.0, 4000.0 * math.sin(2.0 * math.pi * quarter / 96.0))
        battery_w = min(max(700.0 - pv_w, -(10_000.0 - stored_wh) / 0.97 * 4.0), stored_wh * 0.97 * 4.0)
        flow_wh = battery_w / 4.0
        stored_wh -= flow_wh / 0.97 if flow_wh > 0.0 else flow_wh * 0.97
        ledger = ledger.after(
            pv_w=pv_w,
            load_w=700.0,
            battery_w=battery_w,
            grid_w=700.0 - pv_w - battery_w,
            dt_s=900.0,
            charge_efficiency=0.97,
            discharge_efficiency=0.97,
        )
    assert ledger.stored_wh == pytest.approx(stored_wh, abs=1e-3)
    assert ledger.grid_wh == pytest.approx(0.0, abs=1e-6), "a house that never buys for its battery has only the sun's"
