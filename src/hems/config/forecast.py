"""The settings of forecasts: the panels, and who says what the sun will give."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hems.config.fields import (
    Allowed,
    Degrees,
    HttpUrl,
    Kilowatts,
    MayHoldSecret,
    Percent,
    Seconds,
    Section,
    refuse,
)

ApiKey = Annotated[
    str, Field(min_length=4, max_length=200), Allowed("text of 4 to 200 characters or null"), MayHoldSecret(whole=True)
]


class HorizonPointSettings(Section):
    """How high something stands in one direction, seen from the panels."""

    azimuth_deg: Degrees = Field(ge=0, le=360, description="Direction: 0 north, 90 east, 180 south, 270 west.")
    elevation_deg: Degrees = Field(ge=0, le=90, description="Height above the level horizon.")


class PlaneSettings(Section):
    """Panels that lie alike."""

    peak_kw: Kilowatts = Field(gt=0, le=1000, description="Rated power of these panels (kWp).")
    tilt_deg: Degrees = Field(ge=0, le=90, description="0 lies flat, 90 stands upright.")
    azimuth_deg: Degrees = Field(ge=0, le=360, description="Where they look: 90 east, 180 south, 270 west.")
    horizon: Annotated[tuple[HorizonPointSettings, ...], Field(max_length=360, strict=False)] = ()


Planes = Annotated[
    tuple[PlaneSettings, ...],
    Field(max_length=20, strict=False),
    Allowed(
        "a list, such as [{peak_kw: 5.4, tilt_deg: 35, azimuth_deg: 180}], each with `peak_kw`, `tilt_deg` 0-90, "
        "`azimuth_deg` 0-360 and, where something stands before the sun, `horizon`, a list of "
        "{azimuth_deg: 90, elevation_deg: 12}"
    ),
]


class PvSettings(Section):
    """The solar panels. All may be left out: the forecast then goes by what was measured alone."""

    planes: Planes = Field(
        default=(),
        description="The panels, one entry for each direction and slope: rated power, 0 flat to 90 upright, and where "
        "they look (90 east, 180 south, 270 west). Shade that is not told in `horizon` is learnt.",
    )
    inverter_max_kw: Kilowatts | None = Field(
        default=None, gt=0, le=1000, description="The most the inverter gives from its panels. Left out: not limited."
    )
    losses_pct: Percent = Field(
        default=14,
        ge=0,
        le=90,
        description="Lost between the panels' rating and the inverter's output; what is wrong here is learnt.",
    )


class OpenMeteoSettings(Section):
    """The weather of open-meteo.com, free of charge for private use."""

    base_url: HttpUrl = Field(
        default="https://api.open-meteo.com/v1/forecast",
        repr=False,
        description="Address of the forecast. Latitude and longitude go there, rounded to 0.01 degrees (about 1 km).",
    )
    api_key: ApiKey | None = Field(
        default=None, repr=False, description="Key of a paid contract; private use has none."
    )
    timeout_seconds: Seconds = Field(default=20, ge=1, le=120, description="How long one answer may take.")


class ForecastSolarSettings(Section):
    """The forecast of forecast.solar: 12 questions an hour without a key."""

    base_url: HttpUrl = Field(
        default="https://api.forecast.solar",
        repr=False,
        description="Address of the service. Latitude and longitude go there, rounded to 0.01 degrees (about 1 km), "
        "and the panels.",
    )
    api_key: ApiKey | None = Field(default=None, repr=False, description="Key of a paid contract.")
    timeout_seconds: Seconds = Field(default=20, ge=1, le=120, description="How long one answer may take.")


class ForecastFileSettings(Section):
    """A file that another program of yours writes."""

    path: Annotated[Path | None, Field(strict=False), Allowed("a file or null")] = Field(
        default=None,
        description="CSV with the columns ts_utc,pv_w or JSON with the same keys (docs/forecasts.md). A relative path "
        "starts beside the folder `config` of this file.",
    )


class ForecastSettings(Section):
    """Who says what the sun will give. Without a source the forecast goes by the recent days of the house."""

    pv_source: Literal["auto", "none", "open_meteo", "forecast_solar", "file"] = Field(
        default="auto",
        description="`auto` takes the file where `file.path` names one; else, where site.latitude, site.longitude and "
        "pv.planes are given, Open-Meteo; else nobody is asked. `none` never asks anybody.",
    )
    open_meteo: OpenMeteoSettings = Field(default=OpenMeteoSettings(), description="The weather of open-meteo.com.")
    forecast_solar: ForecastSolarSettings = Field(
        default=ForecastSolarSettings(), description="The forecast of forecast.solar."
    )
    file: ForecastFileSettings = Field(default=ForecastFileSettings(), description="A file of your own.")

    @model_validator(mode="after")
    def _file_is_named(self) -> Self:
        if self.pv_source == "file" and self.file.path is None:
            refuse(("file.path", "required, because pv_source is file"))
        return self
