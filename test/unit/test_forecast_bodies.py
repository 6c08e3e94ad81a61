"""What forecast services and files answer, read by hand-made and by recorded bodies."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hems.adapters.forecasts.file import FileOptions, FileSource, quarters_of
from hems.adapters.forecasts.forecast_solar import ForecastSolarOptions, ForecastSolarSource
from hems.adapters.forecasts.forecast_solar_body import power_by_quarter, wait_in_refusal
from hems.adapters.forecasts.open_meteo import OpenMeteoOptions, OpenMeteoSource
from hems.adapters.forecasts.open_meteo_body import read_weather
from hems.domain.errors import ForecastRefused, ForecastUnavailable, RejectedData
from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import MTU, floor_to_grid
from support.forecast_tools import (
    DAY_OF_FORECAST_SOLAR,
    NOW,
    StoppedClock,
    forecast_solar_body,
    open_meteo_body,
    serving,
)

PLACE = Place(latitude_deg=52.22977, longitude_deg=21.01178)
SOUTH = PvPlane(peak_w=5000.0, tilt_deg=35.0, azimuth_deg=180.0)
EAST = PvPlane(peak_w=2500.0, tilt_deg=40.0, azimuth_deg=90.0)
MIDNIGHT = floor_to_grid(NOW, timedelta(days=1))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# Open-Meteo


def test_stamps_are_ends_of_quarters() -> None:
    fine, hourly = read_weather(open_meteo_body(MIDNIGHT, 8), "HERE")
    assert (fine.start_s, fine.step_s) == (int(MIDNIGHT.timestamp()), 900)
    assert (hourly.start_s, hourly.step_s) == (int(MIDNIGHT.timestamp()), 3600)
    assert fine.diffuse_horizontal.tolist() == [160.0] * 8


def test_local_iso_stamps_count_with_the_offset_of_the_answer() -> None:
    body = open_meteo_body(MIDNIGHT, 4, fine=False)
    block = body["hourly"]
    assert isinstance(block, dict)
    block["time"] = ["2026-05-01T03:00"]
    body["utc_offset_seconds"] = 7200
    (hourly,) = read_weather(body, "HERE")
    assert hourly.start_s == int(MIDNIGHT.timestamp())


async def ask_open_meteo(body: object, **options: object) -> tuple[object, list[str]]:
    plant = PvPlant(planes=(SOUTH,))
    async with serving(body) as service:
        settings = OpenMeteoOptions(place=PLACE, plant=plant, base_url=service.base_url, **options)  # type: ignore[arg-type]
        source = OpenMeteoSource(settings, StoppedClock())
        try:
            return await source.fetch(NOW), service.targets
        finally:
            await source.aclose()


async def test_the_place_is_asked_for_roundly() -> None:
    _, targets = await ask_open_meteo(open_meteo_body(MIDNIGHT, 192))
    assert "latitude=52.23&longitude=21.01&" in targets[0]
    assert "52.229" not in targets[0]
    assert "apikey" not in targets[0]


async def test_hours_fill_what_quarters_do_not_tell() -> None:
    body = open_meteo_body(MIDNIGHT, 192)
    fine = body["minutely_15"]
    assert isinstance(fine, dict)
    for key in ("shortwave_radiation", "direct_radiation", "diffuse_radiation", "temperature_2m"):
        fine[key] = [*fine[key][:60], *[None] * 132]
    both, _ = await ask_open_meteo(body)
    hourly, _ = await ask_open_meteo(open_meteo_body(MIDNIGHT, 192, fine=False))
    assert both.pv_w[60:] == hourly.pv_w[60:]  # type: ignore[attr-defined]
    assert both.pv_w[:30] != hourly.pv_w[:30]  # type: ignore[attr-defined]
    assert None not in both.pv_w  # type: ignore[attr-defined]
    assert both.temperature_c[100] == 12.5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hourly": None, "minutely_15": None}, "neither minutely_15 nor hourly"),
        ({"utc_offset_seconds": "two"}, "utc_offset_seconds"),
        ({"minutely_15": {"time": [], "shortwave_radiation": []}}, "minutely_15.time"),
        ({"minutely_15": {"time": [900, 2700], "shortwave_radiation": [1, 1]}}, "one stamp every 900 s"),
        ({"minutely_15": {"time": [901], "shortwave_radiation": [1]}}, "one stamp every 900 s"),
        ({"minutely_15": {"time": ["noon"], "shortwave_radiation": [1]}}, "not a time"),
        ({"minutely_15": {"time": [900], "shortwave_radiation": [1, 2]}}, "list of 1 figures"),
        ({"minutely_15": {"time": [900], "shortwave_radiation": ["1"]}}, "holds '1'"),
        ({"minutely_15": {"time": [900], "shortwave_radiation": [9000]}}, "holds 9000"),
        ({"minutely_15": {"time": [900], "shortwave_radiation": [True]}}, "holds True"),
        ({"minutely_15": {"time": [900], "shortwave_radiation": [1], "temperature_2m": [300]}}, "holds 300"),
    ],
)
def test_what_cannot_be_weather_is_rejected(change: dict[str, object], said: str) -> None:
    with pytest.raises(RejectedData, match="HERE") as caught:
        read_weather(open_meteo_body(MIDNIGHT, 8) | change, "HERE")
    assert said in str(caught.value)


async def test_a_refusal_is_a_refusal_and_no_key_is_told() -> None:
    plant = PvPlant(planes=(SOUTH,))
    async with serving({"error": True, "reason": "wrong key sesame-open at \x1b[2J"}, status=400) as service:
        options = OpenMeteoOptions(place=PLACE, plant=plant, base_url=service.base_url, api_key="sesame-open")
        source = OpenMeteoSource(options, StoppedClock())
        with pytest.raises(ForecastRefused) as caught:
            await source.fetch(NOW)
        await source.aclose()
    assert "apikey=sesame-open" in service.targets[0]
    assert "sesame-open" not in str(caught.value)
    assert "sesame-open" not in repr(options)
    assert "\x1b" not in str(caught.value)
    assert "400" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "wait"),
    [("30", timedelta(seconds=30)), ("Fri, 01 May 2026 06:17:00 GMT", timedelta(minutes=10)), ("soon", None)],
)
async def test_too_many_questions_say_how_long_to_wait(header: str, wait: timedelta | None) -> None:
    plant = PvPlant(planes=(SOUTH,))
    async with serving({"reason": "slow down"}, status=429, headers={"Retry-After": header}) as service:
        source = OpenMeteoSource(OpenMeteoOptions(place=PLACE, plant=plant, base_url=service.base_url), StoppedClock())
        with pytest.raises(ForecastUnavailable) as caught:
            await source.fetch(NOW)
        await source.aclose()
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"oops", ForecastUnavailable),
        (301, b"", ForecastRefused),
        (204, b"", RejectedData),
        (200, b"<html>log in</html>", RejectedData),
        (200, b"[]", RejectedData),
        (200, b'{"hourly": NaN}', RejectedData),
        (200, b"{" * 5000, RejectedData),
    ],
)
async def test_every_other_answer_has_its_error(status: int, body: bytes, error: type[Exception]) -> None:
    async with serving(body, status=status) as service:
        options = OpenMeteoOptions(place=PLACE, plant=PvPlant(planes=(SOUTH,)), base_url=service.base_url)
        source = OpenMeteoSource(options, StoppedClock())
        with pytest.raises(error) as caught:
            await source.fetch(NOW)
        await source.aclose()
    assert service.base_url in str(caught.value)


# Forecast.Solar


def test_energy_of_each_interval_is_kept_and_sunrise_is_no_hour() -> None:
    body = forecast_solar_body(DAY_OF_FORECAST_SOLAR)
    power = power_by_quarter(body, most_w=1e5, where="HERE")
    assert power[at("2026-05-01T05:00:00+02:00")] < power[at("2026-05-01T05:15:00+02:00")]
    assert power[at("2026-05-01T03:00:00+02:00")] == 0.0
    hour = [power[at("2026-05-01T07:00:00+02:00") + number * MTU] for number in range(4)]
    assert hour == pytest.approx([700.0, 900.0, 1100.0, 1300.0])
    assert sum(power.values()) / 4.0 == pytest.approx(sum(body["result"]["watt_hours_period"].values()), rel=0.01)  # type: ignore[index,call-overload]


def test_the_energy_of_an_interval_stands_above_its_powers() -> None:
    stamps = {"2026-05-01T10:00:00+02:00": 1000.0, "2026-05-01T11:00:00+02:00": 1000.0}
    periods = {"2026-05-01T10:00:00+02:00": 0.0, "2026-05-01T11:00:00+02:00": 500.0}
    power = power_by_quarter(forecast_solar_body(stamps, periods), most_w=1e5, where="HERE")
    assert [power[at("2026-05-01T10:00:00+02:00") + number * MTU] for number in range(4)] == pytest.approx([500.0] * 4)


def test_a_hole_by_day_stays_one_and_nights_are_dark() -> None:
    stamps = {
        "2026-05-01T10:00:00+02:00": 900.0,
        "2026-05-01T14:00:00+02:00": 900.0,
        "2026-05-01T15:00:00+02:00": 0.0,
        "2026-05-02T06:00:00+02:00": 0.0,
        "2026-05-02T07:00:00+02:00": 100.0,
    }
    power = power_by_quarter(forecast_solar_body(stamps), most_w=1e5, where="HERE")
    assert at("2026-05-01T12:00:00+02:00") not in power
    assert at("2026-05-01T09:00:00+02:00") not in power  # before a lit first stamp nothing is known
    assert power[at("2026-05-02T01:00:00+02:00")] == 0.0
    assert at("2026-05-02T07:00:00+02:00") not in power


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "no object named 'result'"),
        ({"result": "Rate limit"}, "no object named 'result'"),
        ({"result": {"watts": {}, "watt_hours_period": {}}}, "'watts' is empty"),
        ({"result": {"watts": [1], "watt_hours_period": {}}}, "not an object"),
        (
            forecast_solar_body(
                {"2026-05-01T10:00:00+02:00": 1.0, "2026-05-01T11:00:00+02:00": 1.0},
                {"2026-05-01T11:00:00+02:00": 2e5},
            ),
            "200000 Wh for 1 h",
        ),
        (forecast_solar_body({"2026-05-01 10:00:00": 1.0}, {}), "does not say its time zone"),
        (forecast_solar_body({"today": 1.0}, {}), "not a time"),
        (forecast_solar_body({"2026-05-01T10:00:00+02:00": -1.0}, {}), "holds -1.0"),
        (forecast_solar_body({"2026-05-01T10:00:00+02:00": 1e9}, {}), "holds 1000000000.0"),
        (forecast_solar_body({"0001-01-01T00:00:00+14:00": 1.0}, {}), "stamp"),
    ],
)
def test_what_cannot_be_power_is_rejected(body: dict[str, object], said: str) -> None:
    with pytest.raises(RejectedData, match="HERE") as caught:
        power_by_quarter(body, most_w=1e5, where="HERE")
    assert said in str(caught.value)


async def test_each_plane_is_asked_for_and_the_inverter_clips_the_sum() -> None:
    plant = PvPlant(planes=(SOUTH, EAST), inverter_max_w=3000.0)
    async with serving(forecast_solar_body(DAY_OF_FORECAST_SOLAR)) as service:
        options = ForecastSolarOptions(place=PLACE, plant=plant, base_url=service.base_url, api_key="abcd/efgh")
        source = ForecastSolarSource(options, StoppedClock())
        forecast = await source.fetch(NOW)
        await source.aclose()
    assert [target.split("?")[0] for target in service.targets] == [
        "/api/abcd%2Fefgh/estimate/52.23/21.01/35/0/5.000",
        "/api/abcd%2Fefgh/estimate/52.23/21.01/40/-90/2.500",
    ]
    assert max(value for value in forecast.pv_w if value is not None) == 3000.0
    assert forecast.pv_w[0] == pytest.approx(2 * 1487.5)  # the quarter from 08:00 local, both planes alike


async def test_a_rate_limit_names_its_time_in_the_body() -> None:
    limit = {"zone": "IP", "period": 3600, "limit": 12, "retry-at": "2026-05-01T08:40:00+02:00"}
    refusal = {"result": "Rate limit", "message": {"code": 429, "ratelimit": limit}}
    async with serving(refusal, status=429) as service:
        options = ForecastSolarOptions(place=PLACE, plant=PvPlant(planes=(SOUTH,)), base_url=service.base_url)
        source = ForecastSolarSource(options, StoppedClock())
        with pytest.raises(ForecastUnavailable) as caught:
            await source.fetch(NOW)
        await source.aclose()
    assert caught.value.retry_after == timedelta(minutes=33)


@pytest.mark.parametrize("content", [None, [], {"message": 1}, {"message": {"ratelimit": {"retry-at": "later"}}}])
def test_a_limit_without_a_time_names_none(content: object) -> None:
    assert wait_in_refusal(content, NOW) is None


# File


@pytest.mark.parametrize(
    ("minutes", "values", "expected"),
    [
        (5, [0, 300, 600, 900, 900, 900], [300.0, 900.0]),
        (15, [100, 200], [100.0, 200.0]),
        (30, [100, 200], [100.0, 100.0, 200.0, 200.0]),
        (60, [100, 200], [100.0] * 4 + [200.0] * 4),
    ],
)
@pytest.mark.parametrize("form", ["csv", "json", "json_object"])
def test_every_even_step_becomes_quarters(minutes: int, values: list[float], expected: list[float], form: str) -> None:
    stamps = [(MIDNIGHT + number * timedelta(minutes=minutes)).isoformat() for number in range(len(values))]
    rows = [{"ts_utc": stamp, "pv_w": value} for stamp, value in zip(stamps, values, strict=True)]
    content = {
        "csv": "﻿ts_utc,pv_w,other\n" + "".join(f"{row['ts_utc']},{row['pv_w']},x\n" for row in rows),
        "json": json.dumps(rows),
        "json_object": json.dumps({"forecast": rows}),
    }[form]
    quarters = quarters_of(content.encode(), "FILE")
    assert list(quarters.values()) == pytest.approx(expected)
    assert min(quarters) == MIDNIGHT


def test_stamps_without_a_zone_are_utc_and_with_one_are_turned() -> None:
    plain = quarters_of(b"ts_utc,pv_w\n2026-05-01 10:00,1\n2026-05-01 10:15,2\n", "FILE")
    zoned = quarters_of(b"ts_utc,pv_w\n2026-05-01T12:00+02:00,1\n2026-05-01T12:15+02:00,2\n", "FILE")
    assert plain == zoned
    assert min(plain) == datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must name the columns"),
        (b"time,power\n1,2\n", "must name the columns"),
        (b"ts_utc,pv_w\n", "0 rows"),
        (b"ts_utc,pv_w\n2026-05-01 10:00,1\n", "one row only"),
        (b"ts_utc,pv_w\n2026-05-01 10:00,1\n2026-05-01 10:00,2\n", "row 2: '2026-05-01 10:00' stands there twice"),
        (b"ts_utc,pv_w\n2026-05-01 10:00,1\n2026-05-01 10:20,2\n", "5, 15, 30 or 60 minutes"),
        (b"ts_utc,pv_w\n2026-05-01 10:07,1\n2026-05-01 10:22,2\n", "5, 15, 30 or 60 minutes"),
        (b"ts_utc,pv_w\n2026-05-01 10:00,1\n2026-05-01 10:15,2\n2026-05-01 10:25,2\n", "5, 15, 30 or 60 minutes"),
        (b"ts_utc,pv_w\n2026-05-01 10:00,-1\n", "row 1: pv_w is -1.0"),
        (b"ts_utc,pv_w\n2026-05-01 10:00,nan\n", "row 1: pv_w is nan"),
        (b"ts_utc,pv_w\n2026-05-01 10:00,\n", "row 1: pv_w is ''"),
        (b"ts_utc,pv_w\nsoon,1\n", "row 1: ts_utc is 'soon'"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1]", "not an object"),
        (b'{"pv": []}', "no list of objects"),
        (b"[{", "not JSON"),
    ],
)
def test_a_wrong_file_is_told_by_its_row(content: bytes, said: str) -> None:
    with pytest.raises(RejectedData, match="FILE") as caught:
        quarters_of(content, "FILE")
    assert said in str(caught.value)


async def test_a_file_is_as_old_as_it_is_and_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "pv.csv"

    def write(power_w: float, written: datetime) -> None:
        path.write_text(f"ts_utc,pv_w\n2026-05-01 06:00,{power_w}\n2026-05-01 07:00,9\n")
        os.utime(path, (written.timestamp(), written.timestamp()))

    source = FileSource(FileOptions(path=path))
    write(100.0, NOW - timedelta(hours=5))
    first = await source.fetch(NOW)
    assert first.received_at == NOW - timedelta(hours=5)
    assert first.pv_w[:5] == (100.0, 100.0, 100.0, 100.0, 9.0)
    write(250.0, NOW + timedelta(hours=1))  # a clock that is ahead makes no forecast from the future
    second = await source.fetch(NOW)
    assert second.pv_w[0] == 250.0
    assert second.received_at == NOW
    with pytest.raises(ForecastUnavailable, match="says nothing of the time ahead"):
        await source.fetch(NOW + timedelta(hours=3))


async def test_a_pipe_does_not_hold_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pv.csv")
    with pytest.raises(ForecastUnavailable, match="not a regular file"):
        await FileSource(FileOptions(path=tmp_path / "pv.csv")).fetch(NOW)


# Recorded


@pytest.mark.data
def test_recorded_hours_of_open_meteo(reference_data: Path) -> None:
    body = json.loads((reference_data / "fixtures" / "openmeteo_eos_1.json").read_text())
    (weather,) = read_weather(body, "HERE")
    assert datetime.fromtimestamp(weather.start_s, tz=UTC) == datetime(2026, 3, 1, 22, tzinfo=UTC)
    assert len(weather.global_horizontal) == 72
    brightest = int(np.argmax(weather.global_horizontal[:24]))
    assert 10 <= brightest <= 14
    assert (weather.diffuse_horizontal <= weather.global_horizontal + 1e-9).all()
    (total_only,) = read_weather(
        json.loads((reference_data / "fixtures" / "openmeteo_cenergia_forecast.json").read_text()), "HERE"
    )
    assert np.isnan(total_only.diffuse_horizontal).all()


@pytest.mark.data
@pytest.mark.parametrize(("name", "days"), [("forecast_solar_public.json", 2), ("forecast_solar_personal.json", 4)])
def test_recorded_days_of_forecast_solar(reference_data: Path, name: str, days: int) -> None:
    body = json.loads((reference_data / "fixtures" / name).read_text())
    power = power_by_quarter(body, most_w=1e5, where="HERE")
    assert len(power) == days * 96
    zone = timedelta(hours=2)
    for day, told_wh in body["result"]["watt_hours_day"].items():
        midnight = datetime.fromisoformat(day).replace(tzinfo=UTC) - zone
        ours_wh = sum(power[midnight + number * MTU] for number in range(96)) / 4.0
        assert ours_wh == pytest.approx(told_wh, rel=0.002)


@pytest.mark.data
def test_the_recorded_rate_limit_says_when(reference_data: Path) -> None:
    content = json.loads((reference_data / "fixtures" / "forecast_solar_ratelimit.json").read_text())
    asked = datetime(2024, 4, 27, 0, 40, tzinfo=UTC)
    assert wait_in_refusal(content, asked) == timedelta(minutes=8, seconds=53)
