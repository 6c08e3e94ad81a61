"""No grid energy into export: whoever asks for a discharge, what may leave the house is what the sun gave. Pure.

How much of a discharge the house itself will use is not known beforehand, so all of it is held to the rule; covering
the load with the grid's share is what self-use does anyway.
"""

from __future__ import annotations

import math
from dataclasses import replace

from hems.decision.explanation import command_of
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, DecisionContext, Narrowed, Refused, Verdict
from hems.domain.safety import SafetyEnvelope
from hems.domain.units import kwh_from_wh
from hems.planning.origin_ledger import OriginLedger
from hems.safety.gate import narrow_to_envelope

SETTING = "grid.no_grid_energy_into_export"

LEAST_STEP_PCT = 1.0
"""The SoC is read in whole percents: a discharge over less than one would end before it has begun."""


def narrow_to_origin(
    command: Command, ledger: OriginLedger | None, soc_pct: float | None, capacity_wh: float
) -> Verdict:
    """Return ``command`` as far as the energy's origin lets it through: a DISCHARGE ends where the grid's share begins.

    ``ledger`` None is an origin that nobody knows, ``soc_pct`` [%] is the SoC now, ``capacity_wh`` what the battery
    holds at 100 %. Every other mode passes: none of them sells what is stored.
    """
    if command.mode is not Mode.DISCHARGE:
        return Allowed(command=command)
    if ledger is None or soc_pct is None or not math.isfinite(soc_pct) or not 0.0 < capacity_wh < math.inf:
        return _refuse(command, f"nobody knows what of the stored energy came from the sun ({SETTING})")
    sun, whole = kwh_from_wh(ledger.pv_wh), kwh_from_wh(ledger.stored_wh)
    cause = f"energy from the grid may not be sold ({SETTING}): {sun:.1f} of {whole:.1f} kWh stored came from the sun"
    # Where the ledger and the SoC differ, the higher floor is the lawful one.
    floor_pct = max(100.0 * ledger.grid_wh / capacity_wh, soc_pct - 100.0 * ledger.exportable_wh / capacity_wh)
    floor_pct = float(math.ceil(floor_pct - 1e-9))
    if floor_pct > soc_pct - LEAST_STEP_PCT:
        return _refuse(command, cause)
    target_pct = command.target_soc_pct
    if target_pct is not None and target_pct >= floor_pct:
        return Allowed(command=command)
    return Narrowed(command=replace(command, target_soc_pct=floor_pct), causes=(cause,))


def narrow(command: Command, context: DecisionContext, envelope: SafetyEnvelope) -> Verdict:
    """Return ``command`` as far as the energy's origin and then safety let it through; both may only narrow."""
    origin = context.origin
    if origin is None:
        return narrow_to_envelope(command, envelope)
    ledger = None
    if origin.pv_wh is not None and origin.grid_wh is not None:
        ledger = OriginLedger(pv_wh=origin.pv_wh, grid_wh=origin.grid_wh)
    first = narrow_to_origin(command, ledger, context.snapshot.battery.soc_pct, origin.capacity_wh)
    second = narrow_to_envelope(command_of(first), envelope)
    if isinstance(first, Allowed):
        return second
    if isinstance(second, Allowed):
        return first
    causes = first.causes + second.causes
    if isinstance(first, Narrowed) and isinstance(second, Narrowed):
        return Narrowed(command=second.command, causes=causes)
    return Refused(fallback=command_of(second), causes=causes)


def _refuse(command: Command, cause: str) -> Refused:
    fallback = Command(
        mode=Mode.SELF_USE,
        expires_at=command.expires_at,
        reason=f"instead of {command.mode.value}: {cause}",
        export_limit_w=command.export_limit_w,
    )
    return Refused(fallback=fallback, causes=(cause,))
