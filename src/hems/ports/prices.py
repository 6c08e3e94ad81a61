"""Where prices come from, and what a household pays on top of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from hems.domain.prices import Compass, Market, MarketView, PriceSeries, RetailPrice


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


@runtime_checkable
class CompassSource(Protocol):
    """Who publishes which hours are good for using energy, and which are not."""

    async def fetch_compass(self, day: date) -> Compass:
        """Return the levels published for the local ``day``; empty where nothing is published yet.

        Raises: as ``PriceSource.fetch_day``.
        """
        ...


class CompassArchive(Protocol):
    """Published levels as they were received."""

    def load_compass(self) -> Compass:
        """Return everything that is stored. Raises: StorageError."""
        ...

    def save_compass(self, levels: Compass) -> None:
        """Keep ``levels``; an hour that is stored already is replaced. Raises: StorageError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffNeeds:
    """What a tariff has to be given beside the quarters it prices."""

    compass: bool = False
    month_of_settlement: bool = False
    """The settlement prices of the local month so far."""


class Tariff(Protocol):
    """Turns market prices into what the household pays and is paid; pure, so that a bill can be checked."""

    @property
    def needs(self) -> TariffNeeds:
        """What ``retail_series`` has to be given."""
        ...

    def retail_series(self, market: MarketView) -> tuple[RetailPrice, ...]:
        """Return the retail price of every quarter of ``market.day_ahead``, in order.

        Where no settlement price is known, the day-ahead price of that quarter takes its place and the export price is
        marked as estimated.
        """
        ...

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the prices of ``day``: a tariff that has ended, unverified figures."""
        ...
