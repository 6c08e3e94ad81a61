"""Decisions and events, of the running service and of its records, as the API tells them."""

from __future__ import annotations

from hems.domain.decision import Decision, Proposal
from hems.domain.history import DecisionSummary as StoredSummary
from hems.domain.record import CycleRecord, EventRecord
from hems.web.frame import Frame
from hems.web.models.history import DecisionDetail, DecisionSummary, EventView, FactorView, ProposalView
from hems.web.present.plan import reasoning_view


def decision_summary(decision: Decision, frame: Frame) -> DecisionSummary:
    """Return the latest decision as a list shows it."""
    status = frame.status
    action = status["last_action"]
    is_of_it = action is not None and action["at"] >= decision.at.isoformat()[:19]
    return DecisionSummary(
        at=decision.at,
        trigger=status["last_trigger"],
        mode=decision.mode,
        power_w=decision.command.power_w,
        target_soc_pct=decision.command.target_soc_pct,
        export_limit_w=decision.command.export_limit_w,
        source=decision.source,
        reason=decision.reason,
        confidence_pct=round(decision.confidence_pct, 1),
        verdict=decision.verdict,
        causes=list(decision.causes),
        soc_pct=None if frame.snapshot is None else frame.snapshot.battery.soc_pct,
        market_per_mwh=status["price"]["price_per_mwh"],
        import_per_kwh=status["price"]["import_per_kwh"],
        score_total=None if decision.score is None else decision.score.total,
        result=action["result"] if is_of_it else None,
        result_detail=(action["detail"] or "") if is_of_it else "",
    )


def event_view(event: EventRecord) -> EventView:
    """Return an event."""
    return EventView(at=event.at, kind=event.kind, severity=event.severity, message=event.message)


def stored_summary(found: StoredSummary) -> DecisionSummary:
    """Return a stored decision as a list shows it."""
    return DecisionSummary(
        at=found.at,
        trigger=found.trigger,
        mode=found.mode,
        power_w=found.power_w,
        target_soc_pct=found.target_soc_pct,
        export_limit_w=found.export_limit_w,
        source=found.source,
        reason=found.reason,
        confidence_pct=round(found.confidence_pct, 1),
        verdict=found.verdict,
        causes=list(found.causes),
        soc_pct=found.soc_pct,
        market_per_mwh=found.price_per_mwh,
        import_per_kwh=found.import_per_kwh,
        score_total=found.score,
        result=found.result,
        result_detail=found.result_detail,
    )


def decision_detail(record: CycleRecord) -> DecisionDetail:
    """Return a stored decision, whole."""
    decision, price = record.decision, record.context.price
    action = record.action
    return DecisionDetail(
        at=record.at,
        trigger=record.trigger.value,
        mode=decision.mode.value,
        power_w=decision.command.power_w,
        target_soc_pct=decision.command.target_soc_pct,
        export_limit_w=decision.command.export_limit_w,
        source=decision.source,
        reason=decision.reason,
        confidence_pct=round(decision.confidence_pct, 1),
        verdict=decision.verdict,
        causes=list(decision.causes),
        soc_pct=record.context.snapshot.battery.soc_pct,
        market_per_mwh=price.price_per_mwh,
        import_per_kwh=price.import_per_kwh,
        score_total=None if decision.score is None else decision.score.total,
        result=None if action is None else type(action.result).__name__,
        result_detail="" if action is None else getattr(action.result, "detail", ""),
        reasoning=None if decision.reasoning is None else reasoning_view(decision.reasoning),
        factors=_factors(decision),
        proposals=[_proposal(proposal) for proposal in decision.proposals],
        shadows=[_proposal(proposal) for proposal in decision.shadows],
    )


def _factors(decision: Decision) -> list[FactorView]:
    return [
        FactorView(
            name=factor.name.value,
            value=factor.value,
            unit=factor.unit,
            band=factor.band,
            points=factor.points,
            weight=factor.weight,
            contribution=factor.contribution,
        )
        for factor in (() if decision.score is None else decision.score.factors)
    ]


def _proposal(proposal: Proposal) -> ProposalView:
    return ProposalView(
        source=proposal.source,
        mode=proposal.command.mode,
        power_w=proposal.command.power_w,
        reason=proposal.reason,
        confidence_pct=round(proposal.confidence_pct, 1),
    )
