"""Sun, clear sky and tilted planes against pvlib, over a year and from the equator to the polar circle."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from hems.domain.pv_plant import HorizonPoint, Place, PvPlane
from hems.forecasting.solar import (
    FloatArray,
    Irradiance,
    SunPosition,
    clear_sky,
    cos_incidence,
    diffuse_share,
    horizon_deg,
    on_plane,
    sun_position,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the oracle's own imports say is not ours
    import pandas as pd
    import pvlib

PLACES = [(52.23, 21.01), (54.8, 18.3), (49.0, 22.0), (38.7, -9.1), (69.6, 18.9), (-33.9, 18.4), (0.0, 0.0)]
YEAR_STEP = "1407s"  # does not divide a day: every time of day is met

TIMES = pd.date_range("2026-01-01", "2027-01-01", freq=YEAR_STEP, tz="UTC", inclusive="left")
UNIX_S = TIMES.as_unit("s").asi8.astype(np.float64)


def sun_at(latitude: float, longitude: float) -> SunPosition:
    return sun_position(UNIX_S, Place(latitude_deg=latitude, longitude_deg=longitude))


def by_day(sun: SunPosition) -> np.ndarray:
    return sun.elevation_deg > 0.1


@pytest.mark.parametrize(("latitude", "longitude"), PLACES)
def test_the_sun_stands_where_pvlib_says(latitude: float, longitude: float) -> None:
    sun = sun_at(latitude, longitude)
    oracle = pvlib.solarposition.get_solarposition(TIMES, latitude, longitude, pressure=101_000.0, temperature=10.0)
    up = by_day(sun)
    assert (
        np.abs(sun.elevation_deg - oracle.apparent_elevation.to_numpy())[up].max() < 0.02
    )  # measured 0.011, next to the horizon
    turned = np.deg2rad(sun.azimuth_deg - oracle.azimuth.to_numpy())
    sideways_deg = np.rad2deg(np.abs(np.sin(turned)) * np.cos(np.deg2rad(sun.elevation_deg)))
    assert sideways_deg[up].max() < 0.02  # measured 0.011; near the zenith the azimuth itself means little
    assert (np.cos(turned)[up & (sun.elevation_deg < 85.0)] > 0.99).all()
    assert ((oracle.apparent_elevation.to_numpy() > 0.1) == up).mean() > 0.9999


@pytest.mark.parametrize(("latitude", "longitude"), PLACES)
def test_clear_sky_and_diffuse_share_are_those_of_pvlib(latitude: float, longitude: float) -> None:
    sun = sun_at(latitude, longitude)
    up = by_day(sun)
    zenith = 90.0 - sun.elevation_deg[up]
    light = clear_sky(sun)
    oracle = pvlib.clearsky.ineichen(
        zenith, pvlib.atmosphere.get_relative_airmass(zenith), 3.0, 0.0, sun.extraterrestrial_w_m2[up]
    )
    for ours, key in (
        (light.global_horizontal, "ghi"),
        (light.direct_normal, "dni"),
        (light.diffuse_horizontal, "dhi"),
    ):
        np.testing.assert_allclose(ours[up], oracle[key], atol=1e-9)
        assert (ours[sun.elevation_deg <= 0.0] == 0.0).all()
    cloudy = 0.6 * light.global_horizontal
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas finds fault with pvlib
        erbs = pvlib.irradiance.erbs(cloudy[up], zenith, TIMES[up])["dhi"]
    assert np.abs(diffuse_share(cloudy, sun)[up] * cloudy[up] - erbs).max() < 3.0  # its solar constant is another


@pytest.mark.parametrize(("tilt", "azimuth"), [(0.0, 180.0), (35.0, 180.0), (45.0, 90.0), (90.0, 270.0), (20.0, 10.0)])
def test_light_on_a_plane_is_that_of_pvlib(tilt: float, azimuth: float) -> None:
    sun = sun_at(52.23, 21.01)
    up = by_day(sun)
    light, plane = clear_sky(sun), PvPlane(peak_w=1000.0, tilt_deg=tilt, azimuth_deg=azimuth)
    zenith = 90.0 - sun.elevation_deg[up]
    oracle = pvlib.irradiance.get_total_irradiance(
        tilt,
        azimuth,
        zenith,
        sun.azimuth_deg[up],
        light.direct_normal[up],
        light.global_horizontal[up],
        light.diffuse_horizontal[up],
        dni_extra=sun.extraterrestrial_w_m2[up],
        albedo=0.2,
        model="haydavies",
    )
    np.testing.assert_allclose(on_plane(sun, light, plane, glass=False)[up], oracle["poa_global"], atol=1e-6)
    angle = pvlib.irradiance.aoi(tilt, azimuth, zenith, sun.azimuth_deg[up])
    np.testing.assert_allclose(cos_incidence(sun, plane)[up], np.maximum(0.0, np.cos(np.deg2rad(angle))), atol=1e-9)
    with_glass = on_plane(sun, light, plane)[up]
    lost = pvlib.iam.martin_ruiz(np.minimum(angle, 90.0))
    assert (with_glass < oracle["poa_global"]).all()
    beam_only = Irradiance(
        global_horizontal=np.zeros(len(UNIX_S)),
        direct_normal=light.direct_normal,
        diffuse_horizontal=np.zeros(len(UNIX_S)),
    )
    expected = light.direct_normal[up] * np.maximum(0.0, np.cos(np.deg2rad(angle))) * lost
    np.testing.assert_allclose(on_plane(sun, beam_only, plane)[up], expected, atol=1e-6)


def one_sun(elevation: float, azimuth: float) -> SunPosition:
    return SunPosition(
        elevation_deg=np.array([elevation]), azimuth_deg=np.array([azimuth]), extraterrestrial_w_m2=np.array([1361.0])
    )


def test_behind_its_horizon_a_plane_has_diffuse_light_only() -> None:
    tree = (
        HorizonPoint(azimuth_deg=80.0, elevation_deg=0.0),
        HorizonPoint(azimuth_deg=90.0, elevation_deg=30.0),
        HorizonPoint(azimuth_deg=100.0, elevation_deg=0.0),
    )
    shaded = PvPlane(peak_w=1000.0, tilt_deg=30.0, azimuth_deg=90.0, horizon=tree)
    free = PvPlane(peak_w=1000.0, tilt_deg=30.0, azimuth_deg=90.0)
    for elevation, azimuth, is_shaded in (
        (20.0, 90.0, True),
        (20.0, 95.0, False),
        (31.0, 90.0, False),
        (14.0, 95.0, True),
    ):
        sun = one_sun(elevation, azimuth)
        lit, open_lit = (float(on_plane(sun, clear_sky(sun), plane)[0]) for plane in (shaded, free))
        assert (lit < 0.5 * open_lit) is is_shaded, (elevation, azimuth)
        assert lit > 0.0


def test_the_horizon_goes_all_around() -> None:
    north = (HorizonPoint(azimuth_deg=350.0, elevation_deg=20.0), HorizonPoint(azimuth_deg=30.0, elevation_deg=10.0))
    directions: FloatArray = np.array([350.0, 10.0, 30.0, 190.0])
    np.testing.assert_allclose(horizon_deg(north, directions), [20.0, 15.0, 10.0, 15.0])
    assert (horizon_deg((), directions) == 0.0).all()
