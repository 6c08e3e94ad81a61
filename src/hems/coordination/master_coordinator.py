"""The Master Coordinator: owns the task group and the clocked cycle.

Each poll: read, make safe, verify, end what is over. On the market's grid, and when something new is known: decide,
act, record. Everything else of the product is called from here, once per cycle, in this order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from hems.coordination.action_executor_manager import ActionExecutorManager, self_use
from hems.coordination.data_collection_manager import DataCollectionManager
from hems.coordination.decision_engine_manager import DecisionEngineManager, InForce
from hems.coordination.energy_ledger import EnergyLedger
from hems.coordination.events import EventLog
from hems.coordination.fast_charge_controller import FastChargeController
from hems.coordination.forecast_service import ForecastService
from hems.coordination.health import HealthMonitor
from hems.coordination.order_book import OrderBook
from hems.coordination.origin import OriginTracker
from hems.coordination.outlook_builder import OutlookBuilder
from hems.coordination.pacing import Pacing
from hems.coordination.plan_watch import PlanWatch
from hems.coordination.price_service import PriceService
from hems.coordination.protection import Protection
from hems.coordination.safety_guard import SAFETY_SOURCE, STOPPING_CAUSES, SafetyGuard
from hems.coordination.shadow_houses import ShadowHouses
from hems.coordination.verification import Proof
from hems.domain.command import AlreadySo, Applied, Command, Mode, Unreachable, WritePurpose
from hems.domain.decision import Decision, DecisionContext, StoredOrigin
from hems.domain.errors import StorageError
from hems.domain.readings import SiteSnapshot, unknown_snapshot
from hems.domain.record import ActionRecord, CycleRecord, SampleRecord, SystemState, Trigger
from hems.domain.safety import SafetyEnvelope
from hems.ports.clock import Clock
from hems.ports.storage import RecordStore

log = structlog.get_logger(__name__)


SHORTEST_INTERVAL_S = 0.5
"""Between two cycles at the end of a lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorOptions:
    """The cadence of the cycle."""

    poll_interval: timedelta
    health_interval: timedelta
    emergency_soc_pct: float
    control_check_interval: timedelta = timedelta(seconds=60)
    """How often the control registers are compared with the lease: another client may have changed them."""
    uncertain_interval: timedelta = timedelta(seconds=10)
    """How soon it is looked again, at the latest, while what the inverter does is not known."""
    silent_write_interval: timedelta = timedelta(seconds=30)
    """How often a protective write is tried while the inverter answers no poll."""
    no_grid_energy_into_export: bool = True
    """Whether only what the sun gave may be sold out of the battery."""


@dataclass(slots=True, kw_only=True)
class Parts:
    """Everything the coordinator conducts."""

    clock: Clock
    collection: DataCollectionManager
    safety: SafetyGuard
    decisions: DecisionEngineManager
    actions: ActionExecutorManager
    fast_charge: FastChargeController
    orders: OrderBook
    prices: PriceService
    forecasts: ForecastService
    outlook: OutlookBuilder
    health: HealthMonitor
    events: EventLog
    store: RecordStore
    ledger: EnergyLedger | None = None
    """Made when the inverter is first opened: it needs the battery as the inverter reports it."""
    origin: OriginTracker | None = None
    """Made with it, where there is a battery."""
    shadows: ShadowHouses | None = None
    """None where the strategies are not compared."""


class MasterCoordinator:
    """One process that orchestrates everything."""

    def __init__(
        self, parts: Parts, options: CoordinatorOptions, on_cycle: Callable[[MasterCoordinator, bool], None]
    ) -> None:
        """``on_cycle`` is called after every cycle with whether something worth publishing happened."""
        self.parts = parts
        self.options = options
        self._on_cycle = on_cycle
        self.state = SystemState.STARTING
        self.snapshot: SiteSnapshot | None = None
        self.envelope: SafetyEnvelope | None = None
        self.last_action: ActionRecord | None = None
        self.last_trigger: Trigger | None = None
        self.last_context: DecisionContext | None = None
        self.stop_reason: str | None = None
        self._source: str | None = None
        self._next_decision_at: datetime | None = None
        self.pacing = Pacing(parts.clock)
        self._told: ActionRecord | None = None
        """What the inverter was told in the cycle under way."""
        self._wake: Trigger | None = Trigger.START
        # In seconds that never go back: a clock that is set must not stop these.
        self._next_health_s = self._next_control_check_s = parts.clock.monotonic()
        self._protection = Protection(
            parts.clock, parts.safety, parts.actions, parts.events, options.silent_write_interval, self._remember_action
        )
        self._soc_was_low: bool | None = None
        self._plan_watch = PlanWatch()
        self._news = False

    @property
    def next_decision_at(self) -> datetime | None:
        """When the next decision is due by schedule."""
        return self._next_decision_at

    @property
    def source(self) -> str | None:
        """Who asked for the mode in force; None in plain self-use."""
        return self._source if self.parts.actions.active is not None else None

    # -- running ---------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then put the inverter back to self-use and leave everything in order.

        Raises: PermanentError: the inverter or its battery can never be controlled as configured.
        """
        self.parts.events.add("started", "info", "the coordinator has started")
        beside = [
            asyncio.create_task(self.parts.prices.run(), name="prices"),
            asyncio.create_task(self.parts.forecasts.run(), name="forecasts"),
            asyncio.create_task(self.pacing.rouse_at(stop), name="rouse at the stop"),
        ]
        try:
            await self._cycle_until(stop)
            self.stop_reason = self.stop_reason or "asked to stop"
        except BaseException as error:
            self.stop_reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            self.pacing.stopped()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._shut_down()

    async def _cycle_until(self, stop: asyncio.Event) -> None:
        self.pacing.start()
        while not stop.is_set():
            await self.cycle()
            await self.pacing.until_next(stop, self._interval_s())

    def _interval_s(self) -> float:
        """Return how long to wait for the next cycle: shorter where a lease ends before, or nothing is known."""
        interval_s, actions = self.options.poll_interval.total_seconds(), self.parts.actions
        if actions.is_uncertain:
            interval_s = min(interval_s, self.options.uncertain_interval.total_seconds())
        for left_s in (actions.lease_left_s, self.parts.orders.left_s(self.parts.clock.now())):
            if left_s is not None:
                interval_s = min(interval_s, max(left_s, SHORTEST_INTERVAL_S))
        return interval_s

    async def _shut_down(self) -> None:
        reason = self.stop_reason or "unknown"
        # Told first: a silent inverter keeps the stop waiting for its time-outs.
        self.parts.events.add("stopping", "info", f"stopping ({reason}): putting the inverter back to self-use")
        self._show(news=True)
        result = await self.parts.actions.shut_down()
        severity = "info" if isinstance(result, Applied | AlreadySo) else "error"
        self.parts.events.add("stopped", severity, f"stopped ({reason}); restoring self-use: {_outcome(result)}")
        self.state = SystemState.STOPPED
        try:
            self.parts.health.check()
            self._save_ledgers()
        except StorageError as error:
            log.error("state not saved", error=str(error))
        self._show(news=True)
        try:
            self.parts.store.flush()
        except StorageError as error:
            log.error("the last records are not on disk", error=str(error))

    def _show(self, *, news: bool) -> None:
        """Show the state; whatever is wrong with showing must neither stop the control nor the way back to self-use."""
        try:
            self._on_cycle(self, news)
        except Exception:
            log.exception("the state could not be shown")

    # -- the cycle -------------------------------------------------------------------------------------------

    async def cycle(self) -> None:
        """One pass: collect, make safe, verify, decide where due, record."""
        parts = self.parts
        raw = await parts.collection.poll()
        now = parts.clock.now()
        self._told = None
        is_asked = self.pacing.begin()  # after the poll: what was ordered while it took its time is seen too
        envelope, snapshot = parts.safety.evaluate(raw, now, parts.collection.last_success_at)
        changed = self.envelope is None or envelope.causes != self.envelope.causes
        released = changed and self.envelope is not None and bool(self.envelope.causes - envelope.causes)
        self.envelope, self.snapshot = envelope, snapshot
        is_fresh = raw is not None
        await self._end_what_is_over(snapshot, now)
        self._source = await self._protection.act(envelope, snapshot, self._source, now, is_fresh=is_fresh)
        parts.safety.keep()
        if is_fresh and parts.ledger is not None:
            parts.ledger.observe(snapshot, parts.prices.retail(now), forced=parts.actions.active is not None)
        if is_fresh and parts.origin is not None:
            parts.origin.observe(snapshot)
        await self._follow_up(snapshot, now, is_fresh=is_fresh)
        trigger = self._trigger(now, snapshot, released=released, is_asked=is_asked)
        decision = await self._decide_where_due(trigger, snapshot, envelope, now)
        self._set_state(envelope)
        self.pacing.finish(decision, self._told)
        self._sample(snapshot if is_fresh else unknown_snapshot(now, "the inverter did not answer"), now)
        self._check_health()
        self._show(news=changed or self._news)
        self._news = False

    async def rehearse(self) -> Decision | None:
        """Go through one cycle without a word to the control registers; None where the inverter gave nothing."""
        parts = self.parts
        raw = await parts.collection.poll()
        now = parts.clock.now()
        self.envelope, self.snapshot = parts.safety.evaluate(raw, now, parts.collection.last_success_at)
        if raw is None:
            return None
        in_force = InForce(command=None, since=None, source=None)
        context = self._context(now, self.snapshot, self.envelope, in_force)
        self.last_trigger = Trigger.TEST
        self._next_decision_at = parts.decisions.next_due(now)
        self.state = SystemState.MONITORING if not self.envelope.causes & STOPPING_CAUSES else SystemState.ERROR
        return parts.decisions.decide(context, self.envelope)

    async def _end_what_is_over(self, snapshot: SiteSnapshot, now: datetime) -> None:
        actions = self.parts.actions
        active = actions.active
        if active is not None and actions.lease_is_over(now):
            await self._end(Trigger.LEASE_EXPIRED, "the lease expired", now)
        elif active is not None and actions.target_reached(snapshot):
            # A person's wish goes on where this charge ended: it holds what it has, or charges further.
            # A plan meant what follows too: the battery may have to be held.
            after = Trigger.JUMP if self.parts.decisions.plan is not None else None
            wake = Trigger.PERSON if self.parts.fast_charge.request is not None else after
            await self._end(wake, f"the target of {active.target_soc_pct:.0f} % is reached", now)

    async def _follow_up(self, snapshot: SiteSnapshot, now: datetime, *, is_fresh: bool) -> None:
        """Prove what is in force, and see whether someone else changed it."""
        actions = self.parts.actions
        if is_fresh:
            proof = actions.observe(snapshot, now)
            self._news = self._news or proof is Proof.CONFIRMED
            if proof is Proof.REFUTED:
                self._wake = Trigger.VERIFICATION_FAILED
        elapsed_s = self.parts.clock.monotonic()
        if is_fresh and elapsed_s >= self._next_control_check_s:
            self._next_control_check_s = elapsed_s + self.options.control_check_interval.total_seconds()
            record = await actions.reconcile(now)
            if record is not None:
                self._remember_action(record)

    async def _end(self, wake: Trigger | None, reason: str, now: datetime) -> None:
        self._remember_action(await self.parts.actions.end_lease(WritePurpose.RESTORE, reason, now))
        self.parts.events.add("lease_ended", "info", f"back to self-use: {reason}")
        self._source = None
        self._wake = wake or self._wake

    # -- deciding --------------------------------------------------------------------------------------------

    def _trigger(self, now: datetime, snapshot: SiteSnapshot, *, released: bool, is_asked: bool) -> Trigger | None:
        """Return why a decision is due now, or None; the first one waits for the first reading, or for a person."""
        is_new = [self.parts.fast_charge.refresh(now), self.parts.orders.refresh(now), is_asked]
        if any(is_new):
            return Trigger.PERSON
        if self._wake is not None and (self.parts.collection.last_success_at or self._wake is not Trigger.START):
            wake, self._wake = self._wake, None
            return wake
        if self.parts.prices.take_news():
            return Trigger.NEW_PRICES
        if released:
            return Trigger.SAFETY_CHANGED
        if self._soc_fell_to_emergency(snapshot) or self._left_plan(snapshot, now):
            return Trigger.JUMP
        due_at = self._next_decision_at
        if due_at is not None and (now >= due_at or due_at > self.parts.decisions.next_due(now)):
            return Trigger.SCHEDULE  # the second: the clock was set back, and the old due time is far off
        return None

    def _soc_fell_to_emergency(self, snapshot: SiteSnapshot) -> bool:
        soc_pct = snapshot.battery.soc_pct
        if soc_pct is None:
            return False
        was_low, self._soc_was_low = self._soc_was_low, soc_pct <= self.options.emergency_soc_pct
        return self._soc_was_low and was_low is False

    def _left_plan(self, snapshot: SiteSnapshot, now: datetime) -> bool:
        reason = self._plan_watch.why_left(snapshot, now)
        if reason is not None:
            log.info("reality has left the plan", reason=reason)
        return reason is not None

    def _context(
        self, now: datetime, snapshot: SiteSnapshot, envelope: SafetyEnvelope, in_force: InForce
    ) -> DecisionContext:
        """Return all that may be known for a decision at ``now``."""
        origin = self._stored_origin()
        outlook = self.parts.outlook.build(now, snapshot, envelope, origin)
        return replace(self.parts.decisions.context(now, snapshot, in_force), origin=origin, outlook=outlook)

    async def _decide_where_due(
        self, trigger: Trigger | None, snapshot: SiteSnapshot, envelope: SafetyEnvelope, now: datetime
    ) -> Decision | None:
        if trigger is None:
            return None
        parts, actions = self.parts, self.parts.actions
        self._next_decision_at = parts.decisions.next_due(now)
        in_force = InForce(command=actions.active, since=actions.active_since, source=self._source)
        context = self._context(now, snapshot, envelope, in_force)
        decision = parts.decisions.decide(context, envelope)
        # Where a person's order goes before the plan, reality is meant to leave it.
        self._plan_watch.follow(parts.decisions.plan if decision.reasoning is not None else None, now)
        action = None
        if self._source != SAFETY_SOURCE:
            action = await self._act(decision.command, decision.source, now)
        parts.store.add_cycle(
            CycleRecord(at=now, trigger=trigger, context=context, envelope=envelope, decision=decision, action=action)
        )
        if parts.shadows is not None:
            parts.shadows.decide(context)
        self.last_trigger = trigger
        self.last_context = context
        self._news = True
        log.info(
            "decided",
            trigger=trigger.value,
            mode=decision.mode.value,
            confidence_pct=round(decision.confidence_pct),
            reason=decision.reason,
        )
        return decision

    def _stored_origin(self) -> StoredOrigin | None:
        """Return where the stored energy came from, or None where the owner lets any of it be sold."""
        if not self.options.no_grid_energy_into_export:
            return None
        tracker = self.parts.origin
        if tracker is None or tracker.ledger is None:
            return StoredOrigin(pv_wh=None, grid_wh=None, capacity_wh=0.0 if tracker is None else tracker.capacity_wh)
        ledger = tracker.ledger
        return StoredOrigin(pv_wh=ledger.pv_wh, grid_wh=ledger.grid_wh, capacity_wh=tracker.capacity_wh)

    async def _act(self, command: Command, source: str, now: datetime) -> ActionRecord:
        actions = self.parts.actions
        paused_until = actions.forced_paused_until(now)
        if command.is_forced and paused_until is not None:
            command = self_use(now, f"forced modes rest until {paused_until:%H:%M} UTC: the inverter did not obey")
        record = await actions.execute(command, WritePurpose.DECISION, now)
        self._remember_action(record)
        self._source = source if actions.active is not None else None
        if isinstance(record.result, Unreachable):
            log.warning("decision not carried out", detail=record.result.detail)
        return record

    # -- remembering -----------------------------------------------------------------------------------------

    def _remember_action(self, record: ActionRecord) -> None:
        if isinstance(record.result, AlreadySo):
            return
        self.last_action = self._told = record
        self._news = True
        log.info("acted", asked=record.asked, result=_outcome(record.result), writes=record.register_writes)

    def _set_state(self, envelope: SafetyEnvelope) -> None:
        active = self.parts.actions.active
        if envelope.causes & STOPPING_CAUSES or self._source == SAFETY_SOURCE:
            state = SystemState.ERROR
        elif active is None:
            state = SystemState.MONITORING
        else:
            state = SystemState.CHARGING if active.mode is Mode.CHARGE else SystemState.OPTIMIZING
        if self.parts.collection.last_success_at is None and not self.parts.collection.figures().consecutive_failures:
            state = SystemState.STARTING
        self._news = self._news or state is not self.state
        self.state = state
        self.parts.health.observe(state)

    def _sample(self, snapshot: SiteSnapshot, now: datetime) -> None:
        if not self.parts.collection.sample_due(snapshot):
            return
        active = self.parts.actions.active
        self.parts.store.add_sample(
            SampleRecord(
                snapshot=snapshot,
                state=self.state,
                mode=(active.mode if active is not None else Mode.SELF_USE).value,
                price_per_mwh=self.parts.prices.price_context(now).price_per_mwh,
            )
        )

    def _save_ledgers(self) -> None:
        """Keep what was counted. Raises: StorageError."""
        for ledger in (self.parts.ledger, self.parts.origin, self.parts.shadows):
            if ledger is not None:
                ledger.save(self.parts.store)

    def _check_health(self) -> None:
        elapsed_s = self.parts.clock.monotonic()
        if elapsed_s < self._next_health_s:
            return
        self._next_health_s = elapsed_s + self.options.health_interval.total_seconds()
        try:
            self.parts.health.check()
            self._save_ledgers()
        except StorageError as error:
            self.parts.events.add("storage", "error", f"state could not be kept: {error}")


def _outcome(result: object) -> str:
    detail = getattr(result, "detail", "")
    return f"{type(result).__name__}{f' ({detail})' if detail else ''}"
