"""Order desk: takes what a person orders, has it decided at once, and answers with what was done.

It writes nothing to the inverter: what it takes stands in the order book, the fast charge's inbox or the safety latch,
and the next cycle finds it there. To be used on the event loop of the cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hems.coordination.fast_charge_controller import FastChargeController
from hems.coordination.master_coordinator import MasterCoordinator
from hems.coordination.pacing import Heard
from hems.decision.order_sentences import Came, is_followed, sentence_of
from hems.decision.order_words import OrderWords, begun
from hems.decision.wording import Language
from hems.domain.command import Mode
from hems.domain.errors import OrderRefused
from hems.domain.fast_charge import FastChargeRequest, is_target
from hems.domain.orders import (
    ORDER_SOURCE,
    REASON_LENGTH,
    ChooseStrategy,
    EmergencyStop,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    OrderOutcome,
    Pause,
    PersonsStop,
    ReleaseLatch,
    SelfUse,
    Standing,
    StandingOrder,
    TimedOrder,
    Withdraw,
    is_in_reach,
    kind_of,
)
from hems.domain.safety import Violation
from hems.domain.time_grid import require_utc

NAME_LENGTH = 60
"""Characters of the name of who asked that are kept."""

ANSWER_WITHIN_S = 15.0
"""A person waits no longer than this; a silent inverter can hold up a cycle for all its time-outs."""

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """``zone`` is that of the times in a sentence."""

    zone: ZoneInfo
    language: Language = Language.ENGLISH
    answer_within_s: float = ANSWER_WITHIN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What taking an order did, before any cycle has seen it."""

    is_changed: bool = True
    not_kept: str | None = None
    released: tuple[Violation, ...] = ()
    mark: StandingOrder | FastChargeRequest | None = None
    """What stands because of it; something else standing in its place has replaced it."""
    before: StandingOrder | FastChargeRequest | None = None
    """What it replaced."""


class OrderDesk:
    """Takes orders one by one; each is in the books before the next one is looked at."""

    def __init__(self, coordinator: MasterCoordinator, options: DeskOptions) -> None:
        self._coordinator = coordinator
        self._options = options
        self._latest: datetime | None = None

    async def take(self, order: Order, by: str, language: Language | None = None) -> OrderOutcome:
        """Take ``order`` of ``by``, have it decided, and return what came of it; None is the configured ``language``.

        Waits for the first decision that has seen it, for a bounded time, and not at all where no coordinator runs.
        Raises: OrderRefused: nothing of the kind can be asked for; says what can. StorageError, RejectedData: the disk
        does not take, or not let go of, a fast charge; everything else then stands as before.
        """
        clock, pacing = self._coordinator.parts.clock, self._coordinator.pacing
        now = clock.now()
        words = OrderWords(language or self._options.language, self._options.zone, now)
        by = _plain(by)[:NAME_LENGTH] or "?"
        taken = self._take(order, by, now, words)
        heard, why = None, None
        if not taken.is_changed:
            why = words.say("why.unchanged")
        elif not pacing.is_running:
            why = words.say("why.not_running")
        else:
            heard = pacing.ask(urgent=isinstance(order, EmergencyStop))
            if not await clock.wait(heard.finished, self._options.answer_within_s):
                why = words.say("why.late", seconds=f"{self._options.answer_within_s:.0f}")
            elif heard.decision is None:
                why = words.say("why.ended")
        if isinstance(order, EmergencyStop | ReleaseLatch):
            taken = replace(taken, not_kept=self._coordinator.parts.safety.keep())
        return self._outcome(order, by, taken, heard, why, words)

    def standing(self) -> Standing:
        """Return all that stands by a person's order."""
        return standing_of(self._coordinator)

    # -- taking ------------------------------------------------------------------------------------------------

    def _asked_at(self, now: datetime) -> datetime:
        """Return the time of an order, later than those that stand: of two that contradict the later one counts.

        Also where both came in the same instant, or the clock was set back in between.
        """
        parts = self._coordinator.parts
        standing = [order.asked_at for order in (parts.orders.timed, self._fast_charge.request) if order is not None]
        if self._latest is not None:
            standing.append(self._latest)
        self._latest = max([now, *(asked_at + _TICK for asked_at in standing)])
        return self._latest

    def _take(self, order: Order, by: str, now: datetime, words: OrderWords) -> _Taken:
        parts = self._coordinator.parts
        match order:
            case Pause() | Hold() | SelfUse():
                taken = self._take_timed(order, by, now, words)
            case FastCharge():
                taken = self._take_fast_charge(order, by, now, words)
            case Withdraw():
                taken = self._withdraw(order, now)
            case ChooseStrategy():
                names = parts.orders.options.strategies
                if order.name not in names:
                    raise OrderRefused(words.no_strategy(order.name, names))
                taken = _Taken(not_kept=parts.orders.choose(order.name, now, by))
            case EmergencyStop():
                reason = _plain(order.reason)
                if len(reason) > REASON_LENGTH:
                    raise OrderRefused(words.too_long())
                detail = self._own_words(now).stop_detail(by, reason)
                parts.safety.stop_by_person(detail, now)
                taken = _Taken()
            case ReleaseLatch():
                taken = _Taken(released=parts.safety.release_by_person(now))
        if parts.shadows is not None:
            parts.shadows.in_charge = parts.orders.in_charge
        if taken.is_changed:
            severity = "warning" if isinstance(order, EmergencyStop) else "info"
            told = _told(order, self._own_words(now), parts.orders.in_charge)
            parts.events.add("order", severity, f"{by}: {told}", always=True)
        return taken

    def _own_words(self, now: datetime) -> OrderWords:
        """Return the words for what is kept and shown to all, whatever language the one who asks speaks."""
        return OrderWords(self._options.language, self._options.zone, now)

    def _take_timed(self, order: TimedOrder, by: str, now: datetime, words: OrderWords) -> _Taken:
        until = _ahead(order.until, now, words)
        standing = StandingOrder(kind=kind_of(order), until=until, asked_at=self._asked_at(now), by=by)
        before = self._coordinator.parts.orders.timed
        if before is not None and (before.until <= now or (before.kind, before.until) == (standing.kind, until)):
            before = None
        return _Taken(not_kept=self._coordinator.parts.orders.stand(standing), mark=standing, before=before)

    def _take_fast_charge(self, order: FastCharge, by: str, now: datetime, words: OrderWords) -> _Taken:
        if not is_target(order.target_soc_pct):
            raise OrderRefused(words.no_target(order.target_soc_pct))
        deadline = _ahead(order.deadline, now, words)
        request = FastChargeRequest(
            target_soc_pct=order.target_soc_pct, deadline=deadline, asked_at=self._asked_at(now), by=by
        )
        before = self._fast_charge.request
        if before is not None and (before.deadline <= now or _is_same(before, request)):
            before = None
        self._fast_charge.ask(request)
        self._fast_charge.refresh(now)
        return _Taken(mark=request, before=before)

    def _withdraw(self, order: Withdraw, now: datetime) -> _Taken:
        if order.kind is OrderKind.FAST_CHARGE:
            is_changed = self._fast_charge.withdraw()
            self._fast_charge.refresh(now)
            return _Taken(is_changed=is_changed)
        is_changed, not_kept = self._coordinator.parts.orders.withdraw(order.kind)
        return _Taken(is_changed=is_changed, not_kept=not_kept)

    @property
    def _fast_charge(self) -> FastChargeController:
        return self._coordinator.parts.fast_charge

    # -- answering ---------------------------------------------------------------------------------------------

    def _outcome(
        self, order: Order, by: str, taken: _Taken, heard: Heard | None, why: str | None, words: OrderWords
    ) -> OrderOutcome:
        coordinator = self._coordinator
        parts, standing, now = coordinator.parts, self.standing(), coordinator.parts.clock.now()
        decision = None if heard is None else heard.decision
        action = None if heard is None else heard.action
        active, snapshot = parts.actions.active, coordinator.snapshot
        stands = standing.fast_charge if isinstance(order, FastCharge) else standing.timed
        came = Came(
            order=order,
            standing=standing,
            sources=(ORDER_SOURCE, parts.fast_charge.name),
            decision=decision,
            why_no_decision=why,
            action=action,
            in_force=Mode.SELF_USE if active is None else active.mode,
            is_certain=not parts.actions.is_uncertain,
            soc_pct=None if snapshot is None else snapshot.battery.soc_pct,
            is_changed=taken.is_changed,
            is_replaced=taken.mark is not None and decision is not None and stands != taken.mark,
            ready_at=None if decision is None else self._fast_charge.ready_at(decision, snapshot),
            released=taken.released,
            held=parts.safety.held(now),
            not_kept=taken.not_kept,
            before=taken.before,
            falls_short_pct=_falls_short_pct(coordinator, now),
        )
        return OrderOutcome(
            order=order,
            by=by,
            standing=standing,
            decision=decision,
            why_no_decision=why,
            action=action,
            sentence=sentence_of(came, words),
            followed=is_followed(came),
        )


def standing_of(coordinator: MasterCoordinator) -> Standing:
    """Return all that stands by a person's order, as far as ``coordinator`` knows now."""
    parts, now = coordinator.parts, coordinator.parts.clock.now()
    orders, stop, request = parts.orders, parts.safety.persons_stop(now), parts.fast_charge.request
    problem, reached_pct = None, _falls_short_pct(coordinator, now)
    if request is not None and reached_pct is not None:
        words = OrderWords(orders.options.language, orders.options.zone, now)
        problem = words.falls_short("problem", request.target_soc_pct, request.deadline, reached_pct)
    return Standing(
        timed=orders.timed,
        fast_charge=request,
        choice=orders.choice,
        in_charge=orders.in_charge,
        configured=orders.options.configured,
        stop=None if stop is None else PersonsStop(since=stop.since, detail=stop.violation.detail),
        problem=problem,
    )


def _falls_short_pct(coordinator: MasterCoordinator, now: datetime) -> float | None:
    """Return what the fast charge that stands will likely reach in time [%], where that is less than was asked.

    What goes before it until a time takes that time from it.
    """
    parts, snapshot = coordinator.parts, coordinator.snapshot
    request, timed = parts.fast_charge.request, parts.orders.timed
    soc_pct = None if snapshot is None else snapshot.battery.soc_pct
    if request is None or soc_pct is None:
        return None
    goes_before = timed is not None and (
        timed.kind is OrderKind.PAUSE or (timed.kind is OrderKind.SELF_USE and timed.asked_at > request.asked_at)
    )
    return parts.fast_charge.falls_short_pct(soc_pct, max(now, timed.until) if timed and goes_before else now)


def _is_same(one: FastChargeRequest, other: FastChargeRequest) -> bool:
    return (one.target_soc_pct, one.deadline) == (other.target_soc_pct, other.deadline)


def _ahead(until: datetime, now: datetime, words: OrderWords) -> datetime:
    """Return ``until`` in UTC. Raises: OrderRefused: it has no zone, is past, or too far ahead."""
    try:
        until = require_utc(until)
    except (ValueError, OverflowError) as error:
        raise OrderRefused(words.say("allowed.naive")) from error
    if not is_in_reach(until, now):
        raise OrderRefused(words.no_end(until))
    return until


def _plain(text: str) -> str:
    """Return ``text`` on one line, without what cannot be printed."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _told(order: Order, words: OrderWords, in_charge: str) -> str:
    """Return ``order`` for the event that tells of it."""
    match order:
        case Pause() | Hold() | SelfUse():
            return words.reason(kind_of(order), order.until)
        case FastCharge():
            return words.say("asked.fast_charge", soc=words.percent(order.target_soc_pct), at=words.at(order.deadline))
        case Withdraw():
            return begun(words.say(f"withdrawn.{order.kind.value}", name=words.who(in_charge)))
        case ChooseStrategy():
            return begun(words.say("chosen", name=words.who(order.name)))
        case EmergencyStop():
            return words.say("stopped")
        case ReleaseLatch():
            return words.say("release")
