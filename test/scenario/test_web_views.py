"""What the API tells of a living house: frames of whole coordinators in virtual time, turned into every model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.composition.simulated_days import Moment
from hems.domain.plan import Plan
from hems.domain.prices import PriceOrigin
from hems.simulation.simulated_inverter import SimulatorOptions
from hems.web.frame import Frame, FrameMaker
from hems.web.live import today_unknown
from hems.web.models.live import LiveState
from hems.web.present.alerts import alerts_of
from hems.web.present.configuration import configuration_view
from hems.web.present.live import live_state
from hems.web.present.plan import forecasts_view, plan_view, prices_view
from hems.web.present.records import decision_summary
from hems.web.present.system import health_view, safety_view, system_view
from support.household import live_through

NIGHT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)


class Looker:
    """Makes a frame after each cycle, as the dashboard does."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._maker: FrameMaker | None = None
        self.loaded = None

    def watch(self, moment: Moment) -> None:
        if self._maker is None:
            self._maker = FrameMaker(moment.household)
            self.loaded = moment.household.loaded
        self.frames.append(self._maker.make())

    def live(self, index: int = -1) -> LiveState:
        assert self.loaded is not None
        return live_state(self.frames[index], self.loaded, today_unknown(""))


def look(
    folder: Path,
    *,
    minutes: float = 20,
    strategy: str = "optimal",
    house: SimulatorOptions | None = None,
    start: datetime = NIGHT,
    more: str = "",
) -> Looker:
    looker = Looker()

    live_through(
        folder,
        start,
        timedelta(minutes=minutes),
        house or SimulatorOptions(soc_pct=40.0, capacity_wh=10_000.0, load=500.0, pv=0.0),
        watch=looker.watch,
        strategy=strategy,
        shadows=True,
        more=more,
    )
    return looker


def test_a_planned_house_tells_all_of_it(tmp_path: Path) -> None:
    looker = look(tmp_path)
    frame, loaded = looker.frames[-1], looker.loaded
    assert loaded is not None
    state = looker.live()
    assert state.readings is not None
    battery, grid, pv, load = (
        state.readings.battery_w, state.readings.grid_w, state.readings.pv_w, state.readings.load_w
    )  # fmt: skip
    assert None not in (battery, grid, pv, load)
    assert abs(battery + grid + pv - load) < 60, "one sign: positive delivers to the house"  # type: ignore[operator]
    assert state.decision is not None
    assert state.decision.source == state.orders.strategy == "optimal"
    assert isinstance(frame.plan, Plan)

    plan = plan_view(frame, loaded)
    assert plan.slots is not None
    columns = [value for value in plan.slots.model_dump().values() if isinstance(value, list)]
    assert {len(column) for column in columns} == {len(frame.plan.slots)}
    assert plan.slots.reason[0] == state.decision.reason
    assert all(plan.slots.reason), "every quarter has its words"
    assert not any(" now" in reason or " teraz" in reason for reason in plan.slots.reason[1:])
    ends = [start + s for start, s in zip(plan.slots.start, plan.slots.duration_s, strict=True)]
    assert ends[1:-1] == plan.slots.start[2:], "slot joins slot"

    prices = prices_view(frame)
    assert len(prices.slots.start) == len(prices.slots.import_per_kwh) == len(prices.slots.origin)
    assert prices.slots.start == sorted(prices.slots.start)
    assert prices.import_parts_now
    parts = sum(part.per_kwh for part in prices.import_parts_now)
    assert state.price.import_per_kwh == pytest.approx(parts, abs=1e-3)
    forecasts = forecasts_view(frame)
    assert forecasts.load is not None
    assert all(low <= mid <= high for low, mid, high in zip(
        forecasts.load.p10_w, forecasts.load.p50_w, forecasts.load.p90_w, strict=True))  # fmt: skip


def test_the_next_change_is_the_plan_s(tmp_path: Path) -> None:
    looker = look(tmp_path)
    for index, frame in enumerate(looker.frames):
        if not isinstance(frame.plan, Plan):
            continue
        change = looker.live(index).next_change
        first = frame.plan.slots[0]
        others = [slot for slot in frame.plan.slots if (slot.mode, slot.power_w) != (first.mode, first.power_w)]
        assert (change is None) == (not others)
        if change is not None:
            assert (change.at, change.mode) == (others[0].start, others[0].mode)


def test_a_score_makes_no_plan_and_says_so(tmp_path: Path) -> None:
    looker = look(tmp_path, strategy="multi_factor")
    assert looker.loaded is not None
    plan = plan_view(looker.frames[-1], looker.loaded)
    assert plan.slots is None
    assert plan.problem is not None
    assert "multi_factor" in plan.problem
    assert looker.live().next_change is None


def test_estimated_prices_are_marked_and_an_alert(tmp_path: Path) -> None:
    frame = look(tmp_path).frames[-1]
    prices = prices_view(frame)
    marked = {origin is PriceOrigin.PUBLISHED for origin in prices.slots.origin}
    assert False in marked, "nobody has published the day after tomorrow"


def test_a_silent_inverter_is_an_alert_and_looks_stale(tmp_path: Path) -> None:
    house = SimulatorOptions(soc_pct=40.0, capacity_wh=10_000.0, load=500.0, pv=0.0, faults=("asleep@300",))
    looker = look(tmp_path, house=house, minutes=12)
    frame, state = looker.frames[-1], looker.live()
    assert looker.loaded is not None
    assert not state.connection.connected
    assert any(alert.kind == "communication_lost" and alert.severity == "error" for alert in state.alerts)
    assert health_view(frame).status == "failing"
    readings = next(row for row in system_view(frame, looker.loaded, 0).inputs if row.name == "readings")
    assert readings.stale
    assert readings.problem
    assert state.readings is not None
    assert state.readings.battery_soc_pct is None, "unknown, not the last value"


def test_limits_stand_beside_their_values(tmp_path: Path) -> None:
    looker = look(tmp_path)
    safety = safety_view(looker.frames[-1])
    limits = {limit.name: limit for limit in safety.limits}
    assert {"battery_voltage", "battery_temperature", "battery_current", "soc", "grid_voltage_l1", "import"} <= set(
        limits
    )
    voltage = limits["battery_voltage"]
    assert voltage.low is not None
    assert voltage.high is not None
    assert voltage.value is not None
    assert voltage.low < voltage.value < voltage.high
    assert all(limit.ok for limit in limits.values())
    assert safety.clear is True
    assert safety.held == []


def test_secrets_of_the_configuration_are_masked(tmp_path: Path) -> None:
    more = "forecast: {open_meteo: {api_key: a-secret-key-of-somebody}}\ndebug: {enabled: false}\n"
    looker = look(tmp_path, minutes=1, more=more)
    assert looker.loaded is not None
    shown = configuration_view(looker.loaded)
    assert "a-secret-key" not in shown.model_dump_json()
    assert shown.values["forecast"]["open_meteo"]["api_key"] == "***"
    assert shown.values["battery_management"]["capacity_kwh"] == 10.0


def test_every_decision_of_the_run_can_be_told(tmp_path: Path) -> None:
    looker = look(tmp_path)
    for frame in looker.frames:
        if frame.decision is not None:
            assert decision_summary(frame.decision, frame).reason == frame.decision.reason
        assert isinstance(alerts_of(frame), list)


def test_a_house_without_a_battery_is_well(tmp_path: Path) -> None:
    house = SimulatorOptions(model="GW6000-DT", load=500.0, pv=2000.0)
    looker = look(tmp_path, house=house, strategy="self_use", minutes=5)
    frame = looker.frames[len(looker.frames) // 2]  # the last one tells of the stop
    assert frame.has_battery is False
    assert [alert.kind for alert in alerts_of(frame) if alert.severity == "error"] == []
    assert health_view(frame).status != "failing"
