"""A look back as lines of CSV: units in the headers, UTC and local time first, unknown is an empty field."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hems.adapters.storage.history_edges import edges
from hems.adapters.storage.history_reader import read_history
from hems.domain.history import DecisionSummary, HistoryColumns, HistoryQuestion, Resolution


def read_history_csv(database: Path, question: HistoryQuestion) -> Iterator[str]:
    """Return the lines of what ``read_history`` would tell, read a part at a time: of any length, in little memory.

    Raises: ValueError, StorageError: as ``read_history``, at once for the first part, and later for a later one.
    """
    parts = _parts(question)
    first = read_history(database, parts[0])
    further = (read_history(database, part) for part in parts[1:])
    return itertools.chain(
        history_csv_lines(first),
        (line for columns in further for line in history_csv_lines(columns, with_header=False)),
    )


def _parts(question: HistoryQuestion) -> list[HistoryQuestion]:
    """Return ``question`` cut where no row is: readings by days, quarters and hours by months."""
    match question.resolution:
        case Resolution.READING:
            step = Resolution.DAY
        case Resolution.QUARTER_HOUR | Resolution.HOUR:
            step = Resolution.MONTH
        case _:
            return [question]
    cuts = edges(question.start, question.end, step, question.zone)[1:-1]
    bounds = itertools.pairwise((question.start, *cuts, question.end))
    return [replace(question, start=start, end=end) for start, end in bounds]


def history_csv_lines(columns: HistoryColumns, *, with_header: bool = True) -> Iterator[str]:
    """Yield the header and one line a row, each with its line end; readings have the columns that readings have."""
    money = columns.currency
    named = [
        ("measured share [0-1]", "coverage"),
        ("PV [W]", "pv_w"),
        ("load [W]", "load_w"),
        ("grid, + import [W]", "grid_w"),
        ("battery, + discharge [W]", "battery_w"),
        ("PV [Wh]", "pv_wh"),
        ("load [Wh]", "load_wh"),
        ("import [Wh]", "import_wh"),
        ("export [Wh]", "export_wh"),
        ("charged [Wh]", "charge_wh"),
        ("discharged [Wh]", "discharge_wh"),
        ("SoC [%]", "soc_pct"),
        ("SoC, least [%]", "soc_min_pct"),
        ("SoC, most [%]", "soc_max_pct"),
        (f"market price [{money}/MWh]", "price_per_mwh"),
        (f"import price [{money}/kWh]", "import_price_per_kwh"),
        (f"export price [{money}/kWh]", "export_price_per_kwh"),
        ("price estimated [yes/no]", "price_estimated"),
        (f"cost [{money}]", "cost"),
        (f"self-use cost [{money}]", "baseline_cost"),
        (f"saved against self-use [{money}]", "saved"),
        (f"gain of decisions [{money}]", "decision_gain"),
        ("forced share [0-1]", "forced_share"),
        ("mode", "mode"),
    ]
    if columns.resolution is Resolution.READING:
        of_a_reading = {"pv_w", "load_w", "grid_w", "battery_w", "soc_pct", "price_per_mwh", "import_price_per_kwh"}
        of_a_reading |= {"export_price_per_kwh", "price_estimated", "mode"}
        named = [(header, name) for header, name in named if name in of_a_reading]
    rows = zip(*(getattr(columns, name) for _, name in named), strict=True)
    headers = [header for header, _ in named]
    lines = _lines(headers, zip(columns.start, rows, strict=True), columns.zone)
    if not with_header:
        next(lines)
    yield from lines


def decision_csv_lines(decisions: Iterable[DecisionSummary], zone: ZoneInfo, currency: str) -> Iterator[str]:
    """Yield the header and one line a decision, in the order given."""
    named = [
        ("trigger", "trigger"),
        ("mode", "mode"),
        ("power [W]", "power_w"),
        ("target SoC [%]", "target_soc_pct"),
        ("export limit [W]", "export_limit_w"),
        ("source", "source"),
        ("score [0-100]", "score"),
        ("confidence [%]", "confidence_pct"),
        (f"market price [{currency}/MWh]", "price_per_mwh"),
        (f"import price [{currency}/kWh]", "import_per_kwh"),
        ("SoC [%]", "soc_pct"),
        ("verdict", "verdict"),
        ("causes", "causes"),
        ("result", "result"),
        ("reason", "reason"),
    ]
    rows = ((one.at, tuple(getattr(one, name) for _, name in named)) for one in decisions)
    yield from _lines([header for header, _ in named], rows, zone)


def _lines(headers: list[str], rows: Iterable[tuple[datetime, tuple[object, ...]]], zone: ZoneInfo) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(["time [UTC]", f"time [{zone}]", *headers])
    yield _taken(buffer)
    for at, values in rows:
        local = at.astimezone(zone).isoformat(timespec="seconds")
        utc = at.isoformat(timespec="seconds").replace("+00:00", "Z")
        writer.writerow([utc, local, *(_field(value) for value in values)])
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    line = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return line


def _field(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1.0 else f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return "; ".join(str(one) for one in value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"  # a spreadsheet would run it as a formula
    return value
