"""Makes a grid's plan exact around itself: every slot keeps its choice, and within it the plan is the very best.

Around a plan each slot's cost is convex over some stretch: buying or selling, charging or discharging, PV cut or not.
With every slot kept in its stretch the problem is convex, and the kernel's slope merging solves it without rounding.
Source: Rockafellar, Convex Analysis, section 5 (infimal convolution).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hems.planning.kernel import merge

Floats = NDArray[np.float64]

Cost = Callable[[Floats], Floats]
"""What changes of what is stored [kWh] cost in every slot [money]; shapes (T, n)."""

Stretch = tuple[float, list[float], list[float]]
"""The most a slot may store [kWh], and its cost's ascending slopes [money/kWh] and their sizes [kWh] up to there."""

_ON_KINK = 1e-9
_STRAIGHT = 1e-10
_NEAR = 1e-3
"""Share of a cell from its ends within which it is straight: two lines meet somewhere between."""


def polish(
    change: Floats, kinks: Floats, cost: Cost, low: Floats, high: Floats, stored: float, end_value: float
) -> Floats:
    """Return the cheapest changes [kWh] of which each stays in the stretch of its slot's cost that ``change`` is in.

    ``kinks``: the changes between which a slot's cost is linear or concave, its ends among them, shape (T, n). ``low``,
    ``high``: the tube, which ``change`` keeps from ``stored`` on; all else as in `grid_programme.grid_plan`.
    """
    bends, costs = _straight_cells(kinks, cost)
    stretches = [
        _stretch(float(at), places, paid)
        for at, places, paid in zip(change, bends.tolist(), costs.tolist(), strict=True)
    ]
    return _merged(stretches, low, high, stored, end_value)


def _straight_cells(kinks: Floats, cost: Cost) -> tuple[Floats, Floats]:
    """Return the places between which every slot's cost is linear, ascending, and what they cost; shape (T, n)."""
    places = np.sort(kinks, axis=1)
    paid = cost(places)
    begin, end = places[:, :-1], places[:, 1:]
    width = np.maximum(end - begin, _ON_KINK)
    rise = (cost(begin + _NEAR * width) - paid[:, :-1]) / (_NEAR * width)
    fall = (paid[:, 1:] - cost(end - _NEAR * width)) / (_NEAR * width)
    apart = np.where(np.abs(rise - fall) > _ON_KINK, rise - fall, np.inf)
    meeting = begin + np.clip((paid[:, 1:] - paid[:, :-1] - fall * width) / apart, 0.0, width)
    places = np.sort(np.hstack([places, np.minimum(meeting, end)]), axis=1)
    return places, cost(places)


def _stretch(change: float, places: list[float], paid: list[float]) -> Stretch:
    """Return the convex stretch around ``change``: linear cells left and right of it, as long as slopes ascend."""
    places, paid = _distinct(places, paid)
    right = bisect_right(places, change + _ON_KINK)
    left = bisect_left(places, change - _ON_KINK) - 1
    slopes = [(paid[i + 1] - paid[i]) / (places[i + 1] - places[i]) for i in range(len(places) - 1)]
    cells: list[int] = []
    if left >= 0 and left + 1 < right < len(places) and slopes[left] > slopes[right - 1] + _STRAIGHT:
        left = -1  # on a ridge: one side of it
    if left >= 0:
        cells.append(left)
    if right < len(places) and right - 1 != left:
        cells.append(right - 1)
    if not cells:
        return change, [], []
    while cells[0] > 0 and slopes[cells[0] - 1] <= slopes[cells[0]] + _STRAIGHT:
        cells.insert(0, cells[0] - 1)
    while cells[-1] + 1 < len(slopes) and slopes[cells[-1] + 1] >= slopes[cells[-1]] - _STRAIGHT:
        cells.append(cells[-1] + 1)
    return places[cells[-1] + 1], [slopes[i] for i in cells], [places[i + 1] - places[i] for i in cells]


def _distinct(places: list[float], paid: list[float]) -> tuple[list[float], list[float]]:
    kept = [i for i, place in enumerate(places) if i == 0 or place - places[i - 1] > _ON_KINK]
    if kept[-1] != len(places) - 1:  # the end itself stays
        kept[-1] = len(places) - 1
    return [places[i] for i in kept], [paid[i] for i in kept]


def _merged(stretches: list[Stretch], low: Floats, high: Floats, stored: float, end_value: float) -> Floats:
    """Return the exact plan over the stretches, as `kernel.exact_plan` makes it."""
    slots = len(stretches)
    room = sum(len(slopes) for _, slopes, _ in stretches) + 1
    value, length, owner = [0.0] * (2 * room), [0.0] * (2 * room), [0] * (2 * room)
    used = [0.0] * (slots + 1)
    bottom, top = float(low[slots]), float(high[slots])
    here, alive = 0, 1
    value[0], length[0], owner[0] = end_value, top - bottom, slots
    for t in range(slots - 1, -1, -1):
        most, slopes, sizes = stretches[t]
        reach, begin = top - (most - sum(sizes)), bottom - most
        bottom = max(float(low[t]), begin)
        top = max(min(float(high[t]), reach), bottom)
        into = room - here  # the two halves of the room take turns
        alive = merge(
            value, length, owner, here, alive, into, slopes, sizes, len(slopes), t, bottom - begin, top - bottom, used
        )
        here = into
    left = stored - bottom
    for i in range(here, here + alive):
        if left <= 0.0:
            break
        used[owner[i]] += min(left, length[i])
        left -= length[i]
    return np.array([most - used[t] for t, (most, _, _) in enumerate(stretches)])
