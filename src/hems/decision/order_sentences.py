"""One sentence of what came of an order. It claims only what was decided, written and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hems.decision.order_words import OrderWords
from hems.domain.command import Mode
from hems.domain.decision import Decision
from hems.domain.orders import (
    ChooseStrategy,
    EmergencyStop,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    Pause,
    ReleaseLatch,
    SelfUse,
    Standing,
    TimedOrder,
    Withdraw,
    kind_of,
)
from hems.domain.record import ActionRecord
from hems.domain.safety import HeldViolation, Violation

_QUIET_MODES = {OrderKind.PAUSE, OrderKind.SELF_USE}
"""What asks for self-use: a protective mode in its place is safety's, and nothing of the order is refused by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """All that came of an order."""

    order: Order
    standing: Standing
    sources: tuple[str, str]
    """How a decision names what stands until a time, and a fast charge."""
    decision: Decision | None
    why_no_decision: str | None
    action: ActionRecord | None
    in_force: Mode
    is_certain: bool
    """Whether it is known what the inverter does."""
    soc_pct: float | None
    is_changed: bool = True
    """Whether there was anything to withdraw; True for every other order."""
    is_replaced: bool = False
    """Whether a newer order stands in place of this one already."""
    ready_at: datetime | None = None
    """When a fast charge that charges now is done at this power; None where it does not, or the SoC is not known."""
    released: Sequence[Violation] = ()
    held: Sequence[HeldViolation] = ()
    """What is latched now."""
    not_kept: str | None = None
    """Why it would not survive a restart."""


def sentence_of(came: Came, words: OrderWords) -> str:
    """Return what was done, in one sentence."""
    match came.order:
        case Pause() | Hold() | SelfUse():
            head, *tail = _timed(came.order, came, words)
        case FastCharge():
            head, *tail = _fast_charge(came.order, came, words)
        case Withdraw():
            head, *tail = _withdrawn(came.order, came, words)
        case ChooseStrategy():
            is_own = came.order.name == came.standing.configured
            head = words.say("configured" if is_own else "chosen", name=came.order.name)
            tail = _now(came, words)
        case EmergencyStop():
            head, tail = words.say("stopped"), _done(came, words)
        case ReleaseLatch():
            head, *tail = _released(came, words)
    stop = came.standing.stop
    if stop is not None and not isinstance(came.order, EmergencyStop | ReleaseLatch):
        told = words.say("stopped")  # what is ordered waits until then, whatever is said of it
        if not any(stop.detail in part for part in (head, *tail)):
            tail.append(told[0].lower() + told[1:])
    if came.not_kept is not None:
        tail.append(words.say("not_kept", error=came.not_kept))
    return "; ".join(part.strip().rstrip(".") for part in (head, *tail)) + "."


def _timed(order: TimedOrder, came: Came, words: OrderWords) -> list[str]:
    kind, decision = kind_of(order), came.decision
    until = words.until(order.until)
    asked, taken = (words.say(f"{how}.{kind.value}", until=until) for how in ("asked", "taken"))
    if came.is_replaced:
        return [asked, words.say("replaced")]
    if decision is None:
        return [asked, *_done(came, words)]
    mode, causes = words.mode(decision.mode, decision.command.power_w), "; ".join(decision.causes)
    if decision.source != came.sources[0]:
        if kind is OrderKind.HOLD and decision.source == came.sources[1] and decision.verdict != "refused":
            return [taken, words.say("beneath", mode=mode), *_done(came, words)]
        return [asked, _first(decision, words), *_done(came, words)]
    if decision.verdict == "allowed":
        return [taken if came.in_force is decision.mode else asked, *_done(came, words)]
    if kind in _QUIET_MODES or decision.mode in {Mode.HOLD, Mode.STANDBY}:
        return [taken, words.say("narrowed", mode=mode, causes=causes), *_done(came, words)]
    return [f"{asked}, {words.say('unsafe', mode=words.mode(Mode.HOLD), causes=causes)}", *_done(came, words)]


def _fast_charge(order: FastCharge, came: Came, words: OrderWords) -> list[str]:
    decision, soc, at = came.decision, words.percent(order.target_soc_pct), words.at(order.deadline)
    asked, taken = (words.say(f"{how}.fast_charge", soc=soc, at=at) for how in ("asked", "taken"))
    if came.is_replaced:
        return [asked, words.say("replaced")]
    if decision is None:
        return [asked, *_done(came, words)]
    if decision.source == came.sources[1]:
        wanted = next(wish.command.mode for wish in decision.proposals if wish.source == decision.source)
        causes = "; ".join(decision.causes)
        if decision.verdict == "refused":
            return [f"{asked}, {words.say('unsafe', mode=words.mode(wanted), causes=causes)}", *_done(came, words)]
        if wanted is Mode.HOLD:
            return [asked, words.say("held_until_charged"), *_done(came, words)]
        mode = words.mode(decision.mode, decision.command.power_w)
        narrowed = [] if decision.verdict == "allowed" else [words.say("narrowed", mode=mode, causes=causes)]
        if came.ready_at is not None and came.ready_at > order.deadline:
            return [
                asked,
                words.say("too_little_time", until=words.until(came.ready_at)),
                *narrowed,
                *_done(came, words),
            ]
        return [taken if came.in_force is decision.mode else asked, *narrowed, *_done(came, words)]
    timed = came.standing.timed
    if decision.source == came.sources[0] and timed is not None:
        first = words.say(f"taken.{timed.kind.value}", until=words.until(timed.until))
        return [asked, words.say("order_first", order=first[0].lower() + first[1:])]
    if came.soc_pct is None:
        return [asked, words.say("soc_unknown")]
    if came.soc_pct >= order.target_soc_pct:
        return [asked, words.say("there_already", soc=words.percent(came.soc_pct))]
    if decision.mode is Mode.CHARGE:
        return [asked, words.say("charged_anyway", source=_name(decision.source)), *_done(came, words)]
    return [asked, words.say("waits")]


def _withdrawn(order: Withdraw, came: Came, words: OrderWords) -> list[str]:
    how = "withdrawn" if came.is_changed else "none"
    head = words.say(f"{how}.{order.kind.value}", name=came.standing.in_charge)
    return [head, *_now(came, words)] if came.is_changed else [head]


def _released(came: Came, words: OrderWords) -> list[str]:
    if came.released:
        causes = ", ".join(dict.fromkeys(_name(one.cause.value) for one in came.released))
        head = words.say("released", causes=causes)
    else:
        head = words.say("not_released" if came.held else "nothing_held")
    still = [
        words.say(
            f"still.{one.why_not or 'clear'}", cause=_name(one.violation.cause.value), detail=one.violation.detail
        )
        for one in came.held
    ]
    return [head, *still, *(_now(came, words) if came.released else [])]


def _now(came: Came, words: OrderWords) -> list[str]:
    """Return what was decided now, and what was done about it."""
    decision = came.decision
    if decision is None:
        return _done(came, words)
    return [words.say("now", mode=words.mode(decision.mode, decision.command.power_w)), *_done(came, words)]


def _first(decision: Decision, words: OrderWords) -> str:
    mode = words.mode(decision.mode, decision.command.power_w)
    reason = next((wish.reason for wish in decision.proposals if wish.source == decision.source), decision.reason)
    return words.say("first", mode=mode, source=_name(decision.source), reason=reason)


def _done(came: Came, words: OrderWords) -> list[str]:
    """Return what the inverter was told and answered, or why nothing was decided."""
    told: list[str] = []
    if came.decision is None and came.why_no_decision is not None:
        told.append(came.why_no_decision)
    if came.action is not None:
        mode = Mode(came.action.asked.split(" ")[0])  # what was asked begins with the mode's name
        result = came.action.result
        told.append(words.say(f"did.{type(result).__name__}", mode=words.mode(mode), detail=result.detail))
    elif came.decision is not None:
        told.append(words.say("did.nothing" if came.is_certain else "did.unknown"))
    if came.decision is not None and came.in_force is not came.decision.mode:
        told.append(words.say("instead", mode=words.mode(came.in_force)))
    return told


def _name(name: str) -> str:
    return name.replace("_", " ")
