"""From a planned chunk to rows of the result, the refused homes among them; and what the chunk adds to the summary."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from hems.fleet import batch_kernel as kernel
from hems.fleet.homes import AnyFloats, HomeChunk, IntArray, PlannedChunk

NOTE = b"hems_chunk"
"""Where in a part file's metadata the chunk's own figures stand, as JSON."""

MONEY = ("cost_pln", "idle_cost_pln", "stored_change_pln", "saving_pln", "gap_pln")
ENERGY = ("import_kwh", "export_kwh")


def plan_table(chunk: HomeChunk, planned: PlannedChunk) -> Any:
    """Return a row for every home of the chunk in the order of the file (docs/fleet.md), as a pyarrow table."""
    import pyarrow as pa  # type: ignore[import-untyped]

    figures = planned.figures
    stored = figures[:, kernel.STORED_CHANGE] * figures[:, kernel.STORED_WORTH]
    cost, idle = figures[:, kernel.COST], figures[:, kernel.IDLE_COST]
    slots = chunk.wholes[:, kernel.SLOTS]
    columns: dict[str, Any] = {
        "row": pa.array(chunk.rows),
        "home_id": pa.array(chunk.home_ids, pa.string()),
        "start_utc": pa.array(np.where(chunk.start_s >= 0, chunk.start_s, 0), mask=chunk.start_s < 0).cast(
            pa.timestamp("s", "UTC")
        ),
        "step_minutes": pa.array(chunk.numbers[:, kernel.HOURS] * 60.0),
        "slots": pa.array(slots),
        "cost_pln": pa.array(cost),
        "idle_cost_pln": pa.array(idle),
        "stored_change_pln": pa.array(stored),
        "saving_pln": pa.array(idle - cost + stored),
        "gap_pln": pa.array(figures[:, kernel.GAP]),
        "import_kwh": pa.array(figures[:, kernel.IMPORT_KWH]),
        "export_kwh": pa.array(figures[:, kernel.EXPORT_KWH]),
        "first_battery_w": pa.array(planned.battery_w[:, 0] if len(chunk) else np.zeros(0, np.float32)),
        "battery_w": _lists(planned.battery_w, slots),
        "soc_pct": _lists(planned.soc_pct, slots),
        "error": pa.nulls(len(chunk), pa.string()),
    }
    return with_note(with_refused(pa.table(columns), chunk), note_of(chunk, planned))


def with_refused(table: Any, chunk: HomeChunk) -> Any:
    """Return ``table`` with a row for each home that was refused: its name, and why in ``error``; sorted by ``row``."""
    import pyarrow as pa

    if not chunk.refused:
        return table
    rows, names, reasons = zip(*chunk.refused, strict=True)
    given = {"row": pa.array(rows, pa.int64()), "home_id": pa.array(names), "error": pa.array(reasons)}
    empty = {f.name: given.get(f.name, pa.nulls(len(rows), f.type)) for f in table.schema}
    return pa.concat_tables([table, pa.table(empty, schema=table.schema)]).sort_by("row")


def with_note(table: Any, note: dict[str, Any]) -> Any:
    """Return ``table`` with the chunk's own figures in its metadata."""
    return table.replace_schema_metadata({NOTE: json.dumps(note).encode()})


def note_of(chunk: HomeChunk, planned: PlannedChunk) -> dict[str, Any]:
    """Return what the chunk adds to the fleet's profile; ``grid`` is None where its homes have no common slots."""
    starts, hours = np.unique(chunk.start_s), np.unique(chunk.numbers[:, kernel.HOURS])
    is_common = len(starts) == 1 and len(hours) == 1 and starts[0] >= 0
    return {
        "number": chunk.number,
        "homes": len(chunk),
        "seconds": planned.seconds,
        "planned_again": planned.planned_again,
        "grid": [int(starts[0]), float(hours[0])] if is_common else None,
        "totals_kw": planned.totals_kw.tolist(),
    }


def _lists(matrix: AnyFloats, slots: IntArray) -> Any:
    """Return each row's first ``slots`` values as a list column."""
    import pyarrow as pa

    width = matrix.shape[1]
    values = matrix.reshape(-1) if (slots == width).all() else matrix[np.arange(width) < slots[:, None]]
    return pa.ListArray.from_arrays(np.concatenate([[0], np.cumsum(slots)]).astype(np.int32), pa.array(values))
