"""The exact convex dynamic programme: one source, plain Python in the service, compiled where numba is installed.

V_t(x), the least cost from slot t on with x kWh stored, is an infimal convolution of convex piecewise-linear functions:
V_t(x) = min_d C_t(d) + V_{t+1}(x + d). So its marginal values (-V', money per stored kWh, descending in x) are the
sorted merge of the marginal values of V_{t+1} and of slot t's few cost pieces, trimmed to the tube of stored energy.
Every piece remembers the slot that owns it; what of a slot's pieces lies left of the present x is *used*, and the plan
reads off as d_t = dmax_t - used_t. About 28 pieces are alive, whatever the horizon.

A slot whose cost is not convex (sold dearer than bought; paid for import) takes its lower hull: the result is then a
lower bound, and the plan's own cost certifies the gap.

Load and PV are uncertain, and self-use reacts after they show themselves. So the honest value function is the mean over
the forecast's scenarios of each slot's convolution (wait and see), compacted to a few dozen pieces.

All functions take lists and arrays alike and call nothing but each other and `math`: `planning.compiled` compiles this
very source. Energies are kWh and powers kW, for then a marginal value is a price; + stores, - takes out.
Source: Rockafellar, Convex Analysis, section 5 (infimal convolution); Bertsekas, Dynamic Programming and Optimal
Control, vol. 1, ch. 1.
"""

from __future__ import annotations

import math
from typing import Any

Row = Any
"""Floats or whole numbers, a list or an array of shape (n,)."""

Limits = tuple[float, float, float, float, float, float]
"""(charge kW, discharge kW, charge efficiency, discharge efficiency, import kW, export kW)."""

ABOVE_FUSE = 50.0
"""What a kWh beyond the import limit counts [money/kWh]: far above every price, so that it is the last resort, and
finite, so that there is always a plan."""

BELOW_RESERVE = 5.0
"""What a stored kWh below the reserve counts [money/kWh]: above every everyday price, below a blown fuse."""

CUT_NOTHING, CUT_SURPLUS, CUT_ALL = 0, 1, 2
"""What PV may be curtailed to save money: nothing, what would be exported, or all of it."""

FREE, NO_BATTERY_EXPORT, NO_GRID_CHARGE = 0, 1, 2
"""What a slot's battery may not do; 3 is both."""

SELF_USE, HOLD, NO_CHARGE, CHARGE, DISCHARGE = 0, 1, 2, 3, 4
"""The modes a slot may be lived in; a power belongs to CHARGE and DISCHARGE."""

_SHORT = 1e-12
"""Pieces shorter than this [kWh] are none."""

_SAME = 1e-12
"""Slopes nearer to each other than this [money/kWh] are rounding."""


def grid_cost(power: float, load: float, pv: float, buy: float, sell: float, limits: Limits, cut: int) -> float:
    """Return the cost per hour of battery power ``power`` [kW, + charges] with PV curtailed as is best.

    Infinite where the battery alone would exceed the export limit. PV beyond the limit is always cut, by the inverter.
    """
    import_max, export_max = limits[4], limits[5]
    least = load - pv + power
    most = load + power
    if most < -export_max - 1e-9:
        return math.inf
    free = least
    if cut == CUT_ALL:
        free = most
    elif cut == CUT_SURPLUS and sell < 0.0:
        free = max(least, min(most, 0.0))
    least = max(least, -export_max)
    free = max(free, least)
    best = net_cost(least, buy, sell, import_max)
    if free > least:  # the cheapest net power is an end of what curtailment can reach, or a kink of its price
        best = min(best, net_cost(free, buy, sell, import_max))
        if least < 0.0 < free:
            best = min(best, 0.0)
        if least < import_max < free:
            best = min(best, net_cost(import_max, buy, sell, import_max))
    return best


def net_cost(net: float, buy: float, sell: float, import_max: float) -> float:
    """Return the cost per hour of net import ``net`` [kW, - exports]; what is above the fuse counts ABOVE_FUSE."""
    if net > import_max:
        return buy * import_max + ABOVE_FUSE * (net - import_max)
    return buy * net if net > 0.0 else sell * net


def power_range(load: float, pv: float, limits: Limits, lock: int) -> tuple[float, float]:
    """Return the least and the most battery power [kW] of a slot; zero always lies between."""
    low = -min(limits[1], limits[5] + load)
    high = limits[0]
    if lock & NO_BATTERY_EXPORT:
        low = max(low, -max(load - pv, 0.0))
    if lock & NO_GRID_CHARGE:
        high = min(high, max(pv - load, 0.0))
    return min(low, 0.0), max(high, 0.0)


def slot_pieces(
    load: float,
    pv: float,
    buy: float,
    sell: float,
    hours: float,
    wear: float,
    limits: Limits,
    cut: int,
    lock: int,
    slope: Row,
    size: Row,
) -> tuple[int, int, float]:
    """Write the slot's cost as pieces ascending in stored energy: slopes [money/kWh] and sizes [kWh].

    Returns how many there are, whether concave kinks were pooled (0 or 1), and the most that can be stored [kWh]. The
    first piece starts at the deepest discharge.
    """
    low, high = power_range(load, pv, limits, lock)
    most_stored = high * limits[2] * hours
    net = load - pv
    import_max, export_max = limits[4], limits[5]
    if cut == CUT_ALL and buy < 0.0 < sell:
        count, pooled = _pieces_of_any_price(load, pv, buy, sell, hours, wear, limits, low, high, slope, size)
        return count, pooled, most_stored
    if cut == CUT_ALL and buy < 0.0:  # paid to import: PV makes room, up to the fuse
        t0, t1, t2 = -load, import_max - load, import_max - net
        g0, g1, g2 = sell, buy, 0.0
    elif cut != CUT_NOTHING and sell < 0.0:  # never export PV: curtail the surplus
        t0, t1, t2 = -load, -net, import_max - net
        g0, g1, g2 = sell, 0.0, buy
    else:  # above the export limit PV is cut for nothing
        t0, t1, t2 = -export_max - net, -net, import_max - net
        g0, g1, g2 = 0.0, sell, buy
    count = pooled = 0
    here = low
    for i in range(4):
        if i == 0:
            end, price = t0, g0
        elif i == 1:
            end, price = t1, g1
        elif i == 2:
            end, price = t2, g2
        else:
            end, price = high, ABOVE_FUSE
        end = min(end, high)
        if end <= here:
            continue
        if here < 0.0:
            until = min(end, 0.0)
            count, joined = _append((price - wear) * limits[3], (until - here) * hours / limits[3], slope, size, count)
            pooled |= joined
        if end > 0.0:
            since = max(here, 0.0)
            count, joined = _append((price + wear) / limits[2], (end - since) * hours * limits[2], slope, size, count)
            pooled |= joined
        here = end
    return count, pooled, most_stored


def _append(value: float, length: float, slope: Row, size: Row, count: int) -> tuple[int, int]:
    """Put a piece at the end, pooled with those before it that are steeper: the lower hull."""
    if length <= _SHORT:
        return count, 0
    pooled = 0
    while count > 0 and slope[count - 1] > value + _SAME:
        count -= 1
        value = (value * length + slope[count] * size[count]) / (length + size[count])
        length += size[count]
        pooled = 1
    slope[count] = value
    size[count] = length
    return count + 1, pooled


def _pieces_of_any_price(
    load: float,
    pv: float,
    buy: float,
    sell: float,
    hours: float,
    wear: float,
    limits: Limits,
    low: float,
    high: float,
    slope: Row,
    size: Row,
) -> tuple[int, int]:
    """Write the hull of a cost that no three kinks describe: between its kinks it is linear or concave."""
    net = load - pv
    count = pooled = 0
    here = low
    before = grid_cost(low, load, pv, buy, sell, limits, CUT_ALL) - wear * low
    while here < high:
        end = high
        for i in range(7):  # the next kink
            kink = 0.0
            if i == 1:
                kink = -net
            elif i == 2:
                kink = -load
            elif i == 3:
                kink = limits[4] - net
            elif i == 4:
                kink = limits[4] - load
            elif i == 5:
                kink = -limits[5] - net
            elif i == 6:
                kink = -limits[5] - load
            if here + 1e-9 < kink < end:
                end = kink
        cost = grid_cost(end, load, pv, buy, sell, limits, CUT_ALL) + wear * abs(end)
        length = (end - here) * hours * (limits[2] if end > 0.0 else 1.0 / limits[3])
        if length > _SHORT:
            count, joined = _append((cost - before) * hours / length, length, slope, size, count)
            pooled |= joined
        here, before = end, cost
    return count, pooled


def merge(
    value: Row,
    length: Row,
    owner: Row,
    first: int,
    count: int,
    into: int,
    slope: Row,
    size: Row,
    pieces: int,
    slot: int,
    skip: float,
    keep: float,
    used: Row,
) -> int:
    """Write the convolution of V_{t+1} (``count`` pieces from ``first``) and slot t's pieces from ``into`` on.

    Trimmed by ``skip`` kWh on the left, ``keep`` kWh long; what is trimmed there is used by its owner. Returns how
    many pieces were written.
    """
    i = first
    end = first + count
    j = pieces - 1
    write = into
    while skip > 0.0:  # a tube without width still trims
        if j >= 0 and (i >= end or slope[j] > value[i]):
            marginal, width, whose = slope[j], size[j], slot
            j -= 1
        elif i < end:
            marginal, width, whose = value[i], length[i], owner[i]
            i += 1
        else:
            return 0
        if width <= skip:
            skip -= width
            used[whose] += width
            continue
        used[whose] += skip
        width = min(width - skip, keep)
        skip = 0.0
        if keep > _SHORT:
            keep -= width
            value[write], length[write], owner[write] = marginal, width, whose
            write += 1
    while keep > _SHORT:
        following = slope[j] if j >= 0 else -math.inf
        while i < end and value[i] >= following:  # a run of V's own pieces goes over as it is
            width = length[i]
            value[write], length[write], owner[write] = value[i], width, owner[i]
            if width >= keep:
                break
            keep -= width
            write += 1
            i += 1
        if keep <= _SHORT:
            break
        if i < end and value[i] >= following:
            length[write] = keep
            return write + 1 - into
        if j < 0:
            break
        width = min(size[j], keep)
        keep -= width
        value[write], length[write], owner[write] = following, width, slot
        write += 1
        j -= 1
    return write - into


def exact_plan(
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    hours: Row,
    wear: Row,
    low: Row,
    high: Row,
    stored: float,
    limits: Limits,
    cut: int,
    lock: Row,
    value: Row,
    length: Row,
    owner: Row,
    first: Row,
    count: Row,
    slope: Row,
    size: Row,
    used: Row,
    change: Row,
) -> int:
    """Plan T slots exactly: ``change[t]`` becomes the stored energy of slot t [kWh, - taken out].

    ``low``, ``high``: the tube of stored energy, shape (T+1,), with low[t+1] <= low[t] + the most slot t can store.
    ``value``, ``length``, ``owner``: room for the pieces of every V_t. The caller puts V_T, the worth of what is left
    at the end, at 0 .. count[T]; its pieces are owned by slot T. V_t lies at first[t], count[t] pieces, from low[t] on.
    ``used`` has shape (T+1,). Returns 1 where a cost was not convex and its hull was taken, 0 where the plan is exact,
    -1 where there was no room for the pieces: then nothing holds.
    """
    slots = len(load)
    for t in range(slots + 1):
        used[t] = 0.0
    pooled = 0
    room = len(value)
    here, alive = 0, count[slots]
    first[slots] = 0
    for t in range(slots - 1, -1, -1):
        pieces, joined, most = slot_pieces(
            load[t], pv[t], buy[t], sell[t], hours[t], wear[t], limits, cut, lock[t], slope, size
        )
        pooled |= joined
        change[t] = most
        into = here + alive
        if into + alive + pieces > room:
            return -1
        skip = low[t] - (low[t + 1] - most)
        alive = merge(value, length, owner, here, alive, into, slope, size, pieces, t, skip, high[t] - low[t], used)
        here = into
        first[t], count[t] = here, alive
    left = stored - low[0]
    for i in range(here, here + alive):
        if left <= length[i]:
            used[owner[i]] += max(left, 0.0)
            break
        used[owner[i]] += length[i]
        left -= length[i]
    for t in range(slots):
        change[t] -= used[t]
    return pooled


def scenario_values(
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    hours: Row,
    wear: Row,
    low: Row,
    high: Row,
    limits: Limits,
    cut: int,
    lock: Row,
    value: Row,
    length: Row,
    owner: Row,
    first: Row,
    count: Row,
    slope: Row,
    size: Row,
    used: Row,
    most_pieces: int,
) -> int:
    """Write V_t as the mean over scenarios of each slot's convolution; ``load[k]`` and ``pv[k]`` are scenario k's rows.

    The rest is as in `exact_plan`; there is no plan, since it depends on what shows itself. V_t is compacted to at
    most ``most_pieces``. Returns as `exact_plan`.
    """
    scenarios = len(load)
    slots = len(hours)
    pooled = 0
    room = len(value)
    here, alive = 0, count[slots]
    first[slots] = 0
    for i in range(alive):
        owner[i] = 0  # nobody asks who owns a piece, and ``used`` need not be longer than one
    for t in range(slots - 1, -1, -1):
        into = here + alive
        start = into + most_pieces  # V_t comes here; behind it, for a while, each scenario's own
        if start + 2 * scenarios * (alive + 10) > room:
            return -1
        begin = start
        is_empty = False
        for k in range(scenarios):
            pieces, joined, most = slot_pieces(
                load[k][t], pv[k][t], buy[t], sell[t], hours[t], wear[t], limits, cut, lock[t], slope, size
            )
            pooled |= joined
            skip = low[t] - (low[t + 1] - most)
            written = merge(
                value, length, owner, here, alive, begin, slope, size, pieces, 0, skip, high[t] - low[t], used
            )
            owner[begin] = begin + written  # where the next scenario's begin
            begin += written
            is_empty = is_empty or written == 0
        used[0] = 0.0
        alive = 0
        if not is_empty:  # a tube without width has no pieces
            alive = _mean_of(value, length, owner, start, scenarios, into, begin, most_pieces)
        here = into
        first[t], count[t] = here, alive
    return pooled


def _mean_of(
    value: Row, length: Row, owner: Row, start: int, scenarios: int, into: int, scratch: int, most_pieces: int
) -> int:
    """Write the mean of the scenarios' descending steps from ``into`` on; return how many pieces it has."""
    # Each scenario's place is kept in `owner` behind the pieces, where its piece ends in `length`.
    total = 0.0
    at = start
    nearest = math.inf
    for k in range(scenarios):
        owner[scratch + k] = at
        owner[scratch + scenarios + k] = owner[at]
        end = length[at]
        length[scratch + k] = end
        nearest = min(nearest, end)
        total += value[at]
        at = owner[at]
    write = scratch + 2 * scenarios
    begin = write
    tolerance = 1e-9
    here = 0.0
    go_on = True
    while go_on:
        step = nearest - here
        mean = total / scenarios
        if write > begin and value[write - 1] - mean <= tolerance:
            grown = length[write - 1] + step
            value[write - 1] = (value[write - 1] * length[write - 1] + mean * step) / grown
            length[write - 1] = grown
        elif step > _SHORT:
            value[write], length[write] = mean, step
            write += 1
        here = nearest
        nearest = math.inf
        for k in range(scenarios):
            end = length[scratch + k]
            if end - here <= _SHORT:
                place = owner[scratch + k]
                total -= value[place]
                place += 1
                if place >= owner[scratch + scenarios + k]:
                    go_on = False
                    break
                owner[scratch + k] = place
                total += value[place]
                end += length[place]
                length[scratch + k] = end
            nearest = min(nearest, end)
    return _compact(value, length, owner, begin, write - begin, into, most_pieces)


def _compact(value: Row, length: Row, owner: Row, begin: int, pieces: int, into: int, most_pieces: int) -> int:
    """Write at most ``most_pieces`` pieces of the same total worth from ``into`` on.

    Neighbours are joined where that changes the worth of what is stored nowhere by more than a tolerance [money], the
    first that suffices. (A tolerance of slopes instead was found six times less true where a fuse bounds the import.)
    """
    if pieces == 0:
        return 0
    tolerance = 0.0001
    while True:
        write = into
        joined, size = value[begin], length[begin]
        for i in range(begin + 1, begin + pieces):
            marginal, width = value[i], length[i]
            grown = size + width
            if (joined - marginal) * size * width <= tolerance * grown:
                joined = (joined * size + marginal * width) / grown
                size = grown
            elif write - into < most_pieces:
                value[write], length[write], owner[write] = joined, size, 0
                write += 1
                joined, size = marginal, width
            else:
                write += 1
                break
        if write - into < most_pieces:
            value[write], length[write], owner[write] = joined, size, 0
        write += 1
        if write - into <= most_pieces or not tolerance < 1e12:
            return min(write - into, most_pieces)
        tolerance *= 2.0


def plan_cost(
    load: Row,
    pv: Row,
    buy: Row,
    sell: Row,
    hours: Row,
    wear: Row,
    limits: Limits,
    cut: int,
    lock: Row,
    change: Row,
    slope: Row,
    size: Row,
) -> tuple[float, float]:
    """Return what a plan costs without the worth of what it leaves stored, and how much less its hulls say [money].

    The second is 0 where every slot's cost is convex. Since the hulls' plan is the best of the hulls, no plan can be
    cheaper than this one by more: it is the certificate.
    """
    cost = gap = 0.0
    for t in range(len(hours)):
        change_kwh = change[t]
        power = change_kwh / (limits[2] * hours[t]) if change_kwh > 0.0 else change_kwh * limits[3] / hours[t]
        true = (grid_cost(power, load[t], pv[t], buy[t], sell[t], limits, cut) + wear[t] * abs(power)) * hours[t]
        cost += true
        pieces, joined, _ = slot_pieces(
            load[t], pv[t], buy[t], sell[t], hours[t], wear[t], limits, cut, lock[t], slope, size
        )
        if joined:
            low, _ = power_range(load[t], pv[t], limits, lock[t])
            hull = (grid_cost(low, load[t], pv[t], buy[t], sell[t], limits, cut) - wear[t] * low) * hours[t]
            left = change_kwh - low * hours[t] / limits[3]
            for i in range(pieces):
                part = min(left, size[i])
                hull += part * slope[i]
                left -= part
            gap += max(true - hull, 0.0)
    return cost, gap
