"""The Multi-Factor Decision Engine: the weighted score as a strategy. Proposes, never writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hems.decision.factors import figure
from hems.decision.score import MultiFactorOptions, ScoreInputs, score
from hems.domain.command import Command, Mode
from hems.domain.decision import (
    DecisionContext,
    FactorName,
    Priority,
    Proposal,
    ScoreAction,
    ScoreResult,
)
from hems.domain.prices import PriceOrigin
from hems.domain.readings import Quality

__all__ = ["MultiFactorEngine", "MultiFactorOptions", "ScoreInputs", "inputs_from_context", "score"]


class MultiFactorEngine:
    """Turns the score into a proposal: a charge as a lease, or self-use. Implements the ``Strategy`` port."""

    def __init__(self, options: MultiFactorOptions | None = None) -> None:
        self._options = options or MultiFactorOptions()

    @property
    def name(self) -> str:
        """How decisions and configuration name this strategy."""
        return "multi_factor"

    @property
    def options(self) -> MultiFactorOptions:
        """The settings it scores with."""
        return self._options

    def propose(self, context: DecisionContext) -> Proposal:
        """Return what the score asks for; self-use where it asks for nothing or an input is unknown."""
        result = score(inputs_from_context(context, self._options), context.charging, self._options)
        expires_at = context.at + timedelta(seconds=context.decision_interval_s) + self._options.lease_grace
        command = self._self_use(expires_at)
        reason = result.reason
        if result.charging_after:
            target_pct = self._target_pct(result, context)
            reached = self._why_no_room(result, context, target_pct)
            if reached is None:
                command = self._charge(expires_at, target_pct)
            else:
                reason = f"{reached}: no charge; {result.reason}"
        emergency = command.mode is Mode.CHARGE and result.action is ScoreAction.EMERGENCY_CHARGE
        return Proposal(
            source=self.name,
            priority=Priority.EMERGENCY if emergency else Priority.STRATEGY,
            command=replace(command, reason=reason),
            reason=reason,
            confidence_pct=result.confidence_pct,
            expires_at=expires_at,
            score=result,
        )

    def _self_use(self, expires_at: datetime) -> Command:
        return Command(mode=Mode.SELF_USE, expires_at=expires_at)

    def _charge(self, expires_at: datetime, target_pct: float) -> Command:
        return Command(
            mode=Mode.CHARGE, expires_at=expires_at, power_w=self._options.charge_power_w, target_soc_pct=target_pct
        )

    def _target_pct(self, result: ScoreResult, context: DecisionContext) -> float:
        """Return where this charge ends [%].

        A score of ``start_score`` and more earns the full target. An emergency below that only lifts the battery out of
        the emergency, and a charge that merely continues keeps the target it was given.
        """
        options = self._options
        earned = result.total is not None and result.total >= options.start_score
        if result.action is ScoreAction.EMERGENCY_CHARGE:
            lift = min(options.emergency_soc_pct + options.emergency_margin_pct, 100.0)
            return max(lift, options.target_soc_pct) if earned else lift
        if earned:
            return options.target_soc_pct
        active = context.active
        if active is not None and active.mode is Mode.CHARGE and active.target_soc_pct is not None:
            return min(active.target_soc_pct, options.target_soc_pct)
        return options.target_soc_pct

    def _why_no_room(self, result: ScoreResult, context: DecisionContext, target_pct: float) -> str | None:
        """Return why the battery has no room for this charge, or None where it has."""
        soc_pct = context.snapshot.battery.soc_pct
        if soc_pct is None or result.action is ScoreAction.EMERGENCY_CHARGE:
            return None  # an emergency's target lies above its level; without an SoC nothing charges anyway
        if soc_pct >= target_pct:
            return f"SoC {figure(soc_pct)} % is at or above the target of {figure(target_pct)} %"
        margin = self._options.restart_margin_pct
        if not context.charging and soc_pct > target_pct - margin:
            return f"SoC {figure(soc_pct)} % is within {figure(margin)} % of the target of {figure(target_pct)} %"
        return None


def inputs_from_context(context: DecisionContext, options: MultiFactorOptions) -> ScoreInputs:
    """Return what is scored; a reading that is missing or older than ``max_input_age`` is unknown."""
    snapshot = context.snapshot
    readings = (
        (FactorName.BATTERY, snapshot.battery, snapshot.battery.soc_pct),
        (FactorName.PV, snapshot.pv, snapshot.pv.power_w),
        (FactorName.CONSUMPTION, snapshot.load, snapshot.load.power_w),
    )
    values: dict[FactorName, float | None] = {}
    ages: dict[FactorName, timedelta] = {}
    suspect: set[FactorName] = set()
    for name, reading, value in readings:
        # A reading from the future is a clock that was set back: its true age is not known better than its distance.
        ages[name] = abs(context.at - reading.at)
        usable = reading.quality is not Quality.MISSING and ages[name] <= options.max_input_age
        values[name] = value if usable else None
        if reading.quality is Quality.SUSPECT:
            suspect.add(name)
    price = context.price
    return ScoreInputs(
        # A price of unknown origin cannot be told from a guess that went wrong; it is not used.
        price_per_mwh=price.price_per_mwh if price.origin is not None else None,
        soc_pct=values[FactorName.BATTERY],
        pv_w=values[FactorName.PV],
        load_w=values[FactorName.CONSUMPTION],
        currency=price.currency,
        price_origin=price.origin or PriceOrigin.PUBLISHED,
        ages=ages,
        suspect=frozenset(suspect),
    )
