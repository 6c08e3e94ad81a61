"""The value function over scenarios: of equal ones the exact one, of a few the expectation of a lattice; compaction."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hems.planning import kernel
from hems.planning.compiled import PLAIN, fastest_kernel
from support.planner_cases import KINDS, Case, Floats, random_case, run_exact, run_scenarios

COMPACTED = 0.0005
"""What a stored kWh may be worth more or less [PLN] for the joining of pieces at each of many slots."""


def scattered(rng: np.random.Generator, case: Case, scenarios: int) -> tuple[Floats, Floats]:
    """Return rows of load and PV around those of ``case``."""
    spread = rng.uniform(0.5, 1.5, (2, scenarios, len(case)))
    return case.load * spread[0], case.pv * spread[1]


def lattice_expectation(case: Case, load: Floats, pv: Floats) -> list[dict[int, float]]:
    """Return V_t at every whole kWh: the mean over scenarios of the cheapest whole change, tried one by one."""
    after = {level: case.end_worth(level) for level in range(int(case.low[-1]), int(case.high[-1]) + 1)}
    worths = [after]
    for t in reversed(range(len(case))):
        here = dict.fromkeys(after, 0.0)
        for k in range(len(load)):
            one = replace(case, load=load[k], pv=pv[k])
            least, most = one.power_range()
            cost = {}
            for change in range(round(least[t]), round(most[t]) + 1):
                rows = {n: getattr(one, n)[t : t + 1] for n in ("load", "pv", "buy", "sell", "hours", "wear", "lock")}
                cost[change] = replace(one, **rows, end=()).cost(np.array([float(change)]))
            for level in here:
                reached = [after[level + c] - paid for c, paid in cost.items() if level + c in after]
                here[level] += max(reached) / len(load)
        after = here
        worths.append(after)
    return worths[::-1]


@pytest.mark.parametrize("seed", range(12))
def test_two_scenarios_are_worth_the_expectation_of_the_lattice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slots = 3
    case = random_case(rng, "convex", slots)
    case = replace(
        case,
        buy=np.round(case.buy + 0.1, 2), sell=np.round(np.clip(case.sell, 0.0, case.buy), 2), wear=np.full(slots, 0.02),
        hours=np.ones(slots), low=np.full(slots + 1, 1.0), high=np.full(slots + 1, 7.0),
        limits=(2.0, 3.0, 1.0, 1.0, 6.0, 2.0), end=((0.4, 3.0), (0.1, 3.0)), lock=np.zeros(slots, np.int64),
    )  # fmt: skip
    load, pv = rng.integers(0, 4, (2, 2, slots)).astype(float)
    run = run_scenarios(PLAIN, case, load, pv)
    for t, expected in enumerate(lattice_expectation(case, load, pv)):
        for level in range(1, 8):
            assert run.worth(t, level - 1.0) == pytest.approx(expected[level] - expected[1], abs=1e-9), (t, level)


@pytest.mark.parametrize("seed", range(12))
def test_equal_scenarios_are_worth_what_the_one_is(seed: int) -> None:
    rng = np.random.default_rng([seed, 1])
    case = random_case(rng, KINDS[seed % 3], [1, 24, 96][seed % 3])
    exact = run_exact(PLAIN, case)
    mean = run_scenarios(PLAIN, case, np.tile(case.load, (3, 1)), np.tile(case.pv, (3, 1)))
    for t in range(len(case) + 1):
        width = float(case.high[t] - case.low[t])
        for share in (0.1, 0.3, 0.5, 0.8, 1.0):
            assert mean.worth(t, share * width) == pytest.approx(exact.worth(t, share * width), abs=COMPACTED * width)


@pytest.mark.parametrize("seed", range(9))
def test_value_functions_of_scenarios_fill_their_tube_and_descend(seed: int) -> None:
    rng = np.random.default_rng([seed, 2])
    case = replace(random_case(rng, KINDS[seed % 3], 48), low=np.full(49, 0.0))
    case = replace(case, end=((0.4, float(case.high[-1])),))
    load, pv = scattered(rng, case, 5)
    run = run_scenarios(PLAIN, case, load, pv, most_pieces=20)
    for t in range(len(case) + 1):
        pieces = run.marginals(t)
        assert len(pieces) <= 20
        assert sum(length for _, length in pieces) == pytest.approx(case.high[t] - case.low[t], abs=1e-9)
        assert all(a[0] >= b[0] - 1e-9 for a, b in pairwise(pieces))


@pytest.mark.parametrize("kind", KINDS)
def test_plain_and_compiled_scenarios_give_the_same_bits(kind: str) -> None:
    rng = np.random.default_rng(4)
    case = random_case(rng, kind, 48)
    load, pv = scattered(rng, case, 4)
    plain, compiled = (run_scenarios(which, case, load, pv) for which in (PLAIN, fastest_kernel()))
    assert [plain.marginals(t) for t in range(49)] == [compiled.marginals(t) for t in range(49)]


def test_a_tube_without_width_is_worth_nothing() -> None:
    case = random_case(np.random.default_rng(4), "convex", 6)
    case = replace(case, low=np.full(7, 2.0), high=np.full(7, 2.0), stored=2.0, end=((0.5, 0.0),))
    run = run_scenarios(PLAIN, case, np.tile(case.load, (2, 1)), np.tile(case.pv, (2, 1)))
    assert all(run.worth(t, 1.0) == 0.0 for t in range(6))


def test_a_tube_with_a_waist_is_worth_something_on_both_sides() -> None:
    case = random_case(np.random.default_rng(8), "convex", 4)
    high = np.array([5.0, 5.0, 1.0, 5.0, 5.0])
    case = replace(
        case, low=np.full(5, 1.0), high=high, stored=1.0, limits=(5.0, 5.0, 1.0, 1.0, 11.0, 8.0), hours=np.ones(4),
        end=((0.5, 4.0),), lock=np.zeros(4, np.int64), load=np.ones(4), pv=np.zeros(4), buy=np.full(4, 0.9),
        sell=np.zeros(4), wear=np.zeros(4),
    )  # fmt: skip
    one = run_scenarios(PLAIN, case, case.load[np.newaxis], case.pv[np.newaxis])
    assert one.marginals(2) == []
    assert one.worth(3, 4.0) > 0.0
    assert one.worth(1, 1.0) == pytest.approx(0.9), "the load can be served from it, once"


@pytest.mark.parametrize("most", [1, 3, 7, 40])
@pytest.mark.parametrize("seed", range(5))
def test_compaction_keeps_the_total_worth_and_the_order(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    pieces = 60
    slopes = np.sort(rng.choice([0.5, 30.0]) * rng.normal(0.5, 0.3, pieces))[::-1]
    sizes = rng.uniform(0.001, 0.5, pieces)
    value, length = [0.0] * 60 + slopes.tolist(), [0.0] * 60 + sizes.tolist()
    written = kernel._compact(value, length, [0] * 120, 60, pieces, 0, most)
    assert 1 <= written <= most
    assert sum(length[:written]) == pytest.approx(sizes.sum(), abs=1e-12)
    worth = sum(v * w for v, w in zip(value[:written], length[:written], strict=True))
    assert worth == pytest.approx((slopes * sizes).sum(), abs=1e-11)
    assert value[:written] == sorted(value[:written], reverse=True)


@pytest.mark.parametrize("seed", range(6))
def test_uncertainty_never_makes_stored_energy_worth_less_than_nothing(seed: int) -> None:
    """With prices at or above zero and a surplus that can be cut, more stored is never worse."""
    rng = np.random.default_rng([seed, 9])
    case = replace(random_case(rng, "convex", 24), cut=kernel.CUT_SURPLUS)
    load, pv = scattered(rng, case, 3)
    case = replace(case, low=np.full(25, 0.0), end=((0.3, float(case.high[-1])),))
    run = run_scenarios(PLAIN, case, load, pv)
    assert min(value for t in range(24) for value, _ in run.marginals(t)) >= -1e-9
