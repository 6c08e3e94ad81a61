"""What every model of the API is made of: units, times, and the base class."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer


def _unit(symbol: str) -> object:
    return Field(json_schema_extra={"unit": symbol})


def utc_text(moment: datetime) -> str:
    """Return an aware time as the API writes it: UTC, whole seconds, ``Z``."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


class Model(BaseModel):
    """An answer or a question of the API; sign: positive delivers power to the house."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")


Utc = Annotated[AwareDatetime, PlainSerializer(utc_text, return_type=str, when_used="json")]
"""A moment, written in UTC as ``2026-11-23T06:15:00Z``."""

ExactUtc = Annotated[
    AwareDatetime,
    PlainSerializer(lambda moment: moment.isoformat().replace("+00:00", "Z"), return_type=str, when_used="json"),
]
"""A moment to the microsecond, by which a record can be asked for again."""

Watts = Annotated[float, _unit("W")]
WattHours = Annotated[float, _unit("Wh")]
Percent = Annotated[float, _unit("%")]
Volts = Annotated[float, _unit("V")]
Amperes = Annotated[float, _unit("A")]
Celsius = Annotated[float, _unit("°C")]
Hertz = Annotated[float, _unit("Hz")]
Seconds = Annotated[float, _unit("s")]
Megabytes = Annotated[float, _unit("MB")]
Money = Annotated[float, _unit("currency")]
PerKwh = Annotated[float, _unit("currency/kWh")]
PerMwh = Annotated[float, _unit("currency/MWh")]
EpochSeconds = Annotated[int, _unit("s since 1970-01-01T00:00:00Z")]
