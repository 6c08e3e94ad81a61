"""Many homes planned in one call: the loop around `planning.kernel`, plain Python or compiled as the kernel is.

Nothing of the algorithm stands here: a home's numbers are laid out as the kernel takes them, and its plan is lived and
summed up. `planning.compiled` compiles this very source; ``prange`` is then numba's. Every block of homes works in its
own row of the rooms, so blocks may run side by side. kW, kWh, money per kWh inside; + stores.
"""

from __future__ import annotations

from typing import Any

from hems.planning.kernel import CUT_SURPLUS, NO_GRID_CHARGE, exact_plan, grid_cost, net_cost, plan_cost
from hems.planning.kernel_rolling import fill_tube

RECHARGE_HOURS, AT_ONCE_BELOW, READING_SHARE = 2.0, 0.05, 0.01
"""A battery below its reserve is back there within so many hours, at once below this share of its capacity; a reading
may be off by so much. As `planning.problem.PlanningOptions` and `READING_STEP_PCT`."""

prange = range
"""numba's, where this is compiled with threads."""

Row = Any
Rows = Any
"""A list of rows, or an array of shape (n, m)."""

CAPACITY, CHARGE, DISCHARGE, CHARGE_EFFICIENCY, DISCHARGE_EFFICIENCY = 0, 1, 2, 3, 4
IMPORT, EXPORT, WEAR, STORED, LOW, HIGH, HOURS, RESERVE = 5, 6, 7, 8, 9, 10, 11, 12
HOME_NUMBERS = 13
"""Columns of a home's numbers: kWh, kW, shares, money per kWh of throughput, hours of a slot."""

SLOTS, PRICES, CUT, LOCK = 0, 1, 2, 3
HOME_WHOLES = 4
"""Columns of a home's whole numbers: how many slots, the row of its prices, what may be cut, what is forbidden."""

COST, IDLE_COST, GAP, STORED_CHANGE, STORED_WORTH, IMPORT_KWH, EXPORT_KWH, STATUS = 0, 1, 2, 3, 4, 5, 6, 7
FIGURES = 8
"""Columns of what came of it: money of energy and wear, planned and with an idle battery; by how much no plan can be
cheaper; what more is stored at the end [kWh] and what a kWh of it counts; grid energy planned; see below."""

NO_ROOM, EXACT, HULL = -1.0, 0.0, 1.0
"""STATUS: nothing was planned, for want of room; exact; or with a gap, since a slot's cost was not convex."""

PLANNED, IDLE = 0, 1
"""Rows of the total of a block's grid power."""


def plan_homes(
    load_w: Rows,
    pv_w: Rows,
    buy: Rows,
    sell: Rows,
    extra: Row,
    numbers: Rows,
    wholes: Rows,
    battery_w: Rows,
    soc_pct: Rows,
    grid_w: Rows,
    figures: Rows,
    totals: Rows,
    real: Rows,
    whole: Rows,
) -> None:
    """Plan every home exactly, blocks of homes side by side.

    ``load_w``, ``pv_w``: N rows [W]. ``buy``, ``sell``: rows of prices that homes share; ``extra`` is put on both, the
    price of a common limit. ``battery_w`` [W, + discharges], ``soc_pct`` (at the slot's end) and ``figures`` are
    written, N rows each; so is ``grid_w`` [W, + imports], which may be one row of no length where nobody asks.
    ``totals[block]`` gets the homes' grid power [kW, + imports] added. ``real[block]`` and
    ``whole[block]``: rooms as `plan_home` takes them.
    """
    blocks = len(real)
    for block in prange(blocks):
        plan_block(
            block, blocks, load_w, pv_w, buy, sell, extra, numbers, wholes, battery_w, soc_pct, grid_w, figures,
            totals[block], real[block], whole[block],
        )  # fmt: skip


def plan_block(
    block: int,
    blocks: int,
    load_w: Rows,
    pv_w: Rows,
    buy: Rows,
    sell: Rows,
    extra: Row,
    numbers: Rows,
    wholes: Rows,
    battery_w: Rows,
    soc_pct: Rows,
    grid_w: Rows,
    figures: Rows,
    totals: Rows,
    real: Rows,
    whole: Rows,
) -> None:
    """Plan the homes of one of ``blocks`` blocks, one after another; the rooms are this block's own."""
    homes = len(load_w)
    for home in range(block * homes // blocks, (block + 1) * homes // blocks):
        prices = wholes[home][PRICES]
        plan_home(
            load_w[home], pv_w[home], buy[prices], sell[prices], extra, numbers[home], wholes[home],
            battery_w[home], soc_pct[home], grid_w[min(home, len(grid_w) - 1)], figures[home], totals, real, whole,
        )  # fmt: skip


def plan_home(
    load_w: Row,
    pv_w: Row,
    buy: Row,
    sell: Row,
    extra: Row,
    numbers: Row,
    wholes: Row,
    battery_w: Row,
    soc_pct: Row,
    grid_w: Row,
    figures: Row,
    totals: Rows,
    real: Rows,
    whole: Rows,
) -> None:
    """Plan one home, live the plan, and sum it up.

    ``real``: the rows load, PV, buying and selling price, hours, wear, low, high, value, length, slope, size, used and
    change. ``whole``: the rows owner, first, count and lock.
    """
    slots = wholes[SLOTS]
    cut = wholes[CUT]
    charge, discharge = numbers[CHARGE], numbers[DISCHARGE]
    limits = (
        charge, discharge, numbers[CHARGE_EFFICIENCY], numbers[DISCHARGE_EFFICIENCY], numbers[IMPORT], numbers[EXPORT]
    )  # fmt: skip
    load, pv, buying, selling = real[0][:slots], real[1][:slots], real[2][:slots], real[3][:slots]
    hours, wear, low, high = real[4][:slots], real[5][:slots], real[6][: slots + 1], real[7][: slots + 1]
    lock = whole[3][:slots]
    mean = 0.0
    for t in range(slots):
        load[t] = max(load_w[t], 0.0) / 1000.0
        pv[t] = max(pv_w[t], 0.0) / 1000.0
        buying[t] = buy[t] + extra[t]
        selling[t] = sell[t] + extra[t]
        mean += buy[t]
        hours[t] = numbers[HOURS]
        wear[t] = numbers[WEAR]
        lock[t] = wholes[LOCK]
    fill_home(numbers, wholes[LOCK], hours, slots, low, high)
    worth = max(mean / slots * limits[2] * limits[3] - 2.0 * numbers[WEAR], 0.0)
    value, length, owner, count = real[8], real[9], whole[0], whole[2]
    value[0], length[0], owner[0], count[slots] = worth, high[slots] - low[slots], slots, 1
    slope, size, change = real[10], real[11], real[13][:slots]
    pooled = exact_plan(
        load, pv, buying, selling, hours, wear, low, high, numbers[STORED], limits, cut, lock,
        value, length, owner, whole[1], count, slope, size, real[12], change,
    )  # fmt: skip
    figures[STATUS] = float(pooled)
    if pooled < 0:
        return
    gap = 0.0
    if pooled > 0:
        cost, gap = plan_cost(load, pv, buying, selling, hours, wear, limits, cut, lock, change, slope, size)
        for t in range(slots):
            cost -= worth * change[t] + grid_cost(0.0, load[t], pv[t], buying[t], selling[t], limits, cut) * hours[t]
        if cost > 0.0:  # a hollow cost misled it: doing nothing is nearer to the bound
            gap = max(gap - cost, 0.0)
            for t in range(slots):
                change[t] = 0.0
    figures[GAP], figures[STORED_WORTH] = gap, worth
    live(slots, numbers, cut, load, pv, buying, selling, change, battery_w, soc_pct, grid_w, figures, totals)


def fill_home(numbers: Row, lock: int, hours: Row, slots: int, low: Row, high: Row) -> None:
    """Write the least and the most that may be stored at every slot's edge [kWh], as the service's plan has it.

    A battery that may not be charged out of the grid is not ordered back to its reserve.
    """
    charge = numbers[CHARGE] * numbers[CHARGE_EFFICIENCY]
    if lock & NO_GRID_CHARGE:
        charge = 0.0
    capacity = numbers[CAPACITY]
    settings = (
        1.0, 0.0, 0.0, 0.0, RECHARGE_HOURS, AT_ONCE_BELOW * capacity, READING_SHARE * capacity, charge
    )  # fmt: skip
    fill_tube(numbers[STORED], numbers[RESERVE], numbers[HIGH], hours, slots, settings, low, high)


def live(
    slots: int,
    numbers: Row,
    cut: int,
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    change: Row,
    battery_w: Row,
    soc_pct: Row,
    grid_w: Row,
    figures: Row,
    totals: Rows,
) -> None:
    """Live the plan: write what the battery does and where its level stands, and add up money and energy."""
    planned, idle = totals[PLANNED], totals[IDLE]
    hours, fuse, limit = numbers[HOURS], numbers[IMPORT], numbers[EXPORT]
    stored, percent = numbers[STORED], 100.0 / max(numbers[CAPACITY], 1e-9)
    charging, discharging = 1.0 / (numbers[CHARGE_EFFICIENCY] * hours), numbers[DISCHARGE_EFFICIENCY] / hours
    cost, idle_cost, worn, imported, exported = 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(slots):
        kwh = change[t]
        power = kwh * charging if kwh > 0.0 else kwh * discharging
        stored += kwh
        battery_w[t] = -1000.0 * power
        soc_pct[t] = percent * stored
        net = net_power(load[t] - pv[t] + power, load[t] + power, sell[t], limit, cut)
        alone = net_power(load[t] - pv[t], load[t], sell[t], limit, cut)
        if len(grid_w) > 0:
            grid_w[t] = 1000.0 * net
        cost += net_cost(net, buy[t], sell[t], fuse)
        idle_cost += net_cost(alone, buy[t], sell[t], fuse)
        worn += abs(power)
        imported += max(net, 0.0)
        exported += max(-net, 0.0)
        planned[t] += net
        idle[t] += alone
    figures[COST], figures[IDLE_COST] = (cost + numbers[WEAR] * worn) * hours, idle_cost * hours
    figures[STORED_CHANGE] = stored - numbers[STORED]
    figures[IMPORT_KWH], figures[EXPORT_KWH] = imported * hours, exported * hours


def net_power(least: float, most: float, sell: float, export_max: float, cut: int) -> float:
    """Return what flows through the connection [kW, + imports]: ``least`` with all PV, ``most`` with none.

    What `kernel.grid_cost` prices: PV above the export limit is cut, all surplus where selling costs money and it may.
    """
    net = max(least, -export_max)
    if cut == CUT_SURPLUS and sell < 0.0:
        net = max(net, min(most, 0.0))
    return net
