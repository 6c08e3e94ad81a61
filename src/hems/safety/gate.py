"""The gate: every command, a person's included, passes through it, and it only ever narrows.

The modes say what the battery may still do, and the gate picks by that:

    may charge, may discharge   self-use
    may charge only             hold
    may discharge only          no charge
    neither                     standby

A forced charge or discharge is cut to the power that is left for it, or refused. Where both are bounded to zero all
operations are stopped: then nothing but the mode that the bounds themselves demand remains.

A limit on export passes with any mode, and stays where that mode is narrowed or refused: feeding in less endangers
nothing. It ends with its lease, and where all operations are stopped or the bounds demand a mode of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Narrowed, Refused, Verdict
from hems.domain.safety import Bounds, SafetyEnvelope, Violation

MIN_FORCED_POWER_W = 100.0
"""Less than this is no charge: the inverter's own dead band is about 90 W (measured on a GW8KN-ET)."""

PROTECTIVE_LEASE = timedelta(minutes=15)
"""How long a protective mode is asked for at once; the next poll renews it while its cause holds."""

_MAY = {  # (may charge, may discharge) for every mode that moves nothing by force
    Mode.SELF_USE: (True, True),
    Mode.HOLD: (True, False),
    Mode.NO_CHARGE: (False, True),
    Mode.STANDBY: (False, False),
}
_MODE_OF = {may: mode for mode, may in _MAY.items()}


def narrow_to_envelope(command: Command, envelope: SafetyEnvelope) -> Verdict:
    """Return ``command`` as far as ``envelope`` lets it through: unchanged, with less, or replaced.

    Never widens: a power is never above the request or the bound, no forced mode appears that was not asked for, save
    the protective one that the bounds demand. A lease that has expired is refused.
    """
    if command.expires_at <= envelope.at and command.is_forced:
        return _refuse(command, envelope, ("the lease has expired",))
    limit_w = command.export_limit_w
    if limit_w is not None and not 0.0 <= limit_w < float("inf"):
        return _refuse(command, envelope, (f"an export limit of {limit_w:.0f} W is none",))
    if command.mode is Mode.CHARGE or command.mode is Mode.DISCHARGE:
        return _narrow_forced(command, envelope)
    return _narrow_passive(command, envelope)


def required_mode(envelope: SafetyEnvelope) -> Mode | None:
    """Return the protective mode that the bounds demand even when nothing is forced; None where self-use is fine."""
    mode = permitted_mode(envelope.bounds)
    return None if mode is Mode.SELF_USE else mode


def permitted_mode(bounds: Bounds) -> Mode:
    """Return the freest mode without force that ``bounds`` permit."""
    return _MODE_OF[_limit(bounds.charge_max_w) > 0, _limit(bounds.discharge_max_w) > 0]


def protective_command(envelope: SafetyEnvelope) -> Command | None:
    """Return the command that puts the protective mode in place, or None where self-use is fine."""
    mode = required_mode(envelope)
    if mode is None:
        return None
    reason = "safety: " + "; ".join(_causes(envelope, _bounds_self_use))
    return Command(mode=mode, expires_at=envelope.at + PROTECTIVE_LEASE, reason=reason)


def stops_operations(envelope: SafetyEnvelope) -> bool:
    """Return whether all forced operations are stopped: neither a charge nor a discharge may be asked for.

    A fuse without room for a charge stops nothing else: a hold spares the battery, and moves nothing.
    """
    bounds = envelope.lasting_bounds
    return not (_forced_charge_w(bounds) > 0 or _forced_discharge_w(bounds) > 0)


def _limit(*values: float) -> float:
    """Return the least of ``values`` [W], at least 0; one that is no number bounds to 0, for unknown is unsafe."""
    return min((value if value > 0 else 0.0) for value in values)


def _forced_charge_w(bounds: Bounds) -> float:
    return _limit(bounds.charge_max_w, bounds.forced_charge_max_w)


def _forced_discharge_w(bounds: Bounds) -> float:
    # How much of it the house will use is not known beforehand: the bound on export holds for all of it.
    return _limit(bounds.discharge_max_w, bounds.forced_discharge_max_w, bounds.export_max_w)


def _narrow_forced(command: Command, envelope: SafetyEnvelope) -> Verdict:
    charging = command.mode is Mode.CHARGE
    power_of = _forced_charge_w if charging else _forced_discharge_w
    asked_w, allowed_w = command.power_w, power_of(envelope.bounds)
    if asked_w is None or not asked_w > 0:
        return _refuse(command, envelope, (f"a {command.mode.value} without a power is no lease",))
    causes = _causes(envelope, lambda bounds: power_of(bounds) < asked_w and power_of(bounds) <= allowed_w)
    power_w = min(asked_w, allowed_w)
    if power_w < MIN_FORCED_POWER_W:
        if not causes:
            causes = (f"{power_w:.0f} W is less than the {MIN_FORCED_POWER_W:.0f} W worth asking for",)
        return _refuse(command, envelope, causes)
    if power_w < asked_w:
        owners = "charging.max_power" if charging else "the owner's"
        everyday = f"the battery's current limit or {owners} allows no more now"
        return Narrowed(command=replace(command, power_w=power_w), causes=causes or (everyday,))
    return Allowed(command=command)


def _narrow_passive(command: Command, envelope: SafetyEnvelope) -> Verdict:
    if command.is_forced and stops_operations(envelope):
        if command.mode is required_mode(envelope) and command.export_limit_w is None:
            return Allowed(command=command)
        causes = _causes(envelope, lambda bounds: _forced_charge_w(bounds) <= 0 or _forced_discharge_w(bounds) <= 0)
        return _refuse(
            command, envelope, causes or ("the battery's current limits allow neither charge nor discharge",)
        )
    may_charge, may_discharge = _MAY[command.mode]
    bounds = envelope.bounds
    charge_left = may_charge and _limit(bounds.charge_max_w) > 0
    discharge_left = may_discharge and _limit(bounds.discharge_max_w) > 0
    if (charge_left, discharge_left) == (may_charge, may_discharge):
        return Allowed(command=command)
    mode = _MODE_OF[charge_left, discharge_left]
    expires_at = command.expires_at
    if not command.is_forced:  # self-use is no lease, the protective mode in its place is one
        expires_at = max(expires_at, envelope.at + PROTECTIVE_LEASE)
    limit_w = command.export_limit_w
    narrowed = Command(mode=mode, expires_at=expires_at, reason=command.reason, export_limit_w=limit_w)
    return Narrowed(command=narrowed, causes=_causes(envelope, _bounds_self_use))


def _refuse(command: Command, envelope: SafetyEnvelope, causes: tuple[str, ...]) -> Refused:
    fallback = protective_command(envelope)
    if fallback is None:
        reason = f"instead of {command.mode.value}: {'; '.join(causes)}"
        limit_w = _limit_that_stays(command, envelope)
        fallback = Command(mode=Mode.SELF_USE, expires_at=command.expires_at, reason=reason, export_limit_w=limit_w)
    return Refused(fallback=fallback, causes=causes)


def _limit_that_stays(command: Command, envelope: SafetyEnvelope) -> float | None:
    """Return the export limit [W] that outlives the refusal of its mode, or None."""
    limit_w = command.export_limit_w
    if limit_w is None or not 0.0 <= limit_w < float("inf"):
        return None
    is_over = command.expires_at <= envelope.at or stops_operations(envelope)
    return None if is_over else limit_w


def _bounds_self_use(bounds: Bounds) -> bool:
    return permitted_mode(bounds) is not Mode.SELF_USE


def _causes(envelope: SafetyEnvelope, concerns: Callable[[Bounds], bool]) -> tuple[str, ...]:
    """Return, for a person, the violations whose own bounds concern what was asked."""
    return tuple(_cause_text(violation) for violation in envelope.violations if concerns(violation.bounds))


def _cause_text(violation: Violation) -> str:
    return f"{violation.cause.value.replace('_', ' ')}: {violation.detail}"
