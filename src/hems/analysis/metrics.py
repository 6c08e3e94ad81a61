"""The figures shown to the owner, F1-F5, each with its definition. A figure without enough data says so.

All are computed from finished quarters and from when polls were stored; ``docs/metrics.md`` says the same in prose.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.domain.units import kwh_from_wh

NEUTRAL_MONEY = 0.005
"""A decision that moved less than half a hundredth of the currency neither saved nor cost: meters are no finer."""

SHORTEST_WATCH = timedelta(hours=1)
"""Below an hour, shares of time are chance."""

MISSED_POLLS = 2.5
"""A silence of more than this many poll intervals is an outage; less is a lost datagram."""

WELL_COVERED = 0.95
"""The measured share of a quarter from which its energies may stand for the whole of it."""

SOC_STEP = 0.02
"""What a SoC reading at both ends of a run leaves open, as a share of the capacity: a percent each."""

SOC_STEP_SHARE = 0.04
"""The most of the charged energy that this may be: F4 is then good to about 4 points."""

PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure: its value, or the reason why there is none; ``basis`` says what it rests on."""

    name: str
    value: float | None
    unit: str
    basis: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """F1-F5 of one period."""

    start: datetime
    end: datetime
    decision_accuracy: Figure
    uptime: Figure
    data_collection_rate: Figure
    charging_efficiency: Figure
    savings: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureInputs:
    """What the figures of [start, end) are made from.

    ``start`` is not before the first stored poll: nobody is blamed for the time before the installation.
    ``sampled_at``: when polls were stored; ``complete_at``: those of them with PV, battery power, SoC, grid and load.
    """

    start: datetime
    end: datetime
    quarters: Sequence[EnergySlot]
    sampled_at: Sequence[datetime]
    complete_at: Sequence[datetime]
    sample_interval_s: float
    capacity_wh: float
    currency: str


def figures(inputs: FigureInputs) -> Figures:
    """Return F1-F5 of the period of ``inputs``."""
    return Figures(
        start=inputs.start,
        end=inputs.end,
        decision_accuracy=decision_accuracy(inputs.quarters),
        uptime=uptime(inputs.sampled_at, inputs.start, inputs.end, inputs.sample_interval_s),
        data_collection_rate=data_collection_rate(
            inputs.complete_at, inputs.start, inputs.end, inputs.sample_interval_s
        ),
        charging_efficiency=charging_efficiency(inputs.quarters, inputs.capacity_wh),
        savings=savings(inputs.quarters, inputs.capacity_wh, inputs.currency),
    )


def decision_accuracy(quarters: Iterable[EnergySlot]) -> Figure:
    """F1: how often a decision led to a saving, % of the quarters in which it made a difference.

    A quarter counts when a forced mode was in force and its gain against self-use from the same SoC, stored energy
    valued, is beyond half a hundredth of the currency either way; it counts as right when the gain is positive.
    """
    gains = [quarter.decision_gain for quarter in quarters if quarter.decision_gain is not None]
    right = sum(gain > NEUTRAL_MONEY for gain in gains)
    wrong = sum(gain < -NEUTRAL_MONEY for gain in gains)
    return accuracy_of(right, wrong, len(gains))


def accuracy_of(right: int, wrong: int, quarters: int) -> Figure:
    """F1 of ``quarters`` with a gain, of which ``right`` saved and ``wrong`` cost."""
    name = "decision accuracy"
    basis = f"{right} quarters saved, {wrong} cost, {quarters - right - wrong} made no difference"
    if right + wrong:
        return Figure(name=name, value=right / (right + wrong) * PERCENT, unit="%", basis=basis)
    reason = "no decision has moved money yet" if quarters else "no measured, priced quarter with a forced mode yet"
    return Figure(name=name, value=None, unit="%", basis=basis, reason=reason)


def uptime(sampled_at: Sequence[datetime], start: datetime, end: datetime, interval_s: float) -> Figure:
    """F2: the share of the period in which the coordinator ran: it stored polls, whatever the inverter answered."""
    return _share_of_time("uptime", sampled_at, start, end, interval_s)


def data_collection_rate(complete_at: Sequence[datetime], start: datetime, end: datetime, interval_s: float) -> Figure:
    """F3: the share of the period covered by complete polls: PV, battery power, SoC, grid and load all known."""
    return _share_of_time("data collection rate", complete_at, start, end, interval_s)


def _share_of_time(name: str, moments: Sequence[datetime], start: datetime, end: datetime, interval_s: float) -> Figure:
    """Each poll stands for the time until the next one, but across an outage for one interval only."""
    if end - start < SHORTEST_WATCH:
        return Figure(name=name, value=None, unit="%", reason="less than an hour has been watched")
    interval = timedelta(seconds=interval_s)
    covered = timedelta()
    bridged = interval * MISSED_POLLS
    inside = [moment for moment in moments if start <= moment < end]
    for this, following in itertools.pairwise([*inside, end]):
        gap = following - this
        covered += gap if gap <= bridged else interval
    # The first poll of a period comes up to an interval after its start.
    if inside and inside[0] - start <= bridged:
        covered += inside[0] - start
    share = min(1.0, covered / (end - start))
    return Figure(name=name, value=share * PERCENT, unit="%", basis=f"{len(inside)} polls in {end - start}")


def charging_efficiency(quarters: Sequence[EnergySlot], capacity_wh: float) -> Figure:
    """F4: of the energy put into the battery, the share that came out or is still there [%], at its DC terminals.

    Over unbroken runs of well-covered quarters: (discharged + gain in stored energy) / charged, a fall in stored
    energy being added to what went in. Stored energy is SoC times capacity, so enough must have been charged for a
    percent of SoC not to matter.
    """
    return efficiency_of(
        (
            BatteryRun(
                charged_wh=sum(quarter.charge_wh for quarter in run),
                discharged_wh=sum(quarter.discharge_wh for quarter in run),
                soc_start_pct=_known(run[0].soc_start_pct),
                soc_end_pct=_known(run[-1].soc_end_pct),
            )
            for run in _runs(quarters, _speaks_for_battery)
        ),
        capacity_wh,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryRun:
    """An unbroken run of well-covered quarters with known SoC at both of its ends."""

    charged_wh: float
    discharged_wh: float
    soc_start_pct: float
    soc_end_pct: float


def efficiency_of(battery_runs: Iterable[BatteryRun], capacity_wh: float) -> Figure:
    """F4 of unbroken runs; see ``charging_efficiency``."""
    name = "charging efficiency"
    if capacity_wh <= 0.0:
        return Figure(name=name, value=None, unit="%", reason="the house has no battery")
    went_in = came_out = charged = 0.0
    runs = 0
    for run in battery_runs:
        runs += 1
        change_wh = _stored(run.soc_end_pct, capacity_wh) - _stored(run.soc_start_pct, capacity_wh)
        charged += run.charged_wh
        went_in += run.charged_wh + max(0.0, -change_wh)
        came_out += run.discharged_wh + max(0.0, change_wh)
    basis = f"{kwh_from_wh(charged):.1f} kWh charged, {kwh_from_wh(went_in - came_out):.1f} kWh lost"
    needed = SOC_STEP / SOC_STEP_SHARE * capacity_wh * max(1, runs)
    if charged < needed:
        reason = f"{kwh_from_wh(charged):.1f} kWh charged; {kwh_from_wh(needed):.1f} kWh are needed for a sure figure"
        return Figure(name=name, value=None, unit="%", basis=basis, reason=reason)
    share = came_out / went_in
    if share > 1.0 + SOC_STEP_SHARE:
        reason = "more came out than went in: battery_management.capacity_kwh or a meter is wrong"
        return Figure(name=name, value=None, unit="%", basis=basis, reason=reason)
    return Figure(name=name, value=min(1.0, share) * PERCENT, unit="%", basis=basis)


def savings(quarters: Sequence[EnergySlot], capacity_wh: float, currency: str) -> Figure:
    """F5: money saved against doing nothing: the bill of plain self-use less the real bill, stored energy valued.

    Over each unbroken run of priced quarters: sum of (baseline cost - cost), plus at the run's end the value of what
    the real battery holds more than the baseline's, less the same at its start; a lead settled on the way counts when
    it is settled. A quarter without a price or without
    a baseline ends a run and is left out with all that moved in it.
    """
    name = "savings"
    total = energy_value = 0.0
    count = 0
    estimated = 0
    for run in settled_runs(quarters, capacity_wh):
        for quarter in run:
            total += (quarter.baseline_cost or 0.0) - (quarter.cost or 0.0)
            energy_value += kwh_from_wh(quarter.settled_lead_wh) * (quarter.stored_value_per_kwh or 0.0)
            estimated += quarter.price_estimated
        count += len(run)
        energy_value += _lead_value(run[-1], capacity_wh, at_end=True) - _lead_value(run[0], capacity_wh, at_end=False)
    if not count:
        reason = "no quarter with measurements, a price and a self-use comparison yet"
        return Figure(name=name, value=None, unit=currency, reason=reason)
    quarters_told = "1 quarter" if count == 1 else f"{count} quarters"
    basis = f"{quarters_told}, {estimated} at estimated prices; of it {energy_value:+.2f} is energy in the battery"
    return Figure(name=name, value=total + energy_value, unit=currency, basis=basis)


def settled_runs(quarters: Sequence[EnergySlot], capacity_wh: float) -> Iterator[list[EnergySlot]]:
    """Yield the unbroken runs of quarters that F5 counts."""
    return _runs(quarters, lambda quarter: _is_settled(quarter, capacity_wh))


def _runs(quarters: Sequence[EnergySlot], counts: Callable[[EnergySlot], bool]) -> Iterator[list[EnergySlot]]:
    """Yield unbroken runs: consecutive quarters that all count."""
    run: list[EnergySlot] = []
    for quarter in quarters:
        if run and (not counts(quarter) or quarter.start != run[-1].start + MTU):
            yield run
            run = []
        if counts(quarter):
            run.append(quarter)
    if run:
        yield run


def _speaks_for_battery(quarter: EnergySlot) -> bool:
    return quarter.coverage >= WELL_COVERED and None not in (quarter.soc_start_pct, quarter.soc_end_pct)


def _is_settled(quarter: EnergySlot, capacity_wh: float) -> bool:
    if None in (quarter.cost, quarter.baseline_cost):
        return False
    return capacity_wh <= 0.0 or None not in (
        quarter.soc_start_pct,
        quarter.soc_end_pct,
        quarter.baseline_soc_start_pct,
        quarter.baseline_soc_end_pct,
        quarter.stored_value_per_kwh,
    )


def _known(soc_pct: float | None) -> float:
    if soc_pct is None:
        raise ValueError("a quarter without SoC cannot speak for the battery")
    return soc_pct


def _stored(soc_pct: float | None, capacity_wh: float) -> float:
    return _known(soc_pct) / PERCENT * capacity_wh


def _lead_value(quarter: EnergySlot, capacity_wh: float, *, at_end: bool) -> float:
    """Value what the real battery holds more than the baseline's at one end of ``quarter``."""
    if capacity_wh <= 0.0 or quarter.stored_value_per_kwh is None:
        return 0.0  # no battery: nothing is stored in either house
    real = quarter.soc_end_pct if at_end else quarter.soc_start_pct
    baseline = quarter.baseline_soc_end_pct if at_end else quarter.baseline_soc_start_pct
    return kwh_from_wh(_stored(real, capacity_wh) - _stored(baseline, capacity_wh)) * quarter.stored_value_per_kwh
