"""Deciding and living quarter after quarter: same rules as `planning.kernel`, the loop of every backtest.

A step sees what was known at its moment, chooses the cheapest mode by the value of stored energy, and lives the quarter
in that mode with the load and PV that came. Prices whose cost is hollow are handed back to `GridFlowOptimizer`.
"""

from __future__ import annotations

import math
from typing import Any

from hems.planning.kernel import (
    CHARGE,
    CUT_NOTHING,
    DISCHARGE,
    FREE,
    Limits,
    exact_plan,
    grid_cost,
    scenario_values,
)
from hems.planning.kernel_modes import ANY_ORIGIN, Store, mode_cost, mode_power
from hems.planning.kernel_origin import lawful_locks, mark_unlawful, plan_once

Row = Any

Settings = tuple[float, float, float, float, float, float, float, float]
"""(spread, change price, share of the saving above which a gap calls for the grid programme, gap that is rounding,
hours within which the reserve is filled, stored kWh below which it is filled at once, kWh a reading may be off,
stored kWh that an hour's charge adds, 0 where none can be ordered)."""

Room = tuple[
    Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row
]  # fmt: skip
"""(expected load, expected PV, scenarios' load, scenarios' PV, hours, wear, low, high, lock, value, length, owner,
first, count, slope, size, used, change, trial lock, marks)."""

NO_ROOM, NEEDS_OPTIMIZER, NO_FORECAST = -1, -2, -3
"""What `choose_now` answers where it cannot choose."""


def widen(rows: Row, slots: int, spread: float, is_descending: bool, mean: Row, wide: Row) -> bool:
    """Write the mean over ``rows[k][t]`` and the rows drawn apart from it by ``spread``; no power falls below zero.

    ``is_descending`` turns the order of the rows around. Returns whether all rows are the same.
    """
    count = len(rows)
    is_certain = True
    for t in range(slots):
        total = 0.0
        first = max(rows[0][t], 0.0)
        for k in range(count):
            power = max(rows[k][t], 0.0)
            total += power
            if power != first:
                is_certain = False
        mean[t] = total / count
    for k in range(count):
        row = rows[count - 1 - k] if is_descending else rows[k]
        into = wide[k]
        for t in range(slots):
            into[t] = max(mean[t] + (max(row[t], 0.0) - mean[t]) * spread, 0.0)
    return is_certain


def end_value(buy: Row, slots: int, limits: Limits, wear: float) -> float:
    """Return what a kWh left at the end of the horizon counts: the mean price, less what using it loses and wears."""
    total = 0.0
    for t in range(slots):
        total += buy[t]
    return max(total / slots * limits[2] * limits[3] - 2.0 * wear, 0.0)


def fill_tube(
    stored: float,
    reserve: float,
    ceiling: float,
    hours: Row,
    slots: int,
    settings: Settings,
    low: Row,
    high: Row,
) -> None:
    """Write the least and the most that may be stored at every slot's edge [kWh].

    A level outside its window opens the window to it. Below the reserve the tube rises to it: within
    ``settings[4]`` hours, at once where it is nearly empty, and never faster than it can be charged.
    """
    charge = settings[7]
    for t in range(slots + 1):
        high[t] = max(ceiling, stored)
        low[t] = min(reserve, stored)
    if stored >= reserve - settings[6] or charge <= 0.0:
        return
    deadline = settings[4]
    if stored < settings[5]:
        deadline = 0.0
    passed, reach = 0.0, stored
    for t in range(slots):
        passed, reach = passed + hours[t], reach + charge * hours[t]
        if passed > deadline - 1e-9:
            low[t + 1] = min(reserve, reach)
    for t in range(slots - 1, -1, -1):  # what has to be there later must be reachable from here
        low[t] = max(low[t], low[t + 1] - charge * hours[t])
    low[0] = min(low[0], stored)


def live_slot(
    mode: int,
    power: float,
    load: float,
    pv: float,
    stored: float,
    sunny: float,
    hours: float,
    limits: Limits,
    store: Store,
    is_sun_only: bool,
) -> tuple[float, float, float, float, float]:
    """Live a slot of constant load and PV [kW] in ``mode``; ``limits[5]`` is the export limit in force.

    Returns the battery's power [kW, + charges], the grid's [kW, + imports], what is curtailed [kW], and what is stored
    and what of it came from the sun at the end [kWh].
    """
    battery = mode_power(mode, power, load, pv, stored, hours, limits, store, sunny if is_sun_only else ANY_ORIGIN)
    uncut = load - pv + battery
    curtailed = min(max(-limits[5] - uncut, 0.0), pv)
    if battery > 0.0:
        stored += battery * limits[2] * hours
        sunny += min(battery, max(pv - load, 0.0)) * limits[2] * hours
    else:  # the house draws on the grid's share first, so only what is sold comes out of the sun's
        stored += battery * hours / limits[3]
        sunny -= max(-battery - max(load - pv, 0.0), 0.0) * hours / limits[3]
    stored = min(max(stored, 0.0), store[0])
    return battery, uncut + curtailed, curtailed, stored, min(max(sunny, 0.0), stored)


def within_fuse(mode: int, power: float, load: float, pv: float, limits: Limits) -> float:
    """Return the power of a forced mode as the fuse leaves it: a charge yields to what the house draws."""
    if mode == CHARGE:
        return min(power, max(limits[4] - (load - pv), 0.0))
    return power


def choose_now(
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    slots: int,
    stored: float,
    exportable: float,
    limits: Limits,
    store: Store,
    reserve: float,
    wear: float,
    cut: int,
    modes: Row,
    powers: Row,
    present: int,
    most_pieces: int,
    settings: Settings,
    room: Room,
) -> int:
    """Return which candidate the present slot is lived in, as `GridFlowOptimizer.solve` chooses it.

    ``load[k][t]``, ``pv[k][t]``: ascending levels [kW]; ``buy[t]``, ``sell[t]`` as known now; all at least ``slots``
    long. ``present``: the candidate in force. Negative where it cannot choose: NO_ROOM for the pieces, NEEDS_OPTIMIZER,
    NO_FORECAST.
    """
    expected_load, expected_pv, wide_load, wide_pv, hours, wears, low, high, lock, value, length, owner = room[:12]
    first, count, slope, size, used = room[12:17]
    if slots == 0 or not math.isfinite(load[0][0]) or not math.isfinite(pv[0][0]):
        return NO_FORECAST
    is_certain = widen(load, slots, settings[0], False, expected_load, wide_load)
    is_certain = widen(pv, slots, settings[0], True, expected_pv, wide_pv) and is_certain
    for t in range(slots):
        wears[t], lock[t] = wear, FREE
    worth = end_value(buy, slots, limits, wear)
    fill_tube(stored, reserve, store[2], hours, slots, settings, low, high)
    if exportable < ANY_ORIGIN or not is_convex(buy, sell, slots):
        refused = certify(buy, sell, slots, worth, stored, exportable, limits, cut, settings, room)
        if refused < 0:
            return refused
    elif is_certain and value_certain(buy, sell, slots, worth, stored, limits, cut, room) < 0:
        return NO_ROOM
    if not is_certain:
        value[0], length[0], owner[0], count[slots] = worth, high[slots] - low[slots], slots, 1
        pooled = scenario_values(
            wide_load, wide_pv, buy, sell, hours[:slots], wears, low, high, limits, cut, lock,
            value, length, owner, first, count, slope, size, used, most_pieces,
        )  # fmt: skip
        if pooled < 0:
            return NO_ROOM
    best, least = present, math.inf
    open_store = (store[0], min(store[1], stored), max(store[2], stored), store[3])
    for step in range(-1, len(modes)):  # the one in force first: among equals it stays
        i = present if step < 0 else step
        if step == present:
            continue
        cost = mode_cost(
            modes[i], powers[i], wide_load, wide_pv, 0, buy[0], sell[0], hours[0], wear, stored, limits, open_store,
            exportable, cut, value, length, first[1], count[1], low[1],
        )  # fmt: skip
        if i != present:
            cost += settings[1]
        if cost < least - 1e-9:
            best, least = i, cost
    return best


def is_convex(buy: Row, sell: Row, slots: int) -> bool:
    """Return whether no slot's cost can be hollow: nothing is bought below zero or sold dearer than bought."""
    hollow = 0
    for t in range(slots):
        if buy[t] < 0.0 or sell[t] > buy[t]:
            hollow += 1
    return hollow == 0


def value_certain(
    buy: Row, sell: Row, slots: int, worth: float, stored: float, limits: Limits, cut: int, room: Room
) -> int:
    """Write the value function of the expected load and PV; there is nothing to certify. As `exact_plan`."""
    load, pv, _, _, hours, wears, low, high, lock, value, length, owner = room[:12]
    first, count, slope, size, used, change = room[12:18]
    value[0], length[0], owner[0], count[slots] = worth, high[slots] - low[slots], slots, 1
    return exact_plan(
        load[:slots], pv[:slots], buy, sell, hours, wears, low, high, stored, limits, cut, lock,
        value, length, owner, first, count, slope, size, used, change,
    )  # fmt: skip


def certify(
    buy: Row,
    sell: Row,
    slots: int,
    worth: float,
    stored: float,
    exportable: float,
    limits: Limits,
    cut: int,
    settings: Settings,
    room: Room,
) -> int:
    """Plan the expected load and PV exactly, and say whether the value function holds as it is.

    Writes what each slot's battery may not do into the room's lock. Returns 0, or NEEDS_OPTIMIZER where the
    certificate is open, or NO_ROOM.
    """
    load, pv, _, _, hours, wears, low, high, lock = room[:9]
    load, pv, spans = load[:slots], pv[:slots], hours[:slots]
    pieces = room[9:]
    pooled, cost, gap = plan_once(
        load, pv, buy, sell, spans, wears, low, high, stored, worth, limits, cut, lock, pieces
    )  # fmt: skip
    if pooled >= 0 and exportable < ANY_ORIGIN:
        change, marks = pieces[8], pieces[10]
        if mark_unlawful(change, load, pv, spans, slots, limits, stored, exportable, marks) > 0:
            pooled = lawful_locks(
                load, pv, buy, sell, spans, wears, low, high, stored, exportable, worth, limits, cut, lock, pieces
            )  # fmt: skip
            if pooled >= 0:
                pooled, cost, gap = plan_once(
                    load, pv, buy, sell, spans, wears, low, high, stored, worth, limits, cut, lock, pieces
                )  # fmt: skip
    if pooled < 0:
        return NO_ROOM
    if gap > 0.0:
        idle = -worth * stored
        for t in range(slots):
            idle += grid_cost(0.0, load[t], pv[t], buy[t], sell[t], limits, cut) * hours[t]
        if gap > max(settings[2] * (idle - cost), settings[3]):
            return NEEDS_OPTIMIZER
    return 0


def roll(
    load_levels: Row,
    pv_levels: Row,
    buy_seen: Row,
    sell_seen: Row,
    seen_row: Row,
    seen_from: Row,
    slots_of: Row,
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    parts: int,
    begin: int,
    forced: int,
    is_sun_only: bool,
    limits: Limits,
    store: Store,
    reserve: float,
    wear: float,
    cut: int,
    modes: Row,
    powers: Row,
    most_pieces: int,
    settings: Settings,
    room: Room,
    state: Row,
    chosen: Row,
    battery: Row,
    grid: Row,
    curtailed: Row,
    level: Row,
) -> tuple[int, int]:
    """Decide and live the quarters from ``begin`` on; return where it stopped and why (0: at the end).

    S steps, each of ``parts`` stretches. Step s sees ``load_levels[s][k]``, ``pv_levels[s][k]`` and the prices from
    ``seen_from[s]`` of row ``seen_row[s]`` on, ``slots_of[s]`` of them; what came is ``load``, ``pv`` [kW], shape
    (S * parts,), and ``buy``, ``sell``, shape (S,). ``state``: (stored kWh, of it from the sun, candidate in force,
    steps without a plan), carried on. ``forced``: the candidate of step ``begin`` where it is chosen already, or -1.
    A stretch of which anything is unknown is not lived: its ``chosen`` is -1 and the battery rests.
    """
    part_hours = 0.25 / parts
    steps = len(slots_of)
    for s in range(begin, steps):
        stored, sunny, present = state[0], state[1], int(state[2])
        is_known = math.isfinite(buy[s]) and math.isfinite(sell[s])
        choice = -1
        if is_known:
            choice = forced if s == begin else -1
            if choice < 0:
                since = int(seen_from[s])
                until = since + int(slots_of[s])
                choice = choose_now(
                    load_levels[s], pv_levels[s], buy_seen[int(seen_row[s])][since:until],
                    sell_seen[int(seen_row[s])][since:until], int(slots_of[s]), stored,
                    sunny if is_sun_only else ANY_ORIGIN, limits, store, reserve, wear, cut, modes, powers, present,
                    most_pieces, settings, room,
                )  # fmt: skip
            if choice == NO_FORECAST:
                state[3] += 1.0
                choice = 0
            elif choice < 0:
                return s, choice
            state[2] = float(choice)
        for j in range(parts):
            row = s * parts + j
            if choice < 0 or not math.isfinite(load[row]) or not math.isfinite(pv[row]):
                chosen[row] = -1
                continue
            own_limits = limits
            if cut != CUT_NOTHING and sell[s] < 0.0 and modes[choice] != DISCHARGE:
                own_limits = (limits[0], limits[1], limits[2], limits[3], limits[4], 0.0)
            asked = within_fuse(modes[choice], powers[choice], load[row], pv[row], limits)
            power, net, left_over, stored, sunny = live_slot(
                modes[choice], asked, load[row], pv[row], stored, sunny, part_hours, own_limits, store,
                is_sun_only,
            )  # fmt: skip
            chosen[row], battery[row], grid[row], curtailed[row], level[row] = choice, power, net, left_over, stored
        state[0], state[1] = stored, sunny
    return steps, 0
