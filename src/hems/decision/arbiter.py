"""The arbiter: many proposals, one decision: the strongest, then steadiness, then the gate, and a reason for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hems.decision.explanation import command_of, explain
from hems.decision.origin_rule import narrow
from hems.decision.stability import StabilityOptions, keep_present
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Decision, DecisionContext, Narrowed, Proposal, Verdict
from hems.domain.safety import SafetyEnvelope

_CERTAIN_PCT = 100.0  # a rule is followed, not weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterOptions:
    """How proposals become one decision."""

    stability: StabilityOptions = field(default_factory=StabilityOptions)


def arbitrate(
    context: DecisionContext, proposals: Sequence[Proposal], envelope: SafetyEnvelope, options: ArbiterOptions
) -> Decision:
    """Return the decision of this cycle; pure, so that the same arguments decide the same again.

    Expired proposals are dropped. The strongest priority wins; among equals the one that keeps the present mode, then
    the surer one, then the one proposed first. With nothing to go by it is self-use.
    """
    live = _in_order(context, proposals)
    winner = live[0] if live else None
    kept = keep_present(context, winner, options.stability) if winner is not None else None
    if kept is not None:
        wanted = kept.command
    elif winner is not None:
        wanted = winner.command
    else:
        expires_at = context.at + timedelta(seconds=context.decision_interval_s)
        wanted = Command(mode=Mode.SELF_USE, expires_at=expires_at, reason="nothing was proposed")
    verdict = narrow(wanted, context, envelope)
    certain = winner is None or not isinstance(verdict, Allowed | Narrowed)
    return Decision(
        at=context.at,
        command=command_of(verdict),
        source=winner.source if winner is not None else "none",
        reason=explain(context, winner, kept.reason if kept is not None else None, verdict, live[1:]),
        confidence_pct=_CERTAIN_PCT if certain or winner is None else winner.confidence_pct,
        verdict=_name(verdict),
        causes=() if isinstance(verdict, Allowed) else verdict.causes,
        score=next((proposal.score for proposal in live if proposal.score is not None), None),
        proposals=tuple(live),
        reasoning=winner.reasoning if winner is not None else None,
    )


def _in_order(context: DecisionContext, proposals: Sequence[Proposal]) -> list[Proposal]:
    present = context.active.mode if context.active is not None else Mode.SELF_USE
    live = [proposal for proposal in proposals if min(proposal.expires_at, proposal.command.expires_at) > context.at]
    return sorted(
        live,
        key=lambda proposal: (
            proposal.priority,
            proposal.command.mode is not present,
            -proposal.confidence_pct,
        ),
    )


def _name(verdict: Verdict) -> str:
    if isinstance(verdict, Allowed):
        return "allowed"
    return "narrowed" if isinstance(verdict, Narrowed) else "refused"
