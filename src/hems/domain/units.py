"""Conversions between the units on a screen and the units inside.

Inside the product power is W, energy is Wh, market prices are money per MWh and retail prices money per kWh.
"""

from __future__ import annotations

WATTS_PER_KILOWATT = 1000.0
KWH_PER_MWH = 1000.0


def kw_from_w(power_w: float) -> float:
    """Return ``power_w`` [W] in kW, for a screen."""
    return power_w / WATTS_PER_KILOWATT


def kwh_from_wh(energy_wh: float) -> float:
    """Return ``energy_wh`` [Wh] in kWh, for a screen or a price per kWh."""
    return energy_wh / WATTS_PER_KILOWATT


def wh_from_kwh(energy_kwh: float) -> float:
    """Return ``energy_kwh`` [kWh] in Wh."""
    return energy_kwh * WATTS_PER_KILOWATT


def per_kwh_from_per_mwh(price_per_mwh: float) -> float:
    """Return a price per MWh as a price per kWh, same currency."""
    return price_per_mwh / KWH_PER_MWH
