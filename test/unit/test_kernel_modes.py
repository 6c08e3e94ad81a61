"""Modes as the inverter lives them: limits, floor and ceiling, taper, what may be exported; and their choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hems.planning import kernel_modes
from hems.planning.compiled import PLAIN, fastest_kernel
from hems.planning.kernel import (
    BELOW_RESERVE,
    CHARGE,
    CUT_NOTHING,
    CUT_SURPLUS,
    DISCHARGE,
    HOLD,
    NO_CHARGE,
    SELF_USE,
    Limits,
    grid_cost,
)
from hems.planning.kernel_modes import ANY_ORIGIN, charge_room, marginal, mode_cost, mode_power, worth

LIMITS: Limits = (5.0, 4.0, 0.95, 0.9, 11.0, 8.0)
STORE = (10.0, 1.0, 10.0, 1.0)
EVERY_MODE = (SELF_USE, HOLD, NO_CHARGE, CHARGE, DISCHARGE)


@pytest.mark.parametrize(
    ("mode", "power", "load", "pv", "stored", "exportable", "expected"),
    [
        pytest.param(SELF_USE, 0.0, 1.0, 3.0, 5.0, ANY_ORIGIN, 2.0, id="surplus charges"),
        pytest.param(SELF_USE, 0.0, 3.0, 1.0, 5.0, ANY_ORIGIN, -2.0, id="need discharges"),
        pytest.param(SELF_USE, 0.0, 0.0, 9.0, 5.0, ANY_ORIGIN, 5.0, id="charge power"),
        pytest.param(SELF_USE, 0.0, 9.0, 0.0, 9.0, ANY_ORIGIN, -4.0, id="discharge power"),
        pytest.param(SELF_USE, 0.0, 3.0, 0.0, 1.5, ANY_ORIGIN, -0.45, id="down to the floor"),
        pytest.param(SELF_USE, 0.0, 3.0, 0.0, 0.5, ANY_ORIGIN, 0.0, id="below the floor"),
        pytest.param(SELF_USE, 0.0, 0.0, 5.0, 9.05, ANY_ORIGIN, 1.0, id="up to the ceiling"),
        pytest.param(SELF_USE, 0.0, 0.0, 5.0, 10.5, ANY_ORIGIN, 0.0, id="above the ceiling"),
        pytest.param(HOLD, 0.0, 3.0, 1.0, 5.0, ANY_ORIGIN, 0.0, id="hold does not discharge"),
        pytest.param(HOLD, 0.0, 1.0, 3.0, 5.0, ANY_ORIGIN, 2.0, id="hold charges the surplus"),
        pytest.param(NO_CHARGE, 0.0, 1.0, 3.0, 5.0, ANY_ORIGIN, 0.0, id="no charge of a surplus"),
        pytest.param(NO_CHARGE, 0.0, 3.0, 1.0, 5.0, ANY_ORIGIN, -2.0, id="no charge serves the need"),
        pytest.param(CHARGE, 3.0, 2.0, 0.0, 5.0, ANY_ORIGIN, 3.0, id="charge at its power"),
        pytest.param(CHARGE, 9.0, 2.0, 0.0, 5.0, ANY_ORIGIN, 5.0, id="charge at most at the limit"),
        pytest.param(DISCHARGE, 3.0, 1.0, 0.0, 5.0, ANY_ORIGIN, -3.0, id="sell"),
        pytest.param(DISCHARGE, 9.0, 1.0, 0.0, 9.0, ANY_ORIGIN, -4.0, id="sell at most at the limit"),
        pytest.param(DISCHARGE, 3.0, 1.0, 0.0, 5.0, 0.0, -1.0, id="nothing of it may be exported"),
        pytest.param(DISCHARGE, 3.0, 1.0, 0.0, 5.0, 1.0, -1.9, id="a kWh of it may be exported"),
        pytest.param(DISCHARGE, 3.0, 1.0, 4.0, 5.0, 0.0, 0.0, id="PV covers the house"),
    ],
)
def test_a_modes_power(
    mode: int, power: float, load: float, pv: float, stored: float, exportable: float, expected: float
) -> None:
    assert mode_power(mode, power, load, pv, stored, 1.0, LIMITS, STORE, exportable) == pytest.approx(expected)


def test_selling_keeps_the_export_limit() -> None:
    limits: Limits = (5.0, 5.0, 0.95, 0.95, 11.0, 1.5)
    assert mode_power(DISCHARGE, 5.0, 1.0, 0.0, 9.0, 0.25, limits, STORE, ANY_ORIGIN) == pytest.approx(-2.5)


@pytest.mark.parametrize("seed", range(60))
def test_no_mode_leaves_power_floor_or_ceiling(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limits: Limits = tuple(float(x) for x in (*rng.uniform(0, 8, 2), *rng.uniform(0.7, 1, 2), 11.0, rng.uniform(0, 9)))  # type: ignore[assignment]
    capacity = float(rng.uniform(0.0, 15.0))
    store = (capacity, 0.1 * capacity, 0.95 * capacity, float(rng.choice([0.8, 0.95, 1.0])))
    for _ in range(20):
        mode, power = int(rng.integers(0, 5)), float(rng.uniform(0, 10))
        load, pv, stored = float(rng.gamma(2, 0.8)), float(rng.uniform(0, 8)), float(rng.uniform(0, capacity))
        hours, exportable = float(rng.choice([0.02, 0.25, 1.0])), float(rng.choice([0.0, 1.0, ANY_ORIGIN]))
        battery = mode_power(mode, power, load, pv, stored, hours, limits, store, exportable)
        assert -limits[1] - 1e-9 <= battery <= limits[0] + 1e-9
        after = stored + (battery * limits[2] if battery > 0 else battery / limits[3]) * hours
        assert min(stored, store[1]) - 1e-9 <= after <= max(stored, store[2]) + 1e-9
        assert np.isfinite(grid_cost(battery, load, pv, 0.5, 0.2, limits, CUT_SURPLUS)), "within the export limit"
        if exportable == 0.0:
            assert battery >= -max(load - pv, 0.0) - 1e-9 or mode != DISCHARGE


@pytest.mark.parametrize("taper_from", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("stored", [0.0, 7.0, 7.9, 9.4, 9.6, 9.95])
@pytest.mark.parametrize("hours", [0.02, 0.25, 1.0, 3.0])
def test_the_room_of_a_tapering_battery_is_that_of_fine_steps(taper_from: float, stored: float, hours: float) -> None:
    store = (10.0, 1.0, 10.0, taper_from)
    steps, at = 20_000, stored
    for _ in range(steps):
        share = min((10.0 - at) / (10.0 * (1.0 - taper_from)), 1.0)
        at += LIMITS[0] * LIMITS[2] * share * hours / steps
    assert charge_room(stored, hours, LIMITS, store) == pytest.approx(at - stored, abs=2e-3)


def test_the_room_without_a_taper_ends_at_the_ceiling() -> None:
    assert charge_room(8.0, 1.0, LIMITS, (10.0, 1.0, 9.0, 1.0)) == pytest.approx(1.0)
    assert charge_room(8.0, 0.1, LIMITS, (10.0, 1.0, 9.0, 1.0)) == pytest.approx(0.475)
    assert charge_room(0.0, 1.0, LIMITS, (0.0, 0.0, 0.0, 1.0)) == 0.0


def test_worth_adds_the_pieces_and_is_steep_below_the_tube() -> None:
    value, length = [9.9, 0.8, 0.5, 0.1], [9.9, 1.0, 2.0, 3.0]
    assert worth(value, length, 1, 3, 0.0) == 0.0
    assert worth(value, length, 1, 3, 1.5) == pytest.approx(0.8 + 0.25)
    assert worth(value, length, 1, 3, 99.0) == pytest.approx(0.8 + 1.0 + 0.3), "nothing more fits"
    assert worth(value, length, 1, 3, -0.5) == pytest.approx(-0.5 * (BELOW_RESERVE + 0.8))
    assert worth(value, length, 1, 0, -0.5) == pytest.approx(-0.5 * BELOW_RESERVE)
    assert [marginal(value, length, 1, 3, above) for above in (0.0, 0.99, 1.5, 99.0)] == [0.8, 0.8, 0.5, 0.1]
    assert marginal(value, length, 1, 0, 1.0) == 0.0


def test_a_modes_cost_is_the_mean_over_the_scenarios_of_grid_wear_and_worth() -> None:
    load, pv = [[1.0], [3.0]], [[0.0], [0.0]]
    value, length = [0.6], [9.0]
    cost = mode_cost(
        SELF_USE, 0.0, load, pv, 0, 1.0, 0.2, 0.5, 0.05, 5.0, LIMITS, STORE, ANY_ORIGIN, CUT_NOTHING, value, length,
        0, 1, 1.0,
    )  # fmt: skip
    by_hand = [0.05 * p * 0.5 - 0.6 * (4.0 - p * 0.5 / 0.9) for p in (1.0, 3.0)]
    assert cost == pytest.approx(sum(by_hand) / 2)


@pytest.mark.parametrize(("mode", "stored"), [(CHARGE, 9.95), (DISCHARGE, 1.05)])
def test_a_forced_mode_without_room_is_none(mode: int, stored: float) -> None:
    cost = mode_cost(
        mode, 5.0, [[1.0]], [[0.0]], 0, 1.0, 0.2, 0.5, 0.05, stored, LIMITS, STORE, ANY_ORIGIN, CUT_NOTHING, [0.6],
        [9.0], 0, 1, 1.0,
    )  # fmt: skip
    assert cost == np.inf


MODES, POWERS = [SELF_USE, HOLD, NO_CHARGE, CHARGE, DISCHARGE], [0.0, 0.0, 0.0, 5.0, 4.0]


def live(kernel: Any = PLAIN, slots: int = 24, change_price: float = 0.0, present: int = -1, **changed: Any) -> Any:
    """Live a day of cheap and dear hours; return the modes, the powers and the levels."""
    rng = np.random.default_rng(changed.pop("seed", 0))
    load, pv = rng.gamma(2.0, 0.5, (3, slots)), np.maximum(rng.normal(0.0, 2.0, (3, slots)), 0.0)
    buy = 0.6 + 0.4 * np.sin(np.arange(slots)) + 0.05 * rng.normal(size=slots)
    rows: dict[str, Any] = {
        "modes": np.array(MODES), "powers": np.array(POWERS), "load": load, "pv": pv,
        "expected_load": load.mean(axis=0), "expected_pv": pv.mean(axis=0), "buy": buy, "sell": buy - 0.3,
        "hours": np.ones(slots), "wear": np.full(slots, 0.02), "stored": 4.0, "limits": LIMITS, "store": STORE,
        "exportable": ANY_ORIGIN, "cut": CUT_SURPLUS, "value": np.array([0.9, 0.6, 0.3]),
        "length": np.array([3.0, 3.0, 3.0]), "first": np.zeros(slots + 1, np.int64),
        "count": np.full(slots + 1, 3), "bottom": np.ones(slots + 1), "present": present,
        "change_price": change_price, "day_of": np.zeros(slots, np.int64), "day_left": np.array([np.inf]), "begin": 0,
    }  # fmt: skip
    rows |= changed
    rows |= {"mode_at": np.zeros(slots, np.int64), "battery": np.zeros(slots), "level": np.zeros(slots + 1)}
    if not kernel.is_compiled:
        rows = {name: a.tolist() if isinstance(a, np.ndarray) else a for name, a in rows.items()}
    kernel.plan_modes(**rows)
    return tuple(np.array(rows[name]) for name in ("mode_at", "battery", "level"))


@pytest.mark.parametrize("seed", range(5))
def test_energy_is_conserved_over_a_lived_day(seed: int) -> None:
    mode_at, battery, level = live(seed=seed)
    stored = np.where(battery > 0.0, battery * LIMITS[2], battery / LIMITS[3])
    assert np.diff(level) == pytest.approx(stored)
    assert level.min() >= STORE[1] - 1e-9
    assert level.max() <= STORE[2] + 1e-9
    assert len(set(mode_at.tolist())) > 1, "a day on which nothing happens shows nothing"


@pytest.mark.parametrize("seed", range(3))
def test_plain_and_compiled_live_the_same_day(seed: int) -> None:
    plain, compiled = live(PLAIN, seed=seed), live(fastest_kernel(), seed=seed)
    for mine, theirs in zip(plain, compiled, strict=True):
        assert mine.tolist() == theirs.tolist()


def test_a_price_on_changes_makes_them_fewer() -> None:
    def changes(price: float) -> int:
        return int((np.diff(live(change_price=price, slots=96)[0]) != 0).sum())

    assert changes(0.0) > changes(0.2) > changes(100.0) == 0


def test_among_equals_the_present_mode_stays() -> None:
    still = {
        "load": np.zeros((1, 24)),
        "pv": np.zeros((1, 24)),
        "expected_load": np.zeros(24),
    }
    still |= {"expected_pv": np.zeros(24), "modes": np.array([SELF_USE, HOLD, NO_CHARGE]), "powers": np.zeros(3)}
    for present in range(3):
        assert live(present=present, change_price=0.005, **still)[0].tolist() == [present] * 24


def test_what_may_be_exported_is_used_up_and_never_exceeded() -> None:
    sold = {
        "expected_load": np.ones(24),
        "expected_pv": np.zeros(24),
        "load": np.ones((1, 24)),
        "pv": np.zeros((1, 24)),
    }
    dear = {"buy": np.full(24, 2.0), "sell": np.full(24, 1.9), "value": np.array([0.1, 0.05, 0.01])}
    _, battery, _ = live(exportable=6.0, stored=9.5, **sold, **dear)
    beyond_the_house = np.maximum(-battery - 1.0, 0.0) / LIMITS[3]
    assert beyond_the_house.sum() == pytest.approx(6.0)
    assert beyond_the_house.max() < 4.0, "in more than one hour"


def test_a_battery_that_gave_its_share_of_the_day_gives_no_more_until_the_next() -> None:
    needy = {"expected_load": np.full(24, 3.0), "load": np.full((1, 24), 3.0), "pv": np.zeros((1, 24))}
    days = {"day_of": np.arange(24) // 12, "day_left": np.array([2.0, 2.0]), "value": np.array([0.1, 0.05, 0.01])}
    modes = {"modes": np.array([SELF_USE, HOLD]), "powers": np.zeros(2), "expected_pv": np.zeros(24)}
    _, battery, _ = live(stored=10.0, **needy, **days, **modes)
    assert battery[:12].tolist() == [-3.0, *[0.0] * 11], "the slot in which it runs out is lived to its end"
    assert battery[12:].tolist() == [-3.0, *[0.0] * 11]


def test_a_day_begun_later_leaves_what_was_before() -> None:
    mode_at, _, level = live(begin=10, stored=6.0)
    assert level[10] == 6.0
    assert level[:10].tolist() == [0.0] * 10
    assert mode_at[:10].tolist() == [0] * 10


def test_every_mode_has_a_power() -> None:
    assert {kernel_modes.mode_power(m, 2.0, 1.0, 0.0, 5.0, 0.25, LIMITS, STORE, 0.0) for m in EVERY_MODE} == {
        -1.0, 0.0, 2.0,
    }  # fmt: skip
