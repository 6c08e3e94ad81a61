"""What an unbelieving referee found: a record of coarse steps knows its means only when they are over, and more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hems.adapters.tables.write_table import write_table
from hems.backtest.assess import YARDSTICKS, Telling, assess
from hems.backtest.forecast_view import ForecastView
from hems.backtest.past import Past
from hems.backtest.physics import Order
from hems.backtest.runner import MULTI_FACTOR, OPTIMAL, live_all
from hems.backtest.study import Foresight, Study
from hems.cli.backtest import check_not_read, clock_time
from hems.composition.backtest import prepare
from hems.composition.backtest_request import BacktestRequest
from hems.composition.house_battery import HouseBattery, never_worse_than_house
from hems.domain.command import Mode
from hems.domain.errors import ConfigurationError
from hems.domain.measured import FloatArray, MeasuredHousehold
from hems.domain.time_grid import MTU, floor_to_grid
from support.backtests import known, measured, retail, study

NOTHING = Foresight()


def changed_from(house: MeasuredHousehold, moment: datetime) -> MeasuredHousehold:
    """Return ``house`` with another load and PV in every interval that is not over at ``moment``."""
    ends = np.array([house.start + (i + 1) * house.step > moment for i in range(len(house.load_w))])
    return replace(
        house,
        load_w=np.where(ends, house.load_w * 2.0 + 700.0, house.load_w),
        pv_w=np.where(ends, house.pv_w * 0.3 + 150.0, house.pv_w),
    )


def forecast_at(home: Study, moment: datetime) -> FloatArray:
    levels = ForecastView(home).levels(home.first, moment + MTU, NOTHING)
    row = (moment - home.first) // MTU
    return np.stack([levels.load[row], levels.pv[row]])


@pytest.mark.parametrize("step_minutes", [5, 10, 12, 15, 20, 30, 60])
@pytest.mark.parametrize("minutes", [0, 15, 30, 45])
def test_a_forecast_knows_no_interval_that_is_not_over(step_minutes: int, minutes: int) -> None:
    house = measured(4, seed=3, step_minutes=step_minutes)
    home = study(4, lived_from=3, measured=house)
    moment = home.first + timedelta(hours=11, minutes=minutes)
    other = replace(home, past=Past.of(changed_from(house, moment)))
    assert np.array_equal(forecast_at(home, moment), forecast_at(other, moment))
    over = replace(home, past=Past.of(changed_from(house, moment - timedelta(hours=2))))
    assert not np.array_equal(forecast_at(home, moment), forecast_at(over, moment))  # what is over counts


def test_between_two_means_of_an_hour_the_forecast_of_the_hour_stands() -> None:
    home = study(4, step_minutes=60, lived_from=3)
    at = home.first + timedelta(hours=11)
    first, later = forecast_at(home, at), forecast_at(home, at + 3 * MTU)
    assert later.shape == first.shape
    assert np.array_equal(first[:, :, 3:], later[:, :, :-3])


@pytest.mark.parametrize("step_minutes", [20, 60])
def test_what_is_chosen_within_an_interval_does_not_depend_on_its_mean(step_minutes: int) -> None:
    house = measured(4, seed=3, step_minutes=step_minutes)
    home = study(4, lived_from=3, measured=house)
    moment = home.first + timedelta(hours=11, minutes=45)
    begin = Past.of(house).measured_until(moment)
    assert begin < moment
    other = replace(home, past=Past.of(changed_from(house, moment)))
    for name in (OPTIMAL, MULTI_FACTOR):
        one, two = (live_all(which, [name]).runs[name].period.between(home.first, begin) for which in (home, other))
        assert np.array_equal(one.battery_w, two.battery_w)
        assert np.array_equal(one.mode, two.mode)


def test_the_score_sees_the_last_interval_that_is_over() -> None:
    past = Past.of(measured(2, step_minutes=60))
    at = past.start + timedelta(hours=5, minutes=45)
    assert past.latest_w(at) == (past.load_w[4 * 4], past.pv_w[4 * 4])
    assert past.latest_w(past.start) == (None, None)
    assert floor_to_grid(at) == at


@pytest.mark.parametrize("efficiency", [0.7, 0.95, 1.0])
def test_nothing_saves_more_than_possible_with_the_battery_of_the_simulated_house(efficiency: float) -> None:
    own = {"charge_efficiency": efficiency, "discharge_efficiency": efficiency, "wear_per_kwh": 0.0}
    home = study(3, seed=2, lived_from=1, battery=HouseBattery, bound=never_worse_than_house, **own)
    result = assess(home, live_all(home, [*YARDSTICKS, OPTIMAL]), Telling())
    for outcome in result.outcomes:
        assert outcome.figures.saving_pln <= result.possible_saving + 1e-9, outcome.name


def test_the_bound_of_the_simulated_house_gives_what_the_pack_cannot() -> None:
    home = study(3).home
    better = never_worse_than_house(home)
    low = replace(home, charge_efficiency=0.8, discharge_efficiency=0.8)
    for power_w in (-5000.0, -500.0, 500.0, 5000.0):
        pack = HouseBattery(low, 50.0)
        mode = Mode.CHARGE if power_w < 0.0 else Mode.DISCHARGE
        lived = pack.live(home_start(), 0.5, Order(mode=mode, power_w=abs(power_w)), 0.0, 0.0)
        gained_wh = low.capacity_wh * (pack.soc_pct - 50.0) / 100.0
        given_wh = lived.battery_w * 0.5
        best = -given_wh * better.charge_efficiency if given_wh < 0.0 else -given_wh / better.discharge_efficiency
        assert gained_wh < best


def home_start() -> datetime:
    return study(3).first


def test_a_share_of_next_to_nothing_is_no_figure() -> None:
    flat = tuple(replace(price, import_per_kwh=0.7, export_per_kwh=0.7) for price in retail(3))
    home = study(3, lived_from=1, prices=known(flat), left_value_per_kwh=0.6149)
    result = assess(home, live_all(home, [*YARDSTICKS, OPTIMAL]), Telling())
    assert 0.0 < result.possible_saving < 0.05
    assert all(outcome.figures.captured_pct is None for outcome in result.outcomes)


def test_time_is_left_out_only_where_it_is() -> None:
    home = study(2, step_minutes=12)
    assert assess(home, live_all(home, YARDSTICKS), Telling()).left_out_hours == 0.0


def test_a_reader_is_told_of_a_fuse_that_the_house_exceeds_and_of_quarters_without_a_plan() -> None:
    small = study(2, import_max_w=500.0)
    remarks = assess(small, live_all(small, [*YARDSTICKS, OPTIMAL]), Telling(remarks=("first",))).remarks
    assert remarks[0] == "first"
    assert any("above the import limit of 0.5 kW" in remark for remark in remarks)
    assert any(remark.startswith("optimal: no plan could be made in 96 quarters") for remark in remarks)
    usual = study(3, lived_from=1)
    assert assess(usual, live_all(usual, [*YARDSTICKS, OPTIMAL]), Telling()).remarks == ()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return a home of two days and its prices."""
    house = measured(2)
    times = [house.start + index * MTU for index in range(2 * 96)]
    home, prices = tmp_path / "home.csv", tmp_path / "prices.csv"
    write_table(home, {"ts_utc": times, "load_w": house.load_w, "pv_w": house.pv_w})
    write_table(prices, {"ts_utc": times, "buy_per_kwh": [1.0] * len(times), "sell_per_kwh": [0.4] * len(times)})
    return home, prices


@pytest.mark.parametrize("options", [{"max_soc": 5.0}, {"reserve_soc": 60.0, "max_soc": 50.0}, {"max_soc": 10.0}])
def test_a_window_without_room_is_refused(files: tuple[Path, Path], options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="must be below --max-soc"):
        prepare(BacktestRequest(home=str(files[0]), buy_sell=files[1], **options))  # type: ignore[arg-type]


def test_a_start_outside_of_the_window_is_told(files: tuple[Path, Path]) -> None:
    prepared = prepare(BacktestRequest(home=str(files[0]), buy_sell=files[1], start_soc=0.0))
    assert any("it starts at 10" in remark for remark in prepared.remarks)
    assert prepared.study.start_soc_pct == 10.0


def test_a_publication_with_an_offset_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="without an offset"):
        clock_time("14:00+02:00")
    assert clock_time("13:45").hour == 13


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    home, out = tmp_path / "home.csv", tmp_path / "out.csv"
    beside = tmp_path / "out_self_use.csv"
    check_not_read((str(home), None), (tmp_path / "o.json", out), ["optimal"])
    for places in ((home, None), (None, home), (out, out)):
        with pytest.raises(ConfigurationError, match="would write over"):
            check_not_read((str(home), None), places, ["optimal"])
    with pytest.raises(ConfigurationError, match="out_self_use"):
        check_not_read((str(beside),), (None, out), ["optimal"])
