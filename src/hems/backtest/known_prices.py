"""Which prices were known when: published ones from their publication on, estimates of similar days beyond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from hems.analysis.price_estimation import estimate_day
from hems.backtest.lived import IntArray
from hems.domain.measured import FloatArray
from hems.domain.prices import MarketView, PriceOrigin, PriceSeries, RetailPrice, SlotPrice
from hems.domain.time_grid import MTU, local_date, local_day_bounds
from hems.ports.prices import Tariff

_HISTORY = timedelta(days=28)
_KWH_PER_MWH = 1000.0

Estimate = Callable[[date, date], dict[datetime, tuple[float, float]]]
"""From a day and the last day whose prices are known to what each quarter may cost and earn [currency/kWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """When tomorrow's prices are known: a local time of day."""

    zone: ZoneInfo
    at: time = time(14, 0)

    def last_known_day(self, now: datetime) -> date:
        """Return the latest delivery day whose prices are published at ``now``."""
        local = now.astimezone(self.zone)
        return local.date() + timedelta(days=1 if local.time() >= self.at else 0)

    def known_until(self, now: datetime) -> datetime:
        """Return the end of the published prices at ``now``."""
        return local_day_bounds(self.last_known_day(now), self.zone)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPrices:
    """What each of S steps saw of the prices ahead [currency/kWh].

    Step s sees row ``row_of[s]`` of ``buy`` and ``sell`` from column ``from_of[s]`` on, ``slots_of[s]`` quarters of it.
    """

    buy: FloatArray
    sell: FloatArray
    row_of: IntArray
    from_of: IntArray
    slots_of: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrices:
    """What every quarter really cost and earned, from ``start`` on, shape (n,), NaN unknown; and what was thought."""

    start: datetime
    currency: str
    buy: FloatArray
    sell: FloatArray
    market_per_mwh: FloatArray | None
    """The day-ahead market's price, which the score looks at; None where none was given."""
    publication: Publication
    estimate: Estimate

    def between(self, first: datetime, last: datetime) -> tuple[FloatArray, FloatArray]:
        """Return what each quarter in [first, last) cost and earned; NaN where unknown."""
        return _cut(self.buy, self.start, first, last), _cut(self.sell, self.start, first, last)

    def market_between(self, first: datetime, last: datetime) -> FloatArray | None:
        """Return the day-ahead market's price of each quarter in [first, last) [currency/MWh]."""
        return None if self.market_per_mwh is None else _cut(self.market_per_mwh, self.start, first, last)

    def seen(self, first: datetime, last: datetime, horizon: int) -> SeenPrices:
        """Return what was seen at every quarter in [first, last), ``horizon`` quarters ahead or to the first gap."""
        steps = (last - first) // MTU
        moments = [first + s * MTU for s in range(steps)]
        known_days = [self.publication.last_known_day(moment) for moment in moments]
        row_of, from_of = np.zeros(steps, np.int64), np.zeros(steps, np.int64)
        rows: list[tuple[FloatArray, FloatArray]] = []
        begin = 0
        for s in range(1, steps + 1):
            if s == steps or known_days[s] != known_days[begin]:
                row_of[begin:s], from_of[begin:s] = len(rows), np.arange(s - begin)
                rows.append(self._row(moments[begin], s - begin + horizon, known_days[begin]))
                begin = s
        width = max((len(buy) for buy, _ in rows), default=0)
        buy, sell = np.full((len(rows), width), np.nan), np.full((len(rows), width), np.nan)
        for number, (bought, sold) in enumerate(rows):
            buy[number, : len(bought)], sell[number, : len(sold)] = bought, sold
        return SeenPrices(
            buy=buy, sell=sell, row_of=row_of, from_of=from_of, slots_of=_until_gap(buy, sell, row_of, from_of, horizon)
        )

    def foreseen(self, first: datetime, last: datetime, horizon: int) -> SeenPrices:
        """Return what a seer of all prices would have seen at every quarter in [first, last)."""
        steps = (last - first) // MTU
        buy, sell = self.between(first, last + horizon * MTU)
        row_of, from_of = np.zeros(steps, np.int64), np.arange(steps)
        slots_of = _until_gap(buy[None], sell[None], row_of, from_of, horizon)
        return SeenPrices(buy=buy[None], sell=sell[None], row_of=row_of, from_of=from_of, slots_of=slots_of)

    def prepared(self, first: datetime, last: datetime, horizon: int) -> KnownPrices:
        """Return the same with every estimate made that [first, last) asks for: such prices can be sent elsewhere."""
        noted = _Noted(self.estimate)
        replace(self, estimate=noted).seen(first, last, horizon)
        return replace(self, estimate=MadeEstimates(noted.made))

    def _row(self, start: datetime, count: int, known_day: date) -> tuple[FloatArray, FloatArray]:
        """Return the prices from ``start`` on as known while ``known_day`` was the last day published."""
        zone = self.publication.zone
        end = local_day_bounds(known_day, zone)[1]
        buy, sell = self.between(start, start + count * MTU)
        published = max(0, min(count, (end - start) // MTU))
        guessed: dict[date, dict[datetime, tuple[float, float]]] = {}
        for index in range(published, count):
            moment = start + index * MTU
            day = local_date(moment, zone)
            if day not in guessed:
                guessed[day] = self.estimate(day, known_day)
            buy[index], sell[index] = guessed[day].get(moment, (np.nan, np.nan))
        return buy, sell


@dataclass(frozen=True, slots=True)
class MadeEstimates:
    """Estimates that were made before; an ``Estimate``."""

    made: dict[tuple[date, date], dict[datetime, tuple[float, float]]]

    def __call__(self, day: date, known_day: date) -> dict[datetime, tuple[float, float]]:
        """Return what was estimated. Raises: KeyError: nobody asked for it before."""
        return self.made[day, known_day]


class _Noted:
    """An ``Estimate`` that keeps what it gave."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate
        self.made: dict[tuple[date, date], dict[datetime, tuple[float, float]]] = {}

    def __call__(self, day: date, known_day: date) -> dict[datetime, tuple[float, float]]:
        if (day, known_day) not in self.made:
            self.made[day, known_day] = self._estimate(day, known_day)
        return self.made[day, known_day]


class MarketGuesses:
    """What the market was thought to cost on days not published yet, each made once."""

    def __init__(self, day_ahead: PriceSeries, zone: ZoneInfo) -> None:
        self._day_ahead, self._zone = day_ahead, zone
        self._made: dict[tuple[date, date], PriceSeries] = {}

    def of(self, day: date, known_day: date) -> PriceSeries:
        """Return the guess for ``day`` while ``known_day`` was the last one published."""
        if (day, known_day) not in self._made:
            known = _known_before(self._day_ahead, known_day, self._zone)
            self._made[day, known_day] = estimate_day(day, self._zone, known)
        return self._made[day, known_day]


def prices_of_market(
    day_ahead: PriceSeries,
    settlement: PriceSeries,
    tariff: Tariff,
    publication: Publication,
    guesses: MarketGuesses | None = None,
) -> KnownPrices:
    """Return what ``tariff`` makes of market prices. A settlement price is published a day ahead like the market's.

    ``guesses``: those of the same market, made once for several tariffs.
    """
    zone = publication.zone
    guesses = guesses or MarketGuesses(day_ahead, zone)

    def retail(prices: PriceSeries, settled: PriceSeries) -> tuple[RetailPrice, ...]:
        return tariff.retail_series(MarketView(day_ahead=prices, settlement=settled))

    def estimate(day: date, known_day: date) -> dict[datetime, tuple[float, float]]:
        guess = guesses.of(day, known_day)
        nothing = PriceSeries(guess.currency, ())
        return {price.start: (price.import_per_kwh, price.export_per_kwh) for price in retail(guess, nothing)}

    prices = retail(day_ahead, settlement)
    by_start = {price.start: (price.import_per_kwh, price.export_per_kwh) for price in prices}
    market = {price.start: (price.price_per_mwh, 0.0) for price in day_ahead}
    start, buy, sell = _as_arrays(by_start)
    market_start, market_per_mwh, _ = _as_arrays(market)
    return KnownPrices(
        start=start,
        currency=day_ahead.currency,
        buy=buy,
        sell=sell,
        market_per_mwh=_cut(market_per_mwh, market_start, start, start + len(buy) * MTU),
        publication=publication,
        estimate=estimate,
    )


def prices_as_given(
    prices: Sequence[RetailPrice], currency: str, publication: Publication, market: PriceSeries | None = None
) -> KnownPrices:
    """Return prices that need no tariff; ``market`` is what the score looks at, None where nobody knows it.

    Where no day like it is known yet, a day is not estimated: the horizon ends at what is published.
    """
    zone = publication.zone
    buy, sell = (_as_series(prices, currency, is_import=is_import) for is_import in (True, False))

    def guessed(series: PriceSeries, day: date, known_day: date) -> dict[datetime, float]:
        found = estimate_day(day, zone, _known_before(series, known_day, zone))
        return {
            price.start: price.price_per_mwh / _KWH_PER_MWH
            for price in found
            if price.origin is not PriceOrigin.TYPICAL_DAY
        }

    def estimate(day: date, known_day: date) -> dict[datetime, tuple[float, float]]:
        sold = guessed(sell, day, known_day)
        return {at: (price, sold[at]) for at, price in guessed(buy, day, known_day).items() if at in sold}

    both = {price.start: (price.import_per_kwh, price.export_per_kwh) for price in prices}
    start, bought, earned = _as_arrays(both)
    market_per_mwh = None
    if market is not None and len(market):
        market_start, values, _ = _as_arrays({price.start: (price.price_per_mwh, 0.0) for price in market})
        market_per_mwh = _cut(values, market_start, start, start + len(bought) * MTU)
    return KnownPrices(
        start=start,
        currency=currency,
        buy=bought,
        sell=earned,
        market_per_mwh=market_per_mwh,
        publication=publication,
        estimate=estimate,
    )


def _as_series(prices: Sequence[RetailPrice], currency: str, *, is_import: bool) -> PriceSeries:
    """Return one side of retail prices per MWh, as days are estimated from."""
    return PriceSeries(
        currency,
        tuple(
            SlotPrice(
                start=price.start,
                price_per_mwh=(price.import_per_kwh if is_import else price.export_per_kwh) * _KWH_PER_MWH,
                origin=PriceOrigin.PUBLISHED,
            )
            for price in prices
        ),
    )


def _known_before(series: PriceSeries, known_day: date, zone: ZoneInfo) -> PriceSeries:
    end = local_day_bounds(known_day, zone)[1]
    return series.between(local_day_bounds(known_day - _HISTORY, zone)[0], end)


def _as_arrays(by_start: dict[datetime, tuple[float, float]]) -> tuple[datetime, FloatArray, FloatArray]:
    """Return the first quarter and both columns on an unbroken grid. Raises: ValueError: there is nothing."""
    if not by_start:
        raise ValueError("no prices")
    start, last = min(by_start), max(by_start)
    one, other = np.full((last - start) // MTU + 1, np.nan), np.full((last - start) // MTU + 1, np.nan)
    for moment, (a, b) in by_start.items():
        index = (moment - start) // MTU
        one[index], other[index] = a, b
    return start, one, other


def _cut(values: FloatArray, start: datetime, first: datetime, last: datetime) -> FloatArray:
    """Return the part in [first, last), NaN where ``values`` do not reach."""
    found = np.full(max((last - first) // MTU, 0), np.nan)
    offset = (first - start) // MTU
    low, high = max(0, offset), min(len(values), offset + len(found))
    if high > low:
        found[low - offset : high - offset] = values[low:high]
    return found


def _until_gap(buy: FloatArray, sell: FloatArray, row_of: IntArray, from_of: IntArray, horizon: int) -> IntArray:
    """Return how many quarters each step sees, at most ``horizon``."""
    known = np.isfinite(buy) & np.isfinite(sell)
    width = known.shape[1]
    # The next gap at or after each column, the row's end counting as one.
    gap = np.where(known, width, np.arange(width)[None, :])
    next_gap = np.minimum.accumulate(gap[:, ::-1], axis=1)[:, ::-1]
    found: IntArray = np.minimum(next_gap[row_of, from_of] - from_of, horizon)
    return found
