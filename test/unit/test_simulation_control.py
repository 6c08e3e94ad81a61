"""What settings do to the house: powers and energy are looked at, never the registers that ask for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hems.simulation import eco_slots
from hems.simulation.control import Function
from hems.simulation.simulated_inverter import SimulatedInverter
from support.simulation_tools import NOON, refusal, run, simulated, write, write_pdu

EMS_CASES = [
    # mode, set W, PV W, load W -> battery W, grid W, PV W; battery + discharges, grid + imports
    pytest.param(1, 0, 0, 1000, 1000, 0, 0, id="auto: the battery covers the load"),
    pytest.param(1, 0, 3000, 1000, -2000, 0, 3000, id="auto: the surplus is stored"),
    pytest.param(2, 500, 2000, 1000, -2500, 1500, 2000, id="PV and 500 W of grid stored, the load from the grid"),
    pytest.param(2, 0, 2000, 1000, -2000, 1000, 2000, id="as a hold this buys the whole load (evcc 16649)"),
    pytest.param(3, 1500, 2000, 1000, 1500, -2500, 2000, id="sell 1500 W of battery, PV untouched"),
    pytest.param(4, 1000, 2000, 500, -3000, 1500, 2000, id="buy 1000 W into the inverter, PV beside it"),
    pytest.param(5, 2500, 1000, 500, 1500, -2000, 1000, id="deliver 2500 W, the battery adds to PV"),
    pytest.param(5, 800, 3000, 500, 0, -300, 800, id="deliver 800 W, PV is throttled to it"),
    pytest.param(6, 0, 1200, 500, -1200, 500, 1200, id="reserve: PV is stored, nothing discharged"),
    pytest.param(8, 0, 700, 1000, 0, 300, 700, id="standby"),
    pytest.param(9, 2000, 0, 500, -1500, 2000, 0, id="buy 2000 W at the meter"),
    pytest.param(10, 2000, 500, 500, 2000, -2000, 500, id="sell 2000 W at the meter"),
    pytest.param(11, 3000, 1000, 400, -3000, 2400, 1000, id="charge at 3000 W, PV first, the rest from the grid"),
    pytest.param(12, 2000, 500, 400, 2000, -2100, 500, id="discharge at 2000 W"),
    pytest.param(255, 0, 3000, 400, 0, 400, 0, id="stopped"),
]


@pytest.mark.parametrize(("mode", "power_w", "pv_w", "load_w", "battery_w", "grid_w", "pv_used_w"), EMS_CASES)
def test_ems_modes_move_the_power_they_name(
    mode: int, power_w: int, pv_w: float, load_w: float, battery_w: float, grid_w: float, pv_used_w: float
) -> None:
    inverter = simulated(pv=pv_w, load=load_w)
    write(inverter, 47511, mode, power_w)
    run(inverter, 10)
    flow = inverter.flow
    assert (flow.battery_w, flow.grid_w, flow.pv_w) == pytest.approx((battery_w, grid_w, pv_used_w), abs=1e-6)


def test_discharge_battery_throttles_pv_where_the_rating_binds_and_the_other_modes_do_not() -> None:
    for mode, pv_w, battery_w in ((12, 3000.0, 3000.0), (3, 5000.0, 1000.0)):
        inverter = simulated(pv=5000.0)
        write(inverter, 47511, mode, 3000)
        run(inverter, 10)
        assert (inverter.flow.pv_w, inverter.flow.battery_w) == pytest.approx((pv_w, battery_w)), mode


def test_a_write_takes_effect_only_after_the_lag() -> None:
    inverter = simulated(control_lag_s=6.0)
    write(inverter, 47511, 11, 2000)
    run(inverter, 5)
    assert inverter.flow.battery_w == pytest.approx(1000.0)
    run(inverter, 5)
    assert inverter.flow.battery_w == pytest.approx(-2000.0)


def test_charging_ends_at_a_full_battery_and_tapers_before() -> None:
    inverter = simulated(soc_pct=93.0, capacity_wh=5120.0)
    write(inverter, 47511, 11, 2500)
    run(inverter, 120)
    assert inverter.flow.battery_w == pytest.approx(-2500.0, rel=0.02)
    run(inverter, 420)
    assert 97.0 < float(inverter.soc_pct or 0.0) < 100.0
    assert -1500.0 < inverter.flow.battery_w < 0.0
    run(inverter, 5 * 3600)
    assert inverter.soc_pct == pytest.approx(100.0, abs=0.1)


def test_minimum_soc_holds_and_discharge_resumes_five_points_above() -> None:
    inverter = simulated(soc_pct=51.0, load=2000.0)
    write(inverter, 45356, 50)
    run(inverter, 1200)
    assert inverter.flow.battery_w == 0.0
    held = float(inverter.soc_pct or 0.0)
    assert 49.5 < held <= 50.0
    write(inverter, 47511, 11, 3000)
    while float(inverter.soc_pct or 0.0) < 53.0:
        run(inverter, 30)
    write(inverter, 47511, 1, 0)
    run(inverter, 30)
    assert inverter.flow.battery_w == 0.0, "three points above the floor are not enough"
    write(inverter, 45356, 45)
    run(inverter, 30)
    assert inverter.flow.battery_w == pytest.approx(2000.0)


def test_an_exhausted_battery_is_charged_from_five_to_ten_percent() -> None:
    inverter = simulated(soc_pct=4.9)
    run(inverter, 60)
    assert inverter.flow.battery_w == pytest.approx(-1000.0)
    for _ in range(120):
        run(inverter, 60)
    assert inverter.flow.battery_w >= 0.0
    assert 9.0 < float(inverter.soc_pct or 0.0) < 11.0


@pytest.mark.parametrize(("register", "amps", "mode", "sign"), [(45353, 20.0, 11, -1), (45355, 10.0, 12, 1)])
def test_current_limits_bound_the_power(register: int, amps: float, mode: int, sign: int) -> None:
    inverter = simulated()
    write(inverter, register, round(amps * 10))
    write(inverter, 47511, mode, 4000)
    run(inverter, 30)
    pack = inverter.house.battery
    assert pack is not None
    assert inverter.flow.battery_w == pytest.approx(sign * amps * pack.voltage_v, rel=0.01)


def test_fast_charge_stops_itself_at_its_soc_and_falls_back_to_self_use() -> None:
    inverter = simulated(capacity_wh=5120.0)
    write(inverter, 47603, 40)
    write(inverter, 47546, 60)
    write(inverter, 47545, 1)
    run(inverter, 60)
    assert inverter.flow.battery_w == pytest.approx(-2400.0)
    run(inverter, 1800)
    assert inverter.device.bank.settings[47545] == 0
    run(inverter, 10)
    assert inverter.flow.battery_w == pytest.approx(1000.0)


def test_fast_charge_needs_a_target_two_points_above_the_soc() -> None:
    inverter = simulated(soc_pct=70.0)
    assert refusal(inverter, write_pdu(47546, 71)) == 3
    assert refusal(inverter, write_pdu(47546, 72)) is None
    assert refusal(inverter, write_pdu(47545, 1)) is None


def slot_v2(start: tuple[int, int], end: tuple[int, int], power: int, *, days: int = 0x7F, soc: int = 100,
            months: int = 0, on: int = 0xFF) -> tuple[int, ...]:  # fmt: skip
    data = bytes((*start, *end, on, days)) + b"".join(
        (number & 0xFFFF).to_bytes(2, "big") for number in (power, soc, months)
    )
    return eco_slots.words(data)


def eco(inverter: SimulatedInverter, *slot: int, register: int = 47547) -> None:
    write(inverter, register, *slot)
    write(inverter, 47000, 3)
    run(inverter, 10)


# NOON is 12:00 on a Monday in Warsaw, so weekday bit 1 (bit 0 is Sunday) and month bit 5.
SLOT_CASES = [
    pytest.param(slot_v2((0, 0), (23, 59), -50), -3000, id="charge at 50 % of the rating"),
    pytest.param(slot_v2((0, 0), (23, 59), 25), 1500, id="discharge at 25 %"),
    pytest.param(slot_v2((0, 0), (23, 59), -500, on=0xF9), -3000, id="745 counts tenths of a percent"),
    pytest.param(slot_v2((0, 0), (23, 59), -50, on=0xFC), 1000, id="a peak-shaving slot is not an eco slot"),
    pytest.param(slot_v2((0, 0), (23, 59), -50, on=0), 1000, id="switched off"),
    pytest.param(slot_v2((12, 0), (12, 30), -50), -3000, id="just begun"),
    pytest.param(slot_v2((12, 1), (13, 0), -50), 1000, id="a minute too early"),
    pytest.param(slot_v2((11, 0), (11, 59), -50), 1000, id="over"),
    pytest.param(slot_v2((0, 0), (23, 59), -50, days=0b0000010), -3000, id="Mondays"),
    pytest.param(slot_v2((0, 0), (23, 59), -50, days=0b1111101), 1000, id="every day but Monday"),
    pytest.param(slot_v2((22, 0), (13, 0), -50, days=0b0000001), -3000, id="over midnight, begun on Sunday"),
    pytest.param(slot_v2((22, 0), (13, 0), -50, days=0b0000010), 1000, id="over midnight, begins tonight"),
    pytest.param(slot_v2((0, 0), (23, 59), -50, months=1 << 5), -3000, id="June"),
    pytest.param(slot_v2((0, 0), (23, 59), -50, months=1 << 6), 1000, id="July"),
    pytest.param(slot_v2((0, 0), (23, 59), -50, soc=40), 0, id="its SoC is reached: the battery rests"),
    pytest.param(slot_v2((48, 0), (48, 0), -50), 1000, id="no time set"),
]


@pytest.mark.parametrize(("slot", "battery_w"), SLOT_CASES)
def test_eco_slots_v2_act_by_the_inverters_own_clock(slot: tuple[int, ...], battery_w: float) -> None:
    inverter = simulated()
    eco(inverter, *slot)
    assert inverter.flow.battery_w == pytest.approx(battery_w)


def test_eco_slots_v1_act_on_old_firmware_and_do_nothing_on_new() -> None:
    charge = eco_slots.words(bytes.fromhex("0000173bffceff7f"))  # 00:00-23:59, -50 %, on, every day
    for model, battery_w in (("GW10K-ET-fw617", -5000.0), ("GW10K-ET", 1000.0)):
        inverter = simulated(model=model)
        eco(inverter, *charge, register=47515)
        assert inverter.flow.battery_w == pytest.approx(battery_w), model


def test_an_eco_slot_follows_a_drifting_clock_and_setting_the_clock_mends_it() -> None:
    # 460 ppm fast are 20 minutes in a month.
    inverter = simulated(clock_offset_s=1200.0, clock_drift_ppm=460.0)
    eco(inverter, *slot_v2((12, 15), (13, 0), -50))
    assert inverter.flow.battery_w == pytest.approx(-3000.0), "true time is 12:00, the inverter thinks 12:20"
    local = (inverter.now + timedelta(hours=2)).replace(tzinfo=None)
    data = bytes((local.year - 2000, local.month, local.day, local.hour, local.minute, local.second))
    write(inverter, 45200, *(int.from_bytes(data[index : index + 2], "big") for index in (0, 2, 4)))
    run(inverter, 10)
    assert inverter.flow.battery_w == pytest.approx(1000.0)


def test_an_eco_slot_needs_work_mode_eco() -> None:
    inverter = simulated()
    write(inverter, 47547, *slot_v2((0, 0), (23, 59), -50))
    run(inverter, 10)
    assert inverter.flow.battery_w == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("first", "battery_w"), [(Function.FAST_CHARGE, -6000.0), (Function.EMS, 2000.0), (Function.ECO, -3000.0)]
)
def test_the_priority_of_ems_fast_charge_and_eco_is_a_parameter(first: Function, battery_w: float) -> None:
    rest = tuple(function for function in Function if function is not first)
    inverter = simulated(priority=(first, *rest), capacity_wh=20_480.0)
    write(inverter, 47547, *slot_v2((0, 0), (23, 59), -50))
    write(inverter, 47000, 3)
    write(inverter, 47545, 1)
    write(inverter, 47511, 12, 2000)
    run(inverter, 10)
    pack = inverter.house.battery
    assert pack is not None
    limit_w = pack.charge_limit_a * pack.voltage_v
    assert inverter.flow.battery_w == pytest.approx(max(battery_w, -limit_w), rel=0.01)


def test_backup_mode_keeps_the_battery_and_off_grid_mode_feeds_only_the_backup_loads() -> None:
    inverter = simulated(pv=800.0)
    write(inverter, 47000, 2)
    run(inverter, 10)
    assert inverter.flow.battery_w == pytest.approx(-800.0 - 600.0), "PV and a tenth of the rating"
    write(inverter, 47000, 1)
    run(inverter, 10)
    assert inverter.flow.battery_w == pytest.approx(200.0 - 800.0)
    assert inverter.flow.grid_w == pytest.approx(800.0), "the other loads stay on the grid"


def test_peak_shaving_covers_only_what_exceeds_the_peak() -> None:
    inverter = simulated(load=4000.0)
    write(inverter, 47542, 0, 2500)
    write(inverter, 47000, 4)
    run(inverter, 10)
    assert (inverter.flow.battery_w, inverter.flow.grid_w) == pytest.approx((1500.0, 2500.0))


def test_losing_the_grid_makes_an_island_of_the_backup_loads_and_it_ends_by_itself() -> None:
    inverter = simulated(faults=("grid_lost@60+120",))
    run(inverter, 90)
    assert (inverter.flow.grid_w, inverter.flow.battery_w, inverter.flow.load_w) == pytest.approx((0.0, 200.0, 200.0))
    run(inverter, 100)
    assert inverter.flow.battery_w == 0.0, "the inverter waits a minute before it reconnects"
    run(inverter, 60)
    assert inverter.flow.battery_w == pytest.approx(1000.0)


@pytest.mark.parametrize(("hold", "backup_w"), [("discharge current", 0.0), ("minimum SoC", 200.0)])
def test_a_hold_by_discharge_current_zero_loses_the_backup_side_and_one_by_minimum_soc_keeps_it(
    hold: str, backup_w: float
) -> None:
    inverter = simulated(faults=("grid_lost@60+600",))
    if hold == "discharge current":
        write(inverter, 45355, 0)
    else:
        write(inverter, 45356, 50)
    run(inverter, 30)
    assert inverter.flow.battery_w == 0.0
    run(inverter, 120)
    assert inverter.flow.backup_w == pytest.approx(backup_w)
    write(inverter, 45355, 500)
    run(inverter, 60)
    assert inverter.flow.backup_w == pytest.approx(backup_w), "a faulted backup side stays down until the grid is back"


def test_old_firmware_refuses_what_it_does_not_have() -> None:
    inverter = simulated(model="GW10K-ET-fw617")
    assert refusal(inverter, bytes((3, 0xB9, 0xBB, 0, 6))) == 2  # 47547
    assert refusal(inverter, write_pdu(47545, 1)) == 2
    assert refusal(inverter, write_pdu(47511, 13, 0)) == 3
    assert refusal(inverter, write_pdu(47512, 10_001)) == 3
    assert refusal(inverter, bytes((3, 0x00, 0x01, 0, 1))) == 2
    assert refusal(inverter, bytes((4, 0x89, 0x1C, 0, 1))) == 1


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        simulated(at=NOON.replace(tzinfo=None))


def test_the_counters_of_the_day_begin_anew_at_local_midnight() -> None:
    inverter = simulated(at=datetime(2026, 6, 15, 20, 0, tzinfo=UTC), load=2000.0)
    run(inverter, 2 * 3600 - 60)
    assert inverter.device.energies()[3] == (39, 39)
    run(inverter, 120)
    assert inverter.device.energies()[3] == (40, 0)
