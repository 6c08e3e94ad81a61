"""The memory of the coordinator in one SQLite file: one writer thread, many readers, no waiting in the cycle.

Records are encoded and queued by the caller in microseconds; the writer thread commits them in batches, so that an SD
card sees a few fsyncs a minute. Only ``put_state`` and ``flush`` wait for the disk. When the disk does not take records
they wait in bounded memory, and what must be let go is counted, samples first.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

from hems.adapters.storage.forecast_rows import forecast_of_row, row_of_forecast
from hems.adapters.storage.rows import (
    datetime_from_us,
    energy_of_row,
    price_of_row,
    row_of_cycle,
    row_of_energy,
    row_of_event,
    row_of_sample,
    us_from_datetime,
)
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.store_options import StoreOptions, StoreStats, Told
from hems.adapters.storage.store_writer import StoreWriter, Waiting
from hems.adapters.storage.write_queue import Kind
from hems.domain.errors import StorageError
from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.prices import Market, PriceSeries
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord

__all__ = ["SqliteStore", "StoreOptions", "StoreStats", "Told"]

_log = logging.getLogger(__name__)

NEWS_KEPT = 20


class SqliteStore:
    """Implements ``RecordStore``, ``PriceArchive`` and ``ForecastArchive``.

    Raises: StorageError: the file was written by a newer version; or, without ``set_damaged_aside``, it is damaged or
        cannot be opened.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._news: deque[Told] = deque(maxlen=NEWS_KEPT)
        self._news_lock = threading.Lock()
        self._closed = False
        self._reader: StoreReader | None = None
        self._may_read = True
        self._writer = StoreWriter(options, self._tell, self._on_replaced)
        with suppress(StorageError):  # the writer has told why, and the reader opens when it can be
            self._reader = self._open_reader()
        self.notice = " · ".join(told.text for told in self.news()) or None
        """What a person should know about how the file was found; None where all was well."""

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- accepting records: never waits for the disk -----------------------------------------------------------

    def add_sample(self, sample: SampleRecord) -> None:
        """Keep one poll."""
        self._writer.add(Kind.SAMPLE, row_of_sample(sample))

    def add_cycle(self, cycle: CycleRecord) -> None:
        """Keep one decision cycle, whole."""
        self._writer.add(Kind.CYCLE, row_of_cycle(cycle))

    def add_event(self, event: EventRecord) -> None:
        """Keep one event."""
        self._writer.add(Kind.EVENT, row_of_event(event))

    def add_energy(self, slot: EnergySlot) -> None:
        """Keep the energy of one quarter; the same quarter again replaces it."""
        self._writer.add(Kind.ENERGY, row_of_energy(slot))

    def save_prices(self, market: Market, prices: PriceSeries, source: str) -> None:
        """Keep published quarters; a quarter that is stored already is replaced.

        Raises: ValueError: a quarter is only estimated; a guess must never come back as a published price.
        """
        if any(slot.origin.is_estimated for slot in prices):
            raise ValueError("only published prices are kept: an estimated quarter was offered")
        for slot in prices:
            published = None if slot.published_at is None else us_from_datetime(slot.published_at)
            row = (market.value, us_from_datetime(slot.start), slot.price_per_mwh, prices.currency, published, source)
            self._writer.add(Kind.PRICE, row)

    def save_forecast(self, forecast: EnergyForecast) -> None:
        """Keep a forecast under its quantity and ``issued_at``. Raises: ValueError: a level is not a number."""
        self._writer.add(Kind.FORECAST, row_of_forecast(forecast))

    def prune(self, now: datetime) -> None:
        """Let go, in the background, of what is older than its retention at ``now``, and give the space back."""
        self._writer.prune(now)

    # -- waiting for the disk ----------------------------------------------------------------------------------

    def put_state(self, key: str, value: object) -> None:
        """Keep a JSON value under ``key``; it is on disk when this returns, in the database or in its copy.

        Raises: StorageError: the disk did not take it, or not within two seconds: it is not known to be kept, and
            will be written when the disk takes it.
        """
        self._writer.put_state(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def flush(self) -> None:
        """Return when everything accepted so far is on disk.

        Raises: StorageError: the disk did not take it; it is kept in memory and tried again.
        """
        self._writer.wait_for(Waiting(), self._options.wait_max_s)

    def close(self) -> None:
        """Write what waits, let go of the file; what the disk refuses to the last is counted in the log."""
        if self._closed:
            return
        self._closed = True
        in_time = self._writer.close()
        if self._reader is not None:
            self._reader.close()
        left = self._writer.unsaved()
        if not in_time:
            _log.error("%s: the disk is too slow: %d records not known to be kept", self._options.path, left)
        elif left:
            _log.error("%s: %d records lost on closing: %s", self._options.path, left, self._writer.last_error)

    # -- reading -----------------------------------------------------------------------------------------------

    @property
    def reader(self) -> StoreReader:
        """Questions beyond the port, about what is on disk; ``flush`` first where the newest counts.

        Raises: StorageError: there is no database that could be read.
        """
        if self._reader is None:
            self._reader = self._open_reader()
        return self._reader

    def energy_between(self, start: datetime, end: datetime) -> Sequence[EnergySlot]:
        """Return the quarters accepted so far that start in [start, end), in order."""
        waiting = [energy_of_row(row) for row in self._writer.not_yet_on_disk(Kind.ENERGY)]
        by_start = {slot.start: slot for slot in self.reader.energy_between(start, end)}
        by_start |= {slot.start: slot for slot in waiting if start <= slot.start < end}
        return [by_start[at] for at in sorted(by_start)]

    def forecasts_between(self, quantity: Quantity, start: datetime, end: datetime) -> Sequence[EnergyForecast]:
        """Return the forecasts accepted so far that were issued in [start, end), in order."""
        waiting = [forecast_of_row(row) for row in self._writer.not_yet_on_disk(Kind.FORECAST)]
        found = {made.issued_at: made for made in self.reader.forecasts_between(quantity, start, end)}
        of_it = [made for made in waiting if made.quantity is quantity and start <= made.issued_at < end]
        found |= {made.issued_at: made for made in of_it}
        return [found[at] for at in sorted(found)]

    def load_prices(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        """Return the quarters accepted so far that start in [start, end)."""
        waiting = [row for row in self._writer.not_yet_on_disk(Kind.PRICE) if row[0] == market.value]
        stored = self.reader.load_prices(market, start, end)
        if not waiting:
            return stored
        currency = waiting[-1][3]
        fresh = {
            datetime_from_us(row[1]): price_of_row((row[1], row[2], row[4])) for row in waiting if row[3] == currency
        }
        newer = PriceSeries.of(currency, fresh).between(start, end)
        return stored.merged_with(newer) if stored.currency == currency else newer

    def get_state(self, key: str) -> object | None:
        """Return the JSON value accepted last under ``key``, in this run or an earlier one, or None."""
        text = self._writer.state(key)
        return None if text is None else json.loads(text)

    def news(self) -> Sequence[Told]:
        """Return what a person should know and has not been told yet: trouble with the disk, and its end."""
        with self._news_lock:
            news = tuple(self._news)
            self._news.clear()
        return news

    def stats(self) -> StoreStats:
        """Return how the store is doing."""
        writer = self._writer
        with writer.wake:
            return StoreStats(
                queued=len(writer.queue) + len(writer.in_flight),
                dropped={kind.name.lower(): count for kind, count in writer.queue.dropped.items() if count},
                refused=writer.refused,
                commits=writer.commits,
                failed_commits=writer.failed,
                newest_on_disk=None if writer.newest_us is None else datetime_from_us(writer.newest_us),
                file_bytes=_file_bytes(self._options.path),
                last_error=writer.last_error,
                pruned=dict(writer.pruned),
            )

    # -- inside ------------------------------------------------------------------------------------------------

    def _tell(self, told: Told) -> None:
        _log.debug("%s", told.text)  # whoever takes the news makes an event of it, which is logged as what it is
        with self._news_lock:
            if told not in self._news:
                self._news.append(told)

    def _open_reader(self) -> StoreReader:
        reader = StoreReader(self._options.path, self._writer.report_damage)
        if not self._may_read:
            reader.use_file(False)
        return reader

    def _on_replaced(self, may_read: bool) -> None:
        self._may_read = may_read
        if self._reader is not None:
            self._reader.use_file(may_read)


def _file_bytes(path: Path) -> int:
    total = 0
    for file in (path, path.with_name(path.name + "-wal")):
        with suppress(OSError):  # not there, or being replaced
            total += file.stat().st_size
    return total
