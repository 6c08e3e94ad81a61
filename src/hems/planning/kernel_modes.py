"""Inverter modes lived through slots with the value function of what is stored: same rules as `planning.kernel`.

A plan's power is never executed: a mode is. In it the battery follows the real net load inside the slot, so a mode is
worth what it costs now and what it leaves stored, V_{t+1}, averaged over the scenarios of load and PV.
"""

from __future__ import annotations

import math
from typing import Any

from hems.planning.kernel import (
    BELOW_RESERVE,
    CHARGE,
    CUT_NOTHING,
    DISCHARGE,
    HOLD,
    NO_CHARGE,
    Limits,
    grid_cost,
)

Row = Any

ANY_ORIGIN = 1e9
"""As ``exportable``: energy from the grid may be exported again."""

LEAST_ROOM = 0.01
"""Share of the capacity below which there is nothing to charge or discharge: inverters count in whole percents."""

LEAST_SALE = 0.04
"""Share of the capacity that a sale out of the battery has to hold: less is over before it was worth its writes."""

Store = tuple[float, float, float, float]
"""(capacity kWh, floor kWh, ceiling kWh, share of the capacity from which charging tapers)."""


def mode_power(
    mode: int,
    power: float,
    load: float,
    pv: float,
    stored: float,
    hours: float,
    limits: Limits,
    store: Store,
    exportable: float,
) -> float:
    """Return the battery power [kW, + charges] that ``mode`` has in a slot of constant ``load`` and ``pv``.

    ``exportable``: stored energy [kWh] that a forced discharge may carry beyond the house's own need, or ANY_ORIGIN.
    """
    net = load - pv
    battery = -net
    if mode == HOLD:
        battery = max(-net, 0.0)
    elif mode == NO_CHARGE:
        battery = min(-net, 0.0)
    elif mode == CHARGE:
        battery = power
    elif mode == DISCHARGE:
        battery = -min(power, max(net, 0.0) + exportable * limits[3] / hours)
    if battery > 0.0:
        return min(battery, limits[0], charge_room(stored, hours, limits, store) / (limits[2] * hours))
    least = -min(limits[1], limits[5] + load, max(stored - store[1], 0.0) * limits[3] / hours)
    return max(battery, least)


def charge_room(stored: float, hours: float, limits: Limits, store: Store) -> float:
    """Return the most that can be stored more within ``hours`` [kWh]: full power, then a taper towards the capacity.

    Above the share ``store[3]`` the power falls in proportion to what is missing, as the constant-voltage phase of
    lithium cells does, so what is missing decays exponentially.
    """
    capacity, _, ceiling, taper_from = store
    room = ceiling - stored
    if room <= 0.0:
        return 0.0
    full = limits[0] * limits[2] * hours
    knee = capacity * taper_from
    missing_at_knee = capacity - knee
    if missing_at_knee <= 1e-9 or stored + full <= knee:
        return min(full, room)
    to_knee = max(knee - stored, 0.0)
    missing = min(missing_at_knee, capacity - stored)
    left = full - to_knee
    return min(room, to_knee + missing * (1.0 - math.exp(-left / missing_at_knee)))


def worth(value: Row, length: Row, first: int, count: int, above: float) -> float:
    """Return the worth of what is stored ``above`` the bottom of the tube [money]: the integral of the pieces.

    Below the bottom, what is missing counts BELOW_RESERVE and the dearest piece.
    """
    if above < 0.0:
        return above * (BELOW_RESERVE + (value[first] if count > 0 else 0.0))
    total: float = 0.0
    for i in range(first, first + count):
        if above <= length[i]:
            total += above * value[i]
            break
        total += length[i] * value[i]
        above -= length[i]
    return total


def marginal(value: Row, length: Row, first: int, count: int, above: float) -> float:
    """Return the worth of one more stored kWh at ``above`` the bottom of the tube [money/kWh]."""
    last: float = 0.0
    for i in range(first, first + count):
        last = value[i]
        if above < length[i]:
            break
        above -= length[i]
    return last


def mode_cost(
    mode: int,
    power: float,
    load: Row,
    pv: Row,
    t: int,
    buy: float,
    sell: float,
    hours: float,
    wear: float,
    stored: float,
    limits: Limits,
    store: Store,
    exportable: float,
    cut: int,
    value: Row,
    length: Row,
    first: int,
    count: int,
    bottom: float,
) -> float:
    """Return what ``mode`` costs in slot ``t`` less the worth of what it leaves stored, mean over scenarios [money].

    ``load[k][t]``, ``pv[k][t]`` in kW; ``value`` ... ``count``: V_{t+1}, which begins at ``bottom`` kWh. ``cut`` is
    what the inverter can curtail by an export limit of zero: `kernel.CUT_SURPLUS` or `kernel.CUT_NOTHING`. Infinite
    for a charge into a full battery and a sale of next to nothing: those are none. So is a discharge of nothing that
    may be exported: the inverter would go on and sell what came from the grid.
    """
    if mode == CHARGE and store[2] - stored < LEAST_ROOM * store[0]:
        return math.inf
    if mode == DISCHARGE and min(stored - max(store[1], bottom), exportable) < LEAST_SALE * store[0]:
        return math.inf
    if mode == DISCHARGE:  # what is sold on purpose is not held back
        cut = CUT_NOTHING
    total = 0.0
    scenarios = len(load)
    for k in range(scenarios):
        battery = mode_power(mode, power, load[k][t], pv[k][t], stored, hours, limits, store, exportable)
        cost = (grid_cost(battery, load[k][t], pv[k][t], buy, sell, limits, cut) + wear * abs(battery)) * hours
        change = battery * limits[2] * hours if battery > 0.0 else battery * hours / limits[3]
        total += cost - worth(value, length, first, count, stored + change - bottom)
    return total / scenarios


def plan_modes(
    modes: Row,
    powers: Row,
    load: Row,
    pv: Row,
    expected_load: Row,
    expected_pv: Row,
    buy: Row,
    sell: Row,
    hours: Row,
    wear: Row,
    stored: float,
    limits: Limits,
    store: Store,
    exportable: float,
    cut: int,
    value: Row,
    length: Row,
    first: Row,
    count: Row,
    bottom: Row,
    present: int,
    change_price: float,
    day_of: Row,
    day_left: Row,
    begin: int,
    mode_at: Row,
    battery: Row,
    level: Row,
) -> None:
    """Choose a mode for every slot from ``begin`` on and live through them with the expected load and PV.

    ``modes[i]``, ``powers[i]``: the candidates; ``present``: the one in force, or -1. A change costs ``change_price``,
    so ties go to the present one. Writes the candidate's index ``mode_at[t]``, the battery's power ``battery[t]``
    [kW, + charges] and the stored energy ``level[t]`` at the start of each slot and at the end [kWh], shape (T+1,).
    ``stored`` and ``exportable`` are those at the start of slot ``begin``. ``day_left[day_of[t]]`` is what the battery
    may still give on that day [kWh]; where nothing is left only modes that take nothing out are chosen.
    """
    slots = len(hours)
    level[begin] = stored
    for t in range(begin, slots):
        chosen, least = 0, math.inf
        spent = day_left[day_of[t]] <= 0.0
        for i in range(len(modes)):
            if spent and modes[i] != HOLD and modes[i] != CHARGE:
                continue
            cost = mode_cost(
                modes[i], powers[i], load, pv, t, buy[t], sell[t], hours[t], wear[t], stored, limits, store, exportable,
                cut, value, length, first[t + 1], count[t + 1], bottom[t + 1],
            )  # fmt: skip
            if i != present:
                cost += change_price
            if cost < least - 1e-9:
                chosen, least = i, cost
        net_power = mode_power(
            modes[chosen], powers[chosen], expected_load[t], expected_pv[t], stored, hours[t], limits, store, exportable
        )
        change = net_power * limits[2] * hours[t] if net_power > 0.0 else net_power * hours[t] / limits[3]
        surplus = max(expected_pv[t] - expected_load[t], 0.0)
        stored = min(max(stored + change, 0.0), store[0])
        day_left[day_of[t]] -= max(-net_power, 0.0) * hours[t]
        if exportable < ANY_ORIGIN:
            if net_power > 0.0:
                exportable += min(net_power, surplus) * limits[2] * hours[t]
            else:
                need = max(expected_load[t] - expected_pv[t], 0.0)
                exportable -= max(-net_power - need, 0.0) * hours[t] / limits[3]
            exportable = min(max(exportable, 0.0), stored)
        mode_at[t], battery[t], level[t + 1] = chosen, net_power, stored
        present = chosen
