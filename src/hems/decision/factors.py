"""The four factors of the score: bands as data, and the points a value earns.

A band says *up to and including* (``up_to``) or *at and above* (``at_least``); the first band that holds gives the
points. Edges belong to the band that names them: 200.0 PLN/MWh is in "up to 200", 3000 W is in "3000 and more".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hems.domain.decision import FactorName, FactorScore

POINTS_MAX = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One step of a factor: exactly one of ``up_to`` and ``at_least`` [unit of the factor], and its points (0-100)."""

    points: float
    up_to: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if (self.up_to is None) == (self.at_least is None):
            raise ValueError("a band needs exactly one of up_to and at_least")
        if not math.isfinite(self.edge):
            raise ValueError(f"a band's edge must be a finite number, not {self.edge}")
        require_points(self.points)

    @property
    def edge(self) -> float:
        """The value at which the band ends; it belongs to the band."""
        for edge in (self.up_to, self.at_least):
            if edge is not None:
                return edge
        return math.nan

    def holds(self, value: float) -> bool:
        """Return whether ``value`` lies at the edge or on the band's side of it."""
        return value <= self.edge if self.up_to is not None else value >= self.edge

    @property
    def label(self) -> str:
        """The band in words, for a person."""
        return f"up to {figure(self.edge)}" if self.up_to is not None else f"{figure(self.edge)} and more"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRule:
    """How one input is judged: its bands in order, the points ``otherwise``, and its weight (0-1) in the total.

    Raises: ValueError: bands of both kinds, out of order, or points or weight outside their range.
    """

    name: FactorName
    weight: float
    bands: tuple[Band, ...]
    otherwise: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise ValueError(f"{self.name.value}: weight {self.weight} is not within 0 and 1")
        if not self.bands:
            raise ValueError(f"{self.name.value}: at least one band is needed")
        require_points(self.otherwise)
        rising = self.bands[0].up_to is not None
        if any((band.up_to is not None) is not rising for band in self.bands):
            raise ValueError(f"{self.name.value}: up_to and at_least cannot be mixed in one factor")
        edges = [band.edge for band in self.bands]
        if edges != sorted(set(edges), reverse=not rising):
            order = "rising" if rising else "falling"
            raise ValueError(f"{self.name.value}: band edges must be {order}, found {edges}")

    def judge(self, value: float | None, unit: str) -> FactorScore:
        """Return the score of ``value`` [unit]; an unknown value has no points."""
        band, points = ("unknown", None) if value is None else self._find(value)
        return FactorScore(name=self.name, value=value, unit=unit, band=band, points=points, weight=self.weight)

    def _find(self, value: float) -> tuple[str, float]:
        for band in self.bands:
            if band.holds(value):
                return band.label, band.points
        last = self.bands[-1]
        side = "above" if last.up_to is not None else "less than"
        return f"{side} {figure(last.edge)}", self.otherwise


def require_points(points: float) -> None:
    """Refuse points outside 0-100 (NaN included) with a ValueError."""
    if not 0.0 <= points <= POINTS_MAX:
        raise ValueError(f"points must lie within 0 and 100, found {points}")


def figure(value: float) -> str:
    """Return ``value`` without needless digits; nine are kept so that 200.01 is never shown as 200."""
    return f"{value:.9g}"


# Source of all numbers below: the users' documentation, section D.
DEFAULT_PRICE = FactorRule(
    name=FactorName.PRICE,
    weight=0.40,
    bands=(Band(up_to=200.0, points=100.0), Band(up_to=400.0, points=80.0), Band(up_to=600.0, points=40.0)),
    otherwise=0.0,
)
DEFAULT_BATTERY = FactorRule(
    name=FactorName.BATTERY,
    weight=0.25,
    bands=(
        Band(up_to=20.0, points=100.0),
        Band(up_to=40.0, points=80.0),
        Band(up_to=70.0, points=40.0),
        Band(up_to=90.0, points=10.0),
    ),
    otherwise=0.0,
)
DEFAULT_PV = FactorRule(
    name=FactorName.PV,
    weight=0.20,
    bands=(Band(at_least=3000.0, points=0.0), Band(at_least=1000.0, points=30.0), Band(at_least=100.0, points=60.0)),
    otherwise=100.0,
)
DEFAULT_CONSUMPTION = FactorRule(
    name=FactorName.CONSUMPTION,
    weight=0.15,
    bands=(Band(at_least=3000.0, points=100.0), Band(at_least=1000.0, points=60.0), Band(at_least=100.0, points=30.0)),
    otherwise=0.0,
)
