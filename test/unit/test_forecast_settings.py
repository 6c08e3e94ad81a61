"""From the configuration to sources and panels: who is asked, what they are told, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.forecasts.registry import create_forecast_source
from hems.composition.forecast import (
    forecast_source_name,
    forecast_source_of,
    place_of,
    place_of_zone,
    plant_of,
    pv_options_of,
)
from hems.config.loader import load_configuration, parse_configuration
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError
from hems.domain.pv_plant import HorizonPoint, Place, PvPlane, PvPlant

SMALLEST = "inverter: {ip_address: 192.168.1.14}\nbattery_management: {capacity_kwh: 10}\n"
HERE = "site: {latitude: 52.23, longitude: 21.01}\n"
PANELS = "pv: {planes: [{peak_kw: 5.4, tilt_deg: 35, azimuth_deg: 180}]}\n"


def configured(text: str = "") -> Configuration:
    return parse_configuration(SMALLEST + text, "f.yaml")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", None),
        (HERE, None),
        (PANELS, None),
        (HERE + PANELS, "open_meteo"),
        (HERE + PANELS + "forecast: {pv_source: none}\n", None),
        (HERE + PANELS + "forecast: {pv_source: forecast_solar}\n", "forecast_solar"),
        (HERE + PANELS + "forecast: {file: {path: pv.csv}}\n", "file"),
        ("forecast: {pv_source: file, file: {path: pv.csv}}\n", "file"),
    ],
)
def test_who_is_asked(text: str, asked: str | None) -> None:
    settings = configured(text)
    assert forecast_source_name(settings) == asked
    source = forecast_source_of(settings, SystemClock())
    assert (None if source is None else source.name) == asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("site: {latitude: 52}\n", "site.longitude: required, because latitude is given"),
        ("site: {longitude: 21}\n", "site.latitude: required, because longitude is given"),
        ("site: {latitude: 91, longitude: 0}\n", "site.latitude: must be a number from -90 to 90 °"),
        ("forecast: {pv_source: open_meteo}\n", "site.latitude: required, because forecast.pv_source is open_meteo"),
        (HERE + "forecast: {pv_source: forecast_solar}\n", "pv.planes: required, because forecast.pv_source is"),
        ("forecast: {pv_source: file}\n", "forecast.file.path: required, because pv_source is file"),
        ("forecast: {open_meteo: {base_url: ftp://x}}\n", "forecast.open_meteo.base_url: must be an http"),
        ("pv: {planes: [{peak_kw: 0, tilt_deg: 35, azimuth_deg: 180}]}\n", "f.yaml:3:25: pv.planes.0.peak_kw: must be"),
        ("pv: {planes: [{peak_kw: 5, tilt_deg: 35}]}\n", "pv.planes.0.azimuth_deg: required"),
        (
            "pv: {planes: [{peak_kw: 5, tilt_deg: 5, azimuth_deg: 1, horizon: [{azimuth_deg: 1, elevation: 2}]}]}\n",
            "pv.planes.0.horizon.0.elevation: unknown key; did you mean pv.planes.0.horizon.0.elevation_deg?",
        ),
        ("pv: {planes: 5}\n", "pv.planes: must be a list, such as [{peak_kw: 5.4"),
    ],
)
def test_what_is_refused_names_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configured(text)
    assert said in str(caught.value)


def test_panels_arrive_in_watts() -> None:
    settings = configured(
        "pv:\n  inverter_max_kw: 6\n  losses_pct: 10\n  planes:\n"
        "    - {peak_kw: 5.4, tilt_deg: 35, azimuth_deg: 180}\n"
        "    - {peak_kw: 2, tilt_deg: 90, azimuth_deg: 90, horizon: [{azimuth_deg: 80, elevation_deg: 12}]}\n"
    )
    assert plant_of(settings) == PvPlant(
        planes=(
            PvPlane(peak_w=5400.0, tilt_deg=35.0, azimuth_deg=180.0),
            PvPlane(
                peak_w=2000.0,
                tilt_deg=90.0,
                azimuth_deg=90.0,
                horizon=(HorizonPoint(azimuth_deg=80.0, elevation_deg=12.0),),
            ),
        ),
        inverter_max_w=6000.0,
        losses_share=0.1,
    )


def test_without_a_place_the_zone_gives_the_seasons() -> None:
    options = pv_options_of(configured())
    assert options.place is None
    assert options.latitude_deg == pytest.approx(52.25)
    known = pv_options_of(configured(HERE))
    assert known.place == place_of(configured(HERE)) == Place(latitude_deg=52.23, longitude_deg=21.01)
    assert known.latitude_deg is None


@pytest.mark.parametrize(
    ("zone", "place"),
    [
        ("Australia/Sydney", (-33.867, 151.217)),
        ("Europe/Warsaw", (52.25, 21.0)),
        ("America/New_York", (40.714, -74.006)),
        ("UTC", None),
        ("Nowhere/Land", None),
    ],
)
def test_a_zone_has_its_city(zone: str, place: tuple[float, float] | None) -> None:
    found = place_of_zone(zone)
    told = None if found is None else (found.latitude_deg, found.longitude_deg)
    assert told == (None if place is None else pytest.approx(place, abs=0.02))


def test_a_relative_file_lies_beside_the_folder_config(tmp_path: Path) -> None:
    config = tmp_path / "config" / "mine.yaml"
    config.parent.mkdir()
    config.write_text(SMALLEST + "forecast: {file: {path: data/pv.csv}}\n")
    source = forecast_source_of(load_configuration(config), SystemClock())
    assert source is not None
    assert source._options.path == tmp_path / "data" / "pv.csv"  # type: ignore[attr-defined]


def test_a_key_is_a_secret_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    text = SMALLEST + "forecast: {open_meteo: {api_key: written-plainly}, forecast_solar: {api_key: '${file:key}'}}\n"
    settings = parse_configuration(text, "f.yaml", folder=tmp_path)
    assert {"written-plainly", "from-a-file"} <= settings.secrets
    assert "written-plainly" not in repr(settings)
    with pytest.raises(ConfigurationError) as caught:
        configured("forecast: {open_meteo: {api_key: [not-to-be-shown]}}\n")
    assert "not-to-be-shown" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            "clouds",
            {},
            "forecast.pv_source: 'clouds' is not a forecast source; allowed: file, forecast_solar, open_meteo",
        ),
        ("open_meteo", {}, "forecast.open_meteo.place: is required"),
        ("file", {"file": "x"}, "forecast.file.file: unknown setting"),
        ("file", {}, "forecast.file.path: is required"),
    ],
)
def test_wrong_options_name_themselves(name: str, settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_forecast_source(name, settings, SystemClock())
    assert said in str(caught.value)


def test_reading_the_settings_needs_no_numpy() -> None:
    code = "import sys, hems.composition.forecast, hems.config.models; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
