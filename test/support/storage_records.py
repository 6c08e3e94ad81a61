"""Records for storage tests: plain ones, and hypothesis strategies that follow the type hints."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from hems.domain.command import Applied, Command, Mode, WritePurpose
from hems.domain.decision import Decision, DecisionContext, PriceContext
from hems.domain.prices import PriceOrigin
from hems.domain.readings import (
    BatteryReading,
    GridReading,
    InverterReading,
    LoadReading,
    PvReading,
    Quality,
    SiteSnapshot,
    WorkState,
)
from hems.domain.record import ActionRecord, CycleRecord, EnergySlot, SampleRecord, SystemState, Trigger
from hems.domain.safety import Bounds, SafetyEnvelope

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def snapshot(
    at: datetime,
    *,
    pv_w: float | None = 0.0,
    load_w: float | None = 500.0,
    battery_w: float | None = 0.0,
    grid_w: float | None = None,
    soc_pct: float | None = 50.0,
    quality: Quality = Quality.GOOD,
) -> SiteSnapshot:
    """Return a snapshot whose grid closes the balance unless it is given."""
    if grid_w is None and None not in (pv_w, load_w, battery_w):
        grid_w = load_w - pv_w - battery_w
    return SiteSnapshot(
        at=at,
        pv=PvReading(at=at, quality=quality, power_w=pv_w),
        battery=BatteryReading(at=at, quality=quality, power_w=battery_w, soc_pct=soc_pct),
        grid=GridReading(at=at, quality=quality, power_w=grid_w, voltage_v=(231.5, 229.0, 230.25)),
        load=LoadReading(at=at, quality=quality, power_w=load_w),
        inverter=InverterReading(at=at, quality=quality, state=WorkState.ON_GRID),
    )


def sample(at: datetime, **powers: Any) -> SampleRecord:
    """Return a stored poll."""
    return SampleRecord(
        snapshot=snapshot(at, **powers), state=SystemState.MONITORING, mode="self_use", price_per_mwh=412.5
    )


def cycle(at: datetime, reason: str = "price 412.50 PLN/MWh is in the band up to 600") -> CycleRecord:
    """Return a decision cycle in which a charge was applied."""
    command = Command(mode=Mode.CHARGE, expires_at=at + timedelta(minutes=20), power_w=5000.0, target_soc_pct=90.0)
    context = DecisionContext(
        at=at,
        snapshot=snapshot(at),
        price=PriceContext(price_per_mwh=412.5, currency="PLN", origin=PriceOrigin.PUBLISHED),
        active=None,
        active_since=None,
        charging=False,
        decision_interval_s=900.0,
    )
    decision = Decision(
        at=at, command=command, source="multi_factor", reason=reason, confidence_pct=71.0, verdict="allowed"
    )
    action = ActionRecord(
        at=at,
        purpose=WritePurpose.DECISION,
        asked="charge 5000 W",
        result=Applied(writes=1),
        register_writes=2,
        writes_today=4,
    )
    envelope = SafetyEnvelope(at=at, bounds=Bounds(charge_max_w=5000.0))
    return CycleRecord(
        at=at, trigger=Trigger.SCHEDULE, context=context, envelope=envelope, decision=decision, action=action
    )


def quarter(start: datetime, **changes: Any) -> EnergySlot:
    """Return a fully measured quarter in which nothing was forced."""
    values: dict[str, Any] = {
        "start": start,
        "coverage": 1.0,
        "pv_wh": 0.0,
        "load_wh": 125.0,
        "import_wh": 125.0,
        "export_wh": 0.0,
        "charge_wh": 0.0,
        "discharge_wh": 0.0,
        "soc_start_pct": 50.0,
        "soc_end_pct": 50.0,
        "import_price_per_kwh": 0.8,
        "export_price_per_kwh": 0.4,
        "price_estimated": False,
        "cost": 0.1,
        "baseline_import_wh": 125.0,
        "baseline_export_wh": 0.0,
        "baseline_soc_start_pct": 50.0,
        "baseline_soc_end_pct": 50.0,
        "baseline_cost": 0.1,
        "stored_value_per_kwh": 0.7,
    }
    return EnergySlot(**(values | changes))


_MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def instances_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for every value the type hint allows, except NaN, which equals nothing."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is types.NoneType:
        return st.none()
    if origin in (types.UnionType, typing.Union):
        return st.one_of([instances_of(arg) for arg in args])
    if origin is tuple:
        if args[-1] is Ellipsis:
            return st.lists(instances_of(args[0]), max_size=3).map(tuple)
        return st.tuples(*[instances_of(arg) for arg in args])
    if origin is frozenset:
        return st.frozensets(instances_of(args[0]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        names = [field.name for field in dataclasses.fields(hint)]
        return st.builds(hint, **{name: instances_of(hints[name]) for name in names})
    plain = {
        float: st.floats(allow_nan=False),
        int: st.integers(0, 2**32),
        bool: st.booleans(),
        str: st.text(max_size=12),
        datetime: _MOMENTS,
    }
    return plain[hint]
