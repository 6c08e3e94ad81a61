"""One sentence of what came of an order. It claims only what was decided, written and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hems.decision.order_words import OrderWords, begun, gone_on
from hems.domain.command import Mode
from hems.domain.decision import Decision
from hems.domain.fast_charge import FastChargeRequest
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
    StandingOrder,
    TimedOrder,
    Withdraw,
    kind_of,
)
from hems.domain.record import ActionRecord
from hems.domain.safety import Cause, HeldViolation, Violation

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
    before: StandingOrder | FastChargeRequest | None = None
    """What it replaced."""
    falls_short_pct: float | None = None
    """What the fast charge that stands will likely reach in time [%], where that is less than was asked."""


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
            head = begun(words.say("configured" if is_own else "chosen", name=words.who(came.order.name)))
            tail = _now(came, words)
        case EmergencyStop():
            head, tail = words.say("stopped"), _done(came, words)
        case ReleaseLatch():
            head, *tail = _released(came, words)
    if came.before is not None:
        head = words.in_place(head, came.before)
    stop = came.standing.stop
    if stop is not None and not isinstance(came.order, EmergencyStop | ReleaseLatch):
        told = words.say("stopped")  # what is ordered waits until then, whatever is said of it
        if not any(stop.detail in part for part in (head, *tail)):
            tail.append(gone_on(told))
    if came.not_kept is not None:
        tail.append(words.say("not_kept", error=came.not_kept))
    return "; ".join(part.strip().rstrip(".") for part in (head, *tail)) + "."


def is_followed(came: Came) -> bool:
    """Return whether the decision does what was asked; of what needs no decision, whether it took effect."""
    match came.order:
        case Pause() | Hold() | SelfUse():
            return _is_timed_followed(kind_of(came.order), came)
        case FastCharge():
            return _is_charge_followed(came.order, came)
        case Withdraw():
            return came.is_changed
        case ChooseStrategy():
            return came.standing.in_charge == came.order.name
        case EmergencyStop():
            is_done = came.decision is not None and came.is_certain and came.in_force is came.decision.mode
            return came.standing.stop is not None and is_done
        case ReleaseLatch():
            return bool(came.released) and not came.held


def _is_timed_followed(kind: OrderKind, came: Came) -> bool:
    decision = came.decision
    if decision is None or came.is_replaced:
        return False
    if decision.source == came.sources[0]:
        return decision.verdict == "allowed" or _is_kept(kind, decision)
    return kind is OrderKind.HOLD and decision.source == came.sources[1] and decision.verdict != "refused"


def _is_charge_followed(order: FastCharge, came: Came) -> bool:
    """Return whether the fast charge goes its way: it charges, holds, or rightly waits for its quarters."""
    decision, timed = came.decision, came.standing.timed
    if decision is None or came.is_replaced or came.standing.stop is not None or came.soc_pct is None:
        return False
    if decision.source == came.sources[1]:
        return decision.verdict != "refused"
    if came.soc_pct >= order.target_soc_pct:
        return timed is None or timed.kind is not OrderKind.PAUSE
    return decision.source != came.sources[0] or (timed is not None and timed.kind is OrderKind.SELF_USE)


def _timed(order: TimedOrder, came: Came, words: OrderWords) -> list[str]:
    kind, decision = kind_of(order), came.decision
    until = words.until(order.until)
    asked, taken = (words.say(f"{how}.{kind.value}", until=until) for how in ("asked", "taken"))
    if came.is_replaced:
        return [asked, words.say("replaced")]
    if decision is None:
        return [asked, *_done(came, words)]
    done = [*_done(came, words), *_charge_beside(kind, came, words)]
    mode, causes = words.mode(decision.mode, decision.command.power_w), "; ".join(decision.causes)
    if decision.source != came.sources[0]:
        if kind is OrderKind.HOLD and decision.source == came.sources[1] and decision.verdict != "refused":
            return [taken, words.say("beneath", mode=mode), *_done(came, words)]
        return [asked, _first(decision, words), *done]
    if decision.verdict == "allowed":
        return [taken if came.in_force is decision.mode else asked, *done]
    if _is_kept(kind, decision):
        return [taken, words.say("narrowed", mode=mode, causes=causes), *done]
    return [f"{asked}, {words.say('unsafe', mode=words.mode(Mode.HOLD), causes=causes)}", *done]


def _is_kept(kind: OrderKind, decision: Decision) -> bool:
    """Return whether what safety put in place of a pause, a hold or a self-use does what was asked all the same."""
    return kind in _QUIET_MODES or decision.mode in {Mode.HOLD, Mode.STANDBY}


def _charge_beside(kind: OrderKind, came: Came, words: OrderWords) -> list[str]:
    """Return what becomes of the fast charge that stands beside the pause, hold or self-use that was just given."""
    request = came.standing.fast_charge
    if request is None:
        return []
    how = {OrderKind.PAUSE: "both.pause", OrderKind.SELF_USE: "both.later"}.get(kind, "both")
    own = words.say("who.self_use")
    return [words.say(how, other=words.noun(request), own=own), *_problem(request, came, words)]


def _problem(request: FastChargeRequest | FastCharge, came: Came, words: OrderWords) -> list[str]:
    if came.falls_short_pct is None:
        return []
    return [gone_on(words.falls_short("problem", request.target_soc_pct, request.deadline, came.falls_short_pct))]


def _fast_charge(order: FastCharge, came: Came, words: OrderWords) -> list[str]:
    decision, soc, at = came.decision, words.percent(order.target_soc_pct), words.at(order.deadline)
    asked = words.say("asked.fast_charge", soc=soc, at=at)
    if came.is_replaced:
        return [asked, words.say("replaced")]
    if decision is None:
        return [asked, *_done(came, words)]
    if decision.source == came.sources[1]:
        return _charge_decided(order, decision, came, words)
    timed = came.standing.timed
    if timed is not None and decision.source == came.sources[0] and timed.kind is not OrderKind.SELF_USE:
        return [asked, words.say("order_first", order=words.noun(timed)), *_problem(order, came, words)]
    return [asked, *_charge_waits(order, decision, came, words), *_timed_beside(came, words)]


def _charge_waits(order: FastCharge, decision: Decision, came: Came, words: OrderWords) -> list[str]:
    """Return why the fast charge itself begins nothing now."""
    if came.soc_pct is None:
        return [words.say("soc_unknown")]
    if came.soc_pct >= order.target_soc_pct:
        return [words.say("there_already", soc=words.percent(came.soc_pct))]
    if decision.mode is Mode.CHARGE:
        return [words.say("charged_anyway", source=words.who(decision.source)), *_done(came, words)]
    return [words.say("waits"), *_problem(order, came, words)]


def _charge_decided(order: FastCharge, decision: Decision, came: Came, words: OrderWords) -> list[str]:
    """Return what the decision does for the fast charge that it follows."""
    soc, at = words.percent(order.target_soc_pct), words.at(order.deadline)
    asked, taken = (words.say(f"{how}.fast_charge", soc=soc, at=at) for how in ("asked", "taken"))
    wanted = next(wish.command.mode for wish in decision.proposals if wish.source == decision.source)
    causes, done = "; ".join(decision.causes), [*_done(came, words), *_timed_beside(came, words)]
    if decision.verdict == "refused":
        refused = words.say("unsafe", mode=words.mode(wanted), causes=causes)
        return [f"{asked}, {refused}", *done, *_problem(order, came, words)]
    if wanted is Mode.HOLD:
        return [asked, words.say("held_until_charged"), *done, *_problem(order, came, words)]
    mode = words.mode(decision.mode, decision.command.power_w)
    narrowed = [] if decision.verdict == "allowed" else [words.say("narrowed", mode=mode, causes=causes)]
    is_done = came.in_force is decision.mode
    if came.falls_short_pct is not None:
        if not is_done:
            return [asked, *_problem(order, came, words), *narrowed, *done]
        short = words.falls_short("short.fast_charge", order.target_soc_pct, order.deadline, came.falls_short_pct)
        return [short, *narrowed, *done]
    if came.ready_at is not None and came.ready_at > order.deadline:
        return [asked, words.say("too_little_time", until=words.until(came.ready_at)), *narrowed, *done]
    return [taken if is_done else asked, *narrowed, *done]


def _timed_beside(came: Came, words: OrderWords) -> list[str]:
    """Return what becomes of the hold or self-use that stood before the fast charge was given."""
    timed, decision = came.standing.timed, came.decision
    if timed is None or decision is None or timed.kind is OrderKind.PAUSE:
        return []
    how = "both.later"
    if timed.kind is OrderKind.HOLD:
        how = "both.hold" if decision.mode is Mode.CHARGE else "both"
    return [words.say(how, other=words.noun(timed), own=words.who(came.sources[1]))]


def _withdrawn(order: Withdraw, came: Came, words: OrderWords) -> list[str]:
    how = "withdrawn" if came.is_changed else "none"
    head = begun(words.say(f"{how}.{order.kind.value}", name=words.who(came.standing.in_charge)))
    return [head, *_now(came, words)] if came.is_changed else [head]


def _released(came: Came, words: OrderWords) -> list[str]:
    causes = dict.fromkeys(one.cause for one in came.released)
    others = ", ".join(_name(cause.value) for cause in causes if cause is not Cause.STOPPED_BY_PERSON)
    heads = [words.say("stop_released")] if Cause.STOPPED_BY_PERSON in causes else []
    if others:
        released = words.say("released", causes=others)
        heads.append(gone_on(released) if heads else released)
    if not heads:
        heads = [words.say("not_released" if came.held else "nothing_held")]
    still = [
        words.say(
            f"still.{one.why_not or 'clear'}", cause=_name(one.violation.cause.value), detail=one.violation.detail
        )
        for one in came.held
    ]
    return [*heads, *still, *(_now(came, words) if came.released else [])]


def _now(came: Came, words: OrderWords) -> list[str]:
    """Return what was decided now, and what was done about it."""
    decision = came.decision
    if decision is None:
        return _done(came, words)
    mode, timed = words.mode(decision.mode, decision.command.power_w), came.standing.timed
    now = words.say("now", mode=mode)
    if decision.verdict != "refused" and decision.source == came.sources[1]:
        now = words.say("now.fast_charge", mode=mode)
    elif decision.verdict != "refused" and decision.source == came.sources[0] and timed is not None:
        now = words.say("now.order", order=words.noun(timed))
    return [now, *_done(came, words)]


def _first(decision: Decision, words: OrderWords) -> str:
    mode = words.mode(decision.mode, decision.command.power_w)
    reason = next((wish.reason for wish in decision.proposals if wish.source == decision.source), decision.reason)
    return words.say("first", mode=mode, source=words.who(decision.source), reason=reason)


def _done(came: Came, words: OrderWords) -> list[str]:
    """Return what the inverter was told and answered, or why nothing was decided."""
    told: list[str] = []
    if came.decision is None and came.why_no_decision is not None:
        told.append(came.why_no_decision)
    if came.action is not None:
        mode = Mode(came.action.asked.split(" ")[0])  # what was asked begins with the mode's name
        result = came.action.result
        told.append(words.say(f"did.{type(result).__name__}", mode=words.mode(mode), detail=result.detail))
    elif came.decision is not None and not came.is_certain:
        told.append(words.say("did.unknown"))
    elif came.decision is not None and came.in_force is came.decision.mode:
        told.append(words.say("did.nothing"))
    if came.decision is not None and came.in_force is not came.decision.mode:
        told.append(words.say("instead", mode=words.mode(came.in_force)))
    return told


def _name(name: str) -> str:
    return name.replace("_", " ")
