"""How good a record is, for a person and for a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hems.domain.measured import RecordQuality

GAPS_SHOWN = 5


def check_file(file: Path, column: str | None, *, as_json: bool) -> None:
    """Print what ``file`` is and how complete.

    It is a home where it has a load or PV, retail prices where it has buy or sell, else market prices.
    Raises: StorageError, RejectedData, ExtraMissing: it cannot be read.
    """
    kind, quality = _read(file, column)
    if as_json:
        print(json.dumps({"kind": kind, **quality_document(quality)}, indent=2))
        return
    print(f"{quality.source}: {kind}")
    for line in quality_lines(quality):
        print(f"  {line}")


def _read(file: Path, column: str | None) -> tuple[str, RecordQuality]:
    from hems.adapters.tables.household_file import household_of
    from hems.adapters.tables.price_file import buy_sell_of, prices_of
    from hems.adapters.tables.table_file import read_table

    table = read_table(file)
    if column is None and any(table.name_like(name) for name in ("load_w", "pv_w")):
        return "a home", household_of(table).quality
    if column is None and any(table.name_like(name) for name in ("buy_per_kwh", "sell_per_kwh")):
        return "retail prices", buy_sell_of(table).quality
    found = prices_of(table, column, None)
    return f"market prices, column {found.column}", found.quality


def quality_lines(quality: RecordQuality) -> list[str]:
    """Return what a person has to know of a record: its span, what is missing, the longest gaps, remarks."""
    minutes = quality.step.total_seconds() / 60
    span = f"{quality.first:%Y-%m-%d %H:%M} to {quality.end:%Y-%m-%d %H:%M} UTC"
    lines = [f"{quality.rows} rows of {minutes:g} minutes, {span}"]
    if quality.missing_rows:
        lines.append(f"{quality.missing_rows} rows are missing in between")
    lines += [f"{count} rows of {name} are unknown" for name, count in quality.not_numbers.items()]
    for start, end in quality.gaps[:GAPS_SHOWN]:
        hours = (end - start).total_seconds() / 3600
        lines.append(f"nothing from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC ({hours:g} h)")
    return [*lines, *quality.remarks]


def quality_document(quality: RecordQuality) -> dict[str, object]:
    """Return the same for a program; times are ISO 8601."""
    return {
        "source": quality.source,
        "rows": quality.rows,
        "step_s": quality.step.total_seconds(),
        "first": quality.first.isoformat(),
        "end": quality.end.isoformat(),
        "missing_rows": quality.missing_rows,
        "not_numbers": dict(quality.not_numbers),
        "gaps": [[start.isoformat(), end.isoformat()] for start, end in quality.gaps],
        "remarks": list(quality.remarks),
    }
