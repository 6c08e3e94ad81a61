"""Scores against figures worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.time_grid import MTU
from hems.forecasting.combine import combination_weights, ridge
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.quantiles import weighted_quantiles
from hems.forecasting.score_days import score_days
from hems.forecasting.scoring import pinball_loss, score, score_point

T0 = datetime(2026, 1, 5, 23, tzinfo=UTC)
WARSAW = ZoneInfo("Europe/Warsaw")


def test_pinball_loss_by_hand() -> None:
    levels = np.array([[100.0], [200.0], [300.0], [400.0], [500.0]])
    # 310 came: 0.1·210, 0.3·110, 0.5·10 below it; 0.3·90, 0.1·190 above it; the mean of the five
    assert pinball_loss(levels, np.array([310.0]))[0] == pytest.approx((21 + 33 + 5 + 27 + 19) / 5)


def test_a_point_forecast_loses_half_its_error() -> None:
    found = score_point(np.array([100.0, 300.0]), np.array([200.0, 260.0]))
    assert found is not None
    assert (found.count, found.mae_w, found.bias_w, found.pinball_w) == pytest.approx((2, 70.0, -30.0, 35.0))


def test_what_was_not_measured_is_not_scored() -> None:
    assert score(np.ones((5, 2)), np.full(2, np.nan)) is None
    found = score_point(np.array([100.0, 300.0]), np.array([np.nan, 260.0]))
    assert found is not None
    assert (found.count, found.mae_w) == (1, 40.0)


def test_weighted_quantiles_by_hand() -> None:
    samples = np.array([[40.0, 10.0, np.nan, 30.0, 20.0]])
    equal = weighted_quantiles(samples, np.ones((1, 5)))[0]
    # middles of the four shares: 0.125, 0.375, 0.625, 0.875
    assert equal == pytest.approx([10.0, 17.0, 25.0, 33.0, 40.0])
    heavy = weighted_quantiles(samples, np.array([[1.0, 97.0, 1.0, 1.0, 1.0]]))[0]
    assert heavy[:2] == pytest.approx([10.0, 10.0])
    assert np.isnan(weighted_quantiles(np.full((1, 3), np.nan), np.ones((1, 3)))).all()
    assert np.isnan(weighted_quantiles(np.ones((1, 3)), np.zeros((1, 3)))).all()


def test_the_better_forecaster_weighs_more_and_none_less_than_nothing() -> None:
    chance = np.random.default_rng(1)
    truth = chance.normal(0.0, 10.0, 2000)
    experts = np.stack([truth + chance.normal(0, 1, 2000), truth + chance.normal(0, 5, 2000), -truth], axis=1)
    weights = combination_weights(experts, truth, np.ones(2000), towards_equal=0.01)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] > 0.8
    assert weights[0] > weights[1] >= 0.0
    assert weights[2] < 0.05
    shrunk = combination_weights(experts, truth, np.ones(2000), towards_equal=1e6)
    assert shrunk == pytest.approx([1 / 3] * 3, abs=1e-3)


def test_without_errors_to_go_by_all_weigh_the_same() -> None:
    unknown = np.full((10, 4), np.nan)
    assert combination_weights(unknown, np.ones(10), np.ones(10), towards_equal=0.3) == pytest.approx([0.25] * 4)
    alike = np.ones((10, 4))
    assert combination_weights(alike, np.ones(10), np.ones(10), towards_equal=0.3) == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("penalty", [1e-300, 5e-324, 1e-30])
def test_ridge_of_features_that_say_the_same_is_solved_however_small_its_penalty(penalty: float) -> None:
    same = np.full((8, 3), 700.0)
    found = ridge(same, np.full(8, 350.0), np.ones(8), penalty)
    assert same[0] @ found == pytest.approx(350.0, rel=1e-3)
    assert ridge(same * 1e-200, np.full(8, 350.0), np.ones(8), penalty) == pytest.approx([0.0, 0.0, 0.0])


def test_ridge_is_least_squares_that_shrinks() -> None:
    features = np.arange(1.0, 5.0)[:, None]
    target = np.array([2.0, 4.0, np.nan, 8.0])
    assert ridge(features, target, np.ones(4), 1e-9) == pytest.approx([2.0])
    assert ridge(features, target, np.ones(4), 21.0) == pytest.approx([1.0])  # 42 / (21 + 21)
    assert ridge(features, np.full(4, np.nan), np.ones(4), 1.0) == pytest.approx([0.0])


def issued(at: datetime, watts: float, count: int = 144, quantity: Quantity = Quantity.LOAD) -> EnergyForecast:
    levels = tuple(tuple([watts] * count) for _ in range(5))
    return EnergyForecast(quantity=quantity, source="test", issued_at=at, known_at=at, start=at, levels_w=levels)


def measured(load_w: FloatArray, pv_w: FloatArray | None = None, held_back: int | None = None) -> QuarterHistory:
    curtailed = np.zeros(len(load_w), dtype=np.bool_)
    if held_back is not None:
        curtailed[held_back] = True
    return QuarterHistory(start=T0, load_w=load_w, pv_w=load_w if pv_w is None else pv_w, pv_curtailed=curtailed)


def test_days_and_leads_are_scored_beside_naive_forecasts() -> None:
    days = np.repeat([100.0, 200.0, 400.0, 800.0], 96)  # from local midnight on
    found = score_days([issued(T0 + timedelta(days=2), 300.0)], measured(days), WARSAW)
    assert list(found.days) == [date(2026, 1, 8), date(2026, 1, 9)]
    first, second = found.days.values()
    assert (first.issued.count, second.issued.count) == (96, 48)
    assert (first.issued.mae_w, first.issued.bias_w) == pytest.approx((100.0, -100.0))
    assert first.yesterday.mae_w == pytest.approx(200.0)
    assert first.week.mae_w == pytest.approx(250.0)  # the mean of the two days before it: 150
    assert second.yesterday.mae_w == pytest.approx(600.0), "the day before was not over when this was issued"
    assert list(found.leads) == ["0-1 h", "1-6 h", "6-24 h", "24-36 h"]
    assert [compared.issued.count for compared in found.leads.values()] == [4, 20, 72, 48]
    assert found.total is not None
    assert found.total.issued.count == 144


def test_what_lies_ahead_or_has_no_day_before_it_is_not_scored() -> None:
    day = np.full(96, 100.0)
    assert score_days([issued(T0, 300.0)], measured(day), WARSAW).total is None
    assert score_days([], measured(day), WARSAW).total is None
    found = score_days([issued(T0 + timedelta(days=1), 300.0)], measured(np.full(100, 100.0)), WARSAW)
    assert found.total is not None
    assert found.total.issued.count == 4


def test_sun_that_was_held_back_is_not_scored() -> None:
    watts = np.full(2 * 96, 100.0)
    made = issued(T0 + 96 * MTU, 300.0, 96, Quantity.PV)
    whole = score_days([made], measured(watts), WARSAW).total
    without = score_days([made], measured(watts, held_back=100), WARSAW).total
    assert whole is not None
    assert without is not None
    assert (whole.issued.count, without.issued.count) == (96, 95)
