"""Quantiles of weighted samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hems.domain.forecast import QUANTILE_LEVELS
from hems.forecasting.history import FloatArray

IntArray = NDArray[np.int64]

LEVELS: FloatArray = np.array(QUANTILE_LEVELS)

_AT_A_TIME = 32_768
"""Samples: as many as the processor's nearest memory holds; all at once takes twice as long."""


def weighted_quantiles(samples: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the quantiles at QUANTILE_LEVELS of each row of ``samples``, shape (n, levels), ascending.

    ``samples`` and ``weights`` have shape (n, m); a sample that is NaN or weighs 0 does not count. Each sample stands
    in the middle of its own share of the weight, and between two neighbours the quantile is linear (definition 5 of
    Hyndman and Fan, The American Statistician 50, 1996, for equal weights). A row without samples gives NaN.
    """
    weighing = np.where(np.isfinite(samples), weights, 0.0)
    order = np.argsort(np.where(weighing > 0.0, samples, np.inf), axis=1)
    ordered = np.take_along_axis(samples, order, axis=1)
    ordered_weights = np.take_along_axis(weighing, order, axis=1)
    return _at_levels(ordered, ordered_weights, np.count_nonzero(weighing > 0.0, axis=1))


def column_weighted_quantiles(samples: FloatArray, weights: FloatArray) -> FloatArray:
    """Return what ``weighted_quantiles`` does where all rows share the ``weights`` (m,) > 0, several times faster.

    Each sample carries the number of its column in the last bits of its fraction: sorting values, which is quicker than
    sorting an order, then tells the weights too. With m = 504 that moves a sample by 1e-13 of itself.
    """
    rows = max(1, _AT_A_TIME // max(samples.shape[1], 1))
    if len(samples) <= rows:
        return _sorted_with_columns(samples, weights)
    parts = [_sorted_with_columns(samples[row : row + rows], weights) for row in range(0, len(samples), rows)]
    return np.concatenate(parts)


def _sorted_with_columns(samples: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the quantiles of the rows, sorted at once."""
    count = samples.shape[1]
    last_bits = (1 << max(count - 1, 1).bit_length()) - 1
    marked = np.where(np.isfinite(samples), samples, np.nan).view(np.int64)
    marked &= ~last_bits
    marked |= np.arange(count)
    ordered = marked.view(np.float64)
    ordered.sort(axis=1)  # NaN last
    is_known = ~np.isnan(ordered)
    by_column = np.zeros(last_bits + 1)
    by_column[:count] = weights
    bits = ordered.view(np.int64)
    ordered_weights = by_column.take(bits & last_bits, mode="clip")
    if not is_known.all():
        ordered_weights = np.where(is_known, ordered_weights, 0.0)
    bits &= ~last_bits
    return _at_levels(ordered, ordered_weights, is_known.sum(axis=1))


def _at_levels(ordered: FloatArray, weights: FloatArray, counts: IntArray) -> FloatArray:
    """Return the quantiles of rows whose first ``counts`` samples ascend; those behind weigh 0."""
    some = counts > 0
    if not some.all():
        found: FloatArray = np.full((len(ordered), len(LEVELS)), np.nan)
        if some.any():
            found[some] = _at_levels(ordered[some], weights[some], counts[some])
        return found
    # All rows are one line of weights, so that one search finds the places in all of them.
    reached = np.cumsum(weights).reshape(weights.shape)
    before = np.concatenate([[0.0], reached[:-1, -1]])[:, None]
    targets = before + (reached[:, -1:] - before) * LEVELS
    first, last = (np.arange(len(ordered)) * ordered.shape[1])[:, None], counts[:, None] - 1
    middles = reached.ravel() - 0.5 * weights.ravel()
    passed = np.clip(np.searchsorted(reached.ravel(), targets, side="right") - first, 0, last)
    below = passed + (middles[first + passed] <= targets)
    left, right = np.maximum(below - 1, 0), np.minimum(below, last)
    low, high = ordered.ravel()[first + left], ordered.ravel()[first + right]
    from_m, to_m = middles[first + left], middles[first + right]
    slope = np.divide(high - low, to_m - from_m, out=np.zeros_like(low), where=to_m > from_m)
    between: FloatArray = np.clip(slope * (targets - from_m) + low, low, high)
    return between
