"""Quantiles of weighted samples."""

from __future__ import annotations

import numpy as np

from hems.domain.forecast import QUANTILE_LEVELS
from hems.forecasting.history import FloatArray

LEVELS: FloatArray = np.array(QUANTILE_LEVELS)


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
    found = np.full((len(samples), len(LEVELS)), np.nan)
    counts = np.count_nonzero(weighing > 0.0, axis=1)
    middles = np.cumsum(ordered_weights, axis=1) - 0.5 * ordered_weights
    for row, count in enumerate(counts):
        if count:
            total = middles[row, count - 1] + 0.5 * ordered_weights[row, count - 1]
            found[row] = np.interp(LEVELS * total, middles[row, :count], ordered[row, :count])
    return found
