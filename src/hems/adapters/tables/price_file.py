"""Prices from files: a market's, per MWh, or what a household pays and is paid, per kWh. Always by quarters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from hems.adapters.tables.on_grid import in_order, local_time_remarks, longest_gaps, positions, step_of
from hems.adapters.tables.table import IntArray, Table, clock_text, listed, moment, shown
from hems.adapters.tables.table_file import read_table
from hems.domain.measured import FloatArray, RecordQuality
from hems.domain.prices import PriceOrigin, PriceSeries, RetailPrice, SlotPrice
from hems.domain.time_grid import MTU

ABSURD_PER_MWH = 20_000.0
"""The day-ahead market clears between -500 and +4000 EUR/MWh, 17 000 PLN/MWh: beyond it stands an error, no price."""

ABSURD_PER_KWH = ABSURD_PER_MWH / 1000.0

PER_KWH_BELOW = 5.0
"""Market prices have a median of hundreds of PLN/MWh, tens of EUR/MWh; retail prices per kWh are 0 to 3."""

_MTU_MS = int(MTU.total_seconds() * 1000)
_RUN_ROWS = 12
"""So many rows in a row do not stand an hour apart by chance."""

_STEPS_MS = (_MTU_MS, 2 * _MTU_MS, 4 * _MTU_MS)
_CURRENCIES = frozenset({"pln", "eur", "czk", "huf", "ron", "sek", "dkk", "nok", "chf", "gbp", "usd", "bgn"})
_BUY, _SELL = "buy_per_kwh", "sell_per_kwh"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """A market's prices and how complete the record is."""

    prices: PriceSeries
    column: str
    quality: RecordQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class RetailTable:
    """What each quarter costs and earns, all included, and how complete the record is."""

    prices: tuple[RetailPrice, ...]
    quality: RecordQuality


def read_prices(path: Path, column: str | None = None, currency: str = "PLN") -> PriceTable:
    """Return the prices in ``path`` [``currency``/MWh] by quarters: hours and half hours are repeated in theirs.

    ``column`` names the price where a file has several columns of numbers. Left out and counted: what is no number,
    and what no price can be (beyond 20 000). Stretches may differ in
    step, as they do where a market changed to quarters.
    Raises: StorageError, RejectedData, ExtraMissing: as ``read_table``; several columns without ``column`` are listed,
        as is a column that says it is in another currency or per kWh.
    """
    return prices_of(read_table(path), column, currency)


def prices_of(table: Table, column: str | None, currency: str | None) -> PriceTable:
    """Return the prices in ``table``; as ``read_prices``. Without ``currency``: what the column names, else PLN."""
    name = _price_column(table, column)
    currency = currency or _currency_of(name) or "PLN"
    _check_unit(table, name, currency)
    values = _within(table.numbers[name], ABSURD_PER_MWH)
    quarters = _Quarters(table, [name])
    per_quarter = quarters.spread(values)
    known = np.flatnonzero(~np.isnan(per_quarter))
    if not len(known):
        raise table.refused(f"column {shown(name)} has no usable price")
    slots = tuple(
        SlotPrice(start=moment(quarters.start_ms + index * _MTU_MS), price_per_mwh=price, origin=PriceOrigin.PUBLISHED)
        for index, price in zip(known.tolist(), per_quarter[known].tolist(), strict=True)
    )
    doubts = []
    middle = float(np.median(np.abs(per_quarter[known])))
    if middle < PER_KWH_BELOW:
        doubts.append(f"half of the prices lie within ±{middle:.3g}: are these {currency}/kWh? {currency}/MWh expected")
    quality = quarters.quality({name: values}, per_quarter, doubts)
    return PriceTable(prices=PriceSeries(currency, slots), column=name, quality=quality)


def read_buy_sell(path: Path) -> RetailTable:
    """Return ``buy_per_kwh`` and ``sell_per_kwh`` of ``path`` by quarters, taxes and fees included.

    A quarter counts where both are known. Raises: as ``read_prices``.
    """
    return buy_sell_of(read_table(path))


def buy_sell_of(table: Table) -> RetailTable:
    """Return the retail prices in ``table``; as ``read_buy_sell``."""
    names = [own for wanted in (_BUY, _SELL) if (own := table.name_like(wanted)) is not None]
    if len(names) < 2:
        raise table.refused(
            f"has no columns {_BUY} and {_SELL}, all-in prices per kWh; it has "
            f"{listed([table.time_name, *table.numbers])}"
        )
    values = {name: _within(table.numbers[name], ABSURD_PER_KWH) for name in names}
    quarters = _Quarters(table, names)
    buy, sell = (quarters.spread(values[name]) for name in names)
    known = np.flatnonzero(~(np.isnan(buy) | np.isnan(sell)))
    if not len(known):
        raise table.refused(f"no row has both {_BUY} and {_SELL}")
    prices = tuple(
        RetailPrice(
            start=moment(quarters.start_ms + index * _MTU_MS),
            import_per_kwh=bought,
            export_per_kwh=sold,
            origin=PriceOrigin.PUBLISHED,
        )
        for index, bought, sold in zip(known.tolist(), buy[known].tolist(), sell[known].tolist(), strict=True)
    )
    doubts = []
    dearer = int((sell[known] > buy[known]).sum())
    if dearer:
        doubts.append(f"in {dearer} quarters selling pays more than buying costs: are the columns the right way round?")
    return RetailTable(prices=prices, quality=quarters.quality(values, buy + sell, doubts))


class _Quarters:
    """The rows of a table on the grid of quarters. Raises: RejectedData: they cannot be put there."""

    def __init__(self, table: Table, columns: list[str]) -> None:
        self._table = table
        self._ordered = in_order(table, columns)
        self.remarks: list[str] = []
        self._step_ms = step_of(table, self._ordered)
        if self._step_ms not in _STEPS_MS:
            raise table.refused(f"its rows are {self._step_ms / 60_000:g} minutes apart; prices are for 15, 30 or 60")
        self._counts = self._quarters_of_rows()
        self.start_ms, self._at = positions(table, self._ordered, _MTU_MS)
        if self.start_ms % _MTU_MS:
            raise table.refused(f"{clock_text(self.start_ms)} is not the start of a quarter of an hour")
        self._length = int((self._at + self._counts).max())

    def _quarters_of_rows(self) -> IntArray:
        """Return for how many quarters each row speaks: for one step, and never beyond the next row.

        The step is that of the run of ``_RUN_ROWS`` and more equally spaced rows in which a row stands, else that of
        the run before it, so that a market may change from hours to quarters within a file.
        """
        time_ms = self._ordered.time_ms
        apart = np.diff(time_ms)
        bounds = np.flatnonzero(np.diff(apart, prepend=0, append=0))
        steps = np.zeros(len(time_ms), dtype=np.int64)
        for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            step = int(apart[low])
            if step in _STEPS_MS and high - low + 1 >= _RUN_ROWS:
                steps[low : high + 1] = step
        known = np.flatnonzero(steps)
        if len(known):
            latest = np.maximum.accumulate(np.where(steps > 0, np.arange(len(steps)), known[0]))
            steps = steps[latest]
        else:
            steps[:] = self._step_ms
        for step in _STEPS_MS:
            count = int((steps == step).sum())
            if count and step != self._step_ms:
                self.remarks.append(f"{count} rows stand for {step / 60_000:g} minutes each")
        counts: IntArray = np.minimum(steps, np.append(apart, steps[-1])) // _MTU_MS
        return np.maximum(counts, 1)

    def spread(self, values: FloatArray) -> FloatArray:
        """Return ``values`` of the table's rows by quarter, NaN where there is none."""
        found = np.full(self._length, np.nan)
        rows = values[self._ordered.rows]
        for offset in range(_STEPS_MS[-1] // _MTU_MS):
            reaching = self._counts > offset
            found[self._at[reaching] + offset] = rows[reaching]
        return found

    def quality(self, values: dict[str, FloatArray], per_quarter: FloatArray, doubts: list[str]) -> RecordQuality:
        """Return what there is to say of the record; ``per_quarter`` is NaN where something is unknown."""
        covered = np.zeros(self._length, dtype=np.bool_)
        for offset in range(_STEPS_MS[-1] // _MTU_MS):
            covered[self._at[self._counts > offset] + offset] = True
        lost = {name: int(np.isnan(column[self._ordered.rows]).sum()) for name, column in values.items()}
        table = self._table
        return RecordQuality(
            source=table.source,
            rows=len(self._ordered.rows),
            step=timedelta(milliseconds=self._step_ms),
            first=moment(self.start_ms),
            end=moment(self.start_ms + self._length * _MTU_MS),
            missing_rows=int((~covered).sum()) * _MTU_MS // self._step_ms,
            not_numbers={name: count for name, count in lost.items() if count},
            gaps=longest_gaps(np.isnan(per_quarter), self.start_ms, _MTU_MS),
            remarks=(
                *table.remarks,
                *self._ordered.remarks,
                *self.remarks,
                *local_time_remarks(table, ~covered, self.start_ms, _MTU_MS),
                *doubts,
            ),
        )


def _price_column(table: Table, column: str | None) -> str:
    if column is not None:
        own = table.name_like(column)
        if own is None:
            raise table.refused(f"has no column {shown(column)}; it has {listed(list(table.numbers))}")
        return own
    numeric = [name for name in table.numbers if _is_numeric(table, name)]
    if len(numeric) == 1:
        return numeric[0]
    if not numeric:
        raise table.refused("has no column of prices beside the time")
    raise table.refused(f"has several columns of numbers; name the price with --column: {listed(numeric)}")


def _is_numeric(table: Table, name: str) -> bool:
    return int((~np.isnan(table.numbers[name])).sum()) > table.texts.get(name, 0)


def _currency_of(name: str) -> str | None:
    """Return the currency that a column's name holds, None where it holds none or several."""
    found = _words(name) & _CURRENCIES
    return found.pop().upper() if len(found) == 1 else None


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.casefold()))


def _check_unit(table: Table, name: str, currency: str) -> None:
    words = _words(name)
    others = (words & _CURRENCIES) - {currency.casefold()}
    if others and currency.casefold() not in words:
        raise table.refused(
            f"column {shown(name)} is in {', '.join(sorted(others)).upper()} by its name, and {currency} is expected: "
            "convert the prices first"
        )
    if "kwh" in words:
        raise table.refused(f"column {shown(name)} is per kWh by its name; market prices are {currency}/MWh")


def _within(values: FloatArray, most: float) -> FloatArray:
    """Return ``values`` with NaN for what no price is."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) <= most, values, np.nan)
