"""A person's stop in the latch: no time and no restart ends it, and what a person may release beside it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from hems.coordination.events import EventLog
from hems.coordination.safety_guard import SafetyGuard
from hems.domain.safety import Cause, SafetyEnvelope
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.gate import required_mode, stops_operations
from support.memory_store import MemoryStore
from support.safety_builders import NOON, POLL, SPEC, snapshot

HOT: dict[str, Any] = {"battery__temperature_c": 61.0}
UNKNOWN: dict[str, Any] = {"battery__temperature_c": None, "battery__cell_temperature_max_c": None}


class FixedClock:
    def now(self) -> Any:
        return NOON

    def monotonic(self) -> float:
        return 0.0


class House:
    """A guard on a store, polled every five seconds."""

    def __init__(self, store: MemoryStore, *, is_open: bool = True) -> None:
        self.guard = SafetyGuard(
            lambda spec, saved: SafetySupervisor(spec, SafetyOptions(), saved=saved, now=NOON),
            store,
            EventLog(FixedClock(), store),  # type: ignore[arg-type]
        )
        self.polls = 0
        if is_open:
            self.guard.configure(SPEC)

    def poll(self, times: int = 1, **changes: Any) -> SafetyEnvelope:
        for _ in range(times):
            self.polls += 1
            at = NOON + self.polls * POLL
            frequency = {"grid__frequency_hz": 50.0 + 0.01 * (self.polls % 2)}
            envelope, _ = self.guard.evaluate(snapshot(at, **(frequency | changes)), at, at)
        return envelope

    def miss(self) -> SafetyEnvelope:
        self.polls += 1
        at = NOON + self.polls * POLL
        return self.guard.evaluate(None, at, at - POLL)[0]


def held(house: House) -> dict[Cause, tuple[bool, str | None]]:
    return {one.violation.cause: (one.is_releasable, one.why_not) for one in house.guard.held(NOON)}


def test_a_stop_holds_from_the_next_envelope_on_however_long_all_is_well() -> None:
    house = House(MemoryStore())
    house.poll()
    house.guard.stop_by_person("smoke", NOON)
    envelope = house.poll()
    assert stops_operations(envelope)
    assert required_mode(envelope) is None, "the inverter's own self-use goes on"
    assert house.poll(2000).causes == {Cause.STOPPED_BY_PERSON}
    (stop,) = house.guard.held(NOON)
    assert (stop.release_after, stop.clear_for, stop.is_releasable) == (None, timedelta(0), True)
    assert stop.violation.detail == "smoke"


def test_a_stop_survives_restarts_also_before_the_inverter_has_answered() -> None:
    store = MemoryStore()
    first = House(store, is_open=False)
    first.guard.stop_by_person("smoke", NOON)
    assert first.guard.keep() is None
    second = House(store, is_open=False)
    envelope, _ = second.guard.evaluate(None, NOON, None)
    assert Cause.STOPPED_BY_PERSON in envelope.causes
    assert stops_operations(envelope)
    second.guard.configure(SPEC)
    assert second.poll(500).causes == {Cause.STOPPED_BY_PERSON}
    second.guard.keep()
    third = House(store, is_open=False)
    assert [one.cause for one in third.guard.release_by_person(NOON)] == [Cause.STOPPED_BY_PERSON]
    third.guard.keep()
    assert House(store).poll().is_clear


def test_a_stop_before_the_inverter_keeps_what_was_latched_before() -> None:
    store = MemoryStore()
    hot = House(store)
    hot.poll(**HOT)
    hot.guard.keep()
    again = House(store, is_open=False)
    again.guard.stop_by_person("smoke", NOON)
    assert [one.cause for one in again.guard.release_by_person(NOON)] == [Cause.STOPPED_BY_PERSON]
    again.guard.configure(SPEC)
    assert Cause.BATTERY_TOO_HOT in again.poll().causes


def test_a_second_stop_changes_neither_time_nor_words() -> None:
    house = House(MemoryStore())
    house.poll()
    house.guard.stop_by_person("smoke", NOON)
    house.guard.stop_by_person("a slip", NOON + timedelta(hours=1))
    stop = house.guard.persons_stop(NOON)
    assert stop is not None
    assert (stop.since, stop.violation.detail) == (NOON, "smoke")


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({}, (True, None)),
        (HOT, (False, "holds")),
        (UNKNOWN, (False, "unknown")),
    ],
    ids=["clear", "holds", "unknown"],
)
def test_only_what_is_seen_clear_may_be_released(last: dict[str, Any], told: tuple[bool, str | None]) -> None:
    house = House(MemoryStore())
    house.poll(**HOT)
    house.poll(3)
    house.poll(**last)
    assert held(house)[Cause.BATTERY_TOO_HOT] == told
    released = {one.cause for one in house.guard.release_by_person(NOON)}
    assert (Cause.BATTERY_TOO_HOT in released) is told[0]
    assert (Cause.BATTERY_TOO_HOT in house.poll(**last).causes) is not told[0]


def test_while_the_inverter_is_silent_nothing_but_the_stop_may_be_released() -> None:
    house = House(MemoryStore())
    house.poll(**HOT)
    house.poll(3)
    house.guard.stop_by_person("smoke", NOON)
    house.miss()
    assert held(house) == {Cause.BATTERY_TOO_HOT: (False, "unknown"), Cause.STOPPED_BY_PERSON: (True, None)}
    assert [one.cause for one in house.guard.release_by_person(NOON)] == [Cause.STOPPED_BY_PERSON]


def test_what_is_broken_again_holds_again_with_the_next_poll() -> None:
    house = House(MemoryStore())
    house.poll(**HOT)
    house.poll()
    assert house.guard.release_by_person(NOON)
    assert Cause.BATTERY_TOO_HOT in house.poll(**HOT).causes


def test_how_long_a_rule_is_seen_clear_is_told() -> None:
    house = House(MemoryStore())
    house.poll(**HOT)
    house.poll(4)
    (hot,) = house.guard.held(NOON)
    assert (hot.clear_for, hot.release_after, hot.since) == (4 * POLL, timedelta(minutes=5), NOON + POLL)


def test_what_is_kept_of_a_stop_is_plain_json() -> None:
    store = MemoryStore()
    house = House(store)
    house.poll()
    house.guard.stop_by_person("smoke", NOON)
    house.guard.keep()
    (kept,) = json.loads(json.dumps(store.get_state("safety_latch")))["held"]
    assert (kept["key"], kept["cause"], kept["detail"]) == ("stopped_by_person", "stopped_by_person", "smoke")
    assert kept["bounds_w"]["forced_charge_max_w"] == 0.0
