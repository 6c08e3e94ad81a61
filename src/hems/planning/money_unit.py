"""Prices of one size, whatever the currency: what a broken limit counts is a number, and must stay above every price.

The kernel counts a kWh above the fuse 50 and one below the reserve 5 [money]: far above a price in zloty, euro or
krona, and below one in forint, where breaking the fuse would pay. So a plan is made in a unit of money in which a kWh
costs about one, and told in the currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, isfinite, log10
from statistics import median

from hems.domain.outlook import Outlook
from hems.domain.plan import Choice, Plan, PlannedSlot, Reasoning, UseOfEnergy

USUAL_PRICE = 5.0
"""Where half of the horizon is dearer than this [money/kWh] the currency is too small: no zloty or euro price is."""


def money_unit(outlook: Outlook) -> float:
    """Return how much of the currency is one unit: 1, or the power of ten of which the usual price is one at most."""
    return unit_of_prices(outlook.import_per_kwh)


def unit_of_prices(prices_per_kwh: Sequence[float]) -> float:
    """Return the same of prices."""
    prices = [abs(price) for price in prices_per_kwh if isfinite(price)]
    usual = median(prices) if prices else 0.0
    return 1.0 if usual <= USUAL_PRICE else float(10 ** ceil(log10(usual)))


def in_units(outlook: Outlook, unit: float) -> Outlook:
    """Return ``outlook`` with its money counted in units of ``unit``."""
    return replace(
        outlook,
        import_per_kwh=tuple(price / unit for price in outlook.import_per_kwh),
        export_per_kwh=tuple(price / unit for price in outlook.export_per_kwh),
        home=replace(outlook.home, wear_per_kwh=outlook.home.wear_per_kwh / unit),
    )


def in_currency(plan: Plan, unit: float) -> Plan:
    """Return ``plan`` with its money in the currency again."""
    return replace(
        plan,
        slots=tuple(_slot(slot, unit) for slot in plan.slots),
        choices=tuple(_choice(choice, unit) for choice in plan.choices),
        reasoning=_reasoning(plan.reasoning, unit),
        gap=plan.gap * unit,
    )


def _slot(slot: PlannedSlot, unit: float) -> PlannedSlot:
    return replace(
        slot,
        import_per_kwh=slot.import_per_kwh * unit,
        export_per_kwh=slot.export_per_kwh * unit,
        cost=slot.cost * unit,
        stored_value_per_kwh=slot.stored_value_per_kwh * unit,
    )


def _choice(choice: Choice, unit: float) -> Choice:
    return replace(choice, costs_more=choice.costs_more * unit)


def _reasoning(why: Reasoning, unit: float) -> Reasoning:
    cost = why.cost_per_stored_kwh
    return replace(
        why,
        stored_value_per_kwh=why.stored_value_per_kwh * unit,
        import_per_kwh=why.import_per_kwh * unit,
        export_per_kwh=why.export_per_kwh * unit,
        charge_below_per_kwh=why.charge_below_per_kwh * unit,
        sell_above_per_kwh=why.sell_above_per_kwh * unit,
        cost_per_stored_kwh=None if cost is None else cost * unit,
        use=None if why.use is None else _use(why.use, unit),
        alternative=None if why.alternative is None else _choice(why.alternative, unit),
        self_use_costs_more=why.self_use_costs_more * unit,
        regret=why.regret * unit,
    )


def _use(use: UseOfEnergy, unit: float) -> UseOfEnergy:
    return replace(
        use,
        price_per_kwh=use.price_per_kwh * unit,
        worth_stored_per_kwh=use.worth_stored_per_kwh * unit,
        worth_charged_per_kwh=use.worth_charged_per_kwh * unit,
    )
