"""The order book: what it proposes beside strategy and fast charge; no disk and no old file ends the service."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hems.coordination.order_book import ORDERS_KEY, BookOptions, OrderBook
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.domain.command import Command, Mode
from hems.domain.decision import Priority, Proposal
from hems.domain.errors import StorageError
from hems.domain.orders import OrderKind, StandingOrder
from hems.domain.safety import Bounds, SafetyEnvelope
from hems.safety.rule import STOP_BATTERY, STOP_FORCED
from support.memory_store import MemoryStore
from support.safety_builders import NOON, context

HOUR = timedelta(hours=1)
OPTIONS = BookOptions(
    configured="optimal", strategies=("optimal", "multi_factor", "self_use"), zone=ZoneInfo("Europe/Warsaw")
)
FREE = SafetyEnvelope(at=NOON, bounds=Bounds(forced_charge_max_w=5000.0, forced_discharge_max_w=5000.0))


class FailingStore(MemoryStore):
    def put_state(self, key: str, value: object) -> None:
        raise StorageError("the disk is full")


def book(store: MemoryStore | None = None, told: list[str] | None = None, **options: Any) -> OrderBook:
    tell = [] if told is None else told
    return OrderBook(store or MemoryStore(), replace(OPTIONS, **options), lambda *event: tell.append(event[2]))


def standing(kind: OrderKind, asked_at: datetime = NOON) -> StandingOrder:
    return StandingOrder(kind=kind, until=NOON + HOUR, asked_at=asked_at, by="me")


def wish(mode: Mode, source: str, priority: Priority = Priority.STRATEGY) -> Proposal:
    power_w = 3000.0 if mode in {Mode.CHARGE, Mode.DISCHARGE} else None
    command = Command(mode=mode, expires_at=NOON + HOUR, power_w=power_w)
    return Proposal(
        source=source,
        priority=priority,
        command=command,
        reason=source,
        confidence_pct=90.0,
        expires_at=NOON + HOUR,
    )


def decided(
    kind: OrderKind | None,
    strategy: Proposal,
    charge: Mode | None = None,
    *,
    charge_later: bool = False,
    envelope: SafetyEnvelope = FREE,
    active: Mode | None = None,
) -> tuple[str, Mode]:
    orders, asked = book(), None
    if kind is not None:
        orders.stand(standing(kind))
    if charge is not None:
        asked = wish(charge, "fast_charge", Priority.PERSON)
    in_force = None if active is None else Command(mode=active, expires_at=NOON + HOUR, power_w=3000.0)
    seen = replace(context(active=in_force), active_since=NOON - HOUR)
    given_at = NOON + timedelta(minutes=1 if charge_later else -1)
    proposals = orders.with_orders(seen, envelope, (strategy,), asked, given_at)
    decision = arbitrate(seen, proposals, envelope, ArbiterOptions())
    return decision.source, decision.mode


PLANNED = wish(Mode.DISCHARGE, "optimal")
CHARGES = wish(Mode.CHARGE, "optimal")
RESCUE = wish(Mode.CHARGE, "multi_factor", Priority.EMERGENCY)
NO_ROOM = SafetyEnvelope(at=NOON, bounds=Bounds(forced_charge_max_w=50.0))
STOPPED = SafetyEnvelope(at=NOON, bounds=STOP_FORCED)
DEAD = SafetyEnvelope(at=NOON, bounds=STOP_BATTERY)


@pytest.mark.parametrize(
    ("kind", "strategy", "charge", "more", "expected"),
    [
        (None, PLANNED, None, {}, ("optimal", Mode.DISCHARGE)),
        (None, CHARGES, Mode.HOLD, {}, ("optimal", Mode.CHARGE)),
        (None, PLANNED, Mode.HOLD, {}, ("fast_charge", Mode.HOLD)),
        (OrderKind.PAUSE, PLANNED, None, {}, ("person", Mode.SELF_USE)),
        (OrderKind.PAUSE, PLANNED, None, {"active": Mode.DISCHARGE}, ("person", Mode.SELF_USE)),
        (OrderKind.PAUSE, RESCUE, Mode.CHARGE, {"charge_later": True}, ("person", Mode.SELF_USE)),
        (OrderKind.PAUSE, PLANNED, None, {"envelope": DEAD}, ("person", Mode.STANDBY)),
        (OrderKind.HOLD, PLANNED, None, {}, ("person", Mode.HOLD)),
        (OrderKind.HOLD, CHARGES, None, {"active": Mode.CHARGE}, ("person", Mode.HOLD)),
        (OrderKind.HOLD, RESCUE, None, {}, ("multi_factor", Mode.CHARGE)),
        (OrderKind.HOLD, PLANNED, Mode.CHARGE, {}, ("fast_charge", Mode.CHARGE)),
        (OrderKind.HOLD, PLANNED, Mode.CHARGE, {"active": Mode.HOLD}, ("fast_charge", Mode.CHARGE)),
        (OrderKind.HOLD, PLANNED, Mode.CHARGE, {"envelope": NO_ROOM}, ("person", Mode.HOLD)),
        (OrderKind.HOLD, PLANNED, None, {"envelope": STOPPED}, ("person", Mode.SELF_USE)),
        (OrderKind.HOLD, CHARGES, Mode.HOLD, {}, ("person", Mode.HOLD)),
        (OrderKind.SELF_USE, PLANNED, None, {}, ("person", Mode.SELF_USE)),
        (OrderKind.SELF_USE, RESCUE, None, {}, ("multi_factor", Mode.CHARGE)),
        (OrderKind.SELF_USE, PLANNED, Mode.CHARGE, {}, ("person", Mode.SELF_USE)),
        (OrderKind.SELF_USE, PLANNED, Mode.CHARGE, {"charge_later": True}, ("fast_charge", Mode.CHARGE)),
        (OrderKind.SELF_USE, CHARGES, Mode.HOLD, {"charge_later": True}, ("fast_charge", Mode.HOLD)),
    ],
)
def test_what_counts_of_order_strategy_fast_charge_and_safety(
    kind: OrderKind | None, strategy: Proposal, charge: Mode | None, more: dict[str, Any], expected: tuple[str, Mode]
) -> None:
    assert decided(kind, strategy, charge, **more) == expected


def test_a_hold_is_a_lease_of_a_quarter_that_ends_with_the_order() -> None:
    orders = book()
    orders.stand(replace(standing(OrderKind.HOLD), until=NOON + timedelta(minutes=20)))
    first = orders.proposal(context())
    later = replace(context(), at=NOON + timedelta(minutes=16))
    last = orders.proposal(later)
    assert first is not None
    assert last is not None
    assert first.command.expires_at == NOON + timedelta(minutes=16)
    assert last.command.expires_at == NOON + timedelta(minutes=21)
    assert orders.proposal(replace(later, at=NOON + timedelta(minutes=20))) is None


def test_an_order_ends_in_time_once_and_tells_it() -> None:
    told: list[str] = []
    store = MemoryStore()
    orders = book(store, told)
    orders.stand(standing(OrderKind.PAUSE))
    assert orders.refresh(NOON + HOUR - timedelta(seconds=1)) is False
    assert orders.left_s(NOON) == HOUR.total_seconds()
    assert orders.refresh(NOON + HOUR) is True
    assert orders.refresh(NOON + HOUR) is False
    assert told == ["the pause until 15:00 is over"]
    assert book(store).timed is None


def test_a_disk_that_refuses_lets_the_order_stand_and_says_what_that_means() -> None:
    told: list[str] = []
    orders = book(FailingStore(), told)
    assert orders.stand(standing(OrderKind.HOLD)) == "the disk is full"
    assert orders.timed is not None
    assert told == ["the orders that stand could not be kept: the disk is full"]


@pytest.mark.parametrize(
    "kept",
    [
        [],
        {"version": 2},
        {"version": 1, "timed": None},
        {"version": 1, "timed": {"kind": "strategy", "until": "2026-05-01T13:00+00:00"}, "strategy": None},
        {
            "version": 1,
            "timed": {"kind": "hold", "until": "2026-05-01T13:00", "asked_at": "2026-05-01T12:00", "by": "me"},
            "strategy": None,
        },
    ],
)
def test_what_cannot_be_read_is_told_and_stands_for_nothing(kept: object) -> None:
    told: list[str] = []
    store = MemoryStore()
    store.put_state(ORDERS_KEY, kept)
    orders = book(store, told)
    assert (orders.timed, orders.choice, orders.in_charge) == (None, None, "optimal")
    assert told[0].startswith("the orders that stood cannot be read, none stands now: ")


@pytest.mark.parametrize("options", [{"configured": "multi_factor"}, {"strategies": ("optimal", "multi_factor")}])
def test_a_choice_lapses_when_the_configuration_has_changed_since(options: dict[str, Any]) -> None:
    store = MemoryStore()
    book(store).choose("self_use", NOON, "me")
    assert book(store).in_charge == "self_use"
    told: list[str] = []
    orders = book(store, told, **options)
    assert orders.choice is None
    assert "self-use, chosen by me, is no longer in charge: the configuration names the" in told[0]
    assert book(store).choice is None, "also when the old configuration comes back"
