"""From the cells of a time column to milliseconds since 1970 UTC. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_PREFERRED = ("ts_utc", "time_utc", "timestamp_utc", "datetime_utc", "start_utc")
_USUAL = ("time", "timestamp", "datetime", "date", "start", "ts")

_NUMBER = re.compile(r"\d{9,19}(\.\d*)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - counted against naive times only, which are UTC here
_MILLISECOND = timedelta(milliseconds=1)

_PER_MS = ((1e11, 1000.0), (1e14, 1.0), (1e17, 1e-3), (math.inf, 1e-6))
"""Below which magnitude a number of units since 1970 is in s, ms, us, ns, and what turns it into ms: seconds stay below
1e11 until the year 5138, and milliseconds have been above it since 1973."""

HOW = "write ISO 8601, such as 2026-03-29T01:15:00Z, or seconds since 1970"


def is_utc_name(name: str) -> bool:
    """Return whether a column's name says that its times are UTC."""
    return "utc" in name.casefold()


def time_column(names: Sequence[str], first_cells: Sequence[str]) -> int | None:
    """Return which column holds the time: by name, else the first whose first cell is one; None where none does."""
    plain = [name.strip().casefold() for name in names]
    for wanted in _PREFERRED:
        if wanted in plain:
            return plain.index(wanted)
    for index, name in enumerate(plain):
        if is_utc_name(name) and any(word in name for word in _USUAL):
            return index
    for wanted in _USUAL:
        if wanted in plain:
            return plain.index(wanted)
    return next((index for index, cell in enumerate(first_cells) if _is_time(cell)), None)


def epoch_ms(value: float) -> int:
    """Return a number of seconds, ms, us or ns since 1970, told apart by its size, in ms. Raises: ValueError."""
    if not 1e8 <= value < math.inf:
        raise ValueError("no time since 1973")
    factor = next(factor for most, factor in _PER_MS if value < most)
    return round(value * factor)


def parse_time(cell: str) -> tuple[int, bool]:
    """Return the milliseconds of a cell, and whether it bore no zone and was taken for UTC.

    Raises: ValueError: it is no time.
    """
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        return epoch_ms(float(text)), False
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        return (found - _EPOCH_NAIVE) // _MILLISECOND, True
    return (found - _EPOCH) // _MILLISECOND, False


def parse_alike(cells: Sequence[str]) -> list[int] | None:
    """Return the milliseconds of cells that are all written ``YYYY-MM-DD...`` without a zone; None where one is not."""
    if not all(cell[4:5] == "-" for cell in cells):  # digits alone could be read as a date of another century
        return None
    try:
        found = [datetime.fromisoformat(cell) for cell in cells]
        # A difference of a naive and an aware time is refused.
        return [(stamp - _EPOCH_NAIVE) // _MILLISECOND for stamp in found]
    except (ValueError, TypeError):
        return None


def _is_time(cell: str) -> bool:
    try:
        parse_time(cell)
    except ValueError:
        return False
    return True
