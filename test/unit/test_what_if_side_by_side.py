"""Several studies in step: the same as each alone, and never forecasts of another past."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from hems.backtest.executors import open_executor
from hems.backtest.forecast_view import ForecastView
from hems.backtest.outcome import IDLE_BATTERY, NO_BATTERY
from hems.backtest.runner import OPTIMAL, SELF_USE, live_all
from hems.backtest.study import ForecastKind
from hems.backtest.what_if.side_by_side import Flows, live_side_by_side, live_spread, stored_change
from hems.planning.compiled import PLAIN
from support.what_if_tools import small_study


@pytest.mark.parametrize("forecast", [ForecastKind.PERFECT, ForecastKind.CAUSAL])
def test_each_study_is_lived_as_if_it_were_alone(forecast: ForecastKind) -> None:
    near = replace(small_study(1).planning, horizon=timedelta(hours=6))
    one = replace(small_study(1), forecast=forecast, planning=near)
    other = replace(small_study(1, buy_shift=0.3, past=one.past), forecast=forecast, planning=near)
    together = live_side_by_side({"one": one, "other": other}, OPTIMAL, kernel=PLAIN)
    for key, study in (("one", one), ("other", other)):
        alone = live_all(study, [OPTIMAL], kernel=PLAIN).runs[OPTIMAL].period
        flows = together.flows[key]
        grid_wh = alone.grid_w * alone.hours
        np.testing.assert_array_equal(flows.start_s, alone.start_s)
        np.testing.assert_allclose(flows.import_wh - flows.export_wh, grid_wh, atol=1e-9)
        assert flows.energy_cost == pytest.approx(float(alone.energy_cost.sum()))
        assert flows.wear_cost == pytest.approx(float(alone.wear_cost.sum()))
        assert flows.soc_pct == float(alone.soc_pct[-1])
        assert flows.hours == 24.0
    assert together.flows["one"].energy_cost < together.flows["other"].energy_cost


def test_forecasts_of_another_past_are_not_shared() -> None:
    one = small_study()
    view = ForecastView(one)
    with pytest.raises(ValueError, match="same past"):
        ForecastView(small_study(), view)
    shorter = replace(one, planning=replace(one.planning, horizon=timedelta(hours=12)))
    with pytest.raises(ValueError, match="same past"):
        ForecastView(shorter, view)


def test_studies_of_different_times_are_refused() -> None:
    one = small_study()
    with pytest.raises(ValueError, match="same period"):
        live_side_by_side({"a": one, "b": replace(one, last=one.last - timedelta(days=1))}, SELF_USE)
    with pytest.raises(ValueError, match="one at least"):
        live_side_by_side({}, SELF_USE)


def test_parts_within_a_quarter_are_counted_as_the_meter_counts_them() -> None:
    """A quarter of which a third exports and the rest imports has both."""
    lived = live_all(small_study(1), [IDLE_BATTERY], kernel=PLAIN).runs[IDLE_BATTERY].period
    three = replace(
        lived.rows(slice(0, 3)),
        start_s=lived.start_s[0] + np.array([0, 300, 600]),
        hours=np.full(3, 1.0 / 12.0),
        grid_w=np.array([1200.0, -600.0, 2400.0]),
    )
    flows = Flows.of(three)
    assert (flows.start_s.tolist(), flows.import_wh.tolist(), flows.export_wh.tolist()) == (
        [int(lived.start_s[0])], pytest.approx([300.0]), pytest.approx([50.0]),
    )  # fmt: skip
    assert (flows.import_kwh, flows.export_kwh) == (pytest.approx(0.3), pytest.approx(0.05))


def test_an_interruption_keeps_the_weeks_that_all_have_lived() -> None:
    study = small_study(16)

    def stop(until: datetime) -> None:
        if until > study.first + timedelta(days=7):
            raise KeyboardInterrupt

    result = live_side_by_side({"a": study, "b": study}, SELF_USE, stop, PLAIN)
    assert result.is_interrupted
    assert result.until == study.first + timedelta(days=14)
    assert {key: flows.hours for key, flows in result.flows.items()} == {"a": 14 * 24.0, "b": 14 * 24.0}


def test_pieces_of_work_come_to_the_same() -> None:
    study = small_study(1)
    dear = small_study(1, buy_shift=0.5, past=study.past)
    told: list[int] = []
    with open_executor("local") as pool:
        spread = live_spread([{"a": study}, {"b": dear}], SELF_USE, pool, told.append)
    here = live_side_by_side({"a": study, "b": dear}, SELF_USE)
    assert told == [1, 2]
    for key in "ab":
        assert spread.flows[key].energy_cost == here.flows[key].energy_cost
    assert stored_change(study, here.flows["a"]) == pytest.approx(
        10.0 * ((here.flows["a"].soc_pct or 0.0) - 50.0) / 100.0 * 0.4
    )


def test_a_time_of_which_nothing_is_known_is_no_error() -> None:
    study = small_study(1)
    unknown = replace(study.past, load_w=np.full(96, np.nan), quarter_load_w=np.full(96, np.nan))
    flows = live_side_by_side({"a": replace(study, past=unknown)}, NO_BATTERY).flows["a"]
    assert (flows.hours, flows.soc_pct, len(flows.start_s)) == (0.0, None, 0)
    assert stored_change(study, flows) == 0.0
