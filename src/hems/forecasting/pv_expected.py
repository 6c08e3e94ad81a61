"""What is expected of the panels at several moments at once: one in the service, all quarters of a span in a backtest.

Quarters are counted from the first moment; at moment i the quarters i to i + count - 1 lie ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hems.domain.forecast import QUANTILE_LEVELS
from hems.forecasting.history import FloatArray
from hems.forecasting.pv_fit import LIT_SHARE, PvFit
from hems.forecasting.pv_memory import QUARTERS_PER_DAY, IntArray
from hems.forecasting.pv_table import STATE_WEIGHTS, at_levels, conditional_scores

_LEVEL_Z = np.array([NormalDist().inv_cdf(level) for level in QUANTILE_LEVELS])


@dataclass(frozen=True, slots=True, kw_only=True)
class QuartersAhead:
    """What is known of the Q = S + count - 1 quarters ahead of S moments; arrays of shape (Q,) where not said else."""

    first: int
    """The number of the first quarter, that of the first moment."""
    count: int
    said_w: FloatArray
    """What the source says, NaN where nothing."""
    trust: float
    """How far it is believed, 0-1."""
    late: int
    """Of so many quarters from its own on does the source speak shortly before, of later ones early."""
    envelope_w: FloatArray
    """The most each quarter could give."""
    clear_w: FloatArray
    """Under a cloudless sky; 0 is night."""
    most_w: float
    """What never is exceeded."""


def expected_levels(fit: PvFit, ahead: QuartersAhead, state: FloatArray, state_at: IntArray) -> FloatArray:
    """Return the quantiles of the quarters ahead of each moment [W], ascending, shape (S, levels, count).

    Args:
        state: how the last measured quarters lay against what was expected, by moment, (S,); NaN is unknown.
        state_at: the quarter of each state, counted as those ahead: before the moment's own; (S,).
    """
    moments, count = len(state), ahead.count
    levels_w = np.zeros((moments, len(QUANTILE_LEVELS), count))
    gives = sliding_window_view((ahead.clear_w > 0.0) & (ahead.envelope_w > 0.0), count)
    moment, lead = np.nonzero(gives)
    if not len(moment):
        return levels_w
    quarter = moment + lead
    lag = np.maximum(1, quarter - state_at[moment])
    left = fit.lasting.at(np.arange(int(lag.max()) + 1, dtype=np.float64))[lag]
    z = conditional_scores(state[moment], left, fit.lasting, _LEVEL_Z)
    curves = _curves(fit, ahead)
    of_kind = np.where(lead < ahead.late, 0, len(ahead.said_w)) + quarter
    found = np.clip(at_levels(curves, of_kind, z) * ahead.envelope_w[quarter], 0.0, ahead.most_w)
    np.maximum.accumulate(found, axis=0, out=found)
    for level, values in enumerate(found):
        levels_w[:, level][gives] = values
    return levels_w


def _curves(fit: PvFit, ahead: QuartersAhead) -> FloatArray:
    """Return each quarter's curve in shares of the envelope, shape (2 Q, levels): said shortly before, and early."""
    quarter = (ahead.first + np.arange(len(ahead.said_w))) % QUARTERS_PER_DAY
    own = fit.without.curves_at(quarter, np.zeros(len(quarter)))
    if ahead.trust <= 0.0:
        return np.concatenate([own, own])
    known = np.isfinite(ahead.said_w)[:, np.newaxis]
    share = np.where(known[:, 0], ahead.said_w, 0.0) / np.maximum(ahead.envelope_w, 1e-9)
    given = [table.curves_at(quarter, share) for table in (fit.last, fit.early)]
    return np.concatenate([np.where(known, ahead.trust * each + (1.0 - ahead.trust) * own, own) for each in given])


def states_through(
    fit: PvFit, first: int, moments: int, measured_w: FloatArray, said_w: FloatArray, clear_w: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Return the state at the starts of ``moments`` quarters from number ``first`` on, and its quarter: (moments,).

    The state is NaN where the last day has none; its quarter is counted from ``first`` on, below 0 for earlier ones.

    Args:
        measured_w, said_w, clear_w: from a day before the first moment to the last, (96 + moments - 1,); NaN is
            unknown. A moment looks at what lies before it.
    """
    state, state_at = np.full(moments, np.nan), np.arange(moments) - 1
    if fit.factors is None:
        return state, state_at
    quarter = (first - QUARTERS_PER_DAY + np.arange(len(measured_w))) % QUARTERS_PER_DAY
    envelope_w = clear_w * fit.factors[quarter]
    usable = np.flatnonzero((envelope_w > 0.0) & np.isfinite(measured_w))
    score = np.full(len(measured_w), np.nan)
    score[usable] = fit.scores_in(quarter[usable], envelope_w[usable], measured_w[usable], said_w[usable])
    envelopes_w = sliding_window_view(envelope_w, QUARTERS_PER_DAY)
    lit = envelopes_w > LIT_SHARE * envelopes_w.max(axis=1, keepdims=True)
    known = lit & np.isfinite(sliding_window_view(score, QUARTERS_PER_DAY))
    latest = QUARTERS_PER_DAY - 1 - np.argmax(known[:, ::-1], axis=1)
    moment = np.arange(moments)
    sums, weights = np.zeros(moments), np.zeros(moments)
    for back, weight in enumerate(STATE_WEIGHTS):
        place = np.maximum(latest - back, 0)
        counts = known[moment, place] & (latest >= back)
        sums += weight * np.where(counts, score[moment + place], 0.0)
        weights += np.where(counts, weight, 0.0)
    some = known.any(axis=1)
    state[some] = sums[some] / weights[some]
    state_at[some] = (moment + latest - QUARTERS_PER_DAY)[some]
    return state, state_at
