"""What came of a backtest: each strategy's figures, compared with the yardsticks, and all that a report needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from hems.backtest.lived import LivedPeriod
from hems.domain.measured import RecordQuality

NO_BATTERY, IDLE_BATTERY, PERFECT_FORESIGHT = "no_battery", "idle_battery", "perfect_foresight"
"""Yardsticks that stand in every result beside the strategies (`self_use`, `multi_factor`, `optimal`, `emhass`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one strategy cost and saved; money in the study's currency, energies at the AC side [kWh]."""

    cost_pln: float
    """Energy and wear: the sum of the trace."""
    energy_pln: float
    wear_pln: float
    stored_change_pln: float
    """The worth of what the battery holds at the end more than at the start; negative where it holds less."""
    saving_pln: float
    """Over an idle battery; the worth of what is stored counted alike at both ends."""
    captured_pct: float | None
    """Of the saving of perfect foresight; None where that saves next to nothing: see `figures`."""
    cycles: float
    """Energy discharged over the capacity, both inside the battery."""
    mode_changes_per_day: float
    import_kwh: float
    export_kwh: float
    curtailed_kwh: float
    charge_kwh: float
    discharge_kwh: float
    above_import_limit_kwh: float
    """What was drawn above the fuse: 0 where the load alone does not exceed it."""
    seconds: float
    """What deciding and living took on the machine; forecasts are counted apart."""
    quarters_without_plan: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyOutcome:
    """One strategy or yardstick, lived."""

    name: str
    lived: LivedPeriod
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One reason why less than everything possible was saved."""

    cause: str
    """``load_forecast``, ``pv_forecast``, ``price_horizon``, ``mode_limits``, ``together``."""
    amount: float
    """[money]; negative where it happened to help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReason:
    """What was decided from ``start`` on, until the next, and why, in a sentence a person understands."""

    start: datetime
    mode: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStory:
    """A day worth telling: what it saved over an idle battery, and the decisions that made it."""

    day: date
    saving: float
    reasons: tuple[DayReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """A whole backtest."""

    title: str
    zone: ZoneInfo
    currency: str
    first: datetime
    last: datetime
    """The end of the period."""
    battery_kwh: float
    left_value_per_kwh: float
    """What a stored kWh counts at both ends [money/kWh]."""
    outcomes: tuple[StrategyOutcome, ...]
    """Yardsticks and strategies, worst yardstick first, perfect foresight last."""
    possible_saving: float
    """What perfect foresight saves at most over an idle battery [money]: no strategy can save more."""
    possible_gap: float
    """How much of that the plan of perfect foresight does not prove to be reachable [money]; 0 is exact."""
    losses: tuple[Loss, ...]
    """Of ``optimal`` against perfect foresight, largest first; empty where it was not asked for."""
    best_day: DayStory | None
    worst_day: DayStory | None
    quality: tuple[RecordQuality, ...]
    left_out_hours: float
    """Time of the period of which load, PV or price is unknown: nothing was lived in it."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """What was asked for, by the names of the command's options."""
    versions: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    is_interrupted: bool = False
    """Ended before its time: the figures are those of what was lived until ``last``."""
    forecast_seconds: float = 0.0

    def outcome(self, name: str) -> StrategyOutcome | None:
        """Return what ``name`` came to, or None where it was not lived."""
        return next((outcome for outcome in self.outcomes if outcome.name == name), None)
