"""Retail prices day by day: worked out once, and again when the market's prices change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from hems.domain.prices import MarketView, RetailPrice
from hems.domain.time_grid import floor_to_grid, local_date, local_day_bounds
from hems.ports.prices import Tariff

log = structlog.get_logger(__name__)

DAYS_KEPT = 40


class RetailPrices:
    """What the household pays and is paid; a day is the unit, so that an hour is never priced in two halves."""

    def __init__(self, tariff: Tariff, zone: ZoneInfo, market_on: Callable[[date], MarketView]) -> None:
        """``market_on`` returns what is known of the markets on a local day."""
        self._tariff = tariff
        self._zone = zone
        self._market_on = market_on
        self._days: dict[date, tuple[MarketView, tuple[RetailPrice, ...]]] = {}
        self._certain: set[date] = set()
        """Days whose view of the markets cannot have changed."""
        self._told: tuple[str, ...] = ()

    def forget(self) -> None:
        """The market's prices have changed, of some day or other."""
        self._certain.clear()

    def between(self, start: datetime, end: datetime, *, keep_from: datetime) -> tuple[RetailPrice, ...]:
        """Return the price of every quarter that overlaps [start, end).

        Days from ``keep_from`` on are remembered; what lies before it may still change without notice.
        """
        first = floor_to_grid(start)
        day = local_date(first, self._zone)
        found: list[RetailPrice] = []
        while (bounds := local_day_bounds(day, self._zone))[0] < end:
            prices = self._on(day, certain=bounds[0] >= keep_from)
            found += (price for price in prices if first <= price.start < end)
            day += timedelta(days=1)
        return tuple(found)

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the tariff on ``day``."""
        return self._tariff.remarks(day)

    def warn_of(self, day: date) -> None:
        """Log the remarks about ``day`` unless they were the last ones logged."""
        remarks = self._tariff.remarks(day)
        if remarks != self._told:
            self._told = remarks
            for remark in remarks:
                log.warning("tariff_remark", remark=remark)

    def _on(self, day: date, *, certain: bool) -> tuple[RetailPrice, ...]:
        """Return the prices of ``day``, worked out anew only where what is known of the markets has changed."""
        if day in self._certain:
            return self._days[day][1]
        view = self._market_on(day)
        kept = self._days.get(day)
        prices = kept[1] if kept is not None and kept[0] == view else self._tariff.retail_series(view)
        if len(self._days) >= DAYS_KEPT:
            self._days.clear()
            self._certain.clear()
        self._days[day] = view, prices
        if certain:
            self._certain.add(day)
        return prices
