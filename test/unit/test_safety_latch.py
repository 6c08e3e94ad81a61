"""The latch: released only after a counted clear time, through restarts and clocks that jump."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from hems.domain.readings import BmsAlarm, Quality
from hems.domain.safety import Cause, SafetyEnvelope
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.gate import stops_operations
from support.safety_builders import NOON, POLL, SPEC, snapshot

RELEASE = timedelta(minutes=5)
HOT = {"battery__temperature_c": 61.0}


class House:
    """A supervisor polled at chosen moments."""

    def __init__(self, saved: object | None = None, at: datetime = NOON, **options: Any) -> None:
        self.supervisor = SafetySupervisor(SPEC, SafetyOptions(**options), saved=saved, now=at)
        self.at = at
        self.polls = 0

    def poll(self, at: datetime | None = None, **changes: Any) -> SafetyEnvelope:
        """Read at ``at`` (default: one poll later) and return the envelope."""
        self.at = at if at is not None else self.at + POLL
        self.polls += 1
        changes.setdefault("grid__frequency_hz", 50.0 + 0.01 * (self.polls % 2))
        return self.supervisor.evaluate(snapshot(self.at, **changes), self.at, self.at)[0]

    def miss(self, at: datetime | None = None) -> SafetyEnvelope:
        """Fail to read, a moment after the last answer."""
        self.at = at if at is not None else self.at + POLL
        return self.supervisor.evaluate(None, self.at, self.at - POLL)[0]

    def polls_until_clear(self, limit: int = 200, **changes: Any) -> int:
        """Return after how many polls nothing holds any more."""
        for count in range(1, limit + 1):
            if self.poll(**changes).is_clear:
                return count
        raise AssertionError(f"still latched after {limit} polls")


def test_a_violation_holds_at_once_and_for_the_whole_release_time() -> None:
    house = House()
    house.poll()
    assert stops_operations(house.poll(**HOT)), "the very poll that shows it"
    assert house.polls_until_clear() == RELEASE / POLL


def test_a_relapse_starts_the_clear_time_again() -> None:
    house = House()
    house.poll(**HOT)
    for _ in range(59):
        assert not house.poll().is_clear
    house.poll(**HOT)
    assert house.polls_until_clear() == RELEASE / POLL


def test_an_unknown_reading_does_not_count_as_clear() -> None:
    house = House()
    house.poll(**HOT)
    unknown = {"battery__temperature_c": None, "battery__cell_temperature_max_c": None}
    for _ in range(100):
        assert Cause.BATTERY_TOO_HOT in house.poll(**unknown).causes
    assert house.polls_until_clear() == RELEASE / POLL


def test_missed_polls_do_not_count_as_clear() -> None:
    house = House()
    house.poll(**HOT)
    for _ in range(100):
        assert Cause.BATTERY_TOO_HOT in house.miss().causes
    assert house.polls_until_clear() == RELEASE / POLL


def test_one_missed_poll_among_many_does_not_start_again() -> None:
    house = House()
    house.poll(**HOT)
    for _ in range(30):
        house.poll()
    house.miss()
    assert house.polls_until_clear() == 30


def test_alarm_bits_that_cannot_be_read_stay_latched() -> None:
    house = House()
    house.poll(battery__alarms=frozenset({BmsAlarm.CELL_HOT}))
    for _ in range(100):
        assert Cause.BMS_ALARM in house.poll(battery__quality=Quality.MISSING).causes


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=400)])
def test_a_clock_that_jumps_ahead_does_not_release(jump: timedelta) -> None:
    house = House()
    house.poll(**HOT)
    assert not house.poll(house.at + jump).is_clear
    assert 48 <= house.polls_until_clear() <= 60, "the jump counts for one minute at most"


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=400)])
def test_a_clock_that_jumps_back_neither_releases_nor_holds_for_ever(jump: timedelta) -> None:
    house = House()
    house.poll(**HOT)
    assert not house.poll(house.at - jump).is_clear
    assert house.polls_until_clear() == RELEASE / POLL


def test_a_latch_survives_a_restart_as_json() -> None:
    before = House()
    before.poll(**HOT)
    saved = json.loads(json.dumps(before.supervisor.to_state(), allow_nan=False))
    after = House(saved, at=before.at + timedelta(hours=8))
    envelope = after.poll()
    assert envelope.causes == {Cause.BATTERY_TOO_HOT}
    assert envelope.bounds.discharge_max_w == 0
    assert "61.0 °C" in envelope.violations[0].detail
    assert after.polls_until_clear() == RELEASE / POLL


def test_the_saved_state_changes_only_when_something_comes_or_goes() -> None:
    house = House()
    house.poll()
    empty = house.supervisor.to_state()
    house.poll(**HOT)
    hot = house.supervisor.to_state()
    assert hot != empty
    for _ in range(20):
        house.poll()
        assert house.supervisor.to_state() == hot
    house.polls_until_clear()
    assert house.supervisor.to_state() == empty


@pytest.mark.parametrize(
    "saved",
    [
        "rubbish",
        {"version": 2, "held": []},
        {"version": 1},
        {"version": 1, "held": [{"key": "x"}]},
        {"version": 1, "held": [{"key": "x", "cause": "no such cause", "detail": "", "bounds_w": {}, "since": ""}]},
        {"version": 1, "held": [3]},
    ],
)
def test_a_state_that_cannot_be_read_stops_operations_for_one_release_time(saved: object) -> None:
    house = House(saved)
    envelope = house.poll()
    assert stops_operations(envelope)
    assert "cannot be read" in envelope.violations[0].detail
    assert house.polls_until_clear() == RELEASE / POLL


def test_what_does_not_latch_lets_go_at_once() -> None:
    house = House()
    assert not house.poll(battery__soc_pct=10.0).is_clear
    assert house.poll(battery__soc_pct=10.1).is_clear


def test_two_alarms_release_each_on_their_own() -> None:
    house = House()
    house.poll(battery__alarms=frozenset({BmsAlarm.CELL_HOT, BmsAlarm.CHARGE_OVER_CURRENT}))
    for _ in range(30):
        house.poll(battery__alarms=frozenset({BmsAlarm.CHARGE_OVER_CURRENT}))
    for _ in range(31):
        envelope = house.poll()
    assert [violation.detail for violation in envelope.violations if "hot" in violation.detail] == []
    assert len(envelope.violations) == 1


def test_a_clear_cause_says_how_long_it_still_holds() -> None:
    house = House()
    house.poll(**HOT)
    house.poll()
    assert "held for another 295 s" in house.poll(house.at).violations[0].detail


def test_a_new_spec_is_used_from_the_next_poll() -> None:
    house = House()
    assert house.poll(battery__voltage_v=57.0).is_clear
    house.supervisor.use_spec(replace(SPEC, window=replace(SPEC.window, voltage_max_v=56.0)))
    assert Cause.BATTERY_OVER_VOLTAGE in house.poll(battery__voltage_v=57.0).causes
