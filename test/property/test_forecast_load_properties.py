"""Whatever was measured, a load forecast is whole: as long as asked for, ascending in its levels, never below zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hems.domain.forecast import QUANTILE_LEVELS
from hems.domain.time_grid import MTU, floor_to_grid
from hems.forecasting.history import QuarterHistory
from hems.forecasting.load import LoadForecaster
from hems.forecasting.load_weather import QuarterTemperature
from hems.forecasting.quantiles import weighted_quantiles

ZONES = ("Europe/Warsaw", "Europe/Lisbon", "Asia/Kathmandu", "America/St_Johns", "UTC")


@st.composite
def measured_pasts(draw: st.DrawFn) -> QuarterHistory:
    """A past of up to forty days: habits, noise, spikes, gaps, and stretches of nothing or of one value."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    quarters = draw(st.integers(0, 40 * 96))
    load_w = chance.lognormal(draw(st.floats(0.0, 9.0)), draw(st.floats(0.0, 2.5)), quarters)
    load_w[chance.random(quarters) < draw(st.sampled_from([0.0, 0.02, 0.5, 0.98]))] = np.nan
    if quarters and draw(st.booleans()):
        first = draw(st.integers(0, quarters - 1))
        load_w[first : first + draw(st.integers(1, 20 * 96))] = draw(st.sampled_from([0.0, 300.0, np.nan, 1e6]))
    day = draw(st.integers(0, 364))
    return QuarterHistory(
        start=datetime(2026, 1, 1, tzinfo=UTC) + day * timedelta(days=1) + draw(st.integers(0, 95)) * MTU,
        load_w=load_w,
        pv_w=np.full(quarters, np.nan),
        pv_curtailed=np.zeros(quarters, dtype=np.bool_),
    )


@settings(max_examples=60, deadline=None)
@given(
    history=measured_pasts(),
    late=st.timedeltas(timedelta(days=-3), timedelta(days=70)),
    count=st.integers(1, 300),
    zone=st.sampled_from(ZONES),
    live_w=st.one_of(st.none(), st.floats(-1e4, 1e5), st.just(float("nan")), st.just(float("inf"))),
    weather=st.booleans(),
)
def test_a_forecast_is_whole(
    history: QuarterHistory, late: timedelta, count: int, zone: str, live_w: float | None, weather: bool
) -> None:
    now = history.end + late
    celsius = np.random.default_rng(1).normal(5.0, 8.0, len(history) + 96)
    temperature = QuarterTemperature(start=history.start, celsius=celsius) if weather else None
    forecast = LoadForecaster().forecast(
        history, now, count, ZoneInfo(zone), live_load_w=live_w, temperature=temperature
    )
    known = np.isfinite(history.until(now).load_w)
    if forecast is None:
        assert not known.any()
        return
    assert known.any()
    levels = np.array(forecast.levels_w)
    assert levels.shape == (len(QUANTILE_LEVELS), count)
    assert np.isfinite(levels).all()
    assert (levels >= 0.0).all()
    assert (np.diff(levels, axis=0) >= 0.0).all()
    assert forecast.start == floor_to_grid(now)
    assert forecast.known_at <= forecast.issued_at


@settings(max_examples=100, deadline=None)
@given(
    samples=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    weights=st.lists(st.floats(0.001, 10.0), min_size=40, max_size=40),
)
def test_quantiles_lie_among_the_samples_and_ascend(samples: list[float], weights: list[float]) -> None:
    found = weighted_quantiles(np.array([samples]), np.array([weights[: len(samples)]]))[0]
    assert (np.diff(found) >= 0.0).all()
    assert min(samples) <= found[0]
    assert found[-1] <= max(samples)
