"""Where prices come from, and what a household pays on top of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from hems.domain.prices import Market, PriceOrigin, PriceSeries, RetailPrice


class PriceSource(Protocol):
    """A market operator or vendor that publishes prices."""

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        ...

    async def fetch_day(self, market: Market, day: date) -> PriceSeries:
        """Return the published quarters of the local delivery day; empty where nothing is published yet.

        Raises: PricesUnavailable: no usable answer, try later; PricesRefused: the request itself is refused, a person
            has to act; RejectedData: an answer that cannot be right.
        """
        ...


class PriceArchive(Protocol):
    """Published prices as they were received; survives restarts and outages."""

    def load_prices(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        """Return the stored quarters that start in [start, end)."""
        ...

    def save_prices(self, market: Market, prices: PriceSeries, source: str) -> None:
        """Keep published quarters; a quarter that is stored already is replaced."""
        ...


class Tariff(Protocol):
    """Turns market prices into what the household pays and is paid."""

    def retail(
        self, start: datetime, day_ahead_per_mwh: float, settlement_per_mwh: float | None, origin: PriceOrigin
    ) -> RetailPrice:
        """Return the retail price of the quarter starting at ``start``; without a settlement price, day-ahead pays."""
        ...
