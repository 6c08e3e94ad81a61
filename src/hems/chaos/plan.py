"""What one day of the campaign is made of: a house, its weather and prices, and what goes wrong when."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hems.chaos.troubles import TROUBLE_KINDS, Area, Trouble, draw_fault
from hems.domain.time_grid import local_day_bounds
from hems.simulation.control import Function
from hems.simulation.faults import FAULT_KINDS, Fault, parse_fault
from hems.simulation.market import MARKET_ZONE
from hems.simulation.models import MODELS, Family

CALM_SHARE = 0.1
"""Share of the days on which nothing goes wrong; they are compared with plain self-use."""

LEAD_S = 330.0
"""So long before a trouble the close look begins: a cycle at leisure, and a little."""
AFTERMATH_S = 420.0
"""So long after it the close look goes on: what has to be normal again in five minutes, and a little."""

SETTLING_S = 900.0
"""Nothing goes wrong in the first quarter of an hour of a day, so that it has a normal to come back to."""
QUIET_END_S = 1200.0
"""Nor in the last twenty minutes."""

_DST_DAYS = (date(2026, 3, 29), date(2026, 10, 25), date(2025, 3, 30), date(2025, 10, 26))
_BATTERY_MODELS = tuple(name for name, model in MODELS.items() if model.battery is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """One day, wholly determined by its seed."""

    seed: int
    day: date
    model: str
    control: str
    capacity_wh: float
    soc_pct: float
    load_average_w: float
    pv_peak_w: float
    cloudy: str
    bms_protects: bool
    control_lag_s: float
    priority: tuple[Function, ...]
    owner_floor_pct: int
    poll_s: float
    """Between two polls while something is wrong, or may be; otherwise five minutes, to save the campaign's time."""
    price_shape: str
    faults: tuple[Fault, ...]
    troubles: tuple[Trouble, ...]
    strategy: str = "multi_factor"
    """Who is in charge: the score on odd seeds, the plan on even ones."""

    @property
    def start(self) -> datetime:
        """The day's local midnight, as UTC."""
        return local_day_bounds(self.day, MARKET_ZONE)[0]

    @property
    def length(self) -> timedelta:
        """23, 24 or 25 hours."""
        start, end = local_day_bounds(self.day, MARKET_ZONE)
        return end - start

    @property
    def is_calm(self) -> bool:
        """Whether nothing goes wrong."""
        return not self.faults and not self.troubles

    @property
    def watched(self) -> tuple[tuple[float, float], ...]:
        """From when until when [s] something is wrong or may still be: there everything is looked at closely."""
        spells = [(fault.start_s, fault.start_s + (fault.duration_s or 0.0)) for fault in self.faults]
        # What prices do is the business of hours, and of the next decision.
        spells += [(each.start_s, each.end_s) for each in self.troubles if each.kind.area is not Area.PRICES]
        return tuple(sorted((start_s - LEAD_S, end_s + AFTERMATH_S) for start_s, end_s in spells))

    def describe(self) -> str:
        """Return the day in a line or two, for a person who replays it."""
        wrong = ", ".join([*(str(fault) for fault in self.faults), *(str(trouble) for trouble in self.troubles)])
        return (
            f"{self.day} {self.model}, {self.strategy}, control {self.control}, "
            f"{self.capacity_wh / 1000:g} kWh at {self.soc_pct:g} %, "
            f"poll {self.poll_s:g} s, prices {self.price_shape}, BMS {'protects' if self.bms_protects else 'blind'}: "
            + (wrong or "nothing goes wrong")
        )


def draw_day(seed: int) -> DayPlan:
    """Return the day of ``seed``; the same seed gives the same day."""
    dice = random.Random(f"day/{seed}")
    model = dice.choice(_BATTERY_MODELS) if dice.random() < 0.95 else "GW6000-DT"
    day = dice.choice(_DST_DAYS) if dice.random() < 0.1 else date(2025, 1, 1) + timedelta(days=dice.randrange(730))
    start, end = local_day_bounds(day, MARKET_ZONE)
    calm = dice.random() < CALM_SHARE
    faults, troubles = ((), ()) if calm else _draw_wrongs(dice, (end - start).total_seconds())
    return DayPlan(
        seed=seed,
        day=day,
        model=model,
        control=_draw_control(dice, model),
        capacity_wh=dice.choice((5_120.0, 10_240.0, 15_360.0)) if _is_low_voltage(model) else 12_800.0,
        soc_pct=dice.choice((1.0, 8.0, 15.0, 19.0, 35.0, 60.0, 90.0, 99.0)),
        load_average_w=dice.choice((250.0, 550.0, 1200.0)),
        pv_peak_w=dice.choice((0.0, 4000.0, 7000.0)),
        cloudy=dice.choice(("everyday", "sunny_day", "cloudy_day")),
        bms_protects=dice.random() < 0.3,
        control_lag_s=dice.choice((0.5, 3.0, 6.0)),
        priority=dice.choice(_PRIORITIES),
        owner_floor_pct=dice.choice((10, 10, 20)),
        poll_s=dice.choice((10.0, 20.0, 30.0)),
        price_shape=dice.choice(("market", "market", "cheap", "dear", "negative", "quarters", "hours")),
        faults=faults,
        troubles=troubles,
        strategy="multi_factor" if seed % 2 else "optimal",
    )


_PRIORITIES = (
    (Function.FAST_CHARGE, Function.EMS, Function.ECO),
    (Function.EMS, Function.FAST_CHARGE, Function.ECO),
    (Function.ECO, Function.EMS, Function.FAST_CHARGE),
)


def _is_low_voltage(model: str) -> bool:
    return MODELS[model].battery == "pack_48v"


def _draw_control(dice: random.Random, model: str) -> str:
    choices = ["auto", "auto"]
    if MODELS[model].family is Family.ET:
        choices += ["ems", "eco_slot"]
        if MODELS[model].has_fast_charge:
            choices.append("fast_charge")
    elif MODELS[model].family is Family.ES:
        choices.append("eco_slot")
    return dice.choice(choices)


def _draw_wrongs(dice: random.Random, length_s: float) -> tuple[tuple[Fault, ...], tuple[Trouble, ...]]:
    """Return what goes wrong on a day: single troubles, some at the same time, quiet in between."""
    faults: list[Fault] = []
    troubles: list[Trouble] = []
    for _spell in range(dice.randint(2, 6)):
        start_s = dice.uniform(SETTLING_S, length_s - QUIET_END_S - 3600.0)
        for _ in range(dice.choice((1, 1, 2, 3))):
            at_s = start_s + dice.choice((0.0, dice.uniform(0.0, 300.0)))
            if dice.random() < 0.6:
                text, end_s = draw_fault(dice, dice.choice(sorted(FAULT_KINDS)), at_s)
                if end_s < length_s - QUIET_END_S:
                    faults.append(parse_fault(text))
            else:
                trouble = _draw_trouble(dice, at_s)
                if trouble.end_s < length_s - QUIET_END_S:
                    troubles.append(trouble)
    return tuple(faults), _without_overlap(troubles)


def _draw_trouble(dice: random.Random, start_s: float) -> Trouble:
    area = dice.choice(tuple(Area))
    kind = dice.choice([kind for kind in TROUBLE_KINDS.values() if kind.area is area])
    return Trouble(
        kind=kind,
        start_s=round(start_s),
        duration_s=round(dice.uniform(kind.shortest_s, kind.longest_s)),
        value=kind.value_of(dice),
    )


def _without_overlap(troubles: list[Trouble]) -> tuple[Trouble, ...]:
    """Return the troubles in order, each area troubled by one of them at a time."""
    kept: list[Trouble] = []
    for trouble in sorted(troubles, key=lambda each: each.start_s):
        if all(trouble.start_s > each.end_s or each.kind.area is not trouble.kind.area for each in kept):
            kept.append(trouble)
    return tuple(kept)
