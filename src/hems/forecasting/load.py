"""What the house will use: several simple forecasts, weighed by their recent errors, and a nowcast on top."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.time_grid import MTU, floor_to_grid, require_utc
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.load_days import SLOTS_PER_DAY, IntArray, as_day_rows, local_midnight, local_quarters
from hems.forecasting.load_experts import Calendar, calendar_of, expert_forecasts
from hems.forecasting.load_first_hours import SHARES_OF_NOW
from hems.forecasting.load_model import (
    FEATURE_QUARTERS,
    LEADS,
    REACHES,
    DayModel,
    fit_day_model,
    surprise_features,
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    """The known past and the span to forecast as rows of local days; powers as square roots.

    ``today`` is the row of now; ``rows`` and ``slots`` say where each past quarter belongs, ``values`` are theirs;
    ``behind`` quarters lie between the last of them and now.
    """

    known: FloatArray
    calendar: Calendar
    weather: Weather | None
    today: int
    first_day: int
    rows: IntArray
    slots: IntArray
    values: FloatArray
    behind: int


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
        days = self._as_days(past, start, count, zone, temperature)
        known_quarters = int(np.isfinite(days.known).sum())
        model = self._model_of(days) if known_quarters >= self._options.least_quarters else None
        levels = (
            _plain_levels(measured, count) if model is None else _levels(days, model, start, count, zone, live_load_w)
        )
        levels_w = np.maximum(np.maximum.accumulate(levels, axis=0), 0.0) ** 2
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

    def _as_days(
        self,
        past: QuarterHistory,
        start: datetime,
        count: int,
        zone: ZoneInfo,
        temperature: QuarterTemperature | None,
    ) -> _Days:
        """Return the past as local days; those before today are whole, so that they stay the same all day."""
        ahead, _ = local_quarters(start, count, zone)
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
        return _Days(
            known=as_day_rows(values, days - first_day, slots, today + 1),
            calendar=calendar_of(first_day, total, self._options.is_holiday),
            weather=weather,
            today=today,
            first_day=first_day,
            rows=days - first_day,
            slots=slots,
            values=values,
            behind=max(0, (start - past.end) // MTU),
        )

    def _model_of(self, days: _Days) -> DayModel | None:
        """Return what the days before today teach, learnt once for each set of days."""
        whole = days.known[: days.today]
        digest = hashlib.blake2b(whole.tobytes(), digest_size=16)
        digest.update(days.calendar.kinds[: days.today].tobytes())
        digest.update(days.calendar.weekdays[: days.today].tobytes())
        if days.weather is not None:
            digest.update(days.weather.degrees[:, : days.today].tobytes())
        key = digest.digest()
        if key not in self._models:
            first = days.today - min(self._options.learnt_days, days.today)
            filled = np.flatnonzero(np.isfinite(whole).any(axis=1))
            first = max(first, int(filled[0]) + 1) if len(filled) else days.today
            found = fit_day_model(whole, days.calendar, days.weather, first) if first < days.today else None
            while len(self._models) >= _MODELS_KEPT:
                self._models.pop(next(iter(self._models)))
            self._models[key] = found
        return self._models[key]


def _levels(
    days: _Days, model: DayModel, start: datetime, count: int, zone: ZoneInfo, live_load_w: float | None
) -> FloatArray:
    """Return the quantiles in square roots of power, (levels, count)."""
    ahead, slots = local_quarters(start, count, zone)
    rows = ahead - days.first_day
    leads = np.arange(1, count + 1)
    base = np.empty(count)
    for row in range(int(rows[0]), int(rows[-1]) + 1):
        for reach in range(REACHES):
            wanted = (rows == row) & ((leads > SLOTS_PER_DAY) == (reach == 1))
            if wanted.any():
                base[wanted] = _base(days, model, row, reach)[slots[wanted]]
    surprises = _recent_surprises(days, model)
    if live_load_w is not None and np.isfinite(live_load_w):
        surprises = np.append(surprises, np.sqrt(max(live_load_w, 0.0)) - base[0])
    features = surprise_features(surprises[-FEATURE_QUARTERS[-1] :])
    if live_load_w is not None and np.isfinite(live_load_w):
        latest = surprises[-2:]
        features[0] = latest[np.isfinite(latest)].mean()
    learnt = np.minimum(leads, LEADS[-1]) - 1
    expected = base + model.nowcast[learnt] @ features
    levels: FloatArray = expected[None, :] + model.errors[learnt, slots].T
    return levels


def _base(days: _Days, model: DayModel, row: int, reach: int) -> FloatArray:
    """Return what the combination expects of the day in ``row``, (96,); quarters nobody knows get the day's mean."""
    newest = min(row - 1 - reach, days.today)
    base: FloatArray = model.weights[reach] @ expert_forecasts(days.known, days.calendar, row, newest)
    if days.weather is not None and model.weather is not None:
        base = base + model.weather.addition(days.weather.surprise(row, row + 1))[0]
    if not np.isfinite(base).all():
        base = np.where(
            np.isfinite(base), base, np.nanmean(days.known) if not np.isfinite(base).any() else np.nanmean(base)
        )
    return base


def _recent_surprises(days: _Days, model: DayModel) -> FloatArray:
    """Return how the last quarters before now differed from what was expected of them, oldest first."""
    length = FEATURE_QUARTERS[-1]
    found = np.full(length, np.nan)
    # The history may end before now: each value is put where its own quarter stands.
    count = min(length - days.behind, len(days.values))
    if count <= 0:
        return found
    latest, rows, slots = (part[-count:] for part in (days.values, days.rows, days.slots))
    for row in range(max(0, int(rows[0])), int(rows[-1]) + 1):
        inside = rows == row
        positions = length - days.behind - count + np.flatnonzero(inside)
        found[positions] = latest[inside] - _base(days, model, row, 0)[slots[inside]]
    return found


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
