"""What the shadow houses have come to, day by day: their batteries, their bills, and how both survive a restart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta

from hems.domain.time_grid import require_utc
from hems.domain.units import kwh_from_wh
from hems.planning.virtual_home import VirtualSlot

STATE_FORMAT = 1

DAYS_KEPT = 40
"""A month and some days of grace: periods of 30 days are shown."""

QUARTERS_OF_A_DAY = 96
"""A full day's worth of measured quarters, whatever the day's own length."""

LARGEST = 1e12
"""No sum of a house comes near."""


@dataclass(slots=True)
class ShadowHouse:
    """One virtual battery and what it has cost since the comparison began; energies [Wh], money in the currency."""

    stored_wh: float
    exportable_wh: float
    """What of it came from the sun."""
    bill: float = 0.0
    wear: float = 0.0
    """What the battery's use cost of its life; not in the bill."""
    discharged_wh: float = 0.0
    discharged_today_wh: float = 0.0

    def take(self, lived: VirtualSlot) -> None:
        """Go on from a quarter that was lived through."""
        self.stored_wh, self.exportable_wh = lived.stored_wh, lived.exportable_wh
        self.bill += lived.cost
        self.wear += lived.wear_cost
        self.discharged_wh += lived.discharged_wh
        self.discharged_today_wh += lived.discharged_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnd:
    """What every house had cost at the end of a local day since the comparison began, stored energy taken off."""

    day: date
    net_cost: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class ShadowBooks:
    """The comparison: all houses began at ``since`` with the same battery, and live through the same quarters."""

    since: datetime
    capacity_wh: float
    currency: str
    houses: dict[str, ShadowHouse]
    last: datetime | None = None
    """The start of the last quarter that was lived or missed."""
    stored_value_per_kwh: float = 0.0
    """What a stored kWh was worth at the end of the last lived quarter, the same for every house."""
    quarters: int = 0
    """How many were lived."""
    gaps: int = 0
    """How many could not be: too little was measured, or no price was known."""
    estimated_quarters: int = 0
    """How many of the lived had an estimated price."""
    days: list[DayEnd] = field(default_factory=list)

    def net_costs(self) -> dict[str, float]:
        """Return what each house has cost up to now, what it has stored taken off at the common value [currency]."""
        value = self.stored_value_per_kwh
        return {name: house.bill - value * kwh_from_wh(house.stored_wh) for name, house in self.houses.items()}

    def end_day(self, day: date) -> None:
        """Keep the state at the end of the local ``day``; the next one begins."""
        self.days = [*self.days, DayEnd(day=day, net_cost=self.net_costs())][-DAYS_KEPT:]
        for house in self.houses.values():
            house.discharged_today_wh = 0.0

    def saved(self, name: str, against: str, first: date | None = None) -> float | None:
        """Return what ``name`` cost less than ``against`` from the local day ``first`` on; None: from the beginning.

        None where no quarter was lived. Stored energy is valued alike in both houses, at both ends.
        """
        if self.quarters == 0:
            return None
        costs = self.net_costs()
        before = None if first is None else next((end for end in reversed(self.days) if end.day < first), None)
        lead = costs[against] - costs[name]
        # At the beginning all houses are alike: there is no lead to take off.
        return lead if before is None else lead - (before.net_cost[against] - before.net_cost[name])

    def cycles_per_day(self, name: str) -> float | None:
        """Return the full cycles per measured day: energy given over capacity; None below one day."""
        if self.quarters < QUARTERS_OF_A_DAY:
            return None
        return self.houses[name].discharged_wh / self.capacity_wh * QUARTERS_OF_A_DAY / self.quarters


def state_of(books: ShadowBooks) -> dict[str, object]:
    """Return all that a restart must not lose, as JSON values."""
    return {
        "format": STATE_FORMAT,
        "since": books.since.isoformat(),
        "capacity_wh": books.capacity_wh,
        "currency": books.currency,
        "last": None if books.last is None else books.last.isoformat(),
        "stored_value_per_kwh": books.stored_value_per_kwh,
        "quarters": books.quarters,
        "gaps": books.gaps,
        "estimated_quarters": books.estimated_quarters,
        "houses": {name: asdict(house) for name, house in books.houses.items()},
        "days": [{"day": end.day.isoformat(), "net_cost": dict(end.net_cost)} for end in books.days],
    }


def books_from(state: object, names: Sequence[str]) -> ShadowBooks:
    """Return the comparison that ``state_of`` kept, for the houses ``names``.

    Raises: KeyError, TypeError, ValueError: it is none, or one of other houses.
    """
    kept = _mapping(state)
    if kept["format"] != STATE_FORMAT:
        raise ValueError(f"format {kept['format']!r:.20}")
    houses = {name: _house(values) for name, values in _mapping(kept["houses"]).items()}
    if set(houses) != set(names):
        raise ValueError(f"a comparison of {', '.join(sorted(houses))}")
    books = ShadowBooks(
        since=_moment(kept["since"]),
        capacity_wh=_number(kept["capacity_wh"]),
        currency=str(kept["currency"]),
        houses={name: houses[name] for name in names},
        last=None if kept["last"] is None else _moment(kept["last"]),
        stored_value_per_kwh=_number(kept["stored_value_per_kwh"]),
        quarters=_count(kept["quarters"]),
        gaps=_count(kept["gaps"]),
        estimated_quarters=_count(kept["estimated_quarters"]),
        days=[_day_end(entry, names) for entry in _list(kept["days"])],
    )
    if not books.capacity_wh > 0.0:
        raise ValueError("a battery that holds nothing")
    for house in books.houses.values():
        if not 0.0 <= house.exportable_wh <= house.stored_wh <= books.capacity_wh:
            raise ValueError(f"{house.stored_wh} Wh stored in {books.capacity_wh} Wh")
    return books


def _house(values: object) -> ShadowHouse:
    kept = _mapping(values)
    return ShadowHouse(**{item.name: _number(kept[item.name]) for item in fields(ShadowHouse)})


def _day_end(values: object, names: Sequence[str]) -> DayEnd:
    kept = _mapping(values)
    costs = _mapping(kept["net_cost"])
    return DayEnd(day=date.fromisoformat(_text(kept["day"])), net_cost={name: _number(costs[name]) for name in names})


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, found {value!r:.60}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r:.60}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r:.60}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {value!r:.60}")
    if not (math.isfinite(value) and abs(value) < LARGEST):
        raise ValueError(f"{value!r:.60} is no figure of a house")
    return float(value)


def _count(value: object) -> int:
    number = _number(value)
    if number < 0.0 or number != int(number):
        raise ValueError(f"{value!r:.60} is no count")
    return int(number)


def _moment(value: object) -> datetime:
    moment = require_utc(datetime.fromisoformat(_text(value)))
    if not 2000 <= moment.year < 3000:  # a time so far off overflows in the first sum with it
        raise ValueError(f"{value!r:.60} is no moment of a house")
    return moment


def days_back(today: date, days: int) -> date:
    """Return the first of the last ``days`` local days, today included."""
    return today - timedelta(days=days - 1)
