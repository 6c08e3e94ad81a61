"""What the house will use: several simple forecasts, weighed by their recent errors, and a nowcast on top."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity
from hems.domain.time_grid import MTU, floor_to_grid, require_utc
from hems.forecasting.history import BoolArray, FloatArray, QuarterHistory
from hems.forecasting.load_days import SLOTS_PER_DAY, IntArray, as_day_rows, local_midnight, local_quarters
from hems.forecasting.load_expected import RECENT_QUARTERS, DayMoments, expected_levels
from hems.forecasting.load_experts import calendar_of
from hems.forecasting.load_first_hours import SHARES_OF_NOW
from hems.forecasting.load_model import DayModel, fit_day_model
from hems.forecasting.load_weather import QuarterTemperature, Weather
from hems.forecasting.quantiles import weighted_quantiles

SOURCE = "own_history"
_MODELS_KEPT = 2
_SURE_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How far the past is looked at, and which days are free."""

    history_days: int = 60
    learnt_days: int = 42
    """Of these, the newest are forecast again to learn how good each forecaster is; those before are their past."""
    least_quarters: int = 2 * SLOTS_PER_DAY
    """With fewer measured quarters there is no daily shape yet: their plain distribution is all that is known."""
    is_holiday: Callable[[date], bool] | None = None
    """Which days are free though they are no Sundays; None where no calendar is known."""


class LoadForecaster:
    """Forecasts the use of one house from its own past.

    Pure: the same arguments give the same answer. What was learnt from whole days is kept, under a digest of those
    days, because it holds for every forecast of the day.
    """

    def __init__(self, options: LoadOptions | None = None) -> None:
        self._options = LoadOptions() if options is None else options
        self._models: dict[bytes, DayModel | None] = {}

    def forecast(
        self,
        history: QuarterHistory,
        now: datetime,
        count: int,
        zone: ZoneInfo,
        *,
        live_load_w: float | None = None,
        temperature: QuarterTemperature | None = None,
    ) -> EnergyForecast | None:
        """Return the mean power of ``count`` quarters from that of ``now`` on, or None where nothing was measured.

        Args:
            history: measured quarters; those that end after ``now`` are not looked at.
            zone: of the house: habits follow its clock.
            live_load_w: measured power at ``now`` [W]; counts as much as the last whole quarter.
            temperature: outdoors, of the past and of what is to come.
        """
        now, start = require_utc(now), floor_to_grid(now)
        past = history.until(now)
        measured = past.load_w[np.isfinite(past.load_w)]
        if count <= 0 or not len(measured):
            return None
        days = self._day_moments(past, start, 1, count, zone, temperature)
        known_quarters = int(days.known_quarters()[0])
        model = self._model_of(days) if known_quarters >= self._options.least_quarters else None
        live = None if live_load_w is None or not np.isfinite(live_load_w) else np.sqrt(max(live_load_w, 0.0))
        levels = _plain_levels(measured, count)[None] if model is None else expected_levels(days, model, live)
        levels_w = _as_powers(levels)[0]
        known_at = past.start + (int(np.flatnonzero(np.isfinite(past.load_w))[-1]) + 1) * MTU
        return EnergyForecast(
            quantity=Quantity.LOAD,
            source=SOURCE,
            issued_at=now,
            known_at=known_at,
            start=start,
            levels_w=tuple(tuple(level.tolist()) for level in levels_w),
            notes=_notes(known_quarters, has_shape=model is not None),
        )

    def levels_through_day(
        self, history: QuarterHistory, first: datetime, moments: int, count: int, zone: ZoneInfo
    ) -> FloatArray:
        """Return the levels of ``forecast`` as made at the starts of ``moments`` quarters of one local day.

        Equal to ``forecast`` but for rounding, several times faster. At each moment only what had ended by then is
        looked at, though ``history`` goes on.

        Args:
            first: the first moment, on the grid; all of them lie on its local day.
        Returns: shape (moments, levels, count) [W]; NaN at a moment before which nothing was measured.
        """
        levels_w = np.full((moments, len(QUANTILE_LEVELS), count), np.nan)
        if moments <= 0 or count <= 0:
            return levels_w
        past = history.until(first + (moments - 1) * MTU)
        days = self._day_moments(past, first, moments, count, zone, None)
        has_shape = days.known_quarters() >= self._options.least_quarters
        model = self._model_of(days) if has_shape.any() else None
        if model is not None:
            levels_w[has_shape] = _as_powers(expected_levels(days.at(has_shape), model))
        measured_before = (first - past.start) // MTU
        for row in np.flatnonzero(~has_shape) if model is not None else range(moments):
            known_w = past.load_w[: max(measured_before + int(row), 0)]
            known_w = known_w[np.isfinite(known_w)]
            if len(known_w):
                levels_w[row] = _as_powers(_plain_levels(known_w, count)[None])[0]
        return levels_w

    def _day_moments(
        self,
        past: QuarterHistory,
        first: datetime,
        moments: int,
        count: int,
        zone: ZoneInfo,
        temperature: QuarterTemperature | None,
    ) -> DayMoments:
        """Return what is known at ``moments`` quarters of one local day from ``first`` on.

        Days before today are whole, so that they stay the same all day.
        """
        ahead, ahead_slots = local_quarters(first, moments - 1 + count, zone)
        today = self._options.history_days
        first_day = int(ahead[0]) - today
        total = int(ahead[-1]) - first_day + 1
        skip = max(0, (local_midnight(first_day, zone) - past.start) // MTU)
        values = np.sqrt(np.maximum(past.load_w[skip:], 0.0))
        days, slots = local_quarters(past.start + skip * MTU, len(values), zone)
        weather = None
        if temperature is not None and np.isfinite(temperature.celsius).any():
            its_days, its_slots = local_quarters(temperature.start, len(temperature.celsius), zone)
            weather = Weather(as_day_rows(temperature.celsius, its_days - first_day, its_slots, total))
        before = (first - past.start) // MTU - skip
        versions, known = _today_as_it_grew(values, slots, days - first_day == today, before, moments)
        recent = np.full(RECENT_QUARTERS + moments - 1, np.nan)
        begin = before - RECENT_QUARTERS
        low, high = max(0, begin), min(len(values), begin + len(recent))
        if high > low:
            recent[low - begin : high - begin] = values[low:high]
        its_days, its_slots = local_quarters(first - RECENT_QUARTERS * MTU, len(recent), zone)
        return DayMoments(
            whole=as_day_rows(values, days - first_day, slots, today),
            today_versions=versions,
            today_known=known,
            calendar=calendar_of(first_day, total, self._options.is_holiday),
            weather=weather,
            recent=sliding_window_view(recent, RECENT_QUARTERS),
            recent_rows=sliding_window_view(its_days - first_day, RECENT_QUARTERS),
            recent_slots=sliding_window_view(its_slots, RECENT_QUARTERS),
            rows=sliding_window_view(ahead - first_day, count),
            slots=sliding_window_view(ahead_slots, count),
        )

    def _model_of(self, days: DayMoments) -> DayModel | None:
        """Return what the days before today teach, learnt once for each set of days."""
        digest = hashlib.blake2b(days.whole.tobytes(), digest_size=16)
        digest.update(days.calendar.kinds[: days.today].tobytes())
        digest.update(days.calendar.weekdays[: days.today].tobytes())
        if days.weather is not None:
            digest.update(days.weather.degrees[:, : days.today].tobytes())
        key = digest.digest()
        if key not in self._models:
            first = days.today - min(self._options.learnt_days, days.today)
            filled = np.flatnonzero(np.isfinite(days.whole).any(axis=1))
            first = max(first, int(filled[0]) + 1) if len(filled) else days.today
            found = fit_day_model(days.whole, days.calendar, days.weather, first) if first < days.today else None
            while len(self._models) >= _MODELS_KEPT:
                self._models.pop(next(iter(self._models)))
            self._models[key] = found
        return self._models[key]


def _today_as_it_grew(
    values: FloatArray, slots: IntArray, is_today: BoolArray, before: int, moments: int
) -> tuple[FloatArray, IntArray]:
    """Return the versions of today and which of them was known at each moment, see ``DayMoments``.

    A slot has two versions, nothing and its value; on the day whose hour repeats, it may grow a third, their mean.

    Args:
        values: of the past quarters. slots: theirs. is_today: whether they lie on the moments' day.
        before: how many of ``values`` had ended at the first moment; one more does at each that follows.
    """
    places = np.flatnonzero(is_today & np.isfinite(values))
    its_slots = slots[places]
    grown = np.cumsum(its_slots[:, None] == np.arange(SLOTS_PER_DAY), axis=0)
    nth = grown[np.arange(len(places)), its_slots]
    sums, versions = np.zeros(SLOTS_PER_DAY), np.full((int(nth.max(initial=0)) + 1, SLOTS_PER_DAY), np.nan)
    for version in range(1, len(versions)):
        now = nth == version
        sums[its_slots[now]] += values[places[now]]
        versions[version, its_slots[now]] = sums[its_slots[now]] / version
    ended = np.searchsorted(places, before + np.arange(moments))
    return versions, np.concatenate([np.zeros((1, SLOTS_PER_DAY), dtype=np.int64), grown])[ended]


def _as_powers(levels: FloatArray) -> FloatArray:
    """Return powers [W] that do not descend along the levels, from their square roots (S, levels, count)."""
    levels_w = np.empty_like(levels)
    running = np.zeros_like(levels[:, 0])
    for level in range(levels.shape[1]):
        np.maximum(running, levels[:, level], out=running)
        np.square(running, out=levels_w[:, level])
    return levels_w


def _plain_levels(measured_w: FloatArray, count: int) -> FloatArray:
    """Return the plain distribution of all that was measured, in square roots of power, (levels, count).

    What of a first day is not measured yet counts as wide levels around the mean: a few quarters of one evening lie
    close together and say little of the coming day.
    """
    missing = max(SLOTS_PER_DAY - len(measured_w), 0)
    assumed_w = float(np.mean(measured_w)) * np.array(SHARES_OF_NOW)
    values = np.sqrt(np.maximum(np.concatenate([measured_w, assumed_w]), 0.0))
    weights = np.concatenate([np.ones(len(measured_w)), np.full(len(assumed_w), missing / len(assumed_w))])
    found = weighted_quantiles(values[None, :], weights[None, :])[0]
    return np.repeat(found[:, None], count, axis=1)


def _notes(known_quarters: int, *, has_shape: bool) -> tuple[str, ...]:
    known_days = known_quarters / SLOTS_PER_DAY
    if not has_shape:
        return (f"measured for {known_days:.1f} days only: no daily shape is known yet",)
    return (f"measured for {known_days:.1f} days only",) if known_days < _SURE_DAYS else ()
