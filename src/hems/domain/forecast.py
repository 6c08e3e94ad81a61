"""What is expected of the house: how much it will use and how much the sun will give, with how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hems.domain.time_grid import MTU

QUANTILE_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""The middles of five equally probable fifths: their plain mean is an estimate of the expected value, and each of them
is a scenario of weight one fifth."""

MEDIAN = QUANTILE_LEVELS.index(0.5)


class Quantity(StrEnum):
    """What is forecast."""

    LOAD = "load"
    PV = "pv"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyForecast:
    """Mean power of each MTU from ``start`` on [W], >= 0, as quantiles.

    ``levels_w[i][t]`` is the power of slot t that is not exceeded with probability ``QUANTILE_LEVELS[i]``; at every
    slot the levels do not descend.
    """

    quantity: Quantity
    source: str
    """What it rests on, such as ``recent_days`` or ``open_meteo``."""
    issued_at: datetime
    """When it was made: nothing later than this is in it."""
    known_at: datetime
    """When its newest outside input was received; for a forecast of the house's own history, the newest measurement."""
    start: datetime
    levels_w: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...] = ()
    """What a person should know: a source that is stale or failed, few days of history."""

    def __len__(self) -> int:
        return len(self.levels_w[0])

    @property
    def end(self) -> datetime:
        """The end of the last slot."""
        return self.start + len(self) * MTU

    @property
    def median_w(self) -> tuple[float, ...]:
        """The median of each slot [W]."""
        return self.levels_w[MEDIAN]

    def age(self, now: datetime) -> timedelta:
        """Return how old the newest input is at ``now``."""
        return now - self.known_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceForecast:
    """What a source outside the house expects, as received and before it is corrected by what was measured.

    One value for each MTU from ``start`` on; None where the source says nothing.
    """

    source: str
    received_at: datetime
    start: datetime
    pv_w: tuple[float | None, ...]
    """Mean AC power of all planes [W]."""
    temperature_c: tuple[float | None, ...] = ()
    """Outdoor temperature [degrees C]; empty where the source has none."""
