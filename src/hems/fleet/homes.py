"""A chunk of homes as arrays: what is handed to whoever plans it, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
AnyFloats = NDArray[Any]
"""float32 or float64: powers travel as they stand in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeChunk:
    """N homes of at most T slots each; only sound ones, in the order of the file.

    Columns of ``numbers`` and ``wholes`` are those of `fleet.batch_kernel`.
    """

    number: int
    """Which chunk of the file it is, from 0 on."""
    rows: IntArray
    """Where the homes stand in the file, from 0 on; shape (N,)."""
    home_ids: tuple[str, ...]
    start_s: IntArray
    """Seconds since 1970-01-01 UTC of each home's first slot."""
    load_w: AnyFloats
    """Expected load [W] >= 0, shape (N, T); what is beyond a home's own slots counts nothing."""
    pv_w: AnyFloats
    buy: FloatArray
    """Buying prices [money/kWh], shape (R, T): homes with the same prices share a row."""
    sell: FloatArray
    numbers: FloatArray
    wholes: IntArray
    refused: tuple[tuple[int, str, str], ...] = ()
    """(row, home, why) of the homes of this chunk that cannot be planned."""
    extra: FloatArray | None = None
    """What a common limit puts on both prices per slot [money/kWh], shape (T,)."""

    def __len__(self) -> int:
        return len(self.home_ids)

    @property
    def width(self) -> int:
        """T."""
        return int(self.load_w.shape[1])

    def priced(self, extra: FloatArray) -> HomeChunk:
        """Return the same homes with ``extra`` on both prices."""
        return replace(self, extra=extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChunk:
    """What came of a chunk; rows as in it. Columns of ``figures`` are those of `fleet.batch_kernel`."""

    number: int
    battery_w: AnyFloats
    """+ discharges, shape (N, T); NaN beyond a home's own slots."""
    soc_pct: AnyFloats
    """At the end of each slot."""
    figures: FloatArray
    totals_kw: FloatArray
    """Grid power of all homes, + imports, shape (2, T): planned, and with idle batteries."""
    seconds: float
    """Of planning, on the worker."""
    planned_again: int = 0
    """How many homes' certificates were open, so that the grid programme planned them too."""
