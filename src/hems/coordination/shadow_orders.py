"""What one shadow house is told to do, and what it may know when it is asked: as the real one, from its own state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from hems.coordination.decision_engine_manager import in_whole_steps
from hems.coordination.shadow_state import ShadowHouse
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, StoredOrigin
from hems.domain.outlook import HomeModel
from hems.domain.record import EnergySlot
from hems.domain.safety import Bounds, SafetyEnvelope
from hems.domain.time_grid import MTU
from hems.planning.problem import READING_STEP_PCT
from hems.ports.strategy import Strategy

ORDERS_KEPT = 4
"""A quarter may be closed after the next one's decision: the last poll before a silence does not close it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What holds from the start of a quarter on: a command, None in self-use, and the mode after its target."""

    quarter: datetime
    command: Command | None
    after_target: Mode = Mode.SELF_USE


@dataclass(slots=True)
class Standing:
    """What one house has in force. A restart begins in self-use, as the real house does."""

    command: Command | None = None
    since: datetime | None = None
    """Of the last change of mode, back to self-use included."""
    _orders: list[Order] = field(default_factory=list)

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return Mode.SELF_USE if self.command is None else self.command.mode

    def take(self, order: Order, at: datetime) -> None:
        """Put ``order`` in force."""
        self._change_to(order.command, at)
        self._orders = [*(kept for kept in self._orders if kept.quarter < order.quarter), order][-ORDERS_KEPT:]

    def order_in(self, slot: EnergySlot) -> Order:
        """Return what held in ``slot``: a lease that ends inside a quarter it was not given for does not."""
        for order in reversed(self._orders):
            if order.quarter > slot.start:
                continue
            command = order.command
            if order.quarter == slot.start or command is None or command.expires_at >= slot.start + MTU:
                return order
            break
        return Order(quarter=slot.start, command=None)

    def end_at_target(self, order: Order, at: datetime) -> None:
        """Let what comes after the target of ``order`` take its place."""
        command = order.command
        if command is None:
            return
        rest = replace(command, mode=order.after_target, power_w=None, target_soc_pct=None)
        after = rest if rest.is_forced else None
        if self.command is command:
            self._change_to(after, at)
        ended = replace(order, command=after)
        self._orders = [ended if kept is order else kept for kept in self._orders]

    def end_what_is_over(self, soc_pct: float, at: datetime) -> None:
        """Return to self-use where the lease has run out or its target would read as reached."""
        if _is_over(self.command, soc_pct, at):
            self._change_to(None, at)

    def _change_to(self, command: Command | None, at: datetime) -> None:
        before, self.command = self.mode, command
        if self.mode is not before:
            self.since = at


def order_of(
    strategy: Strategy, context: DecisionContext, quarter: datetime, home: HomeModel, arbiter: ArbiterOptions
) -> Order:
    """Return what ``strategy`` orders for ``quarter``, its proposal having gone the way of a real one.

    ``context`` is the house's own. Bounds are the home's limits: those of the real battery's present state are not its.
    """
    proposal = strategy.propose(context)
    bounds = Bounds(forced_charge_max_w=home.charge_max_w, forced_discharge_max_w=home.discharge_max_w)
    envelope = SafetyEnvelope(at=context.at, bounds=bounds)
    decision = arbitrate(context, [] if proposal is None else [proposal], envelope, arbiter)
    command = _as_possible(in_whole_steps(decision.command), home)
    # A plan meant what follows its target too: it is made anew there, and does not let the house draw on it.
    holds = proposal is not None and proposal.reasoning is not None and Mode.HOLD in home.modes
    return Order(
        quarter=quarter,
        command=command if command.is_forced else None,
        after_target=Mode.HOLD if holds else Mode.SELF_USE,
    )


def own_context(context: DecisionContext, house: ShadowHouse, standing: Standing, home: HomeModel) -> DecisionContext:
    """Return ``context`` as it would be, had this house's battery been the real one.

    What the real decision could not know is unknown here too; what the real battery and grid do is another house's.
    """
    battery, grid = context.snapshot.battery, context.snapshot.grid
    soc_pct = None if battery.soc_pct is None else 100.0 * house.stored_wh / home.capacity_wh
    snapshot = replace(
        context.snapshot,
        battery=replace(battery, soc_pct=soc_pct, power_w=None, current_a=None),
        grid=replace(grid, power_w=None),
    )
    origin = context.origin
    if origin is not None:
        grid_wh = max(house.stored_wh - house.exportable_wh, 0.0)
        origin = StoredOrigin(pv_wh=house.exportable_wh, grid_wh=grid_wh, capacity_wh=home.capacity_wh)
    outlook = context.outlook
    if outlook is not None:
        own = replace(home, exportable_wh=house.exportable_wh, discharged_today_wh=house.discharged_today_wh)
        outlook = replace(outlook, home=own)
    return replace(
        context,
        snapshot=snapshot,
        active=standing.command,
        active_since=standing.since,
        charging=standing.mode is Mode.CHARGE,
        origin=origin,
        outlook=outlook,
    )


def _is_over(command: Command | None, soc_pct: float, at: datetime) -> bool:
    """Return whether ``command`` has run out, or its target would read as reached: inverters tell whole percents."""
    if command is None:
        return False
    if command.expires_at <= at:
        return True
    target_pct, within_pct = command.target_soc_pct, READING_STEP_PCT / 2.0
    if target_pct is None:
        return False
    if command.mode is Mode.CHARGE:
        return soc_pct >= target_pct - within_pct
    return command.mode is Mode.DISCHARGE and soc_pct <= target_pct + within_pct


def _as_possible(command: Command, home: HomeModel) -> Command:
    """Return ``command`` without what this home's inverter would refuse."""
    if command.export_limit_w is not None and not home.can_limit_export:
        command = replace(command, export_limit_w=None)
    if command.mode in home.modes or command.mode is Mode.SELF_USE:
        return command
    return replace(command, mode=Mode.SELF_USE, power_w=None, target_soc_pct=None)
