"""The physics of one house: panels, battery, demand and grid behind one hybrid inverter.

Knows nothing of registers or of any planner. A controller gives an ``Order`` (what the inverter has been told); the
house does what physics and protection leave of it. Sign: positive delivers to the house, and in every step
``pv_w + battery_w + grid_w == load_w``. The battery's converter and idle losses are taken from its stored energy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from hems.simulation.battery import SECONDS_PER_HOUR, Battery
from hems.simulation.profiles import Profile, SmoothNoise


class Rule(Enum):
    """What steers the battery. ``Order.power_w`` is the figure each rule needs."""

    SELF_USE = auto()  # grid at 0 W
    GRID_AT = auto()  # grid at power_w, + imports
    BATTERY_AT = auto()  # battery at power_w, + discharges
    STORE_PV_AND = auto()  # all PV and up to power_w of the grid into the battery; the house lives on the grid
    INVERTER_AT = auto()  # the inverter's AC side at power_w, + delivers; PV is throttled to it
    RESERVE = auto()  # all PV into the battery and power_w of the grid; discharge only as an island
    PEAK_SHAVING = auto()  # grid import at most power_w
    STOP = auto()  # the inverter's power stage is off


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the inverter has been told to do, as physics needs it."""

    rule: Rule = Rule.SELF_USE
    power_w: float = 0.0
    charge_limit_a: float = float("inf")
    discharge_limit_a: float = float("inf")
    may_discharge: bool = True
    may_charge: bool = True
    may_discharge_island: bool = True
    export_limit_w: float | None = None
    island: bool = False
    """Forced off-grid although the grid is there."""
    battery_first: bool = False
    """Where the inverter's rating or the export cap binds, throttle PV before the battery."""
    refill_below_reserve: bool = False
    """PEAK_SHAVING only: buy for the battery with what the peak leaves free."""


class Connection(Enum):
    """How the inverter stands to the grid."""

    ON_GRID = auto()
    ISLAND = auto()
    WAITING = auto()  # tripped or reconnecting: the power stage is off, the grid feeds the house
    ISLAND_FAULT = auto()  # the backup side could not be fed and stays down until the grid is back


@dataclass(slots=True)
class GridState:
    """The public grid at the connection point."""

    present: bool = True
    voltage_v: float = 231.0
    frequency_hz: float = 50.0
    mean_voltage_v: float = 231.0
    forced_voltage_v: float | None = None
    forced_frequency_hz: float | None = None
    forced_absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TripLimits:
    """Where the inverter leaves the grid (EN 50549 as set for Poland)."""

    voltage_min_v: float = 195.5
    voltage_max_v: float = 264.5
    voltage_mean_max_v: float = 253.0
    frequency_min_hz: float = 47.5
    frequency_max_hz: float = 52.0
    reconnect_s: float = 60.0


@dataclass(slots=True)
class Flow:
    """Powers of the last step [W]; + delivers to the house."""

    pv_available_w: float = 0.0
    pv_w: float = 0.0
    battery_w: float = 0.0
    grid_w: float = 0.0
    load_w: float = 0.0
    backup_w: float = 0.0
    unserved_w: float = 0.0


@dataclass(slots=True)
class Counters:
    """Energy since the start [Wh]."""

    pv_wh: float = 0.0
    import_wh: float = 0.0
    export_wh: float = 0.0
    load_wh: float = 0.0
    charge_wh: float = 0.0
    discharge_wh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseSpec:
    """What is built in."""

    rated_w: float
    phases: int = 1
    grid_ohm: float = 0.35
    backup_share: float = 0.2
    """Share of the demand that hangs on the backup output."""
    trips: TripLimits = field(default_factory=TripLimits)


ISLAND_PATIENCE_S = 13.0
"""How long the backup side tries before it faults and stays down: measured on a GW8KN-ET with discharge current 0."""

MEAN_WINDOW_S = 600.0


class House:
    """One house; ``step`` moves it on."""

    def __init__(
        self, spec: HouseSpec, battery: Battery | None, *, pv: Profile, load: Profile, ambient_c: Profile, seed: int
    ) -> None:
        self.spec = spec
        self.battery = battery
        self.pv = pv
        self.load = load
        self.ambient_c = ambient_c
        self.grid = GridState()
        self.flow = Flow()
        self.counters = Counters()
        self.connection = Connection.ON_GRID
        self.powered = True
        """False while the inverter reboots."""
        self._voltage_noise = SmoothNoise(seed, "grid voltage", 300.0)
        self._frequency_noise = SmoothNoise(seed, "grid frequency", 45.0)
        self._reconnect_in_s = 0.0
        self._overloaded_s = 0.0

    def step(self, at: datetime, dt_s: float, order: Order) -> None:
        """Move the house from ``at`` on by ``dt_s`` seconds (> 0) under ``order``."""
        flow, battery = self.flow, self.battery
        flow.pv_available_w = max(0.0, self.pv(at))
        demand_w = max(0.0, self.load(at))
        flow.unserved_w = 0.0
        self._sense_grid(at, dt_s)
        self._connect(dt_s, order)
        charge_w = discharge_w = 0.0
        if battery is not None:
            battery.refresh_limits()
            if order.may_charge:
                charge_w = min(battery.charge_max_w(dt_s), order.charge_limit_a * battery.voltage_v)
            if order.may_discharge:
                discharge_w = min(battery.discharge_max_w(dt_s), order.discharge_limit_a * battery.voltage_v)
        backup_w = self.spec.backup_share * demand_w
        if self.connection is Connection.ON_GRID:
            pv_w, battery_w = dispatch(order, flow.pv_available_w, demand_w, charge_w, discharge_w, self.spec.rated_w)
            load_w = demand_w
        elif self.connection is Connection.ISLAND:
            if battery is not None and order.may_discharge_island:
                discharge_w = min(battery.discharge_max_w(dt_s), order.discharge_limit_a * battery.voltage_v)
            pv_w, battery_w, backup_w = self._island(backup_w, charge_w, discharge_w, dt_s)
            load_w = backup_w + (demand_w * (1.0 - self.spec.backup_share) if self.grid.present else 0.0)
        else:
            pv_w = battery_w = 0.0
            load_w = demand_w if self.grid.present else 0.0
            backup_w = min(backup_w, load_w)
        flow.pv_w, flow.battery_w, flow.load_w, flow.backup_w = pv_w, battery_w, load_w, backup_w
        flow.unserved_w = demand_w - load_w
        flow.grid_w = load_w - pv_w - battery_w if self.grid.present else 0.0
        if battery is not None:
            battery.step(battery_w, dt_s, self.ambient_c(at))
        self._count(dt_s / SECONDS_PER_HOUR)

    def _sense_grid(self, at: datetime, dt_s: float) -> None:
        grid = self.grid
        grid.present = not grid.forced_absent
        if not grid.present:
            grid.voltage_v = grid.frequency_hz = 0.0
            return
        epoch_s = at.timestamp()
        if grid.forced_voltage_v is None:
            # Import pulls the connection point down, export lifts it.
            droop_v = self.flow.grid_w / (230.0 * self.spec.phases) * self.spec.grid_ohm
            grid.voltage_v = 231.5 + 2.0 * self._voltage_noise(epoch_s) - droop_v
        else:
            grid.voltage_v = grid.forced_voltage_v
        if grid.forced_frequency_hz is None:
            grid.frequency_hz = 50.0 + 0.03 * self._frequency_noise(epoch_s)
        else:
            grid.frequency_hz = grid.forced_frequency_hz
        grid.mean_voltage_v += (grid.voltage_v - grid.mean_voltage_v) * min(1.0, dt_s / MEAN_WINDOW_S)

    def _connect(self, dt_s: float, order: Order) -> None:
        """Trip, wait and reconnect as the protection demands."""
        grid, trips = self.grid, self.spec.trips
        if not self.powered:
            self.connection, self._reconnect_in_s = Connection.WAITING, trips.reconnect_s
            return
        if not grid.present:
            self._reconnect_in_s = trips.reconnect_s
            if self.battery is None or order.rule is Rule.STOP:
                self.connection = Connection.WAITING  # without a battery there is no island
            elif self.connection is not Connection.ISLAND_FAULT:
                self._enter_island()
            return
        healthy = (
            trips.voltage_min_v <= grid.voltage_v <= trips.voltage_max_v
            and grid.mean_voltage_v <= trips.voltage_mean_max_v
            and trips.frequency_min_hz <= grid.frequency_hz <= trips.frequency_max_hz
        )
        if not healthy:
            self.connection, self._reconnect_in_s = Connection.WAITING, trips.reconnect_s
        elif self._reconnect_in_s > 0.0:
            self.connection = Connection.WAITING
            self._reconnect_in_s -= dt_s
        elif order.island and self.battery is not None:
            self._enter_island()
        else:
            self.connection = Connection.ON_GRID

    def _enter_island(self) -> None:
        if self.connection not in (Connection.ISLAND, Connection.ISLAND_FAULT):
            self.connection, self._overloaded_s = Connection.ISLAND, 0.0

    def _island(self, backup_w: float, charge_w: float, discharge_w: float, dt_s: float) -> tuple[float, float, float]:
        """Return (pv, battery, served backup load) of an island [W]."""
        available_w = min(self.flow.pv_available_w, self.spec.rated_w)
        served_w = min(backup_w, self.spec.rated_w)
        if served_w > available_w + discharge_w or backup_w > self.spec.rated_w:
            self._overloaded_s += dt_s
            if self._overloaded_s >= ISLAND_PATIENCE_S:
                self.connection = Connection.ISLAND_FAULT
                return 0.0, 0.0, 0.0
            served_w = min(served_w, available_w + discharge_w)
        else:
            self._overloaded_s = 0.0
        battery_w = min(max(served_w - available_w, -charge_w), discharge_w)
        # What neither the backup loads nor the battery take is throttled.
        return served_w - battery_w, battery_w, served_w

    def _count(self, hours: float) -> None:
        flow, counters = self.flow, self.counters
        counters.pv_wh += flow.pv_w * hours
        counters.load_wh += flow.load_w * hours
        if flow.grid_w >= 0.0:
            counters.import_wh += flow.grid_w * hours
        else:
            counters.export_wh -= flow.grid_w * hours
        if flow.battery_w >= 0.0:
            counters.discharge_wh += flow.battery_w * hours
        else:
            counters.charge_wh -= flow.battery_w * hours


def dispatch(
    order: Order, pv_w: float, load_w: float, charge_w: float, discharge_w: float, rated_w: float
) -> tuple[float, float]:
    """Return (pv, battery) [W] on the grid: what ``order`` wants, within the battery, the rating and the export cap.

    ``pv_w`` is what the panels could give; ``charge_w`` and ``discharge_w`` (>= 0) are what the battery could take
    and give.
    """
    if order.rule is Rule.STOP:
        return 0.0, 0.0
    if order.rule is Rule.INVERTER_AT:
        pv_w, battery_w = _inverter_at(order.power_w, pv_w, charge_w, discharge_w)
    else:
        battery_w = min(max(_wanted_battery_w(order, pv_w, load_w), -charge_w), discharge_w)
    # The power stage carries its rating in either direction.
    pv_w, battery_w = _throttle(pv_w, battery_w, pv_w + battery_w - rated_w, order.battery_first)
    battery_w = max(battery_w, -rated_w - pv_w)
    export_limit_w = order.export_limit_w
    if order.rule is Rule.GRID_AT:
        # Buying or selling at a figure throttles PV to it where the battery cannot take the rest.
        export_limit_w = -order.power_w if export_limit_w is None else min(export_limit_w, -order.power_w)
    if export_limit_w is not None:
        excess_w = pv_w + battery_w - load_w - export_limit_w
        pv_w, battery_w = _throttle(pv_w, battery_w, excess_w, order.battery_first)
    return pv_w, battery_w


def _wanted_battery_w(order: Order, pv_w: float, load_w: float) -> float:
    rule, power_w = order.rule, order.power_w
    if rule is Rule.SELF_USE:
        return load_w - pv_w
    if rule is Rule.BATTERY_AT:
        return power_w
    if rule is Rule.GRID_AT:
        return load_w - pv_w - power_w
    if rule in (Rule.STORE_PV_AND, Rule.RESERVE):
        return -(pv_w + power_w)
    if rule is not Rule.PEAK_SHAVING:
        raise AssertionError(rule)
    net_w = load_w - pv_w
    if order.refill_below_reserve:
        return net_w - power_w
    return max(net_w - power_w, 0.0) if net_w > 0.0 else net_w


def _inverter_at(power_w: float, pv_w: float, charge_w: float, discharge_w: float) -> tuple[float, float]:
    """Return (pv, battery) with the inverter's AC side at ``power_w``; the grid is preferred when it is negative."""
    if power_w >= 0.0:
        pv_w = min(pv_w, power_w)
        return pv_w, min(power_w - pv_w, discharge_w)
    if charge_w <= 0.0:
        return pv_w, 0.0  # nothing may charge: the surplus feeds in
    bought_w = min(-power_w, charge_w)
    pv_w = min(pv_w, charge_w - bought_w)
    return pv_w, -(pv_w + bought_w)


def _throttle(pv_w: float, battery_w: float, excess_w: float, battery_first: bool) -> tuple[float, float]:
    """Take ``excess_w`` off: from the discharge, then from PV; the other way round with ``battery_first``."""
    if excess_w <= 0.0:
        return pv_w, battery_w
    if battery_first:
        cut_w = min(pv_w, excess_w)
        return pv_w - cut_w, battery_w - min(max(battery_w, 0.0), excess_w - cut_w)
    cut_w = min(max(battery_w, 0.0), excess_w)
    return max(0.0, pv_w - (excess_w - cut_w)), battery_w - cut_w
