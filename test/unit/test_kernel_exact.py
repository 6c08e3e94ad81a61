"""The exact kernel against HiGHS and a lattice that tries every plan, case by case; troubles of a home; growth."""

from __future__ import annotations

from dataclasses import replace
from time import process_time
from typing import Any

import numpy as np
import pytest

from hems.planning import kernel
from hems.planning.compiled import PLAIN, fastest_kernel
from hems.planning.kernel import CUT_ALL, CUT_NOTHING, CUT_SURPLUS
from support.oracle import lattice_cost, needs_binaries, optimum
from support.planner_cases import KINDS, Case, random_case, run_exact

EXACT = 1e-9
PROVEN = 1e-6
"""HiGHS proves an optimum with binaries to 1e-7 of it."""


def lattice_case(seed: int, kind: str) -> Case:
    """Return a tiny case of efficiency 1 whose every kink is a whole number, so that the lattice is exact."""
    rng = np.random.default_rng(seed)
    case = random_case(rng, kind, 4)
    whole = {"load": rng.integers(0, 4, 4), "pv": rng.integers(0, 5, 4), "hours": np.ones(4)}
    rows = {name: values.astype(float) for name, values in whole.items()}
    charge, discharge, import_max, export_max = (float(n) for n in rng.integers(0, 5, 4))
    limits = (charge, discharge, 1.0, 1.0, import_max, export_max)
    flat = {"low": np.full(5, 1.0), "high": np.full(5, 6.0), "stored": float(rng.integers(1, 7))}
    return replace(case, **rows, **flat, limits=limits, end=((0.5, 2.0), (0.1, 3.0)))  # type: ignore[arg-type]


def simple_case(slots: int = 8, **changed: Any) -> Case:
    """Return an everyday home: 10 kWh, 5 kW, a cheap and a dear half."""
    half = slots // 2
    rows: dict[str, Any] = {
        "load": np.full(slots, 1.0),
        "pv": np.zeros(slots),
        "buy": np.concatenate([np.full(half, 0.3), np.full(slots - half, 1.2)]),
        "sell": np.full(slots, 0.2),
        "hours": np.ones(slots),
        "wear": np.full(slots, 0.05),
        "low": np.full(slots + 1, 1.0),
        "high": np.full(slots + 1, 10.0),
        "stored": 1.0,
        "limits": (5.0, 5.0, 0.95, 0.95, 11.0, 8.0),
        "cut": CUT_SURPLUS,
        "lock": np.zeros(slots, np.int64),
        "end": ((0.0, 9.0),),
    }
    return Case(**(rows | changed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(25))
def test_the_referee_is_right_where_every_plan_can_be_tried(seed: int, kind: str) -> None:
    case = lattice_case(1000 + seed, kind)
    assert optimum(case).cost == pytest.approx(lattice_cost(case, 1.0), abs=1e-7)


@pytest.mark.parametrize("seed", range(10))
def test_no_lattice_plan_is_cheaper_than_the_referee_says(seed: int) -> None:
    case = replace(lattice_case(2000 + seed, KINDS[seed % 3]), limits=(2.0, 2.0, 0.5, 0.5, 3.0, 2.0))
    best = optimum(case).cost
    assert best - PROVEN <= lattice_cost(case, 0.5)
    assert lattice_cost(case, 0.125) <= lattice_cost(case, 0.5)


@pytest.mark.parametrize("slots", [1, 2, 3, 24, 92, 100, 192])
@pytest.mark.parametrize("seed", range(15))
def test_a_convex_plan_costs_what_highs_finds_and_keeps_every_limit(slots: int, seed: int) -> None:
    case = random_case(np.random.default_rng([seed, slots]), "convex", slots)
    assert not needs_binaries(case)
    run = run_exact(PLAIN, case)
    assert run.pooled == 0
    assert run.gap == 0.0
    assert run.cost == pytest.approx(optimum(case).cost, rel=0.0, abs=EXACT)
    assert run.cost == pytest.approx(case.cost(run.change), rel=0.0, abs=EXACT)
    assert case.violation(run.change) <= EXACT


@pytest.mark.parametrize("kind", ["negative", "dearer"])
@pytest.mark.parametrize("seed", range(50))
def test_a_hull_plan_keeps_every_limit_and_its_certificate_is_honest(kind: str, seed: int) -> None:
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    case = random_case(rng, kind, int(rng.choice([1, 2, 6, 12, 24])))
    run, best = run_exact(PLAIN, case), optimum(case)
    assert case.violation(run.change) <= EXACT
    assert run.cost == pytest.approx(case.cost(run.change), rel=0.0, abs=1e-8)
    assert best.bound <= run.cost + PROVEN
    assert run.cost - run.gap <= best.cost + PROVEN
    if run.pooled == 0:
        assert run.cost <= best.cost + PROVEN, "said to be exact"


def test_the_certificate_is_not_always_zero() -> None:
    cases = [random_case(np.random.default_rng(seed), "dearer", 24) for seed in range(20)]
    runs = [run_exact(PLAIN, case) for case in cases]
    assert any(run.gap > 0.01 for run in runs)
    assert any(run.pooled for run in runs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_plain_and_compiled_give_the_same_bits(kind: str, seed: int) -> None:
    fast = fastest_kernel()
    assert fast.is_compiled, "numba is a test dependency"
    case = random_case(np.random.default_rng([seed, 7]), kind, [1, 12, 96, 192][seed % 4])
    plain, compiled = run_exact(PLAIN, case), run_exact(fast, case)
    assert plain.change.tolist() == compiled.change.tolist()
    assert plain.pooled == compiled.pooled
    assert (plain.cost, plain.gap) == pytest.approx((compiled.cost, compiled.gap), rel=1e-13, abs=1e-12)
    assert [plain.marginals(t) for t in range(len(case))] == [compiled.marginals(t) for t in range(len(case))]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"low": np.zeros(9), "high": np.zeros(9), "stored": 0.0, "end": ((0.5, 0.0),)}, id="no capacity"),
        pytest.param({"low": np.full(9, 3.0), "high": np.full(9, 3.0), "stored": 3.0, "end": ()}, id="no width"),
        pytest.param({"limits": (0.0, 0.0, 0.95, 0.95, 11.0, 8.0)}, id="no power"),
        pytest.param({"limits": (0.0, 5.0, 0.95, 0.95, 11.0, 0.0), "stored": 6.0}, id="no charging, no export"),
        pytest.param({"limits": (5.0, 5.0, 0.95, 0.95, 0.5, 8.0)}, id="fuse blown by the load"),
        pytest.param({"limits": (5.0, 5.0, 0.95, 0.95, 0.0, 0.0), "pv": np.full(8, 9.0)}, id="an island"),
        pytest.param({"low": np.full(9, 0.0), "stored": 0.0, "end": ((0.0, 10.0),)}, id="below its window"),
        pytest.param({"high": np.full(9, 10.0), "stored": 10.0}, id="full"),
        pytest.param(
            {"low": np.array([1, 1, 4, 4, 4, 1, 1, 1, 1.0]), "end": ((0.1, 9.0),)}, id="a reserve for a while"
        ),
        pytest.param({"lock": np.full(8, 3)}, id="locked both ways"),
        pytest.param({"buy": np.zeros(8), "sell": np.zeros(8)}, id="all free"),
    ],
)
@pytest.mark.parametrize("cut", [CUT_NOTHING, CUT_SURPLUS, CUT_ALL])
def test_there_is_always_an_exact_plan(changed: dict[str, Any], cut: int) -> None:
    case = simple_case(**changed, cut=cut)
    run = run_exact(PLAIN, case)
    assert case.violation(run.change) <= EXACT
    assert run.cost == pytest.approx(optimum(case).cost, rel=0.0, abs=EXACT)


def test_the_hand_made_day() -> None:
    """1 kWh over the bottom is bought at 0.3 and used at 1.2: (1 + 4 x 1.0/0.95 needed) and nothing more is stored."""
    run = run_exact(PLAIN, simple_case())
    stored = 4.0 / 0.95  # serves the dear half
    charged_kwh = stored / 0.95
    expected = 4 * 0.3 + charged_kwh * (0.3 + 0.05) + 4 * 0.05
    assert run.cost == pytest.approx(expected, abs=1e-12)
    assert run.change[4:].tolist() == pytest.approx([-1.0 / 0.95] * 4)


def test_an_soc_above_a_tube_that_falls_faster_than_it_can_discharge_takes_out_what_it_can() -> None:
    case = simple_case(high=np.array([10.0, *[2.0] * 8]), low=np.full(9, 1.0), stored=10.0, end=((0.0, 1.0),))
    run = run_exact(PLAIN, case)
    assert run.change[0] == pytest.approx(-5.0 / 0.95)
    assert np.isfinite(run.cost)


@pytest.mark.parametrize("seed", range(30))
def test_a_slots_pieces_are_its_cost(seed: int) -> None:
    """What the pieces add up to from the deepest discharge on is the cost where it is convex, never above it."""
    rng = np.random.default_rng(seed)
    case = random_case(rng, KINDS[seed % 3], 1)
    args = (float(case.load[0]), float(case.pv[0]), float(case.buy[0]), float(case.sell[0]))
    hours, wear, lock = float(case.hours[0]), float(case.wear[0]), int(case.lock[0])
    slope, size = [0.0] * 12, [0.0] * 12
    count, pooled, most = kernel.slot_pieces(*args, hours, wear, case.limits, case.cut, lock, slope, size)
    assert slope[:count] == sorted(slope[:count])
    least = most - sum(size[:count])
    start = case.cost(np.array([least])) + case.end_worth(case.stored + least)
    touched = 0
    for change in np.linspace(least, most, 41):
        true = case.cost(np.array([change])) + case.end_worth(case.stored + float(change))
        hull, left = start, float(change) - least
        for i in range(count):
            part = min(left, size[i])
            hull, left = hull + part * slope[i], left - part
        assert hull <= true + 1e-9
        touched += abs(hull - true) < 1e-9
    assert touched == 41 if pooled == 0 else touched >= 2


def test_too_little_room_is_said_and_not_overrun() -> None:
    case = simple_case()
    room, slots = 10, len(case)
    rows = [a.tolist() for a in (case.load, case.pv, case.buy, case.sell, case.hours, case.wear, case.low, case.high)]
    value, length, owner = [0.0] * room, [0.0] * room, [0] * room
    length[0], owner[0] = 9.0, slots
    count = [0] * slots + [1]
    pooled = kernel.exact_plan(
        *rows, case.stored, case.limits, case.cut, [0] * slots, value, length, owner, [0] * (slots + 1), count,
        [0.0] * 12, [0.0] * 12, [0.0] * (slots + 1), [0.0] * slots,
    )  # fmt: skip
    assert pooled == -1


def test_the_time_of_a_plan_grows_with_its_slots_and_not_faster() -> None:
    def seconds(slots: int) -> float:
        case = random_case(np.random.default_rng(5), "convex", slots)
        best = np.inf
        for _ in range(7):
            start = process_time()
            run_exact(PLAIN, case)
            best = min(best, process_time() - start)
        return best

    assert seconds(1536) / seconds(192) < 2.0 * 1536 / 192
