"""The fuse guard: a forced charge yields within two polls, comes back late, and the bound seldom changes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.config.battery import resolve_window, site_spec
from hems.config.loader import parse_configuration
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Narrowed, Refused
from hems.domain.readings import InverterFlag
from hems.domain.safety import Bounds, Cause, SafetyEnvelope
from hems.domain.site import ReportedBatteryLimits
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.fuse_guard import room_for_charging_w
from hems.safety.gate import narrow_to_envelope, permitted_mode, stops_operations
from support.safety_builders import NOON, POLL, SPEC, snapshot

LIMIT_W = 6000.0
FUSED = replace(SPEC, import_max_w=LIMIT_W)
HOLD = timedelta(minutes=5)
HOUR = timedelta(hours=1)
STRONG = {"battery__charge_limit_a": 200.0, "battery__discharge_limit_a": 200.0}
"""A battery whose own limits are beside the point here: 32 A of the window at 160 V."""


class House:
    """A house without sun whose charge obeys the bound at once, with the conversion losses stated."""

    def __init__(self, *, charging: bool, loss: float = 0.0) -> None:
        self.supervisor = SafetySupervisor(FUSED, SafetyOptions(), saved=None, now=NOON)
        self.at, self.charging, self.loss = NOON, charging, loss
        self.charge_w, self.import_w = 5000.0 if charging else 0.0, 0.0
        self.bounds_w: list[float] = []

    def poll(self, load_w: float, **changes: Any) -> SafetyEnvelope:
        self.at += POLL
        self.import_w = load_w + self.charge_w * (1 + self.loss)
        told: dict[str, Any] = {"pv__power_w": 0.0, "load__power_w": load_w, "battery__voltage_v": 56.0}
        told |= {"grid__power_w": self.import_w, "battery__power_w": -self.charge_w, **STRONG, **changes}
        told["grid__frequency_hz"] = 50.0 + 0.01 * (len(self.bounds_w) % 2)
        envelope, _ = self.supervisor.evaluate(snapshot(self.at, **told), self.at, self.at)
        bound_w = min(5000.0, *(found.bounds.forced_charge_max_w for found in envelope.violations), math.inf)
        self.bounds_w.append(bound_w)
        self.charge_w = bound_w if self.charging else 0.0
        return envelope

    def stay(self, load_w: float, length: timedelta) -> SafetyEnvelope:
        for _ in range(length // POLL):
            envelope = self.poll(load_w)
        return envelope

    @property
    def changes(self) -> int:
        return sum(1 for before, after in zip(self.bounds_w, self.bounds_w[1:], strict=False) if before != after)


def charge(power_w: float = 5000.0) -> Command:
    return Command(mode=Mode.CHARGE, power_w=power_w, target_soc_pct=90.0, expires_at=NOON + 10 * HOUR)


def test_a_kettle_and_an_oven_narrow_the_charge_within_two_polls() -> None:
    house = House(charging=True)
    assert house.stay(500.0, timedelta(minutes=1)).is_clear
    house.poll(4300.0)
    envelope = house.poll(4300.0)
    assert house.bounds_w[-1] == 1500.0, "6000 - 4300 W in whole steps"
    verdict = narrow_to_envelope(charge(), envelope)
    assert isinstance(verdict, Narrowed)
    assert verdict.command.power_w == 1500.0
    assert verdict.causes == ("fuse: the import limit of 6000 W leaves 1500 W for charging",)
    house.poll(4300.0)
    assert house.import_w <= LIMIT_W


def test_the_charge_comes_back_after_the_hold_and_not_before() -> None:
    house = House(charging=True)
    house.stay(4300.0, timedelta(minutes=3))
    assert Cause.FUSE in house.stay(500.0, HOLD - POLL).causes
    assert house.poll(500.0).is_clear


def test_a_dip_starts_the_hold_again() -> None:
    house = House(charging=True)
    house.stay(4300.0, timedelta(minutes=1))
    house.stay(500.0, HOLD - POLL)
    house.poll(4300.0)
    assert Cause.FUSE in house.stay(500.0, HOLD - POLL).causes


def test_one_odd_poll_bounds_nothing() -> None:
    """The charge has begun at the meter, the battery's reading is of the moment before."""
    house = House(charging=True)
    house.stay(500.0, timedelta(minutes=1))
    assert house.poll(500.0, battery__power_w=0.0).is_clear
    assert house.poll(500.0).is_clear


def test_it_rises_to_what_fitted_beside_a_load_that_stays() -> None:
    house = House(charging=True)
    house.stay(2000.0, timedelta(minutes=1))
    assert house.bounds_w[-1] == 4000.0
    house.stay(5000.0, timedelta(minutes=1))
    assert house.bounds_w[-1] == 1000.0
    house.stay(2000.0, HOLD)
    assert house.bounds_w[-1] == 3500.0, "1000 W and 95 % of the other 3000 W"
    assert house.changes == 2, "down once, up once"


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("load_w", [600.0, 1234.0, 2900.0, 5400.0])
def test_a_charge_that_begins_stays_below_the_fuse(load_w: float, loss: float) -> None:
    house = House(charging=False, loss=loss)
    house.stay(load_w, timedelta(minutes=1))
    house.charging = True
    house.poll(load_w)
    house.poll(load_w)
    if loss <= 0.05:
        assert house.import_w <= LIMIT_W, "from the first moment on"
    house.stay(load_w, 4 * HOLD)
    assert house.import_w <= LIMIT_W
    assert house.changes <= 3


@pytest.mark.parametrize(
    ("on_s", "off_s"), [(30, 30), (120, 120), (60, 360), (360, 360), (360, 720), (720, 360), (720, 720)]
)
def test_a_load_that_flaps_for_an_hour_costs_a_handful_of_writes(on_s: int, off_s: int) -> None:
    house = House(charging=True)
    house.stay(500.0, timedelta(minutes=1))
    start = house.at
    while house.at - start < HOUR:
        house.stay(4300.0, timedelta(seconds=on_s))
        house.stay(500.0, timedelta(seconds=off_s))
    assert 1 <= house.changes <= 6


def test_a_load_that_trembles_about_a_step_costs_two() -> None:
    house = House(charging=True)
    for index in range(HOUR // POLL):
        house.poll(2500.0 + 60.0 * math.sin(index / 7.0))
    assert house.changes <= 2


def test_unknown_power_neither_bounds_nor_releases() -> None:
    house = House(charging=True)
    for unknown in ({"grid__power_w": None}, {"battery__power_w": None}):
        assert Cause.FUSE not in house.poll(4300.0, **unknown).causes
    lost_meter = {"inverter__flags": frozenset({InverterFlag.METER_LOST})}
    assert Cause.FUSE not in house.poll(4300.0, **lost_meter).causes
    house.stay(4300.0, timedelta(minutes=1))
    for _ in range(2 * HOLD // POLL):
        assert Cause.FUSE in house.poll(500.0, grid__power_w=None).causes
    house.stay(500.0, HOLD - POLL)
    assert house.bounds_w[-1] == 1500.0, "unknown time has not counted"
    house.poll(500.0)
    assert house.bounds_w[-1] == 5000.0


def test_missed_polls_do_not_count() -> None:
    house = House(charging=True)
    house.stay(4300.0, timedelta(minutes=1))
    last = house.at
    for _ in range(120):
        house.at += POLL
        envelope, _ = house.supervisor.evaluate(None, house.at, last)
    assert Cause.FUSE in envelope.causes
    assert Cause.FUSE in house.stay(500.0, HOLD - POLL).causes
    assert Cause.FUSE not in house.poll(500.0).causes


def test_it_is_no_stop_and_nothing_of_it_is_kept() -> None:
    house = House(charging=True)
    before = house.supervisor.to_state()
    envelope = house.stay(7000.0, timedelta(minutes=1))
    refused = narrow_to_envelope(charge(), envelope)
    assert isinstance(refused, Refused)
    assert refused.fallback.mode is Mode.SELF_USE
    assert refused.causes == ("fuse: the import limit of 6000 W leaves 0 W for charging",)
    assert permitted_mode(envelope.bounds) is Mode.SELF_USE
    assert house.supervisor.to_state() == before
    assert envelope.lasting_bounds.forced_charge_max_w > 1000.0, "a plan counts on the battery's own limits"


def test_a_full_fuse_and_an_empty_battery_still_let_it_be_held() -> None:
    house = House(charging=True)
    for tenths in range(110):  # down to the floor, at a rate that is believed
        envelope = house.poll(7000.0, battery__soc_pct=max(10.0, 20.9 - tenths / 10.0))
    assert envelope.causes == {Cause.FUSE, Cause.SOC_AT_FLOOR}
    assert not stops_operations(envelope)
    hold = Command(mode=Mode.HOLD, expires_at=NOON + 10 * HOUR)
    assert isinstance(narrow_to_envelope(hold, envelope), Allowed)
    assert stops_operations(replace(envelope, lasting=None)), "as where a charge is stopped for good"


def test_the_cause_is_named_only_where_it_binds() -> None:
    house = House(charging=True)
    envelope = house.stay(2000.0, timedelta(minutes=1))
    tighter = replace(envelope, bounds=envelope.bounds.intersect(Bounds(forced_charge_max_w=700.0)))
    verdict = narrow_to_envelope(charge(), tighter)
    assert isinstance(verdict, Narrowed)
    assert verdict.causes == ("the battery's current limit or charging.max_power allows no more now",)


def test_a_discharging_battery_leaves_its_load_to_the_fuse() -> None:
    covering = snapshot(grid__power_w=0.0, battery__power_w=3000.0, load__power_w=3000.0, pv__power_w=0.0)
    assert room_for_charging_w(covering, LIMIT_W) == pytest.approx(0.95 * 3000.0)


@given(st.floats(-20_000, 20_000), st.floats(-10_000, 10_000), st.floats(500, 200_000), st.floats(0, 10_000))
def test_what_is_left_never_lifts_the_import_above_the_limit(
    grid_w: float, battery_w: float, limit_w: float, more_w: float
) -> None:
    """The present import, less what charges now, plus the room, is within the limit wherever there is any room."""
    room_w = room_for_charging_w(snapshot(grid__power_w=grid_w, battery__power_w=battery_w), limit_w)
    assert room_w is not None
    without_w = grid_w + battery_w
    if room_w >= 0:
        assert without_w + room_w <= limit_w + 1e-6
    tighter = room_for_charging_w(snapshot(grid__power_w=grid_w + more_w, battery__power_w=battery_w), limit_w)
    assert tighter is not None
    assert tighter <= room_w + 1e-6


def test_the_configured_limit_reaches_safety() -> None:
    text = "inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\ngrid: {import_limit: 7000}\n"
    configuration = parse_configuration(text, "house.yaml")
    reported = ReportedBatteryLimits(
        voltage_min_v=40.0,
        voltage_max_v=60.0,
        charge_current_max_a=50.0,
        discharge_current_max_a=60.0,
        measured_voltage_v=52.4,
    )
    assert site_spec(configuration, resolve_window(configuration, reported)).import_max_w == 7000.0


def test_negative_times_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        SafetyOptions(fuse_hold=timedelta(seconds=-1))
