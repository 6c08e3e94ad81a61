"""From a batch of a fleet's table to what each home lived: its record, its numbers, its tariff or own prices.

What a record does not say (NaN, a gap) is left out of a backtest, hour by hour; a row that makes no sense is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from hems.adapters.tables.household_file import household_of, read_household
from hems.adapters.tables.table import Table
from hems.domain.errors import HemsError, RejectedData
from hems.domain.measured import MeasuredHousehold
from hems.domain.prices import PriceOrigin, RetailPrice
from hems.domain.time_grid import MTU
from hems.fleet.batch_columns import BatchColumns
from hems.fleet.chunk_builder import MOST_PER_KWH
from hems.fleet.homes import FloatArray
from hems.fleet.prices import MTU_S, NO_TARIFF

FLAG = "only_solar_export"
"""A column that only a backtest looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeHistory:
    """What a row of the table says of a home and its past."""

    row: int
    home_id: str
    measured: MeasuredHousehold
    numbers: Mapping[str, float]
    """What the row says, by the names of `HomeDefaults` and ``FLAG``; a number it does not say is missing."""
    tariff: str
    prices: tuple[RetailPrice, ...] | None
    """The home's own prices by the quarter; None: those of the command count."""


class HistoryReader(BatchColumns):
    """One batch of the table on its way to histories."""

    def __init__(self, folder: Path, batch: Any, numbers: Mapping[str, str]) -> None:
        """``folder``: where the homes' own files lie; ``numbers``: columns of numbers and what they are called here."""
        super().__init__(batch)
        self._folder = folder
        self._numbers = self._given(numbers)

    def read(self, first_row: int) -> tuple[list[HomeHistory], tuple[tuple[int, str, str], ...]]:
        """Return the homes in the order of the file, and (row, home, why) of those that cannot be read.

        Raises: pyarrow's: a column is of no kind that it could be.
        """
        ids = ["" if each is None else str(each) for each in self.cells("home_id")]
        self.refuse(np.array([not name for name in ids]), "home_id is empty")
        steps, starts = self.steps().tolist(), self.starts().tolist()
        tariffs, files = self.cells("tariff"), self.cells("data")
        found = []
        for row, name in enumerate(ids):
            if row in self.refused:
                continue
            try:
                measured = (
                    read_household(self._folder / str(files[row]))
                    if files[row] is not None
                    else self._listed(row, name, starts[row], steps[row])
                )
                prices = self._prices(row, starts[row], measured)
            except (HemsError, ValueError) as error:
                self.refused[row] = str(error)
                continue
            found.append(
                HomeHistory(
                    row=first_row + row,
                    home_id=name,
                    measured=measured,
                    numbers=self._numbers[row],
                    tariff=str(tariffs[row] or NO_TARIFF),
                    prices=prices,
                )
            )
        return found, tuple((first_row + row, ids[row], why) for row, why in sorted(self.refused.items()))

    def _given(self, numbers: Mapping[str, str]) -> list[dict[str, float]]:
        """Return each row's numbers; a cell that is empty is not among them."""
        import pyarrow as pa  # type: ignore[import-untyped]

        columns = dict(numbers) | ({FLAG: FLAG} if FLAG in self.batch.schema.names else {})
        found: list[dict[str, float]] = [{} for _ in range(self.count)]
        for column, name in columns.items():
            for row, value in enumerate(self.batch.column(column).cast(pa.float64()).to_pylist()):
                if value is not None:
                    found[row][name] = value
        return found

    def _list(self, name: str, row: int) -> FloatArray:
        """Return a list of the table, NaN where nothing stands; empty where there is none."""
        import pyarrow as pa

        if name not in self.batch.schema.names:
            return np.zeros(0)
        values = self.batch.column(name)[row].values
        return np.zeros(0) if values is None else np.array(values.cast(pa.float64()).to_numpy(zero_copy_only=False))

    def _listed(self, row: int, name: str, start_s: int, step_s: int) -> MeasuredHousehold:
        """Return the record that stands in the table itself, judged as a file's would be. Raises: RejectedData."""
        columns = {column: self._list(column, row) for column in ("load_w", "pv_w", "pv_forecast_w")}
        if len(columns["pv_forecast_w"]) == 0:
            del columns["pv_forecast_w"]
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1 or 0 in lengths:
            told = ", ".join(f"{column} has {len(values)}" for column, values in columns.items())
            raise RejectedData(f"{told} slots: load and PV of the same length are needed")
        if start_s < 0:
            raise RejectedData("start_utc is empty: nobody knows when load_w and pv_w begin")
        count = lengths.pop()
        return household_of(
            Table(
                source=name,
                time_name="start_utc",
                time_ms=1000 * (start_s + step_s * np.arange(count, dtype=np.int64)),
                line=np.arange(count, dtype=np.int64),
                place="row",
                numbers=columns,
                texts={},
                is_naive=False,
            )
        )

    def _prices(self, row: int, start_s: int, measured: MeasuredHousehold) -> tuple[RetailPrice, ...] | None:
        """Return the home's own prices; they begin at ``start_utc``, else with the record. Raises: RejectedData."""
        buy, sell = self._list("buy_per_kwh", row), self._list("sell_per_kwh", row)
        if len(buy) == 0 and len(sell) == 0:
            return None
        if len(buy) != len(sell):
            raise RejectedData(f"buy_per_kwh has {len(buy)} slots, sell_per_kwh {len(sell)}: both are needed")
        start = measured.start if start_s < 0 else datetime.fromtimestamp(start_s, UTC)
        step_s = round(measured.step.total_seconds())
        if step_s % MTU_S or start.timestamp() % MTU_S:
            raise RejectedData("own prices stand for whole quarters: start_utc and step_minutes must be on them")
        is_known = np.isfinite(buy) & np.isfinite(sell)
        if not is_known.any():
            raise RejectedData("buy_per_kwh and sell_per_kwh hold no number")
        if max(abs(buy[is_known]).max(), abs(sell[is_known]).max()) >= MOST_PER_KWH:
            raise RejectedData(f"buy_per_kwh, sell_per_kwh: numbers within ±{MOST_PER_KWH:g} are needed")
        parts = step_s // MTU_S
        return tuple(
            RetailPrice(
                start=start + timedelta(seconds=step_s * slot) + part * MTU,
                import_per_kwh=float(buy[slot]),
                export_per_kwh=float(sell[slot]),
                origin=PriceOrigin.PUBLISHED,
            )
            for slot in np.flatnonzero(is_known).tolist()
            for part in range(parts)
        )
