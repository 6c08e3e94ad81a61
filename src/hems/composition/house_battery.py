"""The simulated house's battery for a backtest: losses that grow with power, taper, idle draw, a pack that warms."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hems.backtest.physics import Order, Stretch
from hems.domain.command import Mode
from hems.domain.outlook import HomeModel
from hems.simulation.battery import CONVERTER_SHARE, Battery, BatterySpec
from hems.simulation.house import Order as InverterOrder
from hems.simulation.house import Rule, dispatch

STEP_S = 60.0
ROOM_C = 18.0
"""Of the cellar or garage that the pack stands in [degrees C]."""

MOST_LOST_SHARE = 0.1
"""Every loss of a pack that grows with its power stays below this share of it."""

_CELLS = 120
_PACK_V = 384.0


def never_worse_than_house(home: HomeModel) -> HomeModel:
    """Return a home whose ideal battery loses no more than a ``HouseBattery`` and reaches every SoC that one can.

    That pack loses ``CONVERTER_SHARE`` of its power at the very least, whatever the home's own efficiencies say, and
    is told to stop only when a minute is over: by what a minute moves it passes both ends of its window.
    """
    minute_pct = 100.0 * STEP_S / 3600.0 / home.capacity_wh
    return replace(
        home,
        charge_efficiency=max(home.charge_efficiency, 1.0 - CONVERTER_SHARE),
        discharge_efficiency=max(home.discharge_efficiency, 1.0 / (1.0 + CONVERTER_SHARE)),
        floor_pct=max(home.floor_pct - home.discharge_max_w * minute_pct * (1.0 + MOST_LOST_SHARE), 0.0),
        ceiling_pct=min(home.ceiling_pct + home.charge_max_w * minute_pct, 100.0),
    )


class HouseBattery:
    """A high-voltage pack of the home's capacity and powers, moved minute by minute; the plan knows nothing of it."""

    def __init__(self, home: HomeModel, soc_pct: float) -> None:
        current_a = max(home.charge_max_w, home.discharge_max_w, 1.0) / _PACK_V
        spec = BatterySpec(
            name="backtest",
            summary="one high-voltage pack of the home's size",
            cells_per_module=_CELLS,
            module_wh=home.capacity_wh,
            in_series=True,
            module_current_a=current_a,
            current_max_a=current_a,
            window_min_v=2.8 * _CELLS,
            window_max_v=3.65 * _CELLS,
        )
        self._home = home
        self._pack = Battery(spec, capacity_wh=home.capacity_wh, soc_pct=soc_pct, temperature_c=ROOM_C)
        self._sunny_wh = home.exportable_wh

    @property
    def soc_pct(self) -> float:
        """How full it is now [%]."""
        return self._pack.soc_pct

    @property
    def exportable_wh(self) -> float:
        """What of the stored energy came from the sun [Wh]."""
        return self._sunny_wh

    def live(self, start: datetime, hours: float, order: Order, load_w: float, pv_w: float) -> Stretch:
        """Move on by ``hours`` under ``order``, minute by minute."""
        del start
        steps = max(1, round(hours * 3600.0 / STEP_S))
        dt_s = hours * 3600.0 / steps
        battery_ws = grid_ws = curtailed_ws = 0.0
        for _ in range(steps):
            given_w, battery_w = self._step(order, load_w, pv_w, dt_s)
            battery_ws += battery_w * dt_s
            grid_ws += (load_w - given_w - battery_w) * dt_s
            curtailed_ws += (pv_w - given_w) * dt_s
        seconds = steps * dt_s
        return Stretch(
            battery_w=battery_ws / seconds, grid_w=grid_ws / seconds, curtailed_w=max(curtailed_ws / seconds, 0.0)
        )

    def _step(self, order: Order, load_w: float, pv_w: float, dt_s: float) -> tuple[float, float]:
        """Return the PV that is taken and the battery's power [W]."""
        home, pack = self._home, self._pack
        pack.refresh_limits()
        ceiling_pct = home.ceiling_pct if order.target_soc_pct is None else min(home.ceiling_pct, order.target_soc_pct)
        charge_w = min(home.charge_max_w, pack.charge_max_w(dt_s)) if pack.soc_pct < ceiling_pct else 0.0
        charge_w = min(charge_w, max(home.import_max_w - (load_w - pv_w), 0.0))  # a charge yields to the fuse
        discharge_w = min(home.discharge_max_w, pack.discharge_max_w(dt_s)) if pack.soc_pct > home.floor_pct else 0.0
        export_w = home.export_max_w if order.export_limit_w is None else min(home.export_max_w, order.export_limit_w)
        given_w, battery_w = dispatch(
            self._as_inverter_order(order, load_w, pv_w, export_w, dt_s),
            pv_w,
            load_w,
            charge_w,
            discharge_w,
            float("inf"),
        )
        pack.step(battery_w, dt_s, ROOM_C)
        self._follow_origin(battery_w, load_w, pv_w, dt_s)
        return given_w, battery_w

    def _as_inverter_order(
        self, order: Order, load_w: float, pv_w: float, export_w: float, dt_s: float
    ) -> InverterOrder:
        power_w = order.power_w or 0.0
        if order.mode is Mode.CHARGE:
            return InverterOrder(rule=Rule.BATTERY_AT, power_w=-power_w, export_limit_w=export_w)
        if order.mode is Mode.DISCHARGE:
            if self._home.no_grid_energy_into_export:
                need_w = max(load_w - pv_w, 0.0)
                power_w = min(power_w, need_w + self._sunny_wh * self._home.discharge_efficiency * 3600.0 / dt_s)
            return InverterOrder(rule=Rule.BATTERY_AT, power_w=power_w, export_limit_w=export_w)
        return InverterOrder(
            rule=Rule.SELF_USE,
            may_charge=order.mode is not Mode.NO_CHARGE,
            may_discharge=order.mode is not Mode.HOLD,
            export_limit_w=export_w,
        )

    def _follow_origin(self, battery_w: float, load_w: float, pv_w: float, dt_s: float) -> None:
        """The house draws on what came from the grid first; only what is sold comes out of the sun's share."""
        hours, home = dt_s / 3600.0, self._home
        if battery_w < 0.0:
            self._sunny_wh += min(-battery_w, max(pv_w - load_w, 0.0)) * home.charge_efficiency * hours
        else:
            self._sunny_wh -= max(battery_w - max(load_w - pv_w, 0.0), 0.0) / home.discharge_efficiency * hours
        self._sunny_wh = min(max(self._sunny_wh, 0.0), self._pack.stored_wh)
