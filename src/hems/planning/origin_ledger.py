"""Where the stored energy came from: the sun, or the grid. Only the sun's may be sold. Pure.

Selling energy that was bought from the grid is reported not to be permitted to a Polish prosumer (EMHASS #1035), so
the battery's energy is kept in two parts. The rules, as the lawful reading that costs the owner least:

- what charges the battery up to the PV surplus (PV beyond the load) is the sun's, the rest the grid's;
- what the battery gives beyond what the house needs leaves the house, and is the sun's; what the house takes is the
  grid's first, so that the sun's stays for sale as long as it can;
- losses shrink the part they arise from: what is charged arrives reduced, what is discharged draws more than it gives;
- a sum that drifts away from the SoC is scaled to it, both parts alike;
- what nobody saw arrive counts as the grid's: a first start, a gap in the readings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginLedger:
    """The two parts of what is stored in the battery [Wh], both >= 0.

    Raises: ValueError: a part that is negative or no number.
    """

    pv_wh: float
    grid_wh: float

    def __post_init__(self) -> None:
        for name in ("pv_wh", "grid_wh"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                raise ValueError(f"{name} {value}: energy that is stored is 0 Wh or more")

    @staticmethod
    def unknown(stored_wh: float) -> OriginLedger:
        """Return the ledger of ``stored_wh`` [Wh] that nobody saw arrive: it counts as the grid's."""
        return OriginLedger(pv_wh=0.0, grid_wh=max(0.0, stored_wh))

    @property
    def stored_wh(self) -> float:
        """All that is stored [Wh]."""
        return self.pv_wh + self.grid_wh

    @property
    def exportable_wh(self) -> float:
        """How much of what is stored may be drawn to be fed into the grid [Wh], before the losses on the way out."""
        return self.pv_wh

    def after(
        self,
        *,
        pv_w: float,
        load_w: float,
        battery_w: float,
        grid_w: float,
        dt_s: float,
        charge_efficiency: float,
        discharge_efficiency: float,
    ) -> OriginLedger:
        """Return the ledger after ``dt_s`` seconds of these mean powers.

        Powers [W] with the house's signs: ``battery_w`` + discharges, - charges, at the battery's terminals; ``grid_w``
        + imports, - exports; ``pv_w`` and ``load_w`` below 0 count as 0. More than is stored cannot be drawn.
        Raises: ValueError: a power or time that is no number, a negative time, an efficiency outside (0, 1].
        """
        if not all(math.isfinite(value) for value in (pv_w, load_w, battery_w, grid_w, dt_s)) or dt_s < 0.0:
            raise ValueError(f"powers {pv_w}, {load_w}, {battery_w}, {grid_w} W over {dt_s} s: finite, and no time < 0")
        if not (0.0 < charge_efficiency <= 1.0 and 0.0 < discharge_efficiency <= 1.0):
            raise ValueError(f"efficiencies {charge_efficiency}, {discharge_efficiency}: above 0, at most 1")
        hours = dt_s / SECONDS_PER_HOUR
        surplus_w = max(0.0, max(0.0, pv_w) - max(0.0, load_w))
        if battery_w <= 0.0:
            sun_w = min(-battery_w, surplus_w)
            kept_hours = hours * charge_efficiency
            return OriginLedger(
                pv_wh=self.pv_wh + sun_w * kept_hours, grid_wh=self.grid_wh + (-battery_w - sun_w) * kept_hours
            )
        # The house takes PV before the battery, so of an export the PV surplus is not the battery's.
        sold_w = min(battery_w, max(0.0, -grid_w - surplus_w))
        drawn_hours = hours / discharge_efficiency
        return self._without(sold_w * drawn_hours, (battery_w - sold_w) * drawn_hours)

    def _without(self, sold_wh: float, used_wh: float) -> OriginLedger:
        """Return what is left after a sale, the sun's first, and a use in the house, the grid's first."""
        sold_sun_wh = min(self.pv_wh, sold_wh)
        used_grid_wh = min(self.grid_wh, used_wh)
        # What the proper part does not hold has come out of the other one all the same.
        return OriginLedger(
            pv_wh=max(0.0, self.pv_wh - sold_sun_wh - (used_wh - used_grid_wh)),
            grid_wh=max(0.0, self.grid_wh - used_grid_wh - (sold_wh - sold_sun_wh)),
        )

    def rescaled_to(self, stored_wh: float) -> OriginLedger:
        """Return the ledger with the sum ``stored_wh`` >= 0 [Wh] and the same shares; what appears in an empty one is
        the grid's.

        Raises: ValueError: ``stored_wh`` is negative or no number.
        """
        if not 0.0 <= stored_wh < math.inf:
            raise ValueError(f"stored_wh {stored_wh}: energy that is stored is 0 Wh or more")
        if self.stored_wh <= 0.0:
            return OriginLedger.unknown(stored_wh)
        pv_wh = min(stored_wh, self.pv_wh / self.stored_wh * stored_wh)
        return OriginLedger(pv_wh=pv_wh, grid_wh=stored_wh - pv_wh)

    def after_gap(self, stored_wh: float) -> OriginLedger:
        """Return the ledger where the battery holds ``stored_wh`` >= 0 [Wh] and nobody saw what came and went.

        What came counts as the grid's, and what went as the sun's.
        Raises: ValueError: ``stored_wh`` is negative or no number.
        """
        change_wh = stored_wh - self.stored_wh
        pv_wh = min(max(0.0, stored_wh), max(0.0, self.pv_wh + min(0.0, change_wh)))
        return OriginLedger(pv_wh=pv_wh, grid_wh=stored_wh - pv_wh)
