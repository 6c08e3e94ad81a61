"""A second look at homes whose certificate is open: where prices make a cost hollow, the grid programme plans again.

The kernel's plan rests on convex costs; where a slot pays for buying, or sells dearer than it buys, its plan may be
beaten. `planning.grid_programme` needs no convexity and takes thousands of times longer, so only these homes get it,
as in the service (`PlanningOptions.gap_share_max`).
"""

from __future__ import annotations

import numpy as np

from hems.fleet import batch_kernel as kernel
from hems.fleet.homes import FloatArray, HomeChunk, IntArray
from hems.planning.grid_programme import grid_plan
from hems.planning.problem import LEAST_GAP, PlanningOptions

GAP_SHARE_MAX = PlanningOptions().gap_share_max
"""Of the plan's saving; a certificate above calls for the grid programme."""

_SURELY_CHEAPER = 1e-9


def open_homes(figures: FloatArray) -> IntArray:
    """Return which homes' certificates are open; ``figures`` as the batch kernel writes them."""
    stored = figures[:, kernel.STORED_CHANGE] * figures[:, kernel.STORED_WORTH]
    saving = figures[:, kernel.IDLE_COST] - figures[:, kernel.COST] + stored
    return np.flatnonzero(figures[:, kernel.GAP] > np.maximum(GAP_SHARE_MAX * saving, LEAST_GAP))


def plan_on_grid(
    chunk: HomeChunk, home: int, battery_w: FloatArray, soc_pct: FloatArray, figures: FloatArray
) -> FloatArray | None:
    """Plan one home again and write the plan into its rows where it is cheaper than what stands there.

    ``battery_w``, ``soc_pct``, ``figures``: the home's rows of the kernel's answer. Returns by how much its grid power
    changed [kW], shape (T,); None where the plan stays.
    """
    numbers, slots = chunk.numbers[home], int(chunk.wholes[home, kernel.SLOTS])
    cut, place = int(chunk.wholes[home, kernel.CUT]), chunk.wholes[home, kernel.PRICES]
    load, pv = (np.maximum(row[home, :slots].astype(np.float64), 0.0) / 1000.0 for row in (chunk.load_w, chunk.pv_w))
    extra = np.zeros(slots) if chunk.extra is None else chunk.extra[:slots]
    buy, sell = chunk.buy[place, :slots] + extra, chunk.sell[place, :slots] + extra
    hours, low, high = np.full(slots, numbers[kernel.HOURS]), np.zeros(slots + 1), np.zeros(slots + 1)
    lock = int(chunk.wholes[home, kernel.LOCK])
    kernel.fill_home(numbers, lock, hours, slots, low, high)
    c, d, into, out, fuse, export = (float(number) for number in numbers[kernel.CHARGE : kernel.EXPORT + 1])
    worth, stored = float(figures[kernel.STORED_WORTH]), float(numbers[kernel.STORED])
    found = grid_plan(
        load, pv, buy, sell, hours, np.full(slots, numbers[kernel.WEAR]), low, high, stored,
        (c, d, into, out, fuse, export), cut, np.full(slots, lock), worth,
    )  # fmt: skip
    before = float(figures[kernel.COST] - worth * figures[kernel.STORED_CHANGE])
    gain = before - (found.cost + worth * stored)
    if gain <= _SURELY_CHEAPER:
        return None
    gap = max(float(figures[kernel.GAP]) - gain, 0.0)
    power = -battery_w[:slots].astype(np.float64) / 1000.0
    earlier = np.where(power > 0.0, power * into, power / out) * hours
    rows = (load.tolist(), pv.tolist(), buy.tolist(), sell.tolist())
    nothing = np.zeros(0)
    nets = np.zeros((2, 2, slots))
    scratch = np.zeros(slots), np.zeros(slots), nothing, np.zeros(kernel.FIGURES)
    kernel.live(slots, numbers, cut, *rows, earlier.tolist(), *scratch, nets[0])
    kernel.live(slots, numbers, cut, *rows, found.change.tolist(), battery_w, soc_pct, nothing, figures, nets[1])
    figures[kernel.GAP] = gap
    difference = np.zeros(chunk.width)
    difference[:slots] = nets[1, kernel.PLANNED] - nets[0, kernel.PLANNED]
    return difference
