"""Plan time and cost of our planner and of EMHASS on the same arrays, one after the other in every round.

Both get one everyday home, its point forecast and its prices, and both plans are judged by `referee`. EMHASS is asked
twice: with a problem built for the question, and with one of the same shape used again, as its service does; ratios are
to the faster of the two. Ours is the exact kernel, plain and compiled, and where its certificate is open the
grid programme behind it, as in the service; from the same arrays to the powers of every slot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.machine import Spread
from benchmarks.planner import everyday_home
from benchmarks.referee import Verdict, judge
from benchmarks.sections import Options, Outcome
from benchmarks.table import Table
from hems.backtest.peers.emhass import EmhassPlanner, EmhassSettings, is_installed, version
from hems.backtest.peers.question import PeerPlan, PlanQuestion
from hems.domain.measured import FloatArray
from hems.domain.outlook import HomeModel
from hems.planning.compiled import PLAIN, fastest_kernel
from hems.planning.grid_programme import grid_plan
from hems.planning.kernel import CUT_ALL, FREE
from hems.planning.kernel_modes import ANY_ORIGIN
from hems.planning.problem import LEAST_GAP, PlanningOptions, Problem, limits_of, store_of
from hems.planning.solver import Solver

KINDS = {"convex": "everyday", "negative": "negative at times", "dearer": "sold dearer than bought at times"}
PROMISED_RATIO, PROMISED_AT = 500.0, 192
SAME_COST = 1e-4
"""[PLN] Nearer costs are the solvers' tolerances."""
HOURS, END_VALUE = 0.25, 0.45
AT = datetime(2026, 1, 1, tzinfo=UTC)

HOME = HomeModel(
    capacity_wh=10_000.0,
    floor_pct=10.0,
    reserve_pct=10.0,
    ceiling_pct=100.0,
    charge_max_w=5_000.0,
    discharge_max_w=5_000.0,
    charge_efficiency=0.95,
    discharge_efficiency=0.95,
    wear_per_kwh=0.05,
    import_max_w=11_000.0,
    export_max_w=8_000.0,
    taper_from_pct=100.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OurPlan:
    """A plan of ours: battery powers [kW, + charges], and the time it took [s]."""

    battery_kw: FloatArray
    seconds: float
    kernel_seconds: float
    """Without making the problem from the arrays."""
    by_grid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One home, planned by everyone; `first` builds EMHASS's problem, `again` uses one of its shape again."""

    plain: OurPlan
    compiled: OurPlan
    first: PeerPlan
    again: PeerPlan
    ours: Verdict
    theirs: Verdict | None
    """None where EMHASS found no plan."""

    @property
    def peer_seconds(self) -> float:
        """EMHASS's time: the faster of its two."""
        return min(self.first.seconds, self.again.seconds)


def measure(options: Options) -> Outcome:
    """Measure all kinds of prices and lengths."""
    if not is_installed():
        return Outcome(
            skipped="EMHASS is not installed: pip install 'goodwe-master-coordinator[peers]' (own environment)"
        )
    rounds = options.rounds or (2 if options.quick else 9)
    lengths = (24,) if options.quick else (96, PROMISED_AT)
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        for slots in lengths:
            found = measure_rounds(kind, slots, rounds, options)
            rows.append({"prices": KINDS[kind], "slots": slots} | summary(found))
    return Outcome(
        tables=tables(rows, rounds),
        figures={
            "emhass": version(),
            "settings": asdict(EmhassSettings()),
            "cases": [_as_numbers(row) for row in rows],
        },
        missed=() if options.quick else broken_promises(rows),
    )


def measure_rounds(kind: str, slots: int, rounds: int, options: Options) -> list[Round]:
    """Return ``rounds`` random homes with prices of ``kind``, planned by everyone."""
    solvers = (Solver(PLAIN), Solver(fastest_kernel()))
    service = EmhassPlanner(HOME)
    found = []
    for number in range(-1, rounds):  # the first is for compiling, and for the processor's memory
        case = everyday_home(np.random.default_rng([options.seed, number + 1]), kind, slots)
        question = PlanQuestion(
            load_kw=case.load, pv_kw=case.pv, buy_per_kwh=case.buy, sell_per_kwh=case.sell, slot_hours=HOURS,
            end_value=END_VALUE,
        )  # fmt: skip
        plain, compiled = (plan_ours(solver, question, case.stored) for solver in solvers)
        first = EmhassPlanner(HOME).plan(question, case.stored)
        again = service.plan(question, case.stored)
        theirs = judge(HOME, question, case.stored, again.battery_kw) if again.battery_kw is not None else None
        ours = judge(HOME, question, case.stored, compiled.battery_kw)
        if number >= 0:
            found.append(Round(plain=plain, compiled=compiled, first=first, again=again, ours=ours, theirs=theirs))
        options.report(f"emhass: {kind}, T = {slots}, {number + 1} of {rounds}: {again.seconds:.2f} s, {again.status}")
    return found


def plan_ours(solver: Solver, question: PlanQuestion, stored_kwh: float) -> OurPlan:
    """Return our plan, as the service makes it for one scenario."""
    begun = perf_counter()
    problem = _problem(question, stored_kwh)
    built = perf_counter()
    plan = solver.exact(problem, problem.expected_load, problem.expected_pv)
    change, by_grid = np.asarray(plan.change), False
    if plan.gap > LEAST_GAP:
        idle = _idle_cost(solver, problem)
        by_grid = bool(plan.gap > max(PlanningOptions().gap_share_max * (idle - plan.cost), LEAST_GAP))
    if by_grid:
        change = _by_grid(question, problem)
    stored = change > 0.0
    battery = np.where(stored, change / HOME.charge_efficiency, change * HOME.discharge_efficiency) / HOURS
    end = perf_counter()
    return OurPlan(battery_kw=battery, seconds=end - begun, kernel_seconds=end - built, by_grid=by_grid)


def _problem(question: PlanQuestion, stored_kwh: float) -> Problem:
    slots, capacity = len(question), HOME.capacity_wh / 1e3
    load, pv = question.load_kw.tolist(), question.pv_kw.tolist()
    return Problem(
        at=AT, starts=(), ends=(AT + timedelta(hours=HOURS * slots),), hours=[HOURS] * slots,
        buy=question.buy_per_kwh.tolist(), sell=question.sell_per_kwh.tolist(), wear=[HOME.wear_per_kwh] * slots,
        load=[load], pv=[pv], expected_load=load, expected_pv=pv,
        low=[capacity * HOME.floor_pct / 100.0] * (slots + 1), high=[capacity] * (slots + 1), stored=stored_kwh,
        limits=limits_of(HOME), store=store_of(HOME, 100.0 * stored_kwh / capacity), exportable=ANY_ORIGIN,
        cut=CUT_ALL, end_value=question.end_value, home=HOME,
    )  # fmt: skip


def _idle_cost(solver: Solver, problem: Problem) -> float:
    rows = zip(problem.expected_load, problem.expected_pv, problem.buy, problem.sell, problem.hours, strict=True)
    grid_cost = solver.kernel.grid_cost
    money = sum(grid_cost(0.0, *row[:4], problem.limits, problem.cut) * row[4] for row in rows)
    return float(money) - problem.end_value * problem.stored


def _by_grid(question: PlanQuestion, problem: Problem) -> FloatArray:
    return grid_plan(
        question.load_kw, question.pv_kw, question.buy_per_kwh, question.sell_per_kwh, np.array(problem.hours),
        np.array(problem.wear), np.array(problem.low), np.array(problem.high), problem.stored, problem.limits,
        problem.cut, np.full(len(question), FREE, np.int64), problem.end_value,
    ).change  # fmt: skip


def summary(found: Sequence[Round]) -> dict[str, Any]:
    """Return ratios, medians and costs; a cost above 0 is what EMHASS's plan costs more than ours."""
    dearer = [each.theirs.cost - each.ours.cost for each in found if each.theirs is not None]
    verdicts = [verdict for each in found for verdict in (each.ours, each.theirs) if verdict is not None]
    return {
        "times_longer": _ratio_of_medians(found),
        "times_longer_plain": _ratio_of_medians(found, "plain"),
        "times_longer_where_exact": _ratio_of_medians([each for each in found if not each.compiled.by_grid]),
        "times_longer_by_grid": _ratio_of_medians([each for each in found if each.compiled.by_grid]),
        "times_longer_each": Spread.of([each.peer_seconds / each.compiled.seconds for each in found]),
        "solver_times_longer": _median(each.again.solver_seconds or 0.0 for each in found)
        / _median(each.compiled.kernel_seconds for each in found),
        "compiled_ms": _milliseconds(each.compiled.seconds for each in found),
        "plain_ms": _milliseconds(each.plain.seconds for each in found),
        "first_ms": _milliseconds(each.first.seconds for each in found),
        "again_ms": _milliseconds(each.again.seconds for each in found),
        "by_grid": sum(each.compiled.by_grid for each in found),
        "dearer_pln": Spread.of(dearer) if dearer else None,
        "ours_dearer": sum(more < -SAME_COST for more in dearer),
        "theirs_dearer": sum(more > SAME_COST for more in dearer),
        "without_plan": sum(each.theirs is None for each in found),
        "broken_kw": max(verdict.broken_kw for verdict in verdicts),
        "broken_kwh": max(verdict.broken_kwh for verdict in verdicts),
    }


def _ratio_of_medians(found: Sequence[Round], way: str = "compiled") -> float | None:
    """Return how many times longer EMHASS takes, by the medians; None of no homes."""
    if not found:
        return None
    return _median(each.peer_seconds for each in found) / _median(getattr(each, way).seconds for each in found)


def _median(values: Any) -> float:
    return Spread.of(list(values)).median


def _milliseconds(values: Any) -> Spread:
    return Spread.of([1000.0 * value for value in values])


def tables(rows: Sequence[dict[str, Any]], rounds: int) -> tuple[Table, ...]:
    """Return ratios first, then times, then costs."""
    ratios = _table(rows, {
        "EMHASS / ours, compiled": "times_longer",
        "each home": "times_longer_each",
        "where the kernel planned": "times_longer_where_exact",
        "where the grid planned": "times_longer_by_grid",
        "homes planned by the grid": "by_grid",
        "EMHASS / ours, plain Python": "times_longer_plain",
        "its solver / our kernel": "solver_times_longer",
    }, (
        f"How many times longer EMHASS {version()} takes than we do, by the medians of {rounds} homes; of its two "
        "times (below) the shorter. *The kernel planned* where its certificate is within 0.2 % of the saving; else "
        "*the grid* programme did, which is not compiled, and its time is included."
    ))  # fmt: skip
    times = _table(rows, {
        "ours compiled, ms": "compiled_ms",
        "ours plain, ms": "plain_ms",
        "EMHASS again, ms": "again_ms",
        "EMHASS built anew, ms": "first_ms",
    }, "Median (least – most).")  # fmt: skip
    costs = _table(rows, {
        "EMHASS costs more, PLN": "dearer_pln",
        "homes EMHASS is dearer": "theirs_dearer",
        "homes ours is dearer": "ours_dearer",
        "EMHASS without plan": "without_plan",
        "limits broken, kW": "broken_kw",
        "limits broken, kWh": "broken_kwh",
    }, (
        f"Both plans under one referee, what is left at the end counted at {END_VALUE} PLN/kWh; median (least – most) "
        f"of {rounds} homes; dearer by more than {SAME_COST} PLN."
    ))  # fmt: skip
    return ratios, times, costs


def _table(rows: Sequence[dict[str, Any]], names: Mapping[str, str], note: str) -> Table:
    cells = ((row["prices"], row["slots"], *(row[name] for name in names.values())) for row in rows)
    return Table(columns=("prices", "T", *names), rows=tuple(cells), note=note)


def broken_promises(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return what is promised for everyday and negative prices and was not kept."""
    missed = []
    for row in rows:
        if row["prices"] == KINDS["dearer"]:
            continue
        name = f"{row['prices']}, T = {row['slots']}"
        if row["ours_dearer"]:
            missed.append(f"{name}: {row['ours_dearer']} plans of ours cost more")
        if row["slots"] == PROMISED_AT and row["times_longer"] < PROMISED_RATIO:
            missed.append(f"{name}: {row['times_longer']:.0f} times shorter, promised {PROMISED_RATIO:.0f}")
    return tuple(missed)


def _as_numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {name: asdict(value) if isinstance(value, Spread) else value for name, value in row.items()}
