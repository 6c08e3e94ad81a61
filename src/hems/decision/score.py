"""The weighted score of one moment: points, total, action, confidence and the reason in numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from hems.decision import confidence
from hems.decision.confidence import ConfidenceOptions
from hems.decision.factors import (
    DEFAULT_BATTERY,
    DEFAULT_CONSUMPTION,
    DEFAULT_PRICE,
    DEFAULT_PV,
    FactorRule,
    figure,
)
from hems.domain.decision import FactorName, FactorScore, ScoreAction, ScoreResult
from hems.domain.prices import PriceOrigin

_TOTAL_DIGITS = 9
"""The total is rounded to 1e-9 points: 0.40 × 80 + ... must be 70 where arithmetic says 70, not 69.99999999999999."""

_TITLE = {
    FactorName.PRICE: "price",
    FactorName.BATTERY: "SoC",
    FactorName.PV: "PV",
    FactorName.CONSUMPTION: "consumption",
}
_NO_AGES: Mapping[FactorName, timedelta] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiFactorOptions:
    """The settings of the score; defaults are section D of the users' documentation.

    Raises: ValueError: weights that do not sum to 1, a factor in another's place, thresholds that cross.
    """

    price: FactorRule = DEFAULT_PRICE
    battery: FactorRule = DEFAULT_BATTERY
    pv: FactorRule = DEFAULT_PV
    consumption: FactorRule = DEFAULT_CONSUMPTION
    start_score: float = 70.0
    stop_score: float = 30.0
    emergency_soc_pct: float = 20.0
    emergency_margin_pct: float = 5.0
    """An emergency charge at a price that earns no charge ends this far above the emergency level."""
    charge_power_w: float = 5000.0
    target_soc_pct: float = 100.0
    restart_margin_pct: float = 2.0
    """A charge starts only this far below its target: the inverter's own fast charge refuses less than 2 %, and a full
    battery that settles from 100 to 99 % would be topped up at every decision."""
    lease_grace: timedelta = timedelta(minutes=2)
    """A lease outlives the decision interval by this much, so that the next decision finds it in force."""
    max_input_age: timedelta = timedelta(minutes=5)
    """Readings older than this are unknown."""
    confidence: ConfidenceOptions = field(default_factory=ConfidenceOptions)

    def __post_init__(self) -> None:
        expected = (FactorName.PRICE, FactorName.BATTERY, FactorName.PV, FactorName.CONSUMPTION)
        if tuple(rule.name for rule in self.rules) != expected:
            raise ValueError("each factor's rule must carry that factor's name")
        weight = math.fsum(rule.weight for rule in self.rules)
        if abs(weight - 1.0) > 1e-9:
            raise ValueError(f"the weights of the factors must sum to 1, found {figure(weight)}")
        if not 0.0 <= self.stop_score < self.start_score <= 100.0:
            raise ValueError(
                f"stop_score {figure(self.stop_score)} must lie below start_score {figure(self.start_score)} in 0-100"
            )
        if not (0.0 <= self.emergency_soc_pct <= 100.0 and 0.0 < self.target_soc_pct <= 100.0):
            raise ValueError("emergency_soc_pct and target_soc_pct must lie within 0 and 100")
        if not (math.isfinite(self.charge_power_w) and self.charge_power_w > 0):
            raise ValueError(f"charge_power_w must be a positive power, found {self.charge_power_w}")
        if self.emergency_margin_pct < 0 or self.restart_margin_pct < 0:
            raise ValueError("margins of SoC must not be negative")

    @property
    def rules(self) -> tuple[FactorRule, FactorRule, FactorRule, FactorRule]:
        """The factors in the order they are shown."""
        return self.price, self.battery, self.pv, self.consumption


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreInputs:
    """What is scored: price [currency/MWh], SoC [%], PV and load [W], None is unknown; and how each became known."""

    price_per_mwh: float | None
    soc_pct: float | None
    pv_w: float | None
    load_w: float | None
    currency: str = "PLN"
    price_origin: PriceOrigin = PriceOrigin.PUBLISHED
    ages: Mapping[FactorName, timedelta] = field(default_factory=lambda: _NO_AGES)
    """How old each input is; one that is not named is fresh."""
    suspect: frozenset[FactorName] = frozenset()


def score(inputs: ScoreInputs, charging: bool, options: MultiFactorOptions) -> ScoreResult:
    """Score one moment and say what it asks for, given whether charging is on.

    An SoC at or below the emergency level charges whatever the rest says, known or not. Otherwise any unknown input
    gives UNKNOWN and no charge: neither a start nor the renewal of a running one.
    """
    factors = _judge(inputs, options)
    total = _total(factors)
    action = _action(total, inputs.soc_pct, charging, options)
    after = _charging_after(action, charging)
    return ScoreResult(
        factors=factors,
        total=total,
        action=action,
        charging_before=charging,
        charging_after=after,
        confidence_pct=_confidence(inputs, total, action, charging, options),
        reason=_reason(inputs, factors, total, action, charging, options),
    )


def _judge(inputs: ScoreInputs, options: MultiFactorOptions) -> tuple[FactorScore, ...]:
    return (
        options.price.judge(_finite(inputs.price_per_mwh), f"{inputs.currency}/MWh"),
        options.battery.judge(_finite(inputs.soc_pct), "%"),
        options.pv.judge(_finite(inputs.pv_w), "W"),
        options.consumption.judge(_finite(inputs.load_w), "W"),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _total(factors: tuple[FactorScore, ...]) -> float | None:
    shares = [factor.contribution for factor in factors]
    known = [share for share in shares if share is not None]
    return round(math.fsum(known), _TOTAL_DIGITS) if len(known) == len(shares) else None


def _action(total: float | None, soc_pct: float | None, charging: bool, options: MultiFactorOptions) -> ScoreAction:
    soc_pct = _finite(soc_pct)  # a SoC of minus infinity is a broken reading, not an empty battery
    if soc_pct is not None and soc_pct <= options.emergency_soc_pct:
        return ScoreAction.EMERGENCY_CHARGE
    if total is None:
        return ScoreAction.UNKNOWN
    if total >= options.start_score and not charging:
        return ScoreAction.START_CHARGING
    if total <= options.stop_score and charging:
        return ScoreAction.STOP_CHARGING
    return ScoreAction.CONTINUE


def _charging_after(action: ScoreAction, charging: bool) -> bool:
    if action is ScoreAction.CONTINUE:
        return charging
    return action in (ScoreAction.START_CHARGING, ScoreAction.EMERGENCY_CHARGE)


def _confidence(
    inputs: ScoreInputs, total: float | None, action: ScoreAction, charging: bool, options: MultiFactorOptions
) -> float:
    settings = options.confidence
    soc = inputs.soc_pct
    if action is ScoreAction.EMERGENCY_CHARGE and soc is not None:
        firm = confidence.firmness(options.emergency_soc_pct - soc, settings.full_soc_distance_pct)
        return confidence.confidence_pct(firm, _trust(FactorName.BATTERY, inputs, options))
    if total is None or soc is None:
        return 0.0
    # Only one threshold can change the action: the start while idle, the stop while charging.
    threshold = options.stop_score if charging else options.start_score
    firm = confidence.firmness(abs(total - threshold), settings.full_distance)
    if not _charging_after(action, charging):
        to_emergency = soc - options.emergency_soc_pct
        firm = min(firm, confidence.firmness(to_emergency, settings.full_soc_distance_pct))
    trust = confidence.combined_trust((rule.weight, _trust(rule.name, inputs, options)) for rule in options.rules)
    return confidence.confidence_pct(firm, trust)


def _trust(name: FactorName, inputs: ScoreInputs, options: MultiFactorOptions) -> float:
    return confidence.input_trust(
        inputs.ages.get(name, timedelta(0)),
        options.confidence,
        suspect=name in inputs.suspect,
        origin=inputs.price_origin if name is FactorName.PRICE else PriceOrigin.PUBLISHED,
    )


def _reason(
    inputs: ScoreInputs,
    factors: tuple[FactorScore, ...],
    total: float | None,
    action: ScoreAction,
    charging: bool,
    options: MultiFactorOptions,
) -> str:
    shown = ", ".join(_factor_text(factor, inputs) for factor in factors)
    head = f"score {total_text(total)}: {shown}"
    match action:
        case ScoreAction.EMERGENCY_CHARGE:
            soc = figure(inputs.soc_pct if inputs.soc_pct is not None else math.nan)
            level = figure(options.emergency_soc_pct)
            return f"emergency: SoC {soc} % is at or below {level} %, charging whatever the score; {head}"
        case ScoreAction.UNKNOWN:
            missing = " and ".join(_TITLE[factor.name] for factor in factors if factor.points is None)
            stop = "the running charge is not continued" if charging else "no charge is started"
            return f"{head}; {missing} unknown: {stop}"
        case ScoreAction.START_CHARGING:
            return f"{head}; start at {figure(options.start_score)}"
        case ScoreAction.STOP_CHARGING:
            return f"{head}; stop at {figure(options.stop_score)}"
        case ScoreAction.CONTINUE if charging:
            return f"{head}; charging goes on above {figure(options.stop_score)}"
        case ScoreAction.CONTINUE:
            return f"{head}; no charge below {figure(options.start_score)}"


def _factor_text(factor: FactorScore, inputs: ScoreInputs) -> str:
    title = _TITLE[factor.name]
    if factor.value is None or factor.points is None:
        return f"{title} unknown"
    estimated = factor.name is FactorName.PRICE and inputs.price_origin.is_estimated
    doubt = " (estimated)" if estimated else " (suspect)" if factor.name in inputs.suspect else ""
    return f"{title} {figure(factor.value)} {factor.unit}{doubt} gives {figure(factor.points)}"


def total_text(total: float | None) -> str:
    """Return the total as shown: at least one decimal, and never rounded across a threshold."""
    if total is None:
        return "unknown"
    text = f"{total:.12g}"
    return text if "." in text or "e" in text else f"{text}.0"
