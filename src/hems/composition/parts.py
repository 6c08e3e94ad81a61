"""The coordinator's parts, each with its own options, on any clock, any inverter and any source of prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hems.adapters.process_figures import ProcessMeter
from hems.adapters.storage.fast_charge_inbox import FileFastChargeInbox
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.composition.forecast_service import forecasts_without_source
from hems.composition.settings import minutes
from hems.composition.status_file import FAST_CHARGE_FILE
from hems.composition.strategies import (
    decision_options_of,
    order_book_of,
    outlook_builder_of,
    shadows_of,
    strategies_of,
)
from hems.composition.tools import Loaded
from hems.config.models import Configuration
from hems.coordination.action_executor_manager import ActionExecutorManager, ActionOptions
from hems.coordination.data_collection_manager import CollectionOptions, DataCollectionManager
from hems.coordination.decision_engine_manager import DecisionEngineManager
from hems.coordination.enhanced_data_collector import EnhancedDataCollector
from hems.coordination.events import EventLog
from hems.coordination.fast_charge_controller import FastChargeController, FastChargeOptions
from hems.coordination.forecast_service import ForecastService
from hems.coordination.health import HealthMonitor
from hems.coordination.master_coordinator import CoordinatorOptions, Parts
from hems.coordination.price_service import PriceService
from hems.coordination.safety_guard import SafetyGuard
from hems.decision.wording import Language
from hems.domain.site import SiteSpec
from hems.domain.units import wh_from_kwh
from hems.ports.clock import Clock
from hems.ports.inverter import InverterConnector
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.plausibility_options import PlausibilityOptions

SOC_RATE_MAX_C = PlausibilityOptions().soc_rate_c
"""A simulated house that lives faster than the clock charges as much faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a household stands in: time, disk, inverter, prices, weather."""

    clock: Clock
    store: SqliteStore
    files: JsonFiles
    connector: InverterConnector
    prices: PriceService
    forecasts: ForecastService | None = None
    """None: from the house's own past alone; nobody is asked."""


def build_parts(loaded: Loaded, around: Surroundings, collector: EnhancedDataCollector, events: EventLog) -> Parts:
    """Return everything the coordinator conducts."""
    settings, clock, store = loaded.settings, around.clock, around.store
    fast_charge = _fast_charge_of(loaded, events)
    safety = SafetyGuard(lambda spec, latched: _supervisor_of(settings, spec, latched, clock), store, events)
    forecasts = around.forecasts or forecasts_without_source(settings, store, clock)
    strategies = strategies_of(settings)
    orders = order_book_of(settings, strategies, store, events.add)
    actions = ActionOptions(daily_write_budget=settings.inverter.daily_write_budget, zone=loaded.zone)
    return Parts(
        clock=clock,
        collection=DataCollectionManager(collector, clock, _collection_options_of(settings)),
        safety=safety,
        decisions=DecisionEngineManager(strategies, fast_charge, around.prices, decision_options_of(settings), orders),
        shadows=shadows_of(settings, strategies, store, events.add, orders.in_charge),
        outlook=outlook_builder_of(settings, around.prices, forecasts, lambda: collector.inverter, lambda: safety.spec),
        actions=ActionExecutorManager(clock, store, actions, events.add),
        fast_charge=fast_charge,
        orders=orders,
        prices=around.prices,
        forecasts=forecasts,
        health=HealthMonitor(clock, store, ProcessMeter().read),
        events=events,
        store=store,
    )


def coordinator_options_of(settings: Configuration) -> CoordinatorOptions:
    """Return the cadence of the cycle."""
    return CoordinatorOptions(
        poll_interval=timedelta(seconds=settings.inverter.poll_interval_seconds),
        health_interval=minutes(settings.coordinator.health_check_interval_minutes),
        emergency_soc_pct=settings.charging.emergency_soc,
        no_grid_energy_into_export=settings.grid.no_grid_energy_into_export,
    )


def _collection_options_of(settings: Configuration) -> CollectionOptions:
    return CollectionOptions(
        poll_interval_s=settings.inverter.poll_interval_seconds,
        sample_interval_s=settings.coordinator.data_collection_interval_seconds,
    )


def _fast_charge_of(loaded: Loaded, events: EventLog) -> FastChargeController:
    settings = loaded.settings
    return FastChargeController(
        FileFastChargeInbox(loaded.data / FAST_CHARGE_FILE),
        FastChargeOptions(
            capacity_wh=wh_from_kwh(settings.battery_management.capacity_kwh),
            charge_power_w=settings.charging.max_power,
            zone=loaded.zone,
            language=Language(settings.decision.language),
        ),
        events.add,
    )


def _supervisor_of(settings: Configuration, spec: SiteSpec, latched: object | None, clock: Clock) -> SafetySupervisor:
    options = SafetyOptions(
        communication_lost_after=timedelta(seconds=settings.inverter.communication_lost_after_seconds),
        release_after=timedelta(seconds=settings.safety.release_after_seconds),
        plausibility=PlausibilityOptions(
            debounce_samples=settings.safety.soc_debounce_samples,
            debounce_time=timedelta(seconds=settings.safety.soc_debounce_seconds),
            soc_rate_c=SOC_RATE_MAX_C * (settings.simulator.speed if settings.inverter.is_simulated else 1.0),
        ),
    )
    return SafetySupervisor(spec, options, saved=latched, now=clock.now())
