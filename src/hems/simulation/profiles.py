"""Weather and habits: how much the panels could give and how much the house wants, as functions of time.

Every profile is a pure function of the instant and a seed: stepping finer or coarser, or asking twice, never changes
the day.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

Profile = Callable[[datetime], float]
"""Power [W], >= 0, at an aware UTC instant."""


def constant(power_w: float) -> Profile:
    """Return a profile that is ``power_w`` always."""
    return lambda _at: power_w


def as_profile(source: Profile | float) -> Profile:
    """Return ``source`` as a profile; a number becomes a constant one."""
    return source if callable(source) else constant(float(source))


WARSAW = ZoneInfo("Europe/Warsaw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the house stands and how its clock runs."""

    latitude_deg: float = 52.2
    longitude_deg: float = 21.0
    zone: ZoneInfo = WARSAW


class SmoothNoise:
    """Seeded noise in -1..1 that changes smoothly over ``period_s``."""

    def __init__(self, seed: int, name: str, period_s: float) -> None:
        self._key = f"{seed}/{name}"
        self._period_s = period_s
        self._knots: dict[int, float] = {}

    def __call__(self, epoch_s: float) -> float:
        """Return the noise at ``epoch_s`` seconds since 1970."""
        position = epoch_s / self._period_s
        index = math.floor(position)
        low, high = self._knot(index), self._knot(index + 1)
        share = position - index
        return low + (high - low) * share * share * (3.0 - 2.0 * share)

    def _knot(self, index: int) -> float:
        value = self._knots.get(index)
        if value is None:
            if len(self._knots) > 4096:
                self._knots.clear()
            value = self._knots[index] = random.Random(f"{self._key}/{index}").uniform(-1.0, 1.0)
        return value


def sun_elevation_sine(at: datetime, latitude_deg: float, longitude_deg: float) -> float:
    """Return the sine of the sun's height above the horizon, negative at night.

    Source: Cooper's declination formula; the equation of time (up to 16 minutes) is left out, which a simulated
    house does not notice.
    """
    day = at.timetuple().tm_yday
    declination = math.radians(23.45) * math.sin(math.tau * (284 + day) / 365.0)
    hour_utc = at.hour + at.minute / 60.0 + at.second / 3600.0
    hour_angle = math.radians(15.0 * (hour_utc - 12.0) + longitude_deg)
    latitude = math.radians(latitude_deg)
    across = math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
    return math.sin(latitude) * math.sin(declination) + across


def solar(peak_w: float, cloudiness: float, seed: int, site: Site) -> Profile:
    """Return what panels of ``peak_w`` could give; ``cloudiness`` 0 is a clear sky, 1 a closed grey one."""
    banks = SmoothNoise(seed, "cloud banks", 5400.0)
    gaps = SmoothNoise(seed, "cloud gaps", 240.0)

    def power_w(at: datetime) -> float:
        sine = sun_elevation_sine(at, site.latitude_deg, site.longitude_deg)
        if sine <= 0.0:
            return 0.0
        # Low sun crosses more air; tilted panels gain in return. The exponent stands for both.
        clear_w = peak_w * 0.95 * math.pow(sine, 1.15)
        epoch_s = at.timestamp()
        cover = cloudiness * (0.75 + 0.25 * banks(epoch_s))
        flicker = 0.5 * (1.0 - abs(2.0 * cover - 1.0)) * gaps(epoch_s)
        return clear_w * min(1.0, max(0.06, 1.0 - 0.88 * min(1.0, max(0.0, cover + flicker))))

    return power_w


_DAILY_SHAPE = (
    (0.0, 0.55), (5.5, 0.50), (7.0, 1.30), (9.0, 0.90), (13.0, 1.00), (15.5, 0.95), (18.0, 1.90), (21.0, 1.75),
    (23.0, 0.85), (24.0, 0.55),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Appliance:
    """A device that is switched on now and then: power, run time, and the chance per quarter by day."""

    power_w: float
    minutes: float
    chance: float


_APPLIANCES = (
    Appliance(2000.0, 4.0, 0.10),  # kettle
    Appliance(1800.0, 12.0, 0.05),  # oven, heating
    Appliance(2100.0, 9.0, 0.03),  # washing machine, heating
    Appliance(1200.0, 6.0, 0.06),  # microwave, vacuum cleaner
)


def household(average_w: float, seed: int, site: Site) -> Profile:
    """Return the demand of a household of ``average_w``: a daily shape, wobble, and appliances by chance."""
    wobble = SmoothNoise(seed, "load", 420.0)
    spikes: dict[int, tuple[tuple[float, float, float], ...]] = {}
    base_w = 0.75 * average_w

    def spikes_of(quarter: int, by_day: bool) -> tuple[tuple[float, float, float], ...]:
        found = spikes.get(quarter)
        if found is None:
            if len(spikes) > 4096:
                spikes.clear()
            dice = random.Random(f"{seed}/appliances/{quarter}")
            found = spikes[quarter] = tuple(
                (start, start + appliance.minutes * 60.0, appliance.power_w)
                for appliance in _APPLIANCES
                for start, lot in ((dice.uniform(0.0, 900.0 - appliance.minutes * 60.0), dice.random()),)
                if lot < appliance.chance * (1.0 if by_day else 0.08) * average_w / 500.0
            )
        return found

    def power_w(at: datetime) -> float:
        epoch_s = at.timestamp()
        local = at.astimezone(site.zone)
        hour = local.hour + local.minute / 60.0
        demand_w = base_w * _shape_at(hour) * (1.0 + 0.18 * wobble(epoch_s))
        quarter = int(epoch_s // 900.0)
        for start, end, spike_w in spikes_of(quarter, 6.0 <= hour < 23.0):
            if start <= epoch_s - quarter * 900.0 < end:
                demand_w += spike_w
        return demand_w

    return power_w


def _shape_at(hour: float) -> float:
    for (low_h, low), (high_h, high) in pairwise(_DAILY_SHAPE):
        if hour < high_h:
            return low + (high - low) * (hour - low_h) / (high_h - low_h)
    return _DAILY_SHAPE[-1][1]
