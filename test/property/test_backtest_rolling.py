"""The rolling step of the kernel is the service's optimizer: it chooses the same, plain and compiled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from hems.backtest.forecast_view import ForecastView
from hems.backtest.physics import IdealBattery
from hems.backtest.planned_run import Planner, RollingRun, StepwiseRun
from hems.backtest.study import ForecastKind, Foresight, Span, Study
from hems.domain.command import Command, Mode
from hems.domain.plan import NoPlan
from hems.domain.time_grid import MTU
from hems.planning.compiled import PLAIN, fastest_kernel
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from hems.planning.kernel_modes import ANY_ORIGIN
from support.backtests import known, retail, study

CASES: dict[str, dict[str, Any]] = {
    "everyday": {},
    "only the sun's energy is sold": {"no_grid_energy_into_export": True},
    "below the reserve": {"reserve_pct": 60.0, "floor_pct": 5.0},
    "small fuse": {"import_max_w": 3000.0},
    "no export": {"export_max_w": 0.0},
    "low efficiency": {"charge_efficiency": 0.8, "discharge_efficiency": 0.85},
    "taper": {"taper_from_pct": 80.0},
    "negative prices": {"prices": known(retail(9, low=-0.6, sell_low=-0.2))},
    "sold dearer than bought": {"prices": known(retail(9, sell_low=1.0))},
}

HOLLOW = ("negative prices", "sold dearer than bought")


def planner_of(home: Study, kernel: Any = PLAIN) -> Planner:
    return Planner(home, ForecastView(home), kernel)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kernel", [PLAIN, fastest_kernel()], ids=["plain", "compiled"])
def test_every_quarter_is_chosen_as_the_service_chooses(case: str, kernel: Any) -> None:
    home = study(9, seed=3, lived_from=8, **CASES[case])
    planner = planner_of(home, kernel)
    optimizer = GridFlowOptimizer(home.planning)
    first, last = home.first, home.last
    levels = planner.view.levels(first, last, planner.foresight)
    prices = planner.view.prices(first, last, planner.foresight)
    rng = np.random.default_rng(11)
    handed_over = 0
    for step in range(0, 96, 5):
        soc_pct = float(rng.choice([2.0, 10.0, 30.0, 55.5, 90.0, 99.7, 100.0]))
        exportable_wh = float(rng.uniform(0.0, soc_pct * 100.0))
        present = int(rng.integers(0, len(planner.candidates)))
        at = first + step * MTU
        outlook = planner.outlook(at, step, levels, prices, (soc_pct, exportable_wh, 0.0))
        assert outlook is not None
        candidate = planner.candidates[present]
        command = None
        if candidate.mode is not Mode.SELF_USE:
            command = Command(mode=candidate.mode, power_w=candidate.power_w, expires_at=at + MTU)
        solved = optimizer.solve(outlook, at, soc_pct, command)
        assert not isinstance(solved, NoPlan)
        since, count, row = int(prices.from_of[step]), int(prices.slots_of[step]), int(prices.row_of[step])
        rows = planner.as_rows
        chosen = kernel.choose_now(
            rows(levels.load[step]), rows(levels.pv[step]), rows(prices.buy[row, since : since + count]),
            rows(prices.sell[row, since : since + count]), count, home.home.capacity_wh / 1000.0 * soc_pct / 100.0,
            exportable_wh / 1000.0 if home.home.no_grid_energy_into_export else ANY_ORIGIN, *planner.home_numbers(),
            present, home.planning.most_pieces, planner.settings, planner.room,
        )  # fmt: skip
        if chosen < 0:
            handed_over += 1
            continue
        # Two ways may cost the same to the last digit: then either is right.
        best = solved.costs[solved.chosen] + (0.0 if solved.chosen == present else home.planning.change_price)
        mine = solved.costs[chosen] + (0.0 if chosen == present else home.planning.change_price)
        assert chosen == solved.chosen or mine == pytest.approx(best, abs=1e-7), f"step {step}"
    limit = 20 if case in HOLLOW else 12
    assert handed_over < limit


def hours_of(home: Study, hours: float) -> Span:
    """Return the first hours: what is handed over to the whole optimizer takes its time."""
    return Span.of(home, home.first, home.first + timedelta(hours=hours))


@pytest.mark.parametrize("case", CASES)
def test_plain_and_compiled_live_alike(case: str) -> None:
    home = study(9, seed=5, lived_from=8, **CASES[case])
    span = hours_of(home, 3.0 if case in HOLLOW else 24.0)
    plain, compiled = (RollingRun(planner_of(home, kernel)).live(span) for kernel in (PLAIN, fastest_kernel()))
    assert len(plain) == span.steps
    np.testing.assert_array_equal(plain.mode, compiled.mode)
    np.testing.assert_allclose(plain.battery_w, compiled.battery_w, atol=1e-6)
    np.testing.assert_allclose(plain.soc_pct, compiled.soc_pct, atol=1e-9)
    np.testing.assert_allclose(plain.cost, compiled.cost, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("step_minutes", [5, 15])
def test_the_loop_inside_the_kernel_and_the_one_outside_live_alike(case: str, step_minutes: int) -> None:
    home = study(9, seed=7, lived_from=8, step_minutes=step_minutes, **CASES[case])
    span = hours_of(home, 3.0 if case in HOLLOW else 24.0)
    rolling = RollingRun(planner_of(home, fastest_kernel())).live(span)
    stepwise = StepwiseRun(planner_of(home, fastest_kernel()), IdealBattery(home.home, home.start_soc_pct)).live(span)
    np.testing.assert_array_equal(rolling.start_s, stepwise.start_s)
    np.testing.assert_array_equal(rolling.mode, stepwise.mode)
    np.testing.assert_allclose(rolling.battery_w, stepwise.battery_w, atol=1e-6)
    np.testing.assert_allclose(rolling.grid_w, stepwise.grid_w, atol=1e-6)


def test_a_cap_of_daily_cycles_is_kept() -> None:
    home = study(8, seed=2, lived_from=6, cycles_per_day_max=0.3)
    planner = planner_of(home, fastest_kernel())
    lived = StepwiseRun(planner, IdealBattery(home.home, home.start_soc_pct)).live(Span.of(home, home.first, home.last))
    free = study(8, seed=2, lived_from=6)
    without = RollingRun(planner_of(free, fastest_kernel())).live(Span.of(free, free.first, free.last))
    discharged = float((np.maximum(lived.battery_w, 0.0) * lived.hours).sum()) / 1000.0
    freely = float((np.maximum(without.battery_w, 0.0) * without.hours).sum()) / 1000.0
    # A quarter that begins below the cap may end above it: at most a quarter at full power a day.
    assert discharged <= 2 * (3.0 + 1.25)
    assert freely > discharged


def test_nothing_that_came_later_is_known_before() -> None:
    home = study(9, seed=4, lived_from=7)
    moment = home.first + timedelta(hours=20)
    index = home.past.index(moment)
    later = home.past.quarter_load_w.copy()
    later[index:] = 4000.0
    sun = home.past.quarter_pv_w.copy()
    sun[index:] = 0.0
    other = replace(
        home,
        past=replace(home.past, quarter_load_w=later, quarter_pv_w=sun, load_w=later.copy(), pv_w=sun.copy()),
    )
    one, two = (RollingRun(planner_of(h, fastest_kernel())).live(Span.of(h, h.first, h.last)) for h in (home, other))
    before = one.start_s < moment.timestamp()
    assert before.any()
    assert not before.all()
    np.testing.assert_array_equal(one.mode[before], two.mode[before])
    np.testing.assert_array_equal(one.soc_pct[before], two.soc_pct[before])
    # The quarter that begins at the moment is chosen before its own load shows itself.
    assert one.mode[~before][0] == two.mode[~before][0]


def test_foresight_knows_what_came() -> None:
    home = study(9, seed=4, lived_from=7, forecast=ForecastKind.PERFECT)
    view = ForecastView(home)
    levels = view.levels(home.first, home.last, Foresight(load=True, pv=True))
    at = home.past.index(home.first)
    assert levels.load.shape == (192, 1, 144)
    np.testing.assert_allclose(levels.load[3, 0, :100] * 1000.0, home.past.quarter_load_w[at + 3 : at + 103])
