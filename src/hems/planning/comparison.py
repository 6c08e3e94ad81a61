"""What a plan costs, beside plain self-use over the same hours with the same expected load and PV."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hems.domain.outlook import Outlook
from hems.domain.plan import NoPlan, Plan
from hems.domain.time_grid import MTU
from hems.domain.units import kw_from_w, kwh_from_wh, wh_from_kwh
from hems.planning import kernel, kernel_modes
from hems.planning.problem import PlanningOptions, Problem, build_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonCost:
    """The money of a horizon: what the meter counts, the battery's wear, and the worth of what is left stored."""

    paid: float
    earned: float
    """What feeding in brings; negative where it costs."""
    wear: float
    left_wh: float
    left_worth: float

    @property
    def total(self) -> float:
        """What the horizon costs in all, what is left stored counted as its worth."""
        return self.paid - self.earned + self.wear - self.left_worth


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The plan beside plain self-use."""

    plan: HorizonCost
    self_use: HorizonCost

    @property
    def saving(self) -> float:
        """What the plan saves over plain self-use."""
        return self.self_use.total - self.plan.total


def compare(outlook: Outlook, plan: Plan) -> Comparison | None:
    """Return what ``plan``, made of ``outlook``, costs beside plain self-use; None where they do not belong together.

    Both live by the expected load and PV and by the same battery. A limit that is broken costs nothing here.
    """
    options = PlanningOptions(horizon=len(plan.slots) * MTU)
    problem = build_problem(outlook, plan.at, plan.soc_pct, options)
    if isinstance(problem, NoPlan) or len(problem) != len(plan.slots):
        return None
    planned = ((kw_from_w(-slot.battery_w), kw_from_w(slot.grid_w)) for slot in plan.slots)
    left = kwh_from_wh(outlook.home.capacity_wh) * plan.slots[-1].soc_pct / 100.0
    return Comparison(
        plan=_cost(problem, planned, left),
        self_use=_cost(problem, *_self_use(problem)),
    )


def _self_use(problem: Problem) -> tuple[list[tuple[float, float]], float]:
    """Return (battery, grid) of every slot in plain self-use [kW; + charges, + imports], and what is left [kWh]."""
    stored, flows = problem.stored, []
    to_store, to_house, export_max = problem.limits[2], problem.limits[3], problem.limits[5]
    for load, pv, hours in zip(problem.expected_load, problem.expected_pv, problem.hours, strict=True):
        battery = kernel_modes.mode_power(
            kernel.SELF_USE, 0.0, load, pv, stored, hours, problem.limits, problem.store, problem.exportable
        )
        stored += battery * hours * (to_store if battery > 0.0 else 1.0 / to_house)
        flows.append((battery, max(load - pv + battery, -export_max)))
    return flows, stored


def _cost(problem: Problem, flows: Iterable[tuple[float, float]], left: float) -> HorizonCost:
    paid = earned = wear = 0.0
    for (battery, grid), buy, sell, hours in zip(flows, problem.buy, problem.sell, problem.hours, strict=True):
        paid += max(grid, 0.0) * buy * hours
        earned += max(-grid, 0.0) * sell * hours
        wear += abs(battery) * problem.home.wear_per_kwh * hours
    return HorizonCost(
        paid=paid, earned=earned, wear=wear, left_wh=wh_from_kwh(left), left_worth=problem.end_value * left
    )
