"""From what a person asks for to a study: files, configuration and numbers on the command line, in that order."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, ValidationError

from hems import __version__
from hems.adapters.clock import SystemClock
from hems.adapters.tables.household_file import read_household
from hems.adapters.tables.price_file import read_buy_sell, read_prices
from hems.backtest.known_prices import KnownPrices, Publication, prices_as_given, prices_of_market
from hems.backtest.past import Past
from hems.backtest.physics import IdealBattery
from hems.backtest.study import ForecastKind, Study, itself
from hems.composition.backtest_request import LIVE, BacktestRequest, check
from hems.composition.forecast import pv_options_of
from hems.composition.forecast_service import load_options_of
from hems.composition.house_battery import HouseBattery, never_worse_than_house
from hems.composition.own_history import own_history
from hems.composition.settings import multi_factor_options_of
from hems.composition.strategies import planning_options_of
from hems.composition.tariff import tariff_of
from hems.composition.tools import Loaded, load
from hems.config.models import Configuration
from hems.domain.command import Mode
from hems.domain.errors import ConfigurationError, RejectedData
from hems.domain.measured import MeasuredHousehold, RecordQuality
from hems.domain.outlook import HomeModel
from hems.domain.prices import PriceSeries
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds

_Model = TypeVar("_Model", bound=BaseModel)

EXPORT_KW = 8.0
BATTERY_KWH = 10.0

TAPER_FROM_PCT = 95.0
"""From here on a real pack's charging tapers; the ideal one charges at full power to the end."""

_W = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedStudy:
    """A study with what a person has to know about it."""

    study: Study
    quality: tuple[RecordQuality, ...]
    remarks: tuple[str, ...]
    parameters: Mapping[str, object]
    settings: Configuration
    """The configuration with the command's tariff, zone and currency in it, or one of defaults."""
    day_ahead: PriceSeries
    settlement: PriceSeries
    """The markets' prices that the tariff prices; empty where --buy-sell stands in their place."""


def prepare(request: BacktestRequest) -> PreparedStudy:
    """Return the study that ``request`` asks for.

    Raises: ConfigurationError: numbers that cannot be, options that contradict each other; RejectedData, StorageError,
        ExtraMissing: a file that cannot be used.
    """
    check(request)
    loaded = load(request.config) if request.config is not None or request.home == LIVE else None
    settings = settings_for(request, loaded)
    zone = ZoneInfo(settings.site.time_zone)
    measured, prices, quality, markets = _data(
        request, settings, loaded, Publication(zone=zone, at=request.publication)
    )
    study = study_of(request, settings, measured, prices, is_configured=loaded is not None)
    _check_window(study.home)
    return PreparedStudy(
        study=study,
        quality=quality,
        remarks=_remarks(request, study, loaded is not None),
        parameters={**_parameters(request, study), "tariff": _tariff_in_words(request, settings)},
        settings=settings,
        day_ahead=markets[0],
        settlement=markets[1],
    )


def study_of(
    request: BacktestRequest,
    settings: Configuration,
    measured: MeasuredHousehold,
    prices: KnownPrices,
    *,
    is_configured: bool,
) -> Study:
    """Return the study of one house under one set of prices; ``request``'s files are not looked at.

    ``settings``: those of `settings_for`; ``is_configured``: whether the user's own configuration is in them.
    Raises: RejectedData: there is nothing to live through; ConfigurationError: a forecast that the house has not.
    """
    zone = ZoneInfo(settings.site.time_zone)
    past = Past.of(measured)
    if request.pv_factor != 1.0:
        past = past.with_pv(request.pv_factor)
    first, last = _period(request, past, prices, zone)
    kind = _forecast_kind(request, measured)
    home = home_of(request, settings, is_configured=is_configured)
    return Study(
        title=Path(measured.quality.source).name,
        past=past,
        prices=prices,
        home=home,
        zone=zone,
        first=first,
        last=last,
        start_soc_pct=min(max(request.start_soc, home.floor_pct), home.ceiling_pct),
        left_value_per_kwh=stored_value_of(request, prices, home, first, last),
        forecast=kind,
        planning=_planning(request, settings),
        score=multi_factor_options_of(settings),
        load_options=load_options_of(settings),
        pv_options=pv_options_of(settings),
        battery=HouseBattery if request.physics == "house" else IdealBattery,
        bound=never_worse_than_house if request.physics == "house" else itself,
    )


def _check_window(home: HomeModel) -> None:
    """Refuse a window of SoC with nothing in it, whoever named its ends. Raises: ConfigurationError."""
    for name, least_pct in (("--min-soc", home.floor_pct), ("--reserve-soc", home.reserve_pct)):
        if least_pct >= home.ceiling_pct:
            raise ConfigurationError([f"{name} {least_pct:g} must be below --max-soc {home.ceiling_pct:g}"])


def versions() -> dict[str, str]:
    """Return the versions that figures rest on."""
    found = {"hems": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for package in ("numpy", "numba", "emhass"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def home_of(request: BacktestRequest, settings: Configuration, *, is_configured: bool) -> HomeModel:
    """Return the home: the command's numbers, else the configuration's, else those of a usual 10 kWh home."""
    battery, charging, grid = settings.battery_management, settings.charging, settings.grid
    export_w = grid.export_limit if grid.export_limit is not None else EXPORT_KW * _W
    discharge_w = battery.discharge_power_max if battery.discharge_power_max is not None else charging.max_power
    only_sun = request.only_solar_export
    if only_sun is None:
        only_sun = is_configured and grid.no_grid_energy_into_export
    return HomeModel(
        capacity_wh=_W * _or(request.battery_kwh, battery.capacity_kwh),
        floor_pct=_or(request.min_soc, battery.soc_min),
        reserve_pct=max(_or(request.reserve_soc, battery.reserve_soc_pct), _or(request.min_soc, battery.soc_min)),
        ceiling_pct=_or(request.max_soc, charging.target_soc),
        charge_max_w=_watts(request.charge_kw, charging.max_power),
        discharge_max_w=_watts(request.discharge_kw, discharge_w),
        charge_efficiency=_or(request.efficiency, battery.charge_efficiency),
        discharge_efficiency=_or(request.efficiency, battery.discharge_efficiency),
        wear_per_kwh=_or(request.wear, battery.wear_per_kwh),
        import_max_w=_watts(request.import_kw, grid.import_limit),
        export_max_w=_watts(request.export_kw, export_w),
        taper_from_pct=TAPER_FROM_PCT if request.physics == "house" else 100.0,
        no_grid_energy_into_export=only_sun,
        exportable_wh=0.0,
        cycles_per_day_max=request.cycles_per_day or battery.cycles_per_day_max,
        modes=(Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, Mode.CHARGE, Mode.DISCHARGE),
        can_limit_export=request.can_limit_export,
    )


def _or(asked: float | None, configured: float) -> float:
    return float(configured if asked is None else asked)


def _watts(asked_kw: float | None, configured_w: float) -> float:
    return float(configured_w) if asked_kw is None else asked_kw * _W


def settings_for(request: BacktestRequest, loaded: Loaded | None) -> Configuration:
    """Return the configuration, or one of defaults; tariff, zone and currency of the command go into it."""
    tariff = {
        name: value
        for name, value in (("operator", request.operator), ("group", request.group), ("seller", request.seller))
        if value is not None
    }
    if loaded is None:
        data: dict[str, Any] = {
            "inverter": {"ip_address": "192.0.2.1"},
            "battery_management": {"capacity_kwh": request.battery_kwh or BATTERY_KWH},
        }
        settings = Configuration.model_validate(data)
    else:
        settings = loaded.settings
    prices = settings.prices
    if tariff:
        changed = {**prices.tariff.model_dump(exclude_unset=True), **tariff}
        if request.operator is not None and request.group is None:
            raise ConfigurationError(["--operator needs --group: `hems tariffs` lists both"])
        prices = prices.model_copy(update={"tariff": _validated(type(prices.tariff), changed, "--operator, --group")})
    if request.currency is not None:
        prices = prices.model_copy(update={"currency": request.currency})
    site = settings.site
    if request.zone is not None:
        site = _validated(
            type(site), {**site.model_dump(exclude_unset=True), "time_zone": request.zone}, f"--zone {request.zone}"
        )
    return settings.model_copy(update={"prices": prices, "site": site})


def _validated(model: type[_Model], data: dict[str, Any], options: str) -> _Model:
    """Return the section with the command's numbers in it. Raises: ConfigurationError: they cannot be."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError([f"{options}: {fault['msg']}" for fault in error.errors()]) from error


def _data(
    request: BacktestRequest, settings: Configuration, loaded: Loaded | None, publication: Publication
) -> tuple[MeasuredHousehold, KnownPrices, tuple[RecordQuality, ...], tuple[PriceSeries, PriceSeries]]:
    currency = settings.prices.currency
    day_ahead, settlement = PriceSeries(currency, ()), PriceSeries(currency, ())
    quality: list[RecordQuality] = []
    if request.home == LIVE:
        if loaded is None:
            raise ConfigurationError(["--home live needs a configuration: give --config FILE"])
        own = own_history(loaded, SystemClock().now())
        measured, day_ahead, settlement = own.household, own.day_ahead, own.settlement
    else:
        measured = read_household(Path(request.home))
    quality.append(measured.quality)
    if request.prices is not None:
        table = read_prices(request.prices, request.column, currency)
        day_ahead = table.prices
        quality.append(table.quality)
    if request.sell_prices is not None:
        table = read_prices(request.sell_prices, request.sell_column, currency)
        settlement = table.prices
        quality.append(table.quality)
    if request.buy_sell is not None:
        retail = read_buy_sell(request.buy_sell)
        quality.append(retail.quality)
        market = day_ahead if len(day_ahead) else None
        given = prices_as_given(retail.prices, currency, publication, market)
        return measured, given, tuple(quality), (day_ahead, settlement)
    if not len(day_ahead):
        raise RejectedData("no prices are stored for the time that was measured: give --prices FILE")
    prices = prices_of_market(day_ahead, settlement, tariff_of(settings), publication)
    return measured, prices, tuple(quality), (day_ahead, settlement)


def _period(request: BacktestRequest, past: Past, prices: KnownPrices, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the span of which load, PV and prices are known, within the days that were asked for."""
    first = max(past.start, prices.start)
    last = min(past.end, prices.start + len(prices.buy) * MTU)
    if request.first_day is not None:
        first = max(first, local_day_bounds(request.first_day, zone)[0])
    if request.last_day is not None:
        last = min(last, local_day_bounds(request.last_day, zone)[1])
    first, last = floor_to_grid(first), floor_to_grid(last)
    if last <= first:
        raise RejectedData(
            f"there is nothing to live through: the house was measured from {local_date(past.start, zone)} to "
            f"{local_date(past.end, zone)}, prices are known from {local_date(prices.start, zone)} to "
            f"{local_date(prices.start + len(prices.buy) * MTU, zone)}"
        )
    return first, last


def _forecast_kind(request: BacktestRequest, measured: MeasuredHousehold) -> ForecastKind:
    has_forecast = measured.pv_forecast_w is not None
    if request.forecast is None:
        return ForecastKind.GIVEN if has_forecast else ForecastKind.CAUSAL
    if request.forecast == ForecastKind.GIVEN and not has_forecast:
        raise ConfigurationError([f"--forecast given: {measured.quality.source} has no column pv_forecast_w"])
    return ForecastKind(request.forecast)


def _planning(request: BacktestRequest, settings: Configuration) -> Any:
    options = planning_options_of(settings)
    if request.horizon_hours is not None:
        options = replace(options, horizon=timedelta(hours=request.horizon_hours))
    if request.change_price is not None:
        options = replace(options, change_price=request.change_price)
    return options


def stored_value_of(
    request: BacktestRequest, prices: KnownPrices, home: HomeModel, first: datetime, last: datetime
) -> float:
    """Return what a stored kWh counts at both ends: midway between what it saves and what it earns, less its wear."""
    if request.stored_value is not None:
        return request.stored_value
    buy, sell = prices.between(first, last)
    known = np.isfinite(buy) & np.isfinite(sell)
    if not known.any():
        return 0.0
    middle = (float(buy[known].mean()) + float(sell[known].mean())) / 2.0
    return round(max(middle * home.discharge_efficiency - home.wear_per_kwh, 0.0), 4)


def _remarks(request: BacktestRequest, study: Study, is_configured: bool) -> tuple[str, ...]:
    remarks = []
    if study.start_soc_pct != request.start_soc:
        remarks.append(
            f"--start-soc {request.start_soc:g} lies outside of the window of SoC: it starts at {study.start_soc_pct:g}"
        )
    if not study.is_ideal:
        remarks.append(
            "perfect foresight has a battery that is better than the one that is lived with: it loses less, and "
            "nothing while idle"
        )
    if not is_configured and request.only_solar_export is None:
        remarks.append(
            "this counts selling energy that was bought from the grid, which is reported not to be permitted to "
            "prosumers in Poland and which the service does not do by default: --only-solar-export leaves it out"
        )
    if study.prices.market_per_mwh is None:
        remarks.append(
            "no market price is given: the score (multi_factor) knows no price and charges only in an emergency"
        )
    if request.sell_prices is None and request.buy_sell is None and request.home != LIVE:
        remarks.append(
            "no --sell-prices: sold energy is paid by the day-ahead price of --prices; in Poland it is RCE "
            "(hems data download)"
        )
    return tuple(remarks)


def _tariff_in_words(request: BacktestRequest, settings: Configuration) -> str:
    """Return what energy costs and earns, for a person."""
    if request.buy_sell is not None:
        return f"as given in {request.buy_sell.name}"
    tariff = settings.prices.tariff
    named = "/".join(name for name in (tariff.operator, tariff.group, tariff.seller) if name is not None)
    if named:
        return f"{tariff.kind} {named}"
    if tariff.kind == "fixed":
        return f"fixed {tariff.fixed_import_per_kwh}"
    return (
        f"{tariff.kind}: market price + {tariff.seller_margin_per_kwh:g} margin + {tariff.excise_per_kwh:g} excise + "
        f"{tariff.network_per_kwh:g} network per kWh, VAT {tariff.vat_pct:g} %"
    )


def _parameters(request: BacktestRequest, study: Study) -> dict[str, object]:
    """Return what holds, whoever said so: what was asked for, and the home that came of it."""
    asked = {name: value for name, value in asdict(request).items() if value is not None}
    home = study.home
    effective = {
        "battery_kwh": home.capacity_wh / _W,
        "charge_kw": home.charge_max_w / _W,
        "discharge_kw": home.discharge_max_w / _W,
        "charge_efficiency": home.charge_efficiency,
        "discharge_efficiency": home.discharge_efficiency,
        "wear": home.wear_per_kwh,
        "import_kw": home.import_max_w / _W,
        "export_kw": home.export_max_w / _W,
        "min_soc": home.floor_pct,
        "reserve_soc": home.reserve_pct,
        "max_soc": home.ceiling_pct,
        "start_soc": study.start_soc_pct,
        "stored_value": study.left_value_per_kwh,
        "only_solar_export": home.no_grid_energy_into_export,
        "forecast": str(study.forecast),
        "horizon_hours": study.planning.horizon / timedelta(hours=1),
        "change_price": study.planning.change_price,
        "zone": str(study.zone),
        "publication": f"{study.prices.publication.at:%H:%M}",
    }
    plain = {
        name: value if isinstance(value, int | float | str | bool) else str(value) for name, value in asked.items()
    }
    return {**plain, **effective}
