"""From light to power: what the panels of a house give, as means over quarters of an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import MTU
from hems.forecasting.solar import (
    FloatArray,
    Irradiance,
    SunPosition,
    clear_sky,
    diffuse_share,
    on_plane,
    sun_position,
)

_MTU_S = int(MTU.total_seconds())
_STEP_S = 300
"""A mean over a quarter is taken at the middles of three steps: the sun moves 1.25 degrees in each."""
_STEPS_PER_MTU = _MTU_S // _STEP_S

_HEAT_LOSS_W_M2K = 25.0 + 6.84
"""Faiman (Progress in Photovoltaics 16 (2008) 307-315) at the 1 m/s of a sheltered roof."""
_POWER_PER_K = -0.0037
"""Crystalline silicon; data sheets say -0.0030 to -0.0045."""
_CLEAR_SKY_C = 15.0
"""Where the temperature is not known: 10 K beside the truth are 4 % of power."""

_CLEANEST_TURBIDITY = 2.0
"""Cold, clean air. A stronger beam than its own stems from dividing by a low sun, not from the weather."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherSeries:
    """Means over intervals of ``step_s`` seconds from ``start_s`` on (unix seconds); NaN is unknown.

    Irradiance on the horizontal [W/m2], temperature [degrees C]; arrays of shape (n,).
    """

    start_s: int
    step_s: int
    global_horizontal: FloatArray
    diffuse_horizontal: FloatArray
    temperature_c: FloatArray


def plant_power_w(plant: PvPlant, sun: SunPosition, light: Irradiance, temperature_c: FloatArray) -> FloatArray:
    """Return the inverter's output from ``light`` at each instant [W], shape (n,), 0 to the inverter's most.

    Source: PVWatts (Dobos, NREL/TP-6A20-62641, 2014) for power over irradiance and cell temperature.
    """
    direct_w = np.zeros_like(temperature_c)
    for plane in plant.planes:
        lit = on_plane(sun, light, plane)
        cell_c = temperature_c + lit / _HEAT_LOSS_W_M2K
        direct_w = direct_w + plane.peak_w * lit / 1000.0 * (1.0 + _POWER_PER_K * (cell_c - 25.0))
    power_w = np.maximum(0.0, direct_w) * (1.0 - plant.losses_share)
    return power_w if plant.inverter_max_w is None else np.minimum(power_w, plant.inverter_max_w)


def clear_sky_power_w(plant: PvPlant, place: Place, start: datetime, count: int) -> FloatArray:
    """Return the mean power of ``count`` quarters from ``start`` on under a cloudless sky [W], shape (count,)."""
    instants = _instants(int(start.timestamp()), count * _STEPS_PER_MTU)
    sun = sun_position(instants, place)
    power_w = plant_power_w(plant, sun, clear_sky(sun), np.full(len(instants), _CLEAR_SKY_C))
    means: FloatArray = power_w.reshape(count, _STEPS_PER_MTU).mean(axis=1)
    return means


def reference_plant(latitude_deg: float) -> PvPlant:
    """Return a plant that stands for panels of unknown size and slope: only the course of its power is of use.

    They look towards the equator, as most do.
    """
    azimuth_deg = 180.0 if latitude_deg >= 0.0 else 0.0
    return PvPlant(planes=(PvPlane(peak_w=1000.0, tilt_deg=30.0, azimuth_deg=azimuth_deg),))


def power_from_weather(plant: PvPlant, place: Place, weather: WeatherSeries) -> FloatArray:
    """Return the mean power of each quarter of ``weather`` [W], shape (n * step_s / 900,); NaN where it is unknown.

    Inside an interval the beam and the diffuse light follow the course of a clear sky, so that an hour at sunrise is
    not four equal quarters. Where only global irradiance is known, the diffuse part is estimated.
    Raises: ValueError: the step is not a multiple of a quarter, or the start is not on its grid.
    """
    if weather.step_s % _MTU_S or weather.start_s % _MTU_S:
        raise ValueError(f"step {weather.step_s} s from {weather.start_s} is not on the grid of quarters")
    count, steps = len(weather.global_horizontal), weather.step_s // _STEP_S
    sun = sun_position(_instants(weather.start_s, count * steps), place)
    light = _inside_intervals(weather, sun, count, steps)
    temperature_c = np.repeat(weather.temperature_c, steps)
    temperature_c = np.where(np.isnan(temperature_c), _CLEAR_SKY_C, temperature_c)
    power_w = plant_power_w(plant, sun, light, temperature_c)
    means: FloatArray = power_w.reshape(-1, _STEPS_PER_MTU).mean(axis=1)
    return means


def _inside_intervals(weather: WeatherSeries, sun: SunPosition, count: int, steps: int) -> Irradiance:
    """Return the light at each instant; its means over the intervals are those of ``weather``, caps apart."""
    clear = clear_sky(sun)
    shape = (count, steps)
    total = np.maximum(0.0, weather.global_horizontal)
    diffuse = np.minimum(np.maximum(0.0, weather.diffuse_horizontal), total)
    total_now = _following(total, clear.global_horizontal.reshape(shape))
    estimated = total_now * diffuse_share(total_now, sun)
    diffuse_now = _following(diffuse, clear.diffuse_horizontal.reshape(shape))
    beam_now = _following(total - diffuse, (clear.direct_normal * sun.cos_zenith).reshape(shape))
    diffuse_now = np.where(np.isnan(diffuse_now), estimated, diffuse_now)
    beam_now = np.where(np.isnan(beam_now), total_now - estimated, beam_now)
    cos_zenith = np.where(sun.cos_zenith > 0.0, sun.cos_zenith, 1.0)
    normal = np.minimum(beam_now / cos_zenith, clear_sky(sun, _CLEANEST_TURBIDITY).direct_normal)
    return Irradiance(
        global_horizontal=normal * sun.cos_zenith + diffuse_now,
        direct_normal=normal,
        diffuse_horizontal=diffuse_now,
    )


def _following(means: FloatArray, course: FloatArray) -> FloatArray:
    """Return values of the given means (n,) that follow ``course`` (n, k), flat; where that is 0 all day long, 0.

    An unknown mean under a sun that is down all interval long is 0: there is nothing to know.
    """
    level: FloatArray = course.mean(axis=1)
    dark = level <= 0.0
    scale = np.where(dark, 0.0, means / np.where(dark, 1.0, level))
    following: FloatArray = (course * scale[:, np.newaxis]).ravel()
    return following


def _instants(start_s: int, count: int) -> FloatArray:
    """Return ``count`` middles of steps from ``start_s`` on."""
    middles: FloatArray = start_s + _STEP_S * (np.arange(count, dtype=np.float64) + 0.5)
    return middles
