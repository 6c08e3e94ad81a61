"""From a body of Open-Meteo to the weather on the grid of quarters, believing nothing.

Pure. Stamps are the END of the interval whose mean radiation they carry; temperature is that of the instant.
Source: https://open-meteo.com/en/docs, recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from hems.adapters.forecasts.http_json import finite_number, short
from hems.domain.errors import RejectedData
from hems.forecasting.pv_plant import WeatherSeries

FloatArray = NDArray[np.float64]

_MTU_S = 900
_HOUR_S = 3600
_MOST_STEPS = 17 * 96
_RADIATION_W_M2 = (-20.0, 1500.0)
"""Beyond lies no radiation at the ground: edges of clouds reach 1400 for minutes; a model may write -1 at night."""
_TEMPERATURE_C = (-90.0, 70.0)
_BLOCKS = (("minutely_15", _MTU_S), ("hourly", _HOUR_S))


def read_weather(body: Mapping[str, object], where: str) -> tuple[WeatherSeries, ...]:
    """Return the weather of ``body``, the finest steps first: quarters where offered, and hours.

    Raises: RejectedData: no usable block, stamps that are not regular, or a figure that no weather has.
    """
    offset_s = finite_number(body.get("utc_offset_seconds", 0))
    if offset_s is None or abs(offset_s) > 86_400:
        raise RejectedData(f"{where}: utc_offset_seconds is {short(body.get('utc_offset_seconds'))}")
    blocks = [_block(body, name, step_s, int(offset_s), where) for name, step_s in _BLOCKS]
    usable = tuple(block for block in blocks if block is not None)
    if not usable:
        raise RejectedData(f"{where}: neither minutely_15 nor hourly tells shortwave_radiation")
    return usable


def _block(body: Mapping[str, object], name: str, step_s: int, offset_s: int, where: str) -> WeatherSeries | None:
    block = body.get(name)
    if not isinstance(block, dict) or "shortwave_radiation" not in block:
        return None
    stamps = block.get("time")
    if not isinstance(stamps, list) or not 1 <= len(stamps) <= _MOST_STEPS:
        raise RejectedData(f"{where}: {name}.time is not a list of 1 to {_MOST_STEPS} stamps")
    ends = [_unix_s(stamp, offset_s, f"{where}: {name}.time") for stamp in stamps]
    regular = [ends[0] + number * step_s for number in range(len(ends))]
    if ends != regular or ends[0] % _MTU_S:
        raise RejectedData(f"{where}: {name}.time is not one stamp every {step_s} s, on the quarters")

    def column(key: str, within: tuple[float, float]) -> FloatArray:
        return _column(block.get(key), len(ends), within, f"{where}: {name}.{key}")

    total = column("shortwave_radiation", _RADIATION_W_M2)
    diffuse = column("diffuse_radiation", _RADIATION_W_M2)
    diffuse = np.where(np.isnan(diffuse), total - column("direct_radiation", _RADIATION_W_M2), diffuse)
    if not np.isfinite(total).any():
        return None
    at_end = column("temperature_2m", _TEMPERATURE_C)
    at_start = np.concatenate([at_end[:1], at_end[:-1]])
    return WeatherSeries(
        start_s=ends[0] - step_s,
        step_s=step_s,
        global_horizontal=np.maximum(0.0, total),
        diffuse_horizontal=np.maximum(0.0, diffuse),
        temperature_c=0.5 * (at_start + at_end),
    )


def _column(column: object, count: int, within: tuple[float, float], where: str) -> FloatArray:
    """Return the figures of a column as numbers; null is unknown, and so is a column that is not there."""
    values = np.full(count, np.nan)
    if column is None:
        return values
    if not isinstance(column, list) or len(column) != count:
        raise RejectedData(f"{where} is not a list of {count} figures, one for each stamp")
    for index, value in enumerate(column):
        if value is None:
            continue
        number = finite_number(value)
        if number is None or not within[0] <= number <= within[1]:
            raise RejectedData(f"{where} holds {short(value)}, not a number from {within[0]:g} to {within[1]:g}")
        values[index] = number
    return values


def _unix_s(stamp: object, offset_s: int, where: str) -> int:
    """Return the instant of a stamp: unix seconds, or ISO 8601 in the time of the answer's offset."""
    number = finite_number(stamp)
    if number is not None and number == int(number) and 0 <= number < 2**40:
        return int(number)
    if isinstance(stamp, str):
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            raise RejectedData(f"{where} holds {short(stamp)}, not a time") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC) - timedelta(seconds=offset_s)
        return int(moment.timestamp())
    raise RejectedData(f"{where} holds {short(stamp)}, not a time")
