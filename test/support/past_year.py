"""A plausible past in a data directory: quarters, readings, decisions, events and prices, the same every time.

The house of 10 kWh and 6 kWp charges from the grid in winter nights and is in self-use else; beside it the ledger's
self-use house. Written through the store itself, so that what reads it reads what the service writes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hems.adapters.storage.sqlite_schema import DATABASE_NAME
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.domain.command import Applied, Mode, WritePurpose
from hems.domain.decision import DecisionContext, PriceContext
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.record import (
    ActionRecord,
    CycleRecord,
    EnergySlot,
    EventRecord,
    SampleRecord,
    SystemState,
    Trigger,
)
from hems.domain.safety import Bounds, SafetyEnvelope
from hems.domain.time_grid import MTU, floor_to_grid, local_date
from support.plan_records import context as planned_context
from support.plan_records import outlook, planned_cycle
from support.storage_records import snapshot

WARSAW = ZoneInfo("Europe/Warsaw")
END = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
CAPACITY_WH = 10_000.0
POWER_W = 5000.0
FLOOR_PCT, CEILING_PCT = 10.0, 100.0
KEPT_SHARE = 0.95
"""Of what goes into the battery, and of what comes out."""

_QUARTERS_A_DAY = 96
_FLUSH_EVERY = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class PastYear:
    """Where the past was written; [start, end) has quarters, [readings_start, end) readings and decisions too."""

    database: Path
    start: datetime
    readings_start: datetime
    end: datetime
    zone: ZoneInfo


def fill(
    data: Path,
    *,
    end: datetime = END,
    days: int = 365,
    reading_days: int = 30,
    planned: int = 8,
    with_holes: bool = False,
) -> PastYear:
    """Write ``days`` days up to ``end`` into ``data``, the newest ``reading_days`` with readings and decisions.

    The last ``planned`` quarters' decisions are a plan's, with all it rests on; each takes about 0.1 s.
    ``with_holes``: a day in fifty is not measured, and an afternoon in thirty. A whole year takes about 10 s.
    """
    end = floor_to_grid(end)
    start, readings_start = end - timedelta(days=days), end - timedelta(days=min(reading_days, days))
    options = StoreOptions(path=data / DATABASE_NAME, durable=False, commit_every_s=60.0, max_queued_rows=100_000)
    with SqliteStore(options) as store:
        writer = _Writer(store)
        slots = _quarters(start, end, with_holes=with_holes)
        for slot in slots:
            writer.count(lambda slot=slot: store.add_energy(slot))
        for slot in slots:
            if slot.start >= readings_start:
                _write_readings(store, writer, slot)
                _write_decision(store, writer, slot, is_planned=slot.start >= end - planned * MTU)
        _write_events(store, start, end)
        _write_prices(store, start, end + timedelta(days=1))
        store.put_state("shadow_houses", _shadow_books(slots, end))
        store.flush()
    return PastYear(database=data / DATABASE_NAME, start=start, readings_start=readings_start, end=end, zone=WARSAW)


class _Writer:
    """Waits for the disk now and then: the store's queue is bounded."""

    def __init__(self, store: SqliteStore) -> None:
        self._store, self._count = store, 0

    def count(self, add: Callable[[], None]) -> None:
        add()
        self._count += 1
        if self._count % _FLUSH_EVERY == 0:
            self._store.flush()


def market_price(moment: datetime) -> float:
    """Return a day-ahead price [PLN/MWh]: dear in the evening, below zero on some noons of spring and summer."""
    local = moment.astimezone(WARSAW)
    hour, day = local.hour + local.minute / 60.0, local.timetuple().tm_yday
    evening = 620.0 * math.exp(-(((hour - 19.0) / 2.2) ** 2))
    morning = 140.0 * math.exp(-(((hour - 8.0) / 1.8) ** 2))
    noon = 330.0 * _season(day) * math.exp(-(((hour - 13.0) / 2.6) ** 2))
    return round(380.0 + evening + morning - noon + 120.0 * _noise(day) + 25.0 * _noise(moment.timestamp() // 900), 2)


def _season(day_of_year: int) -> float:
    """Return 0 in midwinter, 1 in midsummer."""
    return 0.5 - 0.5 * math.cos(2.0 * math.pi * (day_of_year + 10) / 365.0)


def _noise(seed: float) -> float:
    """Return a number of [-1, 1] that looks like chance and is always the same."""
    return 2.0 * ((math.sin(seed * 12.9898 + 4.1414) * 43758.5453) % 1.0) - 1.0


def powers(moment: datetime) -> tuple[float, float]:
    """Return PV and load at ``moment`` [W]."""
    local = moment.astimezone(WARSAW)
    hour, day = local.hour + local.minute / 60.0, local.timetuple().tm_yday
    season, cloud = _season(day), 0.6 + 0.4 * _noise(day + 7000)
    half = 4.0 + 4.0 * season
    sun = max(math.cos((hour - 12.5) / half * math.pi / 2.0), 0.0) if abs(hour - 12.5) < half else 0.0
    pv_w = 6000.0 * (0.25 + 0.6 * season) * sun * cloud * (1.0 + 0.1 * _noise(moment.timestamp() // 60))
    load_w = 260.0 + 120.0 * abs(_noise(moment.timestamp() // 900 + 0.5))
    load_w += 900.0 * math.exp(-(((hour - 7.0) / 1.0) ** 2)) + 1400.0 * math.exp(-(((hour - 19.0) / 1.8) ** 2))
    return round(max(pv_w, 0.0), 1), round(load_w + 500.0 * (1.0 - season), 1)


@dataclass(slots=True)
class _House:
    """A battery lived through quarter by quarter."""

    stored_wh: float = 0.5 * CAPACITY_WH

    @property
    def soc_pct(self) -> float:
        return 100.0 * self.stored_wh / CAPACITY_WH

    def live(self, pv_wh: float, load_wh: float, charge_w: float) -> tuple[float, float, float, float]:
        """Return import, export, charged and discharged [Wh] of a quarter."""
        hours = MTU / timedelta(hours=1)
        surplus = pv_wh - load_wh
        room = (CAPACITY_WH * CEILING_PCT / 100.0 - self.stored_wh) / KEPT_SHARE
        usable = (self.stored_wh - CAPACITY_WH * FLOOR_PCT / 100.0) * KEPT_SHARE
        charged = min(max(surplus, charge_w * hours, 0.0), POWER_W * hours, max(room, 0.0))
        discharged = 0.0 if charge_w > 0.0 else min(max(-surplus, 0.0), POWER_W * hours, max(usable, 0.0))
        self.stored_wh += charged * KEPT_SHARE - discharged / KEPT_SHARE
        net = load_wh - pv_wh + charged - discharged
        return max(net, 0.0), max(-net, 0.0), charged, discharged


def is_charging(moment: datetime) -> bool:
    """Return whether the house charges from the grid: from 2 to 5 o'clock of short days."""
    local = moment.astimezone(WARSAW)
    return 2 <= local.hour < 5 and _season(local.timetuple().tm_yday) < 0.12


def _quarters(start: datetime, end: datetime, *, with_holes: bool) -> list[EnergySlot]:
    real, baseline, found = _House(), _House(), []
    prices = [market_price(start + n * MTU) for n in range((end - start) // MTU + _QUARTERS_A_DAY)]
    for n in range((end - start) // MTU):
        at = start + n * MTU
        pv_w, load_w = powers(at)
        slot = _quarter(at, pv_w / 4.0, load_w / 4.0, real, baseline, prices[n : n + _QUARTERS_A_DAY])
        day = local_date(at, WARSAW).toordinal()
        is_lost = day % 50 == 7 or (day % 30 == 3 and 13 <= at.hour < 17)
        if not (with_holes and is_lost):
            found.append(slot)
    return found


def _quarter(
    at: datetime, pv_wh: float, load_wh: float, real: _House, baseline: _House, ahead: list[float]
) -> EnergySlot:
    buy, sell = (round(price, 5) for price in (ahead[0] / 1000.0 * 1.23 + 0.45, ahead[0] / 1000.0))
    before, baseline_before = real.soc_pct, baseline.soc_pct
    charge_w = POWER_W * 0.6 if is_charging(at) else 0.0
    imported, exported, charged, discharged = real.live(pv_wh, load_wh, charge_w)
    baseline_in, baseline_out, _, _ = baseline.live(pv_wh, load_wh, 0.0)
    value = max(sum(ahead) / len(ahead) / 1000.0 * 1.23 + 0.45, 0.0) * KEPT_SHARE * KEPT_SHARE
    cost = imported / 1000.0 * buy - exported / 1000.0 * sell
    own = _House(CAPACITY_WH * before / 100.0)
    own_in, own_out, _, _ = own.live(pv_wh, load_wh, 0.0)
    gain = own_in / 1000.0 * buy - own_out / 1000.0 * sell - cost + value * (real.stored_wh - own.stored_wh) / 1000.0
    return EnergySlot(
        start=at,
        coverage=1.0,
        pv_wh=pv_wh,
        load_wh=load_wh,
        import_wh=imported,
        export_wh=exported,
        charge_wh=charged,
        discharge_wh=discharged,
        soc_start_pct=before,
        soc_end_pct=real.soc_pct,
        import_price_per_kwh=buy,
        export_price_per_kwh=sell,
        price_estimated=False,
        cost=cost,
        baseline_import_wh=baseline_in,
        baseline_export_wh=baseline_out,
        baseline_soc_start_pct=baseline_before,
        baseline_soc_end_pct=baseline.soc_pct,
        baseline_cost=baseline_in / 1000.0 * buy - baseline_out / 1000.0 * sell,
        stored_value_per_kwh=value,
        forced_share=1.0 if charge_w else 0.0,
        decision_gain=gain if charge_w else None,
    )


def _write_readings(store: SqliteStore, writer: _Writer, slot: EnergySlot) -> None:
    mode = Mode.CHARGE if slot.forced_share else Mode.SELF_USE
    state = SystemState.CHARGING if slot.forced_share else SystemState.MONITORING
    soc = slot.soc_start_pct or 0.0
    step = ((slot.soc_end_pct or 0.0) - soc) / 15.0
    for minute in range(15):
        at = slot.start + timedelta(minutes=minute, seconds=3)
        taken = snapshot(
            at,
            pv_w=round(slot.pv_wh * 4.0, 1),
            load_w=round(slot.load_wh * 4.0, 1),
            battery_w=round((slot.discharge_wh - slot.charge_wh) * 4.0, 1),
            soc_pct=float(round(soc + step * minute)),
        )
        reading = SampleRecord(snapshot=taken, state=state, mode=mode.value, price_per_mwh=market_price(slot.start))
        writer.count(lambda reading=reading: store.add_sample(reading))


_ENGINE = MultiFactorEngine()


def _write_decision(store: SqliteStore, writer: _Writer, slot: EnergySlot, *, is_planned: bool) -> None:
    at = slot.start + timedelta(seconds=4)
    if is_planned:
        writer.count(lambda: store.add_cycle(planned_cycle(planned_context(outlook(slot.start), at=at))))
        return
    context = DecisionContext(
        at=at,
        snapshot=snapshot(
            at - timedelta(seconds=1), pv_w=slot.pv_wh * 4.0, load_w=slot.load_wh * 4.0, soc_pct=slot.soc_start_pct
        ),
        price=PriceContext(
            price_per_mwh=market_price(slot.start),
            currency="PLN",
            origin=PriceOrigin.PUBLISHED,
            import_per_kwh=slot.import_price_per_kwh,
            export_per_kwh=slot.export_price_per_kwh,
        ),
        active=None,
        active_since=None,
        charging=bool(slot.forced_share),
        decision_interval_s=900.0,
    )
    proposal = _ENGINE.propose(context)
    envelope = SafetyEnvelope(at=at, bounds=Bounds())
    decision = replace(arbitrate(context, [proposal], envelope, ArbiterOptions()), score=proposal.score)
    action = None
    if decision.mode.is_forced:
        action = ActionRecord(
            at=at,
            purpose=WritePurpose.DECISION,
            asked="charge 5000 W",
            result=Applied(writes=2, detail="the battery follows"),
            register_writes=2,
            writes_today=slot.start.hour,
        )
    record = CycleRecord(
        at=at, trigger=Trigger.SCHEDULE, context=context, envelope=envelope, decision=decision, action=action
    )
    writer.count(lambda: store.add_cycle(record))


_EVENTS = (
    ("prices", "info", "tomorrow's prices are published: 96 quarters"),
    ("connection", "warning", "no answer from the inverter for 60 s"),
    ("connection", "info", "the inverter answers again"),
    ("safety", "error", "grid voltage 254 V is above 253 V: stopped"),
)


def _write_events(store: SqliteStore, start: datetime, end: datetime) -> None:
    day = start
    number = 0
    while day < end:
        kind, severity, message = _EVENTS[number % len(_EVENTS)]
        store.add_event(EventRecord(at=day + timedelta(hours=3), kind=kind, severity=severity, message=message))
        day += timedelta(days=1)
        number += 1


def _write_prices(store: SqliteStore, start: datetime, end: datetime) -> None:
    for market in Market:
        first = start
        while first < end:
            count = min((end - first) // MTU, _FLUSH_EVERY)
            starts = [first + n * MTU for n in range(count)]
            slots = {
                at: SlotPrice(start=at, price_per_mwh=market_price(at), origin=PriceOrigin.PUBLISHED) for at in starts
            }
            store.save_prices(market, PriceSeries.of("PLN", slots), "test")
            store.flush()
            first += count * MTU


def _shadow_books(slots: list[EnergySlot], end: datetime) -> object:
    """Return a kept comparison in which the score saves 0.30 a day against self-use and the plan 0.50."""
    today = local_date(end, WARSAW)
    days, costs = [], {"optimal": 0.0, "multi_factor": 0.0, "self_use": 0.0, "idle": 0.0}
    per_day = {"optimal": 7.5, "multi_factor": 7.7, "self_use": 8.0, "idle": 9.5}
    seen = sorted({local_date(slot.start, WARSAW) for slot in slots})[-41:]
    for day in seen:
        if day < today:
            costs = {name: costs[name] + per_day[name] for name in costs}
            days.append({"day": day.isoformat(), "net_cost": dict(costs)})
    value = 0.7
    houses = {
        name: {
            "stored_wh": 5000.0,
            "exportable_wh": 1000.0,
            "bill": cost + value * 5.0,
            "wear": 1.0,
            "discharged_wh": 90_000.0,
            "discharged_today_wh": 2000.0,
        }
        for name, cost in costs.items()
    }
    houses["multi_factor"]["bill"] -= 0.1
    books = {
        "format": 1,
        "since": slots[0].start.isoformat() if slots else end.isoformat(),
        "capacity_wh": CAPACITY_WH,
        "currency": "PLN",
        "last": slots[-1].start.isoformat() if slots else None,
        "stored_value_per_kwh": value,
        "quarters": len(slots),
        "gaps": 0,
        "estimated_quarters": 0,
        "houses": houses,
        "days": days[-40:],
    }
    return json.loads(json.dumps(books))
