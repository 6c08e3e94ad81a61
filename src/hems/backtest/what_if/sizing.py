"""The same past with other batteries and other panels: what each saves a year, how much it works, when it is paid back.

Pure. The optimizer decides with the wear that the study is given; money saved is that of the meter, quarter by quarter
(no deposit, no monthly fees), with what is stored at the end valued. Pay-back sets the price of the battery against the
money saved *before* wear: wear is that price once more, spread over the energy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from hems.backtest.outcome import NO_BATTERY
from hems.backtest.runner import OPTIMAL
from hems.backtest.study import Study
from hems.backtest.what_if.side_by_side import Flows, SideBySide, live_side_by_side, live_spread, stored_change
from hems.backtest.what_if.tariffs import HOURS_A_YEAR

_W = 1000.0
PRESENT_PV = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What is tried: every capacity [kWh] with every power [kW], both ways, and every factor on the panels."""

    battery_kwh: tuple[float, ...]
    power_kw: tuple[float, ...]
    pv_factor: tuple[float, ...] = (PRESENT_PV,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What things cost, as the person says; None: nobody said, and nothing is worked out from it."""

    battery_per_kwh: float | None = None
    battery_fixed: float = 0.0
    pv_per_kw: float | None = None
    pv_kw: float | None = None
    """What the present panels are rated at."""

    def battery(self, kwh: float) -> float | None:
        """Return the price of a battery of ``kwh``."""
        if self.battery_per_kwh is None:
            return self.battery_fixed or None
        return self.battery_fixed + self.battery_per_kwh * kwh

    def panels(self, factor: float) -> float | None:
        """Return the price of the panels beyond the present ones; 0 where there are no more."""
        if factor <= PRESENT_PV:
            return 0.0
        if self.pv_per_kw is None or self.pv_kw is None:
            return None
        return self.pv_per_kw * self.pv_kw * (factor - PRESENT_PV)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One case of the grid, in a year of the time that was lived; money of the meter, without wear."""

    battery_kwh: float
    """0: panels alone."""
    power_kw: float
    pv_factor: float
    cost: float
    """Of the energy, what is stored valued; + is paid."""
    saving: float
    """Over no battery with the same panels."""
    saving_over_present: float | None
    """Over no battery with the present panels; None where those were not lived."""
    wear: float
    cycles: float
    import_kwh: float
    export_kwh: float
    price: float | None
    """Of the battery and of the panels beyond the present ones."""
    payback_years: float | None
    """Of both together; None where no price is known, or where nothing is saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingResult:
    """The whole grid."""

    title: str
    zone: ZoneInfo
    currency: str
    first: datetime
    last: datetime
    hours: float
    grid: Grid
    sizes: tuple[Size, ...]
    """By panels, power and capacity; without a battery first."""
    purchase: Purchase
    wear_per_kwh: float
    remarks: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    is_interrupted: bool = False

    def at(self, battery_kwh: float, power_kw: float, pv_factor: float) -> Size | None:
        """Return the case, or None where it was not tried; without a battery the power is 0."""
        wanted = (battery_kwh, power_kw, pv_factor)
        return next((s for s in self.sizes if (s.battery_kwh, s.power_kw, s.pv_factor) == wanted), None)


Lives = Callable[[Sequence[Mapping[str, Study]], str], SideBySide]
"""Lives a strategy through groups of studies; all studies of a group have one past."""


def try_sizes(study: Study, grid: Grid, purchase: Purchase, lives: Lives) -> tuple[tuple[Size, ...], SideBySide]:
    """Return every case of ``grid``, and the optimizer's side by side with its time and interruption."""
    pasts = {factor: with_panels(study, factor) for factor in grid.pv_factor}
    still = lives([{_key(0.0, 0.0, factor): one} for factor, one in pasts.items()], NO_BATTERY)
    groups = [
        {_key(kwh, power, factor): with_battery(one, kwh, power) for power in grid.power_kw for kwh in grid.battery_kwh}
        for factor, one in pasts.items()
    ]
    moved = lives(groups, OPTIMAL)
    if moved.until != study.last:  # what nobody's battery has lived counts for no battery neither
        pasts = {factor: replace(one, last=moved.until) for factor, one in pasts.items()}
        still = lives([{_key(0.0, 0.0, factor): one} for factor, one in pasts.items()], NO_BATTERY)
    studies = {key: one for group in groups for key, one in group.items()}
    return tuple(_sizes(studies, grid, purchase, still.flows, moved.flows)), moved


def with_panels(study: Study, factor: float) -> Study:
    """Return ``study`` with panels ``factor`` times as large; the very same past for 1."""
    return study if factor == PRESENT_PV else replace(study, past=study.past.with_pv(factor))


def with_battery(study: Study, kwh: float, power_kw: float) -> Study:
    """Return ``study`` with a battery of ``kwh`` that charges and discharges with ``power_kw``."""
    home = replace(
        study.home,
        capacity_wh=kwh * _W,
        charge_max_w=power_kw * _W,
        discharge_max_w=power_kw * _W,
        exportable_wh=min(study.home.exportable_wh, kwh * _W),
    )
    return replace(study, home=home)


def in_one_process(progress: Callable[[float], None] | None = None) -> Lives:
    """Return a way to live groups one after the other; ``progress`` is told seconds lived, of all groups together."""

    def lives(groups: Sequence[Mapping[str, Study]], name: str) -> SideBySide:
        flows: dict[str, Flows] = {}
        done_s = 0.0
        result: SideBySide | None = None
        for group in groups:
            first = next(iter(group.values())).first
            before_s = done_s

            def told(until: datetime, first: datetime = first, before_s: float = before_s) -> None:
                if progress is not None and name == OPTIMAL:
                    progress(before_s + (until - first).total_seconds())

            result = live_side_by_side(group, name, told)
            if result.is_interrupted and flows:  # of the panels that were not lived whole nothing is said
                return SideBySide(flows=flows, until=next(iter(group.values())).last, is_interrupted=True)
            if result.is_interrupted:
                return result
            flows.update(result.flows)
            done_s += (result.until - first).total_seconds()
        if result is None:
            raise ValueError("nothing to try")
        return SideBySide(flows=flows, until=result.until)

    return lives


def spread_over(executor: Executor, told: Callable[[int, int], None] | None = None) -> Lives:
    """Return a way to live groups as pieces of work, one for each power; each makes its own forecasts."""

    def lives(groups: Sequence[Mapping[str, Study]], name: str) -> SideBySide:
        if name != OPTIMAL:  # seconds in all: sending it would take longer
            return in_one_process()(groups, name)
        pieces = [piece for group in groups for piece in _by_power(group)]
        return live_spread(pieces, name, executor, None if told is None else lambda done: told(done, len(pieces)))

    return lives


def _by_power(group: Mapping[str, Study]) -> Iterator[dict[str, Study]]:
    powers = dict.fromkeys(study.home.charge_max_w for study in group.values())
    for power_w in powers:
        yield {key: study for key, study in group.items() if study.home.charge_max_w == power_w}


def _sizes(
    studies: Mapping[str, Study], grid: Grid, purchase: Purchase, still: Mapping[str, Flows], moved: Mapping[str, Flows]
) -> Iterator[Size]:
    present = still.get(_key(0.0, 0.0, PRESENT_PV))
    for factor in grid.pv_factor:
        without = still[_key(0.0, 0.0, factor)]
        yield _size((0.0, 0.0, factor), without, None, without, present, purchase)
        for power in grid.power_kw:
            for kwh in grid.battery_kwh:
                key = _key(kwh, power, factor)
                if key in moved:
                    yield _size((kwh, power, factor), moved[key], studies[key], without, present, purchase)


def _size(
    case: tuple[float, float, float],
    flows: Flows,
    study: Study | None,
    without: Flows,
    present: Flows | None,
    purchase: Purchase,
) -> Size:
    kwh, power, factor = case
    a_year = HOURS_A_YEAR / flows.hours
    cost = (flows.energy_cost - (0.0 if study is None else stored_change(study, flows))) * a_year
    saving = without.energy_cost * HOURS_A_YEAR / without.hours - cost
    over_present = None if present is None else present.energy_cost * HOURS_A_YEAR / present.hours - cost
    price = _price(purchase, kwh, factor)
    gain = saving if factor <= PRESENT_PV else over_present
    cycles = 0.0 if study is None else flows.discharged_kwh / study.home.discharge_efficiency / kwh
    return Size(
        battery_kwh=kwh,
        power_kw=power,
        pv_factor=factor,
        cost=cost,
        saving=saving,
        saving_over_present=over_present,
        wear=flows.wear_cost * a_year,
        cycles=cycles * a_year,
        import_kwh=flows.import_kwh * a_year,
        export_kwh=flows.export_kwh * a_year,
        price=price,
        payback_years=price / gain if price is not None and gain is not None and gain > 0.0 else None,
    )


def _price(purchase: Purchase, kwh: float, factor: float) -> float | None:
    battery, panels = purchase.battery(kwh) if kwh > 0.0 else 0.0, purchase.panels(factor)
    if battery is None or panels is None or (kwh == 0.0 and factor <= PRESENT_PV):
        return None
    return battery + panels


def _key(kwh: float, power_kw: float, factor: float) -> str:
    return f"{kwh:g} kWh, {power_kw:g} kW, PV x {factor:g}"
