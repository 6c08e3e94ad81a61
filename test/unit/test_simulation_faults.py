"""Each fault does what its row says, while its window is open, and no longer."""

from __future__ import annotations

import struct

import pytest

from hems.simulation.faults import FAULT_KINDS, parse_fault
from hems.simulation.scenarios import SCENARIOS
from support.simulation_tools import refusal, run, signed, simulated, words, write, write_pdu

RUNNING = struct.pack(">BHH", 3, 35100, 125)
FRAME = bytes.fromhex("f703891c007d7ae7")


@pytest.mark.parametrize(
    ("text", "value", "chance", "start_s", "duration_s"),
    [
        ("drop:0.2", 0.2, 1.0, 0.0, None),
        ("over_temperature@60+300", 65.0, 1.0, 60.0, 300.0),
        ("delay:2.5%0.1", 2.5, 0.1, 0.0, None),
        ("clock_jump:-3600@10", -3600.0, 1.0, 10.0, None),
        ("asleep@5+10", None, 1.0, 5.0, 10.0),
        ("reboot@100", 80.0, 1.0, 100.0, 80.0),
    ],
)
def test_a_fault_is_read_from_text(
    text: str, value: float | None, chance: float, start_s: float, duration_s: float | None
) -> None:
    fault = parse_fault(text)
    assert (fault.value, fault.chance, fault.start_s, fault.duration_s) == (value, chance, start_s, duration_s)
    assert parse_fault(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("drp", "known are"),
        ("drop:2", "0 to 1"),
        ("asleep:3", "takes no value"),
        ("drop@-5", "start is 0 or more"),
        ("drop@5+0", "above 0"),
        ("exception:99", "1 to 11"),
        ("drop 0.2", "write name"),
        ("drop%7", "within 0 to 1"),
    ],
)
def test_a_wrong_fault_is_refused_with_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("+", r"\+")):
        parse_fault(text)


def test_every_fault_and_scenario_can_be_run() -> None:
    for name in FAULT_KINDS:
        inverter = simulated(faults=(f"{name}@5+20",))
        run(inverter, 40)
        assert inverter.handle_datagram(FRAME) or name.startswith("reboot"), name
    for name in SCENARIOS:
        inverter = simulated(scenario=name, pv=None, load=None)
        run(inverter, 900)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        pytest.param("drop", lambda whole, got: got == [], id="drop"),
        pytest.param("delay:2", lambda whole, got: got == [(2.0, whole)], id="delay"),
        pytest.param("double", lambda whole, got: got == [(0.0, whole)] * 2, id="double"),
        pytest.param("split", lambda whole, got: len(got) == 2 and got[0][1] + got[1][1] == whole, id="split"),
        pytest.param("truncate", lambda whole, got: len(got[0][1]) < len(whole), id="truncate"),
        pytest.param("garbage", lambda whole, got: got[0][1][:-6] == whole, id="garbage"),
        pytest.param("bad_crc", lambda whole, got: got[0][1][:-1] == whole[:-1] and got[0][1] != whole, id="bad crc"),
        pytest.param("exception:6", lambda whole, got: got[0][1][2:5] == b"\xf7\x83\x06", id="exception"),
        pytest.param("asleep", lambda whole, got: got == [], id="asleep"),
        pytest.param("steal:1", lambda whole, got: got == [] or got[0][1] != whole, id="steal"),
    ],
)
def test_wire_faults_change_the_frames(fault: str, check: object) -> None:
    inverter, well = simulated(faults=(fault,)), simulated()
    whole = well.handle_datagram(FRAME)[0][1]
    assert callable(check)
    assert check(whole, inverter.handle_datagram(FRAME))


def test_the_chance_of_a_fault_is_kept_and_the_same_seed_fails_the_same() -> None:
    def lost(seed: int) -> list[bool]:
        inverter = simulated(faults=("drop:0.2",), seed=seed)
        return [inverter.exchange_pdu(RUNNING) is None for _ in range(1000)]

    first = lost(3)
    assert 140 < sum(first) < 260
    assert first == lost(3)
    assert first != lost(4)


def test_a_lost_reply_does_not_mean_a_lost_write() -> None:
    inverter = simulated(faults=("drop@0+30",))
    assert inverter.exchange_pdu(write_pdu(47511, 11, 2000)) is None
    run(inverter, 40)
    assert inverter.flow.battery_w == pytest.approx(-2000.0)


@pytest.mark.parametrize(("kind", "battery_w"), [("reboot", -2000.0), ("reboot_reset", 1000.0)])
def test_a_reboot_is_silent_moves_nothing_and_keeps_or_forgets_ems(kind: str, battery_w: float) -> None:
    inverter = simulated(faults=(f"{kind}:80@60",))
    write(inverter, 47511, 11, 2000)
    run(inverter, 70)
    assert inverter.exchange_pdu(RUNNING) is None
    assert (inverter.flow.battery_w, inverter.flow.grid_w) == (0.0, 1000.0)
    run(inverter, 75)
    assert inverter.exchange_pdu(RUNNING) is not None
    run(inverter, 80)
    assert inverter.flow.battery_w == pytest.approx(battery_w)


def test_stale_values_stand_still_while_the_clock_ticks_and_the_reverse() -> None:
    for fault, clock_moves, values_move in (("stale@20", True, False), ("stale_clock@20", False, True)):
        inverter = simulated(faults=(fault,), load=lambda at: 500.0 + at.second + 60.0 * at.minute)
        run(inverter, 25)
        before_clock, before = words(inverter, 35100, 3), words(inverter, 35172)
        run(inverter, 20)
        assert (words(inverter, 35100, 3) != before_clock) is clock_moves, fault
        assert (words(inverter, 35172) != before) is values_move, fault


def test_acknowledged_is_not_applied() -> None:
    inverter = simulated(faults=("ack_only@0+60",))
    write(inverter, 47511, 11, 2000)
    run(inverter, 30)
    assert words(inverter, 47511, 2) == (1, 0)
    assert inverter.flow.battery_w == pytest.approx(1000.0)


def test_a_delayed_write_shows_and_acts_later() -> None:
    inverter = simulated(faults=("delayed_apply:20",))
    write(inverter, 47511, 11, 2000)
    run(inverter, 15)
    assert words(inverter, 47511, 2) == (1, 0)
    run(inverter, 10)
    assert words(inverter, 47511, 2) == (11, 2000)
    run(inverter, 5)
    assert inverter.flow.battery_w == pytest.approx(-2000.0)


def test_sentinels_missing_bms_and_sign_flip_are_shown() -> None:
    shown = simulated(faults=("sentinels",))
    assert words(shown, 37007) == (0xFFFF,)
    assert words(shown, 35180) == (0xFFFF,)
    assert words(simulated(faults=("no_bms",)), 35184) == (0,)
    for faults, sign in (((), 1), (("sign_flip",), -1)):
        inverter = simulated(faults=faults, soc_pct=100.0, pv=3000.0)
        assert signed(*words(inverter, 35140)) == pytest.approx(sign * 2000, abs=1)
        assert signed(*words(inverter, 36008)) == pytest.approx(sign * 2000, abs=1)


def test_without_its_meter_self_use_rests_and_says_so() -> None:
    inverter = simulated(faults=("meter_lost@30",))
    run(inverter, 60)
    assert inverter.flow.battery_w == 0.0
    assert words(inverter, 36004) == (0,)
    assert words(inverter, 35221)[0] >> 9 & 1


@pytest.mark.parametrize(
    ("fault", "bit", "charge_w", "discharge_w"),
    [
        pytest.param("over_temperature:63", 2, 0.0, 0.0, id="hot"),
        pytest.param("cold_cells:-5", None, 0.0, 1500.0, id="cold: may not charge"),
        pytest.param("cold_cells:-25", 3, 0.0, 0.0, id="very cold"),
        pytest.param("over_voltage", 0, 0.0, 1500.0, id="over-voltage"),
        pytest.param("under_voltage", 1, -1500.0, 0.0, id="under-voltage"),
        pytest.param("bms_alarm:9", 9, 0.0, 0.0, id="battery lock"),
    ],
)
def test_what_ails_the_battery_bounds_its_current(
    fault: str, bit: int | None, charge_w: float, discharge_w: float
) -> None:
    for mode, expected_w in ((11, charge_w), (12, discharge_w)):
        inverter = simulated(faults=(f"{fault}@20+600",))
        write(inverter, 47511, mode, 1500)
        run(inverter, 60)
        assert inverter.flow.battery_w == pytest.approx(expected_w, abs=1e-6), mode
        assert words(inverter, 37006)[0] == (0 if bit is None else words(inverter, 37006)[0] | 1 << bit)
        run(inverter, 600)
        assert abs(inverter.flow.battery_w) == pytest.approx(1500.0), "the fault is over"


def test_hot_and_over_voltage_are_what_the_registers_show() -> None:
    hot = simulated(faults=("over_temperature:66",))
    assert signed(*words(hot, 37003)) == pytest.approx(660, abs=15)
    assert signed(*words(hot, 37020)) >= 660
    high = simulated(faults=("over_voltage",))
    assert words(high, 35180)[0] > words(high, 45352)[0]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("grid_high:252@30", 1),
        ("grid_high:266@30", 0),
        ("grid_low:190@30", 0),
        ("grid_frequency:52.4@30", 0),
        ("grid_lost@30", 2),
    ],
)
def test_grid_faults_move_or_trip_the_inverter(fault: str, state: int) -> None:
    inverter = simulated(faults=(fault,))
    run(inverter, 60)
    assert words(inverter, 35187) == (state,)
    if fault.startswith("grid_high"):
        assert words(inverter, 35121) == (round(float(fault[10:13]) * 10),)


def test_the_ten_minute_mean_trips_above_253_volts() -> None:
    inverter = simulated(faults=("grid_high:257@0+3600",))
    run(inverter, 120)
    assert words(inverter, 35187) == (1,)
    run(inverter, 1800)
    assert words(inverter, 35187) == (0,)


def test_the_vendors_app_overwrites_what_was_set_and_sets_the_clock() -> None:
    inverter = simulated(faults=("app_overwrite:60@30",), clock_offset_s=900.0)
    write(inverter, 47511, 11, 2000)
    run(inverter, 60)
    assert words(inverter, 47511, 2) == (1, 0)
    assert inverter.flow.battery_w == pytest.approx(1000.0)
    assert inverter.device.clock.error_s(inverter.now) == pytest.approx(0.0, abs=0.1)


def test_the_clock_jumps_once_and_drifts_as_told() -> None:
    inverter = simulated(faults=("clock_jump:600@10", "clock_drift:1000000@100+50"))
    run(inverter, 90)
    assert inverter.device.clock.error_s(inverter.now) == pytest.approx(600.0)
    run(inverter, 110)
    assert inverter.device.clock.error_s(inverter.now) == pytest.approx(650.0, abs=10.0)


def test_soc_glitches_are_single_samples_and_the_battery_is_not_touched() -> None:
    inverter = simulated(faults=("soc_glitch:0.1",), load=0.0)
    samples = []
    for _ in range(400):
        run(inverter, 5)
        samples.append(words(inverter, 37007)[0])
    assert 10 < samples.count(0) < 80
    assert set(samples) - {0} <= {49, 50}


def test_a_refused_write_changes_nothing() -> None:
    inverter = simulated(faults=("exception:4@0+10",))
    assert refusal(inverter, write_pdu(47511, 11, 2000)) == 4
    run(inverter, 20)
    assert words(inverter, 47511, 2) == (1, 0)
