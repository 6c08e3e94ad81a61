"""The numbers behind a choice: what stored energy is worth, when it will be used, what else was possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import isfinite

from hems.domain.command import Mode
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.plan import Choice, InputNote, Plan, PlannedSlot, Reasoning, UseOfEnergy
from hems.planning import kernel, kernel_modes
from hems.planning.problem import Problem
from hems.planning.restrictions import discharge_left
from hems.planning.solver import ValueFunction

LEAST_USE_W = 50.0
"""Less than this out of the battery is no use worth naming."""

BREAK = timedelta(minutes=30)
"""Uses with a shorter break between them are one."""

LEAST_KWH = 1e-6
"""Less than this beyond a limit is rounding."""

KERNEL_MODE = {
    Mode.SELF_USE: kernel.SELF_USE,
    Mode.HOLD: kernel.HOLD,
    Mode.NO_CHARGE: kernel.NO_CHARGE,
    Mode.CHARGE: kernel.CHARGE,
    Mode.DISCHARGE: kernel.DISCHARGE,
}
"""The kernel's numbers of the modes."""

_W = 1000.0


def reasoning_of(
    outlook: Outlook,
    problem: Problem,
    values: ValueFunction,
    slots: Sequence[PlannedSlot],
    choices: Sequence[Choice],
    self_use: Choice,
    *,
    agreement: float,
    regret: float,
) -> Reasoning:
    """Return why the first slot is lived as it is; ``self_use`` may be none of the ``choices`` that are allowed."""
    home, first, chosen = problem.home, slots[0], choices[0]
    worth = float(
        kernel_modes.marginal(
            values.value, values.length, values.first[0], values.count[0], problem.stored - values.bottom[0]
        )
    )
    cost_per_stored = None
    if first.battery_w < 0.0:
        cost_per_stored = _cost_of_charging(first, home.charge_efficiency, home.wear_per_kwh)
    others = (choice for choice in choices[1:] if choice.mode is not chosen.mode and isfinite(choice.costs_more))
    alternative = next(others, None)

    def keeps(choice: Choice) -> bool:
        return keeps_limits(problem, choice)

    return Reasoning(
        stored_value_per_kwh=worth,
        import_per_kwh=first.import_per_kwh,
        export_per_kwh=first.export_per_kwh,
        charge_below_per_kwh=worth * home.charge_efficiency - home.wear_per_kwh,
        sell_above_per_kwh=worth / home.discharge_efficiency + home.wear_per_kwh,
        cost_per_stored_kwh=cost_per_stored,
        until=_until(slots),
        use=next_use(slots, home),
        alternative=alternative,
        self_use_costs_more=self_use.costs_more,
        alternative_is_money=alternative is None or (keeps(chosen) and keeps(alternative)),
        self_use_is_money=keeps(chosen) and keeps(self_use),
        soc_pct=100.0 * problem.stored / problem.store[0],
        reserve_pct=max(home.reserve_pct, home.floor_pct),
        battery_w=first.battery_w,
        grid_w=first.grid_w,
        agreement=agreement,
        regret=regret,
        inputs=_inputs(outlook),
        currency=outlook.currency,
    )


def reasoning_ahead(plan: Plan, index: int, home: HomeModel) -> Reasoning:
    """Return why the planned slot ``index`` is lived as it is, as far as the plan itself tells.

    It knows no alternatives and no scenarios there: these belong to the present slot alone.
    """
    slots = plan.slots[index:]
    slot, worth = slots[0], slots[0].stored_value_per_kwh
    cost_per_stored = None
    if slot.battery_w < 0.0:
        cost_per_stored = _cost_of_charging(slot, home.charge_efficiency, home.wear_per_kwh)
    return replace(
        plan.reasoning,
        stored_value_per_kwh=worth,
        import_per_kwh=slot.import_per_kwh,
        export_per_kwh=slot.export_per_kwh,
        charge_below_per_kwh=worth * home.charge_efficiency - home.wear_per_kwh,
        sell_above_per_kwh=worth / home.discharge_efficiency + home.wear_per_kwh,
        cost_per_stored_kwh=cost_per_stored,
        until=_until(slots),
        use=next_use(slots, home),
        alternative=None,
        soc_pct=plan.soc_pct if index == 0 else plan.slots[index - 1].soc_pct,
        battery_w=slot.battery_w,
        grid_w=slot.grid_w,
    )


def keeps_limits(problem: Problem, choice: Choice) -> bool:
    """Return whether ``choice`` keeps reserve, fuse and cycles in the present slot, whatever scenario comes.

    Where it does not, its cost counts them far above any price, and is no money that anybody would pay.
    """
    if problem.wear[0] > problem.home.wear_per_kwh + LEAST_KWH:  # raised so that the day keeps its cap of cycles
        return False
    may_give = discharge_left(problem)[0] > 0.0
    code, power, hours = KERNEL_MODE[choice.mode], (choice.power_w or 0.0) / _W, problem.hours[0]
    to_store, to_house = problem.limits[2], problem.limits[3]
    for load, pv in zip(problem.load, problem.pv, strict=True):
        battery = kernel_modes.mode_power(
            code, power, load[0], pv[0], problem.stored, hours, problem.limits, problem.store, problem.exportable
        )
        left = problem.stored + battery * hours * (to_store if battery > 0.0 else 1.0 / to_house)
        if left < problem.low[1] - LEAST_KWH or load[0] - pv[0] + battery > problem.limits[4] + LEAST_KWH:
            return False
        if battery < -LEAST_KWH and not may_give:
            return False
    return True


def next_use(slots: Sequence[PlannedSlot], home: HomeModel) -> UseOfEnergy | None:
    """Return the use of what is stored that is worth most before the battery is bought full again or empty."""
    best: tuple[float, UseOfEnergy] | None = None
    block: list[PlannedSlot] = []
    for slot in (*slots, None):
        if slot is not None and slot.battery_w >= LEAST_USE_W and (not block or slot.start - block[-1].end <= BREAK):
            block.append(slot)
            continue
        broken = slot is None or slot.battery_w >= LEAST_USE_W or (block and slot.start - block[-1].end >= BREAK)
        if block and broken:
            use = _use_of(block, home)
            energy_wh = sum(part.battery_w * _hours(part) for part in block)
            if best is None or energy_wh * use.price_per_kwh > best[0]:
                best = (energy_wh * use.price_per_kwh, use)
            emptied = block[-1].soc_pct <= home.reserve_pct + 1.0
            block = [slot] if slot is not None and slot.battery_w >= LEAST_USE_W else []
            if emptied:
                break
        if slot is not None and best is not None and slot.mode is Mode.CHARGE and slot.grid_w > LEAST_USE_W:
            break
    return None if best is None else best[1]


def _use_of(block: Sequence[PlannedSlot], home: HomeModel) -> UseOfEnergy:
    """Return the use in ``block``: priced by what it replaces, or by what it is sold for."""
    money = energy = sold = 0.0
    for slot in block:
        part = slot.battery_w * _hours(slot)
        exported = min(max(-slot.grid_w, 0.0), slot.battery_w) * _hours(slot)
        money += exported * slot.export_per_kwh + (part - exported) * slot.import_per_kwh
        energy, sold = energy + part, sold + exported
    stored_worth = (money / energy - home.wear_per_kwh) * home.discharge_efficiency
    return UseOfEnergy(
        start=block[0].start,
        end=block[-1].end,
        price_per_kwh=money / energy,
        worth_stored_per_kwh=stored_worth,
        worth_charged_per_kwh=stored_worth * home.charge_efficiency - home.wear_per_kwh,
        is_sold=sold > energy / 2.0,
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
        if (slot.mode, slot.power_w) != (slots[0].mode, slots[0].power_w):
            break
        end = slot.end
    return end


def _inputs(outlook: Outlook) -> tuple[InputNote, ...]:
    notes = [InputNote(name="soc", source="inverter", known_at=None)]
    notes.append(InputNote(name="prices", source="market", known_at=None, until=outlook.published_until))
    notes.extend(
        InputNote(
            name=name,
            source=forecast.source,
            known_at=forecast.known_at,
            detail="; ".join(forecast.notes),
            until=forecast.end,
        )
        for name, forecast in (("load_forecast", outlook.load), ("pv_forecast", outlook.pv))
        if forecast is not None
    )
    return tuple(notes)


def _hours(slot: PlannedSlot) -> float:
    return (slot.end - slot.start).total_seconds() / 3600.0
