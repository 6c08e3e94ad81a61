"""The fault campaign: ten days of it keep every promise, and it notices when a guard of the product is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from hems.adapters.inverters.goodwe.controller import Controller
from hems.adapters.inverters.goodwe.unseen import UnseenRestore
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.chaos.campaign import INVARIANTS, replay_command
from hems.chaos.day import live_through
from hems.chaos.plan import DayPlan, draw_day
from hems.chaos.troubles import TROUBLE_KINDS, Trouble
from hems.coordination.action_executor_manager import ActionExecutorManager
from hems.safety import battery_rules
from hems.simulation.control import DEFAULT_PRIORITY
from hems.simulation.faults import FAULT_KINDS, parse_fault

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
def test_ten_days_keep_every_promise() -> None:
    command = [sys.executable, "-m", "hems.cli", "chaos", "--days", "10", "--seed", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    document = json.loads(done.stdout)
    assert document["broken"] == []
    assert done.returncode == 0
    assert document["days"] == 10
    assert document["cycles"] > 3_000
    assert document["records_checked"] > 2_000
    assert {entry["breaches"] for entry in document["invariants"].values()} == {0}


def test_a_day_is_drawn_alike_again_and_differs_from_the_next() -> None:
    assert draw_day(7) == draw_day(7)
    assert draw_day(7) != draw_day(8)
    assert replay_command(7) == "hems chaos --days 1 --seed 7"


def test_every_kind_of_fault_and_trouble_is_drawn() -> None:
    plans = [draw_day(seed) for seed in range(1000)]
    assert {fault.kind.name for plan in plans for fault in plan.faults} == set(FAULT_KINDS)
    assert {trouble.kind.name for plan in plans for trouble in plan.troubles} == set(TROUBLE_KINDS)
    assert 50 < sum(plan.is_calm for plan in plans) < 200
    assert any(plan.length.total_seconds() == 23 * 3600 for plan in plans)
    assert any(plan.length.total_seconds() == 25 * 3600 for plan in plans)


def winter_day(faults: Sequence[str] = (), troubles: Sequence[Trouble] = (), **changes: Any) -> DayPlan:
    """A day on which the battery would be charged from the grid, by EMS, and protects itself from nothing."""
    day: dict[str, Any] = {
        "day": date(2026, 1, 20),
        "model": "GW6000-ES-20",
        "control": "ems",
        "capacity_wh": 15_360.0,
        "soc_pct": 8.0,
        "load_average_w": 250.0,
        "pv_peak_w": 0.0,
        "bms_protects": False,
        "control_lag_s": 3.0,
        "priority": DEFAULT_PRIORITY,
        "owner_floor_pct": 10,
        "poll_s": 60.0,
        "price_shape": "cheap",
        "faults": tuple(parse_fault(fault) for fault in faults),
        "troubles": tuple(troubles),
    }
    return replace(draw_day(1), **(day | changes))


def trouble(name: str, start_s: float, duration_s: float, value: float = 0.0) -> Trouble:
    return Trouble(kind=TROUBLE_KINDS[name], start_s=start_s, duration_s=duration_s, value=value)


async def do_nothing(*_: Any, **__: Any) -> None:
    return None


def lose_every_third_cycle() -> AbstractContextManager[object]:
    keep, seen = SqliteStore.add_cycle, [0]

    def forgetful(store: SqliteStore, cycle: Any) -> None:
        seen[0] += 1
        if seen[0] % 3:
            keep(store, cycle)

    return patch.object(SqliteStore, "add_cycle", forgetful)


def spend_without_a_budget() -> AbstractContextManager[object]:
    async def no_refusal(*_: Any) -> None:
        return None

    return patch.object(ActionExecutorManager, "_refusal", no_refusal)


BROKEN_GUARDS: dict[str, tuple[int, DayPlan, Callable[[], AbstractContextManager[object]]]] = {
    "nobody feels the heat": (
        1,
        winter_day(["over_temperature:66@1800+900"]),
        lambda: patch.object(battery_rules, "_hottest", lambda _battery: 20.0),
    ),
    "the restore hook does nothing": (
        2,
        winter_day(troubles=[trouble("configuration_broken", 1800.0, 900.0, 2.0)]),
        lambda: patch("hems.chaos.life.restore_inverter", do_nothing),
    ),
    "nothing is written that cannot be read back": (
        2,
        winter_day(["bad_crc:1@1800+1800"]),
        lambda: patch.object(Controller, "_end_unseen", do_nothing),
    ),
    "the restore hook writes nothing that it cannot read back": (
        2,
        winter_day(["bad_crc:1@1800+1800"], [trouble("process_killed_idle", 1801.0, 1.0)]),
        lambda: patch.object(UnseenRestore, "_write_all", do_nothing),
    ),
    "every third decision is forgotten": (3, winter_day(), lose_every_third_cycle),
    "the budget is not kept": (
        4,
        winter_day(price_shape="hours"),
        spend_without_a_budget,
    ),
}


@pytest.mark.parametrize("name", BROKEN_GUARDS)
def test_the_campaign_notices_a_broken_guard(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.chaos.day.WRITE_BUDGET", 8)  # so small that an ordinary day uses it up
    invariant, plan, break_it = BROKEN_GUARDS[name]
    assert live_through(plan).breaches == (), "whole, it keeps every promise"
    with break_it():
        broken = {breach.invariant for breach in live_through(plan).breaches}
    assert invariant in broken, INVARIANTS[invariant]


def test_without_a_host_an_eco_slot_is_held_to_its_end_and_ems_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dark = [trouble("host_off", 1800.0, 3300.0)]
    by_slot = winter_day(troubles=dark, model="GW10K-ET-fw617", control="eco_slot", capacity_wh=12_800.0)
    assert live_through(by_slot).breaches == ()
    assert live_through(winter_day(troubles=dark)).breaches == (), "docs/safety.md promises no end of EMS"
    monkeypatch.setattr("hems.chaos.life.SLOT_ENDS_WITHIN", timedelta(minutes=-12))
    assert 2 in {breach.invariant for breach in live_through(by_slot).breaches}


def test_a_stop_that_never_lets_go_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = winter_day(["grid_high:257@1800+120"], poll_s=30.0)
    assert live_through(plan).breaches == ()
    monkeypatch.setattr("hems.chaos.day.CONFIGURATION", STUBBORN)
    assert 5 in {breach.invariant for breach in live_through(plan).breaches}


STUBBORN = """\
inverter: {{ip_address: 192.0.2.10, control: {control}, poll_interval_seconds: {poll_s:g},
  communication_lost_after_seconds: {lost_s:g}, daily_write_budget: {budget}}}
battery_management: {{capacity_kwh: {capacity_kwh:g}}}
safety: {{release_after_seconds: 3600}}
"""
