"""Price service: keeps the published prices at hand, fetches what is missing, estimates what nobody knows yet.

Runs as a task of its own; no question put to it waits for the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import structlog

from hems.analysis.price_estimation import estimate_day
from hems.coordination.compass_feed import CompassFeed
from hems.coordination.price_feed import PriceFeed, PriceServiceOptions
from hems.coordination.retail_prices import RetailPrices
from hems.domain.decision import PriceContext
from hems.domain.errors import PricesRefused, PricesUnavailable, RejectedData, StorageError
from hems.domain.prices import Market, MarketView, PriceOrigin, PriceSeries, RetailPrice
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds, require_utc
from hems.ports.clock import Clock
from hems.ports.prices import PriceArchive, PriceSource, Tariff

__all__ = ["PriceService", "PriceServiceOptions"]

log = structlog.get_logger(__name__)

LONGEST_SLEEP_S = 600.0
"""A sleep is never longer, so that a set clock or a suspended machine is noticed."""

FUTURE_REACH = timedelta(days=3)
"""How far ahead stored prices are loaded; nobody publishes further."""

ESTIMATES_KEPT = 64


class PriceService:
    """Answers what a quarter costs: published where known, else estimated and marked so."""

    def __init__(
        self,
        source: PriceSource,
        archive: PriceArchive,
        tariff: Tariff,
        clock: Clock,
        options: PriceServiceOptions,
        *,
        on_new_prices: Callable[[], None] | None = None,
        compass: CompassFeed | None = None,
    ) -> None:
        self._source = source
        self._archive = archive
        self._needs = tariff.needs
        self._retail = RetailPrices(tariff, options.zone, self._market_on)
        self._compass = compass if self._needs.compass else None
        self._clock = clock
        self._options = options
        self._on_new_prices = on_new_prices
        self._feeds = {market: PriceFeed(market, options) for market in Market}
        self._unsaved = {market: PriceSeries(options.currency, ()) for market in Market}
        self._estimates: dict[tuple[Market, date], PriceSeries] = {}
        self._retail_now: tuple[datetime, RetailPrice | None] | None = None
        self._fetching = asyncio.Lock()
        self._storage_error: str | None = None
        self._loaded = False
        self._news = False

    # ---- the task

    async def run(self) -> None:
        """Load what is stored, then fetch what is missing, for ever; ends only by cancellation."""
        self.load()
        while True:
            try:
                await self.fetch_due()
            except Exception as error:  # the task's top: a defect here must not stop the house
                log.exception("price_service_failed", next_attempt_s=self._options.backoff_max_s)
                now = self._clock.now()
                for feed in self._feeds.values():
                    feed.failed(error, now)
                    feed.plan_next(now, at_least_s=self._options.backoff_max_s)
            await self._clock.sleep(self._seconds_to_next_attempt())

    def load(self) -> None:
        """Take up what the archive holds, so that a restart or an outage needs no network."""
        now = self._clock.now()
        for market, feed in self._feeds.items():
            stored = self._load_stored(market, feed.reach_start(now), now + FUTURE_REACH)
            if not len(stored):
                continue
            try:
                feed.receive(stored, now)
            except RejectedData as error:
                log.warning("stored_prices_ignored", market=market.value, error=str(error))
        if self._compass is not None:
            self._compass.load()
        self._forget_answers()
        self._loaded = True

    async def fetch_due(self) -> None:
        """Fetch whatever is due now; an error is kept for the status, logged, and tried again later."""
        self._save_unsaved()
        for feed in self._feeds.values():
            now = self._clock.now()
            if feed.wanted_days(now) and feed.next_attempt_at(now) <= now:
                await self._fetch(feed, feed.wanted_days(now))
        if self._compass is not None and await self._compass.fetch_due(self._clock.now()):
            self._announce_news()
        self._retail.warn_of(self.today())

    async def ensure_day(self, day: date) -> None:
        """Fetch ``day`` where it is not stored whole; what goes wrong is found in :meth:`status`.

        Needs no running task: what is stored is loaded first where it has not been.
        """
        if not self._loaded:
            self.load()
        now = self._clock.now()
        if day > local_date(now, self._options.zone) + timedelta(days=1):
            return
        for market, feed in self._feeds.items():
            known = self._published(market, *local_day_bounds(day, self._options.zone))
            if len(known) < _quarters(*local_day_bounds(day, self._options.zone)):
                await self._fetch(feed, (day,))
        if self._compass is not None and await self._compass.ensure_day(day, now):
            self._announce_news()

    async def _fetch(self, feed: PriceFeed, days: tuple[date, ...]) -> None:
        async with self._fetching:
            at_least_s = 0.0
            missing: list[str] = []
            feed.begin()
            for day in days:
                try:
                    prices = await self._source.fetch_day(feed.market, day)
                    self._take(feed, prices)
                except RejectedData as error:  # this day's data are bad; the next day's may be good
                    feed.failed(error, self._clock.now())
                except PricesRefused as error:
                    feed.failed(error, self._clock.now())
                    at_least_s = self._options.refused_retry_s
                    break
                except PricesUnavailable as error:
                    feed.failed(error, self._clock.now())
                    at_least_s = self._rest_asked_for(error)
                    break
                else:
                    feed.answered(self._clock.now())
                    if len(prices) < _quarters(*local_day_bounds(day, self._options.zone)):
                        missing.append(f"{day}: {len(prices)} quarters")
            self._plan_next(feed, at_least_s, missing)

    def _plan_next(self, feed: PriceFeed, at_least_s: float, missing: list[str]) -> None:
        now = self._clock.now()
        next_at = feed.plan_next(now, at_least_s=at_least_s).astimezone(self._options.zone).isoformat(" ", "seconds")
        facts = {"source": self._source.name, "market": feed.market.value, "next_attempt": next_at}
        if feed.failing and feed.last_error is not None:
            log.warning("prices_not_fetched", error=feed.last_error.message, **facts)
        elif missing:
            log.info("prices_not_published_yet", days=missing, **facts)
        else:
            log.info("prices_complete", **facts)

    def _rest_asked_for(self, error: PricesUnavailable) -> float:
        """Return the wait [s] the source asked for, and let every market honour it: it is one source for all."""
        if error.retry_after is None:
            return 0.0
        seconds = min(error.retry_after.total_seconds(), self._options.retry_after_max_s)
        for feed in self._feeds.values():
            feed.hold(self._clock.now(), seconds)
        return seconds

    def _take(self, feed: PriceFeed, prices: PriceSeries) -> None:
        news = feed.receive(prices, self._clock.now())
        if not len(news):
            return
        self._unsaved[feed.market] = self._unsaved[feed.market].merged_with(news)
        self._save_unsaved()
        self._announce_news()

    def _announce_news(self) -> None:
        self._forget_answers()
        self._news = True
        if self._on_new_prices is not None:
            self._on_new_prices()

    def _forget_answers(self) -> None:
        """What was worked out from the prices known so far no longer holds."""
        self._estimates.clear()
        self._retail.forget()
        self._retail_now = None

    def _save_unsaved(self) -> None:
        for market, prices in self._unsaved.items():
            if not len(prices):
                continue
            try:
                self._archive.save_prices(market, prices, self._source.name)
            except StorageError as error:
                self._storage_error = str(error)
                log.exception("prices_not_stored", market=market.value)
                return
            self._unsaved[market] = PriceSeries(prices.currency, ())
            self._storage_error = None

    def _seconds_to_next_attempt(self) -> float:
        now = self._clock.now()
        due = min(feed.next_attempt_at(now) for feed in self._feeds.values())
        if self._compass is not None:
            due = min(due, self._compass.next_attempt_at(now))
        return min(max((due - now).total_seconds(), 1.0), LONGEST_SLEEP_S)

    # ---- the answers

    def prices_between(self, start: datetime, end: datetime, market: Market = Market.DAY_AHEAD) -> PriceSeries:
        """Return the market price of every quarter that overlaps [start, end), published or else estimated.

        The quarter under way at ``start`` is the first. Each quarter says where it comes from; one is missing only
        where not even an estimate can be made.
        """
        first = floor_to_grid(start)
        published = self._published(market, first, end)
        if len(published) == _quarters(first, end):
            return published
        return self._estimated(market, first, end).merged_with(published)

    def retail_between(self, start: datetime, end: datetime) -> tuple[RetailPrice, ...]:
        """Return what the household pays and is paid in every quarter that overlaps [start, end).

        Export is priced by the settlement price where it is published, else by the day-ahead price, which is nearer to
        it than any estimate from other days. Worked out once for a day, and again when prices come.
        """
        return self._retail.between(start, end, keep_from=self._reach_start())

    def tariff_remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the tariff on the local ``day``: ended, not verified."""
        return self._retail.remarks(day)

    def retail(self, now: datetime) -> RetailPrice | None:
        """Return what the household pays and is paid in the quarter under way at ``now``; None where unknown."""
        start = floor_to_grid(now)
        if self._retail_now is None or self._retail_now[0] != start:  # asked at every poll
            self._retail_now = (start, next(iter(self.retail_between(now, start + MTU)), None))
        return self._retail_now[1]

    def take_news(self) -> bool:
        """Return whether new prices came since this was last asked."""
        news, self._news = self._news, False
        return news

    def price_context(self, now: datetime) -> PriceContext:
        """Return the price of the quarter under way at ``now``, as a strategy sees it."""
        slot = self.prices_between(now, floor_to_grid(now) + MTU).at(now)
        retail = self.retail(now)
        return PriceContext(
            price_per_mwh=None if slot is None else slot.price_per_mwh,
            currency=self._options.currency,
            origin=None if slot is None else slot.origin,
            import_per_kwh=None if retail is None else retail.import_per_kwh,
            export_per_kwh=None if retail is None else retail.export_per_kwh,
        )

    def today(self) -> date:
        """Return the local delivery day of the present moment."""
        return local_date(self._clock.now(), self._options.zone)

    def last_error(self) -> str | None:
        """Return what the latest attempt for day-ahead prices failed on, for a person; None where it did not."""
        feed = self._feeds[Market.DAY_AHEAD]
        return feed.last_error.message if feed.failing and feed.last_error is not None else None

    def status(self) -> dict[str, object]:
        """Return what a person asks when prices look wrong, ready for JSON; times are ISO 8601 in UTC.

        ``estimated_share_24h`` (0-1) is the part of the coming 24 hours whose day-ahead price is not published.
        """
        now = self._clock.now()
        start = floor_to_grid(now)
        day_ahead = self._published(Market.DAY_AHEAD, start, start + timedelta(days=1))
        return {
            "source": self._source.name,
            "currency": self._options.currency,
            "known_until": _iso(self._feeds[Market.DAY_AHEAD].known_until(now)),
            "estimated_share_24h": round(1.0 - len(day_ahead) / _quarters(start, start + timedelta(days=1)), 4),
            "storage_error": self._storage_error,
            "markets": {market.value: _feed_status(feed, now) for market, feed in self._feeds.items()},
            "energy_compass": None if self._compass is None else self._compass.status(),
            "tariff_remarks": list(self._retail.remarks(self.today())),
        }

    def _market_on(self, day: date) -> MarketView:
        """Return what a tariff may know of the local ``day``."""
        start, end = local_day_bounds(day, self._options.zone)
        settled_from = start
        if self._needs.month_of_settlement:
            settled_from = local_day_bounds(day.replace(day=1), self._options.zone)[0]
        return MarketView(
            day_ahead=self.prices_between(start, end),
            settlement=self._published(Market.SETTLEMENT, settled_from, end),
            compass={} if self._compass is None else self._compass.between(start, end),
        )

    def _reach_start(self) -> datetime:
        """Return from when on prices are kept in memory."""
        now = self._clock.now()
        return max(feed.reach_start(now) for feed in self._feeds.values())

    def _published(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        """Return the published quarters that start in [start, end): from memory, from the archive where it is older."""
        feed = self._feeds[market]
        known = feed.known.between(start, end)
        reach = feed.reach_start(self._clock.now())
        if require_utc(start) >= reach:
            return known
        return self._load_stored(market, start, min(end, reach)).merged_with(known)

    def _estimated(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        zone = self._options.zone
        estimates = PriceSeries(self._options.currency, ())
        day = local_date(start, zone)
        while local_day_bounds(day, zone)[0] < end:
            estimates = estimates.merged_with(self._estimate_of(market, day))
            day += timedelta(days=1)
        return estimates.between(start, end)

    def _estimate_of(self, market: Market, day: date) -> PriceSeries:
        """Return the estimate of ``day``; it stays the same until new prices come, so it is made once."""
        found = self._estimates.get((market, day))
        if found is None:
            zone = self._options.zone
            oldest = day - timedelta(days=self._options.estimation.lookback_days)
            history = self._published(market, local_day_bounds(oldest, zone)[0], local_day_bounds(day, zone)[0])
            found = estimate_day(day, zone, history, self._options.estimation)
            if len(self._estimates) >= ESTIMATES_KEPT:
                self._estimates.clear()
            self._estimates[market, day] = found
        return found

    def _load_stored(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        """Return what the archive holds; an archive that fails is an empty one, and log and status say so."""
        nothing = PriceSeries(self._options.currency, ())
        try:
            stored = self._archive.load_prices(market, start, end)
        except StorageError as error:
            self._storage_error = str(error)
            log.exception("stored_prices_unreadable", market=market.value)
            return nothing
        published = tuple(slot for slot in stored if slot.origin is PriceOrigin.PUBLISHED)
        if not published or stored.currency != self._options.currency:
            return nothing
        return replace(stored, slots=published)


def _feed_status(feed: PriceFeed, now: datetime) -> dict[str, object]:
    error = feed.last_error
    return {
        "known_until": _iso(feed.known_until(now)),
        "last_success_at": _iso(feed.last_success_at),
        "failing": feed.failing,
        "last_error": None if error is None else {"at": _iso(error.at), "message": error.message},
        "attempts": feed.attempts,
        "next_attempt_at": _iso(feed.next_attempt_at(now)),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _quarters(start: datetime, end: datetime) -> int:
    """Return how many quarters start in [start, end); ``start`` lies on the grid."""
    return max(0, -((start - end) // MTU))
