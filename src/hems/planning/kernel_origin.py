"""One rule that a single state of charge cannot hold: energy from the grid is not sold again. Kernel code, as its kin.

It is kept by planning again with slots barred where the free plan breaks it: lawful, not proven the best of the lawful.
"""

from __future__ import annotations

import math
from typing import Any

from hems.planning.kernel import FREE, NO_BATTERY_EXPORT, NO_GRID_CHARGE, Limits, exact_plan, plan_cost

Row = Any

Pieces = tuple[Row, Row, Row, Row, Row, Row, Row, Row, Row, Row, Row]
"""(value, length, owner, first, count, slope, size, used, change, trial lock, marks): where plans and their value
functions are written, and two rows of whole numbers."""

ROUNDS = 4
"""How often slots are barred one after the other before the simple ways are compared: more was never found better."""

LEAST_EXPORT_KWH = 0.02
"""Less than this beyond the origin is rounding of the plan, not a sale."""


def mark_unlawful(
    change: Row,
    load: Row,
    pv: Row,
    hours: Row,
    slots: int,
    limits: Limits,
    stored: float,
    exportable: float,
    is_broken: Row,
) -> int:
    """Mark the slots in which a plan sells what the sun did not give; return how many there are.

    The house draws on what came from the grid first, only what came from the sun is sold.
    """
    sunny = min(exportable, stored)
    broken = 0
    for t in range(slots):
        net = load[t] - pv[t]
        is_broken[t] = 0
        if change[t] >= 0.0:
            sunny += min(change[t], max(-net, 0.0) * hours[t] * limits[2])
        else:
            into_house = min(-change[t], max(net, 0.0) * hours[t] / limits[3])
            sold = -change[t] - into_house
            if sold > sunny + LEAST_EXPORT_KWH:
                is_broken[t] = 1
                broken += 1
            sunny = max(sunny - sold, 0.0)
        stored += change[t]
        sunny = min(sunny, max(stored, 0.0))
    return broken


def plan_once(
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    hours: Row,
    wear: Row,
    low: Row,
    high: Row,
    stored: float,
    worth: float,
    limits: Limits,
    cut: int,
    lock: Row,
    pieces: Pieces,
) -> tuple[int, float, float]:
    """Plan exactly: the change of each slot goes into the room. Returns (status of `exact_plan`, cost, gap).

    What is left stored at the end counts ``worth`` a kWh.
    """
    value, length, owner, first, count, slope, size, used, change = pieces[:9]
    slots = len(load)
    value[0], length[0], owner[0], count[slots] = worth, high[slots] - low[slots], slots, 1
    pooled = exact_plan(
        load, pv, buy, sell, hours, wear, low, high, stored, limits, cut, lock,
        value, length, owner, first, count, slope, size, used, change,
    )  # fmt: skip
    if pooled < 0:
        return pooled, 0.0, 0.0
    cost, gap = plan_cost(load, pv, buy, sell, hours, wear, limits, cut, lock, change, slope, size)
    cost -= worth * stored
    for t in range(slots):
        cost -= worth * change[t]
    return pooled, cost, gap


def lawful_locks(
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    hours: Row,
    wear: Row,
    low: Row,
    high: Row,
    stored: float,
    exportable: float,
    worth: float,
    limits: Limits,
    cut: int,
    lock: Row,
    pieces: Pieces,
) -> int:
    """Write what each slot's battery may not do, so that no energy from the grid leaves the house again.

    The room's change holds the free plan. Slots that would sell more than the sun gave are barred, and the plan made
    again, ROUNDS times at most; beside that stand the two simple ways, never selling and never buying to store. The
    cheapest lawful way is taken. Returns 0, or -1 where there is no room.
    """
    slots = len(load)
    change, trial, marks = pieces[8], pieces[9], pieces[10]
    bar(trial, slots, FREE)
    broken = mark_unlawful(change, load, pv, hours, slots, limits, stored, exportable, marks)
    for _ in range(ROUNDS):
        if broken == 0:
            break
        for t in range(slots):
            if marks[t] != 0:
                trial[t] = NO_BATTERY_EXPORT
        status, broken, _ = plan_barred(
            load, pv, buy, sell, hours, wear, low, high, stored, exportable, worth, limits, cut, trial, pieces
        )  # fmt: skip
        if status < 0:
            return -1
    if broken > 0:
        bar(trial, slots, NO_BATTERY_EXPORT)
    ways = 3 if low[slots] <= low[0] else 2  # a reserve that has to be filled again may need the grid
    least = math.inf
    for way in range(ways):
        if way > 0:
            bar(trial, slots, NO_BATTERY_EXPORT if way == 1 else NO_GRID_CHARGE)
        status, broken, cost = plan_barred(
            load, pv, buy, sell, hours, wear, low, high, stored, exportable, worth, limits, cut, trial, pieces
        )  # fmt: skip
        if status < 0:
            return -1
        if way == 0 or (broken == 0 and cost < least):
            least = cost if broken == 0 else math.inf
            for t in range(slots):
                lock[t] = trial[t]
    return 0


def plan_barred(
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    hours: Row,
    wear: Row,
    low: Row,
    high: Row,
    stored: float,
    exportable: float,
    worth: float,
    limits: Limits,
    cut: int,
    lock: Row,
    pieces: Pieces,
) -> tuple[int, int, float]:
    """Plan with ``lock``; return the status of the plan, how many slots break the rule even so, and what it costs."""
    status, cost, _ = plan_once(
        load, pv, buy, sell, hours, wear, low, high, stored, worth, limits, cut, lock, pieces
    )  # fmt: skip
    if status < 0:
        return status, 0, 0.0
    slots = len(load)
    return status, mark_unlawful(pieces[8], load, pv, hours, slots, limits, stored, exportable, pieces[10]), cost


def bar(lock: Row, slots: int, what: int) -> None:
    """Write ``what`` the battery may not do into every slot."""
    for t in range(slots):
        lock[t] = what
