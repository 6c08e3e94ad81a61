"""Sizes of battery and panels: what is compared with what, what is bought, when it is paid back."""

from __future__ import annotations

import pytest

from hems.backtest.executors import open_executor
from hems.backtest.figures import net_cost
from hems.backtest.outcome import NO_BATTERY
from hems.backtest.runner import OPTIMAL, live_all
from hems.backtest.what_if.sizing import (
    Grid,
    Purchase,
    in_one_process,
    spread_over,
    try_sizes,
    with_battery,
    with_panels,
)
from support.what_if_tools import small_study

GRID = Grid(battery_kwh=(4.0, 8.0), power_kw=(2.0,), pv_factor=(1.0, 2.0))
PRICES = Purchase(battery_per_kwh=1000.0, battery_fixed=500.0, pv_per_kw=2000.0, pv_kw=3.0)


def test_every_size_is_what_its_own_backtest_says() -> None:
    study = small_study(2)
    seen: list[float] = []
    sizes, moved = try_sizes(study, GRID, PRICES, in_one_process(seen.append))
    assert [(one.battery_kwh, one.power_kw, one.pv_factor) for one in sizes] == [
        (0.0, 0.0, 1.0), (4.0, 2.0, 1.0), (8.0, 2.0, 1.0), (0.0, 0.0, 2.0), (4.0, 2.0, 2.0), (8.0, 2.0, 2.0),
    ]  # fmt: skip
    assert seen == [2 * 86400.0, 4 * 86400.0]
    assert (moved.until, moved.is_interrupted) == (study.last, False)
    by_case = {(one.battery_kwh, one.pv_factor): one for one in sizes}
    own = with_battery(with_panels(study, 2.0), 8.0, 2.0)
    runs = live_all(own, [NO_BATTERY, OPTIMAL]).runs
    without, lived = runs[NO_BATTERY].period, runs[OPTIMAL].period
    one = by_case[8.0, 2.0]
    assert one.wear == pytest.approx(float(lived.wear_cost.sum()) * 182.5)
    saved = net_cost(own, without) - (net_cost(own, lived) - float(lived.wear_cost.sum()))
    assert one.saving == pytest.approx((saved - (50.0 - float(without.soc_pct[-1])) * 0.0) * 182.5)
    assert one.saving > 0.0
    # What battery and panels bring together is what each step brings.
    panels = by_case[0.0, 2.0]
    assert panels.saving == 0.0
    assert one.saving_over_present == pytest.approx(one.saving + (panels.saving_over_present or 0.0))
    assert one.price == pytest.approx(500.0 + 8.0 * 1000.0 + 3.0 * 2000.0)
    assert one.payback_years == pytest.approx(one.price / one.saving_over_present)
    same_panels = by_case[8.0, 1.0]
    assert same_panels.price == 8500.0
    assert same_panels.payback_years == pytest.approx(8500.0 / same_panels.saving)
    assert by_case[0.0, 1.0].price is None


def test_work_spread_out_comes_to_the_same() -> None:
    study, grid = small_study(1), Grid(battery_kwh=(5.0,), power_kw=(2.0, 4.0))
    here, _ = try_sizes(study, grid, Purchase(), in_one_process())
    told: list[tuple[int, int]] = []
    with open_executor("local") as pool:
        there, _ = try_sizes(study, grid, Purchase(), spread_over(pool, lambda done, of: told.append((done, of))))
    assert there == here
    assert told == [(1, 2), (2, 2)]


def test_an_interruption_compares_the_same_time() -> None:
    study = small_study(9)
    grid = Grid(battery_kwh=(5.0,), power_kw=(2.0,))

    def stop(done_s: float) -> None:
        raise KeyboardInterrupt

    sizes, moved = try_sizes(study, grid, Purchase(), in_one_process(stop))
    assert moved.is_interrupted
    assert (moved.until - study.first).days == 7
    whole, _ = try_sizes(small_study(7), grid, Purchase(), in_one_process())
    assert sizes[0].cost == pytest.approx(whole[0].cost)


def test_without_prices_nothing_is_paid_back() -> None:
    assert Purchase().battery(10.0) is None
    assert Purchase(battery_fixed=100.0).battery(10.0) == 100.0
    assert Purchase().panels(1.0) == 0.0
    assert Purchase(pv_per_kw=100.0).panels(2.0) is None
    sizes, _ = try_sizes(small_study(1), Grid(battery_kwh=(5.0,), power_kw=(2.0,)), Purchase(), in_one_process())
    assert [(one.price, one.payback_years) for one in sizes] == [(None, None), (None, None)]
