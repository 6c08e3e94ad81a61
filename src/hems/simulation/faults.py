"""Everything that can be made to go wrong: the table of faults, their text form, and when each is active.

Text form: ``name[:value][%chance][@start[+duration]]``, times in seconds of simulated time since the start. Examples:
``drop:0.2``, ``over_temperature:66@60+300``, ``delay:2.5%0.1``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """Where a fault acts."""

    WIRE = "wire"  # on frames between client and inverter
    DEVICE = "device"  # in the inverter's firmware
    PHYSICS = "physics"  # in the house


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One row of the table of faults."""

    name: str
    layer: Layer
    summary: str
    value_meaning: str = ""
    value: float | None = None
    """The value where none is given; None where the kind takes none, or takes it from the battery."""
    low: float = 0.0
    high: float = float("inf")
    is_chance: bool = False
    """The value is the chance per event (0-1)."""


def _kind(
    name: str,
    layer: Layer,
    summary: str,
    meaning: str = "",
    value: float | None = None,
    span: tuple[float, float] = (0.0, float("inf")),
) -> FaultKind:
    low, high = span
    return FaultKind(name=name, layer=layer, summary=summary, value_meaning=meaning, value=value, low=low, high=high)


def _chance(name: str, layer: Layer, summary: str, value: float) -> FaultKind:
    return FaultKind(
        name=name, layer=layer, summary=summary, value_meaning="chance", value=value, high=1.0, is_chance=True
    )


FAULT_KINDS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        _chance("drop", Layer.WIRE, "replies are lost", 1.0),
        _kind("delay", Layer.WIRE, "replies come late", "s", 2.0),
        _chance("bad_crc", Layer.WIRE, "replies arrive with a wrong checksum", 1.0),
        _chance("truncate", Layer.WIRE, "replies arrive cut off", 1.0),
        _chance("double", Layer.WIRE, "replies arrive twice", 1.0),
        _chance("split", Layer.WIRE, "replies arrive in two pieces", 1.0),
        _chance("garbage", Layer.WIRE, "replies carry trailing bytes that mean nothing", 1.0),
        _kind("exception", Layer.WIRE, "requests are refused with a Modbus exception", "code", 4.0, (1.0, 11.0)),
        _chance("steal", Layer.WIRE, "a second client takes the reply; its own answer arrives instead", 0.5),
        _kind("asleep", Layer.WIRE, "the communication module does not answer"),
        _kind("reboot", Layer.DEVICE, "the inverter restarts and keeps its EMS mode", "s", 80.0),
        _kind("reboot_reset", Layer.DEVICE, "the inverter restarts and forgets its EMS mode", "s", 80.0),
        _kind("stale", Layer.DEVICE, "values stand still while the clock ticks"),
        _kind("stale_clock", Layer.DEVICE, "the clock stands still while values move"),
        _kind("ack_only", Layer.DEVICE, "writes are acknowledged and ignored"),
        _kind("delayed_apply", Layer.DEVICE, "writes are acknowledged and take effect later", "s", 20.0),
        _kind("sentinels", Layer.DEVICE, "battery and temperature registers read 0xFFFF"),
        _kind("no_bms", Layer.DEVICE, "the inverter does not hear its battery"),
        _kind("meter_lost", Layer.DEVICE, "the smart meter does not answer; self-use has nothing to go by"),
        _kind("sign_flip", Layer.DEVICE, "the meter is wired the wrong way round"),
        _chance("soc_glitch", Layer.DEVICE, "single samples of the SoC read 0", 0.05),
        _kind(
            "app_overwrite",
            Layer.DEVICE,
            "the vendor's app sets clock and mode again and again",
            "s between",
            60.0,
            (1.0, 1e8),
        ),
        _kind("clock_jump", Layer.DEVICE, "the inverter's clock jumps", "s", 600.0, (-1e8, 1e8)),
        _kind("clock_drift", Layer.DEVICE, "the inverter's clock drifts", "ppm", 460.0, (-1e6, 1e6)),
        _kind("over_temperature", Layer.PHYSICS, "the battery is hot", "degrees C", 65.0, (-40.0, 120.0)),
        _kind("cold_cells", Layer.PHYSICS, "the battery is cold", "degrees C", -5.0, (-40.0, 120.0)),
        _kind("over_voltage", Layer.PHYSICS, "the pack's voltage is above its window", "V; else 3 % above"),
        _kind("under_voltage", Layer.PHYSICS, "the pack's voltage is below its window", "V; else 3 % below"),
        _kind("bms_alarm", Layer.PHYSICS, "the BMS raises an alarm bit", "bit", 2.0, (0.0, 15.0)),
        _kind("grid_high", Layer.PHYSICS, "the grid's voltage is too high", "V", 257.0, (0.0, 500.0)),
        _kind("grid_low", Layer.PHYSICS, "the grid's voltage is too low", "V", 192.0, (0.0, 500.0)),
        _kind("grid_frequency", Layer.PHYSICS, "the grid's frequency is out of range", "Hz", 52.5, (0.0, 100.0)),
        _kind("grid_lost", Layer.PHYSICS, "the grid is gone; the house runs as an island"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault to be injected. Times are simulated seconds since the start."""

    kind: FaultKind
    value: float | None
    chance: float = 1.0
    start_s: float = 0.0
    duration_s: float | None = None

    def active(self, elapsed_s: float) -> bool:
        """Return whether the fault holds ``elapsed_s`` after the start."""
        if elapsed_s < self.start_s:
            return False
        return self.duration_s is None or elapsed_s < self.start_s + self.duration_s

    def number(self) -> float:
        """Return the value of a kind that has one.

        Raises: ValueError: this kind has none.
        """
        if self.value is None:
            raise ValueError(f"fault {self.kind.name} has no value")
        return self.value

    def __str__(self) -> str:
        text = self.kind.name
        if self.value is not None:
            text += f":{self.value:g}"
        if self.chance < 1.0:
            text += f"%{self.chance:g}"
        if self.start_s or self.duration_s is not None:
            text += f"@{self.start_s:g}"
        return text if self.duration_s is None else f"{text}+{self.duration_s:g}"


_NUMBER = r"-?\d+(?:\.\d+)?"
_TEXT = re.compile(
    rf"(?P<name>[a-z_]+)(?::(?P<value>{_NUMBER}))?(?:%(?P<chance>{_NUMBER}))?"
    rf"(?:@(?P<start>{_NUMBER})(?:\+(?P<duration>{_NUMBER}))?)?"
)


def parse_fault(text: str) -> Fault:
    """Return the fault that ``text`` names.

    Raises: ValueError: says what is allowed.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"fault {text!r}: write name[:value][%chance][@start[+duration]], for example drop:0.2@60+300")
    kind = FAULT_KINDS.get(match["name"])
    if kind is None:
        raise ValueError(f"fault {text!r}: unknown name; known are {', '.join(sorted(FAULT_KINDS))}")
    value = kind.value if match["value"] is None else float(match["value"])
    if match["value"] is not None and not kind.value_meaning:
        raise ValueError(f"fault {text!r}: {kind.name} takes no value")
    if value is not None and not kind.low <= value <= kind.high:
        raise ValueError(f"fault {text!r}: the value ({kind.value_meaning}) lies within {kind.low:g} to {kind.high:g}")
    chance = 1.0 if match["chance"] is None else float(match["chance"])
    if not 0.0 <= chance <= 1.0:
        raise ValueError(f"fault {text!r}: the chance after % lies within 0 to 1")
    start_s = 0.0 if match["start"] is None else float(match["start"])
    duration_s = None if match["duration"] is None else float(match["duration"])
    if start_s < 0.0 or (duration_s is not None and duration_s <= 0.0):
        raise ValueError(f"fault {text!r}: start is 0 or more, duration above 0 seconds")
    if kind.name in ("reboot", "reboot_reset") and duration_s is None:
        duration_s = value  # a restart is over when it is over
    return Fault(kind=kind, value=value, chance=chance, start_s=start_s, duration_s=duration_s)
