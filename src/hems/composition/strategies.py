"""The strategies and what they look ahead with, as configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hems.composition.forecast import place_of, place_of_zone, plant_of
from hems.composition.settings import minutes, multi_factor_options_of
from hems.config.models import Configuration
from hems.coordination.decision_engine_manager import DecisionOptions
from hems.coordination.order_book import BookOptions, OrderBook
from hems.coordination.outlook_builder import OutlookBuilder, OutlookOptions
from hems.coordination.price_service import PriceService
from hems.coordination.shadow_houses import ShadowHouses, ShadowOptions
from hems.decision.arbiter import ArbiterOptions
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.decision.optimal_strategy import OptimalOptions, OptimalStrategy
from hems.decision.self_use_strategy import SelfUseStrategy
from hems.decision.sentences import Language
from hems.decision.stability import StabilityOptions
from hems.domain.errors import StorageError
from hems.domain.site import SiteSpec
from hems.planning.problem import PlanningOptions
from hems.ports.inverter import Inverter
from hems.ports.storage import RecordStore
from hems.ports.strategy import Strategy

if TYPE_CHECKING:  # numpy is taken up only where forecasts are made
    from hems.coordination.forecast_service import ForecastService


def strategies_of(settings: Configuration) -> tuple[Strategy, ...]:
    """Return every strategy, each with its own options; the order is that of a status screen."""
    return (optimal_strategy_of(settings), MultiFactorEngine(multi_factor_options_of(settings)), SelfUseStrategy())


def optimal_strategy_of(settings: Configuration) -> OptimalStrategy:
    """Return the planning strategy."""
    decision = settings.decision
    return OptimalStrategy(
        OptimalOptions(
            planning=planning_options_of(settings),
            zone=ZoneInfo(settings.site.time_zone),
            language=Language(decision.language),
        )
    )


def planning_options_of(settings: Configuration) -> PlanningOptions:
    """Return how plans are made."""
    decision = settings.decision
    return PlanningOptions(horizon=timedelta(hours=decision.horizon_hours), change_price=decision.change_price)


def decision_options_of(settings: Configuration) -> DecisionOptions:
    """Return how decisions are made, and how often one is due."""
    stability = StabilityOptions(min_mode=minutes(settings.coordinator.min_mode_minutes))
    return DecisionOptions(
        interval=minutes(settings.coordinator.decision_interval_minutes),
        arbiter=ArbiterOptions(stability=stability),
        with_shadows=settings.decision.shadows,
    )


def shadows_of(
    settings: Configuration,
    strategies: Sequence[Strategy],
    store: RecordStore,
    tell: Callable[[str, str, str], None],
    in_charge: str | None = None,
) -> ShadowHouses | None:
    """Return the houses in which ``strategies`` are compared, as far as they have come; None where none are wanted.

    None too where what was kept cannot be read: one that began anew would overwrite it.
    """
    if not settings.decision.shadows:
        return None
    options = decision_options_of(settings)
    shadows = ShadowHouses(
        strategies,
        ShadowOptions(
            in_charge=in_charge or settings.decision.strategy,
            zone=ZoneInfo(settings.site.time_zone),
            currency=settings.prices.currency,
            arbiter=options.arbiter,
        ),
        tell,
    )
    try:
        shadows.load(store)
    except StorageError as error:
        tell("storage", "error", f"the strategies are not compared until the next start: {error}")
        return None
    return shadows


def order_book_of(
    settings: Configuration, strategies: Sequence[Strategy], store: RecordStore, tell: Callable[[str, str, str], None]
) -> OrderBook:
    """Return what persons ordered and still stands."""
    options = BookOptions(
        configured=settings.decision.strategy,
        strategies=tuple(strategy.name for strategy in strategies),
        zone=ZoneInfo(settings.site.time_zone),
        language=Language(settings.decision.language),
    )
    return OrderBook(store, options, tell)


def outlook_builder_of(
    settings: Configuration,
    prices: PriceService,
    forecasts: ForecastService,
    inverter: Callable[[], Inverter | None],
    spec: Callable[[], SiteSpec | None],
) -> OutlookBuilder:
    """Return what gathers prices, forecasts and the home into one outlook."""
    battery, grid, plant = settings.battery_management, settings.grid, plant_of(settings)
    options = OutlookOptions(
        zone=ZoneInfo(settings.site.time_zone),
        currency=settings.prices.currency,
        horizon=timedelta(hours=settings.decision.horizon_hours),
        reserve_pct=battery.reserve_soc_pct,
        charge_efficiency=battery.charge_efficiency,
        discharge_efficiency=battery.discharge_efficiency,
        wear_per_kwh=battery.wear_per_kwh,
        cycles_per_day_max=battery.cycles_per_day_max,
        discharge_max_w=battery.discharge_power_max,
        import_max_w=grid.import_limit,
        export_max_w=grid.export_limit,
        place=place_of(settings) or place_of_zone(settings.site.time_zone),
        pv_peak_w=None if plant is None else plant.peak_w,
    )
    return OutlookBuilder(prices, forecasts, options, inverter, spec)
