"""What is asked of the inverter, and what came of it.

Every forced command is a lease: it carries an expiry, a target SoC and a power. Where no lease holds, the inverter
is in self-use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Mode(StrEnum):
    """The modes that plan and execution share."""

    SELF_USE = "self_use"  # the inverter's own logic: cover the load, store the surplus
    CHARGE = "charge"  # charge the battery at a power, PV first, the rest from the grid
    DISCHARGE = "discharge"  # deliver a battery power, the surplus is sold
    HOLD = "hold"  # do not discharge; PV may charge
    NO_CHARGE = "no_charge"  # do not charge; the battery may cover the load
    STANDBY = "standby"  # battery at 0 W

    @property
    def is_forced(self) -> bool:
        """Whether this mode moves energy that self-use would not move, and so needs a live lease."""
        return self is not Mode.SELF_USE


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One request to the inverter, valid until ``expires_at``.

    ``power_w`` is a magnitude [W] and is None where the mode has none; ``target_soc_pct`` ends CHARGE when reached
    from below and DISCHARGE when reached from above. ``export_limit_w`` >= 0 is the most the house may feed in [W], in
    any mode, never more than its owner's own limit; None leaves that one alone.
    """

    mode: Mode
    expires_at: datetime
    power_w: float | None = None
    target_soc_pct: float | None = None
    reason: str = ""
    export_limit_w: float | None = None

    @property
    def is_forced(self) -> bool:
        """Whether this asks for more than self-use by the owner's settings, and so needs a live lease."""
        return self.mode.is_forced or self.export_limit_w is not None

    def same_request(self, other: Command | None) -> bool:
        """Return whether ``other`` asks the inverter for the same thing, whatever its expiry and reason."""
        return other is not None and (self.mode, self.power_w, self.target_soc_pct, self.export_limit_w) == (
            other.mode,
            other.power_w,
            other.target_soc_pct,
            other.export_limit_w,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Written, and read back as written. ``detail`` says what a person should know beside that."""

    writes: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadySo:
    """The registers already said so; nothing was written. ``detail`` as in ``Applied``."""

    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotConfirmed:
    """Written and acknowledged, but the read-back or the measured power says otherwise."""

    detail: str
    writes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The inverter, a capability or the write budget said no; what was in force before may be so still."""

    detail: str
    writes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """No answer, or none that could be read: what the inverter does now is unknown."""

    detail: str
    writes: int = 0


CommandResult = Applied | AlreadySo | NotConfirmed | Rejected | Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlState:
    """The control registers as read: what the inverter has been told to do, by anyone.

    ``mode`` is None where the registers describe something this product never asks for (``detail`` says what).
    ``export_limit_w`` [W] is the limit in force, None where there is none; ``export_limit_is_ours`` tells whether it
    is another than the owner's, so that a lease of ours has left it.
    """

    at: datetime
    mode: Mode | None
    power_w: float | None
    detail: str
    fast_charge_on: bool | None = None
    min_soc_pct: float | None = None
    export_limit_w: float | None = None
    export_limit_is_ours: bool = False


class WritePurpose(StrEnum):
    """Why a write is made: only safety may exceed the daily budget."""

    DECISION = "decision"
    SAFETY = "safety"
    RESTORE = "restore"
