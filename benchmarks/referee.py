"""What a schedule of battery powers costs, found without the planner's code, and which limits it breaks.

PV is cut wherever that is cheaper and no more than there is: the cost of a slot is linear in what is cut between a few
points, so each of them is tried. Units: kW, kWh, money per kWh; a battery power of + charges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hems.backtest.peers.question import PlanQuestion
from hems.domain.measured import FloatArray
from hems.domain.outlook import HomeModel

ABOVE_FUSE = 50.0
"""What a kWh above the fuse counts: so much that no plan draws it by choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a schedule costs in all, and the most by which it breaks a limit."""

    cost: float
    """Energy and wear, less the worth of all that is left stored [money]."""
    left_kwh: float
    broken_kw: float
    """Of the battery's power and the export limit that no cut of PV could keep."""
    broken_kwh: float
    """Of the window of stored energy."""


def judge(home: HomeModel, question: PlanQuestion, stored_kwh: float, battery_kw: FloatArray) -> Verdict:
    """Return what ``battery_kw`` comes to from ``stored_kwh`` on."""
    hours, battery = question.slot_hours, np.asarray(battery_kw, np.float64)
    charged, discharged = np.maximum(battery, 0.0), np.maximum(-battery, 0.0)
    stored = stored_kwh + np.cumsum(charged * home.charge_efficiency - discharged / home.discharge_efficiency) * hours
    uncut = question.load_kw + battery - question.pv_kw
    import_kw, export_kw = home.import_max_w / 1e3, home.export_max_w / 1e3
    must_cut = np.clip(-export_kw - uncut, 0.0, question.pv_kw)
    points = (must_cut, question.pv_kw, -uncut, import_kw - uncut)
    slots = np.min(
        [_grid_cost(question, uncut + np.clip(cut, must_cut, question.pv_kw), import_kw) for cut in points], 0
    )
    cost = float(slots.sum() + home.wear_per_kwh * (charged + discharged).sum()) * hours
    capacity = home.capacity_wh / 1e3
    floor, ceiling = capacity * max(home.floor_pct, home.reserve_pct) / 100.0, capacity * home.ceiling_pct / 100.0
    over_kw = (
        charged - home.charge_max_w / 1e3,
        discharged - home.discharge_max_w / 1e3,
        -(uncut + question.pv_kw) - export_kw,
    )
    return Verdict(
        cost=cost - question.end_value * float(stored[-1]),
        left_kwh=float(stored[-1]),
        broken_kw=max(0.0, *(float(over.max()) for over in over_kw)),
        broken_kwh=max(0.0, float((min(floor, stored_kwh) - stored).max()), float((stored - ceiling).max())),
    )


def _grid_cost(question: PlanQuestion, net: FloatArray, import_kw: float) -> FloatArray:
    over = np.maximum(net - import_kw, 0.0)
    paid = np.where(net > 0.0, question.buy_per_kwh, question.sell_per_kwh) * (net - over)
    return np.asarray(paid + ABOVE_FUSE * over)
