"""How much comes when this much was expected: conditional quantiles learnt from pairs, and their memory over time.

Everything here is in shares of what the house could give at that quarter under the best sky (the envelope): 0 is dark,
1 a clear sky. Quarters of the day are counted in UTC, since the sun knows no daylight saving time.

Sources: analog ensembles (Alessandrini et al., Applied Energy 157 (2015) 95-110) for the table, a Gaussian copula over
lead times (Pinson et al., Wind Energy 12 (2009) 51-62) for how an error lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from hems.forecasting.history import FloatArray
from hems.forecasting.pv_memory import QUARTERS_PER_DAY, IntArray

LEVELS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98])
"""Probabilities of the curves: finer than what is told, so that a nowcast can move along them."""

_STEPS = np.diff(LEVELS)

NODES = np.array([0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15])
"""Expected shares for which curves are kept; straight lines between them."""

LAGS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 144, 192])
"""Quarters ahead for which the lasting of an error is measured."""

PRIOR_LASTING = np.array([0.83, 0.73, 0.66, 0.61, 0.53, 0.46, 0.38, 0.3, 0.19, 0.14, 0.1, 0.08, 0.08, 0.05, 0.03])
"""How an error lasts where too little was measured yet: the means over a year of one European home."""

_REACH_QUARTERS = 8
"""A curve is learnt from quarters up to two hours away in the time of day, near ones counting more. Measured: 4, 6 and
10 quarters are worse or equal."""
_ANCHOR_STEP = 4
"""Curves are learnt for every hour and run straight between: each looks at four hours anyway."""
_HALF_DAY = QUARTERS_PER_DAY // 2
_NODE_WIDTH = 0.16
_PRIOR_WEIGHT = 3.0
"""Hours that what is known of another house counts for. Measured: 1.5 to 6 are equal within 1 %."""
_PRIOR_LASTING_PAIRS = 300.0
_TYPICAL_SHARE = 0.3
"""What an unseen pair would have expected: near the mean share of a year."""
_TYPICAL_SPREAD = 0.25
_SHARPNESS = 0.005
_NOTHING = 1e-6
_QUARTERS_PER_HOUR = 4.0
_LOWEST_U = 0.01
_NEARNESS = np.maximum(
    1.0
    - np.abs(
        (np.arange(QUARTERS_PER_DAY) - np.arange(0, QUARTERS_PER_DAY, _ANCHOR_STEP)[:, np.newaxis] + _HALF_DAY)
        % QUARTERS_PER_DAY
        - _HALF_DAY
    )
    / (_REACH_QUARTERS + 1.0),
    0.0,
)
"""What a quarter of the day counts at each anchor."""
STATE_WEIGHTS = 0.5 ** np.arange(6)
"""The present state is the mean of the last quarters' scores, each counting half of the one after it."""

_U_GRID = np.linspace(0.0, 1.0, 513)[1:-1]
_Z_GRID = np.array([NormalDist().inv_cdf(float(u)) for u in _U_GRID])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Past quarters; arrays of shape (n,)."""

    quarter: IntArray
    """Of the UTC day, 0-95."""
    expected: FloatArray
    """Share of the envelope that was expected; 0 where nobody expected anything."""
    came: FloatArray
    """Share of the envelope that came."""
    weight: FloatArray
    """Recent ones count more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileTable:
    """Curves by quarter of the day and expected share, shape (96, nodes, levels); not descending along the levels."""

    nodes: FloatArray
    curves: FloatArray

    def curves_at(self, quarter: IntArray, expected: FloatArray) -> FloatArray:
        """Return the curve of each quarter given what is expected, shape (n, levels).

        An expectation beyond the last node stretches that node's curve.
        """
        if len(self.nodes) == 1:
            only: FloatArray = self.curves[quarter, 0]
            return only
        inside = np.clip(expected, self.nodes[0], self.nodes[-1])
        right = np.clip(np.searchsorted(self.nodes, inside, side="right"), 1, len(self.nodes) - 1)
        share = ((inside - self.nodes[right - 1]) / (self.nodes[right] - self.nodes[right - 1]))[:, np.newaxis]
        between = (1.0 - share) * self.curves[quarter, right - 1] + share * self.curves[quarter, right]
        stretched: FloatArray = between * np.maximum(1.0, expected / self.nodes[-1])[:, np.newaxis]
        return stretched


def learn_table(pairs: Pairs, nodes: FloatArray, prior: FloatArray) -> QuantileTable:
    """Return the table of ``pairs``.

    Args:
        prior: curves where nothing was measured, shape (nodes, levels), for an expectation that is right on average;
            they are stretched to what came on average at that time of day.
    """
    is_given = len(nodes) > 1
    overall = _ratio(pairs.expected, pairs.came, pairs.weight, towards=1.0) if is_given else 1.0
    kernel = _node_kernel(pairs.expected, nodes) if is_given else None
    learnt = np.empty((len(_NEARNESS) + 1, len(nodes), len(LEVELS)))
    for row, nearness in enumerate(_NEARNESS):
        closeness = nearness[pairs.quarter]
        near = np.flatnonzero(closeness)
        if not len(near):
            learnt[row] = prior * overall
            continue
        came, close = pairs.came[near], pairs.weight[near] * closeness[near]
        if kernel is None:
            order = np.argsort(came)
            learnt[row] = _blend(came[order][np.newaxis], close[order][np.newaxis], prior)
            continue
        expected = pairs.expected[near]
        here = _ratio(expected, came, close, towards=overall)
        slope = _slope(expected, came, close, towards=here)
        learnt[row] = _blend(
            *_moved_to_nodes(expected, came, slope, nodes, kernel.take(near, axis=1) * close), prior * here
        )
    learnt[-1] = learnt[0]  # midnight again
    return QuantileTable(nodes=nodes, curves=_between_anchors(learnt))


def _moved_to_nodes(
    expected: FloatArray, came: FloatArray, slope: float, nodes: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what would have come had each node been expected, ascending, and the ``weights`` of it; (nodes, n)."""
    line = came - slope * expected
    order = np.argsort(line)
    # All nodes have that order, but for pairs that end at nothing: where several do, they are level and have none.
    ranked = line[order] + slope * nodes[:, np.newaxis]
    ordered_weights = weights.take(order, axis=1)
    for node in np.flatnonzero(ranked[:, min(1, len(order) - 1)] <= 0.0).tolist():
        level = np.maximum(0.0, came + slope * (nodes[node] - expected))
        its_order = np.argsort(level)
        ranked[node], ordered_weights[node] = level[its_order], weights[node, its_order]
    return np.maximum(ranked, 0.0, out=ranked), ordered_weights


def _between_anchors(learnt: FloatArray) -> FloatArray:
    """Return a curve for every quarter of the day, straight lines between those at the anchors."""
    step = np.arange(QUARTERS_PER_DAY)
    left, share = step // _ANCHOR_STEP, (step % _ANCHOR_STEP / _ANCHOR_STEP)[:, np.newaxis, np.newaxis]
    curves: FloatArray = (1.0 - share) * learnt[left] + share * learnt[left + 1]
    return curves


def scores(curves: FloatArray, came: FloatArray) -> FloatArray:
    """Return where what came lies on its curve, as standard normal scores; shape (n,), NaN stays NaN.

    Args:
        curves: shape (n, levels). came: shape (n,).
    """
    # Seen with the meter's sharpness: where a curve is flat, as at 0, a hair more or less must not mean the extremes.
    u = 0.5 * (_reached(curves, came - _SHARPNESS) + _reached(curves, came + _SHARPNESS))
    return np.where(np.isnan(came), np.nan, np.interp(u, _U_GRID, _Z_GRID))


def _reached(curves: FloatArray, value: FloatArray) -> FloatArray:
    """Return the probability at which each curve reaches its value, shape (n,)."""
    below = (curves <= value[:, np.newaxis]).sum(axis=1)
    last = len(LEVELS) - 1
    left, right = np.clip(below - 1, 0, last), np.clip(below, 0, last)
    rows = np.arange(len(value))
    low, high = curves[rows, left], curves[rows, right]
    width = high - low
    share = np.where(width > 0.0, (value - low) / np.where(width > 0.0, width, 1.0), 0.0)
    u = LEVELS[left] + np.clip(share, 0.0, 1.0) * (LEVELS[right] - LEVELS[left])
    return np.where(below == 0, _LOWEST_U, np.where(below > last, 1.0 - _LOWEST_U, u))


def at_levels(curves: FloatArray, rows: IntArray, z: FloatArray) -> FloatArray:
    """Return the values of the ``rows`` (n,) of ``curves`` (m, levels) at the normal scores ``z`` (k, n); (k, n)."""
    u = np.clip(np.interp(z, _Z_GRID, _U_GRID), LEVELS[0], LEVELS[-1])
    right = np.clip(np.searchsorted(LEVELS, u, side="right"), 1, len(LEVELS) - 1)
    share = (u - LEVELS[right - 1]) / _STEPS[right - 1]
    place = rows * len(LEVELS) + right
    low, high = curves.take(place - 1), curves.take(place)
    values: FloatArray = low + share * (high - low)
    return values


def running_state(score: FloatArray) -> FloatArray:
    """Return the mean score of the last quarters at each quarter; shape (n,), NaN where none of them is known."""
    known = np.isfinite(score)
    if len(score) == 0:
        return score
    sums = np.convolve(np.where(known, score, 0.0), STATE_WEIGHTS)[: len(score)]
    weights = np.convolve(known.astype(np.float64), STATE_WEIGHTS)[: len(score)]
    return np.where(known & (weights > 0.0), sums / np.where(weights > 0.0, weights, 1.0), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """How much of the present state is left in the score ``lag`` quarters later, and how far the state spreads."""

    correlation: FloatArray
    """At each of LAGS, 0-1, not rising."""
    state_deviation: float

    def at(self, lag: FloatArray) -> FloatArray:
        """Return the correlation at each lag [quarters]."""
        return np.interp(lag, LAGS, self.correlation)


NOTHING_LASTS = Lasting(correlation=np.zeros(len(LAGS)), state_deviation=1.0)


def learn_lasting(score: FloatArray, weight: FloatArray) -> Lasting:
    """Return how errors last in a series of scores on the grid of quarters (NaN: unknown), weighted by ``weight``."""
    state = running_state(score)
    known = np.isfinite(state)
    total = float(weight[known].sum())
    squares = float((weight[known] * state[known] ** 2).sum())
    deviation = float(np.sqrt((squares + 20.0 * 0.7) / (total + 20.0)))
    has_score = np.isfinite(score)
    first, then = np.where(known, state, 0.0), np.where(has_score, score, 0.0)
    then_weighed, counted = weight * then, weight * has_score
    correlation = PRIOR_LASTING.copy()
    for row, lag in enumerate(LAGS):
        number = float(known[:-lag].astype(np.float64) @ counted[lag:])
        if number <= 0.0:
            continue
        product = float(first[:-lag] @ then_weighed[lag:])
        spread = np.sqrt(
            float((first[:-lag] ** 2) @ counted[lag:]) * float(known[:-lag] @ (then_weighed[lag:] * then[lag:]))
        )
        measured = product / spread if spread > 0.0 else 0.0
        correlation[row] = (number * measured + _PRIOR_LASTING_PAIRS * correlation[row]) / (
            number + _PRIOR_LASTING_PAIRS
        )
    falling = np.minimum.accumulate(np.clip(correlation, 0.0, 0.97))
    return Lasting(correlation=falling, state_deviation=max(deviation, 0.3))


def conditional_scores(state: FloatArray, left: FloatArray, lasting: Lasting, level_z: FloatArray) -> FloatArray:
    """Return the normal scores of the levels given the present states, of which so much is ``left``; (levels, n).

    Args:
        state, left: shape (n,). Without a state (NaN) the scores are the levels' own.
    """
    left = np.where(np.isfinite(state), left, 0.0)
    centre = left * np.clip(np.nan_to_num(state) / lasting.state_deviation, -2.5, 2.5)
    z: FloatArray = centre + np.sqrt(1.0 - left**2) * level_z[:, np.newaxis]
    return z


def _node_kernel(expected: FloatArray, nodes: FloatArray) -> FloatArray:
    """Return how near each pair is to each node, shape (nodes, n)."""
    apart = np.minimum(expected, nodes[-1]) - nodes[:, np.newaxis]
    kernel: FloatArray = np.exp(-0.5 * (apart / _NODE_WIDTH) ** 2)
    return kernel


def _slope(expected: FloatArray, came: FloatArray, weight: FloatArray, *, towards: float) -> float:
    """Return by how much more came where one more was expected, 0 to ``towards`` and drawn to it while little was seen.

    Pairs are moved along it to a node: else a source that is always right would seem as vague as the kernel is wide.
    """
    total = float(weight.sum())
    if total <= _NOTHING:
        return towards
    off = expected - float((weight * expected).sum()) / total
    unseen = _TYPICAL_SPREAD**2 * _PRIOR_WEIGHT
    slope = (float((weight * off * came).sum()) + unseen * towards) / (float((weight * off**2).sum()) + unseen)
    return min(max(slope, 0.0), max(towards, 0.0))


def _blend(ranked: FloatArray, weights: FloatArray, prior: FloatArray) -> FloatArray:
    """Return the weighted quantiles of each ascending row of ``ranked``, drawn towards ``prior``.

    ``ranked`` and ``weights`` have shape (rows, n), the rest (rows, levels).
    """
    reached = np.cumsum(weights, axis=1)
    totals = reached[:, -1].copy()
    reached -= 0.5 * weights
    measured = prior.copy()
    for node in np.flatnonzero(totals > _NOTHING).tolist():
        measured[node] = np.interp(LEVELS * totals[node], reached[node], ranked[node])
    # Counted by hours: neighbouring quarters have much the same weather.
    trust = (totals / (totals + _QUARTERS_PER_HOUR * _PRIOR_WEIGHT))[:, np.newaxis]
    blended: FloatArray = trust * measured + (1.0 - trust) * prior
    return blended


def _ratio(expected: FloatArray, came: FloatArray, weight: FloatArray, *, towards: float) -> float:
    """Return what came over what was expected, by sums, drawn towards ``towards`` while little was seen."""
    unseen = _TYPICAL_SHARE * _PRIOR_WEIGHT
    above = float((weight * came).sum()) + unseen * towards
    return above / (float((weight * expected).sum()) + unseen)
