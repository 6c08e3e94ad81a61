"""EMHASS as a strategy in the backtest: planned again every hour on the same forecast, its power setpoints executed."""

from __future__ import annotations

import numpy as np

from hems.backtest.forecast_view import ForecastView, Levels
from hems.backtest.known_prices import SeenPrices
from hems.backtest.lived import POWER, LivedPeriod
from hems.backtest.peers.emhass import EmhassPlanner
from hems.backtest.peers.question import PlanQuestion
from hems.backtest.physics import Battery, Order
from hems.backtest.plain_run import Moment, PlainRun
from hems.backtest.study import ForecastKind, Foresight, Span, Study
from hems.domain.command import Mode
from hems.domain.measured import FloatArray
from hems.domain.units import kwh_from_wh
from hems.planning.kernel_rolling import end_value
from hems.planning.problem import limits_of

STEPS_BETWEEN_PLANS = 4
"""EMHASS's MPC is commonly run every 5 to 60 minutes. A plan takes half a second, so a year of hours takes long."""

_QUARTER_H = 0.25


class EmhassRun:
    """Lives spans by EMHASS's plans; between two plans the setpoints of the last one go on.

    Raises: PeerNotInstalled.
    """

    def __init__(self, study: Study, view: ForecastView, battery: Battery) -> None:
        is_perfect = study.forecast is ForecastKind.PERFECT
        self._study, self._view = study, view
        self.foresight = Foresight(load=is_perfect, pv=is_perfect)
        self._planner = EmhassPlanner(study.home)
        self._run = PlainRun(study, battery, self._choose, POWER)
        self._seen: tuple[Levels, SeenPrices]
        self._plan: FloatArray | None = None
        self._planned_at = -STEPS_BETWEEN_PLANS
        self.without_plan = 0

    def live(self, span: Span) -> LivedPeriod:
        """Return ``span`` as it is lived."""
        self._seen = (
            self._view.levels(span.first, span.last, self.foresight),
            self._view.prices(span.first, span.last, self.foresight),
        )
        self._plan, self._planned_at = None, -STEPS_BETWEEN_PLANS
        return self._run.live(span)

    def _choose(self, moment: Moment) -> Order:
        if moment.step - self._planned_at >= STEPS_BETWEEN_PLANS or self._plan is None:
            self._plan, self._planned_at = self._planned(moment), moment.step
        ahead = moment.step - self._planned_at
        if self._plan is None or ahead >= len(self._plan):
            self.without_plan += 1
            return Order(mode=Mode.SELF_USE)
        power_w = float(self._plan[ahead]) * 1000.0
        return Order(mode=Mode.CHARGE if power_w > 0.0 else Mode.DISCHARGE, power_w=abs(power_w))

    def _planned(self, moment: Moment) -> FloatArray | None:
        levels, prices = self._seen
        step, home = moment.step, self._study.home
        since, count = int(prices.from_of[step]), int(prices.slots_of[step])
        load, pv = levels.load[step, :, :count], levels.pv[step, :, :count]
        if count < 2 or not (np.isfinite(load).all() and np.isfinite(pv).all()):
            return None
        buy = prices.buy[int(prices.row_of[step]), since : since + count]
        question = PlanQuestion(
            load_kw=np.maximum(load, 0.0).mean(axis=0),
            pv_kw=np.maximum(pv, 0.0).mean(axis=0),
            buy_per_kwh=buy,
            sell_per_kwh=prices.sell[int(prices.row_of[step]), since : since + count],
            slot_hours=_QUARTER_H,
            end_value=end_value(buy, count, limits_of(home), home.wear_per_kwh),
        )
        return self._planner.plan(question, kwh_from_wh(home.capacity_wh) * moment.soc_pct / 100.0).battery_kw
