"""What a backtest rests on: one house, its prices, the span of time, and how its strategies plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from hems.backtest.known_prices import KnownPrices
from hems.backtest.past import Past
from hems.backtest.physics import Battery, IdealBattery
from hems.decision.score import MultiFactorOptions
from hems.domain.measured import FloatArray
from hems.domain.outlook import HomeModel
from hems.domain.time_grid import MTU
from hems.forecasting.load import LoadOptions
from hems.forecasting.pv import PvOptions
from hems.planning.problem import PlanningOptions


class ForecastKind(StrEnum):
    """What the planner may know of load and PV."""

    CAUSAL = "causal"  # only what the house had measured until then
    GIVEN = "given"  # and the PV forecast that came with the record
    PERFECT = "perfect"  # all that was to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What of the future is known though nobody could: nothing by default."""

    load: bool = False
    pv: bool = False
    prices: bool = False


def itself(home: HomeModel) -> HomeModel:
    """Return ``home``: the battery that is lived with is the ideal one."""
    return home


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All that a run needs; the same for every strategy."""

    title: str
    past: Past
    prices: KnownPrices
    home: HomeModel
    zone: ZoneInfo
    first: datetime
    last: datetime
    start_soc_pct: float
    left_value_per_kwh: float
    """What a stored kWh counts at both ends [currency/kWh]."""
    forecast: ForecastKind = ForecastKind.CAUSAL
    planning: PlanningOptions = field(default_factory=PlanningOptions)
    score: MultiFactorOptions = field(default_factory=MultiFactorOptions)
    load_options: LoadOptions = field(default_factory=LoadOptions)
    pv_options: PvOptions = field(default_factory=PvOptions)
    battery: Callable[[HomeModel, float], Battery] = IdealBattery
    """Builds the battery that is lived with, from the home and the SoC [%] at the start."""
    bound: Callable[[HomeModel], HomeModel] = itself
    """Makes of the home one whose ideal battery is never worse than the one that is lived with: perfect foresight's."""

    @property
    def is_ideal(self) -> bool:
        """Whether the battery that is lived with is the one that is planned with."""
        return self.battery is IdealBattery


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What really came between two moments on the grid: S quarters of ``parts`` stretches each; kW and money/kWh."""

    first: datetime
    last: datetime
    parts: int
    load: FloatArray
    pv: FloatArray
    buy: FloatArray
    sell: FloatArray
    market_per_mwh: FloatArray | None

    @property
    def steps(self) -> int:
        """How many quarters it has."""
        return len(self.buy)

    @property
    def part_hours(self) -> float:
        """How long a stretch is."""
        return MTU.total_seconds() / 3600.0 / self.parts

    @staticmethod
    def of(study: Study, first: datetime, last: datetime) -> Span:
        """Return what ``study`` knows of [first, last), which lies within its past."""
        past, prices = study.past, study.prices
        low, high = past.index(first) * past.parts, past.index(last) * past.parts
        buy, sell = prices.between(first, last)
        return Span(
            first=first,
            last=last,
            parts=past.parts,
            load=past.load_w[low:high] / 1000.0,
            pv=past.pv_w[low:high] / 1000.0,
            buy=buy,
            sell=sell,
            market_per_mwh=prices.market_between(first, last),
        )
