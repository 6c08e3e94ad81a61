"""What could have been saved at most: the exact plan of the whole period, everything known, free of modes and rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from hems.backtest.lived import POWER, LivedPeriod
from hems.backtest.study import Study
from hems.domain.measured import FloatArray
from hems.domain.outlook import HomeModel
from hems.domain.units import kwh_from_wh
from hems.planning.compiled import Kernel
from hems.planning.kernel import CUT_ALL, Limits
from hems.planning.problem import limits_of
from hems.planning.solver import Solver

_W = 1000.0


def perfect_foresight(study: Study, lived: LivedPeriod, kernel: Kernel) -> tuple[LivedPeriod, float]:
    """Return the cheapest way through the rows of ``lived``, and by how much no way at all can be cheaper [money].

    The second is 0 where every row's cost is convex. PV may be curtailed freely, energy of any origin sold, and no mode
    and no reserve binds: whatever a strategy does under the study's limits costs at least this much less that gap.
    """
    home, count = study.bound(study.home), len(lived)
    limits = _limits(home, lived)
    capacity = kwh_from_wh(home.capacity_wh)
    stored = capacity * study.start_soc_pct / 100.0
    low = np.full(count + 1, min(capacity * home.floor_pct / 100.0, stored))
    high = np.full(count + 1, max(capacity * home.ceiling_pct / 100.0, stored))
    rows = Solver(kernel)
    columns = [rows.row(_for(kernel, values)) for values in (
        lived.load_w / _W, lived.pv_w / _W, lived.import_per_kwh, lived.export_per_kwh, lived.hours,
        np.full(count, home.wear_per_kwh),
    )]  # fmt: skip
    lock = rows.whole([0] * count)
    slope, size, change = rows.floats(16), rows.floats(16), rows.floats(count)
    status, room = -1, 40 * count + 1000
    while status < 0:
        value, length, owner = rows.floats(room), rows.floats(room), rows.whole([0] * room)
        first, pieces = rows.whole([0] * (count + 1)), rows.whole([0] * (count + 1))
        value[0], length[0], owner[0], pieces[count] = study.left_value_per_kwh, high[-1] - low[-1], count, 1
        status = kernel.exact_plan(
            *columns, _for(kernel, low), _for(kernel, high), stored, limits, CUT_ALL, lock, value, length, owner, first,
            pieces, slope, size, rows.floats(count + 1), change,
        )  # fmt: skip
        room *= 2
    _, gap = kernel.plan_cost(*columns, limits, CUT_ALL, lock, change, slope, size)
    return _period(study, lived, np.asarray(change, dtype=np.float64), limits), float(gap)


def _limits(home: HomeModel, lived: LivedPeriod) -> Limits:
    """Return the home's limits; where the load alone exceeds the fuse, a fuse that it does not exceed."""
    limits = limits_of(home)
    most = float((lived.load_w - lived.pv_w).max(initial=0.0)) / _W
    return (*limits[:4], max(limits[4], most), limits[5])


def _for(kernel: Kernel, values: FloatArray) -> Any:
    return values if kernel.is_compiled else values.tolist()


def _period(study: Study, lived: LivedPeriod, change: FloatArray, limits: Limits) -> LivedPeriod:
    """Return ``lived`` with the battery moved as planned, PV curtailed as is cheapest."""
    hours = lived.hours
    battery = np.where(change > 0.0, change / (limits[2] * hours), change * limits[3] / hours)  # kW, + charges
    load, pv = lived.load_w / _W, lived.pv_w / _W
    buy, sell = lived.import_per_kwh, lived.export_per_kwh
    uncut = load - pv + battery
    least = np.maximum(uncut, -limits[5])
    most = np.maximum(load + battery, least)
    # The cheapest net power is an end of what curtailment can reach, or a kink of its price.
    ways = [least, most, np.clip(0.0, least, most), np.clip(limits[4], least, most)]
    costs = np.stack([_cost(net, buy, sell, limits[4]) for net in ways])
    grid = np.choose(costs.argmin(axis=0), ways)
    capacity = kwh_from_wh(study.home.capacity_wh)
    stored = capacity * study.start_soc_pct / 100.0 + np.cumsum(change)
    return LivedPeriod(
        start_s=lived.start_s,
        hours=hours,
        load_w=lived.load_w,
        pv_w=lived.pv_w,
        import_per_kwh=buy,
        export_per_kwh=sell,
        mode=np.full(len(lived), POWER),
        asked_w=-battery * _W,
        battery_w=-battery * _W,
        grid_w=grid * _W,
        curtailed_w=(grid - uncut) * _W,
        soc_pct=100.0 * stored / capacity,
        energy_cost=np.where(grid > 0.0, grid * buy, grid * sell) * hours,
        wear_cost=np.abs(battery) * hours * study.home.wear_per_kwh,
    )


def _cost(net: FloatArray, buy: FloatArray, sell: FloatArray, import_max: float) -> FloatArray:
    cost: FloatArray = np.where(net > 0.0, net * buy, net * sell)
    return np.where(net > import_max + 1e-9, np.inf, cost)
