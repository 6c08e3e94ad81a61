"""One forecast out of several: each weighs as much as its recent errors, beside those of the others, warrant."""

from __future__ import annotations

import numpy as np

from hems.forecasting.history import FloatArray

LEAST_RIDGE = 1e-9
"""The least penalty, as a share of the mean diagonal: where the target hardly varies, features that say the same would
leave the equations singular."""

NOTHING_TO_LEARN = 1e-280
"""Features whose weighted squares have no greater mean leave a float no room for a penalty."""


def combination_weights(
    experts: FloatArray, measured: FloatArray, sample_weights: FloatArray, *, towards_equal: float
) -> FloatArray:
    """Return the weights (k,), >= 0 and of sum 1, with which the experts' forecasts are averaged.

    Least squares over past forecasts ``experts`` (n, k) of what was ``measured`` (n,), each counted by
    ``sample_weights`` (n,), drawn to equal weights by ``towards_equal`` (ridge, as a share of the mean diagonal): equal
    weights are hard to beat with few errors. Rows with a NaN do not count; without any the weights are equal.
    Source: Bates and Granger, Operational Research Quarterly 20 (1969); Diebold and Shin, International Journal of
    Forecasting 35 (2019), for the shrinkage. Negative weights, which extrapolate, are cut off.
    """
    count = experts.shape[1]
    equal = np.full(count, 1.0 / count)
    usable = np.isfinite(measured) & np.isfinite(experts).all(axis=1)
    if not usable.any():
        return equal
    if not usable.all():
        experts, measured, sample_weights = experts[usable], measured[usable], sample_weights[usable]
    mean = experts.mean(axis=1)
    deviations = experts - mean[:, None]
    weighted = deviations * sample_weights[:, None]
    gram = weighted.T @ deviations
    diagonal = float(np.trace(gram)) / count
    if diagonal <= 0.0:
        return equal
    moved = np.linalg.solve(gram + towards_equal * diagonal * np.eye(count), weighted.T @ (measured - mean))
    found = np.maximum(equal + moved - moved.mean(), 0.0)
    combined: FloatArray = found / found.sum()
    return combined


def ridge(features: FloatArray, target: FloatArray, sample_weights: FloatArray, penalty: float) -> FloatArray:
    """Return the coefficients (k,) of weighted least squares with the quadratic ``penalty`` on each; 0 without data.

    ``features`` (n, k) are finite; rows whose ``target`` (n,) is NaN do not count.
    """
    weights = np.where(np.isfinite(target), sample_weights, 0.0)
    weighted = features * weights[:, None]
    gram = weighted.T @ features
    diagonal = float(np.trace(gram)) / features.shape[1]
    if penalty <= 0.0 or diagonal < NOTHING_TO_LEARN:
        return np.zeros(features.shape[1])
    gram += max(penalty, LEAST_RIDGE * diagonal) * np.eye(features.shape[1])
    solved = np.linalg.solve(gram, weighted.T @ np.where(np.isfinite(target), target, 0.0))
    return np.asarray(solved, dtype=np.float64)
