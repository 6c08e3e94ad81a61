"""Whatever a service or a file says, there is a forecast that can be right or a clear refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hems.adapters.forecasts.file import quarters_of
from hems.adapters.forecasts.forecast_solar_body import power_by_quarter, wait_in_refusal
from hems.adapters.forecasts.http_json import parse_json
from hems.adapters.forecasts.open_meteo_body import read_weather
from hems.domain.errors import RejectedData
from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import floor_to_grid
from hems.forecasting.pv_plant import power_from_weather
from support.forecast_tools import DAY_OF_FORECAST_SOLAR, NOW, forecast_solar_body, open_meteo_body

PLACE = Place(latitude_deg=52.0, longitude_deg=21.0)
PLANT = PvPlant(planes=(PvPlane(peak_w=5000.0, tilt_deg=35.0, azimuth_deg=180.0),), inverter_max_w=5000.0)
MOST_W = 15_000.0
LEAST, MOST = datetime(1990, 1, 1), datetime(2210, 1, 1)  # noqa: DTZ001 - hypothesis wants them so

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def refused_or_sound(read: Callable[[], None]) -> None:
    """Anything but success and RejectedData fails; what is told names its place on one line."""
    try:
        read()
    except RejectedData as error:
        said = str(error)
        assert said.startswith("HERE")
        assert len(said) < 400
        assert "\n" not in said


def weather_of(body: object) -> None:
    if not isinstance(body, dict):
        return
    for series in read_weather(body, "HERE"):
        power = power_from_weather(PLANT, PLACE, series)
        known = power[np.isfinite(power)]
        assert ((known >= 0.0) & (known <= 5000.0)).all()


def power_of(body: object) -> None:
    if not isinstance(body, dict):
        return
    power = power_by_quarter(body, most_w=MOST_W, where="HERE")
    assert all(floor_to_grid(start) == start and start.tzinfo is UTC for start in power)
    assert all(0.0 <= value < float("inf") for value in power.values())


def file_of(content: bytes) -> None:
    quarters = quarters_of(content, "HERE")
    assert quarters
    assert all(floor_to_grid(start) == start and 0.0 <= value <= 1e6 for start, value in quarters.items())


@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    refused_or_sound(lambda: weather_of(parse_json(content, "HERE")))
    refused_or_sound(lambda: power_of(parse_json(content, "HERE")))
    refused_or_sound(lambda: file_of(content))


@given(JSON)
def test_any_json(content: object) -> None:
    for body in (content, {"hourly": content}, {"hourly": {"time": [900], "shortwave_radiation": content}}):
        refused_or_sound(lambda body=body: weather_of(body))
    for body in (content, {"result": content}, {"result": {"watts": content, "watt_hours_period": content}}):
        refused_or_sound(lambda body=body: power_of(body))
    refused_or_sound(lambda: file_of(json.dumps([content]).encode()))
    wait = wait_in_refusal({"message": {"ratelimit": {"retry-at": content}}}, NOW)
    assert wait is None or timedelta(0) <= wait <= timedelta(days=1)


@given(st.sampled_from(["time", "shortwave_radiation", "diffuse_radiation", "temperature_2m"]), st.integers(0, 7), JSON)
def test_one_wrong_figure_of_weather(column: str, index: int, value: object) -> None:
    body = open_meteo_body(floor_to_grid(NOW), 8)
    block = body["minutely_15"]
    assert isinstance(block, dict)
    block[column] = [*block[column][:index], value, *block[column][index + 1 :]]
    refused_or_sound(lambda: weather_of(body))


@given(st.sampled_from(sorted(DAY_OF_FORECAST_SOLAR)), st.text(max_size=30) | st.datetimes().map(str), JSON)
def test_one_wrong_stamp_or_figure_of_power(stamp: str, other: str, value: object) -> None:
    body = forecast_solar_body(dict(DAY_OF_FORECAST_SOLAR))
    result = body["result"]
    assert isinstance(result, dict)
    for series in result.values():
        series[other] = series[stamp]
    refused_or_sound(lambda: power_of(body))
    for series in result.values():
        del series[other]
        series[stamp] = value
    refused_or_sound(lambda: power_of(body))


@given(
    st.lists(
        st.tuples(st.datetimes(LEAST, MOST), st.floats() | st.integers()),
        max_size=6,
    ),
    st.sampled_from([",", ";", "\t"]),
)
def test_any_table(rows: list[tuple[datetime, float]], comma: str) -> None:
    text = f"ts_utc{comma}pv_w\n" + "".join(f"{stamp.isoformat()}{comma}{value}\n" for stamp, value in rows)
    refused_or_sound(lambda: file_of(text.encode()))
