"""Which quarters gave less than the sun would have: what was measured in them must not teach the forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.forecasting.history import LEAST_COVERAGE, QuarterHistory

FULL_SOC_PCT = 97.0
"""From about here on charging tapers: a battery that takes less than it could is no proof of little sun."""

_NEAR_W = 50.0
"""Flows below this are meters' noise and control's ripple."""
_NEAR_SHARE = 0.03
_ALMOST_ALL = 0.95
_FORCED_SHARE = 0.05
_QUARTERS_PER_HOUR = 4.0

ExportLimit = Callable[[datetime], float | None]
"""The tightest export limit in force in the quarter that starts then [W], None where none was."""


def is_curtailed(slot: EnergySlot, export_limit_w: float | None, charge_max_w: float | None = None) -> bool:
    """Return whether the panels may have been held back in ``slot``; in doubt yes, for a lost sample costs little.

    They are where what they give has nowhere to go: the export is at its limit, nothing is imported, and the battery
    takes no more, because it is full, charges at its most, or is in a forced mode. Where no limit is known, a full
    battery beside neither import, export nor discharge betrays one of 0: without it the surplus would flow out.

    Args:
        export_limit_w: in force during the quarter; None where none is known.
        charge_max_w: the most the battery takes; None where unknown.
    """
    if slot.coverage <= 0.0:
        return False
    scale = _QUARTERS_PER_HOUR / slot.coverage
    pv_w, export_w, import_w = slot.pv_wh * scale, slot.export_wh * scale, slot.import_wh * scale
    charge_w, discharge_w = slot.charge_wh * scale, slot.discharge_wh * scale
    if pv_w < _NEAR_W or import_w > _NEAR_W or discharge_w > _NEAR_W:
        return False
    is_full = slot.soc_end_pct is not None and slot.soc_end_pct >= FULL_SOC_PCT
    if export_limit_w is None:
        return is_full and export_w < _NEAR_W
    if export_w < export_limit_w - max(_NEAR_W, _NEAR_SHARE * export_limit_w):
        return False
    at_most = charge_max_w is not None and charge_w >= _ALMOST_ALL * charge_max_w
    return is_full or at_most or slot.soc_end_pct is None or slot.forced_share > _FORCED_SHARE


def with_curtailment(
    history: QuarterHistory,
    slots: Iterable[EnergySlot],
    export_limit: ExportLimit,
    charge_max_w: float | None = None,
) -> QuarterHistory:
    """Return ``history`` with the quarters marked in which ``slots`` were curtailed; marks that it has stay."""
    curtailed = history.pv_curtailed.copy()
    for slot in slots:
        index = (slot.start - history.start) // MTU
        if 0 <= index < len(history) and slot.coverage >= LEAST_COVERAGE:
            curtailed[index] |= is_curtailed(slot, export_limit(slot.start), charge_max_w)
    return replace(history, pv_curtailed=curtailed)
