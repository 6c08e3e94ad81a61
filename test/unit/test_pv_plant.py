"""From light to power over quarters: energy of an hour kept, its course at sunrise, clipping, temperature, gaps."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.forecasting.pv_plant import (
    WeatherSeries,
    clear_sky_power_w,
    plant_power_w,
    power_from_weather,
    reference_plant,
)
from hems.forecasting.solar import Irradiance, clear_sky, sun_position

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pvlib

WARSAW = Place(latitude_deg=52.23, longitude_deg=21.01)
FLAT = PvPlant(planes=(PvPlane(peak_w=1000.0, tilt_deg=0.0, azimuth_deg=180.0),), losses_share=0.0)
MIDSUMMER = datetime(2026, 6, 21, tzinfo=UTC)
DAY = timedelta(days=1)


def clear_weather(start: datetime, hours: int, step_s: int, temperature_c: float = 25.0) -> WeatherSeries:
    """A cloudless day as a weather service would tell it: means over steps."""
    fine_s = 60
    instants = start.timestamp() + fine_s * (np.arange(hours * 3600 // fine_s) + 0.5)
    light = clear_sky(sun_position(instants, WARSAW))
    shape = (-1, step_s // fine_s)
    total = light.global_horizontal.reshape(shape).mean(axis=1)
    return WeatherSeries(
        start_s=int(start.timestamp()),
        step_s=step_s,
        global_horizontal=total,
        diffuse_horizontal=light.diffuse_horizontal.reshape(shape).mean(axis=1),
        temperature_c=np.full(len(total), temperature_c),
    )


@pytest.mark.parametrize("start", [MIDSUMMER, datetime(2026, 12, 21, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)])
@pytest.mark.parametrize("plane", [(35.0, 180.0), (20.0, 90.0), (60.0, 270.0)])
def test_hours_tell_nearly_the_quarters_that_quarters_tell(start: datetime, plane: tuple[float, float]) -> None:
    plant = PvPlant(planes=(PvPlane(peak_w=5000.0, tilt_deg=plane[0], azimuth_deg=plane[1]),))
    fine = power_from_weather(plant, WARSAW, clear_weather(start, 24, 900))
    coarse = power_from_weather(plant, WARSAW, clear_weather(start, 24, 3600))
    assert len(fine) == len(coarse) == 96
    assert fine.max() > 300.0
    assert np.abs(fine - coarse).max() < 0.04 * fine.max()
    assert abs(fine.sum() - coarse.sum()) < 0.01 * fine.sum()


def test_a_quarter_is_its_mean_not_an_instant() -> None:
    """On a flat plane without temperature the mean power follows the mean irradiance, also where the sun rises."""
    weather = clear_weather(MIDSUMMER, 24, 900)
    power = power_from_weather(FLAT, WARSAW, weather)
    by_instants = clear_sky_power_w(FLAT, WARSAW, MIDSUMMER, 96)
    lit = weather.global_horizontal > 1.0
    assert (power[~lit] <= 1.0).all()
    assert (power[lit] / weather.global_horizontal[lit] < 1.0).all()
    assert np.abs(power - by_instants).max() < 0.06 * power.max()  # another temperature, the same sun


def test_power_over_temperature_is_that_of_pvwatts() -> None:
    noon = np.array([MIDSUMMER.timestamp() + 10.6 * 3600.0])
    sun = sun_position(noon, WARSAW)
    light = Irradiance(
        global_horizontal=np.array([800.0]),
        direct_normal=np.array([600.0]),
        diffuse_horizontal=np.array([800.0 - 600.0 * float(sun.cos_zenith[0])]),
    )
    powers = [float(plant_power_w(FLAT, sun, light, np.array([c]))[0]) for c in (-10.0, 25.0, 38.0)]
    from hems.forecasting.solar import on_plane

    lit = float(on_plane(sun, light, FLAT.planes[0])[0])
    for power, ambient in zip(powers, (-10.0, 25.0, 38.0), strict=True):
        cell = pvlib.temperature.faiman(lit, ambient, wind_speed=1.0)
        assert power == pytest.approx(pvlib.pvsystem.pvwatts_dc(lit, cell, 1000.0, -0.0037), rel=1e-9)
    assert powers[0] > powers[1] > powers[2]


def test_the_inverter_clips_and_losses_scale() -> None:
    plane = PvPlane(peak_w=6000.0, tilt_deg=35.0, azimuth_deg=180.0)
    free = clear_sky_power_w(PvPlant(planes=(plane,), losses_share=0.0), WARSAW, MIDSUMMER, 96)
    lossy = clear_sky_power_w(PvPlant(planes=(plane,), losses_share=0.25), WARSAW, MIDSUMMER, 96)
    clipped = clear_sky_power_w(
        PvPlant(planes=(plane,), losses_share=0.0, inverter_max_w=3000.0), WARSAW, MIDSUMMER, 96
    )
    np.testing.assert_allclose(lossy, 0.75 * free)
    assert clipped.max() == 3000.0
    assert (clipped <= free + 1e-9).all()


def test_two_planes_add_up_and_the_east_is_early() -> None:
    east, west = (PvPlane(peak_w=2000.0, tilt_deg=40.0, azimuth_deg=azimuth) for azimuth in (90.0, 270.0))
    alone = [clear_sky_power_w(PvPlant(planes=(plane,)), WARSAW, MIDSUMMER, 96) for plane in (east, west)]
    both = clear_sky_power_w(PvPlant(planes=(east, west)), WARSAW, MIDSUMMER, 96)
    np.testing.assert_allclose(both, alone[0] + alone[1])
    assert alone[0].argmax() < 42 < alone[1].argmax()  # solar noon is at 10:38 UTC


def test_unknown_weather_stays_unknown_but_nights_are_dark() -> None:
    weather = clear_weather(MIDSUMMER, 24, 3600)
    total = weather.global_horizontal.copy()
    total[[0, 10]] = np.nan
    power = power_from_weather(
        FLAT,
        WARSAW,
        WeatherSeries(
            start_s=weather.start_s,
            step_s=3600,
            global_horizontal=total,
            diffuse_horizontal=weather.diffuse_horizontal,
            temperature_c=weather.temperature_c,
        ),
    )
    assert (power[:4] == 0.0).all()
    assert np.isnan(power[40:44]).all()
    assert np.isfinite(np.delete(power, np.arange(40, 44))).all()


def test_without_the_diffuse_part_it_is_estimated() -> None:
    weather = clear_weather(MIDSUMMER, 24, 3600)
    plant = PvPlant(planes=(PvPlane(peak_w=1000.0, tilt_deg=35.0, azimuth_deg=180.0),))
    whole = power_from_weather(plant, WARSAW, weather)
    total_only = WeatherSeries(
        start_s=weather.start_s,
        step_s=3600,
        global_horizontal=weather.global_horizontal,
        diffuse_horizontal=np.full(24, np.nan),
        temperature_c=np.full(24, np.nan),
    )
    estimated = power_from_weather(plant, WARSAW, total_only)
    assert np.isfinite(estimated).all()
    assert abs(estimated.sum() / whole.sum() - 1.0) < 0.08


def test_off_the_grid_is_refused() -> None:
    weather = clear_weather(MIDSUMMER + timedelta(minutes=5), 1, 900)
    with pytest.raises(ValueError, match="grid of quarters"):
        power_from_weather(FLAT, WARSAW, weather)


def test_the_reference_plant_knows_day_from_night() -> None:
    power = clear_sky_power_w(reference_plant(52.0), WARSAW, MIDSUMMER, 96)
    assert (power[:8] == 0.0).all()
    assert (power[12:72] > 0.0).all()


def test_the_reference_plant_looks_towards_the_equator() -> None:
    sydney = Place(latitude_deg=-33.9, longitude_deg=151.2)
    there, here = (clear_sky_power_w(reference_plant(latitude), sydney, MIDSUMMER, 96) for latitude in (-33.9, 52.0))
    assert there.max() > 1.5 * here.max()
