"""Where the house stands and how its solar panels lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point on the earth; north and east positive [degrees]."""

    latitude_deg: float
    longitude_deg: float

    def __post_init__(self) -> None:
        """Refuse what is not on the earth. Raises: ValueError."""
        if not -90.0 <= self.latitude_deg <= 90.0:
            raise ValueError(f"latitude {self.latitude_deg}: must be -90 to 90")
        if not -180.0 <= self.longitude_deg <= 180.0:
            raise ValueError(f"longitude {self.longitude_deg}: must be -180 to 180")

    def rounded(self, digits: int) -> Place:
        """Return this place with ``digits`` decimals: 2 are about a kilometre, enough for the weather."""
        return Place(latitude_deg=round(self.latitude_deg, digits), longitude_deg=round(self.longitude_deg, digits))


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonPoint:
    """How high something stands in one direction, seen from the panels [degrees]; azimuth 0 north, 180 south."""

    azimuth_deg: float
    elevation_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PvPlane:
    """Panels that lie alike."""

    peak_w: float
    """DC power at standard test conditions."""
    tilt_deg: float
    """0 lies flat, 90 stands upright."""
    azimuth_deg: float
    """Where the panels look: 0 north, 90 east, 180 south, 270 west."""
    horizon: tuple[HorizonPoint, ...] = ()
    """What stands between the sun and these panels; straight lines between the points, all around. Empty: nothing."""

    def __post_init__(self) -> None:
        """Refuse what no roof has. Raises: ValueError."""
        if not (isfinite(self.peak_w) and self.peak_w > 0.0):
            raise ValueError(f"peak_w {self.peak_w}: must be above 0")
        if not 0.0 <= self.tilt_deg <= 90.0:
            raise ValueError(f"tilt_deg {self.tilt_deg}: must be 0 to 90")
        if not 0.0 <= self.azimuth_deg <= 360.0:
            raise ValueError(f"azimuth_deg {self.azimuth_deg}: must be 0 to 360")


@dataclass(frozen=True, slots=True, kw_only=True)
class PvPlant:
    """All planes behind one inverter."""

    planes: tuple[PvPlane, ...]
    inverter_max_w: float | None = None
    """The most the inverter gives from its panels; None: not known, nothing is clipped."""
    losses_share: float = 0.14
    """Lost between the panels' rating and the inverter's output: dirt, mismatch, cables, conversion. The default is
    that of PVWatts (A. Dobos, PVWatts Version 5 Manual, NREL/TP-6A20-62641, 2014, table 6: 14 %)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be a plant. Raises: ValueError."""
        if not self.planes:
            raise ValueError("a plant has at least one plane")
        if self.inverter_max_w is not None and not self.inverter_max_w > 0.0:
            raise ValueError(f"inverter_max_w {self.inverter_max_w}: must be above 0")
        if not 0.0 <= self.losses_share < 1.0:
            raise ValueError(f"losses_share {self.losses_share}: must be 0 or more and less than 1")

    @property
    def peak_w(self) -> float:
        """DC power of all planes."""
        return sum(plane.peak_w for plane in self.planes)
