"""Rows of a file put in order and onto an unbroken grid of time: what is missing is found, nothing is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from hems.adapters.tables.table import IntArray, Table, clock_text, moment
from hems.domain.measured import LEAST_STEP, MOST_STEP, FloatArray

_MS = 1000
LEAST_STEP_MS = int(LEAST_STEP.total_seconds()) * _MS
MOST_STEP_MS = int(MOST_STEP.total_seconds()) * _MS

SPAN_MAX = timedelta(days=30 * 366)
"""No home's record is longer; one stamp of another century would ask for more memory than there is."""

GAPS_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Which rows of a table count, in order of time, no two of one time."""

    rows: IntArray
    """Indexes into the table."""
    time_ms: IntArray
    remarks: tuple[str, ...]


def in_order(table: Table, columns: Sequence[str]) -> Ordered:
    """Return the rows in order of time; a row that repeats another in ``columns`` is left out and counted.

    Raises: RejectedData: two rows say different things of one time. Which of them is right cannot be told, and mostly
    it means local times: autumn has an hour twice, and then every other row is an hour off as well.
    """
    rows = np.argsort(table.time_ms, kind="stable").astype(np.int64)
    remarks = [] if bool(np.all(table.time_ms[1:] >= table.time_ms[:-1])) else ["the rows were not in order of time"]
    time_ms = table.time_ms[rows]
    again = np.flatnonzero(time_ms[1:] == time_ms[:-1]) + 1
    if len(again):
        for name in columns:
            values = table.numbers[name]
            before, after = values[rows[again - 1]], values[rows[again]]
            differ = np.flatnonzero(~((before == after) | (np.isnan(before) & np.isnan(after))))
            if len(differ):
                at = int(again[differ[0]])
                first, second = sorted((int(rows[at - 1]), int(rows[at])))
                raise table.refused(
                    f"a second row for {clock_text(int(time_ms[at]))}, with another {name} than {table.place} "
                    f"{table.line[first]}; are these local times? They must be UTC, or bear their offset",
                    second,
                )
        remarks.append(f"{len(again)} rows repeat another and are left out")
        rows = np.delete(rows, again)
    return Ordered(rows=rows, time_ms=table.time_ms[rows], remarks=tuple(remarks))


def most_common(values: IntArray) -> int:
    """Return the value that is there most often, the smallest of equals."""
    found, counts = np.unique(values, return_counts=True)
    return int(found[int(np.argmax(counts))])


def step_of(table: Table, ordered: Ordered) -> int:
    """Return the step of the rows [ms]: the most common difference of time. Raises: RejectedData."""
    if len(ordered.rows) < 2:
        raise table.refused("has one row only: its step cannot be told")
    step_ms = most_common(np.diff(ordered.time_ms))
    if not LEAST_STEP_MS <= step_ms <= MOST_STEP_MS:
        raise table.refused(
            f"its rows are mostly {_duration(step_ms)} apart; 5 to 60 minutes can be read: make means of that length"
        )
    span = timedelta(milliseconds=int(ordered.time_ms[-1] - ordered.time_ms[0]))
    if span > SPAN_MAX:
        row = int(ordered.rows[int(np.argmax(np.diff(ordered.time_ms))) + 1])
        ends = f"{clock_text(int(ordered.time_ms[0]))} to {clock_text(int(ordered.time_ms[-1]))}"
        raise table.refused(f"the rows reach from {ends}: is this time, or the one before it, right?", row)
    return step_ms


def positions(table: Table, ordered: Ordered, step_ms: int) -> tuple[int, IntArray]:
    """Return the start of the grid [ms since 1970], and which of its steps each ordered row is.

    The grid lies where most rows lie. Raises: RejectedData: a row beside it, with its line.
    """
    phase_ms = most_common(ordered.time_ms % step_ms)
    beside = np.flatnonzero(ordered.time_ms % step_ms != phase_ms)
    if len(beside):
        row = int(ordered.rows[beside[0]])
        raise table.refused(
            f"{moment(int(table.time_ms[row])):%Y-%m-%d %H:%M:%S} UTC does not lie on the grid of "
            f"{_duration(step_ms)} on which most rows lie",
            row,
        )
    start_ms = int(ordered.time_ms[0])
    return start_ms, (ordered.time_ms - start_ms) // step_ms


def on_grid(values: FloatArray, ordered: Ordered, at: IntArray) -> FloatArray:
    """Return ``values`` of the ordered rows at their steps, shape (steps,); NaN where there is no row."""
    grid = np.full(int(at[-1]) + 1, np.nan)
    grid[at] = values[ordered.rows]
    return grid


def longest_gaps(is_unknown: NDArray[np.bool_], start_ms: int, step_ms: int) -> tuple[tuple[datetime, datetime], ...]:
    """Return the longest spans [start, end) of which nothing is known, longest first, earlier first among equals."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_unknown, [False])).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    longest = np.argsort(begins - ends, kind="stable")[:GAPS_TOLD]
    return tuple(
        (moment(start_ms + int(begins[i]) * step_ms), moment(start_ms + int(ends[i]) * step_ms)) for i in longest
    )


def local_time_remarks(table: Table, is_missing: NDArray[np.bool_], start_ms: int, step_ms: int) -> tuple[str, ...]:
    """Return a warning where times without a zone lack the hour that clocks skip in spring: then they are local ones.

    In Central Europe that is 02:00 to 03:00 of the last Sunday of March.
    """
    if not table.is_naive:
        return ()
    for year in range(moment(start_ms).year, moment(start_ms + len(is_missing) * step_ms).year + 1):
        march = datetime(year, 3, 31, 2, tzinfo=UTC)
        skipped = march - timedelta(days=(march.weekday() + 1) % 7)
        low = -(-(int(skipped.timestamp()) * _MS - start_ms) // step_ms)
        count = 3_600_000 // step_ms
        if low < 1 or low + count >= len(is_missing):
            continue
        if is_missing[low : low + count].all() and not is_missing[[low - 1, low + count]].any():
            told = f"there is no row for 02:00 to 03:00 on {skipped:%d %B %Y}, the hour that clocks skip"
            return (f"{told}: these look like local times, and all are taken for UTC; write UTC, or add the offset",)
    return ()


def _duration(step_ms: int) -> str:
    minutes = step_ms / 60_000
    return f"{minutes:g} minutes" if minutes <= 180 else f"{minutes / 60:g} hours"
