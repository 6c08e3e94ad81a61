"""A home made up for the report's tests: a simple sun, a simple household, and a battery under several strategies.

What is known of the future comes from a dynamic programme over levels of stored energy; a strategy chooses a mode by
the value of what is stored, as the product does, from values that were reckoned on a wrong load and sun.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from hems.backtest.lived import IDLE, NO_BATTERY, POWER, LivedPeriod
from hems.backtest.outcome import (
    DayReason,
    DayStory,
    Figures,
    Loss,
    StrategyOutcome,
    StudyResult,
)
from hems.domain.measured import FloatArray, RecordQuality
from hems.domain.time_grid import local_date, local_day_bounds

WARSAW = ZoneInfo("Europe/Warsaw")
CAPACITY_KWH, POWER_KW, EFFICIENCY, WEAR, FLOOR_PCT, START_PCT = 10.0, 5.0, 0.95, 0.05, 10.0, 50.0
LEFT_VALUE = 0.45
USABLE_KWH = CAPACITY_KWH * (1 - FLOOR_PCT / 100)
COARSE, FINE = 37, 181
"""Levels of stored energy between the floor and full: what a strategy reckons with, and perfect foresight."""
SELF_USE, HOLD, NO_CHARGE, CHARGE, DISCHARGE = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Load and sun [kW], prices [money/kWh], shape (n,)."""

    start_s: np.ndarray
    hours: float
    load: FloatArray
    pv: FloatArray
    buy: FloatArray
    sell: FloatArray


def made_up_house(first: date, last: date, step_min: int) -> House:
    """Return a house from the local midnight of ``first`` to that of ``last`` (exclusive)."""
    low, high = local_day_bounds(first, WARSAW)[0], local_day_bounds(last, WARSAW)[0]
    start_s = np.arange(int(low.timestamp()), int(high.timestamp()), step_min * 60)
    random = np.random.default_rng(5)
    day = (start_s - start_s[0]) // 86400
    clock = np.array([_local_hour(int(second)) for second in start_s])
    of_year = np.array([datetime.fromtimestamp(int(second), UTC).timetuple().tm_yday for second in start_s])
    season = -np.cos(2 * np.pi * (of_year - 10) / 365.25)
    noon = 12.3 + 0.4 * (season > 0)
    height = np.cos(np.clip((clock - noon) / (10.5 + 4.5 * season), -0.5, 0.5) * np.pi).clip(0)
    clouds = random.beta(1.6, 1.1, int(day[-1]) + 2)[day]
    flicker = np.clip(1 + 0.35 * random.standard_normal(len(start_s)) * (1 - clouds), 0.1, 1.6)
    pv = np.clip((3.6 + 2.6 * season) * height**1.35 * (0.18 + 0.82 * clouds) * flicker, 0, 7.0)
    habit = 0.28 + 0.55 * np.exp(-(((clock - 7.2) / 1.1) ** 2)) + 1.05 * np.exp(-(((clock - 19.3) / 2.1) ** 2))
    bursts = (random.random(len(start_s)) < 0.03) * random.gamma(2.0, 0.8, len(start_s))
    load = habit * (1.15 - 0.25 * season) * random.gamma(9.0, 1 / 9.0, len(start_s)) + bursts
    level = 0.42 + 0.07 * random.standard_normal(int(day[-1]) + 2)[day] - 0.07 * season
    market = level + 0.16 * np.exp(-(((clock - 7.8) / 1.5) ** 2)) + 0.34 * np.exp(-(((clock - 19.6) / 1.9) ** 2))
    market -= 0.34 * height * (0.3 + 0.7 * clouds) * (0.6 + 0.5 * season) + 0.08 * (np.abs(clock - 3) < 2.5)
    market += 1.3 * (random.random(int(day[-1]) + 2)[day] < 0.012) * np.exp(-(((clock - 18) / 1.0) ** 2))
    return House(
        start_s=start_s, hours=step_min / 60, load=load, pv=pv, buy=(market + 0.085) * 1.23 + 0.29, sell=market
    )


def _local_hour(second: int) -> float:
    local = datetime.fromtimestamp(second, WARSAW)
    return local.hour + local.minute / 60


def stored_values(house: House, load: FloatArray, pv: FloatArray, count: int) -> FloatArray:
    """Return the least cost from each slot on by level, shape (n + 1, count), for ``load`` and ``pv`` [kW]."""
    room = USABLE_KWH / (count - 1)
    levels = np.arange(count)
    reach = max(1, math.floor(POWER_KW * house.hours * EFFICIENCY / room))
    moves = np.arange(-reach, reach + 1)
    battery = np.where(moves > 0, moves * room / EFFICIENCY, moves * room * EFFICIENCY)
    target = levels[:, None] + moves[None, :]
    outside = (target < 0) | (target >= count)
    target = np.clip(target, 0, count - 1)
    value = np.empty((len(load) + 1, count))
    value[-1] = -LEFT_VALUE * levels * room
    wear = WEAR * np.abs(battery)
    for t in range(len(load) - 1, -1, -1):
        net = (load[t] - pv[t]) * house.hours + battery
        cost = np.where(net > 0, net * house.buy[t], net * max(house.sell[t], 0.0)) + wear
        total = cost[None, :] + value[t + 1][target]
        total[outside] = np.inf
        value[t] = total.min(axis=1)
    return value


def live(house: House, choose_mode: np.ndarray | None, values: FloatArray | None) -> LivedPeriod:
    """Return the house lived in the modes given, else in those that ``values`` speak for."""
    count, hours = len(house.load), house.hours
    mode = np.zeros(count, dtype=np.int64) if choose_mode is None else choose_mode
    battery, soc, stored = np.zeros(count), np.zeros(count), CAPACITY_KWH * START_PCT / 100
    floor = CAPACITY_KWH * FLOOR_PCT / 100
    for t in range(count):
        if values is not None:
            mode[t] = _best_mode(house, t, (stored - floor) / (CAPACITY_KWH - floor), values[t + 1])
        surplus = house.pv[t] - house.load[t]
        wanted = {
            SELF_USE: surplus,
            HOLD: max(surplus, 0.0),
            NO_CHARGE: min(surplus, 0.0),
            CHARGE: POWER_KW,
            DISCHARGE: -POWER_KW,
        }.get(int(mode[t]), 0.0)
        most = min(POWER_KW, (CAPACITY_KWH - stored) / (hours * EFFICIENCY))
        least = -min(POWER_KW, (stored - floor) * EFFICIENCY / hours)
        power = min(max(wanted, least), most)
        stored += power * hours * EFFICIENCY if power > 0 else power * hours / EFFICIENCY
        battery[t], soc[t] = -power, 100 * stored / CAPACITY_KWH
    return lived_of(house, mode, battery, soc)


def _best_mode(house: House, t: int, share: float, value: FloatArray) -> int:
    room = USABLE_KWH / (len(value) - 1)
    at = min(max(int(share * (len(value) - 1)), 0), len(value) - 2)
    worth = (value[at] - value[at + 1]) / room
    buy, sell = float(house.buy[t]), float(house.sell[t])
    if worth * EFFICIENCY - WEAR > buy and share < 0.97:
        return CHARGE
    if sell * EFFICIENCY - WEAR > worth + 0.02 and share > 0.05:
        return DISCHARGE
    if house.pv[t] > house.load[t]:
        return NO_CHARGE if sell > worth * EFFICIENCY - WEAR + 0.02 else SELF_USE
    return HOLD if worth > (buy - WEAR) * EFFICIENCY + 0.01 else SELF_USE


def live_knowing(house: House, values: FloatArray) -> LivedPeriod:
    """Return the house lived along the cheapest path over ``values``."""
    room = USABLE_KWH / (values.shape[1] - 1)
    reach = max(1, math.floor(POWER_KW * house.hours * EFFICIENCY / room))
    level = round((START_PCT - FLOOR_PCT) / 100 * CAPACITY_KWH / room)
    count = len(house.load)
    battery, soc = np.zeros(count), np.zeros(count)
    for t in range(count):
        moves = np.arange(max(-reach, -level), min(reach, values.shape[1] - 1 - level) + 1)
        energy = np.where(moves > 0, moves * room / EFFICIENCY, moves * room * EFFICIENCY)
        net = (house.load[t] - house.pv[t]) * house.hours + energy
        cost = np.where(net > 0, net * house.buy[t], net * max(house.sell[t], 0.0)) + WEAR * np.abs(energy)
        best = int(np.argmin(cost + value_at(values, t + 1, level + moves)))
        level += int(moves[best])
        battery[t] = -energy[best] / house.hours
        soc[t] = FLOOR_PCT + 100 * level * room / CAPACITY_KWH
    return lived_of(house, np.full(count, POWER, dtype=np.int64), battery, soc)


def value_at(values: FloatArray, t: int, levels: np.ndarray) -> FloatArray:
    """Return the values of slot ``t`` at ``levels``."""
    chosen: FloatArray = values[t][levels]
    return chosen


def lived_of(house: House, mode: np.ndarray, battery: FloatArray, soc: FloatArray) -> LivedPeriod:
    """Return the columns of a house whose battery gave ``battery`` [kW]."""
    net = house.load - house.pv - battery
    curtailed = np.where(house.sell < 0, np.minimum(np.maximum(-net, 0), house.pv), 0.0)
    grid = net + curtailed
    energy = np.where(grid > 0, grid * house.buy, grid * house.sell) * house.hours
    count = len(house.load)
    return LivedPeriod(
        start_s=house.start_s,
        hours=np.full(count, house.hours),
        load_w=house.load * 1000,
        pv_w=house.pv * 1000,
        import_per_kwh=house.buy,
        export_per_kwh=house.sell,
        mode=mode,
        asked_w=np.where((mode == CHARGE) | (mode == DISCHARGE), POWER_KW * 1000, np.nan),
        battery_w=battery * 1000,
        grid_w=grid * 1000,
        curtailed_w=curtailed * 1000,
        soc_pct=soc,
        energy_cost=energy,
        wear_cost=WEAR * np.abs(battery) * house.hours,
    )


def figures_of(lived: LivedPeriod, idle: Figures | None, possible: float | None) -> Figures:
    """Return what ``lived`` came to."""
    change = float(lived.soc_pct[-1] - START_PCT) / 100 * CAPACITY_KWH * LEFT_VALUE
    cost = float(lived.cost.sum())
    saving = 0.0 if idle is None else idle.cost_pln - cost + change - idle.stored_change_pln
    out = np.maximum(lived.battery_w, 0) * lived.hours / 1000
    changes = int(np.count_nonzero(np.diff(lived.mode)))
    return Figures(
        cost_pln=cost,
        energy_pln=float(lived.energy_cost.sum()),
        wear_pln=float(lived.wear_cost.sum()),
        stored_change_pln=change,
        saving_pln=saving,
        captured_pct=None if possible is None else 100 * saving / possible,
        cycles=float(out.sum()) / EFFICIENCY / CAPACITY_KWH,
        mode_changes_per_day=changes / (float(lived.hours.sum()) / 24),
        import_kwh=float((np.maximum(lived.grid_w, 0) * lived.hours).sum()) / 1000,
        export_kwh=float((np.maximum(-lived.grid_w, 0) * lived.hours).sum()) / 1000,
        curtailed_kwh=float((lived.curtailed_w * lived.hours).sum()) / 1000,
        charge_kwh=float((np.maximum(-lived.battery_w, 0) * lived.hours).sum()) / 1000,
        discharge_kwh=float(out.sum()),
        above_import_limit_kwh=0.0,
        seconds=0.84,
    )


@cache
def made_up_study(first: date = date(2024, 3, 1), last: date = date(2025, 3, 1), step_min: int = 15) -> StudyResult:
    """Return the study of a made-up house over local days; ``last`` is exclusive."""
    house = made_up_house(first, last, step_min)
    random = np.random.default_rng(11)
    known = stored_values(house, house.load, house.pv, FINE)
    guessed = stored_values(
        house, np.full(len(house.load), house.load.mean()), house.pv * random.uniform(0.2, 1.6, len(house.pv)), COARSE
    )
    cheap = np.where(house.buy < np.quantile(house.buy, 0.12), CHARGE, SELF_USE)
    rest = (np.zeros(len(house.load)), np.full(len(house.load), START_PCT))
    lives = {
        "no_battery": lived_of(house, np.full(len(house.load), NO_BATTERY), *rest),
        "idle_battery": lived_of(house, np.full(len(house.load), IDLE), *rest),
        "self_use": live(house, np.zeros(len(house.load), dtype=np.int64), None),
        "multi_factor": live(house, cheap.astype(np.int64), None),
        "optimal": live(house, None, guessed),
        "perfect_foresight": live_knowing(house, known),
    }
    idle = figures_of(lives["idle_battery"], None, None)
    possible = figures_of(lives["perfect_foresight"], idle, None).saving_pln
    outcomes = tuple(
        StrategyOutcome(name=name, lived=lived, figures=figures_of(lived, idle, possible))
        for name, lived in lives.items()
    )
    return _study(outcomes, first, last, step_min)


def _study(outcomes: tuple[StrategyOutcome, ...], first: date, last: date, step_min: int) -> StudyResult:
    idle, optimal = outcomes[1].lived, outcomes[4]
    missed = outcomes[5].figures.saving_pln - optimal.figures.saving_pln
    begin, end = local_day_bounds(first, WARSAW)[0], local_day_bounds(last, WARSAW)[0]
    gain: dict[date, float] = {}
    for moment, more in zip(idle.starts(), (idle.cost - optimal.lived.cost).tolist(), strict=True):
        day = local_date(moment, WARSAW)
        gain[day] = gain.get(day, 0.0) + more
    best, worst = max(gain, key=gain.__getitem__), min(gain, key=gain.__getitem__)
    step = timedelta(minutes=step_min)
    return StudyResult(
        title="home A.csv",
        zone=WARSAW,
        currency="PLN",
        first=begin,
        last=end,
        battery_kwh=CAPACITY_KWH,
        left_value_per_kwh=LEFT_VALUE,
        outcomes=outcomes,
        possible_saving=outcomes[5].figures.saving_pln,
        possible_gap=0.0,
        losses=tuple(
            Loss(cause=cause, amount=missed * share)
            for cause, share in (
                ("load_forecast", 0.52), ("pv_forecast", 0.31), ("price_horizon", 0.14),
                ("mode_limits", 0.08), ("together", -0.05),
            )
        ),
        best_day=_story(optimal.lived, best, gain[best]),
        worst_day=_story(optimal.lived, worst, gain[worst]),
        quality=(
            RecordQuality(
                source="home A.csv", rows=len(idle), step=step, first=begin, end=end, missing_rows=3,
                not_numbers={"load_w": 2, "pv_w": 1}, gaps=((begin, begin + step),), remarks=("times are UTC",),
            ),
            RecordQuality(source="prices & more.csv", rows=len(idle), step=step, first=begin, end=end),
        ),
        left_out_hours=0.0,
        parameters={"battery-kwh": 10, "charge-kw": 5.0, "forecast": "causal", "strategies": ["optimal", "self_use"]},
        versions={"hems": "0.1.0", "numpy": np.__version__},
        forecast_seconds=12.4,
    )  # fmt: skip


def _story(lived: LivedPeriod, day: date, saving: float) -> DayStory:
    rows = lived.of_day(day, WARSAW)
    reasons: list[DayReason] = []
    names = ("self_use", "hold", "no_charge", "charge", "discharge")
    for moment, mode, buy in zip(rows.starts(), rows.mode.tolist(), rows.import_per_kwh.tolist(), strict=True):
        if not reasons or reasons[-1].mode != names[mode]:
            sentence = f"{names[mode]} from here on: the grid costs {buy:.2f} PLN/kWh now, 1.31 between 18:00 and 20:30"
            reasons.append(DayReason(start=moment, mode=names[mode], sentence=sentence))
    return DayStory(day=day, saving=saving, reasons=tuple(reasons))


def stretched(result: StudyResult, times: int) -> StudyResult:
    """Return ``result`` lived ``times`` over, one after the other, with prices and SoC that no two times share."""
    random = np.random.default_rng(3)
    length = int((result.last - result.first).total_seconds())
    outcomes = []
    for outcome in result.outcomes:
        lived, parts = outcome.lived, []
        for turn in range(times):
            noise = random.normal(0.0, 0.05, len(lived))
            parts.append(
                replace(
                    lived,
                    start_s=lived.start_s + turn * length,
                    import_per_kwh=lived.import_per_kwh + noise,
                    soc_pct=np.clip(lived.soc_pct + 100 * noise, 0, 100),
                )
            )
        outcomes.append(replace(outcome, lived=LivedPeriod.joined(parts)))
    return replace(result, outcomes=tuple(outcomes), last=result.first + timedelta(seconds=times * length))


def without(result: StudyResult, *names: str) -> StudyResult:
    """Return ``result`` without the outcomes of ``names``."""
    return replace(result, outcomes=tuple(outcome for outcome in result.outcomes if outcome.name not in names))


def without_time(result: StudyResult, start: datetime, end: datetime) -> StudyResult:
    """Return ``result`` with no rows in [start, end), its figures as they are."""
    low, high = start.timestamp(), end.timestamp()
    outcomes = tuple(
        replace(o, lived=o.lived.rows((o.lived.start_s < low) | (o.lived.start_s >= high))) for o in result.outcomes
    )
    return replace(result, outcomes=outcomes, left_out_hours=(high - low) / 3600)
