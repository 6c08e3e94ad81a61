"""How good a forecast was: error, bias and pinball loss against what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hems.domain.forecast import MEDIAN
from hems.forecasting.history import FloatArray
from hems.forecasting.quantiles import LEVELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Means over ``count`` compared quarters [W]: of the median the absolute error, of the expected value the bias.

    ``bias_w`` is + where too much was expected. ``pinball_w`` is the mean over quarters and levels.
    """

    count: int
    mae_w: float
    bias_w: float
    pinball_w: float


def pinball_loss(levels_w: FloatArray, measured_w: FloatArray) -> FloatArray:
    """Return the mean pinball loss over the levels of each quarter [W], shape (n,); NaN where nothing was measured.

    ``levels_w`` has shape (levels, n). Source: Koenker and Bassett, Econometrica 46 (1978): (y - q) times the level
    where the quantile q was too low, (q - y) times what the level lacks to 1 where it was too high.
    """
    too_low = measured_w[None, :] - levels_w
    weight = LEVELS[:, None]
    loss: FloatArray = np.maximum(weight * too_low, (weight - 1.0) * too_low).mean(axis=0)
    return loss


def score(levels_w: FloatArray, measured_w: FloatArray) -> Score | None:
    """Return how good quantiles of shape (levels, n) were against ``measured_w``; None where nothing compares."""
    known = np.isfinite(measured_w) & np.isfinite(levels_w).all(axis=0)
    if not known.any():
        return None
    levels, measured = levels_w[:, known], measured_w[known]
    return Score(
        count=int(known.sum()),
        mae_w=float(np.abs(levels[MEDIAN] - measured).mean()),
        bias_w=float((levels.mean(axis=0) - measured).mean()),
        pinball_w=float(pinball_loss(levels, measured).mean()),
    )


def score_point(expected_w: FloatArray, measured_w: FloatArray) -> Score | None:
    """Return how good a forecast without quantiles was: all its quantiles are the one value."""
    return score(np.broadcast_to(expected_w, (len(LEVELS), len(expected_w))), measured_w)
