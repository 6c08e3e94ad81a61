"""The PV forecast: what it learns, what it leaves out, what it never sees, and what it says when it knows little."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity, SourceForecast
from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import MTU
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.pv import PvForecaster, PvOptions
from hems.forecasting.pv_memory import SourceMemory, quarter_index
from hems.forecasting.pv_plant import clear_sky_power_w

WARSAW = ZoneInfo("Europe/Warsaw")
PLACE = Place(latitude_deg=52.23, longitude_deg=21.01)
PLANT = PvPlant(planes=(PvPlane(peak_w=6000.0, tilt_deg=35.0, azimuth_deg=180.0),))
START = datetime(2026, 4, 1, tzinfo=UTC)
DAYS = 40
NOON = START + timedelta(days=DAYS - 3, hours=11)
COUNT = 144

CLEAR_W = clear_sky_power_w(PLANT, PLACE, START, DAYS * 96)


def weather(seed: int = 1, days: int = DAYS) -> FloatArray:
    """The share of a clear sky in each quarter: days of their own kind, with clouds that last for hours."""
    rng = np.random.default_rng(seed)
    of_day = np.repeat(rng.uniform(0.25, 1.0, days), 96)
    drift = np.convolve(rng.normal(0.0, 0.12, days * 96), np.ones(8) / 2.8, mode="same")
    return np.clip(of_day + drift, 0.05, 1.0)


CAME_W = CLEAR_W * weather()


def history_of(pv_w: FloatArray, now: datetime, curtailed: FloatArray | None = None) -> QuarterHistory:
    count = (now - START) // MTU
    marks = np.zeros(len(pv_w), dtype=np.bool_) if curtailed is None else curtailed.astype(np.bool_)
    return QuarterHistory(
        start=START, load_w=np.full(count, np.nan), pv_w=pv_w[:count].copy(), pv_curtailed=marks[:count].copy()
    )


def source_of(
    said_w: FloatArray, now: datetime, received: datetime | None = None, name: str = "weather"
) -> SourceForecast:
    received = received or now
    first = (received - START) // MTU
    values = tuple(None if np.isnan(value) else float(value) for value in said_w[first : first + 2 * 96])
    return SourceForecast(source=name, received_at=received, start=START + first * MTU, pv_w=values)


def taught(
    said_w: FloatArray, came_w: FloatArray, now: datetime, options: PvOptions, curtailed: FloatArray | None = None
) -> PvForecaster:
    """A forecaster that has lived through the days up to ``now`` with its source, fetched every six hours."""
    forecaster = PvForecaster(options)
    moment = START
    while moment <= now:
        forecaster.remember(source_of(said_w, moment))
        moment += timedelta(hours=6)
    return forecaster


def made(forecast: EnergyForecast | None) -> EnergyForecast:
    assert forecast is not None
    assert forecast.quantity is Quantity.PV
    assert len(forecast.levels_w) == len(QUANTILE_LEVELS)
    levels = np.array(forecast.levels_w)
    assert np.isfinite(levels).all()
    assert (levels >= 0.0).all()
    assert (np.diff(levels, axis=0) >= 0.0).all()
    return forecast


def ahead(values: FloatArray, now: datetime, count: int = COUNT) -> FloatArray:
    first = (now - START) // MTU
    return values[first : first + count]


def mean_w(forecast: EnergyForecast) -> FloatArray:
    return np.array(forecast.levels_w).mean(axis=0)


def test_nothing_known_is_no_forecast() -> None:
    empty = history_of(CAME_W, START)
    for options in (PvOptions(), PvOptions(place=PLACE, plant=PLANT)):
        assert PvForecaster(options).forecast(empty, START, COUNT, WARSAW, source=None) is None
    unknown = history_of(np.full(DAYS * 96, np.nan), NOON)
    assert PvForecaster(PvOptions()).forecast(unknown, NOON, COUNT, WARSAW, source=None) is None


def test_a_day_of_measurements_is_enough_to_begin_with_and_a_morning_is_not() -> None:
    forecaster = PvForecaster(PvOptions())
    morning, next_morning = START + timedelta(hours=9), START + timedelta(hours=25)
    assert forecaster.forecast(history_of(CAME_W, morning), morning, COUNT, WARSAW, source=None) is None
    forecast = made(forecaster.forecast(history_of(CAME_W, next_morning), next_morning, COUNT, WARSAW, source=None))
    assert forecast.notes == ("measured for 1.0 days only",)
    day = ahead(CLEAR_W, next_morning, 92)
    assert 0.15 * day.sum() < mean_w(forecast)[:92].sum() < day.sum()


@pytest.mark.parametrize("hours", [2, 9, 14, 23, 25, 40])
def test_in_the_first_days_a_source_is_never_cut_by_what_was_not_seen_yet(hours: int) -> None:
    now = START + timedelta(hours=hours)
    for options in (PvOptions(), PvOptions(place=PLACE, plant=PLANT), PvOptions(place=PLACE)):
        forecaster = PvForecaster(options)
        for hour in range(0, hours, 3):
            forecaster.remember(source_of(0.7 * CLEAR_W, START + timedelta(hours=hour)))
        source, history = source_of(0.7 * CLEAR_W, now), history_of(0.7 * CLEAR_W, now)
        forecast = made(forecaster.forecast(history, now, COUNT, WARSAW, source=source))
        assert abs(mean_w(forecast).sum() / ahead(0.7 * CLEAR_W, now).sum() - 1.0) < 0.25


def test_a_house_without_panels_gets_zeros() -> None:
    history = history_of(np.zeros(DAYS * 96), NOON)
    forecast = made(PvForecaster(PvOptions()).forecast(history, NOON, COUNT, WARSAW, source=None))
    assert np.array(forecast.levels_w).max() == 0.0
    assert len(forecast) == COUNT
    assert forecast.start == NOON


@pytest.mark.parametrize("options", [PvOptions(), PvOptions(place=PLACE, plant=PLANT), PvOptions(place=PLACE)])
def test_on_the_first_day_a_source_is_taken_nearly_as_it_is_and_honestly_wide(options: PvOptions) -> None:
    now = START + timedelta(hours=3)
    source = source_of(0.7 * CLEAR_W, now)
    forecast = made(PvForecaster(options).forecast(history_of(CAME_W, now), now, COUNT, WARSAW, source=source))
    said = ahead(0.7 * CLEAR_W, now)
    assert abs(mean_w(forecast).sum() / said.sum() - 1.0) < 0.25
    levels = np.array(forecast.levels_w)
    assert levels[0].sum() < 0.6 * said.sum() < levels[-1].sum()
    assert forecast.source == "weather"
    assert forecast.known_at == now
    assert any("days only" in note for note in forecast.notes)


@pytest.mark.parametrize("options", [PvOptions(), PvOptions(place=PLACE, plant=PLANT), PvOptions(place=PLACE)])
def test_without_a_source_recent_days_give_shape_and_spread(options: PvOptions) -> None:
    forecast = made(PvForecaster(options).forecast(history_of(CAME_W, NOON), NOON, COUNT, WARSAW, source=None))
    came, levels = ahead(CAME_W, NOON), np.array(forecast.levels_w)
    assert abs(mean_w(forecast)[40:136].sum() / CAME_W[: 37 * 96].sum() * 37 - 1.0) < 0.25
    day = came > 100.0
    inside = ((came >= levels[0]) & (came <= levels[-1]))[day].mean()
    assert inside > 0.5
    assert levels[-1][day].sum() > 1.5 * levels[0][day].sum()
    assert levels[:, 52:58].max() < 30.0  # midnight to half past one
    assert forecast.known_at == NOON
    assert forecast.source == ("recent_days" if options.place is None else "clear_sky_and_recent_days")


def test_where_the_sun_is_known_to_be_down_nothing_comes_whatever_the_source_says() -> None:
    options = PvOptions(place=PLACE, plant=PLANT)
    said = CLEAR_W + 300.0
    forecaster = taught(said, CAME_W, NOON, options)
    forecast = made(forecaster.forecast(history_of(CAME_W, NOON), NOON, COUNT, WARSAW, source=source_of(said, NOON)))
    dark = ahead(CLEAR_W, NOON) == 0.0
    assert dark.sum() > 30
    assert np.array(forecast.levels_w)[:, dark].max() == 0.0


def test_a_source_that_is_always_half_is_corrected() -> None:
    said = 0.5 * CAME_W
    forecaster = taught(said, CAME_W, NOON, PvOptions(place=PLACE, plant=PLANT))
    forecast = made(forecaster.forecast(history_of(CAME_W, NOON), NOON, COUNT, WARSAW, source=source_of(said, NOON)))
    came = ahead(CAME_W, NOON)
    assert abs(mean_w(forecast).sum() / came.sum() - 1.0) < 0.1
    assert np.abs(np.array(forecast.median_w) - came).mean() < 0.25 * np.abs(ahead(said, NOON) - came).mean()


def test_shade_in_the_afternoon_is_learnt() -> None:
    quarter = np.arange(DAYS * 96) % 96
    came = np.where(quarter >= 56, 0.3, 1.0) * CAME_W  # from 14:00 UTC on behind a house
    forecaster = taught(CAME_W, came, NOON, PvOptions(place=PLACE, plant=PLANT))
    forecast = made(forecaster.forecast(history_of(came, NOON), NOON, COUNT, WARSAW, source=source_of(CAME_W, NOON)))
    expected, said = ahead(came, NOON), ahead(CAME_W, NOON)
    shaded, sunny = slice(16, 26), slice(80, 102)
    assert abs(mean_w(forecast)[shaded].sum() / expected[shaded].sum() - 1.0) < 0.3
    assert mean_w(forecast)[shaded].sum() < 0.5 * said[shaded].sum()
    assert abs(mean_w(forecast)[sunny].sum() / expected[sunny].sum() - 1.0) < 0.2


def test_what_was_held_back_teaches_nothing() -> None:
    quarter = np.arange(DAYS * 96) % 96
    held = ((quarter >= 36) & (quarter < 52)).astype(np.float64)
    cut = np.where(held > 0.0, 0.1, 1.0) * CAME_W
    options = PvOptions(place=PLACE, plant=PLANT)
    now = NOON + timedelta(hours=10)
    means = {}
    for name, marks in (("marked", held), ("unmarked", None)):
        forecaster = taught(CAME_W, cut, now, options)
        forecast = made(
            forecaster.forecast(history_of(cut, now, marks), now, COUNT, WARSAW, source=source_of(CAME_W, now))
        )
        means[name] = mean_w(forecast)[48:64].sum()  # the next day's held hours
    truth = ahead(CAME_W, now)[48:64].sum()
    assert means["marked"] > 0.75 * truth
    assert means["unmarked"] < 0.35 * truth


def test_the_future_is_never_looked_at() -> None:
    """Two worlds that part at ``now`` get the same forecast."""
    after = (NOON - START) // MTU
    other = CAME_W.copy()
    other[after:] = 0.0
    forecasts = []
    for came in (CAME_W, other):
        forecaster = PvForecaster(PvOptions(place=PLACE, plant=PLANT))
        whole = QuarterHistory(start=START, load_w=came, pv_w=came, pv_curtailed=np.zeros(len(came), dtype=np.bool_))
        for day in range(30, 37):
            moment = START + timedelta(days=day)
            forecaster.forecast(whole, moment, COUNT, WARSAW, source=source_of(CLEAR_W, moment))
        forecasts.append(forecaster.forecast(whole, NOON, COUNT, WARSAW, source=source_of(CLEAR_W, NOON)))
    assert forecasts[0] == forecasts[1]


def test_what_a_source_says_after_the_fact_is_not_remembered() -> None:
    memory = SourceMemory()
    memory.remember(
        SourceForecast(source="weather", received_at=START + timedelta(hours=1), start=START, pv_w=(5.0,) * 40)
    )
    last, early = memory.said(quarter_index(START), 42)
    assert np.isnan(last[:4]).all()
    assert (last[4:40] == 5.0).all()
    assert np.isnan(last[40:]).all()
    assert np.isnan(early[: 4 + 24]).all()
    assert (early[28:40] == 5.0).all()


def test_the_last_word_before_a_quarter_counts_and_the_early_word_stays() -> None:
    memory = SourceMemory()
    for hour, value in ((0, 100.0), (3, 300.0), (9, 900.0)):
        received = START + timedelta(hours=hour)
        memory.remember(SourceForecast(source="weather", received_at=received, start=received, pv_w=(value,) * 96))
    at_ten = quarter_index(START + timedelta(hours=10))
    last, early = memory.said(at_ten, 1)
    assert last.tolist() == [900.0]
    assert early.tolist() == [300.0]


def test_another_source_starts_anew() -> None:
    memory = SourceMemory()
    memory.remember(SourceForecast(source="one", received_at=START, start=START, pv_w=(1.0,) * 8))
    memory.remember(SourceForecast(source="two", received_at=START, start=START + MTU, pv_w=(2.0, None)))
    last, _ = memory.said(quarter_index(START), 3)
    assert np.isnan(last[[0, 2]]).all()
    assert last[1] == 2.0
    assert memory.source == "two"


def test_a_memory_survives_a_restart() -> None:
    said = 0.5 * CAME_W
    forecaster = taught(said, CAME_W, NOON, PvOptions())
    again = PvForecaster(PvOptions(), SourceMemory.of_state(forecaster.memory.state()))
    assert len(json.dumps(forecaster.memory.state())) < 150_000  # it is written after every fetch
    assert PvForecaster(PvOptions(), SourceMemory.of_state(SourceMemory().state())).memory.source is None
    history, source = history_of(CAME_W, NOON), source_of(said, NOON)
    first = made(forecaster.forecast(history, NOON, COUNT, WARSAW, source=source))
    second = made(again.forecast(history, NOON, COUNT, WARSAW, source=source))
    np.testing.assert_allclose(first.levels_w, second.levels_w, rtol=0.005, atol=1.0)  # stored rounded to 0.01 W


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"format": 2, "source": None, "start": 5, "last": [], "early": []},
        {"format": 1, "source": 3, "start": 5, "last": [], "early": []},
        {"format": 1, "source": "x", "start": -1, "last": [], "early": []},
        {"format": 1, "source": "x", "start": 1.5, "last": [], "early": []},
        {"format": 1, "source": "x", "start": 5, "last": "abc", "early": []},
        {"format": 1, "source": "x", "start": 5, "last": [1.0, "a"], "early": []},
        {"format": 1, "source": "x", "start": 5, "last": [-1.0], "early": []},
        {"format": 1, "source": "x", "start": 5, "last": [[1.0, 2.0]], "early": []},
        {"format": 1, "source": "x", "start": 5, "last": [1.0] * 100_000, "early": []},
    ],
)
def test_a_damaged_memory_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not the state"):
        SourceMemory.of_state(state)


def test_the_last_quarters_move_what_comes_next_and_less_what_comes_late() -> None:
    dull, bright = CAME_W.copy(), CAME_W.copy()
    recent = slice((NOON - START) // MTU - 6, (NOON - START) // MTU)
    dull[recent] = 0.15 * CLEAR_W[recent]
    bright[recent] = 0.98 * CLEAR_W[recent]
    means = []
    for came in (dull, bright):
        forecaster = PvForecaster(PvOptions(place=PLACE, plant=PLANT))
        means.append(mean_w(made(forecaster.forecast(history_of(came, NOON), NOON, COUNT, WARSAW, source=None))))
    soon, later, tomorrow = (slice(0, 2), slice(16, 24), slice(90, 110))
    gaps = [(means[1][part].sum() - means[0][part].sum()) / means[1][part].sum() for part in (soon, later, tomorrow)]
    assert gaps[0] > 0.4
    assert gaps[0] > gaps[1] > gaps[2]
    assert abs(gaps[2]) < 0.15


def test_live_power_of_the_open_quarter_counts() -> None:
    forecaster = PvForecaster(PvOptions(place=PLACE, plant=PLANT))
    history = history_of(CAME_W, NOON)
    now = NOON + timedelta(minutes=7)
    clear = float(ahead(CLEAR_W, NOON, 1)[0])
    without, dull, bright = (
        mean_w(made(forecaster.forecast(history, now, COUNT, WARSAW, source=None, live_pv_w=live)))[0]
        for live in (None, 0.1 * clear, clear)
    )
    assert dull < without < bright
    nan = made(forecaster.forecast(history, now, COUNT, WARSAW, source=None, live_pv_w=float("nan")))
    assert mean_w(nan)[0] == pytest.approx(without)


def test_a_source_grows_old_is_said_to_and_then_not_used() -> None:
    said = CAME_W
    forecaster = taught(said, CAME_W, NOON, PvOptions(place=PLACE, plant=PLANT))
    history = history_of(CAME_W, NOON)
    spread, names, notes = [], [], []
    for hours in (1, 18, 30):
        source = source_of(said, NOON, NOON - timedelta(hours=hours))
        forecast = made(forecaster.forecast(history, NOON, 60, WARSAW, source=source))
        levels = np.array(forecast.levels_w)
        spread.append((levels[-1] - levels[0]).sum())
        names.append(forecast.source)
        notes.append(forecast.notes)
        if hours < 24:
            assert forecast.known_at == NOON - timedelta(hours=hours)
    assert spread[0] < spread[1] < spread[2]
    assert names == ["weather", "weather", "clear_sky_and_recent_days"]
    assert notes[0] == ()
    assert "is stale" in notes[1][0]
    assert "too old and not used" in notes[2][0]
    assert "2026-05-07 07:00" in notes[2][0]  # local time: 05:00 UTC


def test_what_a_source_does_not_cover_comes_from_recent_days() -> None:
    said = CAME_W.copy()
    said[(NOON - START) // MTU + 80 :] = np.nan
    forecaster = taught(said, CAME_W, NOON, PvOptions(place=PLACE, plant=PLANT))
    history = history_of(CAME_W, NOON)
    forecast = made(forecaster.forecast(history, NOON, COUNT, WARSAW, source=source_of(said, NOON)))
    levels = np.array(forecast.levels_w)
    near, far = slice(4, 12), slice(88, 112)
    assert (levels[-1] - levels[0])[near].sum() / levels[2][near].sum() < 0.4
    assert (levels[-1] - levels[0])[far].sum() / levels[2][far].sum() > 0.6
    empty = SourceForecast(source="weather", received_at=NOON, start=NOON, pv_w=(None,) * 40)
    told = made(forecaster.forecast(history, NOON, COUNT, WARSAW, source=empty))
    assert "says nothing of the time ahead" in told.notes[0]


def test_never_much_more_than_the_plant_can_or_ever_did() -> None:
    wild = CAME_W * 30.0
    plant = PvPlant(planes=PLANT.planes, inverter_max_w=4000.0)
    for options, most in ((PvOptions(place=PLACE, plant=plant), 4000.0), (PvOptions(), 1.1 * CAME_W.max())):
        forecast = made(
            PvForecaster(options).forecast(history_of(CAME_W, NOON), NOON, COUNT, WARSAW, source=source_of(wild, NOON))
        )
        assert np.array(forecast.levels_w).max() <= most + 1e-6


def test_gaps_in_the_history_do_no_harm() -> None:
    holed = CAME_W.copy()
    holed[np.random.default_rng(3).random(len(holed)) < 0.5] = np.nan
    holed[-400:] = np.nan
    forecaster = taught(CAME_W, holed, NOON, PvOptions())
    forecast = made(forecaster.forecast(history_of(holed, NOON), NOON, COUNT, WARSAW, source=source_of(CAME_W, NOON)))
    assert abs(mean_w(forecast).sum() / ahead(CAME_W, NOON).sum() - 1.0) < 0.3


def test_the_clock_change_is_no_event() -> None:
    """The sun keeps UTC: at the end of summer time every quarter is forecast once, at its place."""
    now = datetime(2026, 10, 24, 20, tzinfo=UTC)
    start = now - timedelta(days=30)
    clear = clear_sky_power_w(PLANT, PLACE, start, 34 * 96)
    count = (now - start) // MTU
    history = QuarterHistory(
        start=start, load_w=clear[:count], pv_w=clear[:count], pv_curtailed=np.zeros(count, dtype=np.bool_)
    )
    forecast = made(PvForecaster(PvOptions(place=PLACE, plant=PLANT)).forecast(history, now, 144, WARSAW, source=None))
    came = clear[count : count + 144]
    lit = came > 200.0
    assert np.abs(np.array(forecast.median_w)[lit] / came[lit] - 1.0).max() < 0.25


def test_the_same_question_has_the_same_answer() -> None:
    forecaster = taught(CAME_W, CAME_W, NOON, PvOptions())
    history, source = history_of(CAME_W, NOON), source_of(CAME_W, NOON)
    first = forecaster.forecast(history, NOON, COUNT, WARSAW, source=source)
    forecaster.forecast(history, NOON + timedelta(days=1), COUNT, WARSAW, source=None)
    assert forecaster.forecast(history, NOON, COUNT, WARSAW, source=source) == first
    assert forecaster.forecast(history_of(0.5 * CAME_W, NOON), NOON, COUNT, WARSAW, source=source) != first
