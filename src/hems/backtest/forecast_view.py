"""What a planner saw ahead at every quarter of a span: forecasts of its own past, or what really came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hems.backtest.known_prices import SeenPrices
from hems.backtest.study import ForecastKind, Foresight, Study
from hems.domain.forecast import QUANTILE_LEVELS
from hems.domain.measured import FloatArray
from hems.domain.time_grid import MTU, floor_to_grid
from hems.forecasting.load import LoadForecaster
from hems.forecasting.pv import PvForecaster
from hems.forecasting.rolling_forecasts import RollingForecasts

_W = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Forecast powers [kW] of load and PV, shape (S, levels, T), ascending in levels; NaN where there is none."""

    load: FloatArray
    pv: FloatArray


class ForecastView:
    """Makes each span's forecasts once for all who plan with them."""

    def __init__(self, study: Study, like: ForecastView | None = None) -> None:
        """``like``: another study's view of the same past, whose forecasts serve here too; its prices do not.

        Raises: ValueError: what ``like`` forecasts is not what this study would.
        """
        past = study.past
        self._study = study
        self._like = like
        if like is not None and not like.forecasts_as(study):
            raise ValueError("forecasts can be shared by studies of the same past, span ahead and options only")
        self._horizon = study.planning.horizon // MTU
        self._forecasts = RollingForecasts(
            study.zone,
            LoadForecaster(study.load_options),
            PvForecaster(study.pv_options),
            past.start,
            past.quarter_load_w,
            past.quarter_pv_w,
            past.quarter_said_w if study.forecast is ForecastKind.GIVEN else None,
        )
        self._seen: tuple[tuple[datetime, datetime], SeenPrices] | None = None
        self._span: tuple[datetime, datetime] | None = None
        self._load: FloatArray | None = None
        self._pv: FloatArray | None = None

    def forecasts_as(self, study: Study) -> bool:
        """Return whether ``study`` would see the same forecasts."""
        own = self._study
        return own.past is study.past and (
            (own.zone, own.forecast, own.planning.horizon, own.load_options, own.pv_options)
            == (study.zone, study.forecast, study.planning.horizon, study.load_options, study.pv_options)
        )

    def prices(self, first: datetime, last: datetime, foresight: Foresight) -> SeenPrices:
        """Return the prices as seen, or as they came."""
        prices = self._study.prices
        if foresight.prices:
            return prices.foreseen(first, last, self._horizon)
        if self._seen is None or self._seen[0] != (first, last):
            self._seen = ((first, last), prices.seen(first, last, self._horizon))
        return self._seen[1]

    def levels(self, first: datetime, last: datetime, foresight: Foresight) -> Levels:
        """Return what was expected at every quarter in [first, last)."""
        if self._like is not None:
            return self._like.levels(first, last, foresight)
        if self._span != (first, last):
            self._span, self._load, self._pv = (first, last), None, None
        count = 1 if foresight.load and foresight.pv else len(QUANTILE_LEVELS)
        past = self._study.past
        if foresight.load:
            load = self._true(past.quarter_load_w, first, last, count)
        else:
            if self._load is None:
                self._load = self._issued(self._forecasts.load_levels, first, last) / _W
            load = self._load
        if foresight.pv:
            pv = self._true(past.quarter_pv_w, first, last, count)
        else:
            if self._pv is None:
                self._pv = self._issued(self._forecasts.pv_levels, first, last) / _W
            pv = self._pv
        return Levels(load=load, pv=pv)

    def _issued(
        self, levels_of: Callable[[datetime, datetime, int], FloatArray], first: datetime, last: datetime
    ) -> FloatArray:
        """Return the levels that stood at every quarter in [first, last), shape (S, levels, T) [W].

        Within an interval of the record nothing new is measured: what was said when it began holds on until it ends.
        """
        past = self._study.past
        moments = [first + step * MTU for step in range((last - first) // MTU)]
        ages = [(moment - floor_to_grid(past.measured_until(moment))) // MTU for moment in moments]
        if not any(ages):
            return levels_of(first, last, self._horizon)
        begin = first - ages[0] * MTU
        said = levels_of(begin, last, self._horizon + max(ages))
        rows = [(moment - begin) // MTU - age for moment, age in zip(moments, ages, strict=True)]
        return np.stack([said[row, :, age : age + self._horizon] for row, age in zip(rows, ages, strict=True)])

    def _true(self, values_w: FloatArray, first: datetime, last: datetime, count: int) -> FloatArray:
        """Return what came as if it had been said, (S, count, T); what is unknown to this day counts as nothing."""
        low, steps = self._study.past.index(first), (last - first) // MTU
        ahead = np.zeros(steps + self._horizon)
        known = np.nan_to_num(values_w[low : low + len(ahead)]) / _W
        ahead[: len(known)] = known
        windows = np.lib.stride_tricks.sliding_window_view(ahead, self._horizon)[:steps]
        return np.ascontiguousarray(np.repeat(windows[:, None], count, axis=1))
