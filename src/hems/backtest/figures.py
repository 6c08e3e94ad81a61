"""From rows that were lived to the figures of a strategy."""

from __future__ import annotations

import numpy as np

from hems.backtest.lived import LivedPeriod
from hems.backtest.outcome import Figures
from hems.backtest.study import Study
from hems.domain.units import kwh_from_wh

_W = 1000.0

LEAST_POSSIBLE_SHARE = 1e-3
"""Of the money that an idle battery's home pays and is paid: a share of a saving below this says nothing."""


def stored_change(study: Study, lived: LivedPeriod) -> float:
    """Return the worth of what ``lived`` leaves stored more than it began with [money]."""
    if len(lived) == 0:
        return 0.0
    gained = kwh_from_wh(study.home.capacity_wh) * (float(lived.soc_pct[-1]) - study.start_soc_pct) / 100.0
    return gained * study.left_value_per_kwh


def net_cost(study: Study, lived: LivedPeriod) -> float:
    """Return what ``lived`` cost less the worth of what it left stored more [money]."""
    return float(lived.cost.sum()) - stored_change(study, lived)


def figures_of(
    study: Study, lived: LivedPeriod, idle: LivedPeriod, possible: float, seconds: float, without_plan: int = 0
) -> Figures:
    """Return the figures of ``lived`` against an idle battery; ``possible`` is the most that can be saved [money]."""
    hours = lived.hours
    battery_kwh, grid_kwh = lived.battery_w / _W * hours, lived.grid_w / _W * hours
    saving = net_cost(study, idle) - net_cost(study, lived)
    least_possible = max(LEAST_POSSIBLE_SHARE * float(np.abs(idle.energy_cost).sum()), 1e-9)
    capacity = kwh_from_wh(study.home.capacity_wh)
    discharged = float(np.maximum(battery_kwh, 0.0).sum())
    above_w = np.maximum(lived.grid_w - study.home.import_max_w, 0.0)
    above_w[above_w < 1e-6] = 0.0
    return Figures(
        cost_pln=float(lived.cost.sum()),
        energy_pln=float(lived.energy_cost.sum()),
        wear_pln=float(lived.wear_cost.sum()),
        stored_change_pln=stored_change(study, lived),
        saving_pln=saving,
        captured_pct=100.0 * saving / possible if possible > least_possible else None,
        cycles=discharged / study.home.discharge_efficiency / capacity if capacity > 0.0 else 0.0,
        mode_changes_per_day=changes_per_day(lived),
        import_kwh=float(np.maximum(grid_kwh, 0.0).sum()),
        export_kwh=float(np.maximum(-grid_kwh, 0.0).sum()),
        curtailed_kwh=float((lived.curtailed_w / _W * hours).sum()),
        charge_kwh=float(np.maximum(-battery_kwh, 0.0).sum()),
        discharge_kwh=discharged,
        above_import_limit_kwh=float((above_w / _W * hours).sum()),
        seconds=seconds,
        quarters_without_plan=without_plan,
    )


def changes_per_day(lived: LivedPeriod) -> float:
    """Return how often the mode changed in a day that was lived."""
    days = float(lived.hours.sum()) / 24.0
    return float(np.count_nonzero(np.diff(lived.mode))) / days if days > 0.0 else 0.0
