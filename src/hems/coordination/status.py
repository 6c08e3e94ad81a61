"""The status: one JSON document with all a person or a program may ask. Built here once, shown everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from hems import __version__
from hems.coordination.master_coordinator import MasterCoordinator
from hems.coordination.order_desk import standing_of
from hems.coordination.safety_guard import is_grave
from hems.domain.decision import Decision, ScoreResult
from hems.domain.orders import OrderKind
from hems.domain.readings import SiteSnapshot
from hems.domain.record import ActionRecord, EventRecord
from hems.domain.safety import SafetyEnvelope
from hems.domain.secrets import shortened_serial
from hems.domain.site import InverterIdentity
from hems.ports.inverter import Inverter

SCHEMA = 1
HISTORY_SHOWN = 16
EVENTS_SHOWN = 10

Json = dict[str, Any]
T = TypeVar("T")


def build_status(coordinator: MasterCoordinator, inverter: Inverter | None, extra: Json) -> Json:
    """Return the status of ``coordinator`` now; ``extra`` holds figures of parts it does not conduct."""
    parts = coordinator.parts
    now = parts.clock.now()
    health = parts.health.figures()
    collection = parts.collection.figures()
    return {
        "schema": SCHEMA,
        "version": __version__,
        "at": _time(now),
        "state": coordinator.state.value,
        "stop_reason": coordinator.stop_reason,
        "started_at": _time(health.started_at),
        "uptime_s": round(health.uptime_s, 1),
        "inverter": {
            **_identity(inverter.identity if inverter is not None else None),
            "control": inverter.capabilities.control.value if inverter is not None else None,
            "connected": inverter is not None and collection.consecutive_failures == 0,
            "last_answer_at": _time(collection.last_success_at),
            "unanswered_polls": collection.consecutive_failures,
            "reconnections": collection.reconnections,
            "last_error": collection.last_error,
        },
        "sensors": sensors(coordinator.snapshot),
        "mode": _mode(coordinator),
        "decision": _decision(parts.decisions.last, with_score=True),
        "last_trigger": coordinator.last_trigger.value if coordinator.last_trigger is not None else None,
        "next_decision_at": _time(coordinator.next_decision_at),
        "decision_count": parts.decisions.decision_count,
        "history": [_decision(entry, with_score=False) for entry in _latest(parts.decisions.history, HISTORY_SHOWN)],
        "last_action": _action(coordinator.last_action),
        "writes_today": parts.actions.writes_today,
        "safety": _safety(coordinator.envelope),
        "prices": parts.prices.status(),
        "forecasts": parts.forecasts.status(now),
        "origin": parts.origin.status() if parts.origin is not None else None,
        "strategies": parts.shadows.status(now) if parts.shadows is not None else None,
        "fast_charge": _fast_charge(coordinator),
        "orders": _orders(coordinator),
        "collection": {"polls": collection.polls, "answered": collection.answered, "rate_pct": collection.rate_pct},
        "resources": {
            "pid": health.process.pid,
            "rss_mb": None if health.process.rss_bytes is None else round(health.process.rss_bytes / 1e6, 1),
            "cpu_s": round(health.process.cpu_s, 2),
            "cpu_pct_of_one_core": None if health.cpu_share_pct is None else round(health.cpu_share_pct, 2),
            "open_files": health.process.open_files,
        },
        "events": [_event(event) for event in _latest(parts.events.latest, EVENTS_SHOWN)],
        **extra,
    }


def sensors(snapshot: SiteSnapshot | None) -> Json | None:
    """Return every reading of ``snapshot`` by name with its unit last; unknown is null."""
    if snapshot is None:
        return None
    battery, grid = snapshot.battery, snapshot.grid
    return {
        "at": _time(snapshot.at),
        "pv_w": snapshot.pv.power_w,
        "pv_string_w": list(snapshot.pv.string_power_w),
        "load_w": snapshot.load.power_w,
        "backup_load_w": snapshot.load.backup_power_w,
        "grid_w": grid.power_w,
        "grid_voltage_v": list(grid.voltage_v),
        "grid_frequency_hz": grid.frequency_hz,
        "grid_connected": grid.connected,
        "battery_w": battery.power_w,
        "battery_soc_pct": battery.soc_pct,
        "battery_soh_pct": battery.soh_pct,
        "battery_voltage_v": battery.voltage_v,
        "battery_current_a": battery.current_a,
        "battery_temperature_c": battery.temperature_c,
        "battery_cell_temperature_min_c": battery.cell_temperature_min_c,
        "battery_cell_temperature_max_c": battery.cell_temperature_max_c,
        "battery_charge_limit_a": battery.charge_limit_a,
        "battery_discharge_limit_a": battery.discharge_limit_a,
        "battery_alarms": sorted(battery.alarms),
        "inverter_state": snapshot.inverter.state.value if snapshot.inverter.state is not None else None,
        "inverter_temperature_c": snapshot.inverter.temperature_c,
        "inverter_flags": sorted(snapshot.inverter.flags),
        "inverter_clock": _time(snapshot.inverter.clock),
        "quality": {
            "pv": snapshot.pv.quality.value,
            "battery": battery.quality.value,
            "grid": grid.quality.value,
            "load": snapshot.load.quality.value,
        },
        "notes": list(snapshot.notes),
    }


def score_json(score: ScoreResult | None) -> Json | None:
    """Return a score with every factor's input, band, points and share."""
    if score is None:
        return None
    return {
        "total": score.total,
        "action": score.action.value,
        "charging_after": score.charging_after,
        "factors": {
            factor.name.value: {
                "value": factor.value,
                "unit": factor.unit,
                "band": factor.band,
                "points": factor.points,
                "weight": factor.weight,
                "contribution": factor.contribution,
            }
            for factor in score.factors
        },
    }


def _mode(coordinator: MasterCoordinator) -> Json:
    actions = coordinator.parts.actions
    active, proof = actions.active, actions.verification
    return {
        "mode": active.mode.value if active is not None else "self_use",
        "power_w": active.power_w if active is not None else None,
        "target_soc_pct": active.target_soc_pct if active is not None else None,
        "export_limit_w": active.export_limit_w if active is not None else None,
        "expires_at": _time(active.expires_at) if active is not None else None,
        "since": _time(actions.active_since),
        "source": coordinator.source,
        "certain": not actions.is_uncertain,
        "proof": proof.proof.value if proof is not None else None,
        "proof_detail": proof.detail if proof is not None else None,
    }


def _decision(decision: Decision | None, *, with_score: bool) -> Json | None:
    if decision is None:
        return None
    body: Json = {
        "at": _time(decision.at),
        "mode": decision.mode.value,
        "power_w": decision.command.power_w,
        "export_limit_w": decision.command.export_limit_w,
        "source": decision.source,
        "reason": decision.reason,
        "confidence_pct": round(decision.confidence_pct, 1),
        "verdict": decision.verdict,
        "causes": list(decision.causes),
        "score_total": decision.score.total if decision.score is not None else None,
    }
    if with_score:
        body["score"] = score_json(decision.score)
    return body


def _action(action: ActionRecord | None) -> Json | None:
    if action is None:
        return None
    return {
        "at": _time(action.at),
        "purpose": action.purpose.value,
        "asked": action.asked,
        "result": type(action.result).__name__,
        "detail": getattr(action.result, "detail", None),
        "register_writes": action.register_writes,
    }


def _safety(envelope: SafetyEnvelope | None) -> Json:
    if envelope is None:
        return {"clear": None, "causes": []}
    causes = [
        {"cause": violation.cause.value, "detail": violation.detail, "grave": is_grave(violation)}
        for violation in envelope.violations
    ]
    return {"clear": envelope.is_clear, "causes": causes}


def _fast_charge(coordinator: MasterCoordinator) -> Json | None:
    controller = coordinator.parts.fast_charge
    request = controller.request
    if request is None:
        return None if controller.problem is None else {"problem": controller.problem}
    return {
        "target_soc_pct": request.target_soc_pct,
        "deadline": _time(request.deadline),
        "asked_at": _time(request.asked_at),
    }


def _orders(coordinator: MasterCoordinator) -> Json:
    """Return what stands by a person's order; ``by`` is null where a fast charge does not say who asked."""
    standing = standing_of(coordinator)
    timed, wish, choice, stop = standing.timed, standing.fast_charge, standing.choice, standing.stop
    listed: list[Json] = []
    if timed is not None:
        asked = {"asked_at": _time(timed.asked_at), "by": timed.by}
        listed.append({"kind": timed.kind.value, "until": _time(timed.until), "target_soc_pct": None, **asked})
    if wish is not None:
        asked = {"asked_at": _time(wish.asked_at), "by": wish.by}
        kind, target = OrderKind.FAST_CHARGE.value, wish.target_soc_pct
        listed.append({"kind": kind, "until": _time(wish.deadline), "target_soc_pct": target, **asked})
    return {
        "standing": listed,
        "strategy": {
            "in_charge": standing.in_charge,
            "configured": standing.configured,
            "asked_at": _time(choice.asked_at) if choice is not None else None,
            "by": choice.by if choice is not None else None,
        },
        "stop": None if stop is None else {"since": _time(stop.since), "detail": stop.detail},
    }


def _identity(identity: InverterIdentity | None) -> Json:
    return {
        "family": identity.family if identity is not None else None,
        "model": identity.model if identity is not None else None,
        "serial_number": shortened_serial(identity.serial_number) if identity is not None else None,
        "firmware": identity.firmware if identity is not None else None,
    }


def _event(event: EventRecord) -> Json:
    return {"at": _time(event.at), "kind": event.kind, "severity": event.severity, "message": event.message}


def _latest(entries: Iterable[T], count: int) -> list[T]:
    return list(entries)[-count:]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
