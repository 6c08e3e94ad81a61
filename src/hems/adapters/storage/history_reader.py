"""The past in columns: the database adds up, so that a year is drawn as quickly as a day."""

from __future__ import annotations

import itertools
import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hems.adapters.storage.history_edges import edges, fit_for_a_screen, refuse_too_many
from hems.adapters.storage.history_readings import readings
from hems.adapters.storage.looking import one_look
from hems.adapters.storage.rows import Row, datetime_from_us, us_from_datetime
from hems.domain.history import HistoryColumns, HistoryQuestion, HistoryTotals, Numbers, Resolution, share_kept_pct
from hems.domain.prices import Market
from hems.domain.time_grid import MTU
from hems.domain.units import WATTS_PER_KILOWATT

_HOUR_US = 3_600_000_000
_MTU_US = MTU // timedelta(microseconds=1)
_MTU_H = MTU / timedelta(hours=1)
_PERCENT = 100.0

# A row is what lies between two edges; ``n`` counts them. The planner is told to look up each row's quarters by key.
_ROWS = """WITH edges AS MATERIALIZED (
    SELECT key AS n, value AS low, lead(value) OVER (ORDER BY key) AS high FROM json_each(:edges)
), spans AS MATERIALIZED (SELECT n, low, high FROM edges WHERE high IS NOT NULL)"""

_SUMS = f"""{_ROWS}, sums AS (
SELECT s.n AS n, total(e.coverage) AS quarters, sum(e.pv_wh), sum(e.load_wh), sum(e.import_wh), sum(e.export_wh),
    sum(e.charge_wh), sum(e.discharge_wh), min(e.soc_end_pct), max(e.soc_end_pct), avg(e.import_price_per_kwh),
    avg(e.export_price_per_kwh), max(CASE WHEN e.import_price_per_kwh IS NOT NULL THEN e.price_estimated END),
    sum(e.cost), CASE WHEN count(e.cost) = count(e.cost + e.baseline_cost) THEN sum(e.baseline_cost) END,
    sum(e.decision_gain), sum(e.forced_share * e.coverage) / sum(e.coverage),
    max(CASE WHEN e.soc_end_pct IS NOT NULL THEN e.start_us END) AS known_us
FROM spans s LEFT JOIN energy e ON e.start_us >= s.low AND e.start_us < s.high AND e.coverage > 0
GROUP BY s.n
) SELECT sums.*, l.soc_end_pct FROM sums LEFT JOIN energy l ON l.start_us = sums.known_us ORDER BY n"""  # noqa: S608

_PRICES = f"""{_ROWS}
SELECT avg(p.price_per_mwh) FROM spans s LEFT JOIN prices p ON p.market = '{Market.DAY_AHEAD.value}'
    AND p.start_us >= s.low AND p.start_us < s.high AND p.currency = :currency
GROUP BY s.n ORDER BY s.n"""  # noqa: S608

_MODES = f"""{_ROWS}
SELECT n, mode FROM (
    SELECT s.n AS n, m.mode AS mode, row_number() OVER (PARTITION BY s.n ORDER BY count(*) DESC, max(m.at_us) DESC) AS k
    FROM spans s CROSS JOIN samples m WHERE m.at_us >= s.low AND m.at_us < s.high GROUP BY s.n, m.mode
) WHERE k = 1"""  # noqa: S608

# What `analysis.metrics.savings` adds up of every quarter it counts, and the value of the battery's lead at its ends.
_SETTLED = f"""{_ROWS}
SELECT s.n, e.start_us, e.price_estimated,
    e.baseline_cost - e.cost + e.settled_lead_wh / {WATTS_PER_KILOWATT} * coalesce(e.stored_value_per_kwh, 0.0),
    CASE WHEN :capacity_kwh > 0.0 THEN :capacity_kwh / {_PERCENT} * (e.soc_start_pct - e.baseline_soc_start_pct)
        * e.stored_value_per_kwh ELSE 0.0 END AS lead_before,
    CASE WHEN :capacity_kwh > 0.0 THEN :capacity_kwh / {_PERCENT} * (e.soc_end_pct - e.baseline_soc_end_pct)
        * e.stored_value_per_kwh ELSE 0.0 END AS lead_after
FROM spans s CROSS JOIN energy e WHERE e.start_us >= s.low AND e.start_us < s.high
    AND e.cost IS NOT NULL AND e.baseline_cost IS NOT NULL AND lead_before IS NOT NULL AND lead_after IS NOT NULL
ORDER BY s.n, e.start_us"""  # noqa: S608


def read_history(database: Path, question: HistoryQuestion) -> HistoryColumns:
    """Return the past that ``question`` asks for.

    Raises: ValueError: more rows than anybody draws; StorageError: there is no database, or it cannot be read.
    """
    with one_look(database) as look:
        return history_in(look, question)


def first_kept(database: Path) -> datetime | None:
    """Return when the oldest kept quarter or reading begins, None where nothing is kept. Raises: StorageError."""
    sql = "SELECT min(at) FROM (SELECT min(start_us) AS at FROM energy UNION ALL SELECT min(at_us) FROM samples)"
    with one_look(database) as look:
        first = look.execute(sql).fetchone()[0]
    return None if first is None else datetime_from_us(first)


def history_in(
    look: sqlite3.Connection, question: HistoryQuestion, cuts: Sequence[datetime] | None = None
) -> HistoryColumns:
    """Return what ``read_history`` does, in a look that is open, of rows between ``cuts`` where they are given.

    Raises: ValueError: more rows than anybody draws; sqlite3.Error.
    """
    resolution = question.resolution or _fitting(look, question)
    refuse_too_many(question, resolution)
    cuts = cuts or edges(question.start, question.end, resolution, question.zone)
    if resolution is Resolution.READING:
        totals = _totals(_columns(look, question, resolution, [cuts[0], cuts[-1]]), cuts)
        return readings(look, question, totals)
    found = _columns(look, question, resolution, cuts)
    return HistoryColumns(
        resolution=resolution,
        currency=question.currency,
        zone=question.zone,
        start=tuple(cuts[:-1]),
        end=cuts[-1],
        **{name: column for name, column in found.items() if name != _SAVINGS},
        totals=_totals(found, cuts),
    )


_SAVINGS = "savings"

Columns = dict[str, Any]


@dataclass(slots=True)
class _Savings:
    """F5 of every row by itself and of the whole: `analysis.metrics.savings`, in one pass."""

    by_row: list[float | None]
    whole: float | None = None
    quarters: int = 0
    estimated: int = 0

    def add_up(self, settled: Iterable[Row]) -> None:
        """Take in the quarters of `_SETTLED`: a run begins and ends with the value of the battery's lead."""
        whole, last_n, last_us, lead = 0.0, -1, 0, 0.0
        rows = self.by_row
        for n, at_us, estimated, gain, lead_before, lead_after in settled:
            is_unbroken = self.quarters > 0 and at_us == last_us + _MTU_US
            if not is_unbroken:
                whole += lead - lead_before
            if not is_unbroken or n != last_n:
                if last_n >= 0:
                    rows[last_n] = (rows[last_n] or 0.0) + lead
                gain_of_row = gain - lead_before
            else:
                gain_of_row = gain
            rows[n] = (rows[n] or 0.0) + gain_of_row
            whole += gain
            self.quarters += 1
            self.estimated += estimated
            last_n, last_us, lead = n, at_us, lead_after
        if self.quarters:
            self.whole = whole + lead
            rows[last_n] = (rows[last_n] or 0.0) + lead


def _fitting(look: sqlite3.Connection, question: HistoryQuestion) -> Resolution:
    """Return the resolution for a screen; readings only where they reach as far back as the quarters asked for."""
    first = look.execute("SELECT min(at_us) FROM samples").fetchone()[0]
    low = us_from_datetime(question.start)
    reach = first is not None
    if first is not None and first > low:
        sql = "SELECT 1 FROM energy WHERE start_us >= ? AND start_us < ? LIMIT 1"
        reach = look.execute(sql, (low, first - _MTU_US)).fetchone() is None
    return fit_for_a_screen(question.end - question.start, question.reading_every, readings_reach=reach)


def _columns(
    look: sqlite3.Connection, question: HistoryQuestion, resolution: Resolution, cuts: Sequence[datetime]
) -> Columns:
    """Return every column of the rows between ``cuts``."""
    values: dict[str, object] = {
        "edges": json.dumps([us_from_datetime(cut) for cut in cuts]),
        "currency": question.currency,
        "capacity_kwh": max(question.capacity_wh, 0.0) / WATTS_PER_KILOWATT,
    }
    (
        _, quarters, pv, load, imported, exported, charged, discharged, soc_min, soc_max, buy, sell, estimated, cost,
        baseline, gain, forced, _, soc,
    ) = zip(*look.execute(_SUMS, values), strict=True)  # fmt: skip
    hours = tuple(count * _MTU_H for count in quarters)
    lengths = [(end - start) / timedelta(hours=1) for start, end in itertools.pairwise(cuts)]
    savings = _Savings(by_row=[None] * len(hours))
    savings.add_up(look.execute(_SETTLED, values))
    return {
        "hours": hours,
        "coverage": tuple(min(h / length, 1.0) for h, length in zip(hours, lengths, strict=True)),
        "pv_w": _mean(pv, hours),
        "load_w": _mean(load, hours),
        "grid_w": _mean(_less(imported, exported), hours),
        "battery_w": _mean(_less(discharged, charged), hours),
        "pv_wh": pv,
        "load_wh": load,
        "import_wh": imported,
        "export_wh": exported,
        "charge_wh": charged,
        "discharge_wh": discharged,
        "soc_pct": soc,
        "soc_min_pct": soc_min,
        "soc_max_pct": soc_max,
        "price_per_mwh": tuple(row[0] for row in look.execute(_PRICES, values)),
        "import_price_per_kwh": buy,
        "export_price_per_kwh": sell,
        "price_estimated": tuple(None if guessed is None else bool(guessed) for guessed in estimated),
        "cost": cost,
        "baseline_cost": baseline,
        "saved": tuple(savings.by_row),
        _SAVINGS: savings,
        "decision_gain": gain,
        "forced_share": forced,
        "mode": _modes(look, values, resolution, forced),
    }


def _modes(
    look: sqlite3.Connection, values: dict[str, object], resolution: Resolution, forced: Numbers
) -> tuple[str | None, ...]:
    """Return the mode most polls of a row were taken in; without polls, self-use is known where nothing was forced."""
    if resolution in (Resolution.DAY, Resolution.MONTH):
        return (None,) * len(forced)
    polled = dict(look.execute(_MODES, values))
    return tuple(polled.get(n, "self_use" if share == 0.0 else None) for n, share in enumerate(forced))


def _mean(energy_wh: Numbers, hours: Numbers) -> Numbers:
    return tuple(None if wh is None or not h else wh / h for wh, h in zip(energy_wh, hours, strict=True))


def _less(these: Numbers, those: Numbers) -> Numbers:
    return tuple(None if a is None or b is None else a - b for a, b in zip(these, those, strict=True))


def _totals(found: Columns, cuts: Sequence[datetime]) -> HistoryTotals:
    """Return what the rows of ``found`` come to together."""
    sums = ("pv_wh", "load_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh", "cost")
    total = {name: _sum(found[name]) for name in sums}
    hours = math.fsum(found["hours"])
    savings: _Savings = found[_SAVINGS]
    is_compared = all(
        baseline is not None or cost is None
        for cost, baseline in zip(found["cost"], found["baseline_cost"], strict=True)
    )
    return HistoryTotals(
        start=cuts[0],
        end=cuts[-1],
        hours=hours,
        coverage=min(hours / ((cuts[-1] - cuts[0]) / timedelta(hours=1)), 1.0),
        **total,
        baseline_cost=_sum(found["baseline_cost"]) if is_compared else None,
        saved=savings.whole,
        saved_quarters=savings.quarters,
        estimated_quarters=savings.estimated,
        self_sufficiency_pct=share_kept_pct(total["load_wh"], total["import_wh"]),
        self_consumption_pct=share_kept_pct(total["pv_wh"], total["export_wh"]),
    )


def _sum(column: Numbers) -> float | None:
    known = [value for value in column if value is not None]
    return math.fsum(known) if known else None
