"""From the configuration to the book of savings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hems.composition.savings import SavingsBook, SavingsOptions
from hems.composition.settings import readings_every
from hems.config.models import Configuration
from hems.domain.outlook import HomeModel
from hems.domain.units import wh_from_kwh


def savings_book_of(settings: Configuration, *, can_limit_export: bool = False) -> SavingsBook:
    """Return the book of the configured house; ``can_limit_export``: whether its inverter can hold PV back."""
    return SavingsBook(
        SavingsOptions(
            zone=ZoneInfo(settings.site.time_zone),
            currency=settings.prices.currency,
            home=home_to_look_back_on(settings, can_limit_export=can_limit_export),
            poll_every=readings_every(settings),
        )
    )


def home_to_look_back_on(settings: Configuration, *, can_limit_export: bool) -> HomeModel:
    """Return the house as configured. Where it did more than that, its hindsight may too."""
    battery, charging, grid = settings.battery_management, settings.charging, settings.grid
    discharge_w = battery.discharge_power_max if battery.discharge_power_max is not None else charging.max_power
    return HomeModel(
        capacity_wh=wh_from_kwh(battery.capacity_kwh),
        floor_pct=battery.soc_min,
        reserve_pct=max(battery.reserve_soc_pct, battery.soc_min),
        ceiling_pct=charging.target_soc,
        charge_max_w=charging.max_power,
        discharge_max_w=discharge_w,
        charge_efficiency=battery.charge_efficiency,
        discharge_efficiency=battery.discharge_efficiency,
        wear_per_kwh=battery.wear_per_kwh,
        import_max_w=grid.import_limit,
        export_max_w=float("inf") if grid.export_limit is None else grid.export_limit,
        no_grid_energy_into_export=grid.no_grid_energy_into_export,
        can_limit_export=can_limit_export,
    )
