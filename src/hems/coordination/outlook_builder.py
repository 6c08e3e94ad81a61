"""Gathers what lies ahead into one outlook: prices, forecasts, and the home as it is now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hems.coordination.price_service import PriceService
from hems.domain.command import Mode
from hems.domain.decision import StoredOrigin
from hems.domain.forecast import EnergyForecast
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.prices import RetailPrice
from hems.domain.pv_plant import Place
from hems.domain.readings import Quality, SiteSnapshot
from hems.domain.record import EnergySlot
from hems.domain.safety import SafetyEnvelope
from hems.domain.site import Ability, SiteSpec
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds
from hems.forecasting.load_first_hours import likely_load
from hems.ports.inverter import Inverter

if TYPE_CHECKING:  # numpy is taken up only where forecasts are made
    from hems.coordination.forecast_service import ForecastService

PRICE_DIGITS = 5
"""Hundredths of a thousandth per kWh: a tenth of what markets quote, and short enough to be kept at every decision."""

_MODE_NEEDS = {
    Mode.HOLD: Ability.HOLD,
    Mode.NO_CHARGE: Ability.NO_CHARGE,
    Mode.CHARGE: Ability.CHARGE_AT_POWER,
    Mode.DISCHARGE: Ability.DISCHARGE_AT_POWER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookOptions:
    """The home as its owner described it, and how far ahead is looked; as in ``HomeModel``."""

    zone: ZoneInfo
    currency: str
    horizon: timedelta
    reserve_pct: float
    charge_efficiency: float
    discharge_efficiency: float
    wear_per_kwh: float
    cycles_per_day_max: float | None
    discharge_max_w: float | None
    import_max_w: float
    export_max_w: float | None
    place: Place | None = None
    """Where the house stands, or the city of its time zone: for the first day, before any PV was measured."""
    pv_peak_w: float | None = None
    """The size of the panels; None: the inverter's rating stands for it."""


class OutlookBuilder:
    """Knows whom to ask; holds only what was discharged today."""

    def __init__(
        self,
        prices: PriceService,
        forecasts: ForecastService,
        options: OutlookOptions,
        inverter: Callable[[], Inverter | None],
        spec: Callable[[], SiteSpec | None],
    ) -> None:
        self._prices = prices
        self._forecasts = forecasts
        self._options = options
        self._inverter = inverter
        self._spec = spec
        self._discharged: dict[datetime, float] = {}

    def on_quarter(self, slot: EnergySlot) -> None:
        """Take note of what a finished quarter took out of the battery."""
        day_start, _ = local_day_bounds(local_date(slot.start, self._options.zone), self._options.zone)
        self._discharged = {start: wh for start, wh in self._discharged.items() if start >= day_start}
        self._discharged[slot.start] = slot.discharge_wh

    def build(
        self, now: datetime, snapshot: SiteSnapshot, envelope: SafetyEnvelope, origin: StoredOrigin | None
    ) -> Outlook | None:
        """Return what lies ahead of ``now``, or None while there is no inverter or battery to plan for."""
        home = self._home(now, envelope, origin)
        start = floor_to_grid(now)
        retail = _unbroken(self._prices.retail_between(start, start + self._options.horizon), start)
        if home is None or not retail:
            return None
        guessed = next((price.start for price in retail if price.origin.is_estimated), None)
        published_until = retail[-1].start + MTU if guessed is None else guessed
        count = len(retail)
        load_w = snapshot.load.power_w if snapshot.load.quality is Quality.GOOD else None
        pv_w = snapshot.pv.power_w if snapshot.pv.quality is Quality.GOOD else None
        return Outlook(
            start=start,
            import_per_kwh=tuple(round(price.import_per_kwh, PRICE_DIGITS) for price in retail),
            export_per_kwh=tuple(round(price.export_per_kwh, PRICE_DIGITS) for price in retail),
            published_until=None if published_until == start else published_until,
            currency=self._options.currency,
            home=home,
            load=_in_whole_watts(self._forecasts.load(now, count, load_w) or _likely_load(now, count, load_w)),
            pv=_in_whole_watts(self._forecasts.pv(now, count, pv_w) or self._likely_pv(now, count, pv_w)),
            day_ends=self._midnights(start, start + count * MTU),
        )

    def _home(self, now: datetime, envelope: SafetyEnvelope, origin: StoredOrigin | None) -> HomeModel | None:
        inverter, spec, options = self._inverter(), self._spec(), self._options
        if inverter is None or spec is None or not inverter.capabilities.can(Ability.READ_BATTERY):
            return None
        rated_w = inverter.identity.rated_power_w or float("inf")
        bounds, window = envelope.lasting_bounds, spec.window
        # A bound of zero is a passing stop: the plan looks beyond it, and the gate keeps it.
        charge_w = bounds.forced_charge_max_w or spec.charge_max_w
        full_v = window.voltage_max_v
        discharge_w = bounds.forced_discharge_max_w or window.discharge_current_max_a * full_v
        if options.discharge_max_w is not None:
            discharge_w = min(discharge_w, options.discharge_max_w)
        day_start, _ = local_day_bounds(local_date(now, options.zone), options.zone)
        abilities = inverter.capabilities
        return HomeModel(
            capacity_wh=spec.battery_capacity_wh,
            floor_pct=spec.soc_min_pct,
            reserve_pct=options.reserve_pct,
            ceiling_pct=spec.soc_max_pct,
            charge_max_w=round(min(charge_w, spec.charge_max_w, rated_w)),
            discharge_max_w=round(min(discharge_w, rated_w)),
            charge_efficiency=options.charge_efficiency,
            discharge_efficiency=options.discharge_efficiency,
            wear_per_kwh=options.wear_per_kwh,
            import_max_w=options.import_max_w,
            export_max_w=rated_w if options.export_max_w is None else options.export_max_w,
            no_grid_energy_into_export=origin is not None,
            exportable_wh=round(origin.exportable_wh) if origin is not None else 0.0,
            cycles_per_day_max=options.cycles_per_day_max,
            discharged_today_wh=round(sum(wh for start, wh in self._discharged.items() if start >= day_start)),
            modes=(Mode.SELF_USE, *(mode for mode, need in _MODE_NEEDS.items() if abilities.can(need))),
            can_limit_export=abilities.can(Ability.EXPORT_LIMIT),
        )

    def _likely_pv(self, now: datetime, count: int, live_pv_w: float | None) -> EnergyForecast | None:
        """Return what panels of this size may give, while nothing was measured of them."""
        inverter, options = self._inverter(), self._options
        peak_w = options.pv_peak_w or (inverter.identity.rated_power_w if inverter is not None else None)
        if options.place is None or not peak_w:
            return None
        from hems.forecasting.pv_first_days import likely_pv  # numpy is taken up only where forecasts are made

        return likely_pv(now, count, options.place, peak_w, live_pv_w=live_pv_w)

    def _midnights(self, start: datetime, end: datetime) -> tuple[datetime, ...]:
        ends, day = [], local_date(start, self._options.zone)
        while (midnight := local_day_bounds(day, self._options.zone)[1]) < end:
            ends.append(midnight)
            day += timedelta(days=1)
        return tuple(ends)


def _unbroken(retail: Sequence[RetailPrice], start: datetime) -> list[RetailPrice]:
    """Return the prices from ``start`` on up to the first gap."""
    found: list[RetailPrice] = []
    for price in retail:
        if price.start != start + len(found) * MTU:
            break
        found.append(price)
    return found


def _likely_load(now: datetime, count: int, live_load_w: float | None) -> EnergyForecast | None:
    return None if live_load_w is None else likely_load(now, count, live_load_w)


def _in_whole_watts(forecast: EnergyForecast | None) -> EnergyForecast | None:
    """Return ``forecast`` in whole watts: it is kept with every decision."""
    if forecast is None:
        return None
    levels_w = tuple(tuple(float(round(watts)) for watts in level) for level in forecast.levels_w)
    return EnergyForecast(
        quantity=forecast.quantity,
        source=forecast.source,
        issued_at=forecast.issued_at,
        known_at=forecast.known_at,
        start=forecast.start,
        levels_w=levels_w,
        notes=forecast.notes,
    )
