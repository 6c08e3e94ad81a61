"""What goes wrong around the inverter: its own faults come from the simulator, these from the rest of the world."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hems.simulation.faults import FAULT_KINDS
from hems.simulation.price_server import PriceFault


class Area(StrEnum):
    """What a trouble befalls."""

    PRICES = "prices"
    PROCESS = "process"
    HOST = "host"
    DISK = "disk"
    CLOCK = "clock"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleKind:
    """One row of the table of troubles; times in seconds."""

    name: str
    area: Area
    summary: str
    shortest_s: float
    longest_s: float
    value_of: Callable[[random.Random], float] = lambda _dice: 0.0

    def __reduce__(self) -> tuple[Callable[[str], TroubleKind], tuple[str]]:
        """Travel between processes by name."""
        return _kind_named, (self.name,)


def _any_of(*values: float) -> Callable[[random.Random], float]:
    return lambda dice: dice.choice(values)


TROUBLE_KINDS: dict[str, TroubleKind] = {
    kind.name: kind
    for kind in (
        *(
            TroubleKind(
                name=f"prices_{fault.value}",
                area=Area.PRICES,
                summary=f"the price server lets its clients down: {fault.value.replace('_', ' ')}",
                shortest_s=600.0,
                longest_s=8 * 3600.0,
            )
            for fault in PriceFault
        ),
        TroubleKind(
            name="process_killed",
            area=Area.PROCESS,
            summary="the process is killed at an exchange with the inverter, before or after it was answered",
            shortest_s=300.0,
            longest_s=300.0,
            value_of=lambda dice: float(dice.randint(1, 60)),
        ),
        TroubleKind(
            name="process_killed_idle",
            area=Area.PROCESS,
            summary="the process is killed while it waits",
            shortest_s=1.0,
            longest_s=1.0,
        ),
        TroubleKind(
            name="process_hangs",
            area=Area.PROCESS,
            summary="the process hangs until the service manager's watchdog ends it",
            shortest_s=1.0,
            longest_s=1.0,
        ),
        TroubleKind(
            name="host_off",
            area=Area.HOST,
            summary="the coordinator's host loses power: no restore hook, and a start some time later",
            shortest_s=60.0,
            longest_s=3600.0,
        ),
        TroubleKind(
            name="disk_refuses",
            area=Area.DISK,
            summary="the disk takes no byte more, neither records nor files",
            shortest_s=120.0,
            longest_s=2 * 3600.0,
        ),
        TroubleKind(
            name="disk_slow",
            area=Area.DISK,
            summary="another program holds the database, so that writes wait",
            shortest_s=60.0,
            longest_s=900.0,
        ),
        TroubleKind(
            name="database_damaged",
            area=Area.DISK,
            summary="the process is killed and bytes of its database have turned into noise when it starts again",
            shortest_s=1.0,
            longest_s=1.0,
            value_of=lambda dice: float(dice.randint(1, 2**31)),
        ),
        TroubleKind(
            name="clock_set",
            area=Area.CLOCK,
            summary="the host's clock is set forwards or back",
            shortest_s=1.0,
            longest_s=1.0,
            value_of=_any_of(-86_400.0, -7200.0, -3600.0, -400.0, -30.0, 30.0, 400.0, 3600.0, 7200.0, 86_400.0),
        ),
        TroubleKind(
            name="configuration_broken",
            area=Area.CONFIGURATION,
            summary="the configuration is unusable at a restart until somebody repairs it",
            shortest_s=120.0,
            longest_s=3600.0,
            value_of=lambda dice: float(dice.randint(0, 5)),
        ),
    )
}


def _kind_named(name: str) -> TroubleKind:
    return TROUBLE_KINDS[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that goes wrong around the inverter, in seconds since the day's start."""

    kind: TroubleKind
    start_s: float
    duration_s: float
    value: float

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.start_s + self.duration_s

    def __str__(self) -> str:
        value = f":{self.value:g}" if self.value else ""
        return f"{self.kind.name}{value}@{self.start_s:.0f}+{self.duration_s:.0f}"


BROKEN_CONFIGURATIONS: tuple[Callable[[str], str], ...] = (
    lambda text: text[: len(text) // 2] + "\n  - [",
    lambda text: text.replace("capacity_kwh", "capacity_kWh"),
    lambda _text: "",
    lambda text: text + "\nunknown_section: {a: 1}\n",
    lambda text: text.replace("capacity_kwh: ", "capacity_kwh: -"),
    lambda text: text + "\n\x00",
)
"""Ways in which a configuration is spoilt, from a text that was good."""

FAULT_VALUES: dict[str, tuple[float, ...]] = {
    "drop": (0.1, 0.5, 1.0),
    "delay": (0.3, 1.5, 5.0),
    "bad_crc": (0.1, 0.5, 1.0),
    "truncate": (0.1, 0.5, 1.0),
    "steal": (0.1, 0.5, 0.9),
    "exception": (1.0, 2.0, 3.0, 4.0, 6.0),
    "soc_glitch": (0.05, 0.3),
    "delayed_apply": (5.0, 20.0),
    "app_overwrite": (30.0, 60.0, 300.0),
    "clock_jump": (-7200.0, -600.0, 600.0, 3600.0, 40_000.0),
    "clock_drift": (460.0, -460.0),
    "over_temperature": (61.5, 66.0, 75.0),
    "cold_cells": (-25.0, -5.0),
    "bms_alarm": tuple(float(bit) for bit in range(16)),
    "grid_high": (252.0, 257.0, 266.0),
    "grid_low": (180.0, 192.0),
    "grid_frequency": (47.2, 52.5),
}
"""The values a fault of the simulator is drawn with; a kind that is not here has its own, or none."""

FAULT_LONGEST_S: dict[str, float] = {"clock_jump": 1.0, "reboot": 80.0, "reboot_reset": 80.0}
FAULT_SHORTEST_S, FAULT_LONG_S = 20.0, 1800.0


def draw_fault(dice: random.Random, name: str, start_s: float) -> tuple[str, float]:
    """Return a simulator fault of ``name`` from ``start_s`` on in its text form, and when it ends."""
    longest_s = FAULT_LONGEST_S.get(name, FAULT_LONG_S)
    duration_s = longest_s if longest_s <= FAULT_SHORTEST_S else round(dice.uniform(FAULT_SHORTEST_S, longest_s))
    text = name
    if name in FAULT_VALUES:
        text += f":{dice.choice(FAULT_VALUES[name]):g}"
    elif name in FAULT_LONGEST_S:
        duration_s = FAULT_LONGEST_S[name]
    if not FAULT_KINDS[name].is_chance and name not in FAULT_LONGEST_S and dice.random() < 0.15:
        text += "%0.5"
    return f"{text}@{start_s:.0f}+{duration_s:.0f}", start_s + duration_s
