"""What is planned, mode by mode, and what each choice is worth in money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hems.domain.command import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSlot:
    """One slot as it is planned, lived through with the expected load and PV; house signs, mean powers [W]."""

    start: datetime
    end: datetime
    mode: Mode
    power_w: float | None
    """The asked power of a charge or discharge, a magnitude."""
    export_limit_w: float | None
    load_w: float
    pv_w: float
    battery_w: float
    """+ discharges, - charges."""
    grid_w: float
    """+ imports, - exports."""
    curtailed_w: float
    soc_pct: float
    """At the end of the slot."""
    import_per_kwh: float
    export_per_kwh: float
    price_estimated: bool
    cost: float
    """Money of the slot, wear included; + costs."""
    stored_value_per_kwh: float
    """What one more stored kWh is worth at the start of the slot [currency/kWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to live through the present slot, and what it costs more than the best [currency, >= 0]."""

    mode: Mode
    power_w: float | None
    export_limit_w: float | None
    costs_more: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InputNote:
    """One input that mattered: where it came from, and how old it was."""

    name: str
    """soc, prices, load_forecast, pv_forecast."""
    source: str
    known_at: datetime | None
    detail: str = ""
    until: datetime | None = None
    """How far it reaches; None where it says nothing of the future."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseOfEnergy:
    """When energy stored now will be used, and what it saves or earns there."""

    start: datetime
    end: datetime
    price_per_kwh: float
    """Mean price of what it replaces or is sold for [currency/kWh]."""
    worth_stored_per_kwh: float
    """What a stored kWh brings there, losses and wear taken off [currency/kWh]."""
    worth_charged_per_kwh: float
    """The same of a kWh that is charged for it now: losses and wear of both ways taken off [currency/kWh]."""
    is_sold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """Why the present slot is lived as it is: the numbers behind a decision's sentence."""

    stored_value_per_kwh: float
    """What one more stored kWh is worth now [currency/kWh]."""
    import_per_kwh: float
    export_per_kwh: float
    charge_below_per_kwh: float
    """Break-even: charging from the grid pays below this buying price."""
    sell_above_per_kwh: float
    """Break-even: selling from the battery pays above this selling price."""
    cost_per_stored_kwh: float | None
    """For a charge: what a kWh into the battery costs now, losses and wear included; None otherwise."""
    until: datetime
    """How long the present mode and its power are planned to last."""
    use: UseOfEnergy | None
    """When the energy will be used next; None where it is not, within the horizon."""
    alternative: Choice | None
    """The best other mode; None where there is none."""
    self_use_costs_more: float
    """What plain self-use in this slot would cost more [currency, >= 0]."""
    alternative_is_money: bool
    """False where a limit that the alternative or the choice breaks counts in ``costs_more``: a reserve, the fuse."""
    self_use_is_money: bool
    """The same of ``self_use_costs_more``."""
    soc_pct: float
    reserve_pct: float
    """What is kept for an outage, or the inverter's own floor where that is higher."""
    battery_w: float
    """What the battery is expected to do in the present slot [W], + discharges."""
    grid_w: float
    """What the connection is expected to do in the present slot [W], + imports."""
    agreement: float
    """Share of the forecast's scenarios in which the same mode is best, 0-1."""
    regret: float
    """What the choice costs more than hindsight of the scenario would, mean over scenarios [currency]."""
    inputs: tuple[InputNote, ...]
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cheapest way found through the horizon, and the present slot's choices in order, the best first."""

    at: datetime
    soc_pct: float
    slots: tuple[PlannedSlot, ...]
    choices: tuple[Choice, ...]
    reasoning: Reasoning
    gap: float
    """Certificate: no plan for the expected load and PV is cheaper than the best powers found by more [currency].

    The bound knows no rule on the origin of sold energy and no cap on cycles, so where these bind it is wide.
    """
    method: str
    """``convex`` where the convex programme solved it, ``grid`` where prices needed the grid programme."""
    remarks: tuple[str, ...] = ()
    """What could not be kept or was refused, and what was done instead, for a person."""

    @property
    def chosen(self) -> Choice:
        """The choice for the present slot."""
        return self.choices[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlan:
    """There is no plan, because of ``remarks``: what is missing, in words. Plain self-use is then all that is safe."""

    at: datetime
    remarks: tuple[str, ...]
