"""Hindsight against every way a small day could have been lived, tried one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hems.analysis.metrics import savings
from hems.composition.hindsight import hindsight
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from support.plan_records import home
from support.storage_records import quarter

START = datetime(2026, 11, 1, 0, 0, tzinfo=UTC)
STEP_WH = 250.0
LEVELS = 8
"""The battery holds 0 to 8 steps."""
MOST = 3
"""Steps a quarter may move."""
LOSSLESS = home(
    capacity_wh=LEVELS * STEP_WH,
    floor_pct=0.0,
    reserve_pct=0.0,
    charge_max_w=MOST * STEP_WH * 4,
    discharge_max_w=MOST * STEP_WH * 4,
    charge_efficiency=1.0,
    discharge_efficiency=1.0,
    export_max_w=math.inf,
)


@dataclass(frozen=True)
class Quarter:
    """One quarter in whole steps of energy, and prices."""

    load: int
    pv: int
    buy: float
    sell: float
    move: int
    """What the real battery stored."""


def quarters_strategy() -> st.SearchStrategy[list[Quarter]]:
    """Return days of up to ten quarters; energy is never sold dearer than bought."""
    price = st.integers(-30, 150).map(lambda cents: cents / 100.0)
    pair = st.tuples(price, price).map(lambda two: (max(two), min(two)))
    one = st.builds(
        lambda load, pv, prices, move: Quarter(load, pv, *prices, move),
        st.integers(0, 6),
        st.integers(0, 6),
        pair,
        st.integers(-MOST, MOST),
    )
    return st.lists(one, min_size=1, max_size=10)


def bill(net: int, quarter: Quarter) -> float:
    """Return what a net import of ``net`` steps costs."""
    return net * STEP_WH / 1000.0 * (quarter.buy if net > 0 else quarter.sell)


def lived(day: list[Quarter], level: int) -> tuple[list[EnergySlot], int]:
    """Return the day as the ledger keeps it, from ``level`` steps stored, and the level at its end."""
    found = []
    for n, one in enumerate(day):
        move = min(max(one.move, -level), LEVELS - level)
        net = one.load - one.pv + move
        alone = one.load - one.pv
        found.append(
            quarter(
                START + n * MTU,
                pv_wh=one.pv * STEP_WH,
                load_wh=one.load * STEP_WH,
                import_wh=max(net, 0) * STEP_WH,
                export_wh=max(-net, 0) * STEP_WH,
                charge_wh=max(move, 0) * STEP_WH,
                discharge_wh=max(-move, 0) * STEP_WH,
                soc_start_pct=100.0 * level / LEVELS,
                soc_end_pct=100.0 * (level + move) / LEVELS,
                import_price_per_kwh=one.buy,
                export_price_per_kwh=one.sell,
                cost=bill(net, one),
                baseline_cost=bill(alone, one),
            )
        )
        level += move
    return found, level


def cheapest(day: list[Quarter], start: int, end: int) -> float:
    """Return the least bill from ``start`` to at least ``end`` steps stored."""
    least = {start: 0.0}
    for one in day:
        following: dict[int, float] = {}
        for level, cost in least.items():
            for move in range(-MOST, MOST + 1):
                if 0 <= level + move <= LEVELS:
                    total = cost + bill(one.load - one.pv + move, one)
                    following[level + move] = min(following.get(level + move, math.inf), total)
        least = following
    return min(cost for level, cost in least.items() if level >= end)


@settings(max_examples=150, deadline=None)
@given(day=quarters_strategy(), start=st.integers(0, LEVELS))
def test_no_way_of_living_the_day_was_cheaper_and_one_was_as_cheap(day: list[Quarter], start: int) -> None:
    slots, end = lived(day, start)
    found = hindsight(slots, len(day) * MTU, LOSSLESS, "PLN")
    saved = savings(slots, LOSSLESS.capacity_wh, "PLN").value
    assert found.value is not None
    assert saved is not None
    real = sum(slot.cost or 0.0 for slot in slots)
    assert found.value == pytest.approx(saved + real - cheapest(day, start, end), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(day=quarters_strategy(), start=st.integers(0, LEVELS), rate=st.sampled_from([25.0, 400.0, 4000.0]))
def test_another_currency_is_the_same_day(day: list[Quarter], start: int, rate: float) -> None:
    slots, _ = lived(day, start)
    dear = [Quarter(one.load, one.pv, one.buy * rate, one.sell * rate, one.move) for one in day]
    in_other, _ = lived(dear, start)
    priced = [slot.stored_value_per_kwh for slot in slots]
    in_other = [
        quarter(
            **{name: getattr(slot, name) for name in EnergySlot.__dataclass_fields__}
            | {"stored_value_per_kwh": v * rate}
        )
        for slot, v in zip(in_other, priced, strict=True)
        if v is not None
    ]
    elapsed = timedelta(minutes=15) * len(day)
    plain, other = hindsight(slots, elapsed, LOSSLESS, "PLN"), hindsight(in_other, elapsed, LOSSLESS, "HUF")
    assert plain.value is not None
    assert other.value == pytest.approx(plain.value * rate, rel=1e-6, abs=1e-6 * rate)
