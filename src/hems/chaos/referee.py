"""Watches the simulated physics at every step and says which promise was broken, when, and by how much.

It knows the house and the device, not the coordinator's opinion of them. From the coordinator it takes only what was
promised: until when a lease runs, and that a process is alive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from hems.domain.site import BatteryWindow
from hems.simulation.control import FLOOR_HYSTERESIS_PCT, Controller, Settings
from hems.simulation.house import Order, dispatch
from hems.simulation.simulated_inverter import SimulatedInverter

LEASE_GRACE_S = 60.0
"""How long a forced mode may outlast its lease: the promise."""

LIMIT_TOLERANCE_W = 1.0
"""A limit on export counts as the owner's within this: families keep it in whole watts or percents."""

NOTICEABLE_W = 150.0
"""Power below this is the inverter's dead band and the meter's noise."""

DEAF = frozenset({"asleep", "reboot", "reboot_reset", "exception", "ack_only", "app_overwrite"})
"""Faults under which the inverter does not hear, or does not do as it is told, whoever tells it."""

BLIND = DEAF | {
    *("drop", "delay", "truncate", "bad_crc", "steal"),
    *("stale", "stale_clock", "sentinels", "no_bms", "soc_glitch", "delayed_apply"),
}
"""Faults under which the coordinator may not see what happens, so that it needs its time to give up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One broken promise."""

    invariant: int
    at: datetime
    said: str

    def __str__(self) -> str:
        return f"invariant {self.invariant} at {self.at:%Y-%m-%d %H:%M:%S} UTC: {self.said}"


class Promises(Protocol):
    """What the coordinator stands for at this moment."""

    def lease_over_s(self, at: datetime) -> float:
        """Return for how long a lease has been over ``at`` a true time; 0 while one runs, inf where there is none."""
        ...

    def export_lease_over_s(self, at: datetime) -> float:
        """Return the same for a lease with a limit on export: one without excuses no limit that is left."""
        ...

    def nobody_can_end_a_limit(self, at: datetime) -> bool:
        """Return whether nobody can put back the owner's limit: unlike a slot it has no end of its own."""
        ...

    def window(self) -> BatteryWindow | None:
        """Return the battery's window, or None before the first reading."""
        ...

    def nobody_can_act(self, at: datetime) -> bool:
        """Return whether nobody can act: no host, a process that hangs, a restore hook on its way."""
        ...


@dataclass(slots=True)
class Worst:
    """The closest call to each limit that depends on time [s]."""

    forced_without_lease_s: float = 0.0
    limited_without_lease_s: float = 0.0
    outside_window_s: float = 0.0


@dataclass(slots=True)
class _Stretch:
    """How long something has been so, not counting time in which nothing could be done about it."""

    counted_s: float = 0.0
    told: bool = False

    def add(self, seconds: float) -> None:
        self.counted_s += seconds

    def end(self) -> None:
        self.counted_s, self.told = 0.0, False


@dataclass(slots=True)
class Referee:
    """Judges one house over one day."""

    promises: Promises
    reaction_s: float
    """From an unsafe reading to its effect in the house: a poll, a second, and the inverter's own lag."""
    blind_reaction_s: float
    """The same while readings are missing or wrong: until the coordinator gives them up."""
    breaches: list[Breach] = field(default_factory=list)
    worst: Worst = field(default_factory=Worst)
    _own: Settings | None = None
    _autonomy: Controller | None = None
    _forced: _Stretch = field(default_factory=_Stretch)
    _limited: _Stretch = field(default_factory=_Stretch)
    _widened: bool = False
    _outside: _Stretch = field(default_factory=_Stretch)
    _hard_of_hearing_until: datetime | None = None
    _blind_until: datetime | None = None

    def begin(self, house: SimulatedInverter) -> None:
        """Take the inverter's settings of now for the owner's own: what it does by them is its autonomy."""
        self._own = house.device.effective
        self._autonomy = Controller(house.model.rated_w, house.options.priority)

    def observe(self, house: SimulatedInverter, order: Order, step_s: float) -> None:
        """Judge one step of the house."""
        autonomous = self._autonomous_order(house)
        now = house.now
        if house.faults:
            self._note_faults(house, now)
        is_forced = autonomous is not None and not _same(order, autonomous, is_free=self._is_free_to_rest(house))
        self._judge_lease(house, order, step_s, is_forced=is_forced)
        self._judge_export(house, order, step_s)
        self._judge_window(house, order, autonomous, step_s, is_forced=is_forced)

    def _is_free_to_rest(self, house: SimulatedInverter) -> bool:
        """Return whether the SoC lies where the floor's own memory decides, which a hold may have set."""
        if self._own is None or house.soc_pct is None:
            return False
        return self._own.soc_min_pct <= house.soc_pct <= self._own.soc_min_pct + FLOOR_HYSTERESIS_PCT

    def _note_faults(self, house: SimulatedInverter, now: datetime) -> None:
        elapsed_s = (now - house.start).total_seconds()
        active = {fault.kind.name for fault in house.faults if fault.active(elapsed_s)}
        if active & DEAF:
            self._hard_of_hearing_until = now + timedelta(seconds=LEASE_GRACE_S)
        if active & BLIND:
            self._blind_until = now + timedelta(seconds=self.blind_reaction_s)

    def _autonomous_order(self, house: SimulatedInverter) -> Order | None:
        """Return what the inverter would do by itself, by its owner's settings."""
        if self._own is None or self._autonomy is None:
            return None
        return self._autonomy.order(self._own, *house.device.seen)

    def _judge_lease(self, house: SimulatedInverter, order: Order, step_s: float, *, is_forced: bool) -> None:
        over_s = self.promises.lease_over_s(house.now) if is_forced else 0.0
        if over_s <= 0.0:
            self._forced.end()
            return
        hears = self._hard_of_hearing_until is None or house.now >= self._hard_of_hearing_until
        if hears and not self.promises.nobody_can_act(house.now):
            self._forced.add(min(step_s, over_s))
        self.worst.forced_without_lease_s = max(self.worst.forced_without_lease_s, self._forced.counted_s)
        limit_s = LEASE_GRACE_S + house.options.control_lag_s
        if self._forced.counted_s > limit_s and not self._forced.told:
            self._forced.told = True
            said = f"{_words(order)} for more than {limit_s:.0f} s without a lease"
            self.breaches.append(Breach(invariant=2, at=house.now, said=said))

    def _judge_export(self, house: SimulatedInverter, order: Order, step_s: float) -> None:
        """Hold a limit on export to its lease, and to being tighter than its owner's."""
        if self._own is None:
            return
        own_w = float("inf") if self._own.export_limit_w is None else self._own.export_limit_w
        limit_w = float("inf") if order.export_limit_w is None else order.export_limit_w
        if limit_w > own_w + LIMIT_TOLERANCE_W and not self._widened:
            self._widened = True
            said = f"up to {limit_w:.0f} W may be fed in, the owner allows {own_w:.0f} W"
            self.breaches.append(Breach(invariant=2, at=house.now, said=said))
        over_s = self.promises.export_lease_over_s(house.now) if limit_w < own_w - LIMIT_TOLERANCE_W else 0.0
        if over_s <= 0.0:
            self._limited.end()
            return
        hears = self._hard_of_hearing_until is None or house.now >= self._hard_of_hearing_until
        if hears and not self.promises.nobody_can_end_a_limit(house.now):
            self._limited.add(min(step_s, over_s))
        self.worst.limited_without_lease_s = max(self.worst.limited_without_lease_s, self._limited.counted_s)
        allowed_s = LEASE_GRACE_S + house.options.control_lag_s
        if self._limited.counted_s > allowed_s and not self._limited.told:
            self._limited.told = True
            said = f"export limited to {limit_w:.0f} W for more than {allowed_s:.0f} s without a lease"
            self.breaches.append(Breach(invariant=2, at=house.now, said=said))

    def _judge_window(
        self, house: SimulatedInverter, order: Order, autonomous: Order | None, step_s: float, *, is_forced: bool
    ) -> None:
        outside = self._outside_window(house) if is_forced else None
        if outside is None or autonomous is None or not self._worse_than_alone(house, autonomous):
            self._outside.end()
            return
        if not self.promises.nobody_can_act(house.now):
            self._outside.add(step_s)
        self.worst.outside_window_s = max(self.worst.outside_window_s, self._outside.counted_s)
        is_blind = self._blind_until is not None and house.now < self._blind_until
        limit_s = self.blind_reaction_s if is_blind else self.reaction_s
        if self._outside.counted_s > limit_s and not self._outside.told:
            self._outside.told = True
            said = f"{_words(order)} for more than {limit_s:.0f} s while {outside}"
            self.breaches.append(Breach(invariant=1, at=house.now, said=f"{said}: {house.flow.battery_w:.0f} W"))

    def _outside_window(self, house: SimulatedInverter) -> str | None:
        """Return why the battery must not do what it does, or None where it may."""
        battery, window = house.house.battery, self.promises.window()
        power_w = house.flow.battery_w
        if battery is None or window is None or abs(power_w) < NOTICEABLE_W:
            return None
        felt_c = battery.temperature_c if battery.forced_temperature_c is None else battery.forced_temperature_c
        volts = battery.voltage_v
        if felt_c > window.temperature_max_c:
            return f"the battery has {felt_c:.1f} degrees C"
        if power_w < 0.0:
            if felt_c < window.charge_temperature_min_c:
                return f"the battery has {felt_c:.1f} degrees C, too cold to be charged"
            if volts > window.voltage_max_v:
                return f"the battery has {volts:.1f} V, too much to be charged"
            if -battery.current_a > window.charge_current_max_a * 1.05:
                return f"{-battery.current_a:.1f} A go into the battery"
            return None
        if felt_c < window.discharge_temperature_min_c:
            return f"the battery has {felt_c:.1f} degrees C, too cold to be discharged"
        if volts < window.voltage_min_v:
            return f"the battery has {volts:.1f} V, too little to be discharged"
        if battery.current_a > window.discharge_current_max_a * 1.05:
            return f"{battery.current_a:.1f} A come out of the battery"
        return None

    def _worse_than_alone(self, house: SimulatedInverter, autonomous: Order) -> bool:
        """Return whether the battery does more of what it must not than the inverter would by itself."""
        battery, flow = house.house.battery, house.flow
        if battery is None:
            return False
        charge_w = discharge_w = 0.0
        if autonomous.may_charge:
            charge_w = min(battery.charge_limit_a, autonomous.charge_limit_a) * battery.voltage_v
        if autonomous.may_discharge:
            discharge_w = min(battery.discharge_limit_a, autonomous.discharge_limit_a) * battery.voltage_v
        _, alone_w = dispatch(
            autonomous, flow.pv_available_w, flow.load_w, charge_w, discharge_w, float(house.model.rated_w)
        )
        if flow.battery_w < 0.0:
            return flow.battery_w < min(alone_w, 0.0) - NOTICEABLE_W
        return flow.battery_w > max(alone_w, 0.0) + NOTICEABLE_W


def _same(order: Order, autonomous: Order, *, is_free: bool) -> bool:
    """Return whether ``order`` is what the inverter would do by itself; ``is_free``: whether it discharges is open."""
    return order is autonomous or (
        order.rule is autonomous.rule
        and order.power_w == autonomous.power_w
        and (is_free or order.may_discharge == autonomous.may_discharge)
        and order.may_charge == autonomous.may_charge
        and order.charge_limit_a == autonomous.charge_limit_a
        and order.discharge_limit_a == autonomous.discharge_limit_a
    )


def _words(order: Order) -> str:
    return f"{order.rule.name.lower()} at {order.power_w:.0f} W"
