"""Strategies in the shadow: each from its own state, over the same quarters, its saving checked by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hems.coordination.shadow_houses import STATE_KEY, ShadowHouses, ShadowOptions
from hems.decision.arbiter import ArbiterOptions
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.decision.self_use_strategy import SelfUseStrategy
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, Priority, Proposal, StoredOrigin
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.readings import Quality
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, local_day_bounds
from support import safety_builders
from support.memory_store import MemoryStore
from support.storage_records import quarter

WARSAW = ZoneInfo("Europe/Warsaw")
START = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# Without losses, wear and taper every figure can be worked out by hand.
HOME = HomeModel(
    capacity_wh=10_000.0,
    floor_pct=10.0,
    reserve_pct=10.0,
    ceiling_pct=100.0,
    charge_max_w=5000.0,
    discharge_max_w=5000.0,
    charge_efficiency=1.0,
    discharge_efficiency=1.0,
    wear_per_kwh=0.0,
    import_max_w=11_000.0,
    export_max_w=8000.0,
    taper_from_pct=100.0,
    exportable_wh=1000.0,
    modes=(Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, Mode.CHARGE, Mode.DISCHARGE),
    can_limit_export=True,
)

Wish = tuple[Mode, float | None] | None


class Scripted:
    """A strategy that asks for what the test says, and remembers what it was told."""

    def __init__(self, wish: Callable[[DecisionContext], Wish], **more: Any) -> None:
        self.wish = wish
        self.more = more
        self.asked: list[DecisionContext] = []

    @property
    def name(self) -> str:
        return "scripted"

    def propose(self, context: DecisionContext) -> Proposal | None:
        self.asked.append(context)
        wish = self.wish(context)
        if wish is None:
            return None
        expires_at = context.at + timedelta(seconds=context.decision_interval_s + 60)
        asked = Command(mode=wish[0], expires_at=expires_at, power_w=wish[1], **self.more)
        return Proposal(
            source=self.name,
            priority=Priority.STRATEGY,
            command=asked,
            reason="as the test says",
            confidence_pct=100.0,
            expires_at=expires_at,
        )


class Bench:
    """Shadow houses that are fed a decision and a finished quarter at a time."""

    def __init__(
        self, *strategies: Any, home: HomeModel = HOME, start: datetime = START, currency: str = "PLN"
    ) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.home = home
        self.at = start
        options = ShadowOptions(in_charge="self_use", zone=WARSAW, currency=currency, arbiter=ArbiterOptions())
        self.shadows = ShadowHouses((*strategies, SelfUseStrategy()), options, lambda *event: self.events.append(event))

    def decide(
        self, *, soc_pct: float | None = 50.0, price: float = 300.0, late: timedelta = SECOND, **more: Any
    ) -> None:
        at = self.at + late
        known = safety_builders.context(at=at, price=price, battery__soc_pct=soc_pct, **more)
        origin = StoredOrigin(pv_wh=1000.0, grid_wh=4000.0, capacity_wh=10_000.0)
        self.shadows.decide(replace(known, outlook=outlook(self.at, self.home), origin=origin))

    def live(self, *, load_wh: float = 250.0, pv_wh: float = 0.0, buy: float = 1.0, **more: Any) -> EnergySlot:
        values = {"import_price_per_kwh": buy, "export_price_per_kwh": buy / 2, "stored_value_per_kwh": 0.7}
        slot = quarter(self.at, load_wh=load_wh, pv_wh=pv_wh, **(values | more))
        self.shadows.on_quarter(slot)
        self.at += MTU
        return slot

    def pass_quarter(self, *, soc_pct: float | None = 50.0, price: float = 300.0, **slot: Any) -> None:
        self.decide(soc_pct=soc_pct, price=price)
        self.live(**slot)

    def told(self, name: str = "scripted", at: datetime | None = None) -> dict[str, Any]:
        houses = self.status(at)["houses"]
        return houses[name]  # type: ignore[no-any-return]

    def status(self, at: datetime | None = None) -> dict[str, Any]:
        told = self.shadows.status(at or self.at - MTU)
        json.dumps(told, allow_nan=False)
        return dict(told)


def outlook(start: datetime, home: HomeModel) -> Outlook:
    prices = (1.0,) * 96
    return Outlook(
        start=start,
        import_per_kwh=prices,
        export_per_kwh=prices,
        published_until=None,
        currency="PLN",
        home=home,
        load=None,
        pv=None,
    )


def self_use(_: DecisionContext) -> Wish:
    return Mode.SELF_USE, None


def hold(_: DecisionContext) -> Wish:
    return Mode.HOLD, None


def charge(_: DecisionContext) -> Wish:
    return Mode.CHARGE, 4000.0


def script(*wishes: Wish) -> Callable[[DecisionContext], Wish]:
    left: Iterator[Wish] = iter(wishes)
    return lambda _: next(left)


def test_what_was_bought_cheaply_and_used_dearly_is_saved_to_the_cent() -> None:
    bench = Bench(Scripted(script((Mode.CHARGE, 4000.0), (Mode.SELF_USE, None))))
    bench.pass_quarter(buy=0.2, load_wh=250.0)  # charges 1 kWh, buys 1.25 kWh; self-use buys nothing
    bench.pass_quarter(buy=2.0, load_wh=1000.0, stored_value_per_kwh=0.5)
    told = bench.told()
    # Bills: 0.25 against 0 in the first quarter, nothing in the second; 5.0 kWh are left against 3.75, at 0.50.
    assert told["saved_total"] == pytest.approx(-0.25 + 1.25 * 0.5)
    # The idle house buys 0.25 and 1.00 kWh and keeps its 5 kWh, as this one does.
    assert told["saved_over_idle_total"] == pytest.approx(0.25 * 0.2 + 1.0 * 2.0 - 0.25)
    assert told["soc_pct"] == pytest.approx(50.0)
    assert bench.told("self_use")["soc_pct"] == pytest.approx(37.5)
    assert bench.told("idle") | {"soc_pct": 50.0, "mode": "standby"} == bench.told("idle")


def test_emptying_the_battery_alone_saves_nothing() -> None:
    bench = Bench(Scripted(hold))
    bench.pass_quarter(load_wh=1000.0, buy=0.7, stored_value_per_kwh=0.7)
    assert bench.told()["saved_total"] == pytest.approx(0.0)
    assert bench.told("self_use")["saved_over_idle_total"] == pytest.approx(0.0)


def test_plain_self_use_saves_nothing_against_itself() -> None:
    bench = Bench(Scripted(self_use))
    for n in range(8):
        bench.pass_quarter(load_wh=100.0 * n, pv_wh=70.0 * (8 - n), buy=0.3 + 0.1 * n)
    assert (bench.told()["saved_total"], bench.told("self_use")["saved_total"]) == (0.0, 0.0)
    assert bench.told()["saved_over_idle_total"] == bench.told("self_use")["saved_over_idle_total"] != 0.0


def test_a_strategy_is_asked_from_its_own_state() -> None:
    strategy = Scripted(script((Mode.CHARGE, 4000.0), (Mode.DISCHARGE, 2000.0), (Mode.SELF_USE, None)))
    bench = Bench(strategy)
    bench.pass_quarter(load_wh=0.0, pv_wh=500.0, soc_pct=50.0)
    bench.pass_quarter(load_wh=250.0, soc_pct=20.0)
    bench.decide(soc_pct=90.0)
    first, second, third = strategy.asked
    assert [asked.snapshot.battery.soc_pct for asked in strategy.asked] == [50.0, 60.0, 55.0]
    assert (first.active, first.charging) == (None, False)
    assert second.active is not None
    assert (second.active.mode, second.charging, second.active_since) == (Mode.CHARGE, True, START + SECOND)
    assert third.active is not None
    assert (third.active.mode, third.charging, third.active_since) == (Mode.DISCHARGE, False, START + MTU + SECOND)
    # Half of the first quarter's charge came from the sun; the sale of 250 Wh is taken from that.
    homes = [asked.outlook.home for asked in strategy.asked if asked.outlook is not None]
    assert [home.exportable_wh for home in homes] == pytest.approx([1000.0, 1500.0, 1250.0])
    assert [home.discharged_today_wh for home in homes] == pytest.approx([0.0, 0.0, 500.0])
    origin = third.origin
    assert origin is not None
    assert (origin.pv_wh, origin.grid_wh) == (pytest.approx(1250.0), pytest.approx(4250.0))


def test_only_the_first_decision_of_a_quarter_asks() -> None:
    strategy = Scripted(script((Mode.CHARGE, 4000.0), (Mode.HOLD, None)))
    bench = Bench(strategy)
    for late in (SECOND, 300 * SECOND, 899 * SECOND):
        bench.decide(late=late)
    assert len(strategy.asked) == 1
    bench.live()
    bench.decide()
    assert len(strategy.asked) == 2


def test_the_score_goes_on_charging_in_its_own_house_while_the_real_one_rests() -> None:
    bench = Bench(MultiFactorEngine())
    readings = {"pv__power_w": 0.0, "load__power_w": 300.0}
    bench.decide(price=50.0, soc_pct=30.0, **readings)
    bench.live()
    assert bench.told("multi_factor")["mode"] == "charge"
    bench.decide(price=500.0, soc_pct=30.0, **readings)  # between stop and start: what runs goes on
    bench.live()
    assert bench.told("multi_factor")["mode"] == "charge"
    fresh = Bench(MultiFactorEngine())
    fresh.decide(price=500.0, soc_pct=30.0, **readings)
    fresh.live()
    assert fresh.told("multi_factor")["mode"] == "self_use"


@pytest.mark.parametrize(
    "gap",
    [
        {"coverage": 0.79},
        {"coverage": float("nan")},
        {"import_price_per_kwh": None},
        {"export_price_per_kwh": None},
        {"stored_value_per_kwh": None},
        {"load_wh": float("nan")},
        {"buy": float("inf")},
    ],
)
def test_a_quarter_that_is_not_known_adds_nothing_and_is_counted(gap: dict[str, Any]) -> None:
    bench = Bench(Scripted(charge))
    bench.pass_quarter()
    before = bench.shadows.status(bench.at)["houses"]
    bench.pass_quarter(**gap)
    assert bench.shadows.status(bench.at)["houses"] == before
    assert (bench.status()["quarters"], bench.status()["gaps"]) == (1, 1)
    assert bench.events == []


def test_only_the_measured_part_of_a_quarter_is_lived() -> None:
    bench = Bench(Scripted(charge))
    bench.pass_quarter(coverage=0.8, load_wh=200.0)
    assert bench.told()["soc_pct"] == pytest.approx(50.0 + 8.0)  # 4 kW for 12 minutes
    assert bench.told("self_use")["soc_pct"] == pytest.approx(48.0)


def test_quarters_nobody_saw_are_counted_and_no_battery_moves() -> None:
    bench = Bench(Scripted(hold))
    bench.pass_quarter()
    bench.at += 7 * MTU
    bench.pass_quarter()
    assert (bench.status()["quarters"], bench.status()["gaps"]) == (2, 7)
    assert bench.told("self_use")["soc_pct"] == pytest.approx(45.0)


def test_a_lease_that_nobody_renews_ends() -> None:
    bench = Bench(Scripted(charge))
    bench.pass_quarter()
    bench.live(load_wh=0.0)  # no decision for this quarter: the lease ends a minute into it
    assert bench.told()["soc_pct"] == pytest.approx(60.0)


def test_a_lease_over_an_hour_holds_for_its_four_quarters() -> None:
    strategy = Scripted(charge)
    Bench(strategy).decide()
    hourly = Bench(Scripted(charge))
    hourly.shadows.decide(replace(strategy.asked[0], decision_interval_s=3600.0))
    for _ in range(4):
        hourly.live(load_wh=0.0)
    assert hourly.told()["soc_pct"] == pytest.approx(90.0)


def test_a_quarter_that_closes_after_the_next_decision_is_lived_as_it_was_ordered() -> None:
    bench = Bench(Scripted(script((Mode.CHARGE, 4000.0), (Mode.HOLD, None))))
    bench.decide()
    bench.at += MTU
    bench.decide()
    bench.at -= MTU
    bench.live(load_wh=0.0)
    assert bench.told()["soc_pct"] == pytest.approx(60.0)
    assert bench.told()["mode"] == "hold"


def test_a_charge_ends_at_its_target() -> None:
    strategy = Scripted(charge, target_soc_pct=55.0)
    bench = Bench(strategy)
    bench.pass_quarter(load_wh=200.0)
    # 500 Wh in 7.5 minutes, then the battery covers the load: 100 Wh.
    assert bench.told()["soc_pct"] == pytest.approx(54.0)
    assert bench.told()["mode"] == "self_use"
    bench.decide()
    assert (strategy.asked[1].active, strategy.asked[1].charging) == (None, False)
    assert strategy.asked[1].active_since == START + MTU / 2


def test_a_charge_that_ended_at_its_target_does_not_begin_again_by_itself() -> None:
    strategy = Scripted(charge, target_soc_pct=55.0)
    bench = Bench(strategy)
    bench.decide()
    hourly = Bench(Scripted(charge, target_soc_pct=55.0))
    hourly.shadows.decide(replace(strategy.asked[0], decision_interval_s=3600.0))
    for _ in range(4):
        hourly.live(load_wh=200.0)
    assert hourly.told()["soc_pct"] == pytest.approx(55.0 - 1.0 - 3 * 2.0)


def test_a_charge_to_the_full_ends_where_whole_percents_read_full() -> None:
    strategy = Scripted(charge, target_soc_pct=100.0)
    bench = Bench(strategy)
    bench.pass_quarter(soc_pct=89.6, load_wh=0.0)
    bench.decide(soc_pct=89.6)
    assert strategy.asked[1].snapshot.battery.soc_pct == pytest.approx(99.6)
    assert (strategy.asked[1].active, strategy.asked[1].charging) == (None, False)


def test_a_lease_that_ran_out_is_not_in_force_at_the_next_decision() -> None:
    strategy = Scripted(charge)
    bench = Bench(strategy)
    bench.pass_quarter()
    bench.at += 2 * MTU
    bench.decide()
    assert (strategy.asked[1].active, strategy.asked[1].charging) == (None, False)


def test_a_mode_that_goes_on_keeps_its_beginning() -> None:
    strategy = Scripted(charge)
    bench = Bench(strategy)
    for _ in range(3):
        bench.pass_quarter(soc_pct=20.0)
    assert [asked.active_since for asked in strategy.asked] == [None, START + SECOND, START + SECOND]


def test_what_the_inverter_cannot_do_is_not_lived() -> None:
    poor = replace(HOME, modes=(Mode.SELF_USE,), can_limit_export=False)
    bench = Bench(Scripted(charge, export_limit_w=0.0), home=poor)
    bench.pass_quarter(load_wh=0.0, pv_wh=2500.0, buy=-1.0)
    assert bench.told()["mode"] == "self_use"
    assert bench.told()["saved_total"] == 0.0


def test_energy_from_the_grid_is_not_sold() -> None:
    bench = Bench(Scripted(lambda _: (Mode.DISCHARGE, 5000.0)))
    for _ in range(4):
        bench.pass_quarter(load_wh=0.0)
    assert bench.told()["soc_pct"] == pytest.approx(40.0)  # 1 of the 5 kWh came from the sun


def test_the_widest_limits_of_a_day_hold_for_batteries_that_are_not_the_full_one() -> None:
    bench = Bench(Scripted(charge))
    bench.pass_quarter(load_wh=0.0)
    bench.home = replace(HOME, charge_max_w=100.0)  # the real battery is full now
    bench.pass_quarter(load_wh=0.0)
    assert bench.told()["soc_pct"] == pytest.approx(70.0)


@pytest.mark.parametrize("soc", [{"soc_pct": None}, {"battery__quality": Quality.SUSPECT}])
def test_the_comparison_waits_for_a_known_battery(soc: dict[str, Any]) -> None:
    bench = Bench(Scripted(charge))
    bench.decide(**soc)
    bench.live()
    assert (bench.status()["since"], bench.status()["houses"]) == (None, {})
    bench.pass_quarter(soc_pct=30.0, load_wh=0.0)
    assert bench.told()["soc_pct"] == pytest.approx(40.0)


def test_an_unknown_battery_is_unknown_in_every_house() -> None:
    strategy = Scripted(hold)
    bench = Bench(strategy)
    bench.pass_quarter()
    bench.decide(soc_pct=None)
    assert strategy.asked[1].snapshot.battery.soc_pct is None


def test_a_home_that_cannot_be_planned_with_is_not_lived_in() -> None:
    bench = Bench(Scripted(charge), home=replace(HOME, capacity_wh=0.0))
    bench.pass_quarter()
    assert bench.status()["houses"] == {}
    assert bench.events == []


def test_another_capacity_begins_anew() -> None:
    bench = Bench(Scripted(charge))
    bench.pass_quarter()
    bench.home = replace(HOME, capacity_wh=20_000.0)
    bench.pass_quarter(soc_pct=50.0, load_wh=0.0)
    assert bench.told()["soc_pct"] == pytest.approx(55.0)
    assert bench.status()["quarters"] == 1
    assert [event[:2] for event in bench.events] == [("shadows", "info")]


def test_a_strategy_that_fails_costs_every_house_the_quarter_and_nothing_more() -> None:
    def wish(context: DecisionContext) -> Wish:
        if context.at < START + MTU:
            raise ZeroDivisionError("by the test")
        return Mode.CHARGE, 4000.0

    bench = Bench(Scripted(wish))
    bench.pass_quarter(load_wh=0.0)
    assert (bench.status()["quarters"], bench.status()["gaps"]) == (0, 1)
    assert [event[:2] for event in bench.events] == [("shadows", "error")]
    assert "by the test" in bench.events[0][2]
    bench.pass_quarter(load_wh=0.0)
    assert bench.told()["soc_pct"] == pytest.approx(60.0)


# -- days --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [date(2026, 10, 24), date(2026, 3, 27), date(2026, 6, 10)])
def test_days_of_92_96_and_100_quarters_sum_to_the_total(day: date) -> None:
    start, _ = local_day_bounds(day, WARSAW)
    bench = Bench(
        Scripted(lambda known: (Mode.CHARGE, 3000.0) if known.at.hour < 4 else (Mode.SELF_USE, None)), start=start
    )
    sums, week, n = 0.0, [], 0
    for _ in range(9):
        _, end = local_day_bounds(day, WARSAW)
        while bench.at < end:
            n += 1
            bench.pass_quarter(
                buy=0.2 + 0.1 * (n % 13), load_wh=40.0 * (n % 11), stored_value_per_kwh=0.4 + 0.01 * (n % 7)
            )
        today = bench.told()["saved_today"]
        sums += today
        week = [*week, today][-7:]
        assert bench.told()["saved_7_days"] == pytest.approx(sum(week), abs=1e-3)
        assert bench.told()["saved_total"] == pytest.approx(sums, abs=1e-3)
        day += timedelta(days=1)
    assert bench.told()["saved_30_days"] == bench.told()["saved_total"] != 0.0
    # Nothing was measured yet on the day that has just begun.
    told = bench.told(at=bench.at)
    assert told["saved_today"] is None
    assert told["saved_total"] == pytest.approx(sums, abs=1e-3)


def test_cycles_are_told_after_a_measured_day_and_begin_anew_each_local_day() -> None:
    strategy = Scripted(self_use)
    bench = Bench(strategy, start=local_day_bounds(date(2026, 6, 10), WARSAW)[0])
    for n in range(96):
        assert bench.shadows.status(bench.at)["houses"] == {} or bench.told(at=bench.at)["cycles_per_day"] is None
        bench.pass_quarter(load_wh=100.0 if n < 20 else 0.0)
    assert bench.told()["cycles_per_day"] == pytest.approx(0.2)
    bench.pass_quarter(load_wh=100.0)
    bench.decide()
    homes = [asked.outlook.home for asked in strategy.asked if asked.outlook is not None]
    assert [homes[n].discharged_today_wh for n in (95, 96, 97)] == pytest.approx([2000.0, 2000.0, 100.0])


def test_a_clock_that_ran_ahead_and_is_set_back_does_not_stop_the_count() -> None:
    bench = Bench(Scripted(hold), start=START + timedelta(days=200))
    bench.pass_quarter()
    bench.pass_quarter()
    bench.at = START
    bench.pass_quarter()
    bench.pass_quarter()
    assert bench.status()["quarters"] == 4
    bench.at -= MTU
    bench.live()  # the same quarter again
    assert bench.status()["quarters"] == 4


def test_a_quarter_of_before_the_comparison_is_not_its_own() -> None:
    bench = Bench(Scripted(hold))
    bench.decide(late=400 * SECOND)
    bench.live(coverage=1.0)
    assert (bench.status()["quarters"], bench.status()["gaps"]) == (0, 0)


# -- restart -----------------------------------------------------------------------------------------------------


def restarted(bench: Bench, strategy: Any, **more: Any) -> Bench:
    store = MemoryStore()
    bench.shadows.save(store)
    again = Bench(strategy, start=bench.at, **more)
    again.shadows.load(_through_json(store))
    return again


def _through_json(store: MemoryStore) -> MemoryStore:
    kept = MemoryStore()
    kept.state = json.loads(json.dumps(store.state, allow_nan=False))
    return kept


def test_a_restart_changes_nothing() -> None:
    def wish(known: DecisionContext) -> Wish:
        return (Mode.CHARGE, 3000.0) if known.at.hour % 3 == 0 else (Mode.HOLD, None)

    whole, parts = Bench(Scripted(wish)), Bench(Scripted(wish))
    for n in range(200):
        if n % 40 == 39:
            parts = restarted(parts, Scripted(wish))
        for bench in (whole, parts):
            bench.pass_quarter(buy=0.2 + 0.1 * (n % 9), load_wh=50.0 * (n % 7))
    assert parts.status() == whole.status()


def test_nothing_is_kept_before_anything_began() -> None:
    store = MemoryStore()
    bench = Bench(Scripted(hold))
    bench.shadows.save(store)
    bench.shadows.load(store)
    assert (store.state, bench.events) == ({}, [])


def kept_state() -> dict[str, Any]:
    bench = Bench(Scripted(hold))
    for _ in range(100):
        bench.pass_quarter()
    store = MemoryStore()
    bench.shadows.save(store)
    state = store.state[STATE_KEY]
    assert isinstance(state, dict)
    assert state["days"]
    return json.loads(json.dumps(state))  # type: ignore[no-any-return]


KEPT = kept_state()


def damaged(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    state = json.loads(json.dumps(KEPT))
    here = state
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return state  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "state",
    [
        [],
        "text",
        7,
        {},
        damaged(("format",), 99),
        damaged(("since",), "yesterday"),
        damaged(("since",), "2026-11-22T11:00:00"),
        damaged(("last",), "9999-12-31T23:45:00+00:00"),
        damaged(("capacity_wh",), 0.0),
        damaged(("capacity_wh",), float("nan")),
        damaged(("quarters",), 1.5),
        damaged(("gaps",), -1),
        damaged(("houses",), {}),
        damaged(("houses", "scripted", "stored_wh"), 1e6),
        damaged(("houses", "scripted", "stored_wh"), -1.0),
        damaged(("houses", "scripted", "exportable_wh"), 9999.0),
        damaged(("houses", "scripted", "bill"), "much"),
        damaged(("houses", "scripted", "bill"), 1e300),
        damaged(("houses", "other"), KEPT["houses"]["idle"]),
        damaged(("days",), {}),
        damaged(("days", 0, "day"), "2026-13-01"),
        damaged(("days", 0, "net_cost"), {"idle": 0.0}),
    ],
)
def test_a_damaged_state_is_told_and_let_go(state: Any) -> None:
    store = MemoryStore()
    store.state[STATE_KEY] = state
    bench = Bench(Scripted(hold))
    bench.shadows.load(store)
    assert [event[:2] for event in bench.events] == [("shadows", "warning")]
    bench.pass_quarter()
    assert bench.status()["quarters"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100)
@given(st.sampled_from(sorted(KEPT)), JSON)
def test_no_state_whatever_stops_the_cycle(key: str, value: Any) -> None:
    store = MemoryStore()
    store.state[STATE_KEY] = damaged((key,), value)
    bench = Bench(Scripted(hold), start=START + 200 * MTU)
    bench.shadows.load(store)
    bench.pass_quarter()
    bench.status()
    assert not [event for event in bench.events if event[1] == "error"]
