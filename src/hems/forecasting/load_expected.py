"""What a learnt day model expects at moments of that day: one in the service, all quarters of a day in a backtest.

Powers are square roots throughout, see ``load_model``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hems.forecasting.history import BoolArray, FloatArray
from hems.forecasting.load_days import SLOTS_PER_DAY, IntArray
from hems.forecasting.load_experts import Calendar, expert_forecasts, forecasts_after_today
from hems.forecasting.load_model import FEATURE_QUARTERS, LEADS, DayModel
from hems.forecasting.load_weather import Weather

RECENT_QUARTERS = FEATURE_QUARTERS[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMoments:
    """What is known at S moments of one local day, and the quarters that are to be forecast at each of them.

    Rows are local days, counted from the oldest that is looked at; slots are quarters of the wall clock.
    """

    whole: FloatArray
    """The days before today, (today, 96)."""
    today_versions: FloatArray
    """Today as it grew: row v has of each slot what its first v values tell; (versions, 96)."""
    today_known: IntArray
    """Which version of each slot was known at each moment, (S, 96)."""
    calendar: Calendar
    weather: Weather | None
    recent: FloatArray
    """The last quarters before each moment, oldest first; (S, RECENT_QUARTERS), NaN is unknown."""
    recent_rows: IntArray
    recent_slots: IntArray
    rows: IntArray
    """Of the quarters ahead, (S, count)."""
    slots: IntArray

    @property
    def today(self) -> int:
        """The row of the moments' own day."""
        return len(self.whole)

    def at(self, chosen: BoolArray) -> DayMoments:
        """Return only the ``chosen`` moments, (S,)."""
        if chosen.all():
            return self
        by_moment = ("today_known", "recent", "recent_rows", "recent_slots", "rows", "slots")
        return replace(self, **{name: getattr(self, name)[chosen] for name in by_moment})

    def known_quarters(self) -> IntArray:
        """Return of how many quarters something is known at each moment, (S,)."""
        of_today: IntArray = np.isfinite(self.today_rows()).sum(axis=1)
        return of_today + int(np.isfinite(self.whole).sum())

    def today_rows(self) -> FloatArray:
        """Return today as known at each moment, (S, 96)."""
        return self.of_versions(self.today_versions)

    def of_versions(self, values: FloatArray) -> FloatArray:
        """Return of each slot's ``values`` (versions, 96) those of the version known at each moment, (S, 96)."""
        return np.take_along_axis(values, self.today_known, axis=0)


def expected_levels(days: DayMoments, model: DayModel, live: float | None = None) -> FloatArray:
    """Return the quantiles of the quarters ahead, (S, levels, count), in square roots of power, in no sure order.

    ``live``: what is measured at the moment itself; counts as much as the last whole quarter.
    """
    moments = np.arange(len(days.rows))[:, None]
    leads = np.arange(1, days.rows.shape[1] + 1)
    is_beyond = leads > SLOTS_PER_DAY
    ahead = {}
    for row in range(days.today, int(days.rows.max()) + 1):
        for reach, of_reach in enumerate((~is_beyond, is_beyond)):
            at = np.nonzero((days.rows == row) & of_reach)
            if at[0].size:
                ahead[row, reach] = at
    before = range(max(0, int(days.recent_rows.min())), int(days.recent_rows.max()) + 1)
    bases = _bases(days, model, list(dict.fromkeys([*ahead, *((row, 0) for row in before)])))
    base: FloatArray = np.empty(days.rows.shape)
    for pair, at in ahead.items():
        base[at] = bases[pair][at[0], days.slots[at]]
    surprises = np.full(days.recent.shape, np.nan)
    for row in before:
        usual = bases[row, 0][moments, days.recent_slots]
        surprises = np.where(days.recent_rows == row, days.recent - usual, surprises)
    features = _features(surprises, None if live is None else live - base[:, :1])
    learnt = np.minimum(leads, LEADS[-1]) - 1
    expected = base + features @ model.nowcast[learnt].T
    usual_errors: FloatArray = model.errors.reshape(-1, model.errors.shape[-1])[learnt * SLOTS_PER_DAY + days.slots]
    levels = np.empty((len(base), usual_errors.shape[-1], base.shape[1]))
    for level in range(levels.shape[1]):
        np.add(expected, usual_errors[..., level], out=levels[:, level])
    return levels


def _features(surprises: FloatArray, live: FloatArray | None) -> FloatArray:
    """Return the mean of the known ``surprises`` (S, n) over each span of the last quarters, 0 if none; (S, features).

    With the ``live`` one (S, 1) the quarter under way counts as a quarter, and the last one means both.
    """
    if live is not None:
        surprises = np.concatenate([surprises[:, 1:], live], axis=1)
    spans = list(FEATURE_QUARTERS)
    if live is not None:
        spans[0] = 2
    is_known = np.isfinite(surprises)
    values = np.where(is_known, surprises, 0.0)
    found = np.zeros((len(surprises), len(spans)))
    for index, length in enumerate(spans):
        counts = is_known[:, -length:].sum(axis=1)
        np.divide(values[:, -length:].sum(axis=1), counts, out=found[:, index], where=counts > 0)
    return found


def _bases(days: DayMoments, model: DayModel, pairs: list[tuple[int, int]]) -> dict[tuple[int, int], FloatArray]:
    """Return what the combination expects of the days in rows, each from a reach, at each moment; (S, 96) each.

    Quarters nobody knows anything of get the day's mean.
    """
    found = {}
    targets, reaches = np.array(pairs).T
    newest = targets - 1 - reaches
    settled = newest < days.today  # all day long
    experts = iter(expert_forecasts(days.whole, days.calendar, targets[settled], newest[settled]))
    for pair, is_settled in zip(pairs, settled.tolist(), strict=True):
        row, reach = pair
        if is_settled:
            base = np.broadcast_to(model.weights[reach] @ next(experts), (len(days.rows), SLOTS_PER_DAY))
        else:
            growing = forecasts_after_today(days.whole, days.today_versions, days.calendar, row)
            base = days.of_versions(np.matmul(model.weights[reach], growing))
        if days.weather is not None and model.weather is not None:
            base = base + model.weather.addition(days.weather.surprise(row, row + 1))[0]
        found[pair] = base if np.isfinite(base).all() else _filled(base, days)
    return found


def _filled(base: FloatArray, days: DayMoments) -> FloatArray:
    """Return ``base`` with each NaN replaced by its day's mean, or where all of it is unknown by that of all days."""
    is_known = np.isfinite(base)
    sums, counts = np.where(is_known, base, 0.0).sum(axis=1), is_known.sum(axis=1)
    today = days.today_rows()
    all_sums = np.nansum(days.whole) + np.nansum(today, axis=1)
    all_means = all_sums / np.maximum(days.known_quarters(), 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), all_means)
    return np.where(is_known, base, means[:, None])
