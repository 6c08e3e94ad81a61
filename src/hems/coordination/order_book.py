"""Order book: what persons ordered and still stands, through restarts, and what it means for the decision of now.

A pause, a hold and a self-use exclude each other: the newer one replaces the older. A fast charge has its own inbox and
stands beside them. The strategy that a person put in charge stays until another is chosen, or configured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hems.decision.order_words import ORDER_SENTENCES, OrderWords, called
from hems.decision.wording import Language
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, Priority, Proposal, Refused
from hems.domain.errors import StorageError
from hems.domain.orders import ORDER_SOURCE, OrderKind, StandingOrder, StrategyChoice
from hems.domain.safety import SafetyEnvelope
from hems.domain.time_grid import MTU, floor_to_grid, require_utc
from hems.ports.storage import RecordStore
from hems.safety.gate import narrow_to_envelope

ORDERS_KEY = "orders"
_VERSION = 1
_TIMED = (OrderKind.PAUSE, OrderKind.HOLD, OrderKind.SELF_USE)
_GRACE = timedelta(seconds=60)
"""A hold's lease outlives its quarter and its end by this, so that the next decision changes the mode without a gap."""

_MODE = {OrderKind.PAUSE: Mode.SELF_USE, OrderKind.HOLD: Mode.HOLD, OrderKind.SELF_USE: Mode.SELF_USE}

Tell = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOptions:
    """``configured``: the strategy in charge by configuration; ``strategies``: all there are."""

    configured: str
    strategies: tuple[str, ...]
    zone: ZoneInfo
    language: Language = Language.ENGLISH


class OrderBook:
    """Keeps what stands; proposes for it as a strategy would."""

    def __init__(self, store: RecordStore, options: BookOptions, tell: Tell) -> None:
        """``tell`` takes events: kind, severity, message."""
        self._store = store
        self.options = options
        self._tell = tell
        self.timed: StandingOrder | None = None
        """The pause, hold or self-use that stands."""
        self.choice: StrategyChoice | None = None
        """The strategy a person put in charge."""
        self._load()

    @property
    def in_charge(self) -> str:
        """The strategy whose proposals count."""
        return self.options.configured if self.choice is None else self.choice.name

    # -- what stands -------------------------------------------------------------------------------------------

    def stand(self, order: StandingOrder) -> str | None:
        """Let ``order`` stand instead of the one before; return why it would not survive a restart, or None."""
        self.timed = order
        return self._save()

    def withdraw(self, kind: OrderKind) -> tuple[bool, str | None]:
        """End the pause, hold or self-use, or the choice of a strategy; return whether there was one, and as above."""
        if kind is OrderKind.STRATEGY:
            if self.choice is None:
                return False, None
            self.choice = None
        else:
            if self.timed is None or self.timed.kind is not kind:
                return False, None
            self.timed = None
        return True, self._save()

    def choose(self, name: str, now: datetime, by: str) -> str | None:
        """Put ``name``, one of the strategies, in charge; choosing the configured one ends the choice. As above."""
        configured = self.options.configured
        choice = StrategyChoice(name=name, instead_of=configured, asked_at=now, by=by)
        self.choice = None if name == configured else choice
        return self._save()

    def refresh(self, now: datetime) -> bool:
        """End what is over; return whether anything was."""
        order = self.timed
        if order is None or now < order.until:
            return False
        self.timed = None
        self._tell("order", "info", self._words(now).ended(order.kind, order.until))
        self._save()
        return True

    def left_s(self, now: datetime) -> float | None:
        """Return the seconds until the pause, hold or self-use ends, 0 or more; None where none stands."""
        return None if self.timed is None else max(0.0, (self.timed.until - now).total_seconds())

    # -- what it means -----------------------------------------------------------------------------------------

    def proposal(self, context: DecisionContext) -> Proposal | None:
        """Return what the pause, hold or self-use that stands asks for now."""
        order = self.timed
        if order is None or context.at >= order.until:
            return None
        reason = self._words(context.at).reason(order.kind, order.until)
        expires_at = min(floor_to_grid(context.at) + MTU, order.until) + _GRACE
        return Proposal(
            source=ORDER_SOURCE,
            priority=Priority.PAUSE if order.kind is OrderKind.PAUSE else Priority.PERSON,
            command=Command(mode=_MODE[order.kind], expires_at=expires_at, reason=reason),
            reason=reason,
            confidence_pct=100.0,
            expires_at=expires_at,
        )

    def with_orders(
        self,
        context: DecisionContext,
        envelope: SafetyEnvelope,
        wishes: Sequence[Proposal],
        charge: Proposal | None,
        charge_asked_at: datetime,
    ) -> tuple[Proposal, ...]:
        """Return all proposals of now: the strategy's ``wishes``, what stands, and the fast charge's ``charge``.

        Of two persons' proposals only the one that counts is left, for the arbiter takes them for equals: a fast charge
        charges beneath a hold as far as ``envelope`` lets it, and against a self-use the later of both counts. A pause
        is stronger than all.
        """
        own, timed = self.proposal(context), self.timed
        if own is None or timed is None:
            if charge is not None and charge.command.mode is Mode.HOLD:
                # A hold until a charge says "do not discharge"; it must not keep a strategy from charging.
                charges = any(wish.command.mode is Mode.CHARGE for wish in wishes)
                charge = None if charges else charge
        elif charge is not None and timed.kind is not OrderKind.PAUSE:
            if timed.kind is OrderKind.HOLD:
                is_refused = isinstance(narrow_to_envelope(charge.command, envelope), Refused)
                counts = charge.command.mode is Mode.CHARGE and not is_refused
            else:
                counts = charge_asked_at > timed.asked_at
            own, charge = (None, charge) if counts else (own, None)
        return tuple(wish for wish in (*wishes, charge, own) if wish is not None)

    # -- surviving a restart -----------------------------------------------------------------------------------

    def _words(self, now: datetime) -> OrderWords:
        return OrderWords(self.options.language, self.options.zone, now)

    def _save(self) -> str | None:
        try:
            self._store.put_state(ORDERS_KEY, self._to_state())
        except StorageError as error:
            self._tell("storage", "error", f"the orders that stand could not be kept: {error}")
            return str(error)
        return None

    def _to_state(self) -> dict[str, object]:
        timed, choice = self.timed, self.choice
        return {
            "version": _VERSION,
            "timed": None
            if timed is None
            else {
                "kind": timed.kind.value,
                "until": timed.until.isoformat(),
                "asked_at": timed.asked_at.isoformat(),
                "by": timed.by,
            },
            "strategy": None
            if choice is None
            else {
                "name": choice.name,
                "instead_of": choice.instead_of,
                "asked_at": choice.asked_at.isoformat(),
                "by": choice.by,
            },
        }

    def _load(self) -> None:
        try:
            saved = self._store.get_state(ORDERS_KEY)
            self.timed, self.choice = _from_state(saved)
        except StorageError as error:
            self._tell("storage", "error", f"the orders that stood are not known: {error}")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            self._tell("order", "error", ORDER_SENTENCES[self.options.language]["lost"].format(error=f"{error!r:.200}"))
        choice, options = self.choice, self.options
        if choice is None:
            return
        if choice.instead_of == options.configured and choice.name in options.strategies:
            return
        self.choice = None
        lost, now = (called(name, options.language) for name in (choice.name, options.configured))
        told = ORDER_SENTENCES[options.language]["lapsed"].format(name=lost, by=choice.by, configured=now)
        self._tell("order", "info", told)
        self._save()


def _from_state(saved: object | None) -> tuple[StandingOrder | None, StrategyChoice | None]:
    if saved is None:
        return None, None
    if not isinstance(saved, dict) or saved.get("version") != _VERSION:
        raise ValueError("not orders of this version")
    timed, choice = saved["timed"], saved["strategy"]
    order = None
    if timed is not None:
        kind = OrderKind(timed["kind"])
        if kind not in _TIMED:
            raise ValueError(f"{kind} does not stand until a time")
        order = StandingOrder(
            kind=kind, until=_time(timed["until"]), asked_at=_time(timed["asked_at"]), by=str(timed["by"])
        )
    chosen = None
    if choice is not None:
        chosen = StrategyChoice(
            name=str(choice["name"]),
            instead_of=str(choice["instead_of"]),
            asked_at=_time(choice["asked_at"]),
            by=str(choice["by"]),
        )
    return order, chosen


def _time(text: str) -> datetime:
    return require_utc(datetime.fromisoformat(text))
