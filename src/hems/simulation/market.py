"""A day-ahead market that exists only in software: made-up prices, and a source that publishes them in time.

Deterministic: the same seed and day give the same prices. The shape is made here and not taken from the estimator, so
that an estimate has something to miss.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hems.domain.errors import PricesUnavailable
from hems.domain.prices import CompassLevel, Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.time_grid import MTU, local_day_bounds, slots_of_day
from hems.ports.clock import Clock

CURRENCY = "PLN"

MARKET_ZONE = ZoneInfo("Europe/Warsaw")

PUBLICATION_TIME = time(13, 58)
"""Local time of the day before: an ordinary publication as observed."""

ENTITIES: Mapping[Market, tuple[str, str]] = {
    Market.DAY_AHEAD: ("csdac-pln", "csdac_pln"),
    Market.SETTLEMENT: ("rce-pln", "rce_pln"),
}

DayPrices = Callable[[Market, date], PriceSeries]


def published_at(day: date, at: time = PUBLICATION_TIME, zone: ZoneInfo = MARKET_ZONE) -> datetime:
    """Return when the prices of ``day`` come out: at local time ``at`` of the day before, as UTC."""
    return datetime.combine(day - timedelta(days=1), at, tzinfo=zone).astimezone(UTC)


def synthetic_day(market: Market, day: date, *, zone: ZoneInfo = MARKET_ZONE, seed: int = 0) -> PriceSeries:
    """Return made-up prices [PLN/MWh] of every quarter of ``day``: two peaks, a solar valley that may go below zero."""
    dice = random.Random(f"{seed}:{day.isoformat()}")
    summer = 0.5 - 0.5 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 5) / 365)
    level = 430 + dice.gauss(0, 55) - (70 if day.weekday() >= 5 else 0)
    valley = (90 + 330 * summer) * dice.uniform(0.4, 1.3)
    peak = 300 * dice.uniform(0.7, 1.5)
    distance = random.Random(f"{seed}:{day.isoformat()}:settlement")
    slots: list[SlotPrice] = []
    for start in slots_of_day(day, zone):
        local = start.astimezone(zone)
        hour = local.hour + local.minute / 60
        price = level + 0.5 * peak * _bell(hour, 7.5, 1.5) + peak * _bell(hour, 19.5, 2.0)
        price += -valley * _bell(hour, 13.0, 2.6) - 70 * _bell(hour, 3.0, 2.5) + dice.gauss(0, 12)
        if market is Market.SETTLEMENT:
            price += distance.gauss(0, 30)
        slots.append(
            SlotPrice(
                start=start,
                price_per_mwh=round(price, 2),
                origin=PriceOrigin.PUBLISHED,
                published_at=published_at(day, zone=zone),
            )
        )
    return PriceSeries(CURRENCY, tuple(slots))


def _bell(hour: float, middle: float, width: float) -> float:
    return math.exp(-(((hour - middle) / width) ** 2) / 2)


def series_from_csv(path: Path, *, zone: ZoneInfo = MARKET_ZONE) -> PriceSeries:
    """Return the prices of a CSV file: UTC start of the quarter, price per MWh; further columns and a head are skipped.

    Raises: ValueError: a line that is neither.
    """
    slots: list[SlotPrice] = []
    with path.open(newline="", encoding="utf-8") as file:
        for number, line in enumerate(csv.reader(file), start=1):
            if number == 1 and not line[0][:1].isdigit():
                continue
            try:
                start, price = datetime.fromisoformat(line[0]).replace(tzinfo=UTC), float(line[1])
            except (ValueError, IndexError) as error:
                raise ValueError(f"{path}:{number}: not 'UTC start, price per MWh': {line}") from error
            day = start.astimezone(zone).date()
            slots.append(
                SlotPrice(
                    start=start,
                    price_per_mwh=price,
                    origin=PriceOrigin.PUBLISHED,
                    published_at=published_at(day, zone=zone),
                )
            )
    return PriceSeries(CURRENCY, tuple(sorted(slots, key=lambda slot: slot.start)))


def pse_rows(market: Market, prices: Iterable[SlotPrice], *, zone: ZoneInfo = MARKET_ZONE) -> list[dict[str, object]]:
    """Return ``prices`` as rows of the PSE reports API: stamps mark the END of the quarter.

    Of the hour that autumn repeats, the later copy is written ``02a``; no client may rely on it.
    """
    column = ENTITIES[market][1]
    rows: list[dict[str, object]] = []
    for slot in prices:
        begin, end = slot.start.astimezone(zone), (slot.start + MTU).astimezone(zone)
        out = slot.published_at or published_at(begin.date(), zone=zone)
        last = "24:00" if end.date() != begin.date() else _clock_text(end)
        stamp = f"{end:%Y-%m-%d} {_clock_text(end)}" if market is Market.SETTLEMENT else f"{end:%Y-%m-%d %H:%M}"
        rows.append(
            {
                "dtime": stamp,
                "period": f"{_clock_text(begin)} - {last}",
                column: slot.price_per_mwh,
                "dtime_utc": f"{slot.start + MTU:%Y-%m-%d %H:%M:%S}",
                "period_utc": f"{slot.start:%H:%M} - {slot.start + MTU:%H:%M}",
                "business_date": begin.date().isoformat(),
                "publication_ts": f"{out.astimezone(zone):%Y-%m-%d %H:%M:%S}.000",
                "publication_ts_utc": f"{out:%Y-%m-%d %H:%M:%S}.000",
            }
        )
    return rows


def compass_rows(levels: Mapping[datetime, CompassLevel], *, zone: ZoneInfo = MARKET_ZONE) -> list[dict[str, object]]:
    """Return ``levels`` as rows of the PSE report pdgsz: ``dtime`` is the local START of the hour.

    Each hour has an older version too, which is no longer active and says the opposite: no client may rely on it.
    """
    rows: list[dict[str, object]] = []
    for start, level in sorted(levels.items()):
        begin = start.astimezone(zone)
        out = published_at(begin.date(), zone=zone)
        for active, value in ((False, int(CompassLevel.REQUIRED_RESTRICTION) - int(level)), (True, int(level))):
            rows.append(
                {
                    "dtime": f"{begin:%Y-%m-%d} {_clock_text(begin)}:00",
                    "usage_fcst": value,
                    "is_active": active,
                    "business_date": begin.date().isoformat(),
                    "publication_ts": f"{out.astimezone(zone):%Y-%m-%d %H:%M:%S}.000",
                    "publication_ts_utc": f"{out:%Y-%m-%d %H:%M:%S}.000",
                }
            )
    return rows


def _clock_text(local: datetime) -> str:
    return f"{local:%H}{'a' if local.fold else ''}:{local:%M}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedMarketOptions:
    """When the simulated market publishes, and from which seed its prices are made."""

    seed: int = 0
    publication_time: time = PUBLICATION_TIME
    zone: ZoneInfo = MARKET_ZONE


class SimulatedPriceSource:
    """A price source without a socket, for simulated time: publishes each day on the day before."""

    def __init__(self, clock: Clock, options: SimulatedMarketOptions, *, prices: DayPrices | None = None) -> None:
        self._clock = clock
        self._options = options
        self._prices = prices or self._made_up
        self.down = False
        """Set it, and every question fails as if the line were cut."""
        self.questions = 0

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        return "simulated"

    async def fetch_day(self, market: Market, day: date) -> PriceSeries:
        """Return the prices of ``day``; empty before they are published.

        Raises: PricesUnavailable: ``down`` is set.
        """
        self.questions += 1
        if self.down:
            raise PricesUnavailable("the simulated price source is down; set it up again")
        if self._clock.now() < published_at(day, self._options.publication_time, self._options.zone):
            return PriceSeries(CURRENCY, ())
        return self._prices(market, day).between(*local_day_bounds(day, self._options.zone))

    def _made_up(self, market: Market, day: date) -> PriceSeries:
        return synthetic_day(market, day, zone=self._options.zone, seed=self._options.seed)
