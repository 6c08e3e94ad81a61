"""What whole past days teach about forecasting the house's use: weights, how long a surprise lasts, usual errors.

Everything here is in the square root of power: there, errors at night and at noon are of about one size, a kettle does
not outweigh a day, and no quantile falls below zero. It is learnt from days before today only, so that it holds for
the whole local day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hems.forecasting.combine import combination_weights, ridge
from hems.forecasting.history import FloatArray
from hems.forecasting.load_days import SLOTS_PER_DAY
from hems.forecasting.load_experts import EXPERTS, Calendar, expert_forecasts
from hems.forecasting.load_weather import Weather, WeatherFit, fit_weather
from hems.forecasting.quantiles import LEVELS, column_weighted_quantiles

LEADS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 72, 96, 97, 120, 144])
"""Leads learnt from, in quarters: 1 is the quarter under way. Between them is interpolated."""

FEATURE_QUARTERS = (1, 4, 12, 96)
"""A surprise is looked at over the last quarter, hour, three hours and day."""

HALF_LIFE_DAYS = 28.0
TOWARDS_EQUAL = 0.3
NOWCAST_PENALTY = 20.0
"""Surprises are believed as if twenty more quarters had shown that they do not last."""

_BLOCK = 4
"""Usual errors are told for each hour of the day from that hour and both its neighbours."""
_BLOCKS = SLOTS_PER_DAY // _BLOCK
_DAYS_FOR_HOURS = 14
"""With fewer days, the errors of all hours are taken together: three hours of them would be a handful."""

REACHES = 2
"""Within a day the same quarter of yesterday is known, beyond it only that of the day before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayModel:
    """What was learnt, for one local day.

    ``weights``: of the experts, (REACHES, experts). ``weather``: what a colder day adds, None without temperatures.
    ``nowcast``: what is left of each feature's surprise at lead 1.., (LEADS[-1], features). ``errors``: quantiles of
    what then was still wrong, (LEADS[-1], 96 wall-clock quarters, levels).
    """

    weights: FloatArray
    weather: WeatherFit | None
    nowcast: FloatArray
    errors: FloatArray


def fit_day_model(known: FloatArray, calendar: Calendar, weather: Weather | None, first: int) -> DayModel | None:
    """Return what the rows of ``known`` (days, 96) teach, forecasting each from ``first`` on by those before it.

    Returns: None where no past quarter could have been forecast.
    """
    days = len(known)
    targets = np.arange(first, days)
    newest = np.concatenate([targets - 1 - reach for reach in range(REACHES)])
    experts = expert_forecasts(known, calendar, np.tile(targets, REACHES), newest)
    experts = experts.reshape(REACHES, len(targets), *experts.shape[1:])  # reach, day, expert, quarter
    measured = known[first:]
    day_counts = 0.5 ** (np.arange(len(targets))[::-1] / HALF_LIFE_DAYS)
    counts = np.repeat(day_counts, SLOTS_PER_DAY)
    weights = np.stack(
        [
            combination_weights(
                of_reach.swapaxes(0, 1).reshape(len(EXPERTS), -1).T, measured.ravel(), counts,
                towards_equal=TOWARDS_EQUAL,
            )
            for of_reach in experts
        ]
    )  # fmt: skip
    base = np.einsum("rk,rdks->rds", weights, experts)
    weather_fit = None
    if weather is not None:
        weather_fit = fit_weather(measured - base[0], weather.surprise(first, days), counts)
        base += weather_fit.addition(weather.surprise(first, days))
    residuals = (measured - base).reshape(REACHES, -1)
    if not np.isfinite(residuals[0]).any():
        return None
    nowcast, errors = _learn_errors(residuals, counts)
    return DayModel(weights=weights, weather=weather_fit, nowcast=nowcast, errors=errors)


def _all_features(residuals: FloatArray) -> FloatArray:
    """Return the features as they were before each quarter of ``residuals`` (n,), shape (n, features)."""
    is_known = np.isfinite(residuals)
    sums = np.concatenate([[0.0], np.cumsum(np.where(is_known, residuals, 0.0))])
    counts = np.concatenate([[0], np.cumsum(is_known)])
    moments = np.arange(len(residuals))
    columns = []
    for length in FEATURE_QUARTERS:
        since = np.maximum(moments - length, 0)
        total, known = sums[moments] - sums[since], counts[moments] - counts[since]
        columns.append(np.divide(total, known, out=np.zeros(len(residuals)), where=known > 0))
    return np.stack(columns).T  # features one after the other in memory: what follows is twice as fast


def _learn_errors(residuals: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return nowcast coefficients and error quantiles for every lead, see :class:`DayModel`."""
    features = _all_features(residuals[0])
    penalty = NOWCAST_PENALTY * float(np.nanvar(residuals[0]))
    size = residuals.shape[1]
    coefficients = np.zeros((len(LEADS), len(FEATURE_QUARTERS)))
    errors = np.full((len(LEADS), size), np.nan)
    for index, lead in enumerate(LEADS):
        target = residuals[0 if lead <= SLOTS_PER_DAY else 1][lead - 1 :]
        issued = features[: len(target)]
        coefficients[index] = ridge(issued, target, counts[lead - 1 :], penalty)
        errors[index, lead - 1 :] = target - issued @ coefficients[index]
    quantiles = _quantiles_by_hour(errors, counts)
    leads = np.arange(1, LEADS[-1] + 1)
    nowcast = np.stack([np.interp(leads, LEADS, column) for column in coefficients.T], axis=1)
    right = np.searchsorted(LEADS, leads)
    left = np.maximum(right - 1, 0)
    share = np.where(right > 0, (leads - LEADS[left]) / np.maximum(LEADS[right] - LEADS[left], 1), 1.0)[:, None, None]
    return nowcast, quantiles[left] * (1.0 - share) + quantiles[right] * share


def _quantiles_by_hour(errors: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the error quantiles of each lead at each quarter of the day, (leads, 96, levels); 0 if unknown."""
    leads, size = errors.shape
    days = size // SLOTS_PER_DAY
    by_day = errors.reshape(leads, days, SLOTS_PER_DAY)
    weights = counts.reshape(days, SLOTS_PER_DAY)[:, 0]
    if days < _DAYS_FOR_HOURS:
        pooled = column_weighted_quantiles(errors, counts)
        return np.repeat(np.nan_to_num(pooled)[:, None], SLOTS_PER_DAY, axis=1)
    by_hour = by_day.reshape(leads, days, _BLOCKS, _BLOCK).swapaxes(1, 2).reshape(leads, _BLOCKS, -1)
    samples = np.concatenate([np.roll(by_hour, 1, axis=1), by_hour, np.roll(by_hour, -1, axis=1)], axis=2)
    its_weights = np.tile(np.repeat(weights, _BLOCK), 3)
    hourly = column_weighted_quantiles(samples.reshape(leads * _BLOCKS, -1), its_weights)
    hourly = hourly.reshape(leads, _BLOCKS, len(LEVELS))
    if not np.isfinite(hourly).all():
        whole_day = np.nan_to_num(column_weighted_quantiles(errors, counts))
        hourly = np.where(np.isfinite(hourly), hourly, whole_day[:, None])
    return _between_hours(hourly)


def _between_hours(hourly: FloatArray) -> FloatArray:
    """Return values of whole hours (leads, 24, levels) at the middle of each quarter, linear, around the clock."""
    at = (np.arange(SLOTS_PER_DAY) + 0.5) / _BLOCK - 0.5
    left = np.floor(at).astype(int)
    share = (at - left)[None, :, None]
    interpolated: FloatArray = hourly[:, left % _BLOCKS] * (1.0 - share) + hourly[:, (left + 1) % _BLOCKS] * share
    return interpolated
