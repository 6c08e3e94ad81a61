"""Plans on a grid of stored energy, where a slot's cost is not convex and the kernel's gap too wide.

Backward: V_t on equidistant levels between the bottom and the top of the tube, linear between them, from the very cost
of a slot (`kernel.grid_cost`, with its kinks, wear, locks and limits). From a level the battery may go to any level and
to any kink of the cost: with V linear between levels, the cheapest is one of these. Forward: from what is truly stored,
with the same choice, then polished (`grid_polish`). So a plan keeps its limits exactly and its cost is true; only V is
rounded.

Energies are kWh and powers kW; + stores. Needs numpy: import it where a plan needs it, not before.
Source: Bertsekas, Dynamic Programming and Optimal Control, vol. 1, ch. 1 (backward recursion) and 6 (discretisation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hems.planning.grid_polish import polish
from hems.planning.kernel import ABOVE_FUSE, CUT_ALL, CUT_SURPLUS, NO_BATTERY_EXPORT, NO_GRID_CHARGE, Limits

Floats = NDArray[np.float64]

OUTSIDE_TUBE = 10.0 * ABOVE_FUSE
"""What a stored kWh outside the tube counts [money/kWh]: only where there is no other way, and never without a plan."""

SAME_WORTH = 0.0005
"""Neighbouring levels whose marginal worths [money/kWh] round to the same multiple of this become one piece."""

_NARROW = 1e-9
"""A tube below this width [kWh] holds nothing."""

_POLISHES = 3
"""After a polish a slot may lie at the edge of its stretch, and the next go on beyond it."""

_WORTH_A_POLISH = 1e-6
"""A gain [money] below which there is no further polish."""

_BLOCK = 40_000
"""Steps weighed at once: 320 kB, within a processor's second cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPlan:
    """Stored change per slot [kWh], shape (T,), and V_t as the kernel's pieces, but not always descending.

    V_t lies at ``first[t]``, ``count[t]`` pieces of ``value`` [money/kWh] and ``length`` [kWh], from the bottom of the
    tube on. ``cost`` is what the plan costs less the worth of all that is left stored [money].
    """

    change: Floats
    value: Floats
    length: Floats
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    cost: float


def grid_plan(
    load: Floats,
    pv: Floats,
    buy: Floats,
    sell: Floats,
    hours: Floats,
    wear: Floats,
    low: Floats,
    high: Floats,
    stored: float,
    limits: Limits,
    cut: int,
    lock: NDArray[np.int64],
    end_value: float,
    levels: int = 401,
) -> GridPlan:
    """Plan T slots on ``levels`` levels of stored energy.

    ``load``, ``pv``: shape (T,), or (K, T) for K scenarios: then V_t is their mean, slot by slot (wait and see), and
    ``change`` lives through their mean. All else as in `kernel.exact_plan`; ``end_value`` is what a kWh left stored is
    worth. Where the tube cannot be kept, the plan comes as near to it as it can.
    """
    loads, pvs = np.atleast_2d(load), np.atleast_2d(pv)
    scenarios = [
        _Scenario(_Slots(row, sun, buy, sell, hours, wear, limits, cut, lock))
        for row, sun in zip(loads, pvs, strict=True)
    ]
    lived = scenarios[0] if len(scenarios) == 1 else _Scenario(
        _Slots(loads.mean(axis=0), pvs.mean(axis=0), buy, sell, hours, wear, limits, cut, lock)
    )  # fmt: skip
    tube = _Tube(np.asarray(low, np.float64), np.asarray(high, np.float64), levels)
    worths = _backward(scenarios, tube, end_value)
    change, cost = _forward(lived, worths, tube, stored, end_value)
    value, length, first, count = _as_pieces(worths)
    left = stored + float(change.sum())
    return GridPlan(change=change, value=value, length=length, first=first, count=count, cost=cost - end_value * left)


class _Slots:
    """What every battery power costs in every slot of one scenario."""

    def __init__(
        self,
        load: Floats,
        pv: Floats,
        buy: Floats,
        sell: Floats,
        hours: Floats,
        wear: Floats,
        limits: Limits,
        cut: int,
        lock: NDArray[np.int64],
    ) -> None:
        rows = (np.asarray(a, np.float64)[:, np.newaxis] for a in (load, pv, buy, sell, hours, wear))
        self.load, self.pv, self.buy, self.sell, self.hours, self.wear = rows
        self.limits, self.cut = limits, cut
        locks = np.asarray(lock, np.int64)[:, np.newaxis]
        net = self.load - self.pv
        least = -np.minimum(limits[1], limits[5] + self.load)
        most = np.full_like(net, limits[0])
        least = np.where(locks & NO_BATTERY_EXPORT, np.maximum(least, -np.maximum(net, 0.0)), least)
        most = np.where(locks & NO_GRID_CHARGE, np.minimum(most, np.maximum(-net, 0.0)), most)
        self.least, self.most = np.minimum(least, 0.0), np.maximum(most, 0.0)

    def __len__(self) -> int:
        return len(self.load)

    def cost(self, change: Floats, rows: Any = slice(None)) -> Floats:
        """Return what the stored ``change`` [kWh] costs, shape (slots, n); `kernel.grid_cost` for arrays, and wear.

        ``rows``: the slots that ``change`` has rows for. A change out of the battery's reach is priced all the same.
        """
        load, pv, buy, sell = self.load[rows], self.pv[rows], self.buy[rows], self.sell[rows]
        hours, import_max, export_max = self.hours[rows], self.limits[4], self.limits[5]
        power = np.where(change > 0.0, change / (self.limits[2] * hours), change * self.limits[3] / hours)
        uncut = power + (load - pv)
        least = np.maximum(uncut, -export_max)

        def price(net: Floats) -> Floats:
            paid = np.where(net > 0.0, buy, sell) * np.minimum(net, import_max)
            return np.asarray(paid + ABOVE_FUSE * np.maximum(net - import_max, 0.0))

        best = price(least)
        if self.cut == CUT_ALL:
            most = np.maximum(least, power + load)
            for net in (most, np.clip(0.0, least, most), np.clip(import_max, least, most)):
                best = np.minimum(best, price(net))
        elif self.cut == CUT_SURPLUS:
            most = np.where(sell < 0.0, np.maximum(least, np.minimum(power + load, 0.0)), least)
            best = np.minimum(best, price(most))
        return np.asarray((best + self.wear[rows] * np.abs(power)) * hours)

    def stored_by(self, power: Floats) -> Floats:
        """Return the change of what is stored [kWh] by battery power [kW], shape (slots, n)."""
        return np.where(power > 0.0, power * self.limits[2], power / self.limits[3]) * self.hours

    def kinks(self) -> Floats:
        """Return the changes [kWh] at which a slot's cost may bend upwards, doing nothing first; shape (slots, n)."""
        net, zero = self.load - self.pv, np.zeros_like(self.load)
        import_max, export_max = self.limits[4], self.limits[5]
        powers = np.hstack(
            [
                zero, -net, self.least, self.most, -self.load, import_max - net, import_max - self.load,
                -export_max - net, -export_max - self.load,
            ]
        )  # fmt: skip
        return self.stored_by(np.clip(powers, self.least, self.most))


class _Scenario:
    """The slots of one scenario with what both passes need of them."""

    def __init__(self, slots: _Slots) -> None:
        self.slots = slots
        self.kinks = slots.kinks()
        self.kink_cost = slots.cost(self.kinks)
        self.least = slots.stored_by(slots.least)[:, 0]
        self.most = slots.stored_by(slots.most)[:, 0]

    def __len__(self) -> int:
        return len(self.slots)

    def cost_of(self, change: Floats) -> float:
        """Return what the changes of all slots cost together."""
        return float(self.slots.cost(change[:, np.newaxis]).sum())

    def best_from(self, t: int, level: float, worth: _Worth) -> tuple[float, float, float]:
        """Return the cheapest change [kWh] from ``level``, its cost, and its cost less the worth of what it leaves."""
        targets = worth.at - level
        targets = targets[(targets >= self.least[t]) & (targets <= self.most[t])]
        changes = np.concatenate([self.kinks[t], targets])
        costs = np.concatenate([self.kink_cost[t], self.slots.cost(targets[np.newaxis], slice(t, t + 1))[0]])
        totals = costs - worth.of(level + changes)
        i = int(totals.argmin())
        return float(changes[i]), float(costs[i]), float(totals[i])


class _Tube:
    """The grid, and where the tube has its edges."""

    def __init__(self, low: Floats, high: Floats, levels: int) -> None:
        self.low, self.high = low, np.maximum(high, low)
        base, top = float(self.low.min()), float(self.high.max())
        self.grid = np.linspace(base, top, levels) if top - base > _NARROW else np.array([base])
        self.step = (top - base) / (levels - 1) if len(self.grid) > 1 else 0.0
        self._points: dict[tuple[float, float], Floats] = {}

    def points(self, t: int) -> Floats:
        """Return the levels of V_t: those of the grid inside the tube, and the tube's own edges."""
        edges = (float(self.low[t]), float(self.high[t]))
        if edges not in self._points:
            low, high = edges
            inside = self.grid[(self.grid > low + _NARROW) & (self.grid < high - _NARROW)]
            self._points[edges] = np.concatenate([[low], inside, [high]]) if high - low > _NARROW else np.array([low])
        return self._points[edges]

    def is_left_by(self, level: float, change: Floats) -> bool:
        """Say whether ``change`` leaves the tube from ``level`` on."""
        levels = level + np.cumsum(change)
        return bool(((levels < self.low[1:] - _NARROW) | (levels > self.high[1:] + _NARROW)).any())

    def is_off_grid(self, level: float) -> bool:
        """Say whether ``level`` lies between two levels of the grid."""
        if not self.step:
            return abs(level - float(self.grid[0])) > _NARROW
        place = (level - float(self.grid[0])) / self.step
        return abs(place - round(place)) * self.step > _NARROW


class _Worth:
    """V_t: what is stored at the levels ``at`` [kWh] is worth ``value`` [money], linear between, steep outside."""

    def __init__(self, at: Floats, value: Floats) -> None:
        self.at, self.value = at, value

    def of(self, level: Floats) -> Floats:
        """Return the worth of ``level``."""
        outside = np.maximum(self.at[0] - level, 0.0) + np.maximum(level - self.at[-1], 0.0)
        return np.asarray(np.interp(level, self.at, self.value) - OUTSIDE_TUBE * outside)


def _backward(scenarios: list[_Scenario], tube: _Tube, end_value: float) -> list[_Worth]:
    """Return V_0 .. V_T."""
    slots = len(scenarios[0])
    points = tube.points(slots)
    worths = [_Worth(points, end_value * points)]
    passes = [_Offsets(scenario, tube) for scenario in scenarios]
    for t in range(slots - 1, -1, -1):
        following = worths[-1]
        on_grid = sum(offsets.worth(t, following) for offsets in passes) / len(passes)
        points = tube.points(t)
        value = np.interp(points, tube.grid, on_grid)
        for i in (0, len(points) - 1):
            if tube.is_off_grid(float(points[i])):
                value[i] = -sum(s.best_from(t, points[i], following)[2] for s in scenarios) / len(scenarios)
        worths.append(_Worth(points, value))
    worths.reverse()
    return worths


class _Offsets:
    """The step from every level of the grid to every other, and to the kinks and the edges off the grid."""

    def __init__(self, scenario: _Scenario, tube: _Tube) -> None:
        self.scenario, self.tube = scenario, tube
        self.most = most = len(tube.grid) - 1
        self.lowest = np.zeros(len(scenario), np.int64)
        self.highest = np.zeros(len(scenario), np.int64)
        if most:
            self.lowest = np.maximum(np.ceil(scenario.least / tube.step - 1e-9), -most).astype(np.int64)
            self.highest = np.minimum(np.floor(scenario.most / tube.step + 1e-9), most).astype(np.int64)
        self.begin = int(self.lowest.min())
        steps = np.arange(self.begin, int(self.highest.max()) + 1) * tube.step
        self.cost = scenario.slots.cost(np.broadcast_to(steps, (len(scenario), len(steps))))
        kinks = [np.unique(row, return_index=True) for row in scenario.kinks]
        self.kinks = [change[:, np.newaxis] for change, _ in kinks]
        self.kink_cost = [scenario.kink_cost[t, index, np.newaxis] for t, (_, index) in enumerate(kinks)]
        # V_{t+1} on the grid, and as far again on both sides: every offset is a window of it.
        self.wide = np.concatenate([tube.grid[0] + np.arange(-most, 0) * tube.step, tube.grid])
        self.wide = np.concatenate([self.wide, tube.grid[-1] + np.arange(1, most + 1) * tube.step])
        self.reached = np.empty(len(self.wide))
        self.by_level = sliding_window_view(self.reached, 2 * most + 1)
        self.by_offset = sliding_window_view(self.reached, most + 1)
        self.scratch = np.empty(2 * _BLOCK)

    def worth(self, t: int, following: _Worth) -> Floats:
        """Return V_t at the levels of the grid."""
        self.reached[:] = following.of(self.wide)
        best = self._to_levels(t)
        edges = [float(edge) for edge in (following.at[0], following.at[-1]) if self.tube.is_off_grid(float(edge))]
        if edges or not self.most:
            levels = self.kinks[t] + self.tube.grid
            np.maximum(best, (following.of(levels) - self.kink_cost[t]).max(axis=0), out=best)
        else:
            np.maximum(best, self._to_kinks(t), out=best)
        for edge in edges:
            np.maximum(best, self._to_edge(t, edge, following), out=best)
        return best

    def _to_levels(self, t: int) -> Floats:
        """Return V_t at the levels of the grid where the step ends at a level of it."""
        best = np.empty(self.most + 1)
        first, last = int(self.lowest[t]), int(self.highest[t])
        rows = max(_BLOCK // (min(last - first, self.most) + 1), 1)
        for row in range(0, self.most + 1, rows):
            end = min(row + rows, self.most + 1)
            begin, until = max(first, 1 - end), min(last, self.most - row) + 1  # further ones leave the grid
            window = self.by_level[row:end, self.most + begin : self.most + until]
            room = self.scratch[: window.size].reshape(window.shape) if window.size <= len(self.scratch) else None
            costs = self.cost[t, begin - self.begin : until - self.begin]
            np.subtract(window, costs, out=room).max(axis=1, out=best[row:end])
        return best

    def _to_kinks(self, t: int) -> Floats:
        """Return V_t at the levels of the grid where the step ends at a kink; the tube's edges are levels."""
        place = self.kinks[t] / self.tube.step
        whole = np.floor(place)
        inside = (np.abs(whole) < self.most)[:, 0]  # further ones leave the grid; doing nothing stays
        index = whole[inside, 0].astype(np.int64) + self.most
        below, above = self.by_offset[index], self.by_offset[index + 1]
        reached = below + (above - below) * (place - whole)[inside]
        return np.asarray((reached - self.kink_cost[t][inside]).max(axis=0))

    def _to_edge(self, t: int, edge: float, following: _Worth) -> Floats:
        """Return V_t at the levels of the grid where the step ends at ``edge``; -inf where it cannot."""
        change = edge - self.tube.grid
        scenario = self.scenario
        worth = following.of(np.array([edge]))[0] - scenario.slots.cost(change[np.newaxis], slice(t, t + 1))[0]
        return np.where((change >= scenario.least[t]) & (change <= scenario.most[t]), worth, -np.inf)


def _forward(
    lived: _Scenario, worths: list[_Worth], tube: _Tube, stored: float, end_value: float
) -> tuple[Floats, float]:
    """Return the cheapest change of every slot [kWh] from ``stored`` on, polished, and what they cost together."""
    begin = min(max(stored, float(tube.low[0])), float(tube.high[0]))
    level = begin
    change = np.zeros(len(lived))
    for t in range(len(lived)):
        change[t] = lived.best_from(t, level, worths[t + 1])[0]
        level += change[t]
    cost = lived.cost_of(change)
    for _ in range(_POLISHES):
        if tube.is_left_by(begin, change):
            break
        better = polish(change, lived.kinks, lived.slots.cost, tube.low, tube.high, begin, end_value)
        paid = lived.cost_of(better)
        gain = cost - paid + end_value * float((better - change).sum())
        if gain <= 0.0 or tube.is_left_by(begin, better):
            break
        change, cost = better, paid
        if gain < _WORTH_A_POLISH:
            break
    return change, cost


def _as_pieces(worths: list[_Worth]) -> tuple[Floats, Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return every V_t as marginal values and lengths; neighbours of the same worth are one piece of the same total."""
    at, value = (np.concatenate([getattr(worth, name) for worth in worths]) for name in ("at", "value"))
    points = np.array([len(worth.at) for worth in worths])
    ends = np.cumsum(points)
    cells = np.ones(len(at) - 1, np.bool_)
    cells[ends[:-1] - 1] = False  # from one V_t to the next
    sizes, gains = np.diff(at)[cells], np.diff(value)[cells]
    begins = np.concatenate([[0], np.cumsum(points - 1)])  # of every V_t's cells
    if not len(sizes):
        return sizes, gains, np.zeros(len(worths), np.int64), np.zeros(len(worths), np.int64)
    is_new = np.concatenate([[True], np.diff(np.round(gains / sizes / SAME_WORTH)) != 0.0])
    is_new[begins[begins < len(sizes)]] = True
    heads = np.flatnonzero(is_new)
    length = np.add.reduceat(sizes, heads)
    first = np.searchsorted(heads, begins).astype(np.int64)
    return np.add.reduceat(gains, heads) / length, length, first[:-1], np.diff(first)
