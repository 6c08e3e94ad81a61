"""Decision Engine Manager: gathers what is known, asks the strategies, and lets the arbiter choose."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hems.coordination.fast_charge_controller import FastChargeController
from hems.coordination.order_book import OrderBook
from hems.coordination.price_service import PriceService
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.optimal_strategy import OptimalStrategy
from hems.domain.command import Command, Mode
from hems.domain.decision import Decision, DecisionContext, Proposal
from hems.domain.plan import NoPlan, Plan
from hems.domain.readings import SiteSnapshot
from hems.domain.safety import SafetyEnvelope
from hems.domain.time_grid import next_on_grid
from hems.ports.strategy import Strategy

POWER_STEP_W = 100.0
"""Power is asked for in whole steps, rounded down: a limit that follows the battery's voltage would otherwise change
by a few watts at every decision and cost a register write each time."""

HISTORY_LENGTH = 96
"""Decisions kept at hand for the status: a day of quarters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionOptions:
    """How often a decision is due, and how far ahead prices are shown to what plans."""

    interval: timedelta
    arbiter: ArbiterOptions
    with_shadows: bool = True
    """Whether the strategies that are not in charge are computed too."""
    price_horizon: timedelta = timedelta(hours=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What the executor has in force: the lease, since when, and who asked for it."""

    command: Command | None
    since: datetime | None
    source: str | None


class DecisionEngineManager:
    """Decides; never acts."""

    def __init__(
        self,
        strategies: Sequence[Strategy],
        fast_charge: FastChargeController,
        prices: PriceService,
        options: DecisionOptions,
        orders: OrderBook,
    ) -> None:
        self.strategies = tuple(strategies)
        """All strategies, in the order of a status screen."""
        self._orders = orders
        self._fast_charge = fast_charge
        self._prices = prices
        self._options = options
        self._history: deque[Decision] = deque(maxlen=HISTORY_LENGTH)
        self._plan: Plan | NoPlan | None = None
        self.decision_count = 0

    @property
    def history(self) -> tuple[Decision, ...]:
        """The latest decisions, oldest first."""
        return tuple(self._history)

    @property
    def last(self) -> Decision | None:
        """The latest decision, or None before the first."""
        return self._history[-1] if self._history else None

    @property
    def plan(self) -> Plan | NoPlan | None:
        """The plan behind the latest decision, or why there is none; None where another strategy is in charge."""
        return self._plan

    def next_due(self, now: datetime) -> datetime:
        """Return the next decision on the grid of the market."""
        return next_on_grid(now, self._options.interval)

    def context(self, now: datetime, snapshot: SiteSnapshot, in_force: InForce) -> DecisionContext:
        """Return all that the strategies may know at ``now``."""
        own_sources = {strategy.name for strategy in self.strategies}
        command = in_force.command
        charging = command is not None and command.mode is Mode.CHARGE and in_force.source in own_sources
        return DecisionContext(
            at=now,
            snapshot=snapshot,
            price=self._prices.price_context(now),
            active=command,
            active_since=self._since(in_force),
            charging=charging,
            decision_interval_s=self._options.interval.total_seconds(),
        )

    def decide(self, context: DecisionContext, envelope: SafetyEnvelope) -> Decision:
        """Return the decision for ``context`` within ``envelope``, and remember it."""
        decision = arbitrate(context, self._proposals(context, envelope), envelope, self._options.arbiter)
        shadows = self._shadows(context)
        score = decision.score or next((shadow.score for shadow in shadows if shadow.score is not None), None)
        decision = replace(decision, command=in_whole_steps(decision.command), shadows=shadows, score=score)
        planner = self.in_charge
        self._plan = planner.plan_for(context) if isinstance(planner, OptimalStrategy) else None
        self._history.append(decision)
        self.decision_count += 1
        return decision

    @property
    def in_charge(self) -> Strategy:
        """The strategy whose proposal counts: the configured one, or the one that a person chose."""
        return next(strategy for strategy in self.strategies if strategy.name == self._orders.in_charge)

    def _since(self, in_force: InForce) -> datetime | None:
        """Return since when the mode in force runs; None where the strategy that asked for it is in charge no more.

        Steadiness is among the wishes of one strategy: what another one began ends when a person puts it aside.
        """
        others = {strategy.name for strategy in self.strategies} - {self._orders.in_charge}
        return None if in_force.source in others else in_force.since

    def _shadows(self, context: DecisionContext) -> tuple[Proposal, ...]:
        """Return what the strategies that are not in charge would do now."""
        if not self._options.with_shadows:
            return ()
        wishes = (strategy.propose(context) for strategy in self.strategies if strategy.name != self._orders.in_charge)
        return tuple(wish for wish in wishes if wish is not None)

    def _proposals(self, context: DecisionContext, envelope: SafetyEnvelope) -> tuple[Proposal, ...]:
        wish = self.in_charge.propose(context)
        wishes = () if wish is None else (wish,)
        request, asked = self._fast_charge.request, None
        if request is not None:
            prices = self._prices.retail_between(context.at, context.at + self._options.price_horizon)
            lasting = envelope.lasting_bounds
            bound_w = min(lasting.charge_max_w, lasting.forced_charge_max_w)
            asked = self._fast_charge.propose(context, prices, charge_bound_w=bound_w)
        asked_at = context.at if request is None else request.asked_at
        return self._orders.with_orders(context, envelope, wishes, asked, asked_at)


def in_whole_steps(command: Command) -> Command:
    """Return ``command`` with its power rounded down to a whole step; less than one step stays as it is."""
    if command.power_w is None or command.power_w < POWER_STEP_W:
        return command
    return replace(command, power_w=command.power_w // POWER_STEP_W * POWER_STEP_W)
