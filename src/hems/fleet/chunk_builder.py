"""From a batch of a fleet's table to a chunk of homes; a row that is wrong is refused by name, the others go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hems.adapters.tables.household_file import read_household
from hems.domain.errors import HemsError
from hems.fleet import batch_kernel as kernel
from hems.fleet.batch_columns import BatchColumns
from hems.fleet.home_numbers import NUMBERS, HomeDefaults, faults, numbers_of
from hems.fleet.homes import AnyFloats, FloatArray, HomeChunk, IntArray
from hems.fleet.list_columns import matrix_of, put_row
from hems.fleet.prices import NO_TARIFF, PriceBook, known_slots

LISTS = ("load_w", "pv_w", "pv_forecast_w", "buy_per_kwh", "sell_per_kwh")

DATA_HOURS = 48.0
"""How far a home is planned whose data lie in a file of their own, where no horizon is asked for."""

MOST_W = 1e8
MOST_PER_KWH = 50.0
"""Prices beyond count as wrong: `kernel.ABOVE_FUSE` must stay the dearest of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a table is read."""

    defaults: HomeDefaults
    prices: PriceBook | None
    """None: every home has to bring its own."""
    horizon_hours: float | None = None
    chunk: int = 500


class ChunkBuilder(BatchColumns):
    """One batch of the table on its way to arrays."""

    def __init__(self, folder: Path, reading: Reading, batch: Any, numbers: dict[str, str]) -> None:
        """``numbers``: the batch's columns of numbers and what they are called here."""
        super().__init__(batch)
        self._folder, self._reading, self._names = folder, reading, numbers
        self._lists = {name: matrix_of(batch.column(name)) for name in LISTS if name in batch.schema.names}

    def build(self, number: int, first_row: int) -> HomeChunk:
        """Return the chunk; ``first_row`` is where in the file the batch begins."""
        ids = ["" if each is None else str(each) for each in self.cells("home_id")]
        self.refuse(np.array([not name for name in ids]), "home_id is empty")
        step_s = self.steps()
        start_s = self.starts()
        for row, name in enumerate(self.cells("data")):
            if name is not None and row not in self.refused:
                self._take_file(row, str(name), start_s, step_s)
        numbers = self._numbers()
        for row, why in faults(numbers).items():
            self.refused.setdefault(row, why)
        load, pv, slots = self._powers(step_s)
        width = max(int(slots.max(initial=0)), 1)
        buy, sell, place = self._prices(start_s, step_s, slots, width)
        floats, wholes = numbers_of(numbers, step_s / 3600.0)
        wholes[:, kernel.SLOTS], wholes[:, kernel.PRICES] = slots, place
        keep = np.array([row for row in range(self.count) if row not in self.refused], np.int64)
        return HomeChunk(
            number=number,
            rows=first_row + keep,
            home_ids=tuple(ids[row] for row in keep.tolist()),
            start_s=start_s[keep],
            load_w=_cut(load, keep, width),
            pv_w=_cut(pv, keep, width),
            buy=buy,
            sell=sell,
            numbers=floats[keep],
            wholes=wholes[keep],
            refused=tuple((first_row + row, ids[row], why) for row, why in sorted(self.refused.items())),
        )

    def _numbers(self) -> dict[str, FloatArray]:
        defaults = self._reading.defaults
        found = {name: np.full(self.count, float(getattr(defaults, name))) for name in NUMBERS}
        for column, name in self._names.items():
            found[name] = self.column(column, float(getattr(defaults, name)))
        return found

    def _take_file(self, row: int, name: str, start_s: IntArray, step_s: IntArray) -> None:
        """Read a home's own HOME.csv into its row."""
        try:
            record = read_household(self._folder / name)
        except HemsError as error:
            self.refused.setdefault(row, str(error))
            return
        step = int(record.step.total_seconds())
        begin = int(record.start.timestamp())
        skip, across = divmod(start_s[row] - begin, step) if start_s[row] >= 0 else (0, 0)
        if across or not 0 <= skip < len(record.load_w):
            self.refused.setdefault(
                row, f"start_utc is no slot of {name}, which is from {record.start} to {record.end}"
            )
            return
        step_s[row], start_s[row] = step, begin + skip * step
        slots = int((self._reading.horizon_hours or DATA_HOURS) * 3600.0 / step)
        pv = record.pv_w if record.pv_forecast_w is None else record.pv_forecast_w
        for column, values in (("load_w", record.load_w), ("pv_w", pv)):
            matrix, lengths = self._lists.get(column) or (np.zeros((self.count, 0)), np.zeros(self.count, np.int64))
            taken = values[skip : skip + slots]
            matrix, lengths = put_row(matrix, row, taken), lengths.copy()
            lengths[row] = len(taken)
            self._lists[column] = matrix, lengths

    def _powers(self, step_s: IntArray) -> tuple[AnyFloats, AnyFloats, IntArray]:
        """Return load and PV [W] and how many slots each home is planned for, prices not yet looked at."""
        nothing = np.zeros((self.count, 0)), np.zeros(self.count, np.int64)
        load, lengths = self._lists.get("load_w", nothing)
        pv, pv_lengths = self._lists.get("pv_w", nothing)
        if "pv_forecast_w" in self._lists:
            said, said_lengths = self._lists["pv_forecast_w"]
            for row in np.flatnonzero(said_lengths > 0).tolist():
                pv, pv_lengths = put_row(pv, row, said[row, : said_lengths[row]]), pv_lengths.copy()
                pv_lengths[row] = said_lengths[row]
        for row in np.flatnonzero(lengths != pv_lengths).tolist():
            why = f"load has {lengths[row]} slots, PV has {pv_lengths[row]}: of the same length is needed"
            self.refused.setdefault(row, why)
        self.refuse(lengths == 0, "load_w is empty")
        slots = lengths.copy()
        if self._reading.horizon_hours is not None:
            slots = np.minimum(lengths, (self._reading.horizon_hours * 3600.0 / step_s).astype(np.int64))
            self.refuse(slots == 0, "the horizon is shorter than a slot")
        for name, matrix in (("load_w", load), ("pv_w", pv)):
            self._check_rows(name, matrix, slots, 0.0, MOST_W)
        return load, pv, slots

    def _check_rows(self, name: str, matrix: AnyFloats, slots: IntArray, least: float, most: float) -> None:
        """Refuse the homes one of whose values is no number or cannot be."""
        with np.errstate(invalid="ignore"):
            is_wrong = ~((matrix >= least) & (matrix <= most))
        is_wrong &= np.arange(matrix.shape[1]) < slots[:, None]
        for row in np.flatnonzero(is_wrong.any(axis=1)).tolist():
            slot = int(np.argmax(is_wrong[row]))
            why = f"{name}[{slot}] is {matrix[row, slot]:g}: a number from {least:g} to {most:g} is needed"
            self.refused.setdefault(row, why)

    def _prices(
        self, start_s: IntArray, step_s: IntArray, slots: IntArray, width: int
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Return rows of prices and which one each home has; ``slots`` is shortened to what is known."""
        rows: list[tuple[FloatArray, FloatArray]] = []
        place = np.zeros(self.count, np.int64)
        found: dict[tuple[str, int, int], int | str] = {}
        own_buy, own_sell = self._lists.get("buy_per_kwh"), self._lists.get("sell_per_kwh")
        tariffs = self.cells("tariff")
        for row in range(self.count):
            if row in self.refused:
                continue
            if own_buy is not None and own_sell is not None and own_buy[1][row] > 0:
                self._own_prices(row, rows, slots, own_buy, own_sell, width)
                place[row] = len(rows) - 1
                continue
            key = str(tariffs[row] or NO_TARIFF), int(start_s[row]), int(step_s[row])
            if key not in found:
                found[key] = self._shared_prices(key, rows, width)
            at = found[key]
            if isinstance(at, str):
                self.refused[row] = at
                continue
            place[row] = at
            known = known_slots(rows[at][0][: slots[row]], rows[at][1][: slots[row]])
            if known == 0:
                self.refused[row] = f"no price is known for {datetime.fromtimestamp(key[1], UTC):%Y-%m-%d %H:%M} UTC"
            slots[row] = known
        if not rows:
            rows.append((np.zeros(width), np.zeros(width)))
        return np.array([buy for buy, _ in rows]), np.array([sell for _, sell in rows]), place

    def _own_prices(
        self,
        row: int,
        rows: list[tuple[FloatArray, FloatArray]],
        slots: IntArray,
        buy: tuple[AnyFloats, IntArray],
        sell: tuple[AnyFloats, IntArray],
        width: int,
    ) -> None:
        pair = []
        for name, (matrix, lengths) in (("buy_per_kwh", buy), ("sell_per_kwh", sell)):
            prices = np.zeros(width)
            count = int(slots[row])
            if lengths[row] < count:
                self.refused.setdefault(row, f"{name} has {lengths[row]} slots, load has {count}")
            else:
                prices[:count] = matrix[row, :count]
                is_wrong = ~(np.abs(prices) < MOST_PER_KWH)
                if is_wrong.any():
                    slot = int(np.argmax(is_wrong))
                    why = f"{name}[{slot}] is {prices[slot]:g}: a number within ±{MOST_PER_KWH:g} is needed"
                    self.refused.setdefault(row, why)
            pair.append(prices)
        rows.append((pair[0], pair[1]))

    def _shared_prices(
        self, key: tuple[str, int, int], rows: list[tuple[FloatArray, FloatArray]], width: int
    ) -> int | str:
        """Return where the prices stand now, or why there are none."""
        tariff, start_s, step_s = key
        if self._reading.prices is None:
            return "it brings no buy_per_kwh and sell_per_kwh, and no --prices are given"
        if start_s < 0:
            return "start_utc is empty: prices cannot be looked up without it"
        try:
            rows.append(self._reading.prices.grid(tariff).window(start_s, step_s, width))
        except (HemsError, ValueError) as error:
            return str(error)
        return len(rows) - 1


def _cut(matrix: AnyFloats, keep: IntArray, width: int) -> AnyFloats:
    """Return the rows in ``keep``, ``width`` wide, in one piece of memory."""
    if len(keep) == len(matrix) and matrix.shape[1] == width:
        return np.ascontiguousarray(matrix)
    rows = np.full((len(keep), width), np.nan, matrix.dtype)
    rows[:, : min(width, matrix.shape[1])] = matrix[keep, :width]
    return rows
