"""What a person orders. Each order becomes a proposal: safety bounds it as it bounds every other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hems.domain.decision import Decision
from hems.domain.fast_charge import MAX_AHEAD, FastChargeRequest
from hems.domain.record import ActionRecord

LONGEST_ORDER = MAX_AHEAD
"""How long an order may stand: one for later than a wish for a charge may lie ahead is a slip of the hand too."""

ORDER_SOURCE = "person"
"""How a decision names the order that it follows: a pause, a hold or a self-use."""

REASON_LENGTH = 200
"""Characters of a reason for a stop, at most: it is shown wherever the stop is."""


class OrderKind(StrEnum):
    """What can stand until it ends or is withdrawn. The first three exclude each other."""

    PAUSE = "pause"
    HOLD = "hold"
    SELF_USE = "self_use"
    FAST_CHARGE = "fast_charge"
    STRATEGY = "strategy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Not now: until then nothing is forced, not even an emergency charge. Safety's own modes go on."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Until then the battery does not discharge; PV may charge it, and so may a fast charge."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfUse:
    """Until then plain self-use, without the strategy; an emergency charge still goes first."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FastCharge:
    """At least ``target_soc_pct`` (1 to 100) at ``deadline``."""

    target_soc_pct: float
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """End what stands of ``kind``."""

    kind: OrderKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseStrategy:
    """Put the strategy of this name in charge until another one is chosen or configured."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyStop:
    """End every forced mode at once and begin none until a person releases it."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLatch:
    """Release a person's stop, and every latched violation whose rule is seen clear now."""


TimedOrder = Pause | Hold | SelfUse
Order = Pause | Hold | SelfUse | FastCharge | Withdraw | ChooseStrategy | EmergencyStop | ReleaseLatch


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOrder:
    """A pause, a hold or a self-use that stands; ``by`` says who asked for it."""

    kind: OrderKind
    until: datetime
    asked_at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChoice:
    """A strategy that a person put in charge instead of the configured one of that time."""

    name: str
    instead_of: str
    asked_at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsStop:
    """A stop of all operations that waits for its release."""

    since: datetime
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that stands by a person's order. ``timed`` is the pause, hold or self-use, of which there is one at most."""

    timed: StandingOrder | None
    fast_charge: FastChargeRequest | None
    choice: StrategyChoice | None
    in_charge: str
    configured: str
    stop: PersonsStop | None
    problem: str | None = None
    """Why the fast charge will not reach its target in time, for a person; None where it likely will, or none knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOutcome:
    """What came of an order: what stands now, what was decided with it, and what the inverter was told."""

    order: Order
    by: str
    standing: Standing
    decision: Decision | None
    """The decision that has seen the order; None where none came in time."""
    why_no_decision: str | None
    action: ActionRecord | None
    """What the inverter was told in the same cycle; None where it had to be told nothing."""
    sentence: str
    """What was done, for the person who asked."""
    followed: bool
    """Whether the decision does what was asked: False where safety refused it, another order goes first, or none came.

    Of a withdrawal, a choice, a stop and a release: whether it took effect.
    """


def kind_of(order: TimedOrder) -> OrderKind:
    """Return what stands once ``order`` is taken."""
    match order:
        case Pause():
            return OrderKind.PAUSE
        case Hold():
            return OrderKind.HOLD
        case SelfUse():
            return OrderKind.SELF_USE


def is_in_reach(until: datetime, now: datetime) -> bool:
    """Return whether ``until`` lies in the future and no further ahead than an order may stand."""
    return timedelta(0) < until - now <= LONGEST_ORDER
