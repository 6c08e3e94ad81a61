"""What the past of one house teaches about its panels and its source, learnt anew every day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from hems.domain.time_grid import MTU
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.pv_envelope import ClearSky, envelope_factors
from hems.forecasting.pv_memory import QUARTERS_PER_DAY, IntArray, SaidBefore, quarter_index
from hems.forecasting.pv_table import (
    LEVELS,
    NODES,
    NOTHING_LASTS,
    Lasting,
    Pairs,
    QuantileTable,
    learn_lasting,
    learn_table,
    scores,
)

LIT_SHARE = 0.03
"""Below this share of the day's best quarter, dusk and the meter's rounding decide."""

_PRIOR_RATIO = np.array(
    [
        [0.14, 0.20, 0.31, 0.48, 0.68, 0.89, 1.20, 1.53, 1.97, 2.85, 4.32, 5.41, 7.62],
        [0.16, 0.23, 0.32, 0.49, 0.63, 0.82, 1.04, 1.35, 1.71, 2.19, 2.71, 3.08, 3.60],
        [0.19, 0.25, 0.33, 0.48, 0.62, 0.79, 0.98, 1.22, 1.50, 1.72, 2.01, 2.20, 2.39],
        [0.15, 0.25, 0.36, 0.48, 0.60, 0.76, 0.90, 1.04, 1.19, 1.32, 1.44, 1.55, 1.65],
        [0.17, 0.22, 0.37, 0.56, 0.68, 0.80, 0.90, 0.97, 1.02, 1.10, 1.17, 1.22, 1.29],
        [0.17, 0.23, 0.41, 0.69, 0.77, 0.81, 0.84, 0.87, 0.90, 0.93, 0.97, 1.02, 1.07],
        [0.12, 0.15, 0.29, 0.57, 0.74, 0.79, 0.81, 0.82, 0.83, 0.85, 0.87, 0.92, 0.96],
        [0.12, 0.15, 0.29, 0.57, 0.74, 0.79, 0.81, 0.82, 0.83, 0.85, 0.87, 0.92, 0.96],
    ]
)
"""What came over what a day-ahead forecast said, right on average, by level and by the node it said (from 0.1 on):
measured over a year of one European home. It holds until the house's own pairs outweigh it, within days."""
PRIOR_GIVEN = np.vstack([np.zeros((1, len(LEVELS))), NODES[1:, np.newaxis] * _PRIOR_RATIO])
PRIOR_WITHOUT = np.array([[0.01, 0.02, 0.05, 0.12, 0.20, 0.28, 0.40, 0.53, 0.69, 0.82, 0.91, 0.96, 1.02]])
"""Which share of the envelope came, whatever was said: the same year, the same home."""
_ONE_NODE = np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The quarters that are learnt from: ``measured_w`` from number ``start`` on [W], (n,); ``free_w`` without those
    in which the panels were held back. NaN is unknown."""

    start: int
    measured_w: FloatArray
    free_w: FloatArray

    @staticmethod
    def of(history: QuarterHistory, at: datetime, window: timedelta) -> Past:
        """Return the ``window`` before ``at``; quarters that ended later are not looked at."""
        past = history.until(at)
        count = min(len(past), window // MTU)
        measured_w = past.pv_w[len(past) - count :]
        curtailed = past.pv_curtailed[len(past) - count :]
        return Past(
            start=quarter_index(past.end) - count,
            measured_w=measured_w,
            free_w=np.where(curtailed, np.nan, measured_w),
        )

    def same_as(self, other: Past) -> bool:
        """Return whether both hold the same quarters with the same values."""
        return self.start == other.start and np.array_equal(self.free_w, other.free_w, equal_nan=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PvFit:
    """All that was learnt from ``past``."""

    past: Past
    known_quarters: int
    seen_max_w: float | None
    """The most that was measured; None where the panels were held back at times, so that it is no bound."""
    factors: FloatArray | None
    """Of the envelope, by quarter of the day; None before a day's worth of quarters was measured."""
    last: QuantileTable
    """For what the source says shortly before."""
    early: QuantileTable
    """For what the source says hours ahead."""
    without: QuantileTable
    """For quarters of which no source says anything."""
    lasting: Lasting

    def scores_of(self, start: int, measured_w: FloatArray, sky: ClearSky, memory: SaidBefore) -> FloatArray:
        """Return where each measured quarter from number ``start`` on lay on its curve; NaN: dark or unknown."""
        count = len(measured_w)
        if self.factors is None or count == 0:
            return np.full(count, np.nan)
        # At least a day is looked at, so that a lonely quarter of dusk is not its own yardstick.
        looked_at = max(count, QUARTERS_PER_DAY)
        quarters = (start + count - looked_at + np.arange(looked_at)) % QUARTERS_PER_DAY
        envelope_day_w = sky.power_w(start + count - looked_at, looked_at) * self.factors[quarters]
        quarter, envelope_w = quarters[looked_at - count :], envelope_day_w[looked_at - count :]
        lit = envelope_w > LIT_SHARE * float(envelope_day_w.max())
        result = np.full(count, np.nan)
        rows = np.flatnonzero(lit & np.isfinite(measured_w))
        said_w = memory.said(start, count)[0][rows]
        result[rows] = self.scores_in(quarter[rows], envelope_w[rows], measured_w[rows], said_w)
        return result

    def scores_in(
        self, quarter: IntArray, envelope_w: FloatArray, measured_w: FloatArray, said_w: FloatArray
    ) -> FloatArray:
        """Return where what was measured lay on its curve, by quarter of the day; all of shape (n,), said or NaN."""
        heard = np.isfinite(said_w)
        curves = np.empty((len(quarter), len(LEVELS)))
        curves[heard] = self.last.curves_at(quarter[heard], said_w[heard] / envelope_w[heard])
        curves[~heard] = self.without.curves_at(quarter[~heard], said_w[~heard])
        return scores(curves, measured_w / envelope_w)


def fit_past(past: Past, sky: ClearSky, memory: SaidBefore, half_life: timedelta) -> PvFit:
    """Return what ``past`` and what was said about it teach; a pair counts half as much for every ``half_life``."""
    start, count = past.start, len(past.measured_w)
    last_w, early_w = memory.said(start, count)
    clear_w = sky.power_w(start, count)
    known_quarters = int(np.isfinite(past.measured_w).sum())
    is_enough = known_quarters >= QUARTERS_PER_DAY  # a night and a morning say nothing of an afternoon
    factors = envelope_factors(start, np.stack([past.measured_w, last_w]), clear_w) if is_enough else None
    quarter = (start + np.arange(count)) % QUARTERS_PER_DAY
    envelope_w = clear_w if factors is None else clear_w * factors[quarter]
    lit = envelope_w > LIT_SHARE * float(envelope_w.max(initial=0.0))
    safe_w = np.where(lit, envelope_w, 1.0)
    came = np.where(lit & is_enough, past.free_w / safe_w, np.nan)
    age = (count - np.arange(count)) * (MTU / half_life)
    weight: FloatArray = np.power(0.5, age)

    def table(said_w: FloatArray, nodes: FloatArray, prior: FloatArray) -> QuantileTable:
        known = np.isfinite(came) & np.isfinite(said_w)
        expected = (said_w / safe_w)[known]
        pairs = Pairs(quarter=quarter[known], expected=expected, came=came[known], weight=weight[known])
        return learn_table(pairs, nodes, prior)

    last = table(last_w, NODES, PRIOR_GIVEN)
    is_same = np.array_equal(last_w, early_w, equal_nan=True)  # of a source that speaks once a day
    is_held_back = bool((np.isfinite(past.measured_w) & np.isnan(past.free_w)).any())
    fit = PvFit(
        past=past,
        known_quarters=known_quarters,
        seen_max_w=None if is_held_back else float(np.nanmax(past.measured_w, initial=0.0)),
        factors=factors,
        last=last,
        early=last if is_same else table(early_w, NODES, PRIOR_GIVEN),
        without=table(np.zeros(count), _ONE_NODE, PRIOR_WITHOUT),
        lasting=NOTHING_LASTS,
    )
    return replace(fit, lasting=learn_lasting(fit.scores_of(start, past.free_w, sky, memory), weight))
