"""Applies faults: to the house and the device as time passes, to frames as they leave."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from hems.simulation.device import Conditions, Device
from hems.simulation.faults import Fault, Layer
from hems.simulation.house import House

PIECE_GAP_S = 0.02
BEYOND_WINDOW = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class WireVerdict:
    """What happens to one exchange on the wire."""

    lost: bool = False
    exception_code: int | None = None
    stolen: bool = False
    delay_s: float = 0.0
    bad_checksum: bool = False
    truncated: bool = False
    doubled: bool = False
    split: bool = False
    garbage: bool = False

    @property
    def unreadable(self) -> bool:
        """Whether the reply arrives in a shape that no client can take for valid."""
        return self.bad_checksum or self.truncated

    def frames(self, reply: bytes, noise: bytes) -> list[tuple[float, bytes]]:
        """Return what arrives instead of ``reply``: pieces, each with its delay [s]."""
        if self.lost:
            return []
        if self.bad_checksum:
            reply = reply[:-1] + bytes((reply[-1] ^ 0x5A,))
        if self.truncated:
            reply = reply[: max(3, 2 * len(reply) // 3)]
        if self.garbage:
            reply += noise
        pieces = [(self.delay_s, reply)]
        if self.split and len(reply) > 1:
            half = len(reply) // 2
            pieces = [(self.delay_s, reply[:half]), (self.delay_s + PIECE_GAP_S, reply[half:])]
        return pieces * 2 if self.doubled else pieces


ALL_WELL = WireVerdict()


class Injector:
    """The faults of one simulated inverter. Seeded: the same run goes wrong in the same way."""

    def __init__(self, faults: tuple[Fault, ...], device: Device, house: House, seed: int) -> None:
        self._faults = faults
        self._wire = tuple(fault for fault in faults if fault.kind.layer is Layer.WIRE)
        self._device = device
        self._house = house
        self._dice = random.Random(f"{seed}/faults")
        self._edges = sorted(
            {fault.start_s for fault in faults}
            | {fault.start_s + fault.duration_s for fault in faults if fault.duration_s is not None}
        )
        self._was_active: set[int] = set()
        self._next_overwrite_s: dict[int, float] = {}
        self._elapsed_s = 0.0
        self._at_peace_from_s = self._at_peace_until_s = 0.0
        self.silent = False
        self._effects: dict[str, Callable[[Fault, Conditions], None]] = {
            "stale": lambda _fault, now: setattr(now, "values_frozen", True),
            "stale_clock": lambda _fault, now: setattr(now, "clock_frozen", True),
            "ack_only": lambda _fault, now: setattr(now, "writes_ignored", True),
            "delayed_apply": lambda fault, now: setattr(now, "write_delay_s", fault.number()),
            "sentinels": lambda _fault, now: setattr(now, "sentinels", True),
            "no_bms": lambda _fault, now: setattr(now, "bms_missing", True),
            "meter_lost": lambda _fault, now: setattr(now, "meter_lost", True),
            "sign_flip": lambda _fault, now: setattr(now, "sign_flipped", True),
            "soc_glitch": self._glitch_soc,
            "over_temperature": self._heat,
            "cold_cells": self._heat,
            "over_voltage": self._force_voltage,
            "under_voltage": self._force_voltage,
            "bms_alarm": self._raise_alarm,
            "grid_high": lambda fault, _now: setattr(house.grid, "forced_voltage_v", fault.number()),
            "grid_low": lambda fault, _now: setattr(house.grid, "forced_voltage_v", fault.number()),
            "grid_frequency": lambda fault, _now: setattr(house.grid, "forced_frequency_hz", fault.number()),
            "grid_lost": lambda _fault, _now: setattr(house.grid, "forced_absent", True),
        }

    def next_edge_s(self, elapsed_s: float) -> float | None:
        """Return when a fault next begins or ends, or None."""
        index = bisect_right(self._edges, elapsed_s)
        return self._edges[index] if index < len(self._edges) else None

    def apply(self, elapsed_s: float) -> None:
        """Make true of house and device what holds ``elapsed_s`` after the start, and nothing else."""
        self._elapsed_s = elapsed_s
        if not self._faults or self._at_peace_from_s <= elapsed_s < self._at_peace_until_s:
            return
        conditions = self._device.conditions = Conditions()
        house, battery = self._house, self._house.battery
        grid = house.grid
        grid.forced_voltage_v = grid.forced_frequency_hz = None
        grid.forced_absent = False
        house.powered = True
        self.silent = False
        if battery is not None:
            battery.forced_temperature_c = battery.forced_voltage_v = None
            battery.forced_alarm_bits = 0
        for index, fault in enumerate(self._faults):
            active = fault.active(elapsed_s)
            began, ended = active and index not in self._was_active, not active and index in self._was_active
            (self._was_active.add if active else self._was_active.discard)(index)
            self._on_edge(fault, index, began, ended, active)
            if active and (fault.chance >= 1.0 or self._dice.random() < fault.chance):
                effect = self._effects.get(fault.kind.name)
                if effect is not None:
                    effect(fault, conditions)
        if not self._was_active:  # nothing to do before the next edge
            edge_s = self.next_edge_s(elapsed_s)
            self._at_peace_from_s, self._at_peace_until_s = elapsed_s, float("inf") if edge_s is None else edge_s

    def _on_edge(self, fault: Fault, index: int, began: bool, ended: bool, active: bool) -> None:
        device = self._device
        match fault.kind.name:
            case "asleep":
                self.silent |= active
            case "reboot" | "reboot_reset":
                self.silent |= active
                self._house.powered &= not active
                if ended and fault.kind.name == "reboot_reset":
                    device.reset_control()
            case "clock_jump" if began:
                device.clock.shift(device.now, fault.number())
            case "clock_drift" if began or ended:
                device.clock.shift(device.now, 0.0)  # what has drifted so far stays
                device.clock.drift_ppm = fault.number() if began else device.options.clock_drift_ppm
            case "app_overwrite" if active and self._elapsed_s >= self._next_overwrite_s.get(index, 0.0):
                self._next_overwrite_s[index] = self._elapsed_s + fault.number()
                device.overwrite_by_app()

    def _glitch_soc(self, fault: Fault, conditions: Conditions) -> None:
        if self._dice.random() < fault.number():
            conditions.soc_shown_pct = 0.0

    def _heat(self, fault: Fault, _conditions: Conditions) -> None:
        if self._house.battery is not None:
            self._house.battery.forced_temperature_c = fault.number()

    def _force_voltage(self, fault: Fault, _conditions: Conditions) -> None:
        battery = self._house.battery
        if battery is None:
            return
        beyond_v = (
            battery.voltage_max_v * (1.0 + BEYOND_WINDOW)
            if fault.kind.name == "over_voltage"
            else battery.voltage_min_v * (1.0 - BEYOND_WINDOW)
        )
        battery.forced_voltage_v = beyond_v if fault.value is None else fault.value

    def _raise_alarm(self, fault: Fault, _conditions: Conditions) -> None:
        if self._house.battery is not None:
            self._house.battery.forced_alarm_bits |= 1 << int(fault.number())

    def wire_verdict(self) -> WireVerdict:
        """Throw the dice for one exchange."""
        if not self._wire:
            return ALL_WELL
        hit: dict[str, float] = {}
        for fault in self._wire:
            if not fault.active(self._elapsed_s):
                continue
            chance = fault.chance * (fault.number() if fault.kind.is_chance else 1.0)
            if chance >= 1.0 or self._dice.random() < chance:
                hit[fault.kind.name] = 1.0 if fault.value is None else fault.value
        return WireVerdict(
            lost="drop" in hit,
            exception_code=int(hit["exception"]) if "exception" in hit else None,
            stolen="steal" in hit,
            delay_s=hit.get("delay", 0.0),
            bad_checksum="bad_crc" in hit,
            truncated="truncate" in hit,
            doubled="double" in hit,
            split="split" in hit,
            garbage="garbage" in hit,
        )

    def noise(self) -> bytes:
        """Return a few bytes that mean nothing."""
        return self._dice.randbytes(6)
