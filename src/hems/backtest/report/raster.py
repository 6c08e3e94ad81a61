"""Maps of a period by local day (across) and local time of day (down), as small indexed PNG pictures."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hems.backtest.lived import LivedPeriod

CELL = timedelta(minutes=15)
"""Prices change no faster, and a finer picture of a day would be no taller on any screen."""

CELLS = timedelta(days=1) // CELL
NOWHERE = -1
"""The row of a cell in which nothing was lived."""

CLEAR = 255
"""The palette's index of what is not known: transparent, so that it looks empty on any background."""

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayGrid:
    """Which row of a `LivedPeriod` stands in each cell; ``row`` has shape (96, days), ``NOWHERE`` where none does."""

    days: tuple[date, ...]
    row: NDArray[np.int64]

    def pick(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``column`` by cell, NaN where nothing was lived."""
        picked: NDArray[np.float64] = np.where(self.row == NOWHERE, np.nan, column[self.row])
        return picked


def grid_of(lived: LivedPeriod, days: Sequence[date], zone: ZoneInfo) -> DayGrid:
    """Return the grid of ``days``: a cell shows the row in force at its middle.

    The hour that spring leaves out stays empty; of the hour that autumn repeats, the first run is shown.
    """
    moments = np.array([_middles(day, zone) for day in days]).T
    row = np.searchsorted(lived.start_s, moments, side="right") - 1
    ends = lived.start_s + lived.hours * 3600.0
    is_lived = (row >= 0) & np.isfinite(moments)
    is_lived &= moments < ends[np.maximum(row, 0)]
    return DayGrid(days=tuple(days), row=np.where(is_lived, row, NOWHERE))


def _middles(day: date, zone: ZoneInfo) -> list[float]:
    """Return the middles of a day's cells [s since 1970], NaN for a local time that does not exist."""
    wall = datetime(day.year, day.month, day.day) + CELL / 2  # noqa: DTZ001 - wall time: its zone follows
    found = []
    for _ in range(CELLS):
        moment = wall.replace(tzinfo=zone).timestamp()
        exists = datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == wall
        found.append(moment if exists else float("nan"))
        wall += CELL
    return found


def png_uri(index: NDArray[np.uint8], palette: Sequence[Rgb]) -> str:
    """Return a PNG of palette indices (height, width) as a data address; index ``CLEAR`` is transparent.

    Source: PNG, third edition (W3C), sections 5 and 11: IHDR, PLTE, tRNS, IDAT, IEND.
    """
    height, width = index.shape
    colours = bytearray(3 * 256)
    for at, rgb in enumerate(palette):
        colours[3 * at : 3 * at + 3] = bytes(rgb)
    opacity = bytes([255] * CLEAR + [0])
    lines = np.concatenate([np.zeros((height, 1), dtype=np.uint8), index], axis=1)  # filter type 0 before each line
    blocks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(colours)),
        (b"tRNS", opacity),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    whole = b"\x89PNG\r\n\x1a\n" + b"".join(_block(kind, data) for kind, data in blocks)
    return "data:image/png;base64," + b64encode(whole).decode("ascii")


def _block(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def shades(values: NDArray[np.float64], low: float, high: float, count: int) -> NDArray[np.uint8]:
    """Return ``values`` as indices 0..count-1 from ``low`` to ``high``, ``CLEAR`` where there is none."""
    width = high - low
    share = np.zeros_like(values) if width <= 0.0 else np.clip((np.nan_to_num(values) - low) / width, 0.0, 1.0)
    shaded: NDArray[np.uint8] = np.where(np.isfinite(values), np.rint(share * (count - 1)), CLEAR).astype(np.uint8)
    return shaded


def ramp(stops: Sequence[str], count: int) -> list[Rgb]:
    """Return ``count`` colours between ``stops`` (#rrggbb, evenly spread)."""
    corners = np.array([rgb_of(stop) for stop in stops], dtype=np.float64)
    at = np.linspace(0, len(corners) - 1, count)
    channels = [np.interp(at, np.arange(len(corners)), corners[:, channel]) for channel in range(3)]
    return [(round(red), round(green), round(blue)) for red, green, blue in zip(*channels, strict=True)]


def rgb_of(colour: str) -> Rgb:
    """Return #rrggbb as numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
