"""Which prices were known when: published ones from their publication on, estimates of similar days beyond."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hems.analysis.price_estimation import estimate_day
from hems.domain.prices import MarketView, PriceSeries, RetailPrice
from hems.domain.time_grid import MTU, local_date, local_day_bounds
from hems.ports.prices import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """When tomorrow's prices are known: a local time of day."""

    zone: ZoneInfo
    at: time = time(14, 0)


class KnownPrices:
    """Retail prices as they could be seen at a moment. Days are estimated once, from what was published by then."""

    def __init__(
        self, day_ahead: PriceSeries, settlement: PriceSeries, tariff: Tariff, publication: Publication
    ) -> None:
        self._day_ahead = day_ahead
        self._tariff = tariff
        self._publication = publication
        # A settlement price is published a day ahead like the market's, so both are known alike.
        self._true = {price.start: price for price in self._retail(day_ahead, settlement)}
        self._estimates: dict[tuple[date, date], dict[datetime, RetailPrice]] = {}

    def last_known_day(self, now: datetime) -> date:
        """Return the latest delivery day whose prices are published at ``now``."""
        local = now.astimezone(self._publication.zone)
        return local.date() + timedelta(days=1 if local.time() >= self._publication.at else 0)

    def published_until(self, now: datetime) -> datetime:
        """Return the end of the published prices."""
        return local_day_bounds(self.last_known_day(now), self._publication.zone)[1]

    def ahead(self, now: datetime, count: int) -> tuple[RetailPrice, ...]:
        """Return what is known or estimated of ``count`` quarters from that of ``now`` (on the grid) on."""
        end, known_day = self.published_until(now), self.last_known_day(now)
        found = []
        for index in range(count):
            start = now + index * MTU
            price = self._true.get(start) if start < end else self._estimated(start, known_day)
            if price is None:
                break
            found.append(price)
        return tuple(found)

    def true(self, start: datetime) -> RetailPrice | None:
        """Return what the quarter really cost and earned."""
        return self._true.get(start)

    def _retail(self, day_ahead: PriceSeries, settlement: PriceSeries) -> tuple[RetailPrice, ...]:
        return self._tariff.retail_series(MarketView(day_ahead=day_ahead, settlement=settlement))

    def _estimated(self, start: datetime, known_day: date) -> RetailPrice | None:
        zone = self._publication.zone
        day = local_date(start, zone)
        key = (day, known_day)
        if key not in self._estimates:
            if len(self._estimates) > 8:
                self._estimates.clear()
            history_start = local_day_bounds(known_day - timedelta(days=28), zone)[0]
            history = self._day_ahead.between(history_start, local_day_bounds(known_day, zone)[1])
            estimate = estimate_day(day, zone, history)
            nothing = PriceSeries(estimate.currency, ())
            self._estimates[key] = {price.start: price for price in self._retail(estimate, nothing)}
        return self._estimates[key].get(start)
