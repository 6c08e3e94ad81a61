"""Homes for anyone to try, from open packages: load and PV of SimBench, or a standard load and a cloudless sky.

    simbench    load and PV profiles of German homes, one year in quarters, ODbL; the extra ``bench`` brings it
    demandlib   the BDEW's standard load profile of households, H25; PV from our own clear-sky model: synthetic

Source: S. Meinecke et al., SimBench, Energies 13 (2020) 3290; BDEW, Standardlastprofile Strom, 2025.
"""

from __future__ import annotations

import importlib.util
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from hems.adapters.tables.table import ExtraMissing
from hems.adapters.tables.write_table import Column, write_table
from hems.analysis.polish_calendar import is_public_holiday
from hems.domain.errors import RejectedData
from hems.domain.measured import FloatArray
from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import MTU, local_day_bounds
from hems.forecasting.pv_plant import clear_sky_power_w

_DATA_SET = "1-complete_data-mixed-all-0-sw"
_SIMBENCH_START = datetime(2015, 12, 31, 23, tzinfo=UTC)
"""Midnight of 1 January 2016 in Germany; the rows run through summer time: an hour is left out, one is there twice."""

_SIMBENCH_YEAR = date(2016, 1, 1)
_ROOF_MAX_MW = 0.015
"""Beyond 15 kW the data set's roofs are those of farms."""

_W_PER_MW = 1e6
_WARSAW = ZoneInfo("Europe/Warsaw")
_PLACE = Place(latitude_deg=52.23, longitude_deg=21.01)
_QUARTERS_PER_HOUR = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHome:
    """Mean powers by quarters from ``start`` on [W], shape (n,); the name says what they are made from."""

    name: str
    start: datetime
    load_w: FloatArray
    pv_w: FloatArray


def write_home(home: OpenHome, directory: Path) -> Path:
    """Write ``home`` as ``NAME.csv`` that ``read_household`` reads, and return the file. Raises: StorageError."""
    file = directory / f"{home.name}.csv"
    starts = [home.start + index * MTU for index in range(len(home.load_w))]
    columns: dict[str, Column] = {"ts_utc": starts, "load_w": np.round(home.load_w, 1), "pv_w": np.round(home.pv_w, 1)}
    write_table(file, columns)
    return file


# -- SimBench --------------------------------------------------------------------------------------------------


def simbench_homes(count: int, year: int) -> Iterator[OpenHome]:
    """Yield ``count`` different homes with panels of at most 15 kW, in an order that is the same every time.

    The data are those of 2016, moved by whole weeks so that they begin within three days of 1 January of ``year``:
    weekdays stay weekdays; between the two years' changes of summer time the habits are an hour off.
    Raises: ExtraMissing: simbench is not installed; RejectedData: it holds fewer such homes, or other data.
    """
    folder = _simbench_folder()
    homes = _simbench_pairs(folder)
    if count > len(homes):
        raise RejectedData(f"simbench holds {len(homes)} different homes with panels of at most 15 kW, not {count}")
    chosen = homes[:count]
    load = _profiles(folder / "LoadProfile.csv", sorted({f"{home.load}_pload" for home in chosen}))
    sun = _profiles(folder / "RESProfile.csv", sorted({home.pv for home in chosen}))
    weeks = round((date(year, 1, 1) - _SIMBENCH_YEAR).days / 7)
    for number, home in enumerate(chosen, start=1):
        yield OpenHome(
            name=f"simbench_{number:03d}_{home.load}_{home.pv}".lower(),
            start=_SIMBENCH_START + timedelta(weeks=weeks),
            load_w=np.maximum(0.0, load[f"{home.load}_pload"] * home.load_mw * _W_PER_MW),
            pv_w=np.maximum(0.0, sun[home.pv] * home.pv_mw * _W_PER_MW),
        )


@dataclass(frozen=True, slots=True, order=True)
class _Pair:
    """A household's load and the panels at the same node, by the names of their profiles."""

    load: str
    load_mw: float
    pv: str
    pv_mw: float


def _simbench_folder() -> Path:
    found = importlib.util.find_spec("simbench")
    places = [] if found is None else list(found.submodule_search_locations or [])
    if not places:
        raise ExtraMissing(
            "the package simbench is not installed: add it with the extra `bench` "
            "(pip install 'goodwe-master-coordinator[bench]')"
        )
    return Path(places[0]) / "networks" / _DATA_SET


def _simbench_pairs(folder: Path) -> Sequence[_Pair]:
    panels: dict[str, list[dict[str, str]]] = {}
    for row in _rows(folder / "RES.csv"):
        if row["type"] == "PV":
            panels.setdefault(row["node"], []).append(row)
    pairs = set()
    for row in _rows(folder / "Load.csv"):
        on_roof = panels.get(row["node"], [])
        if row["profile"].startswith("H0-") and len(on_roof) == 1 and float(on_roof[0]["pRES"]) <= _ROOF_MAX_MW:
            panel = on_roof[0]
            pairs.add(_Pair(row["profile"], float(row["pLoad"]), panel["profile"], float(panel["pRES"])))
    # In order of a checksum neighbours are of different kinds, so that the first few stand for all.
    return sorted(pairs, key=lambda pair: (zlib.crc32(repr(pair).encode()), pair))


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with _opened(file) as lines:
        names = next(lines, "").rstrip("\r\n").split(";")
        for line in lines:
            yield dict(zip(names, line.rstrip("\r\n").split(";"), strict=False))


def _profiles(file: Path, wanted: Sequence[str]) -> dict[str, FloatArray]:
    """Return the columns ``wanted`` of a file of profiles, which is read line by line: it is large."""
    found: list[list[float]] = []
    with _opened(file) as lines:
        names = next(lines, "").rstrip("\r\n").split(";")
        missing = [name for name in wanted if name not in names]
        if missing:
            raise RejectedData(f"{file}: has no column {', '.join(missing)}: another version of simbench?")
        at = [names.index(name) for name in wanted]
        for number, line in enumerate(lines):
            cells = line.split(";", max(at) + 1)
            if number == 0 and cells[0] != f"{_SIMBENCH_YEAR:%d.%m.%Y} 00:00":
                raise RejectedData(
                    f"{file}: begins with {cells[0]!r}, not 1 January 2016: another version of simbench?"
                )
            found.append([float(cells[index]) for index in at])
    values = np.array(found)
    return {name: values[:, index] for index, name in enumerate(wanted)}


class _opened:  # noqa: N801 - a context, named for what it is
    """A text file of the package; what the disk says is told in words."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Iterator[str]:
        try:
            self._lines = self._file.open(encoding="utf-8", errors="replace")
        except OSError as error:
            raise RejectedData(f"{self._file}: cannot be read ({error}): another version of simbench?") from error
        return self._lines

    def __exit__(self, *_: object) -> None:
        self._lines.close()


# -- demandlib -------------------------------------------------------------------------------------------------


def demandlib_homes(count: int, year: int) -> Iterator[OpenHome]:
    """Yield ``count`` synthetic homes of Warsaw in ``year``: 2000 to 6900 kWh a year, roofs of 3 to 9 kW, no cloud.

    A standard profile is the mean of thousands of homes: smoother than any one, and so easier to forecast.
    Raises: ExtraMissing: demandlib is not installed.
    """
    shares = _standard_profile(year)
    start, end = local_day_bounds(date(year, 1, 1), _WARSAW)[0], local_day_bounds(date(year, 12, 31), _WARSAW)[1]
    quarters = (end - start) // MTU
    first = datetime(year, 1, 1)  # noqa: DTZ001 - wall time, as the profile counts it
    wall = [(start + index * MTU).astimezone(_WARSAW).replace(tzinfo=None) for index in range(quarters)]
    share = shares[[(moment - first) // MTU for moment in wall]]
    for number in range(count):
        yearly_wh = 1000.0 * (2000 + 700 * (number * 3 % 8))
        plane = PvPlane(
            peak_w=1000.0 * (3 + number * 5 % 7), tilt_deg=35.0, azimuth_deg=180.0 + 30.0 * (number % 3 - 1)
        )
        yield OpenHome(
            name=f"synthetic_demandlib_{number + 1:03d}",
            start=start,
            load_w=share * yearly_wh * _QUARTERS_PER_HOUR,
            pv_w=clear_sky_power_w(PvPlant(planes=(plane,)), _PLACE, start, quarters),
        )


def _standard_profile(year: int) -> FloatArray:
    """Return the share of the year's energy in each quarter of the wall clock's year, shape (35040,) or (35136,)."""
    try:
        from demandlib import bdew  # type: ignore[import-untyped]
    except ImportError as error:
        raise ExtraMissing(
            "the package demandlib is not installed: add it with the extra `bench` "
            "(pip install 'goodwe-master-coordinator[bench]')"
        ) from error
    import pandas as pd  # type: ignore[import-untyped]

    days = (date(year, 1, 1) + timedelta(days=index) for index in range(366))
    holidays = [day for day in days if day.year == year and is_public_holiday(day)]
    wall = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="15min", inclusive="left")
    with warnings.catch_warnings():  # pandas warns of what the package does; that is not this process's affair
        warnings.simplefilter("ignore")
        values = np.array(bdew.H25(wall, holidays=holidays), dtype=np.float64)
    shares: FloatArray = values / values.sum()
    return shares
