"""Homes, prices and forecasts for tests of plans and of the commands that show them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.decision.optimal_strategy import OptimalOptions, OptimalStrategy
from hems.decision.self_use_strategy import SelfUseStrategy
from hems.domain.command import Applied, Mode, WritePurpose
from hems.domain.decision import DecisionContext, PriceContext
from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.plan import Choice, Reasoning, UseOfEnergy
from hems.domain.prices import PriceOrigin
from hems.domain.record import ActionRecord, CycleRecord, Trigger
from hems.domain.safety import Bounds, SafetyEnvelope
from hems.domain.time_grid import MTU
from hems.planning.problem import PlanningOptions
from support.storage_records import snapshot

WARSAW = ZoneInfo("Europe/Warsaw")
NOON = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
"""A Monday, 13:00 in Warsaw."""

EVERY_MODE = (Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, Mode.CHARGE, Mode.DISCHARGE)
SPREAD = (0.6, 0.8, 1.0, 1.2, 1.4)


def home(**changes: Any) -> HomeModel:
    """Return a home of 10 kWh and 5 kW that may do everything."""
    plain = HomeModel(
        capacity_wh=10_000.0,
        floor_pct=10.0,
        reserve_pct=10.0,
        ceiling_pct=100.0,
        charge_max_w=5000.0,
        discharge_max_w=5000.0,
        charge_efficiency=0.95,
        discharge_efficiency=0.95,
        wear_per_kwh=0.05,
        import_max_w=11_000.0,
        export_max_w=8000.0,
        no_grid_energy_into_export=False,
        modes=EVERY_MODE,
    )
    return replace(plain, **changes)


def evening_price(local: datetime) -> float:
    """Return a price that is low at night and high from 17 to 21."""
    return 1.40 if 17 <= local.hour < 21 else 0.50 if local.hour < 6 else 0.90


def outlook(
    start: datetime = NOON,
    hours: float = 36.0,
    *,
    price: Callable[[datetime], float] = evening_price,
    sun_w: float = 3000.0,
    load_w: float = 600.0,
    **changes: Any,
) -> Outlook:
    """Return what lies ahead of ``home(**changes)``: sold at half the buying price, all published but the end."""
    starts = [start + n * MTU for n in range(int(hours * 4))]
    local = [moment.astimezone(WARSAW) for moment in starts]
    sun = [max(math.sin((t.hour + t.minute / 60 - 7) / 9 * math.pi), 0.0) * sun_w * (7 <= t.hour < 16) for t in local]
    buy = [price(t) for t in local]

    def forecast(quantity: Quantity, watts: list[float], source: str) -> EnergyForecast:
        levels = tuple(tuple(value * share for value in watts) for share in SPREAD)
        known_at = start - timedelta(minutes=7)
        return EnergyForecast(
            quantity=quantity, source=source, issued_at=start, known_at=known_at, start=start, levels_w=levels
        )

    return Outlook(
        start=start,
        import_per_kwh=tuple(buy),
        export_per_kwh=tuple(value / 2 for value in buy),
        published_until=start + timedelta(hours=hours - 6),
        currency="PLN",
        home=home(**changes),
        load=forecast(Quantity.LOAD, [load_w] * len(starts), "own_history"),
        pv=forecast(Quantity.PV, sun, "open_meteo"),
    )


def context(ahead: Outlook | None, *, at: datetime = NOON, soc_pct: float | None = 50.0) -> DecisionContext:
    """Return what is known at ``at``; the SoC was read 20 s before."""
    return DecisionContext(
        at=at,
        snapshot=snapshot(at - timedelta(seconds=20), soc_pct=soc_pct),
        price=PriceContext(price_per_mwh=412.5, currency="PLN", origin=PriceOrigin.PUBLISHED),
        active=None,
        active_since=None,
        charging=False,
        decision_interval_s=900.0,
        outlook=ahead,
    )


def planner() -> OptimalStrategy:
    """Return the planning strategy as shipped."""
    return OptimalStrategy(OptimalOptions(planning=PlanningOptions(), zone=WARSAW))


def planned_cycle(
    known: DecisionContext, *, bounds: Bounds | None = None, shadows: bool = True, **changes: Any
) -> CycleRecord:
    """Return the record of a decision by the plan, carried out; ``changes`` are those of the decision."""
    envelope = SafetyEnvelope(at=known.at, bounds=bounds or Bounds())
    proposal = planner().propose(known)
    decision = arbitrate(known, [proposal], envelope, ArbiterOptions())
    beside = (MultiFactorEngine().propose(known), SelfUseStrategy().propose(known)) if shadows else ()
    action = ActionRecord(
        at=known.at,
        purpose=WritePurpose.DECISION,
        asked="as decided",
        result=Applied(writes=2, detail="the battery follows"),
        register_writes=2,
        writes_today=7,
    )
    return CycleRecord(
        at=known.at,
        trigger=Trigger.SCHEDULE,
        context=known,
        envelope=envelope,
        decision=replace(decision, shadows=beside, reasoning=proposal.reasoning, **changes),
        action=action,
    )


def choice(mode: Mode, power_w: float | None = None, export_limit_w: float | None = None, more: float = 0.0) -> Choice:
    """Return one way to live a slot."""
    return Choice(mode=mode, power_w=power_w, export_limit_w=export_limit_w, costs_more=more)


def use(start: str = "16:00", end: str = "19:30", *, is_sold: bool = False, **changes: float) -> UseOfEnergy:
    """Return a use of stored energy on the day of ``NOON``, times in UTC."""
    first, last = (NOON.replace(hour=int(t[:2]), minute=int(t[3:])) for t in (start, end))
    plain = UseOfEnergy(
        start=first,
        end=last,
        price_per_kwh=1.10,
        worth_stored_per_kwh=0.9975,
        worth_charged_per_kwh=0.87,
        is_sold=is_sold,
    )
    return replace(plain, **changes)


def reasoning(**changes: Any) -> Reasoning:
    """Return numbers of a quarter in which the grid costs 0.31 and stored energy is worth three times as much."""
    plain = Reasoning(
        stored_value_per_kwh=0.95,
        import_per_kwh=0.31,
        export_per_kwh=0.20,
        charge_below_per_kwh=0.85,
        sell_above_per_kwh=1.05,
        cost_per_stored_kwh=None,
        until=NOON + timedelta(minutes=45),
        use=use(),
        alternative=choice(Mode.HOLD, more=0.124),
        self_use_costs_more=0.2,
        alternative_is_money=True,
        self_use_is_money=True,
        soc_pct=50.0,
        reserve_pct=10.0,
        battery_w=0.0,
        grid_w=600.0,
        agreement=0.8,
        regret=0.013,
        inputs=(),
        currency="PLN",
    )
    return replace(plain, **changes)
