"""The whole coordinator against a simulated house in virtual time: judged by physics, not by registers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.simulated_days import Moment, SimulatedRun, simulate_days
from hems.composition.tools import load
from hems.domain.command import Mode
from hems.domain.errors import WrongBatteryWindow
from hems.domain.record import CycleRecord
from hems.domain.safety import Cause
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions
from support.household import flat_prices, live_through, priced_by, write_configuration

NIGHT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Trace:
    """What the house did after each cycle."""

    at: list[datetime] = field(default_factory=list)
    battery_w: list[float] = field(default_factory=list)
    soc_pct: list[float] = field(default_factory=list)
    causes: list[frozenset[Cause]] = field(default_factory=list)
    mode: list[Mode] = field(default_factory=list)

    def watch(self, moment: Moment) -> None:
        coordinator = moment.household.coordinator
        active = coordinator.parts.actions.active
        self.at.append(moment.at)
        self.battery_w.append(moment.house.house.flow.battery_w)
        battery = moment.house.house.battery
        assert battery is not None
        self.soc_pct.append(battery.soc_pct)
        self.causes.append(coordinator.envelope.causes if coordinator.envelope is not None else frozenset())
        self.mode.append(active.mode if active is not None else Mode.SELF_USE)

    def between(self, start: datetime, end: datetime) -> list[float]:
        return [power for at, power in zip(self.at, self.battery_w, strict=True) if start <= at < end]


def house(**options: object) -> SimulatorOptions:
    """Return a quiet winter house: 500 W of load, no PV, half full."""
    settings: dict[str, object] = {"soc_pct": 50.0, "capacity_wh": 10_000.0, "load": 500.0, "pv": 0.0} | options
    return SimulatorOptions(**settings)  # type: ignore[arg-type]


def is_charging(power_w: float) -> bool:
    return power_w < -1000.0


def test_charges_while_cheap_and_stops_when_dear(tmp_path: Path) -> None:
    trace = Trace()
    cheap_from, dear_from = NIGHT + 30 * MINUTE, NIGHT + 90 * MINUTE
    outcome = live_through(
        tmp_path,
        NIGHT,
        timedelta(hours=2),
        house(soc_pct=30.0),
        prices=priced_by(lambda at: 100.0 if cheap_from <= at < dear_from else 1200.0),
        watch=trace.watch,
    )
    before = trace.between(NIGHT + MINUTE, cheap_from)
    during = trace.between(cheap_from + MINUTE, dear_from)
    assert before
    assert not any(map(is_charging, before))
    assert all(map(is_charging, during))
    # 0.4·0 + 0.25·80 + 0.2·100 + 0.15·30 = 44.5 at the dear price: between 30 and 70, so charging goes on by the rule.
    assert all(map(is_charging, trace.between(dear_from + MINUTE, dear_from + 10 * MINUTE)))
    assert outcome.status["state"] == "stopped"
    assert outcome.house.house.flow.battery_w > -100.0 or outcome.status["mode"]["mode"] == "self_use"


def test_stops_when_the_score_falls_to_the_stop_threshold(tmp_path: Path) -> None:
    trace = Trace()
    dear_from = NIGHT + 45 * MINUTE
    live_through(
        tmp_path,
        NIGHT,
        timedelta(minutes=75),
        # 80 % full, PV 1.5 kW, little load: 40 + 2.5 + 6 + 4.5 = 53 when cheap, 13 when dear.
        house(soc_pct=78.0, pv=1500.0, load=lambda at: 3500.0 if at < NIGHT + 10 * MINUTE else 400.0),
        prices=priced_by(lambda at: 100.0 if at < dear_from else 1200.0),
        watch=trace.watch,
        more="coordinator: {charging_thresholds: {start_charging_score: 60, stop_charging_score: 30}}",
    )
    assert Mode.CHARGE in trace.mode[: trace.at.index(dear_from)]
    assert all(mode is Mode.SELF_USE for at, mode in zip(trace.at, trace.mode, strict=True) if at > dear_from + MINUTE)


def test_an_empty_battery_is_charged_whatever_the_price(tmp_path: Path) -> None:
    trace = Trace()
    live_through(tmp_path, NIGHT, 30 * MINUTE, house(soc_pct=18.0), prices=flat_prices(1500.0), watch=trace.watch)
    assert all(map(is_charging, trace.between(NIGHT + MINUTE, NIGHT + 10 * MINUTE)))


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("over_temperature:65@600+900", Cause.BATTERY_TOO_HOT),
        ("cold_cells@600+900", Cause.BATTERY_TOO_COLD_TO_CHARGE),
        ("over_voltage@600+900", Cause.BATTERY_OVER_VOLTAGE),
        ("under_voltage@600+900", Cause.BATTERY_UNDER_VOLTAGE),
        ("grid_high@600+900", Cause.GRID_OVER_VOLTAGE),
        ("grid_low@600+900", Cause.GRID_UNDER_VOLTAGE),
        ("bms_alarm@600+900", Cause.BMS_ALARM),
        ("no_bms@600+900", Cause.BATTERY_UNKNOWN),
        ("sentinels@600+900", Cause.BATTERY_UNKNOWN),
    ],
)
def test_an_unsafe_reading_stops_charging_within_a_poll_and_holds(tmp_path: Path, fault: str, cause: Cause) -> None:
    trace = Trace()
    live_through(
        tmp_path,
        NIGHT,
        40 * MINUTE,
        house(soc_pct=30.0, faults=(fault,)),
        prices=flat_prices(100.0),
        watch=trace.watch,
    )
    unsafe_from, unsafe_until = NIGHT + 10 * MINUTE, NIGHT + 25 * MINUTE
    assert all(map(is_charging, trace.between(NIGHT + MINUTE, unsafe_from)))
    assert cause in frozenset().union(*trace.causes)
    # One poll (5 s), and the 3 s this inverter takes to act on a register.
    stopped = trace.between(unsafe_from + timedelta(seconds=10), unsafe_until)
    assert stopped
    assert not any(map(is_charging, stopped))
    held = [
        cause in causes
        for at, causes in zip(trace.at, trace.causes, strict=True)
        if unsafe_until < at < unsafe_until + 2.9 * MINUTE
    ]
    assert all(held), "a latch lets go only after three clear minutes"
    assert any(map(is_charging, trace.between(unsafe_until + 6 * MINUTE, NIGHT + 40 * MINUTE)))


def test_a_hot_battery_rests_and_the_grid_serves_the_house(tmp_path: Path) -> None:
    trace = Trace()
    live_through(
        tmp_path,
        NIGHT,
        20 * MINUTE,
        house(soc_pct=60.0, faults=("over_temperature:65@300",)),
        prices=flat_prices(900.0),
        watch=trace.watch,
    )
    assert min(trace.between(NIGHT + MINUTE, NIGHT + 5 * MINUTE)) > 300.0
    assert max(map(abs, trace.between(NIGHT + 6 * MINUTE, NIGHT + 20 * MINUTE))) < 100.0


def test_a_silent_inverter_ends_the_lease_as_soon_as_it_answers(tmp_path: Path) -> None:
    trace = Trace()
    outcome = live_through(
        tmp_path,
        NIGHT,
        30 * MINUTE,
        house(soc_pct=30.0, faults=("drop@600+300",)),
        prices=flat_prices(100.0),
        watch=trace.watch,
    )
    back = NIGHT + 15 * MINUTE
    assert not any(map(is_charging, trace.between(back + MINUTE, back + 2.9 * MINUTE)))
    assert any(map(is_charging, trace.between(back + 6 * MINUTE, NIGHT + 30 * MINUTE)))
    assert any(event["kind"] == "communication_lost" for event in outcome.status["events"])


def test_a_forced_mode_left_by_a_crash_is_put_back_at_the_start(tmp_path: Path) -> None:
    trace = Trace()
    live_through(
        tmp_path,
        NIGHT,
        10 * MINUTE,
        house(soc_pct=60.0),
        prices=flat_prices(1200.0),
        watch=trace.watch,
        starting_with=_force_charging,
    )
    assert not any(map(is_charging, trace.between(NIGHT + timedelta(seconds=15), NIGHT + 10 * MINUTE)))


def _force_charging(inverter: SimulatedInverter) -> None:
    """Write EMS 11 at 3000 W, as a controller that died would have left it."""
    assert inverter.exchange_pdu(bytes.fromhex("10B9970002 04 000B 0BB8".replace(" ", ""))) is not None


def test_registers_that_are_acknowledged_but_not_applied_are_noticed(tmp_path: Path) -> None:
    outcome = live_through(
        tmp_path,
        NIGHT,
        20 * MINUTE,
        house(soc_pct=30.0, faults=("ack_only@0",)),
        prices=flat_prices(100.0),
    )
    assert outcome.status["mode"]["mode"] == "self_use"
    kinds = {event["kind"] for event in outcome.status["events"]}
    assert kinds & {"not_obeyed", "not_confirmed", "command_not_confirmed", "rejected", "safety_action"}
    assert outcome.status["writes_today"] < 120


def test_writes_stay_few_over_a_day_of_quarters(tmp_path: Path) -> None:
    outcome = live_through(
        tmp_path,
        NIGHT,
        timedelta(hours=24),
        SimulatorOptions(soc_pct=40.0, capacity_wh=10_000.0),
        poll_s=30,
    )
    assert outcome.status["writes_today"] <= 60
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        quarters = reader.energy_between(NIGHT, NIGHT + timedelta(hours=24))
        assert len(quarters) >= 95
        assert all(quarter.coverage > 0.99 for quarter in quarters[1:-1])
        cycles = list(reader.cycles_between(NIGHT, NIGHT + timedelta(hours=25)))
    assert len(cycles) >= 96
    assert outcome.status["metrics"]["savings"]["value"] is not None


def test_the_same_day_twice_decides_the_same(tmp_path: Path) -> None:
    def decisions(folder: str) -> list[tuple[datetime, str, float]]:
        live_through(
            tmp_path / folder,
            NIGHT,
            timedelta(hours=3),
            SimulatorOptions(soc_pct=40.0, capacity_wh=10_000.0),
            poll_s=15,
        )
        with StoreReader(tmp_path / folder / "out" / "hems.sqlite3") as reader:
            cycles: list[CycleRecord] = list(reader.cycles_between(NIGHT, NIGHT + timedelta(hours=4)))
        return [(cycle.at, cycle.decision.reason, cycle.decision.confidence_pct) for cycle in cycles]

    first = decisions("one")
    assert len(first) >= 12
    assert first == decisions("two")


@pytest.mark.parametrize(
    "midnight", [datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)]
)
def test_days_of_92_and_100_quarters_are_ordinary(tmp_path: Path, midnight: datetime) -> None:
    outcome = live_through(
        tmp_path,
        midnight,
        timedelta(hours=4),
        SimulatorOptions(soc_pct=40.0, capacity_wh=10_000.0),
        poll_s=30,
    )
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        starts = [cycle.at for cycle in reader.cycles_between(midnight, midnight + timedelta(hours=5))]
    scheduled = [at for at in starts if at.minute % 15 == 0 and at.second < 30]
    assert len({at.replace(second=0, microsecond=0) for at in scheduled}) == 16
    assert all(slot["origin"] == "published" for slot in outcome.status["price_slots"][:92])


def test_fast_charge_reaches_its_target_in_time_and_only_then(tmp_path: Path) -> None:
    from hems.adapters.storage.fast_charge_inbox import FileFastChargeInbox
    from hems.composition.status_file import FAST_CHARGE_FILE
    from hems.domain.fast_charge import FastChargeRequest

    trace = Trace()
    deadline = NIGHT + timedelta(hours=3)
    FileFastChargeInbox(tmp_path / "out" / FAST_CHARGE_FILE).write(
        FastChargeRequest(target_soc_pct=70.0, deadline=deadline, asked_at=NIGHT)
    )
    live_through(
        tmp_path,
        NIGHT,
        timedelta(hours=3, minutes=20),
        house(soc_pct=50.0),
        prices=priced_by(lambda at: 700.0 if at < NIGHT + timedelta(hours=1) else 650.0),
        watch=trace.watch,
        poll_s=10,
    )
    reached = [at for at, soc in zip(trace.at, trace.soc_pct, strict=True) if soc >= 69.5]
    assert reached
    assert reached[0] <= deadline
    assert max(trace.soc_pct) < 72.0
    assert not any(map(is_charging, trace.between(NIGHT, NIGHT + 55 * MINUTE))), "the dear hour is left out"


def test_fast_charge_keeps_its_promise_with_a_battery_that_takes_a_third_of_the_power(tmp_path: Path) -> None:
    """5 kW are configured, the 48 V pack takes 32 A: the cheap end alone is too short, and the house drains it."""
    from hems.adapters.storage.fast_charge_inbox import FileFastChargeInbox
    from hems.composition.status_file import FAST_CHARGE_FILE
    from hems.domain.fast_charge import FastChargeRequest

    trace = Trace()
    deadline = NIGHT + timedelta(hours=4)
    FileFastChargeInbox(tmp_path / "out" / FAST_CHARGE_FILE).write(
        FastChargeRequest(target_soc_pct=80.0, deadline=deadline, asked_at=NIGHT)
    )
    outcome = live_through(
        tmp_path,
        NIGHT,
        timedelta(hours=4),
        house(soc_pct=50.0, load=1000.0),
        prices=priced_by(lambda at: 900.0 - 10.0 * ((at - NIGHT) // timedelta(minutes=15))),
        watch=trace.watch,
        poll_s=20,
    )
    assert trace.soc_pct[-1] >= 79.4, "80 % at the deadline, as the inverter tells it"
    assert max(trace.soc_pct) < 81.0
    assert not any(map(is_charging, trace.between(NIGHT, NIGHT + 45 * MINUTE))), "the dearest quarters are left out"
    assert len(outcome.modes) <= 12


@pytest.mark.parametrize("power", [-2000.0])
def test_nothing_is_forced_before_the_battery_is_known(tmp_path: Path, power: float) -> None:
    trace = Trace()
    live_through(
        tmp_path,
        NIGHT,
        10 * MINUTE,
        house(soc_pct=10.0, faults=("no_bms@0",)),
        prices=flat_prices(-100.0),
        watch=trace.watch,
    )
    assert min(trace.battery_w) > power
    assert all(mode is Mode.SELF_USE for mode in trace.mode)


@pytest.mark.parametrize("model", ["GW5048-EM", "GW5048-ES"])
def test_an_inverter_that_cannot_rest_is_still_made_to_stop_charging_within_a_poll(tmp_path: Path, model: str) -> None:
    ordered: list[tuple[datetime, bool]] = []

    def watch(moment: Moment) -> None:
        settings = moment.house.device.effective
        eco = settings.work_mode == 3 and any(slot.covers(moment.house.device.shown) for slot in settings.eco_slots)
        ordered.append((moment.at, eco or settings.ems_mode == 11))

    hot_from = NIGHT + timedelta(seconds=607)  # not on the minute at which the control registers are looked through
    live_through(
        tmp_path,
        NIGHT,
        14 * MINUTE,
        house(model=model, soc_pct=30.0, faults=("over_temperature:65@607",)),
        prices=flat_prices(100.0),
        watch=watch,
    )
    assert all(forced for at, forced in ordered if NIGHT + MINUTE < at < hot_from)
    assert not any(forced for at, forced in ordered if at > hot_from + timedelta(seconds=10))


def test_one_refused_read_does_not_put_the_protection_off(tmp_path: Path) -> None:
    ems: list[tuple[datetime, int]] = []
    hot_from = NIGHT + timedelta(seconds=607)

    def refuse_once(inverter: SimulatedInverter) -> None:
        answer = inverter.device.answer_pdu

        def refusing(pdu: bytes) -> bytes | None:
            refused = hot_from <= inverter.now < hot_from + timedelta(seconds=4) and pdu[:2] >= b"\x03\xb0"
            return b"\x83\x04" if refused else answer(pdu)

        inverter.device.answer_pdu = refusing  # type: ignore[method-assign]

    live_through(
        tmp_path,
        NIGHT,
        14 * MINUTE,
        house(model="GW8KN-ET", soc_pct=30.0, faults=("over_temperature:65@607",)),
        prices=flat_prices(100.0),
        watch=lambda moment: ems.append((moment.at, moment.house.device.effective.ems_mode)),
        starting_with=refuse_once,
    )
    assert all(mode == 11 for at, mode in ems if NIGHT + MINUTE < at < hot_from)
    assert not any(mode == 11 for at, mode in ems if at > hot_from + timedelta(seconds=15))


def test_an_over_charged_battery_at_the_start_is_waited_for_and_not_a_wrong_profile(tmp_path: Path) -> None:
    trace = Trace()
    live_through(
        tmp_path,
        NIGHT,
        20 * MINUTE,
        house(soc_pct=30.0, faults=("over_voltage@0+300",)),
        prices=flat_prices(100.0),
        watch=trace.watch,
    )
    assert Cause.BATTERY_OVER_VOLTAGE in trace.causes[0]
    assert not any(map(is_charging, trace.between(NIGHT, NIGHT + 7.9 * MINUTE)))
    assert any(map(is_charging, trace.between(NIGHT + 12 * MINUTE, NIGHT + 20 * MINUTE)))


def test_a_wrong_battery_ends_the_service_but_not_with_a_charge_left_behind(tmp_path: Path) -> None:
    houses: list[SimulatedInverter] = []

    def left_charging(inverter: SimulatedInverter) -> None:
        houses.append(inverter)
        _force_charging(inverter)

    path = write_configuration(tmp_path, more="charging: {safety_voltage_max: 58.0, safety_voltage_min: 45.0}")
    text = path.read_text().replace("capacity_kwh: 10.0", "capacity_kwh: 10.0\n  profile: pack_48v")
    path.write_text(text)
    with pytest.raises(WrongBatteryWindow, match=r"lynx_home_f"):
        simulate_days(
            SimulatedRun(
                loaded=load(path),
                start=NIGHT,
                length=5 * MINUTE,
                house=house(model="GW8KN-ET"),
                prices=lambda clock: SimulatedPriceSource(clock, SimulatedMarketOptions()),
                starting_with=left_charging,
            )
        )
    inverter = houses[0]
    inverter.advance_to(inverter.now + MINUTE)
    assert inverter.device.effective.ems_mode == 1


def test_an_inverter_without_a_battery_is_read_and_nothing_is_forced(tmp_path: Path) -> None:
    noon = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
    outcome = live_through(
        tmp_path,
        noon,
        30 * MINUTE,
        SimulatorOptions(model="GW6000-DT", pv=3000.0, load=500.0),
        prices=flat_prices(-100.0),
    )
    assert outcome.status["sensors"]["pv_w"] == pytest.approx(3000.0, rel=0.02)
    assert outcome.status["writes_today"] == 0
    assert outcome.status["mode"]["mode"] == "self_use"
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        quarters = reader.energy_between(noon, noon + timedelta(hours=1))
    assert len(quarters) >= 1
    assert quarters[0].pv_wh == pytest.approx(750.0, rel=0.03)


@pytest.mark.parametrize("model", ["GW5048-ES", "GW5048-EM", "GW10K-ET", "GW8KN-ET", "GW10K-ET-fw617"])
def test_every_hybrid_charges_and_ends_in_self_use(tmp_path: Path, model: str) -> None:
    trace = Trace()
    outcome = live_through(
        tmp_path,
        NIGHT,
        20 * MINUTE,
        house(model=model, soc_pct=15.0),
        prices=flat_prices(1500.0),
        watch=trace.watch,
    )
    assert all(map(is_charging, trace.between(NIGHT + 2 * MINUTE, NIGHT + 5 * MINUTE)))
    assert outcome.status["mode"]["mode"] == "self_use"
    house_after = outcome.house
    house_after.advance_to(house_after.now + MINUTE)
    assert not is_charging(house_after.house.flow.battery_w)


def test_a_face_that_breaks_stops_neither_control_nor_the_way_back(tmp_path: Path) -> None:
    def break_down(_: Moment) -> None:
        raise RuntimeError("the screen is gone")

    outcome = live_through(
        tmp_path, NIGHT, 5 * MINUTE, house(soc_pct=15.0), prices=flat_prices(1500.0), watch=break_down
    )
    assert outcome.cycles > 50
    assert outcome.status["mode"]["mode"] == "self_use"
    assert outcome.status["events"][-1]["kind"] == "stopped"
