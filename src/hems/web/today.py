"""The figures of the local day so far, read beside the web's event loop."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.analysis.metrics import savings
from hems.domain.time_grid import local_date, local_day_bounds
from hems.domain.units import wh_from_kwh
from hems.web.dependencies import in_thread
from hems.web.house import House
from hems.web.live import today_unknown
from hems.web.models.live import Today


class TodayReader:
    """Reads what the day has brought."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def read(self, now: datetime) -> Today:
        """Return the day's saving and bill. Raises: StorageError."""
        return await in_thread(lambda: self._read(now))

    def _read(self, now: datetime) -> Today:
        loaded = self._house.loaded
        if not loaded.database.exists():
            return today_unknown("nothing is stored yet")
        start, _ = local_day_bounds(local_date(now, loaded.zone), loaded.zone)
        with StoreReader(loaded.database) as reader:
            quarters = reader.energy_between(start, now)
        figure = savings(
            quarters, wh_from_kwh(loaded.settings.battery_management.capacity_kwh), loaded.settings.prices.currency
        )
        costs = [quarter.cost for quarter in quarters if quarter.cost is not None]
        return Today(
            saved=None if figure.value is None else round(figure.value, 4),
            saved_basis=figure.reason or figure.basis,
            cost=round(sum(costs), 4) if costs else None,
            pv_wh=_sum(quarter.pv_wh for quarter in quarters),
            load_wh=_sum(quarter.load_wh for quarter in quarters),
            import_wh=_sum(quarter.import_wh for quarter in quarters),
            export_wh=_sum(quarter.export_wh for quarter in quarters),
        )


def _sum(values: Iterable[float]) -> float | None:
    """Return the sum; None where nothing was measured."""
    measured = list(values)
    return round(sum(measured), 1) if measured else None
