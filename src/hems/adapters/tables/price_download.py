"""Prices of many days into one file: day by day, politely, and only what the file does not hold yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hems.adapters.tables.price_file import PriceTable, read_prices
from hems.adapters.tables.write_table import check_table_name, write_table
from hems.domain.errors import PricesUnavailable, RejectedData
from hems.domain.prices import Market, PriceSeries
from hems.domain.time_grid import slots_of_day
from hems.ports.clock import Clock
from hems.ports.prices import PriceSource

PAUSE_S = 0.5
"""Between two days: a year takes some six minutes, and nobody's server notices."""

WAITS_S = (5.0, 20.0, 60.0)
"""Before a day is asked for again, where the source says nothing of its own."""

WAIT_MAX = timedelta(minutes=5)
"""A source that asks for more is not waited for: what is there is kept, and the command is given again later."""

DAYS_BETWEEN_SAVES = 25
"""A process that is killed loses no more; one that is interrupted loses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadPlan:
    """What is to be fetched into which file."""

    market: Market
    days: Sequence[date]
    file: Path
    zone: ZoneInfo
    """Of the delivery day."""
    currency: str
    pause_s: float = PAUSE_S

    @property
    def column(self) -> str:
        """The name of the price in the file."""
        return f"{self.market.value}_{self.currency.lower()}_mwh"


@dataclass(slots=True, kw_only=True)
class Downloaded:
    """What came of it so far; grows while days are fetched, so that an interruption can tell too."""

    series: PriceSeries
    present: int = 0
    """Days that the file held already."""
    fetched: int = 0
    partial: int = 0
    """Of the fetched days: those of which quarters are missing."""
    empty: int = 0
    """Days for which nothing is published."""


def prices_in_file(plan: DownloadPlan) -> PriceSeries:
    """Return what the file holds already; empty where there is none.

    Raises: StorageError, RejectedData: it is not such a file, or of other prices; ConfigurationError: its name.
    """
    check_table_name(plan.file)
    if not plan.file.exists():
        return PriceSeries(plan.currency, ())
    held: PriceTable = read_prices(plan.file, currency=plan.currency)
    if held.column != plan.column:
        raise RejectedData(
            f"{plan.file}: holds {held.column}, not {plan.column}: name another file with --out, or move this one away"
        )
    return held.prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told of what happens."""

    on_day: Callable[[date], None] = lambda _: None
    """Of each day that is done with."""
    on_wait: Callable[[str], None] = lambda _: None
    """Why a day is asked for again, and when."""


async def download_prices(source: PriceSource, clock: Clock, plan: DownloadPlan, done: Downloaded, told: Told) -> None:
    """Fetch every day of ``plan`` that ``done.series`` lacks, and write the file.

    What was fetched is written also where this ends early, by an error or an interruption.
    Raises: PricesUnavailable, PricesRefused, RejectedData: the source's; StorageError: the disk's.
    """
    known = {slot.start for slot in done.series}
    fetched: list[PriceSeries] = []
    try:
        for day in plan.days:
            quarters = list(slots_of_day(day, plan.zone))
            if known.issuperset(quarters):
                done.present += 1
            else:
                if done.fetched or done.empty:
                    await clock.sleep(plan.pause_s)
                prices = await _patiently(source, clock, plan.market, day, told)
                _count(done, prices, quarters)
                fetched.append(prices)
                if len(fetched) >= DAYS_BETWEEN_SAVES:
                    _save(plan, done, fetched)
            told.on_day(day)
    finally:
        _save(plan, done, fetched)


def _count(done: Downloaded, prices: PriceSeries, quarters: Sequence[datetime]) -> None:
    if not len(prices):
        done.empty += 1
        return
    done.fetched += 1
    done.partial += len(prices) < len(quarters)


async def _patiently(source: PriceSource, clock: Clock, market: Market, day: date, told: Told) -> PriceSeries:
    for wait_s in WAITS_S:
        try:
            return await source.fetch_day(market, day)
        except PricesUnavailable as error:
            asked = error.retry_after
            if asked is not None and asked > WAIT_MAX:
                raise
            seconds = wait_s if asked is None else asked.total_seconds()
            told.on_wait(f"{error}; asking again in {seconds:.0f} s")
            await clock.sleep(seconds)
    return await source.fetch_day(market, day)


def _save(plan: DownloadPlan, done: Downloaded, fetched: list[PriceSeries]) -> None:
    """Write the file anew with what is in ``fetched``, which is empty then; nothing where there is nothing new."""
    by_start = {slot.start: slot for slot in done.series}
    before = len(by_start)
    for prices in fetched:
        by_start |= {slot.start: slot for slot in prices}
    is_new = any(len(prices) for prices in fetched)
    fetched.clear()
    if not is_new and before:
        return
    done.series = PriceSeries.of(plan.currency, by_start)
    if not by_start:
        return
    columns: dict[str, Sequence[object]] = {
        "ts_utc": [slot.start for slot in done.series],
        plan.column: [slot.price_per_mwh for slot in done.series],
    }
    write_table(plan.file, columns)
