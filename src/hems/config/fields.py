"""What every configuration model is made of: a strict section, units, `auto`, and faults that know their place."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, PlainSerializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

SIMULATOR = "simulator"
"""The word for `inverter.ip_address` that starts the built-in simulated inverter."""

FAULTS = "faults"
"""The type of a validation error that carries faults of several keys."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a setting, for comments, references and editors."""

    symbol: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Name the unit in the JSON Schema."""
        return handler(schema) | {"unit": self.symbol}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a setting takes, in words, where its type and bounds do not say it."""

    text: str


@dataclass(frozen=True, slots=True)
class MayHoldSecret:
    """Marks a setting whose value may carry a password: what is secret in it is never shown, logged or stored."""

    whole: bool = False
    """Whether the value itself is a password or key, not only a part of an address."""


class Section(BaseModel):
    """A part of the configuration: unknown keys refused, no silent conversions, read-only once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)


def refuse(*faults: tuple[str, str]) -> NoReturn:
    """Refuse a section for ``faults``: pairs of the key, relative to the section, and what is allowed."""
    raise PydanticCustomError(FAULTS, "not allowed", {FAULTS: list(faults)})


def _check_host(value: Any) -> Any:
    if not isinstance(value, str) or value == SIMULATOR:
        return value
    try:
        ipaddress.ip_address(value)
    except ValueError:
        labels = value.rstrip(".").split(".")
        looks_like_name = len(value) <= 253 and all(
            re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", label) for label in labels
        )
        if not looks_like_name or labels[-1].isdigit():
            raise PydanticCustomError("host", "not an address or a host name") from None
    return value


def _parse_local_time(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise PydanticCustomError("local_time", "not a time of day")


def _check_url(value: Any) -> Any:
    if isinstance(value, str):
        try:
            parts = urlsplit(value)
            is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
            is_url = is_url and not parts.query and not parts.fragment  # what is asked for is put behind it
        except ValueError:
            is_url = False
        if not is_url or any(character.isspace() for character in value):
            raise PydanticCustomError("url", "not an address")
    return value


def _check_time_zone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise PydanticCustomError("time_zone", "not a time zone") from None
    return value


Auto = Literal["auto"]
Seconds = Annotated[float, Unit("s")]
Milliseconds = Annotated[float, Unit("ms")]
Minutes = Annotated[float, Unit("min")]
Days = Annotated[int, Unit("days")]
Watts = Annotated[float, Unit("W")]
Kilowatts = Annotated[float, Unit("kW")]
Degrees = Annotated[float, Unit("°")]
KilowattHours = Annotated[float, Unit("kWh")]
Percent = Annotated[float, Unit("%")]
Points = Annotated[float, Unit("points")]
Volts = Annotated[float, Unit("V")]
PerKwh = Annotated[float, Unit("currency/kWh")]
VoltsOrAuto = Annotated[Annotated[float, Field(ge=10, le=1000)] | Auto, Unit("V")]
AmperesOrAuto = Annotated[Annotated[float, Field(ge=0, le=500)] | Auto, Unit("A")]
HighestCelsiusOrAuto = Annotated[Annotated[float, Field(ge=0, le=80)] | Auto, Unit("°C")]
LowestCelsiusOrAuto = Annotated[Annotated[float, Field(ge=-40, le=40)] | Auto, Unit("°C")]

Host = Annotated[
    str,
    BeforeValidator(_check_host),
    Allowed(f"an IPv4 or IPv6 address or a host name, without a port, or the word {SIMULATOR}"),
]
LocalTime = Annotated[
    time,
    BeforeValidator(_parse_local_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    Allowed("a local time of day as HH:MM, such as 13:30"),
]
HttpUrl = Annotated[
    str, BeforeValidator(_check_url), Allowed("an http:// or https:// address without a query"), MayHoldSecret()
]
TimeZoneName = Annotated[
    str, BeforeValidator(_check_time_zone), Allowed("a time zone of the IANA database, such as Europe/Warsaw")
]
