"""The energy ledger's sums, and how they survive a restart as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, get_type_hints

from hems.domain.prices import PriceOrigin, RetailPrice
from hems.domain.time_grid import require_utc
from hems.planning.self_use import SelfUseHouse

STATE_FORMAT = 1
SECONDS_PER_HOUR = 3600.0

LARGEST = 1e12
"""No sum of a house comes near: a lifetime of ten kilowatts is 1e10 Wh."""

ENOUGH_CONVERTED_WH = 2000.0
"""Below this the losses of a few watts drown in the meters' steps, and the stated efficiency holds."""

FORGET_BEYOND_WH = 300_000.0
"""About a month of a house: then the past weighs half, so that a new meter or firmware is learnt too."""

CONVERSION_LOSS_MAX = 0.15
"""More is no inverter's loss but a meter's error, which must not make the yardstick poor."""


@dataclass(slots=True)
class Point:
    """One poll in which all four powers were known [W]; SoC [%] may be unknown."""

    at: datetime
    pv_w: float
    load_w: float
    grid_w: float
    battery_w: float
    soc_pct: float | None

    def on_the_way_to(self, other: Point, at: datetime) -> Point:
        """Return the point at ``at`` of the straight line to ``other``."""
        share = (at - self.at) / (other.at - self.at)
        soc_pct = self.soc_pct
        if soc_pct is not None and other.soc_pct is not None:
            soc_pct += (other.soc_pct - soc_pct) * share
        return Point(
            at,
            self.pv_w + (other.pv_w - self.pv_w) * share,
            self.load_w + (other.load_w - self.load_w) * share,
            self.grid_w + (other.grid_w - self.grid_w) * share,
            self.battery_w + (other.battery_w - self.battery_w) * share,
            soc_pct,
        )


@dataclass(slots=True)
class Counterfactual:
    """A self-use house inside one quarter; ``covered_s`` tells whether it ran for all that was measured."""

    stored_wh: float | None = None
    start_wh: float | None = None
    import_wh: float = 0.0
    export_wh: float = 0.0
    covered_s: float = 0.0


@dataclass(slots=True)
class Learnt:
    """What the real house showed while it was in self-use: its losses, and the powers its battery takes and gives."""

    seconds: float = 0.0
    loss_wh: float = 0.0
    converted_wh: float = 0.0
    charge_seen_w: float = 0.0
    discharge_seen_w: float = 0.0

    def add(self, pv_w: float, battery_w: float, loss_w: float, seconds: float) -> None:
        """Take note of an interval of self-use."""
        hours = seconds / SECONDS_PER_HOUR
        self.seconds += seconds
        self.loss_wh += loss_w * hours
        self.converted_wh += max(0.0, pv_w + battery_w) * hours
        self.charge_seen_w = max(self.charge_seen_w, -battery_w)
        self.discharge_seen_w = max(self.discharge_seen_w, battery_w)
        if self.converted_wh > FORGET_BEYOND_WH:
            self.seconds, self.loss_wh, self.converted_wh = self.seconds / 2, self.loss_wh / 2, self.converted_wh / 2

    def improve(self, house: SelfUseHouse) -> SelfUseHouse:
        """Return ``house`` with the conversion loss that was measured, and at least the powers that were seen."""
        efficiency = house.inverter_efficiency
        if self.converted_wh >= ENOUGH_CONVERTED_WH:
            idle_wh = house.idle_w * self.seconds / SECONDS_PER_HOUR
            share = (self.loss_wh - idle_wh) / self.converted_wh
            efficiency = 1.0 - min(max(share, 0.0), CONVERSION_LOSS_MAX)
        return replace(
            house,
            inverter_efficiency=efficiency,
            charge_max_w=max(house.charge_max_w, self.charge_seen_w),
            discharge_max_w=max(house.discharge_max_w, self.discharge_seen_w),
        )


@dataclass(slots=True)
class Quarter:
    """The open quarter's sums [Wh, s]."""

    start: datetime
    covered_s: float = 0.0
    forced_s: float = 0.0
    pv_wh: float = 0.0
    load_wh: float = 0.0
    import_wh: float = 0.0
    export_wh: float = 0.0
    charge_wh: float = 0.0
    discharge_wh: float = 0.0
    soc_start_pct: float | None = None
    soc_end_pct: float | None = None
    settled_lead_wh: float = 0.0


def areas_of_line(first_w: float, last_w: float) -> tuple[float, float]:
    """Return twice the mean of the positive and of the negative part of a straight line, both >= 0."""
    if first_w >= 0.0 and last_w >= 0.0:
        return first_w + last_w, 0.0
    if first_w <= 0.0 and last_w <= 0.0:
        return 0.0, -(first_w + last_w)
    span = abs(first_w) + abs(last_w)
    high, low = max(first_w, last_w), min(first_w, last_w)
    return high * high / span, low * low / span


def jsonable(part: Any) -> dict[str, object] | None:
    """Return a flat part of the ledger as JSON values, times as ISO text; None stays None."""
    if part is None:
        return None
    values = {item.name: getattr(part, item.name) for item in fields(part)}  # flat: no deep copies are needed
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def jsonable_price(price: RetailPrice) -> dict[str, object]:
    """Return what a restart needs of ``price`` as JSON values; what it is made of is the tariff's to say again."""
    return {
        "start": price.start.isoformat(),
        "import_per_kwh": price.import_per_kwh,
        "export_per_kwh": price.export_per_kwh,
        "origin": price.origin.value,
    }


class RestoredState:
    """A stored state with its types back. Raises: KeyError, TypeError, ValueError: it is not one."""

    def __init__(self, state: object) -> None:
        if not isinstance(state, Mapping) or state["format"] != STATE_FORMAT:
            raise ValueError("another format")
        self.capacity_wh = _known(state["capacity_wh"])
        self.last: Point | None = _part(Point, state["last"])
        self.last_soc_pct = _number(state["last_soc_pct"])
        self.soc_before_gap = _number(state["soc_before_gap"])
        self.forced = bool(state["forced"])
        self.apart = bool(state["apart"])
        self.quarter: Quarter | None = _part(Quarter, state["quarter"])
        self.baseline: Counterfactual = _part(Counterfactual, state["baseline"]) or Counterfactual()
        self.shadow: Counterfactual = _part(Counterfactual, state["shadow"]) or Counterfactual()
        self.learnt: Learnt = _part(Learnt, state["learnt"]) or Learnt()
        self.prices: dict[datetime, RetailPrice] = {}
        for stored in state["prices"]:
            price = RetailPrice(
                start=require_utc(datetime.fromisoformat(stored["start"])),
                import_per_kwh=_known(stored["import_per_kwh"]),
                export_per_kwh=_known(stored["export_per_kwh"]),
                origin=PriceOrigin(stored["origin"]),
            )
            self.prices[price.start] = price


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {value!r:.60}")
    if not abs(value) < LARGEST:  # also refuses NaN
        raise ValueError(f"{value!r:.60} is no figure of a house")
    return float(value)


def _known(value: object) -> float:
    number = _number(value)
    if number is None:
        raise ValueError("a figure is missing")
    return number


def _moment(text: str) -> datetime:
    moment = require_utc(datetime.fromisoformat(text))
    if not 2000 <= moment.year < 3000:
        raise ValueError(f"{text!r:.60} is no moment of a house")
    return moment


def _part(cls: type[Any], data: object) -> Any:
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise TypeError(f"expected a {cls.__name__}, found {data!r:.60}")
    return cls(**{name: _READ_AS[hint](data[name]) for name, hint in get_type_hints(cls).items()})


_READ_AS: Mapping[Any, Callable[[Any], Any]] = {
    datetime: _moment,
    float: _known,
    float | None: _number,
}
