"""Living a span stretch by stretch with what a strategy orders at each quarter: the yardsticks, and any battery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

import numpy as np

from hems.backtest.lived import IDLE, MODE_NAMES, NO_BATTERY, LivedPeriod
from hems.backtest.physics import Battery, IdealBattery, Order
from hems.backtest.study import Span, Study
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, PriceContext
from hems.domain.measured import FloatArray
from hems.domain.prices import PriceOrigin
from hems.domain.readings import BatteryReading, LoadReading, PvReading, Quality, SiteSnapshot, unknown_snapshot
from hems.domain.time_grid import MTU, local_date

_W = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a strategy may look at when a quarter begins; powers are those of the last interval measured [W]."""

    at: datetime
    step: int
    soc_pct: float
    exportable_wh: float
    load_w: float | None
    pv_w: float | None
    market_per_mwh: float | None
    export_per_kwh: float


class Choose(Protocol):
    """A strategy, asked at every quarter."""

    def __call__(self, moment: Moment) -> Order:
        """Return what holds in the quarter that begins."""
        ...


def self_use(moment: Moment) -> Order:
    """Order what the inverter does alone."""
    del moment
    return Order(mode=Mode.SELF_USE)


class ScoreChoice:
    """The weighted score to the letter: the strategy itself, shown what it would have seen."""

    def __init__(self, study: Study) -> None:
        self._engine = MultiFactorEngine(replace(study.score, charge_power_w=_charge_w(study)))
        self._currency = study.prices.currency
        self._active: Command | None = None

    def __call__(self, moment: Moment) -> Order:
        """Return a charge or self-use."""
        context = DecisionContext(
            at=moment.at,
            snapshot=_snapshot(moment),
            price=PriceContext(
                price_per_mwh=moment.market_per_mwh,
                currency=self._currency,
                origin=None if moment.market_per_mwh is None else PriceOrigin.PUBLISHED,
            ),
            active=self._active,
            active_since=None,
            charging=self._active is not None,
            decision_interval_s=MTU.total_seconds(),
        )
        command = self._engine.propose(context).command
        self._active = command if command.mode is Mode.CHARGE else None
        return Order(mode=command.mode, power_w=command.power_w, target_soc_pct=command.target_soc_pct)


def _charge_w(study: Study) -> float:
    """Return the power of a charge: the configured one, as far as the home can."""
    return min(study.score.charge_power_w, study.home.charge_max_w) or study.score.charge_power_w


def _snapshot(moment: Moment) -> SiteSnapshot:
    at = moment.at

    def quality(value: float | None) -> Quality:
        return Quality.MISSING if value is None else Quality.GOOD

    return replace(
        unknown_snapshot(at, "lived once more"),
        pv=PvReading(at=at, quality=quality(moment.pv_w), power_w=moment.pv_w),
        battery=BatteryReading(at=at, quality=Quality.GOOD, soc_pct=moment.soc_pct),
        load=LoadReading(at=at, quality=quality(moment.load_w), power_w=moment.load_w),
    )


class PlainRun:
    """One strategy and one battery, carried on from span to span."""

    def __init__(self, study: Study, battery: Battery, choose: Choose, code: int | None = None) -> None:
        self._study, self._battery, self._choose = study, battery, choose
        self._code = code
        self._discharged: tuple[date, float] = (date.min, 0.0)

    def discharged_today_wh(self, now: datetime) -> float:
        """Return what the battery has given on the local day of ``now`` [Wh]."""
        day, discharged_wh = self._discharged
        return discharged_wh if day == local_date(now, self._study.zone) else 0.0

    def live(self, span: Span) -> LivedPeriod:
        """Return ``span`` as it is lived; stretches of which anything is unknown are left out, the battery rests."""
        rows: list[tuple[float, ...]] = []
        loads, suns = (span.load * _W).tolist(), (span.pv * _W).tolist()
        known = (np.isfinite(span.load) & np.isfinite(span.pv)).tolist()
        priced = (np.isfinite(span.buy) & np.isfinite(span.sell)).tolist()
        market = [None] * span.steps if span.market_per_mwh is None else span.market_per_mwh.tolist()
        sells = span.sell.tolist()
        hours, parts = span.part_hours, span.parts
        for step in range(span.steps):
            at = span.first + step * MTU
            if priced[step]:
                price = market[step]
                load_w, pv_w = self._study.past.latest_w(at)
                order = self._choose(
                    Moment(
                        at=at, step=step, soc_pct=self._battery.soc_pct, exportable_wh=self._battery.exportable_wh,
                        load_w=load_w, pv_w=pv_w,
                        market_per_mwh=price if price is not None and price == price else None,
                        export_per_kwh=sells[step],
                    )
                )  # fmt: skip
                code = MODE_NAMES.index(order.mode.value) if self._code is None else self._code
                asked = float("nan") if order.power_w is None else order.power_w
                for part in range(parts):
                    row = step * parts + part
                    if known[row]:
                        start = at + timedelta(hours=part * hours)
                        lived = self._battery.live(start, hours, order, loads[row], suns[row])
                        self._count(start, max(lived.battery_w, 0.0) * hours)
                        rows.append((row, code, asked, lived.battery_w, lived.grid_w, lived.curtailed_w,
                                     self._battery.soc_pct))  # fmt: skip
        return lived_period(self._study, span, np.array(rows, dtype=np.float64).reshape(-1, 7))

    def _count(self, start: datetime, discharged_wh: float) -> None:
        if self._study.home.cycles_per_day_max is not None and discharged_wh > 0.0:
            before = self.discharged_today_wh(start)
            self._discharged = (local_date(start, self._study.zone), before + discharged_wh)


def lived_period(study: Study, span: Span, table: FloatArray) -> LivedPeriod:
    """Return the columns of ``table``: row of the span, mode, asked W, battery W, grid W, curtailed W, SoC %."""
    rows = table[:, 0].astype(np.int64)
    quarters, hours = rows // span.parts, span.part_hours
    buy, sell = span.buy[quarters], span.sell[quarters]
    battery_w, grid_w = table[:, 3], table[:, 4]
    grid_kwh = grid_w / _W * hours
    return LivedPeriod(
        start_s=int(span.first.timestamp()) + np.rint(rows * hours * 3600.0).astype(np.int64),
        hours=np.full(len(rows), hours),
        load_w=span.load[rows] * _W,
        pv_w=span.pv[rows] * _W,
        import_per_kwh=buy,
        export_per_kwh=sell,
        mode=table[:, 1].astype(np.int64),
        asked_w=table[:, 2],
        battery_w=battery_w,
        grid_w=grid_w,
        curtailed_w=table[:, 5],
        soc_pct=table[:, 6],
        energy_cost=np.where(grid_kwh > 0.0, grid_kwh * buy, grid_kwh * sell),
        wear_cost=np.abs(battery_w) / _W * hours * study.home.wear_per_kwh,
    )


def without_battery(study: Study, *, is_there: bool) -> PlainRun:
    """Return the run of a battery that does nothing, or of none at all."""
    still = replace(study.home, charge_max_w=0.0, discharge_max_w=0.0)
    return PlainRun(study, IdealBattery(still, study.start_soc_pct), self_use, IDLE if is_there else NO_BATTERY)
