"""The live state, made from a frame."""

from __future__ import annotations

from typing import Any

from hems.composition.tools import Loaded
from hems.domain.decision import Decision
from hems.domain.plan import Plan
from hems.domain.readings import SiteSnapshot
from hems.web.frame import Frame
from hems.web.models.live import (
    Change,
    Connection,
    DecisionNow,
    LiveState,
    ModeNow,
    PriceNow,
    Qualities,
    Readings,
    Today,
)
from hems.web.present.alerts import alerts_of
from hems.web.present.orders import orders_view


def live_state(frame: Frame, loaded: Loaded, today: Today) -> LiveState:
    """Return everything that the page *Now* shows."""
    status, settings = frame.status, loaded.settings
    return LiveState(
        at=frame.at,
        poll_interval_s=settings.inverter.poll_interval_seconds,
        state=status["state"],
        stop_reason=status["stop_reason"],
        connection=Connection.model_validate(status["inverter"]),
        readings=None if frame.snapshot is None else readings_of(frame.snapshot),
        battery_capacity_wh=None if frame.spec is None else frame.spec.battery_capacity_wh,
        mode=ModeNow.model_validate(status["mode"]),
        decision=None if frame.decision is None else decision_of(frame.decision),
        next_decision_at=status["next_decision_at"],
        next_change=next_change(frame),
        price=price_of(status["price"]),
        today=today,
        orders=orders_view(frame.standing),
        safety_clear=status["safety"]["clear"],
        alerts=alerts_of(frame),
        time_zone=settings.site.time_zone,
        language=settings.decision.language,
        version=status["version"],
        simulated=settings.inverter.is_simulated,
    )


def readings_of(snapshot: SiteSnapshot) -> Readings:
    """Return one poll as the API tells it."""
    battery, grid, pv, load = snapshot.battery, snapshot.grid, snapshot.pv, snapshot.load
    return Readings(
        at=snapshot.at,
        pv_w=pv.power_w,
        load_w=load.power_w,
        grid_w=grid.power_w,
        battery_w=battery.power_w,
        battery_soc_pct=battery.soc_pct,
        battery_soh_pct=battery.soh_pct,
        battery_voltage_v=battery.voltage_v,
        battery_current_a=battery.current_a,
        battery_temperature_c=battery.temperature_c,
        grid_voltage_v=list(grid.voltage_v),
        grid_frequency_hz=grid.frequency_hz,
        grid_connected=grid.connected,
        backup_load_w=load.backup_power_w,
        pv_string_w=list(pv.string_power_w),
        inverter_temperature_c=snapshot.inverter.temperature_c,
        quality=Qualities(pv=pv.quality, battery=battery.quality, grid=grid.quality, load=load.quality),
        notes=list(snapshot.notes),
    )


def decision_of(decision: Decision) -> DecisionNow:
    """Return the decision in force."""
    return DecisionNow(
        at=decision.at,
        mode=decision.mode,
        power_w=decision.command.power_w,
        source=decision.source,
        reason=decision.reason,
        confidence_pct=round(decision.confidence_pct, 1),
        verdict=decision.verdict,
        causes=list(decision.causes),
    )


def next_change(frame: Frame) -> Change | None:
    """Return the first planned slot that does something else than the decision in force."""
    plan = frame.plan
    if not isinstance(plan, Plan) or frame.decision is None or frame.decision.source != frame.standing.in_charge:
        return None
    first = plan.slots[0]
    for slot in plan.slots[1:]:
        if (slot.mode, slot.power_w) != (first.mode, first.power_w):
            return Change(at=slot.start, mode=slot.mode, power_w=slot.power_w)
    return None


def price_of(status: dict[str, Any]) -> PriceNow:
    """Return the price of the present quarter."""
    return PriceNow(
        currency=status["currency"],
        import_per_kwh=status["import_per_kwh"],
        export_per_kwh=status["export_per_kwh"],
        market_per_mwh=status["price_per_mwh"],
        origin=status["origin"],
    )
