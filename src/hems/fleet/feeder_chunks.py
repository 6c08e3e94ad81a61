"""What workers do for a common limit: answer to its price, and mix the plans that the answers came from."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from hems.fleet import batch_kernel as kernel
from hems.fleet.homes import FloatArray, HomeChunk, PlannedChunk
from hems.fleet.planner import plan_blocks
from hems.planning.kernel import ABOVE_FUSE

_NO_WEIGHT = 1e-7
"""Plans that weigh less are left out, and the others weigh so much more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResponse:
    """A chunk's answer to a price, by groups of homes; see `feeder.Response`."""

    number: int
    cost: FloatArray
    idle_cost: FloatArray
    bound: FloatArray
    net_kw: FloatArray
    idle_kw: FloatArray


def respond(chunk: HomeChunk, groups: int, threads: int = 1) -> ChunkResponse:
    """Return what the homes of ``chunk`` answer to its price ``extra``, summed up in ``groups`` groups."""
    groups = min(groups, len(chunk))
    answers = plan_blocks(chunk, threads, groups)
    figures = answers.figures
    hours = float(chunk.numbers[0, kernel.HOURS])
    extra = np.zeros(chunk.width) if chunk.extra is None else chunk.extra
    edges = [group * len(chunk) // groups for group in range(groups)]

    def by_group(values: FloatArray) -> FloatArray:
        return np.add.reduceat(values, edges)

    net, idle = answers.totals_kw[:, kernel.PLANNED], answers.totals_kw[:, kernel.IDLE]
    priced = by_group(figures[:, kernel.COST] - figures[:, kernel.STORED_CHANGE] * figures[:, kernel.STORED_WORTH])
    return ChunkResponse(
        number=chunk.number,
        cost=priced - net @ extra * hours,
        idle_cost=by_group(figures[:, kernel.IDLE_COST]) - idle @ extra * hours,
        bound=priced - by_group(figures[:, kernel.GAP]),
        net_kw=net,
        idle_kw=idle,
    )


def mix(chunk: HomeChunk, prices: FloatArray, weights: FloatArray, threads: int = 1) -> PlannedChunk:
    """Return the homes' plans as the mean of their answers to ``prices`` (K rows); the first weight is idle's.

    ``weights``: shape (groups, 1 + K), each row sums to 1. What may be curtailed is curtailed as in the mean.
    """
    begin = time.perf_counter()
    groups = len(weights)
    members = np.repeat(np.arange(groups), np.diff([g * len(chunk) // groups for g in range(groups + 1)]))
    weights = np.where(weights > _NO_WEIGHT, weights, 0.0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    idle_net = _idle_net(chunk)
    change = np.zeros(chunk.load_w.shape)
    net = weights[members, 0][:, None] * idle_net
    for k in np.flatnonzero(weights[:, 1:].any(axis=0)).tolist():
        share = weights[members, 1 + k][:, None]
        answers = plan_blocks(chunk.priced(prices[k]), threads, 1, with_grid=True)
        change += share * _change(chunk, np.nan_to_num(answers.battery_w))
        net += share * np.nan_to_num(answers.grid_w) / 1000.0
    return _lived(chunk, change, net, idle_net, begin)


def _change(chunk: HomeChunk, battery_w: FloatArray) -> FloatArray:
    """Return what battery powers [W, + discharges] change in the store [kWh, + stores]."""
    numbers = chunk.numbers
    kwh = -battery_w / 1000.0 * numbers[:, kernel.HOURS, None]
    charged, drawn = numbers[:, kernel.CHARGE_EFFICIENCY, None], numbers[:, kernel.DISCHARGE_EFFICIENCY, None]
    return np.where(kwh > 0.0, kwh * charged, kwh / drawn)


def _kw(chunk: HomeChunk) -> tuple[FloatArray, FloatArray]:
    """Return load and PV [kW]."""
    return np.maximum(chunk.load_w, 0.0) / 1000.0, np.maximum(chunk.pv_w, 0.0) / 1000.0


def _idle_net(chunk: HomeChunk) -> FloatArray:
    load, pv = _kw(chunk)
    net = np.maximum(load - pv, -chunk.numbers[:, kernel.EXPORT, None])
    sell = chunk.sell[chunk.wholes[:, kernel.PRICES]]
    may_cut = (chunk.wholes[:, kernel.CUT, None] > 0) & (sell < 0.0)
    return np.where(may_cut, np.maximum(net, np.minimum(load, 0.0)), net)


def _lived(
    chunk: HomeChunk, change: FloatArray, wanted_net: FloatArray, idle_net: FloatArray, begin: float
) -> PlannedChunk:
    """Return what ``change`` costs at the homes' own prices, PV curtailed up to ``wanted_net`` [kW] where it may be."""
    numbers, wholes = chunk.numbers, chunk.wholes
    hours = numbers[:, kernel.HOURS, None]
    buy, sell = chunk.buy[wholes[:, kernel.PRICES]], chunk.sell[wholes[:, kernel.PRICES]]
    load, pv = _kw(chunk)
    charged, drawn = numbers[:, kernel.CHARGE_EFFICIENCY, None], numbers[:, kernel.DISCHARGE_EFFICIENCY, None]
    power = np.where(change > 0.0, change / charged, change * drawn) / hours
    least = np.maximum(load - pv + power, -numbers[:, kernel.EXPORT, None])
    may_cut = wholes[:, kernel.CUT, None] > 0
    all_cut = np.minimum(load + power, 0.0)  # only what would be exported is cut
    net = np.where(may_cut, np.maximum(least, np.minimum(np.minimum(wanted_net, 0.0), all_cut)), least)
    net = np.where(may_cut & (sell < 0.0), np.maximum(net, all_cut), net)
    fuse = numbers[:, kernel.IMPORT, None]

    def money(grid: FloatArray) -> FloatArray:
        over = np.maximum(grid - fuse, 0.0)
        return np.asarray(np.where(grid > 0.0, buy * (grid - over), sell * grid) + ABOVE_FUSE * over)

    is_own = np.arange(chunk.width) < wholes[:, kernel.SLOTS, None]
    figures = np.zeros((len(chunk), kernel.FIGURES))
    spent = (money(net) + numbers[:, kernel.WEAR, None] * np.abs(power)) * hours
    figures[:, kernel.COST] = spent.sum(axis=1, where=is_own)
    figures[:, kernel.IDLE_COST] = (money(idle_net) * hours).sum(axis=1, where=is_own)
    figures[:, kernel.STORED_CHANGE] = change.sum(axis=1)
    figures[:, kernel.STORED_WORTH] = _worth(chunk, buy)
    figures[:, kernel.GAP] = np.nan  # of the fleet as a whole, not of a home
    figures[:, kernel.IMPORT_KWH] = (np.maximum(net, 0.0) * hours).sum(axis=1, where=is_own)
    figures[:, kernel.EXPORT_KWH] = (np.maximum(-net, 0.0) * hours).sum(axis=1, where=is_own)
    stored = numbers[:, kernel.STORED, None] + np.cumsum(change, axis=1)
    capacity = np.maximum(numbers[:, kernel.CAPACITY, None], 1e-9)
    return PlannedChunk(
        number=chunk.number,
        battery_w=(-1000.0 * power).astype(np.float32),
        soc_pct=(100.0 * stored / capacity).astype(np.float32),
        figures=figures,
        totals_kw=np.array([net.sum(axis=0), idle_net.sum(axis=0)]),
        seconds=time.perf_counter() - begin,
    )


def _worth(chunk: HomeChunk, buy: FloatArray) -> FloatArray:
    """Return what a kWh left at the end counts, as `batch_kernel.plan_home` says."""
    numbers = chunk.numbers
    worth = buy.mean(axis=1) * numbers[:, kernel.CHARGE_EFFICIENCY] * numbers[:, kernel.DISCHARGE_EFFICIENCY]
    return np.asarray(np.maximum(worth - 2.0 * numbers[:, kernel.WEAR], 0.0))
