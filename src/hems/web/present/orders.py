"""Orders: from a request to what the control loop takes, and from what it did to an answer."""

from __future__ import annotations

from datetime import UTC

from hems.domain.decision import Decision
from hems.domain.orders import (
    ChooseStrategy,
    EmergencyStop,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    OrderOutcome,
    Pause,
    ReleaseLatch,
    SelfUse,
    Standing,
    Withdraw,
)
from hems.domain.record import ActionRecord
from hems.web.models.orders import (
    EmergencyStopRequest,
    FastChargeRequest,
    HoldRequest,
    OrderAction,
    OrderAnswer,
    OrderDecision,
    OrderRequest,
    OrdersView,
    PauseRequest,
    ReleaseRequest,
    SelfUseRequest,
    StandingOrder,
    StrategyRequest,
    WithdrawRequest,
)


def order_of(request: OrderRequest) -> Order:
    """Return what is ordered."""
    match request:
        case PauseRequest(until=until):
            return Pause(until=until.astimezone(UTC))
        case HoldRequest(until=until):
            return Hold(until=until.astimezone(UTC))
        case SelfUseRequest(until=until):
            return SelfUse(until=until.astimezone(UTC))
        case FastChargeRequest(target_soc_pct=target_soc_pct, by=by):
            return FastCharge(target_soc_pct=target_soc_pct, deadline=by.astimezone(UTC))
        case WithdrawRequest(what=what):
            return Withdraw(kind=OrderKind(what))
        case StrategyRequest(name=name):
            return ChooseStrategy(name=name)
        case EmergencyStopRequest(reason=reason):
            return EmergencyStop(reason=reason)
        case ReleaseRequest():
            return ReleaseLatch()


def answer_of(outcome: OrderOutcome) -> OrderAnswer:
    """Return what was done."""
    return OrderAnswer(
        message=outcome.sentence,
        followed=outcome.followed,
        decision=None if outcome.decision is None else _decision(outcome.decision),
        action=None if outcome.action is None else _action(outcome.action),
        orders=orders_view(outcome.standing),
    )


def orders_view(standing: Standing) -> OrdersView:
    """Return what stands."""
    rows: list[StandingOrder] = []
    if (timed := standing.timed) is not None:
        rows.append(StandingOrder(kind=timed.kind.value, until=timed.until, asked_at=timed.asked_at, by=timed.by))
    if (wish := standing.fast_charge) is not None:
        rows.append(
            StandingOrder(
                kind="fast_charge",
                until=wish.deadline,
                asked_at=wish.asked_at,
                by=wish.by,
                target_soc_pct=wish.target_soc_pct,
                problem=standing.problem,
            )
        )
    if (choice := standing.choice) is not None:
        rows.append(StandingOrder(kind="strategy", until=None, asked_at=choice.asked_at, by=choice.by))
    stop = standing.stop
    return OrdersView(
        standing=rows,
        strategy=standing.in_charge,
        configured_strategy=standing.configured,
        emergency_stop=stop is not None,
        emergency_stop_since=None if stop is None else stop.since,
        emergency_stop_reason=None if stop is None else stop.detail,
    )


def _decision(decision: Decision) -> OrderDecision:
    return OrderDecision(
        at=decision.at,
        mode=decision.mode,
        power_w=decision.command.power_w,
        source=decision.source,
        reason=decision.reason,
        verdict=decision.verdict,
        causes=list(decision.causes),
    )


def _action(action: ActionRecord) -> OrderAction:
    return OrderAction(
        at=action.at,
        asked=action.asked,
        result=type(action.result).__name__,
        detail=getattr(action.result, "detail", None),
        register_writes=action.register_writes,
    )
