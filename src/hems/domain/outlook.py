"""All that a plan rests on: the home's battery and connection, prices ahead, and what is expected of load and sun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hems.domain.command import Mode
from hems.domain.forecast import EnergyForecast


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeModel:
    """One home as planning sees it; powers [W] at the AC side, energies [Wh] inside the battery."""

    capacity_wh: float
    floor_pct: float
    """The SoC below which the inverter itself does not discharge."""
    reserve_pct: float
    """What the owner wants kept for an outage; the plan does not go below it by its own will."""
    ceiling_pct: float
    charge_max_w: float
    discharge_max_w: float
    charge_efficiency: float
    """Share of charged AC energy that is stored, 0-1."""
    discharge_efficiency: float
    """Share of the energy taken from the store that reaches the AC side, 0-1."""
    wear_per_kwh: float
    """What a kWh charged or discharged costs in battery life [currency/kWh of throughput]."""
    import_max_w: float
    """The fuse."""
    export_max_w: float
    taper_from_pct: float = 95.0
    """Above this SoC the charge power falls towards zero."""
    no_grid_energy_into_export: bool = True
    exportable_wh: float = 0.0
    """Stored energy of PV origin; what may be exported where the above holds."""
    cycles_per_day_max: float | None = None
    """Full cycles a local day at most, None is no cap; counted as energy discharged over capacity."""
    discharged_today_wh: float = 0.0
    modes: tuple[Mode, ...] = (Mode.SELF_USE,)
    """What the inverter can be asked for; self-use always."""
    can_limit_export: bool = False
    """Whether the inverter's export limit can be set, to curtail PV while selling costs money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is known and expected from the quarter ``start`` on: one value per MTU, all series of one length."""

    start: datetime
    import_per_kwh: tuple[float, ...]
    """What a bought kWh costs, all taxes and fees [currency/kWh]."""
    export_per_kwh: tuple[float, ...]
    published_until: datetime | None
    """The end of the published prices; what lies beyond is estimated. None: nothing is published."""
    currency: str
    home: HomeModel
    load: EnergyForecast | None
    pv: EnergyForecast | None
    day_ends: tuple[datetime, ...] = ()
    """The local midnights within the horizon: a cap on daily cycles counts by them."""

    def __len__(self) -> int:
        return len(self.import_per_kwh)
