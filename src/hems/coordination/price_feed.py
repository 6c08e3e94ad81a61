"""What is known of one market, and when to ask for more. No network, no waiting: time comes as an argument."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hems.analysis.price_estimation import EstimationOptions
from hems.domain.errors import RejectedData
from hems.domain.prices import Market, PriceSeries
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds, require_utc

FURTHEST = timedelta(days=7)
"""Nobody publishes further ahead."""

BEYOND_LOOKBACK = timedelta(days=2)
"""Kept in memory beyond the days that estimates look at, so that today's estimate never misses its oldest day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceServiceOptions:
    """When prices are asked for, and how estimates are made.

    ``zone`` is that of the delivery day. Publication of the next day was observed between 13:37 and 16:13 local time;
    it has been hours later at other exchanges, so the asking goes on through the night.
    """

    zone: ZoneInfo
    currency: str = "PLN"
    first_fetch_time: time = time(13, 30)
    first_fetch_spread_s: float = 120.0
    """The first attempt of a day falls somewhere in this span, so that not all houses ask in one second."""
    backoff_first_s: float = 60.0
    backoff_max_s: float = 900.0
    refused_retry_s: float = 3600.0
    """After an answer that will not change by itself."""
    retry_after_max_s: float = 21_600.0
    """The longest wait that a source may ask for."""
    jitter: float = 0.1
    """Each wait is longer by up to this share."""
    jitter_seed: int = 0
    """Differs from house to house; the same seed waits the same."""
    estimation: EstimationOptions = field(default_factory=EstimationOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedError:
    """What went wrong last, in words for a person."""

    at: datetime
    message: str


class PriceFeed:
    """The published prices of one market within reach, and the schedule of attempts."""

    def __init__(self, market: Market, options: PriceServiceOptions) -> None:
        self.market = market
        self.known = PriceSeries(options.currency, ())
        self.last_success_at: datetime | None = None
        self.last_error: FeedError | None = None
        self.failing = False
        """Whether the latest attempt ended in an error; "not published yet" is none."""
        self.attempts = 0
        """Attempts since the wanted days were last complete."""
        self._options = options
        self._not_before: datetime | None = None

    def is_complete(self, day: date) -> bool:
        """Return whether every quarter of the local ``day`` is known: 92, 96 or 100."""
        start, end = local_day_bounds(day, self._options.zone)
        return len(self.known.between(start, end)) == (end - start) // MTU

    def wanted_days(self, now: datetime) -> tuple[date, ...]:
        """Return the days that should be known at ``now`` and are not: today, and tomorrow from the afternoon on."""
        today = local_date(now, self._options.zone)
        days = [today] if now < self._opening(today) else [today, today + timedelta(days=1)]
        return tuple(day for day in days if not self.is_complete(day))

    def next_attempt_at(self, now: datetime) -> datetime:
        """Return when to ask next; ``now`` or earlier means at once."""
        if not self.wanted_days(now):
            today = local_date(now, self._options.zone)
            opening = self._opening(today)
            due = opening if now < opening else self._opening(today + timedelta(days=1))
        else:
            due = now
        return due if self._not_before is None else max(due, self._not_before)

    def receive(self, prices: PriceSeries, now: datetime) -> PriceSeries:
        """Take in published quarters; return those that are new or have changed.

        Raises: RejectedData: they are in another currency.
        """
        self._require_currency(prices)
        changed = tuple(
            slot
            for slot in prices
            if (before := self.known.at(slot.start)) is None or before.price_per_mwh != slot.price_per_mwh
        )
        news = PriceSeries(prices.currency, changed)
        self.known = self.known.merged_with(news).between(
            self.reach_start(now), datetime.max.replace(tzinfo=now.tzinfo)
        )
        return news

    def begin(self) -> None:
        """Start an attempt: whether it fails is open."""
        self.failing = False

    def answered(self, now: datetime) -> None:
        """Note that the source gave a usable answer, be it that nothing is published yet."""
        self.last_success_at = now

    def failed(self, error: Exception, now: datetime) -> None:
        """Note that an attempt ended in ``error``."""
        self.last_error = FeedError(at=now, message=str(error))
        self.failing = True

    def plan_next(self, now: datetime, *, at_least_s: float = 0.0) -> datetime:
        """Set and return the next attempt: later each time while something is missing, ``at_least_s`` in any case."""
        self.attempts = self.attempts + 1 if self.wanted_days(now) else 0
        wait_s = 0.0
        if self.attempts:
            doubled = self._options.backoff_first_s * 2.0 ** min(self.attempts - 1, 30)
            wait_s = min(doubled, self._options.backoff_max_s)
        self._not_before = None
        if wait_s or at_least_s:
            stretch = 1.0 + self._options.jitter * self._chance(f"{now.isoformat()}:{self.attempts}")
            self._not_before = now + timedelta(seconds=max(wait_s, at_least_s) * stretch)
        return self.next_attempt_at(now)

    def hold(self, now: datetime, seconds: float) -> None:
        """Ask nothing for ``seconds``: the source wants a rest."""
        until = now + timedelta(seconds=seconds)
        self._not_before = until if self._not_before is None else max(until, self._not_before)

    def known_until(self, now: datetime) -> datetime | None:
        """Return the end of the unbroken run of known quarters from the present one; None where that is unknown."""
        start = floor_to_grid(now)
        end = start
        for slot in self.known.between(start, start + FURTHEST):
            if slot.start != end:
                break
            end += MTU
        return None if end == start else end

    def reach_start(self, now: datetime) -> datetime:
        """Return the start of what is kept in memory at ``now``."""
        return require_utc(now) - timedelta(days=self._options.estimation.lookback_days) - BEYOND_LOOKBACK

    def _opening(self, day: date) -> datetime:
        """Return when, on the local ``day``, the next day's prices are first asked for."""
        local = datetime.combine(day, self._options.first_fetch_time, tzinfo=self._options.zone)
        return require_utc(local) + timedelta(seconds=self._options.first_fetch_spread_s * self._chance(str(day)))

    def _chance(self, about: str) -> float:
        """Return a number in [0, 1) that depends only on the seed, the market and ``about``: the same on every run."""
        seed = f"{self._options.jitter_seed}:{self.market.value}:{about}"
        return random.Random(seed).random()  # noqa: S311 - spreads requests, guards nothing

    def _require_currency(self, prices: PriceSeries) -> None:
        if prices.currency != self._options.currency:
            raise RejectedData(
                f"prices came in {prices.currency}, this house is billed in {self._options.currency}; "
                "check prices.source and the tariff's currency"
            )
