"""The planner in the shadow: asked once a quarter, from its own battery, and worth what it claims."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hems.coordination.shadow_houses import ShadowHouses, ShadowOptions
from hems.decision.arbiter import ArbiterOptions
from hems.decision.optimal_strategy import OptimalOptions, OptimalStrategy
from hems.decision.self_use_strategy import SelfUseStrategy
from hems.domain.command import Mode
from hems.domain.decision import DecisionContext, Proposal, StoredOrigin
from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.time_grid import MTU
from hems.planning.problem import PlanningOptions
from support import safety_builders
from support.storage_records import quarter

WARSAW = ZoneInfo("Europe/Warsaw")
START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
QUARTERS = 48
HOME = HomeModel(
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
    modes=(Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, Mode.CHARGE, Mode.DISCHARGE),
)


def load_wh(n: int) -> float:
    return 150.0 + 40.0 * (n % 5)


def buy(n: int) -> float:
    return 0.3 if n < 16 else 1.5


class Watched(OptimalStrategy):
    """Counts, and remembers which SoC it was shown."""

    def __init__(self) -> None:
        planning = PlanningOptions(horizon=timedelta(hours=12), power_levels=2)
        super().__init__(OptimalOptions(planning=planning, zone=WARSAW))
        self.shown: list[float | None] = []

    def propose(self, context: DecisionContext) -> Proposal:
        self.shown.append(context.snapshot.battery.soc_pct)
        return super().propose(context)


def outlook(n: int) -> Outlook:
    """Return what lies ahead of quarter ``n``, foreseen exactly."""
    start, ahead = START + n * MTU, range(n, QUARTERS)

    def forecast(quantity: Quantity, watts: tuple[float, ...]) -> EnergyForecast:
        levels = (watts,) * len(QUANTILE_LEVELS)
        return EnergyForecast(
            quantity=quantity, source="test", issued_at=start, known_at=start, start=start, levels_w=levels
        )

    return Outlook(
        start=start,
        import_per_kwh=tuple(buy(i) for i in ahead),
        export_per_kwh=tuple(buy(i) / 2 for i in ahead),
        published_until=START + QUARTERS * MTU,
        currency="PLN",
        home=HOME,
        load=forecast(Quantity.LOAD, tuple(load_wh(i) * 4.0 for i in ahead)),
        pv=forecast(Quantity.PV, (0.0,) * len(ahead)),
    )


def test_the_planner_is_asked_once_a_quarter_and_saves_what_the_cheap_night_is_worth() -> None:
    strategy = Watched()
    options = ShadowOptions(in_charge="self_use", zone=WARSAW, currency="PLN", arbiter=ArbiterOptions())
    events: list[tuple[str, str, str]] = []
    shadows = ShadowHouses((strategy, SelfUseStrategy()), options, lambda *event: events.append(event))
    for n in range(QUARTERS):
        for late_s in (1, 200, 400):  # a jump, new prices: the shadows plan once all the same
            at = START + n * MTU + timedelta(seconds=late_s)
            known = safety_builders.context(at=at, battery__soc_pct=20.0)
            origin = StoredOrigin(pv_wh=0.0, grid_wh=2000.0, capacity_wh=10_000.0)
            shadows.decide(replace(known, outlook=outlook(n), origin=origin))
        # What a kWh is worth after this half day is what it would have replaced there.
        slot = quarter(
            START + n * MTU, load_wh=load_wh(n), import_price_per_kwh=buy(n), export_price_per_kwh=buy(n) / 2
        )
        shadows.on_quarter(replace(slot, stored_value_per_kwh=1.5 * HOME.discharge_efficiency))
    told = shadows.status(START + (QUARTERS - 1) * MTU)
    houses = told["houses"]
    assert isinstance(houses, dict)
    assert (events, told["quarters"], told["gaps"]) == ([], QUARTERS, 0)
    assert len(strategy.shown) == QUARTERS
    assert len(set(strategy.shown)) > QUARTERS / 2  # its own SoC, not the real 20 %
    saved, wear = houses["optimal"]["saved_total"], houses["optimal"]["wear_total"]
    # By hand [kWh]: self-use spends its one usable kWh at night and buys in the dear hours; the plan buys at night all
    # that the dear hours need, and what it has left at the end.
    night_kwh = sum(load_wh(n) for n in range(16)) / 1000.0
    dear_kwh = sum(load_wh(n) for n in range(16, QUARTERS)) / 1000.0
    left_kwh = houses["optimal"]["soc_pct"] / 10.0
    alone = (night_kwh - 0.95) * 0.3 + dear_kwh * 1.5
    planned = (night_kwh + (dear_kwh / 0.95 + left_kwh - 2.0) / 0.95) * 0.3
    assert saved == pytest.approx(alone - planned + (left_kwh - 1.0) * 1.5 * 0.95, abs=0.02)
    assert wear == pytest.approx(0.05 * ((dear_kwh / 0.95 + left_kwh - 2.0) / 0.95 + dear_kwh), abs=0.005)
