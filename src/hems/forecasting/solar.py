"""The sun: where it stands, what reaches the ground under a clear sky, and what of that reaches a tilted panel.

Vectorised over time: arrays of shape (n,), instants as seconds since 1970 UTC, angles in degrees, irradiance in W/m2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hems.domain.pv_plant import HorizonPoint, Place, PvPlane

FloatArray = NDArray[np.float64]

SOLAR_CONSTANT_W_M2 = 1361.0
"""Kopp and Lean, Geophysical Research Letters 38 (2011) L01706."""

LINKE_TURBIDITY = 3.0
"""A clear Central European sky: about 2.5 in winter, 4 in summer (Remund et al., ISES Solar World Congress 2003). What
a year-round value misses is learnt from the house's own measurements."""

GROUND_ALBEDO = 0.2

_J2000_S = 946_728_000.0
_DAY_S = 86_400.0
_LOWEST_COSINE = 0.01745
"""Sun 1 degree above the horizon: ratios of cosines are meaningless below (Hay-Davies, as in pvlib)."""
_IAM_AR = 0.16
"""Angular losses of ordinary glass (Martin and Ruiz, Solar Energy Materials and Solar Cells 70 (2001) 25-38)."""
_IAM_DIFFUSE_ANGLE_DEG = 60.0
"""Diffuse light loses about as much as a beam at this angle (Duffie and Beckman, Solar Engineering, ch. 5.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SunPosition:
    """Where the sun stands at each instant."""

    elevation_deg: FloatArray
    """As seen, refraction included; below 0 it is night."""
    azimuth_deg: FloatArray
    """0 north, 90 east, 180 south."""
    extraterrestrial_w_m2: FloatArray
    """On a plane facing the sun, outside the atmosphere."""

    @property
    def cos_zenith(self) -> FloatArray:
        """Cosine of the angle between the sun and the vertical; 0 at night."""
        return np.maximum(0.0, np.sin(np.deg2rad(self.elevation_deg)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Irradiance:
    """What reaches the ground [W/m2]."""

    global_horizontal: FloatArray
    direct_normal: FloatArray
    diffuse_horizontal: FloatArray


def sun_position(unix_s: FloatArray, place: Place) -> SunPosition:
    """Return where the sun stands, good to 0.02 degrees between 1950 and 2050.

    Source: The Astronomical Almanac, section C, low-precision formulas for the sun; refraction of Saemundsson (Sky and
    Telescope 72 (1986) 70) at 10 degrees C and 1010 hPa.
    """
    days = (unix_s - _J2000_S) / _DAY_S
    anomaly = np.deg2rad(357.529 + 0.98560028 * days)
    longitude = np.deg2rad(280.459 + 0.98564736 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    obliquity = np.deg2rad(23.439 - 0.00000036 * days)
    declination = np.arcsin(np.sin(obliquity) * np.sin(longitude))
    ascension_deg = np.rad2deg(np.arctan2(np.cos(obliquity) * np.sin(longitude), np.cos(longitude)))
    sidereal_deg = 280.46062 + 360.98564737 * days
    hour_angle = np.deg2rad(sidereal_deg + place.longitude_deg - ascension_deg)
    latitude = np.deg2rad(place.latitude_deg)
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    true_deg = np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0)))
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.sin(declination) * np.cos(latitude) - np.cos(declination) * np.cos(hour_angle) * np.sin(latitude)
    distance_au = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2.0 * anomaly)
    return SunPosition(
        elevation_deg=true_deg + _refraction_deg(true_deg),
        azimuth_deg=np.rad2deg(np.arctan2(east, north)) % 360.0,
        extraterrestrial_w_m2=SOLAR_CONSTANT_W_M2 / distance_au**2,
    )


def clear_sky(sun: SunPosition, linke_turbidity: float = LINKE_TURBIDITY) -> Irradiance:
    """Return what a cloudless sky lets through at sea level; 0 at night.

    Source: Ineichen and Perez, Solar Energy 73 (2002) 151-157; air mass of Kasten and Young, Applied Optics 28 (1989)
    4735-4738.
    """
    up = sun.elevation_deg > 0.0
    elevation = np.where(up, sun.elevation_deg, 90.0)
    cos_zenith = np.where(up, sun.cos_zenith, 1.0)
    air_mass = 1.0 / (np.sin(np.deg2rad(elevation)) + 0.50572 * (elevation + 6.07995) ** -1.6364)
    outside = sun.extraterrestrial_w_m2
    total = 0.868 * outside * cos_zenith * np.exp(-0.0387 * air_mass * linke_turbidity)
    beam = outside * 0.827 * np.exp(-0.09 * air_mass * (linke_turbidity - 1.0))
    beam_max = total * (1.0 - (0.1 - 0.2 * np.exp(-linke_turbidity)) / 0.982) / cos_zenith
    beam = np.minimum(beam, beam_max)
    diffuse = np.maximum(0.0, total - beam * cos_zenith)
    return Irradiance(
        global_horizontal=np.where(up, total, 0.0),
        direct_normal=np.where(up, beam, 0.0),
        diffuse_horizontal=np.where(up, diffuse, 0.0),
    )


def diffuse_share(global_horizontal: FloatArray, sun: SunPosition) -> FloatArray:
    """Return which share of global irradiance is diffuse (0-1), where only the sum is known.

    Source: Erbs, Klein and Duffie, Solar Energy 28 (1982) 293-302.
    """
    outside = sun.extraterrestrial_w_m2 * np.maximum(sun.cos_zenith, 0.065)
    kt = np.clip(global_horizontal / outside, 0.0, 1.0)
    middle = 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    share: FloatArray = np.where(kt <= 0.22, 1.0 - 0.09 * kt, np.where(kt <= 0.8, middle, 0.165))
    return share


def cos_incidence(sun: SunPosition, plane: PvPlane) -> FloatArray:
    """Return the cosine of the angle between the sun and the plane's normal; 0 where the sun is behind it or down."""
    tilt = np.deg2rad(plane.tilt_deg)
    height = np.deg2rad(sun.elevation_deg)
    turn = np.deg2rad(sun.azimuth_deg - plane.azimuth_deg)
    cosine = np.sin(height) * np.cos(tilt) + np.cos(height) * np.sin(tilt) * np.cos(turn)
    lit: FloatArray = np.where(sun.elevation_deg > 0.0, np.maximum(0.0, cosine), 0.0)
    return lit


def on_plane(sun: SunPosition, light: Irradiance, plane: PvPlane, *, glass: bool = True) -> FloatArray:
    """Return the irradiance on ``plane`` [W/m2]: beam, sky and ground; with ``glass``, what gets through its cover.

    The beam and the bright ring around the sun vanish behind the plane's horizon.
    Source: Hay and Davies, Proc. First Canadian Solar Radiation Data Workshop (1980) 59; albedo 0.2.
    """
    cosine = cos_incidence(sun, plane)
    seen = sun.elevation_deg > horizon_deg(plane.horizon, sun.azimuth_deg)
    ratio = np.where(seen, cosine, 0.0) / np.maximum(sun.cos_zenith, _LOWEST_COSINE)
    anisotropy = np.clip(light.direct_normal / sun.extraterrestrial_w_m2, 0.0, 1.0)
    cos_tilt = np.cos(np.deg2rad(plane.tilt_deg))
    beam = np.where(seen, light.direct_normal * cosine, 0.0)
    ring = light.diffuse_horizontal * anisotropy * ratio
    sky = light.diffuse_horizontal * (1.0 - anisotropy) * 0.5 * (1.0 + cos_tilt)
    ground = light.global_horizontal * GROUND_ALBEDO * 0.5 * (1.0 - cos_tilt)
    lit: FloatArray = beam + ring + sky + ground
    if glass:
        diffuse_pass = float(_through_glass(np.array(np.cos(np.deg2rad(_IAM_DIFFUSE_ANGLE_DEG)))))
        lit = (beam + ring) * _through_glass(cosine) + (sky + ground) * diffuse_pass
    return lit


def horizon_deg(horizon: tuple[HorizonPoint, ...], azimuth_deg: FloatArray) -> FloatArray:
    """Return how high the horizon stands in each direction [degrees]: straight lines between the points, all around."""
    if not horizon:
        return np.zeros_like(azimuth_deg)
    points = sorted(horizon, key=lambda point: point.azimuth_deg)
    azimuths = [point.azimuth_deg for point in points]
    heights = [point.elevation_deg for point in points]
    return np.interp(azimuth_deg, azimuths, heights, period=360.0)


def _through_glass(cosine: FloatArray) -> FloatArray:
    passed: FloatArray = -np.expm1(-cosine / _IAM_AR) / -np.expm1(-1.0 / _IAM_AR)
    return passed


def _refraction_deg(true_deg: FloatArray) -> FloatArray:
    """Return by how much the air lifts the sun; 0 well below the horizon, where nobody sees it."""
    height = np.maximum(true_deg, -1.0)
    lifted = 1.02 / np.tan(np.deg2rad(height + 10.3 / (height + 5.11))) / 60.0
    return np.where(true_deg > -1.0, np.maximum(0.0, lifted), 0.0)
