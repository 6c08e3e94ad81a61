"""Which quarters were held back: the table of flows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.forecasting.history import QuarterHistory
from hems.forecasting.pv_curtailment import is_curtailed, with_curtailment

START = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


def slot(start: datetime = START, coverage: float = 1.0, **w: float | None) -> EnergySlot:
    """A quarter with mean powers [W] while it was measured."""
    wh = {
        key: (w.get(key) or 0.0) * coverage / 4.0
        for key in ("pv", "load", "grid_in", "grid_out", "charge", "discharge")
    }
    return EnergySlot(
        start=start,
        coverage=coverage,
        pv_wh=wh["pv"],
        load_wh=wh["load"],
        import_wh=wh["grid_in"],
        export_wh=wh["grid_out"],
        charge_wh=wh["charge"],
        discharge_wh=wh["discharge"],
        soc_end_pct=w.get("soc", 60.0),
        import_price_per_kwh=None,
        export_price_per_kwh=None,
        price_estimated=False,
        cost=None,
        baseline_import_wh=None,
        baseline_export_wh=None,
        baseline_soc_end_pct=None,
        baseline_cost=None,
        forced_share=w.get("forced") or 0.0,
    )


@pytest.mark.parametrize(
    ("limit_w", "flows", "expected"),
    [
        (0.0, {"pv": 800, "load": 800, "soc": 100}, True),  # nowhere to go
        (0.0, {"pv": 3000, "load": 800, "charge": 2200, "soc": 60}, False),  # the battery takes it
        (0.0, {"pv": 5800, "load": 800, "charge": 5000, "soc": 60}, True),  # as much as it can
        (0.0, {"pv": 800, "load": 1200, "grid_in": 400, "soc": 100}, False),  # the house wants more
        (0.0, {"pv": 800, "load": 1200, "discharge": 400, "soc": 98}, False),
        (0.0, {"pv": 800, "load": 800, "soc": 50, "forced": 1.0}, True),  # told not to charge
        (0.0, {"pv": 800, "load": 800, "soc": None}, True),  # in doubt
        (0.0, {"pv": 0, "load": 0, "soc": 100}, False),  # night
        (3000.0, {"pv": 4000, "load": 1000, "grid_out": 2960, "soc": 100}, True),
        (3000.0, {"pv": 3000, "load": 1000, "grid_out": 2000, "soc": 100}, False),
        (None, {"pv": 900, "load": 900, "soc": 100}, True),  # a limit of 0 that nobody told
        (None, {"pv": 3000, "load": 900, "grid_out": 2100, "soc": 100}, False),
        (None, {"pv": 900, "load": 900, "soc": 60}, False),
    ],
)
@pytest.mark.parametrize("coverage", [1.0, 0.6])
def test_flows_tell(limit_w: float | None, flows: dict[str, float | None], expected: bool, coverage: float) -> None:
    assert is_curtailed(slot(coverage=coverage, **flows), limit_w, charge_max_w=5000.0) is expected


def test_marks_go_to_their_quarters_and_old_ones_stay() -> None:
    full = {"pv": 800.0, "load": 800.0, "soc": 100.0}
    slots = [slot(START + number * MTU, **full) for number in range(4)]
    history = QuarterHistory.of(slots, START + 4 * MTU, timedelta(hours=1))
    history.pv_curtailed[3] = True
    limited_from = START + MTU
    marked = with_curtailment(
        history, [*slots, slot(START - DAY, **full)], lambda start: 500.0 if start < limited_from else 0.0
    )
    assert marked.pv_curtailed.tolist() == [False, True, True, True]
    assert history.pv_curtailed.tolist() == [False, False, False, True]


DAY = timedelta(days=1)
