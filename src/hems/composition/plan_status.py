"""The plan as the status shows it: why the present quarter is lived as it is, and what follows, in runs of one mode."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from hems.domain.plan import Choice, NoPlan, Plan, PlannedSlot, Reasoning

Json = dict[str, Any]

MONEY_DIGITS = 4


def plan_status(plan: Plan | NoPlan | None) -> Json | None:
    """Return the plan behind the latest decision, or why there is none; None where no plan is in charge."""
    if plan is None:
        return None
    if isinstance(plan, NoPlan):
        return {"at": _time(plan.at), "runs": [], "reasoning": None, "remarks": list(plan.remarks)}
    return {
        "at": _time(plan.at),
        "soc_pct": round(plan.soc_pct, 1),
        "method": plan.method,
        "gap": round(plan.gap, MONEY_DIGITS),
        "reasoning": _reasoning(plan.reasoning),
        "runs": list(_runs(plan)),
        "remarks": list(plan.remarks),
    }


def _reasoning(reasoning: Reasoning) -> Json:
    use, alternative = reasoning.use, reasoning.alternative
    return {
        "currency": reasoning.currency,
        "stored_value_per_kwh": round(reasoning.stored_value_per_kwh, MONEY_DIGITS),
        "charge_below_per_kwh": round(reasoning.charge_below_per_kwh, MONEY_DIGITS),
        "sell_above_per_kwh": round(reasoning.sell_above_per_kwh, MONEY_DIGITS),
        "until": _time(reasoning.until),
        "use": None
        if use is None
        else {
            "start": _time(use.start),
            "end": _time(use.end),
            "price_per_kwh": round(use.price_per_kwh, MONEY_DIGITS),
            "is_sold": use.is_sold,
        },
        "alternative": None if alternative is None else _choice(alternative, is_money=reasoning.alternative_is_money),
        "self_use_costs_more": _money(reasoning.self_use_costs_more, is_money=reasoning.self_use_is_money),
        "agreement": round(reasoning.agreement, 3),
        "regret": round(reasoning.regret, MONEY_DIGITS),
        "inputs": [
            {"name": note.name, "source": note.source, "known_at": _time(note.known_at), "detail": note.detail}
            for note in reasoning.inputs
        ],
    }


def _choice(choice: Choice, *, is_money: bool) -> Json:
    return {
        "mode": choice.mode.value,
        "power_w": choice.power_w,
        "costs_more": _money(choice.costs_more, is_money=is_money),
    }


def _money(amount: float, *, is_money: bool) -> float | None:
    """Return an amount that is money; what only says that a limit would break is None."""
    return round(amount, MONEY_DIGITS) if is_money else None


def _runs(plan: Plan) -> Iterator[Json]:
    """Yield each run of slots with the same mode, power and export limit."""

    def alike(slot: PlannedSlot) -> tuple[object, ...]:
        return slot.mode, slot.power_w, slot.export_limit_w

    for _, group in groupby(plan.slots, alike):
        slots = list(group)
        hours = [(slot.end - slot.start).total_seconds() / 3600.0 for slot in slots]
        yield {
            "start": _time(slots[0].start),
            "end": _time(slots[-1].end),
            "mode": slots[0].mode.value,
            "power_w": slots[0].power_w,
            "export_limit_w": slots[0].export_limit_w,
            "battery_wh": round(sum(slot.battery_w * part for slot, part in zip(slots, hours, strict=True))),
            "grid_wh": round(sum(slot.grid_w * part for slot, part in zip(slots, hours, strict=True))),
            "soc_end_pct": round(slots[-1].soc_pct, 1),
            "price_estimated": any(slot.price_estimated for slot in slots),
        }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
