"""What every forecast source promises, run over each of them. A new source joins by a line in SOURCES."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.forecasts.registry import FORECAST_SOURCES, create_forecast_source
from hems.domain.errors import ForecastUnavailable, RejectedData
from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import MTU, floor_to_grid
from hems.ports.forecasts import ForecastSource
from support.forecast_tools import NOW, StoppedClock, forecast_solar_body, open_meteo_body, serving

PLACE = Place(latitude_deg=52.2297, longitude_deg=21.0122)
PLANT = PvPlant(planes=(PvPlane(peak_w=5000.0, tilt_deg=35.0, azimuth_deg=180.0),))

MIDNIGHT = floor_to_grid(NOW, timedelta(days=1))


class Lever:
    """What can be done to a source from outside."""

    def __init__(self, cut: Callable[[], None], spoil: Callable[[], None]) -> None:
        self.cut = cut
        self.spoil = spoil


Opener = Callable[[Path], AbstractAsyncContextManager[tuple[ForecastSource, Lever]]]


@asynccontextmanager
async def over_http(name: str, body: object) -> AsyncIterator[tuple[ForecastSource, Lever]]:
    async with serving(body) as service:
        settings = {"base_url": service.base_url, "place": PLACE, "plant": PLANT, "timeout_s": 2.0}
        source = create_forecast_source(name, settings, StoppedClock())
        yield (
            source,
            Lever(lambda: setattr(service, "is_down", True), lambda: setattr(service, "body", b'{"watts": [')),
        )
        await source.aclose()  # type: ignore[attr-defined]


def open_meteo(_: Path) -> AbstractAsyncContextManager[tuple[ForecastSource, Lever]]:
    return over_http("open_meteo", open_meteo_body(MIDNIGHT, 288))


def forecast_solar(_: Path) -> AbstractAsyncContextManager[tuple[ForecastSource, Lever]]:
    watts: dict[str, float] = {}
    for day in (0, 1):
        for hour in range(5, 20):
            stamp = MIDNIGHT + timedelta(days=day, hours=hour)
            watts[stamp.isoformat()] = 0.0 if hour in (5, 19) else 1500.0
    return over_http("forecast_solar", forecast_solar_body(watts))


@asynccontextmanager
async def from_file(folder: Path) -> AsyncIterator[tuple[ForecastSource, Lever]]:
    path = folder / "pv.csv"
    rows = [f"{(MIDNIGHT + number * MTU).isoformat()},{50.0 * (number % 96)}" for number in range(192)]
    path.write_text("ts_utc,pv_w\n" + "\n".join(rows) + "\n")
    source = create_forecast_source("file", {"path": path}, StoppedClock())
    yield source, Lever(path.unlink, lambda: path.write_text("ts_utc,pv_w\nyesterday,many\n") and None)


OPENERS: dict[str, Opener] = {"open_meteo": open_meteo, "forecast_solar": forecast_solar, "file": from_file}
SOURCES = [pytest.param(opener, id=name) for name, opener in OPENERS.items()]


def test_every_registered_source_is_under_contract() -> None:
    assert set(FORECAST_SOURCES.names()) == set(OPENERS)


@pytest.mark.parametrize("opener", SOURCES)
async def test_it_tells_mean_power_from_the_present_quarter_on(opener: Opener, tmp_path: Path) -> None:
    async with opener(tmp_path) as (source, _):
        forecast = await source.fetch(NOW)
    assert forecast.source == source.name
    assert forecast.start == floor_to_grid(NOW)
    assert forecast.received_at <= NOW
    assert len(forecast.pv_w) >= 96
    known = [value for value in forecast.pv_w if value is not None]
    assert len(known) >= 0.9 * len(forecast.pv_w)
    assert all(0.0 <= value <= PLANT.peak_w for value in known)
    assert max(known) > 500.0
    assert not forecast.temperature_c or len(forecast.temperature_c) == len(forecast.pv_w)


@pytest.mark.parametrize("opener", SOURCES)
async def test_a_cut_line_is_said_to_be_one(opener: Opener, tmp_path: Path) -> None:
    async with opener(tmp_path) as (source, lever):
        lever.cut()
        with pytest.raises(ForecastUnavailable) as caught:
            await source.fetch(NOW)
    assert caught.value.retry_after is None
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("opener", SOURCES)
async def test_nonsense_is_rejected_and_forgotten(opener: Opener, tmp_path: Path) -> None:
    async with opener(tmp_path) as (source, lever):
        before = await source.fetch(NOW)
        lever.spoil()
        with pytest.raises(RejectedData):
            await source.fetch(NOW)
        with pytest.raises(RejectedData):
            await source.fetch(NOW)
    assert before.pv_w


@pytest.mark.parametrize("opener", SOURCES)
async def test_a_forecast_that_is_over_is_not_one(opener: Opener, tmp_path: Path) -> None:
    async with opener(tmp_path) as (source, _):
        with pytest.raises((ForecastUnavailable, RejectedData)) as caught:
            await source.fetch(NOW + timedelta(days=30))
    assert "of the time" in str(caught.value)


@pytest.mark.parametrize("opener", SOURCES)
async def test_it_says_how_often_it_may_be_asked(opener: Opener, tmp_path: Path) -> None:
    async with opener(tmp_path) as (source, _):
        assert timedelta(minutes=1) <= source.interval <= timedelta(hours=6)


@pytest.mark.parametrize("moment", [datetime(2026, 5, 1), datetime(2026, 5, 1, 6)])  # noqa: DTZ001 - that is the point
@pytest.mark.parametrize("opener", SOURCES)
async def test_a_naive_now_is_refused(opener: Opener, tmp_path: Path, moment: datetime) -> None:
    async with opener(tmp_path) as (source, _):
        with pytest.raises((ValueError, TypeError)):
            await source.fetch(moment)
