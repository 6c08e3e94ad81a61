"""Forecasts as database rows and back. Powers are kept in whole watts."""

from __future__ import annotations

import json
import math
from typing import Any

from hems.adapters.storage.rows import Row, datetime_from_us, us_from_datetime
from hems.domain.errors import StorageError
from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity

FORECAST_COLUMNS = ("issued_us", "quantity", "start_us", "known_us", "source", "notes", "levels")


def row_of_forecast(forecast: EnergyForecast) -> Row:
    """Return ``forecast`` as a row of ``forecasts``.

    Raises: ValueError: a level is not a number; what comes back must be what was issued.
    """
    if not all(math.isfinite(value) for level in forecast.levels_w for value in level):
        raise ValueError(f"a forecast of {forecast.quantity.value} with a level that is no number is not kept")
    levels = [[round(value) for value in level] for level in forecast.levels_w]
    return (
        us_from_datetime(forecast.issued_at),
        forecast.quantity.value,
        us_from_datetime(forecast.start),
        us_from_datetime(forecast.known_at),
        forecast.source,
        json.dumps(forecast.notes, ensure_ascii=False),
        json.dumps(levels, separators=(",", ":")),
    )


def forecast_of_row(row: Row) -> EnergyForecast:
    """Return the forecast of a row (in the order of FORECAST_COLUMNS).

    Raises: StorageError: it is not what ``row_of_forecast`` wrote.
    """
    issued_us, quantity, start_us, known_us, source, notes, levels = row
    try:
        powers = _levels_of(json.loads(levels))
        texts = json.loads(notes)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("notes are no list of texts")
        return EnergyForecast(
            quantity=Quantity(quantity),
            source=str(source),
            issued_at=datetime_from_us(issued_us),
            known_at=datetime_from_us(known_us),
            start=datetime_from_us(start_us),
            levels_w=powers,
            notes=tuple(texts),
        )
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise StorageError(f"a stored forecast cannot be read: {error}") from error


def _levels_of(levels: Any) -> tuple[tuple[float, ...], ...]:
    if not isinstance(levels, list) or len(levels) != len(QUANTILE_LEVELS):
        raise ValueError("not one list of powers for each level")
    powers = tuple(tuple(float(value) for value in level) for level in levels)
    if len({len(level) for level in powers}) != 1 or not all(math.isfinite(v) for level in powers for v in level):
        raise ValueError("levels of different length, or no numbers")
    return powers
