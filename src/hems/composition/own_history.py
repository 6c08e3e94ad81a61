"""The house's own past, as the running service stored it: for a backtest of the very home it runs in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.tables.on_grid import longest_gaps
from hems.composition.tools import Loaded
from hems.domain.errors import RejectedData
from hems.domain.measured import MeasuredHousehold, RecordQuality
from hems.domain.prices import Market, PriceSeries
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid
from hems.forecasting.history import LEAST_COVERAGE, QuarterHistory
from hems.forecasting.pv_curtailment import is_curtailed

SOURCE = "own history"
_MTU_MS = int(MTU.total_seconds()) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHistory:
    """What the house measured, and the prices of that time; ``settlement`` may be empty."""

    household: MeasuredHousehold
    day_ahead: PriceSeries
    settlement: PriceSeries


def own_history(loaded: Loaded, now: datetime) -> OwnHistory:
    """Return everything that the service of ``loaded`` stored before the quarter of ``now``.

    A quarter measured for less than half of its time is unknown. Prices reach from the first quarter's local day to
    what is published beyond ``now``.
    Raises: StorageError: there is no database, or it cannot be read; RejectedData: nothing is measured yet.
    """
    end = floor_to_grid(now)
    kept = timedelta(days=loaded.settings.storage.quarter_hour_days)
    with StoreReader(loaded.database) as reader:
        slots = [slot for slot in reader.energy_between(end - kept - MTU, end) if slot.coverage > 0.0]
        if not slots:
            raise RejectedData(
                f"{loaded.database}: no quarter of an hour is stored yet: let the service run for some days, or give a "
                "file with --home"
            )
        household = household_of_slots(slots)
        # A month's and an hour's mean need what lies before the first quarter.
        first = household.start - timedelta(days=32)
        day_ahead, settlement = (
            reader.load_prices(market, first, now + timedelta(days=3))
            for market in (Market.DAY_AHEAD, Market.SETTLEMENT)
        )
    return OwnHistory(household=household, day_ahead=day_ahead, settlement=settlement)


def household_of_slots(slots: Sequence[EnergySlot]) -> MeasuredHousehold:
    """Return stored quarters, one or more in order of time, as a measured house; what was hardly measured is NaN."""
    start, end = slots[0].start, slots[-1].start + MTU
    history = QuarterHistory.of(slots, end, end - start)
    unknown = np.isnan(history.load_w)
    poor = sum(slot.coverage < LEAST_COVERAGE for slot in slots)
    quality = RecordQuality(
        source=SOURCE,
        rows=len(slots),
        step=MTU,
        first=start,
        end=end,
        missing_rows=len(unknown) - len(slots),
        not_numbers={name: poor for name in ("load_w", "pv_w") if poor},
        gaps=longest_gaps(unknown, round(start.timestamp()) * 1000, _MTU_MS),
        remarks=_remarks(slots, poor),
    )
    return MeasuredHousehold(
        start=start, step=MTU, load_w=history.load_w, pv_w=history.pv_w, pv_forecast_w=None, quality=quality
    )


def _remarks(slots: Sequence[EnergySlot], poor: int) -> tuple[str, ...]:
    remarks = []
    if poor:
        remarks.append(f"{poor} quarters were measured for less than half of their time and count as unknown")
    held_back = sum(is_curtailed(slot, None) for slot in slots if slot.coverage >= LEAST_COVERAGE)
    seen = f"; in {held_back} quarters they seem to have been held back" if held_back else ""
    remarks.append(f"PV is what the panels gave; what they could have given when held back is not known{seen}")
    return tuple(remarks)
