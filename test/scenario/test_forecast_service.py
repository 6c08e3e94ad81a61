"""The forecast service through simulated days: asking, back-off, restart, archive, trouble. On a leaping loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hems.adapters.clock import LoopClock
from hems.adapters.virtual_time import run_in_virtual_time
from hems.coordination.forecast_feed import as_state, from_state
from hems.coordination.forecast_service import ForecastService, ForecastServiceOptions
from hems.coordination.packed_state import packed, unpacked
from hems.domain.errors import ForecastRefused, ForecastUnavailable, RejectedData, StorageError
from hems.domain.forecast import EnergyForecast, Quantity, SourceForecast
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid
from hems.forecasting.history import QuarterHistory
from hems.forecasting.load import LoadForecaster
from hems.forecasting.measured import with_quarter
from hems.forecasting.pv import PvForecaster, PvOptions
from support.household import live_through
from support.memory_store import MemoryStore

T0 = datetime(2026, 11, 16, 12, 3, tzinfo=UTC)
WARSAW = ZoneInfo("Europe/Warsaw")


class Memory(MemoryStore):
    """Keeps forecasts too, and may refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.forecasts: list[EnergyForecast] = []
        self.refuses = False
        self.reads = 0

    def save_forecast(self, forecast: EnergyForecast) -> None:
        self.forecasts.append(forecast)

    def forecasts_between(self, quantity: Quantity, start: datetime, end: datetime) -> Sequence[EnergyForecast]:
        return [made for made in self.forecasts if made.quantity is quantity and start <= made.issued_at < end]

    def energy_between(self, start: datetime, end: datetime) -> Sequence[EnergySlot]:
        self.reads += 1
        if self.refuses:
            raise StorageError("the disk refuses")
        return super().energy_between(start, end)

    def put_state(self, key: str, value: object) -> None:
        if self.refuses:
            raise StorageError("the disk refuses")
        super().put_state(key, json.loads(json.dumps(value)))


class Source:
    """Answers as told; notes when it was asked."""

    def __init__(self, clock: LoopClock, trouble: list[Exception] | None = None) -> None:
        self._clock = clock
        self.trouble = trouble or []
        self.asked: list[datetime] = []

    name = "scripted"
    interval = timedelta(hours=1)

    async def fetch(self, now: datetime) -> SourceForecast:
        self.asked.append(now)
        if self.trouble:
            raise self.trouble.pop(0)
        start = floor_to_grid(now)
        pv_w = tuple(None if n % 7 == 0 else 100.0 + n for n in range(96))
        return SourceForecast(
            source=self.name, received_at=now, start=start, pv_w=pv_w, temperature_c=(5.0,) * 95 + (None,)
        )


def slot(start: datetime, load_w: float = 400.0, pv_w: float = 0.0) -> EnergySlot:
    return EnergySlot(
        start=start,
        coverage=1.0,
        pv_wh=pv_w / 4,
        load_wh=load_w / 4,
        import_wh=0.0,
        export_wh=0.0,
        charge_wh=0.0,
        discharge_wh=0.0,
        soc_end_pct=50.0,
        import_price_per_kwh=None,
        export_price_per_kwh=None,
        price_estimated=False,
        cost=None,
        baseline_import_wh=None,
        baseline_export_wh=None,
        baseline_soc_end_pct=None,
        baseline_cost=None,
    )


def service(store: Memory, clock: LoopClock, source: Source | None) -> ForecastService:
    return ForecastService(
        source,
        store,
        clock,
        ForecastServiceOptions(zone=WARSAW),
        load=LoadForecaster(),
        pv=PvForecaster(PvOptions()),
    )


def filled(days: int) -> Memory:
    store = Memory()
    end = floor_to_grid(T0)
    for n in range(days * 96):
        start = end - (n + 1) * MTU
        store.add_energy(slot(start, load_w=300.0 + 100.0 * start.hour))
    return store


async def run_for(forecasts: ForecastService, clock: LoopClock, length: timedelta) -> None:
    task = asyncio.create_task(forecasts.run())
    await clock.sleep(length.total_seconds())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def minutes(asked: Sequence[datetime]) -> list[float]:
    return [(at - T0) / timedelta(minutes=1) for at in asked]


def live(main: Coroutine[Any, Any, None]) -> None:
    run_in_virtual_time(main)


def test_a_source_is_asked_no_oftener_than_it_may_be() -> None:
    async def day() -> None:
        clock = LoopClock(T0)
        source, store = Source(clock), filled(3)
        await run_for(service(store, clock, source), clock, timedelta(hours=12))
        waits = np.diff(minutes(source.asked))
        assert len(source.asked) in (11, 12)
        assert (waits >= 60.0).all()
        assert (waits <= 67.0).all()

    live(day())


def test_trouble_is_told_and_tried_again_later_each_time() -> None:
    async def day() -> None:
        clock = LoopClock(T0)
        trouble: list[Exception] = [RejectedData("nonsense")] * 3
        source, store = Source(clock, trouble), filled(3)
        forecasts = service(store, clock, source)
        await run_for(forecasts, clock, timedelta(seconds=30))
        told = forecasts.status(clock.now())
        assert told["failing"] is True
        assert told["last_error"]["message"] == "nonsense"
        assert told["next_attempt_at"] > clock.now().isoformat()
        await run_for(forecasts, clock, timedelta(minutes=20))
        assert [round(wait) for wait in np.diff(minutes(source.asked))] == [1, 2, 4]
        assert forecasts.status(clock.now())["failing"] is False

    live(day())


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [
        (ForecastUnavailable("busy", retry_after=timedelta(hours=3)), 180.0, 199.0),
        (ForecastUnavailable("busy", retry_after=timedelta(days=99)), 1440.0, 1600.0),
        (ForecastUnavailable("busy", retry_after=timedelta(seconds=-5)), 1.0, 1.2),
        (ForecastRefused("wrong key"), 360.0, 397.0),
        (RuntimeError("a defect"), 60.0, 67.0),
    ],
)
def test_a_wait_that_was_asked_for_is_kept(error: Exception, least: float, most: float) -> None:
    async def days() -> None:
        clock = LoopClock(T0)
        source, store = Source(clock, [error]), filled(1)
        await run_for(service(store, clock, source), clock, timedelta(days=2))
        assert least <= np.diff(minutes(source.asked))[0] <= most

    live(days())


def test_a_clock_set_back_does_not_silence_the_source() -> None:
    async def day() -> None:
        clock = LoopClock(T0)
        source = Source(clock)
        forecasts = service(Memory(), clock, source)
        await run_for(forecasts, clock, timedelta(minutes=5))
        assert forecasts._feed is not None
        assert forecasts._feed.next_attempt_at(T0 - timedelta(days=400)) == T0 - timedelta(days=400)

    live(day())


def test_what_the_source_said_survives_a_restart() -> None:
    async def day() -> None:
        clock = LoopClock(T0)
        store = filled(5)
        first, source = service(store, clock, one := Source(clock)), one
        await run_for(first, clock, timedelta(minutes=5))
        second = service(store, clock, again := Source(clock))
        await run_for(second, clock, timedelta(minutes=5))
        assert len(source.asked) == 1
        assert again.asked == [], "the hour is not over"
        told = second.status(clock.now())
        assert told["received_at"] == T0.isoformat()
        assert told["age_s"] == 600
        now = clock.now()
        assert second.pv(now, 96) == first.pv(now, 96)
        assert second.load(now, 96) == first.load(now, 96)
        series = second._temperatures.series()
        assert series is not None
        assert series.celsius[-2] == 5.0
        assert np.isnan(series.celsius[-1])

    live(day())


def test_a_kept_state_that_is_none_of_ours_is_left_alone() -> None:
    async def day() -> None:
        clock = LoopClock(T0)
        whole = packed({"said": {"source": "scripted"}})
        for kept in (
            *(17, [], "", "no base 64", "AAAA", whole[: len(whole) // 2], packed([1])),  # type: ignore[arg-type]
            packed({"said": 1}),
            packed({"said": {"source": "scripted"}, "pv_memory": 3, "temperature": {}}),
            packed({"said": {"source": "scripted"}, "pv_memory": {}, "temperature": {"start": "x", "celsius": [1]}}),
        ):
            store = filled(3)
            store.state["forecasts"] = kept
            source = Source(clock)
            forecasts = service(store, clock, source)
            forecasts.load_stored()
            assert forecasts.load(clock.now(), 4) is not None
            await run_for(forecasts, clock, timedelta(seconds=5))
            assert len(source.asked) == 1

    live(day())


def test_what_is_packed_takes_little_room_and_comes_back() -> None:
    state = {"celsius": [round(5.0 + n % 96 / 10, 1) for n in range(5856)], "none": None}
    assert unpacked(packed(state)) == state
    assert len(packed(state)) < 0.2 * len(json.dumps(state))


def test_said_and_kept_is_the_same() -> None:
    said = SourceForecast(source="s", received_at=T0, start=T0, pv_w=(1.5, None), temperature_c=(None, -3.0))
    assert from_state(json.loads(json.dumps(as_state(said)))) == said


def test_one_forecast_of_each_kind_is_archived_at_each_quarter() -> None:
    async def hours() -> None:
        clock = LoopClock(T0)
        store = filled(20)
        forecasts = service(store, clock, None)
        for _ in range(12):
            due = floor_to_grid(clock.now()) + MTU
            await clock.sleep((due - clock.now()).total_seconds() + 2.0)
            closed = slot(due - MTU, load_w=777.0)
            store.add_energy(closed)
            forecasts.on_quarter(closed)
            forecasts.on_quarter(closed)
            forecasts.load(clock.now(), 96, live_w=900.0)
        loads = [made for made in store.forecasts if made.quantity is Quantity.LOAD]
        assert len(loads) == 12
        assert len({made.start for made in loads}) == 12
        for made in loads:
            assert made.start == floor_to_grid(made.issued_at)
            assert made.known_at == made.start, "the quarter that has just closed is in it"
            assert len(made) == 144
        told = forecasts.status(clock.now())
        assert told["load"]["mae_w_hour_ahead_24h"] > 0.0
        assert told["measured_days"] == pytest.approx(20.1)
        assert told["source"] is None

    live(hours())


def test_quarters_closed_late_are_taken_in_and_issue_nothing() -> None:
    async def later() -> None:
        clock = LoopClock(T0)
        store = filled(10)
        forecasts = service(store, clock, None)
        forecasts.load_stored()
        await clock.sleep(7200)
        for n in range(8):
            forecasts.on_quarter(slot(floor_to_grid(T0) + n * MTU, load_w=5000.0))
        loads = [made.start for made in store.forecasts if made.quantity is Quantity.LOAD]
        assert loads == [floor_to_grid(clock.now())]
        made = forecasts.load(clock.now(), 1)
        assert made is not None
        assert made.median_w[0] > 2500.0

    live(later())


def test_a_disk_that_refuses_is_told_and_outlived() -> None:
    async def later() -> None:
        clock = LoopClock(T0)
        store = filled(10)
        store.refuses = True
        forecasts = service(store, clock, Source(clock))
        assert forecasts.load(clock.now(), 96) is None
        await run_for(forecasts, clock, timedelta(minutes=1))
        assert forecasts.status(clock.now())["problems"] == {"storage": "the disk refuses"}
        store.refuses = False
        assert forecasts.load(clock.now(), 96) is not None
        assert forecasts.status(clock.now())["problems"] == {}

    live(later())


def test_a_defect_in_a_forecast_never_reaches_the_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def now() -> None:
        clock = LoopClock(T0)
        store = filled(3)
        forecasts = service(store, clock, None)

        def breaks(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a defect")

        monkeypatch.setattr(LoadForecaster, "forecast", breaks)
        assert forecasts.load(clock.now(), 96) is None
        forecasts.on_quarter(slot(floor_to_grid(T0) - MTU))
        assert forecasts.status(clock.now())["problems"]["load"] == "a defect"

    live(now())


def test_a_quarter_from_the_future_is_forgotten_with_the_clock_that_told_it() -> None:
    async def now() -> None:
        clock = LoopClock(T0)
        store = filled(10)
        forecasts = service(store, clock, None)
        forecasts.on_quarter(slot(floor_to_grid(T0) + timedelta(days=3000)))
        store.add_energy(slot(floor_to_grid(T0) - MTU))
        forecasts.on_quarter(slot(floor_to_grid(T0) - MTU))
        assert forecasts.load(clock.now(), 4) is not None
        assert forecasts.status(clock.now())["measured_days"] == 10.0

    live(now())


def test_sun_under_an_export_limit_does_not_teach() -> None:
    async def now() -> None:
        clock = LoopClock(T0)
        forecasts = service(filled(2), clock, None)
        forecasts.load_stored()
        quarter = floor_to_grid(T0)
        forecasts.note_export_limit(0.0, T0)
        closed = slot(quarter, load_w=2000.0, pv_w=2000.0)
        await clock.sleep(900)
        forecasts.on_quarter(EnergySlot(**{f: getattr(closed, f) for f in closed.__slots__} | {"forced_share": 1.0}))
        assert forecasts._history.pv_curtailed[-1]
        forecasts.on_quarter(slot(quarter + MTU, load_w=2000.0, pv_w=2000.0))
        assert not forecasts._history.pv_curtailed[-1]

    live(now())


def test_the_measured_past_grows_quarter_by_quarter() -> None:
    kept = timedelta(hours=2)
    start = floor_to_grid(T0)
    history = QuarterHistory.of([slot(start + n * MTU, 100.0 * n) for n in range(8)], start + kept, kept)
    grown = with_quarter(history, slot(start + 10 * MTU, 999.0), kept)
    assert grown.end == start + 11 * MTU
    assert len(grown) == 8
    assert grown.load_w[:5].tolist() == [300.0, 400.0, 500.0, 600.0, 700.0]
    assert np.isnan(grown.load_w[5:7]).all()
    assert grown.load_w[7] == 999.0
    replaced = with_quarter(history, slot(start + 3 * MTU, 1.0), kept)
    assert replaced.load_w.tolist() == [0.0, 100.0, 200.0, 1.0, 400.0, 500.0, 600.0, 700.0]
    assert with_quarter(history, slot(start - MTU), kept) is history
    assert history.load_w[3] == 300.0


def test_a_whole_coordinator_keeps_and_shows_its_forecasts(tmp_path: Path) -> None:
    from hems.adapters.storage.sqlite_reader import StoreReader
    from hems.simulation.simulated_inverter import SimulatorOptions

    start = datetime(2026, 11, 16, 9, tzinfo=UTC)
    outcome = live_through(tmp_path, start, timedelta(hours=3), SimulatorOptions(), poll_s=60)
    told = outcome.status["forecasts"]
    assert told["problems"] == {}
    assert told["measured_days"] > 0.0
    assert told["load"]["source"] == "own_history"
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        kept = reader.forecasts_between(Quantity.LOAD, start, start + timedelta(hours=4))
        assert reader.get_state("forecasts") is None, "nobody was asked"
    assert 9 <= len(kept) <= 12
    assert all(made.known_at <= made.issued_at for made in kept)
