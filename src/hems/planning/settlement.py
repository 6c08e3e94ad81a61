"""Money of a quarter of an hour, and what energy in the battery is worth.

Some contracts net import against export within the hour; that belongs to the tariff and is not done here: each
quarter is settled by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from hems.domain.prices import RetailPrice
from hems.domain.units import kwh_from_wh

VALUE_HORIZON = timedelta(hours=24)
"""How far ahead prices speak for stored energy: within a day every battery of a home is emptied or could be."""

ENOUGH_AHEAD = 16
"""Known quarters ahead below which the past day is asked too: with less than four hours, one evening peak would
price the whole battery."""


def settle(*, import_wh: float, export_wh: float, import_per_kwh: float, export_per_kwh: float) -> float:
    """Return the money of one quarter: import times buying price less export times selling price; + is a cost."""
    return kwh_from_wh(import_wh) * import_per_kwh - kwh_from_wh(export_wh) * export_per_kwh


def value_of_stored_energy(prices: Iterable[RetailPrice], at: datetime, *, delivered_share: float) -> float | None:
    """Return what one more kWh in the battery is worth at ``at`` [currency/kWh], or None where no price is known.

    It is the mean import price of the known quarters that start within 24 hours from ``at``, times the share of a
    stored kWh that reaches the load (``delivered_share``, 0-1), and never below zero, since nobody is forced to use
    it. Where fewer than four hours ahead are known, the known quarters of the past 24 hours join the mean.

    The mean, not the peak: it needs no forecast of the house, so nothing can be tuned to make a saving look better.
    """
    known = [price for price in prices if at - VALUE_HORIZON <= price.start < at + VALUE_HORIZON]
    ahead = [price for price in known if price.start >= at]
    speaking = ahead if len(ahead) >= ENOUGH_AHEAD else known
    if not speaking:
        return None
    mean = sum(price.import_per_kwh for price in speaking) / len(speaking)
    return max(0.0, mean * delivered_share)
