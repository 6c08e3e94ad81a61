"""The numbers behind a choice: what stored energy is worth, when it will be used, what else was possible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hems.domain.command import Mode
from hems.domain.outlook import Outlook
from hems.domain.plan import Choice, InputNote, PlannedSlot, Reasoning, UseOfEnergy
from hems.planning import kernel_modes
from hems.planning.problem import Problem
from hems.planning.solver import ValueFunction

LEAST_USE_W = 50.0
"""Less than this out of the battery is no use worth naming."""

BREAK = timedelta(minutes=30)
"""Uses with a shorter break between them are one."""


def reasoning_of(
    outlook: Outlook,
    problem: Problem,
    values: ValueFunction,
    slots: Sequence[PlannedSlot],
    choices: Sequence[Choice],
    *,
    agreement: float,
    regret: float,
) -> Reasoning:
    """Return why the first slot is lived as it is."""
    home, first, chosen = problem.home, slots[0], choices[0]
    worth = float(
        kernel_modes.marginal(
            values.value, values.length, values.first[0], values.count[0], problem.stored - values.bottom[0]
        )
    )
    cost_per_stored = None
    if first.battery_w < 0.0:
        cost_per_stored = _cost_of_charging(first, home.charge_efficiency, home.wear_per_kwh)
    return Reasoning(
        stored_value_per_kwh=worth,
        import_per_kwh=first.import_per_kwh,
        export_per_kwh=first.export_per_kwh,
        charge_below_per_kwh=worth * home.charge_efficiency - home.wear_per_kwh,
        sell_above_per_kwh=worth / home.discharge_efficiency + home.wear_per_kwh,
        cost_per_stored_kwh=cost_per_stored,
        until=_until(slots),
        use=next_use(slots, home.reserve_pct),
        alternative=next((choice for choice in choices[1:] if choice.mode is not chosen.mode), None),
        self_use_costs_more=next(choice.costs_more for choice in choices if choice.mode is Mode.SELF_USE),
        agreement=agreement,
        regret=regret,
        inputs=_inputs(outlook, problem),
        currency=outlook.currency,
    )


def next_use(slots: Sequence[PlannedSlot], reserve_pct: float) -> UseOfEnergy | None:
    """Return the use of what is stored that is worth most before the battery is bought full again or empty."""
    best: tuple[float, UseOfEnergy] | None = None
    block: list[PlannedSlot] = []
    for slot in (*slots, None):
        if slot is not None and slot.battery_w >= LEAST_USE_W and (not block or slot.start - block[-1].end <= BREAK):
            block.append(slot)
            continue
        broken = slot is None or slot.battery_w >= LEAST_USE_W or (block and slot.start - block[-1].end >= BREAK)
        if block and broken:
            use = _use_of(block)
            energy_wh = sum(part.battery_w * _hours(part) for part in block)
            if best is None or energy_wh * use.price_per_kwh > best[0]:
                best = (energy_wh * use.price_per_kwh, use)
            emptied = block[-1].soc_pct <= reserve_pct + 1.0
            block = [slot] if slot is not None and slot.battery_w >= LEAST_USE_W else []
            if emptied:
                break
        if slot is not None and best is not None and slot.mode is Mode.CHARGE and slot.grid_w > LEAST_USE_W:
            break
    return None if best is None else best[1]


def _use_of(block: Sequence[PlannedSlot]) -> UseOfEnergy:
    """Return the use in ``block``: priced by what it replaces, or by what it is sold for."""
    money = energy = sold = 0.0
    for slot in block:
        part = slot.battery_w * _hours(slot)
        exported = min(max(-slot.grid_w, 0.0), slot.battery_w) * _hours(slot)
        money += exported * slot.export_per_kwh + (part - exported) * slot.import_per_kwh
        energy, sold = energy + part, sold + exported
    return UseOfEnergy(
        start=block[0].start, end=block[-1].end, price_per_kwh=money / energy, is_sold=sold > energy / 2.0
    )


def _cost_of_charging(slot: PlannedSlot, charge_efficiency: float, wear_per_kwh: float) -> float:
    """Return what a stored kWh costs in ``slot``: PV at what selling it would earn, the rest at the buying price."""
    charged_w = -slot.battery_w
    bought_w = min(max(slot.grid_w, 0.0), charged_w)
    sunny_price = max(slot.export_per_kwh, 0.0)
    price = (bought_w * slot.import_per_kwh + (charged_w - bought_w) * sunny_price) / charged_w
    return (price + wear_per_kwh) / charge_efficiency


def _until(slots: Sequence[PlannedSlot]) -> datetime:
    end = slots[0].end
    for slot in slots[1:]:
        if slot.mode is not slots[0].mode:
            break
        end = slot.end
    return end


def _inputs(outlook: Outlook, problem: Problem) -> tuple[InputNote, ...]:
    notes = [InputNote(name="soc", source="inverter", known_at=problem.at)]
    published = outlook.published_until
    reach = "nothing is published" if published is None else f"published until {published:%Y-%m-%d %H:%M} UTC"
    notes.append(InputNote(name="prices", source="market", known_at=None, detail=reach))
    notes.extend(
        InputNote(name=name, source=forecast.source, known_at=forecast.known_at, detail="; ".join(forecast.notes))
        for name, forecast in (("load_forecast", outlook.load), ("pv_forecast", outlook.pv))
        if forecast is not None
    )
    return tuple(notes)


def _hours(slot: PlannedSlot) -> float:
    return (slot.end - slot.start).total_seconds() / 3600.0
