"""What a house measured, from a file: ``ts_utc,load_w,pv_w[,pv_forecast_w]`` in any regular step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np

from hems.adapters.tables.on_grid import (
    in_order,
    local_time_remarks,
    longest_gaps,
    on_grid,
    positions,
    step_of,
)
from hems.adapters.tables.table import Table, listed, moment
from hems.adapters.tables.table_file import read_table
from hems.domain.measured import FloatArray, MeasuredHousehold, RecordQuality

ABSURD_W = 1e6
"""A megawatt: no home."""

KILOWATTS_BELOW = 5.0
"""The median of a home's load is 100 to 1000 W; a fridge alone is 30."""

MUCH_LOST_SHARE = 0.2

OWN_DRAW_W = 100.0
"""An inverter draws a few tens of watts at night, which its PV reading shows as less than nothing."""

_LOAD, _PV, _FORECAST = "load_w", "pv_w", "pv_forecast_w"
_FLAGS = ("load_filled", "pv_filled")


def read_household(path: Path) -> MeasuredHousehold:
    """Return the house in ``path`` on an unbroken grid of UTC; what is missing or cannot be is NaN, and is counted.

    Mean powers [W] over intervals named by their start, 5 to 60 minutes long; the step is the most common difference.
    NaN: no row, an empty cell, text, a negative power, one above a megawatt. Rows that repeat another are left out;
    rows that contradict another or lie off the grid are refused. Flags ``load_filled`` and ``pv_filled`` (1: somebody
    put the value in) are told, and the values stay.
    Raises: StorageError, RejectedData, ExtraMissing: as ``read_table``; the message names file and line.
    """
    table = read_table(path)
    return household_of(table)


def household_of(table: Table) -> MeasuredHousehold:
    """Return the house in ``table``; as ``read_household``."""
    names = _names(table)
    cleaned = {wanted: _possible(table.numbers[own], OWN_DRAW_W * (wanted != _LOAD)) for wanted, own in names.items()}
    flags = [own for flag in _FLAGS if (own := table.name_like(flag)) is not None]
    ordered = in_order(table, [*names.values(), *flags])
    step_ms = step_of(table, ordered)
    start_ms, at = positions(table, ordered, step_ms)
    powers = {wanted: on_grid(values, ordered, at) for wanted, values in cleaned.items()}
    rows = len(ordered.rows)
    lost = {name: int(np.isnan(values[ordered.rows]).sum()) for name, values in cleaned.items()}
    for name in (_LOAD, _PV):
        if lost[name] == rows:
            raise table.refused(f"column {names[name]} has no usable value: powers in W, 0 or more, are expected")
    forecast_w = powers.get(_FORECAST)
    if forecast_w is not None and lost[_FORECAST] == rows:
        forecast_w = None
    is_missing = np.ones(len(powers[_LOAD]), dtype=np.bool_)
    is_missing[at] = False
    quality = RecordQuality(
        source=table.source,
        rows=rows,
        step=timedelta(milliseconds=step_ms),
        first=moment(start_ms),
        end=moment(start_ms + len(is_missing) * step_ms),
        missing_rows=int(is_missing.sum()),
        not_numbers={name: count for name, count in lost.items() if count},
        gaps=longest_gaps(np.isnan(powers[_LOAD]) | np.isnan(powers[_PV]), start_ms, step_ms),
        remarks=(
            *table.remarks,
            *ordered.remarks,
            *local_time_remarks(table, is_missing, start_ms, step_ms),
            *_doubts(table, names, powers),
            *_filled(table, flags),
        ),
    )
    return MeasuredHousehold(
        start=quality.first,
        step=quality.step,
        load_w=powers[_LOAD],
        pv_w=powers[_PV],
        pv_forecast_w=forecast_w,
        quality=quality,
    )


def _names(table: Table) -> Mapping[str, str]:
    """Return how the file writes each column that is there. Raises: RejectedData: load or PV is missing."""
    found = {name: own for name in (_LOAD, _PV, _FORECAST) if (own := table.name_like(name)) is not None}
    missing = [name for name in (_LOAD, _PV) if name not in found]
    if missing:
        raise table.refused(
            f"has no column {' and no column '.join(missing)}; it has {listed([table.time_name, *table.numbers])}. "
            "A home's file is ts_utc,load_w,pv_w[,pv_forecast_w]: mean powers in W; energies are not guessed"
        )
    return found


def _possible(values: FloatArray, own_draw_w: float) -> FloatArray:
    """Return ``values`` with NaN for what no home can have; down to ``-own_draw_w`` counts as nothing."""
    with np.errstate(invalid="ignore"):
        is_possible = (values >= -own_draw_w) & (values <= ABSURD_W)
    return np.where(is_possible, np.maximum(values, 0.0) + 0.0, np.nan)


def _doubts(table: Table, names: Mapping[str, str], powers: Mapping[str, FloatArray]) -> tuple[str, ...]:
    remarks = []
    middle = float(np.nanmedian(powers[_LOAD]))
    if middle < KILOWATTS_BELOW:
        remarks.append(f"the median of load_w is {middle:.3g} W: are these kW? W are expected")
    for wanted, own in names.items():
        values = table.numbers[own]
        slight = int(((values < 0.0) & (values >= -OWN_DRAW_W)).sum()) if wanted != _LOAD else 0
        if slight:
            remarks.append(f"{wanted} is slightly below 0 in {slight} rows, the inverter's own draw: it counts as 0")
        negative = int((values < 0.0).sum()) - slight
        if negative > MUCH_LOST_SHARE * len(values):
            remarks.append(
                f"{wanted} is negative in {negative} rows, which counts as unknown: load and PV are never below 0; "
                "turn the sign, or write 0 where the inverter draws a little at night"
            )
        if table.texts.get(own):
            remarks.append(f"{wanted} holds text in {table.texts[own]} rows, which counts as unknown")
        absurd = int((values > ABSURD_W).sum())
        if absurd:
            remarks.append(f"{wanted} is above a megawatt in {absurd} rows, which counts as unknown")
    if _FORECAST in powers and np.isnan(powers[_FORECAST]).all():
        remarks.append("pv_forecast_w has no usable value: as if there were no such column")
    return tuple(remarks)


def _filled(table: Table, flags: list[str]) -> tuple[str, ...]:
    remarks = []
    for name in flags:
        count = int((table.numbers[name] == 1.0).sum())
        if count:
            remarks.append(f"{name}: {count} rows were filled in by whoever made the file; they count as measured")
    return tuple(remarks)
