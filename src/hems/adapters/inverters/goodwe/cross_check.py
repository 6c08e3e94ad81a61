"""Readings that must agree with one another, and how far apart they may be before somebody is told.

The tolerances are wide on purpose: the blocks are read some 100 ms apart, the export register has a dead band of about
90 W, and a stepping load moves faster than the poll. Recorded units: GW10K −3 W against −110 W and GW29K9 −5403 W
against −4077 W are the ordinary lag; GW25K +1511 W against −489 W is a contradiction.
"""

from __future__ import annotations

GRID_TOLERANCE_W = 250.0
GRID_TOLERANCE_SHARE = 0.25
BALANCE_TOLERANCE_W = 400.0
BALANCE_TOLERANCE_SHARE = 0.15
"""Conversion losses and the inverter's own draw lie inside: 2 to 10 % of what passes through it."""


def doubt_grid_power(inverter_w: float | None, meter_w: float | None) -> str | None:
    """Return why the grid power is doubtful, or None. Both + import [W]; one that is unknown proves nothing."""
    if inverter_w is None or meter_w is None:
        return None
    tolerance_w = GRID_TOLERANCE_W + GRID_TOLERANCE_SHARE * max(abs(inverter_w), abs(meter_w))
    if abs(inverter_w - meter_w) <= tolerance_w:
        return None
    return (
        f"grid power is {inverter_w:+.0f} W by the inverter and {meter_w:+.0f} W by its meter (+ imports): "
        "check the meter's clamps and wiring"
    )


def doubt_balance(
    pv_w: float | None, battery_w: float | None, grid_w: float | None, load_w: float | None
) -> str | None:
    """Return why the powers contradict one another, or None where they fit or one of them is unknown."""
    if pv_w is None or battery_w is None or grid_w is None or load_w is None:
        return None
    residue_w = pv_w + battery_w + grid_w - load_w
    if abs(residue_w) <= BALANCE_TOLERANCE_W + BALANCE_TOLERANCE_SHARE * (pv_w + abs(battery_w)):
        return None
    return (
        f"PV {pv_w:.0f} W, battery {battery_w:+.0f} W, grid {grid_w:+.0f} W and load {load_w:.0f} W "
        f"do not add up: {residue_w:+.0f} W are left over"
    )
