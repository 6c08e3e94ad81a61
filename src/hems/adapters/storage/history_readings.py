"""Readings as they were kept, one row each; a silence between them is a row of its own."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from hems.adapters.storage.rows import Row, datetime_from_us, us_from_datetime
from hems.analysis.metrics import MISSED_POLLS
from hems.domain.history import MOST_ROWS, HistoryColumns, HistoryQuestion, HistoryTotals, Resolution
from hems.domain.readings import Quality
from hems.domain.time_grid import MTU

_MTU_US = MTU // timedelta(microseconds=1)

_COLUMNS = ("pv_w", "load_w", "grid_w", "battery_w", "soc_pct", "price_per_mwh", "mode")
_OF_THE_QUARTER = ("import_price_per_kwh", "export_price_per_kwh", "price_estimated")
_MEASURED = {"pv": ("pv_w",), "load": ("load_w",), "grid": ("grid_w",), "battery": ("battery_w", "soc_pct")}
"""What a doubted block of a reading takes with it."""

_SQL = f"""SELECT m.at_us, m.rest, {", ".join(f"m.{name}" for name in _COLUMNS)},
    {", ".join(f"e.{name}" for name in _OF_THE_QUARTER)}
FROM samples m LEFT JOIN energy e ON e.start_us = m.at_us - m.at_us % {_MTU_US} AND e.import_price_per_kwh IS NOT NULL
WHERE m.at_us >= ? AND m.at_us < ? ORDER BY m.at_us LIMIT {MOST_ROWS + 1}"""  # noqa: S608 - our own names

_UNTOLD = (
    *("hours", "coverage", "pv_wh", "load_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh"),
    *("soc_min_pct", "soc_max_pct", "cost", "baseline_cost", "saved", "decision_gain", "forced_share"),
)


def readings(look: sqlite3.Connection, question: HistoryQuestion, totals: HistoryTotals) -> HistoryColumns:
    """Return the kept readings of [start, end); what was missing or doubted is None.

    Raises: ValueError: more than anybody draws; sqlite3.Error.
    """
    span = (us_from_datetime(question.start), us_from_datetime(question.end))
    longest_us = int(MISSED_POLLS * question.reading_every / timedelta(microseconds=1))
    starts: list[datetime] = []
    columns: dict[str, list[Any]] = {name: [] for name in (*_COLUMNS, *_OF_THE_QUARTER)}
    last_us: int | None = None
    for row in look.execute(_SQL, span):
        if last_us is not None and row[0] - last_us > longest_us:
            starts.append(datetime_from_us(last_us) + question.reading_every)
            for column in columns.values():
                column.append(None)
        last_us = row[0]
        starts.append(datetime_from_us(last_us))
        for name, value in _trusted(row).items():
            columns[name].append(value)
        if len(starts) > MOST_ROWS:
            raise ValueError(f"more than {MOST_ROWS} readings were kept in this span: ask by quarter_hour")
    estimated = tuple(None if guessed is None else bool(guessed) for guessed in columns.pop("price_estimated"))
    nothing = (None,) * len(starts)
    return HistoryColumns(
        resolution=Resolution.READING,
        currency=question.currency,
        zone=question.zone,
        start=tuple(starts),
        end=question.end,
        price_estimated=estimated,
        **{name: tuple(column) for name, column in columns.items()},
        **dict.fromkeys(_UNTOLD, nothing),
        totals=totals,
    )


def _trusted(row: Row) -> dict[str, Any]:
    """Return a reading's values by name, without those that were doubted when they were taken."""
    found = dict(zip((*_COLUMNS, *_OF_THE_QUARTER), row[2:], strict=True))
    rest = row[1]
    if rest and '"quality"' in rest:
        blocks = json.loads(rest)
        for block, names in _MEASURED.items():
            if blocks.get(block, {}).get("quality", Quality.GOOD.value) != Quality.GOOD.value:
                found.update(dict.fromkeys(names))
    return found
