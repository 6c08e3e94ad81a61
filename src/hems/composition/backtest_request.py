"""What a person asks of a backtest, and which of it cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

from hems.backtest.study import ForecastKind
from hems.domain.errors import ConfigurationError

LIVE = "live"
START_SOC_PCT = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """What was asked for, by the names of the command's options; None is left to the configuration, else a default."""

    home: str
    prices: Path | None = None
    sell_prices: Path | None = None
    buy_sell: Path | None = None
    column: str | None = None
    sell_column: str | None = None
    config: Path | None = None
    operator: str | None = None
    group: str | None = None
    seller: str | None = None
    battery_kwh: float | None = None
    charge_kw: float | None = None
    discharge_kw: float | None = None
    efficiency: float | None = None
    wear: float | None = None
    import_kw: float | None = None
    export_kw: float | None = None
    min_soc: float | None = None
    reserve_soc: float | None = None
    max_soc: float | None = None
    start_soc: float = START_SOC_PCT
    stored_value: float | None = None
    pv_factor: float = 1.0
    cycles_per_day: float | None = None
    only_solar_export: bool | None = None
    can_limit_export: bool = True
    forecast: str | None = None
    physics: str = "ideal"
    publication: time = time(14, 0)
    zone: str | None = None
    currency: str | None = None
    horizon_hours: float | None = None
    change_price: float | None = None
    first_day: date | None = None
    last_day: date | None = None


_RANGES: Mapping[str, tuple[float, float, str]] = {
    "battery_kwh": (0.1, 1000.0, "kWh"),
    "charge_kw": (0.0, 1000.0, "kW"),
    "discharge_kw": (0.0, 1000.0, "kW"),
    "efficiency": (0.5, 1.0, ", each way"),
    "wear": (0.0, 10.0, "per kWh"),
    "import_kw": (0.1, 1000.0, "kW"),
    "export_kw": (0.0, 1000.0, "kW"),
    "min_soc": (0.0, 99.0, "%"),
    "reserve_soc": (0.0, 99.0, "%"),
    "max_soc": (1.0, 100.0, "%"),
    "start_soc": (0.0, 100.0, "%"),
    "stored_value": (-10.0, 10.0, "per kWh"),
    "pv_factor": (0.0, 100.0, "times"),
    "cycles_per_day": (0.1, 10.0, "cycles"),
    "horizon_hours": (1.0, 48.0, "h"),
    "change_price": (0.0, 10.0, "per change"),
}


def check(request: BacktestRequest) -> None:
    """Refuse what cannot be. Raises: ConfigurationError: every fault in one go."""
    faults = [*number_faults(request), *option_faults(request)]
    if request.home != LIVE and request.prices is None and request.buy_sell is None:
        faults.append("--prices FILE (a market's, per MWh) or --buy-sell FILE (all included, per kWh) is needed")
    if faults:
        raise ConfigurationError(faults)


def option_faults(request: BacktestRequest) -> list[str]:
    """Return which options contradict each other or name what nobody knows."""
    faults = []
    if request.buy_sell is not None and request.sell_prices is not None:
        faults.append("--buy-sell holds what sold energy earns already: leave --sell-prices out")
    if request.physics not in ("ideal", "house"):
        faults.append(f"--physics {request.physics}: ideal or house")
    if request.forecast is not None and request.forecast not in tuple(ForecastKind):
        faults.append(f"--forecast {request.forecast}: one of {', '.join(ForecastKind)}")
    if request.first_day is not None and request.last_day is not None and request.last_day < request.first_day:
        faults.append(f"--to {request.last_day} lies before --from {request.first_day}")
    return faults


def number_faults(request: BacktestRequest) -> list[str]:
    """Return which numbers of ``request`` cannot be, by the names of the command's options."""
    faults = []
    for name, (least, most, unit) in _RANGES.items():
        value = getattr(request, name)
        if value is not None and not (math.isfinite(value) and least <= value <= most):
            faults.append(f"--{name.replace('_', '-')} {value:g}: from {least:g} to {most:g} {unit} is allowed")
    if request.min_soc is not None and request.max_soc is not None and request.min_soc >= request.max_soc:
        faults.append(f"--min-soc {request.min_soc:g} must be below --max-soc {request.max_soc:g}")
    return faults
