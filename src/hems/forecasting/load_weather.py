"""What a colder or warmer day than those before adds to the house's use, learnt where temperatures are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hems.forecasting.combine import ridge
from hems.forecasting.history import FloatArray
from hems.forecasting.load_days import SLOTS_PER_DAY
from hems.forecasting.load_experts import SLOW_FADING

HEATING_BASE_C = 18.0
COOLING_BASE_C = 21.0
"""Base temperatures of Eurostat's heating and cooling degree days (dataset nrg_chdd, its reference metadata)."""

_PARTS_OF_DAY = 6
_PENALTY = 20.0
"""As in the nowcast: the weather is believed as if twenty more quarters had shown that it does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterTemperature:
    """Outdoor temperature of each quarter from ``start`` on [degrees C], shape (n,); NaN is unknown.

    Of quarters to come it holds what is expected, of past ones what was known last.
    """

    start: datetime
    celsius: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherFit:
    """The square root of power that one degree adds, (2: heating and cooling, parts of the day)."""

    per_degree: FloatArray

    def addition(self, surprise: FloatArray) -> FloatArray:
        """Return what ``surprise`` (2, days, 96) [degrees] adds to each quarter, (days, 96)."""
        each = np.repeat(self.per_degree, SLOTS_PER_DAY // _PARTS_OF_DAY, axis=1)
        added: FloatArray = np.einsum("fds,fs->ds", surprise, each)
        return added


class Weather:
    """Degrees of heating and cooling of each local day, against those of the days before it."""

    def __init__(self, celsius: FloatArray) -> None:
        """``celsius``: day matrix (days, 96), NaN is unknown; a day's mean counts, for houses are slow."""
        is_known = np.isfinite(celsius)
        counts = is_known.sum(axis=1)
        means = np.full(len(celsius), np.nan)
        np.divide(np.where(is_known, celsius, 0.0).sum(axis=1), counts, out=means, where=counts >= SLOTS_PER_DAY // 4)
        self.degrees = np.stack([np.maximum(HEATING_BASE_C - means, 0.0), np.maximum(means - COOLING_BASE_C, 0.0)])

    def surprise(self, first: int, end: int) -> FloatArray:
        """Return how many degrees rows [first, end) differ from the fading mean of earlier days, (2, days, 96).

        0 where one side is unknown.
        """
        found = np.zeros((2, end - first, SLOTS_PER_DAY))
        for row in range(max(first, 1), end):
            past = self.degrees[:, :row]
            is_known = np.isfinite(past[0])
            if is_known.any() and np.isfinite(self.degrees[0, row]):
                counts = SLOW_FADING ** np.arange(row)[::-1] * is_known
                usual = (np.where(is_known, past, 0.0) @ counts) / counts.sum()
                found[:, row - first] = (self.degrees[:, row] - usual)[:, None]
        return found


def fit_weather(residuals: FloatArray, surprise: FloatArray, counts: FloatArray) -> WeatherFit:
    """Return what the ``residuals`` (days, 96) owe to the ``surprise`` of the weather (2, days, 96)."""
    width = SLOTS_PER_DAY // _PARTS_OF_DAY
    per_degree = np.zeros((2, _PARTS_OF_DAY))
    by_quarter = counts.reshape(residuals.shape)
    for part in range(_PARTS_OF_DAY):
        inside = slice(part * width, (part + 1) * width)
        features = surprise[:, :, inside].reshape(2, -1).T
        penalty = _PENALTY * max(float((features**2).mean()), 1.0)
        per_degree[:, part] = ridge(features, residuals[:, inside].ravel(), by_quarter[:, inside].ravel(), penalty)
    return WeatherFit(per_degree=per_degree)
