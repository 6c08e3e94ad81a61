"""The house without the coordinator: plain self-use, one step at a time.

PV covers the load first, the surplus charges the battery, what the battery cannot take is exported; a deficit is
covered by the battery, then by the grid. Nothing is ever charged from the grid or sold from the battery.

The DC side holds PV and battery, the AC side load and grid; ``inverter_efficiency`` lies between them. The balance of
every step is exact: ``pv + battery + grid = load + loss`` and ``stored change + battery loss = - battery``.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS_PER_HOUR = 3600.0
PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfUseStep:
    """What self-use did in one step: mean powers [W] with the house's signs, and what is stored after it [Wh]."""

    stored_wh: float
    battery_w: float
    """+ discharges, - charges, at the battery's terminals."""
    grid_w: float
    """+ imports, - exports."""
    loss_w: float
    """Lost in the inverter, its own draw included; >= 0."""
    battery_loss_w: float
    """Lost inside the battery; >= 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfUseHouse:
    """The battery and inverter as self-use finds them.

    Every default is at the good end of its range, so that the house without the coordinator looks as good as it may
    and a saving is never owed to a poor yardstick:

    - ``charge_efficiency`` and ``discharge_efficiency`` 0.97: with the inverter 0.91 from PV over the battery to the
      load; the planning model this project was measured with takes 0.95 each way, 0.90 together.
    - ``inverter_efficiency`` 0.97: usual European efficiency of hybrid inverters of 5-10 kW.
    - ``idle_w`` 30 W: the inverter's own draw; 30-100 W are seen.

    ``export_max_w`` None is no limit; PV beyond a limit is curtailed.
    Raises: ValueError: a parameter outside its range.
    """

    capacity_wh: float
    soc_min_pct: float
    soc_max_pct: float
    charge_max_w: float
    discharge_max_w: float
    charge_efficiency: float = 0.97
    discharge_efficiency: float = 0.97
    inverter_efficiency: float = 0.97
    idle_w: float = 30.0
    export_max_w: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.soc_min_pct <= self.soc_max_pct <= PERCENT:
            raise ValueError(f"SoC window {self.soc_min_pct}-{self.soc_max_pct} %: 0 <= minimum <= maximum <= 100")
        for name in ("charge_efficiency", "discharge_efficiency", "inverter_efficiency"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} {getattr(self, name)}: above 0, at most 1")
        for name in ("capacity_wh", "charge_max_w", "discharge_max_w", "idle_w"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} {getattr(self, name)}: must not be negative")

    def stored_wh(self, soc_pct: float) -> float:
        """Return the energy stored at ``soc_pct`` [Wh]."""
        return self.capacity_wh * soc_pct / PERCENT

    def soc_pct(self, stored_wh: float) -> float | None:
        """Return the SoC at ``stored_wh`` [%], or None for a house without a battery."""
        return None if self.capacity_wh <= 0.0 else stored_wh / self.capacity_wh * PERCENT

    def within_window(self, stored_wh: float) -> float:
        """Return ``stored_wh`` moved into the SoC window."""
        return min(max(stored_wh, self.stored_wh(self.soc_min_pct)), self.stored_wh(self.soc_max_pct))

    def step(self, stored_wh: float, load_w: float, pv_w: float, dt_s: float) -> SelfUseStep:
        """Return what self-use does for ``dt_s`` > 0 seconds of constant ``load_w`` >= 0 and ``pv_w`` >= 0.

        A battery that starts outside its window is never moved further out; it is let back in by charging or use.
        """
        hours = dt_s / SECONDS_PER_HOUR
        need_ac_w = load_w + self.idle_w
        spare_dc_w = pv_w - need_ac_w / self.inverter_efficiency
        if spare_dc_w >= 0.0:
            return self._with_surplus(stored_wh, spare_dc_w, load_w, pv_w, hours)
        short_ac_w = need_ac_w - pv_w * self.inverter_efficiency
        usable_wh = max(0.0, stored_wh - self.capacity_wh * self.soc_min_pct / PERCENT)
        battery_w = min(
            short_ac_w / self.inverter_efficiency,
            self.discharge_max_w,
            usable_wh * self.discharge_efficiency / hours,
        )
        grid_w = short_ac_w - battery_w * self.inverter_efficiency
        drawn_w = battery_w / self.discharge_efficiency
        return SelfUseStep(
            stored_wh=stored_wh - drawn_w * hours,
            battery_w=battery_w,
            grid_w=max(0.0, grid_w),
            loss_w=pv_w + battery_w + max(0.0, grid_w) - load_w,
            battery_loss_w=drawn_w - battery_w,
        )

    def _with_surplus(
        self, stored_wh: float, spare_dc_w: float, load_w: float, pv_w: float, hours: float
    ) -> SelfUseStep:
        room_wh = max(0.0, self.capacity_wh * self.soc_max_pct / PERCENT - stored_wh)
        charge_w = min(spare_dc_w, self.charge_max_w, room_wh / self.charge_efficiency / hours)
        export_w = (spare_dc_w - charge_w) * self.inverter_efficiency
        curtailed_w = 0.0
        if self.export_max_w is not None and export_w > self.export_max_w:
            curtailed_w = (export_w - self.export_max_w) / self.inverter_efficiency
            export_w = self.export_max_w
        kept_w = charge_w * self.charge_efficiency
        return SelfUseStep(
            stored_wh=stored_wh + kept_w * hours,
            battery_w=-charge_w,
            grid_w=-export_w,
            # Curtailed PV is never produced: it is neither a loss nor a flow.
            loss_w=pv_w - curtailed_w - charge_w - export_w - load_w,
            battery_loss_w=charge_w - kept_w,
        )
