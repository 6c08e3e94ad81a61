"""What forecasts learn with, in one stroke, is what a plain loop finds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hems.domain.forecast import SourceForecast
from hems.domain.time_grid import MTU, local_day_bounds
from hems.forecasting.history import FloatArray
from hems.forecasting.load import _today_as_it_grew
from hems.forecasting.load_days import as_day_rows, local_quarters
from hems.forecasting.load_experts import (
    DAYS_OF_KIND,
    EXPERTS,
    KIND_FADING,
    QUICK_FADING,
    RECENT_DAYS,
    SLOW_FADING,
    WEEKS,
    calendar_of,
    expert_forecasts,
    forecasts_after_today,
)
from hems.forecasting.pv_envelope import envelope_factors
from hems.forecasting.pv_memory import SourceMemory, StandingWord, quarter_index
from hems.forecasting.pv_table import LAGS, PRIOR_LASTING, _moved_to_nodes, learn_lasting, running_state
from hems.forecasting.quantiles import LEVELS, column_weighted_quantiles, weighted_quantiles

WARSAW = ZoneInfo("Europe/Warsaw")
FIRST_DAY = date(2026, 2, 2).toordinal()


def with_gaps(values: FloatArray, share: float, seed: int = 3) -> FloatArray:
    return np.where(np.random.default_rng(seed).random(values.shape) < share, np.nan, values)


def plain_quantiles(samples: FloatArray, weights: FloatArray) -> list[float]:
    known = np.isfinite(samples) & (weights > 0.0)
    order = np.argsort(samples[known])
    ordered, its = samples[known][order], weights[known][order]
    return np.interp(LEVELS * its.sum(), np.cumsum(its) - its / 2, ordered).tolist() if len(ordered) else [np.nan] * 5


@pytest.mark.parametrize("columns", [1, 2, 5, 504, 40_000])
def test_quantiles_of_rows_with_common_weights(columns: int) -> None:
    chance = np.random.default_rng(columns)
    samples = with_gaps(chance.normal(size=(7, columns)) * 10.0 ** chance.integers(-6, 6, (7, 1)), 0.3)
    samples[2], samples[4, 0] = np.nan, np.inf
    weights = chance.random(columns) + 0.01
    found = column_weighted_quantiles(samples, weights)
    plain = np.array([plain_quantiles(row, weights) for row in samples])
    np.testing.assert_allclose(found, plain, rtol=1e-9)
    every = weighted_quantiles(samples, np.broadcast_to(weights, samples.shape))
    np.testing.assert_allclose(every, plain, rtol=1e-9)
    assert np.isnan(found[2]).all()
    assert np.isfinite(found[5]).any() or columns < 3


def test_quantiles_of_level_samples_are_their_level() -> None:
    samples = np.array([[0.0] * 9, [-3.0] * 9, [2.0] * 9])
    np.testing.assert_array_equal(column_weighted_quantiles(samples, np.ones(9)), [[0.0] * 5, [-3.0] * 5, [2.0] * 5])


def plain_expert(known: FloatArray, kinds: list[int], weekdays: list[int], target: int, newest: int) -> FloatArray:
    weights = np.zeros((len(EXPERTS), len(known)))
    alike = same = 0
    for row in range(newest, -1, -1):
        age = newest - row
        weights[:4, row] = age == 0, age < RECENT_DAYS, QUICK_FADING**age, SLOW_FADING**age
        if kinds[row] == kinds[target] and alike < DAYS_OF_KIND:
            weights[4, row] = KIND_FADING**alike
            alike += 1
        if weekdays[row] == weekdays[target] and same < WEEKS:
            weights[5, row] = 1.0
            same += 1
    found = np.full((len(EXPERTS), known.shape[1]), np.nan)
    for expert in range(len(EXPERTS)):
        for slot in range(known.shape[1]):
            counts = weights[expert] * np.isfinite(known[:, slot])
            if counts.sum() > 0.0:
                found[expert, slot] = (counts * np.nan_to_num(known[:, slot])).sum() / counts.sum()
    for slot in range(known.shape[1]):
        if np.isfinite(found[:, slot]).any():
            found[np.isnan(found[:, slot]), slot] = np.nanmean(found[:, slot])
    return found


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_experts_of_many_days_at_once(share: float) -> None:
    known = with_gaps(np.random.default_rng(1).random((30, 96)), share)
    known[:2, 5] = np.nan
    calendar = calendar_of(FIRST_DAY, 33, lambda day: day.day == 11)
    targets, newest = np.array([1, 1, 9, 20, 29, 30, 32]), np.array([0, -1, 8, 18, 28, 29, 29])
    found = expert_forecasts(known, calendar, targets, newest)
    for row, (target, last) in enumerate(zip(targets.tolist(), newest.tolist(), strict=True)):
        plain = plain_expert(known, calendar.kinds.tolist(), calendar.weekdays.tolist(), target, last)
        np.testing.assert_allclose(found[row], plain, rtol=1e-12, err_msg=str((target, last)))
    assert np.isnan(found[1]).all()


def test_experts_follow_today_as_it_grows() -> None:
    chance = np.random.default_rng(2)
    whole, todays = with_gaps(chance.random((20, 96)), 0.2), with_gaps(chance.random((3, 96)), 0.5)
    calendar = calendar_of(FIRST_DAY, 22, None)
    found = forecasts_after_today(whole, todays, calendar, 21)
    for version, today in enumerate(todays):
        known = np.vstack([whole, today])
        plain = expert_forecasts(known, calendar, np.array([21]), np.array([20]))[0]
        np.testing.assert_allclose(found[version], plain, rtol=1e-12)


@pytest.mark.parametrize("day", [date(2025, 10, 26), date(2025, 3, 30), date(2025, 6, 1)])
def test_today_as_it_grows_is_at_each_moment_the_row_of_what_had_ended(day: date) -> None:
    midnight, end = local_day_bounds(day, WARSAW)
    first = midnight + timedelta(hours=1, minutes=30)
    begin, moments = midnight - timedelta(days=1), (end - first) // MTU
    values = with_gaps(np.random.default_rng(8).random((end - begin) // MTU), 0.2)
    days, slots = local_quarters(begin, len(values), WARSAW)
    is_today = days == day.toordinal()
    before = (first - begin) // MTU
    versions, known = _today_as_it_grew(values, slots, is_today, before, moments)
    for row in range(moments):
        ended = np.where(np.arange(len(values)) < before + row, values, np.nan)
        plain = as_day_rows(ended, days - day.toordinal(), slots, 1)[0]
        np.testing.assert_allclose(np.take_along_axis(versions, known[row : row + 1], axis=0)[0], plain, rtol=1e-12)


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.1])
def test_pairs_moved_to_nodes_are_in_each_node_s_own_order(slope: float) -> None:
    chance = np.random.default_rng(4)
    expected, came = chance.random(400), chance.random(400)
    weights, nodes = chance.random((3, 400)), np.array([0.0, 0.5, 1.15])
    ranked, its_weights = _moved_to_nodes(expected, came, slope, nodes, weights)
    for row, node in enumerate(nodes):
        moved = np.maximum(0.0, came + slope * (node - expected))
        order = np.argsort(moved)
        np.testing.assert_allclose(ranked[row], moved[order], atol=1e-12)
        above = moved[order] > 0.0
        np.testing.assert_array_equal(its_weights[row][above], weights[row, order][above])
        np.testing.assert_allclose(its_weights[row].sum(), weights[row].sum())
    assert slope == 0.0 or (ranked[0] == 0.0).sum() > 5, "some must be level for this to tell"


def test_how_errors_last() -> None:
    chance = np.random.default_rng(5)
    score = with_gaps(np.convolve(chance.normal(size=900), np.ones(12) / 3.5)[:900], 0.3)
    score[300:420] = np.nan
    weight = 0.5 ** (np.arange(900)[::-1] / 400.0)
    state, expected = running_state(score), PRIOR_LASTING.copy()
    for row, lag in enumerate(LAGS):
        sums = np.zeros(4)
        for at in range(lag, 900):
            a, b = state[at - lag], score[at]
            if np.isfinite(a) and np.isfinite(b):
                sums += weight[at] * np.array([a * b, a * a, b * b, 1.0])
        measured = sums[0] / np.sqrt(sums[1] * sums[2])
        expected[row] = (sums[3] * measured + 300.0 * expected[row]) / (sums[3] + 300.0)
    found = learn_lasting(score, weight)
    falling = np.minimum.accumulate(np.clip(expected, 0.0, 0.97))
    np.testing.assert_allclose(found.correlation, falling, rtol=1e-9)
    assert falling[0] > falling[3] > 0.0


def test_nothing_measured_lasts_as_elsewhere() -> None:
    found = learn_lasting(np.full(500, np.nan), np.ones(500))
    np.testing.assert_allclose(found.correlation, np.minimum.accumulate(PRIOR_LASTING))


def test_the_envelope_is_the_best_of_the_hours_around() -> None:
    chance = np.random.default_rng(6)
    power_w, clear_w = with_gaps(chance.random((2, 30 * 96 + 17)), 0.3), np.full(30 * 96 + 17, 2.0)
    start = 41
    found = envelope_factors(start, power_w, clear_w)
    assert found is not None
    quarter = (start + np.arange(power_w.shape[1])) % 96
    for of_day in (0, 1, 50, 95):
        apart = (quarter - of_day + 48) % 96 - 48
        near = power_w[:, np.abs(apart) <= 2]
        ranked = np.sort(near[np.isfinite(near)]) / 2.0
        assert found[of_day] == ranked[int(np.ceil(0.97 * len(ranked))) - 1]


def test_a_standing_word_is_what_a_memory_heard_that_listened_from_the_start() -> None:
    chance = np.random.default_rng(7)
    start, said_w = datetime(2026, 3, 1, 4, 30, tzinfo=UTC), with_gaps(chance.random(20 * 96) * 4000.0, 0.1)
    memory, first = SourceMemory(), quarter_index(start)
    for quarter in range(10 * 96):
        values = tuple(None if np.isnan(v) else float(v) for v in said_w[quarter : quarter + 144])
        moment = start + quarter * MTU
        memory.remember(SourceForecast(source="given", received_at=moment, start=moment, pv_w=values))
    word = StandingWord(first, said_w)
    for span in ((first - 50, 300), (first, 10), (first + 10 * 96 - 200, 200)):
        np.testing.assert_array_equal(word.said(*span), memory.said(*span))
    assert np.isnan(word.said(first + 20 * 96, 50)).all()
    early = word.said(first, 48)[1]
    assert np.isnan(early[: timedelta(hours=6) // MTU]).all()
    assert np.isfinite(early[timedelta(hours=6) // MTU :]).any()
