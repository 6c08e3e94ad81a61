"""The measured past as it grows, quarter by quarter."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.forecasting.history import FloatArray, QuarterHistory


def with_quarter(history: QuarterHistory, slot: EnergySlot, kept: timedelta) -> QuarterHistory:
    """Return ``history`` with ``slot`` in its place, and no more than the newest ``kept``; the argument is unchanged.

    Quarters between the old end and ``slot`` are unknown. A slot from before the history changes nothing.
    """
    if slot.start < history.start:
        return history
    end = max(history.end, slot.start + MTU)
    length = kept // MTU
    start = end - length * MTU
    only = QuarterHistory.of((slot,), end, kept)
    offset = (history.start - start) // MTU

    def placed(values: FloatArray, filler: FloatArray) -> FloatArray:
        found = filler.copy()
        source = values[max(0, -offset) :]
        first = max(0, offset)
        found[first : first + len(source)] = source
        return found

    nothing = np.full(length, np.nan)
    load_w, pv_w = placed(history.load_w, nothing), placed(history.pv_w, nothing)
    curtailed = np.zeros(length, dtype=np.bool_)
    kept_flags = history.pv_curtailed[max(0, -offset) :]
    curtailed[max(0, offset) : max(0, offset) + len(kept_flags)] = kept_flags
    index = (slot.start - start) // MTU
    if 0 <= index < length:
        load_w[index], pv_w[index] = only.load_w[index], only.pv_w[index]
        curtailed[index] = only.pv_curtailed[index]
    return QuarterHistory(start=start, load_w=load_w, pv_w=pv_w, pv_curtailed=curtailed)
