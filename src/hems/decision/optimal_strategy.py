"""The plan as a strategy: the mode that is cheapest over the coming day and a half. Proposes, never writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hems.decision.sentences import Language, sentence_of
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, Priority, Proposal
from hems.domain.outlook import HomeModel
from hems.domain.plan import Choice, NoPlan, Plan, Reasoning
from hems.domain.readings import Quality
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from hems.planning.problem import READING_STEP_PCT, PlanningOptions

NOT_KNOWN_ENOUGH = "what lies ahead is not known yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimalOptions:
    """How the plan becomes a proposal."""

    planning: PlanningOptions
    zone: ZoneInfo
    """Of the times in a reason."""
    language: Language = Language.ENGLISH
    lease_grace: timedelta = timedelta(seconds=60)
    """A lease outlives the decision interval by this, so that the next decision renews it without a gap."""
    max_input_age: timedelta = timedelta(minutes=5)


class OptimalStrategy:
    """Plans at every decision. Implements the ``Strategy`` port.

    Pure but for the latest plan, which is kept for whoever shows it.
    """

    def __init__(self, options: OptimalOptions, optimizer: GridFlowOptimizer | None = None) -> None:
        self._options = options
        self._optimizer = optimizer or GridFlowOptimizer(options.planning)
        self._latest: tuple[DecisionContext, Plan | NoPlan] | None = None

    @property
    def name(self) -> str:
        """How decisions and configuration name this strategy."""
        return "optimal"

    def plan_for(self, context: DecisionContext) -> Plan | NoPlan:
        """Return the plan that ``context`` gives, or why it gives none."""
        if self._latest is None or self._latest[0] is not context:
            self._latest = (context, self._plan(context))
        return self._latest[1]

    def propose(self, context: DecisionContext) -> Proposal:
        """Return the plan's mode for the present quarter; without a plan self-use, or what the reserve needs."""
        plan = self.plan_for(context)
        if isinstance(plan, NoPlan):
            return self._without_plan(context, plan)
        chosen, expires_at = plan.chosen, context.at + self._lease(context)
        options = self._options
        reason = sentence_of(plan.reasoning, chosen, zone=options.zone, now=context.at, language=options.language)
        reason = "; ".join((reason, *plan.remarks))
        command = Command(
            mode=chosen.mode,
            expires_at=expires_at,
            power_w=chosen.power_w,
            target_soc_pct=None
            if context.outlook is None
            else _target_pct(chosen, plan.soc_pct, context.outlook.home, self._lease(context)),
            export_limit_w=chosen.export_limit_w,
            reason=reason,
        )
        return Proposal(
            source=self.name,
            priority=Priority.STRATEGY,
            command=command,
            reason=reason,
            confidence_pct=100.0 * plan.reasoning.agreement,
            expires_at=expires_at,
            reasoning=plan.reasoning,
        )

    def _plan(self, context: DecisionContext) -> Plan | NoPlan:
        if context.outlook is None:
            return NoPlan(at=context.at, remarks=(NOT_KNOWN_ENOUGH,))
        plan = self._optimizer.plan(context.outlook, context.at, self._soc_pct(context), context.active)
        if isinstance(plan, NoPlan):
            return plan
        return replace(plan, reasoning=_with_time_of_soc(plan.reasoning, context.snapshot.battery.at))

    def _soc_pct(self, context: DecisionContext) -> float | None:
        battery = context.snapshot.battery
        fresh = abs(context.at - battery.at) <= self._options.max_input_age
        return battery.soc_pct if fresh and battery.quality is not Quality.MISSING else None

    def _without_plan(self, context: DecisionContext, plan: NoPlan) -> Proposal:
        """Return self-use; a battery below its reserve is charged back to it, which needs no plan but its SoC."""
        expires_at, soc_pct = context.at + self._lease(context), self._soc_pct(context)
        why = "no plan: " + "; ".join(plan.remarks)
        command = Command(mode=Mode.SELF_USE, expires_at=expires_at, reason=why)
        home = context.outlook.home if context.outlook is not None else None
        if home is not None and soc_pct is not None and Mode.CHARGE in home.modes:
            reserve_pct = max(home.reserve_pct, home.floor_pct)
            if soc_pct < reserve_pct - READING_STEP_PCT:
                why = f"SoC {soc_pct:.0f} % is below the reserve of {reserve_pct:.0f} %: charging back to it; {why}"
                command = Command(
                    mode=Mode.CHARGE,
                    expires_at=expires_at,
                    power_w=home.charge_max_w,
                    target_soc_pct=reserve_pct,
                    reason=why,
                )
        return Proposal(
            source=self.name,
            priority=Priority.STRATEGY,
            command=command,
            reason=why,
            confidence_pct=0.0,
            expires_at=expires_at,
        )

    def _lease(self, context: DecisionContext) -> timedelta:
        return timedelta(seconds=context.decision_interval_s) + self._options.lease_grace


def _target_pct(chosen: Choice, soc_pct: float, home: HomeModel, lease: timedelta) -> float | None:
    """Return where a forced power ends: at the ceiling, at what is kept, or where only grid energy is left.

    A sale that could take more within its ``lease`` than may be exported ends when that much is gone, as if all of it
    were sold: nothing but the SoC tells on the way. What the house takes of it ends the sale a little early.
    """
    if chosen.mode is Mode.CHARGE:
        return home.ceiling_pct
    if chosen.mode is not Mode.DISCHARGE or chosen.power_w is None:
        return None
    kept_pct = max(home.reserve_pct, home.floor_pct)
    taken_wh = chosen.power_w / home.discharge_efficiency * (lease / timedelta(hours=1))
    if not home.no_grid_energy_into_export or taken_wh <= home.exportable_wh:
        return kept_pct
    return max(kept_pct, soc_pct - 100.0 * home.exportable_wh / home.capacity_wh)


def _with_time_of_soc(reasoning: Reasoning, read_at: datetime) -> Reasoning:
    """Return ``reasoning`` with the time at which the SoC was read, which planning itself does not know."""
    notes = (replace(note, known_at=read_at) if note.name == "soc" else note for note in reasoning.inputs)
    return replace(reasoning, inputs=tuple(notes))
