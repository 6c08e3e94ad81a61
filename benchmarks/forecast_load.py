#!/usr/bin/env python3
"""Score load forecasts over a year, quarter by quarter and without look-ahead; print a table.

.venv/bin/python benchmarks/forecast_load.py [--home A|heat_pump|away|car] [--data DIR] [--every 5] [--json FILE]

Mean absolute error of the median, bias of the expected value (+ is too much) and pinball loss [W] by lead and season.
``own_history`` is the product's forecast. The yardsticks tell one value for each quarter, so their pinball loss is half
their absolute error: ``yesterday`` and ``last week`` the same quarter of the last such day, ``week`` the mean of the
last seven days, ``week + nowcast`` the same with the last quarter's surprise fading by 0.8 a quarter over six hours.
``A`` is the real house of the reference data; the others are invented houses of this file.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hems.domain.time_grid import MTU
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.load import LoadForecaster, LoadOptions
from hems.forecasting.load_weather import QuarterTemperature
from hems.forecasting.scoring import Score, score, score_point

ROOT = Path(__file__).resolve().parents[1]
HOME_A = "home_A_emhass_15min_2024-02-28_2025-02-27.csv"
DAY = 96
COUNT = 144
WARM_UP_DAYS = 35
HISTORY = timedelta(days=61)
NOWCAST_FADING = 0.8
NOWCAST_QUARTERS = 24
LEADS = (
    ("0-15 min", 0, 1),
    ("15-60 min", 1, 4),
    ("1-3 h", 4, 12),
    ("3-6 h", 12, 24),
    ("6-12 h", 24, 48),
    ("12-24 h", 48, 96),
    ("24-36 h", 96, 144),
    ("0-36 h", 0, 144),
)
WINTER = (11, 12, 1, 2)

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A year of one house; NaN is unknown. ``celsius`` is what its service knows of the weather, None where nothing."""

    start: datetime
    load_w: FloatArray
    zone: ZoneInfo
    celsius: FloatArray | None = None

    def history(self, now: int) -> QuarterHistory:
        """Return what was measured before quarter ``now``."""
        first = max(0, now - HISTORY // MTU)
        known = self.load_w[first:now]
        return QuarterHistory(
            start=self.start + first * MTU,
            load_w=known,
            pv_w=np.full(len(known), np.nan),
            pv_curtailed=np.zeros(len(known), dtype=np.bool_),
        )

    def temperature(self, now: int) -> QuarterTemperature | None:
        """Return past temperatures and those of the coming day and a half, which a forecast knows well."""
        if self.celsius is None:
            return None
        first = max(0, now - HISTORY // MTU)
        return QuarterTemperature(start=self.start + first * MTU, celsius=self.celsius[first : now + COUNT])


def read_home_a(folder: Path) -> Home:
    """Return the real house; filled values are unknown, and so is its first hour, which is an empty record."""
    with (folder / HOME_A).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    load_w = [float(row["load_w"]) if row["load_w"] and row["load_filled"] == "0" else float("nan") for row in rows]
    load_w[:4] = [float("nan")] * 4
    start = datetime.fromisoformat(rows[0]["ts_utc"]).replace(tzinfo=UTC)
    return Home(start=start, load_w=np.array(load_w), zone=ZoneInfo("Europe/Paris"))


def invented_home(kind: str, days: int = 365) -> Home:
    """Return an invented house: a base of habits, and a heat pump, weeks of absence, or a car beside it."""
    chance = np.random.default_rng(7)
    zone, start = ZoneInfo("Europe/Warsaw"), datetime(2024, 2, 28, 23, tzinfo=UTC)
    local = [(start + index * MTU).astimezone(zone) for index in range(days * DAY)]
    hours = np.array([moment.hour + moment.minute / 60 for moment in local])
    free = np.array([moment.weekday() >= 5 for moment in local])
    number = np.arange(days * DAY) // DAY
    evening = 900 * np.exp(-(((hours - 19.5) / 2.2) ** 2)) + 500 * np.exp(-(((hours - 7) / 1.2) ** 2)) * ~free
    load_w = 180 + evening + 350 * free * np.exp(-(((hours - 12.5) / 3) ** 2))
    load_w *= chance.lognormal(0.0, 0.35, len(load_w))
    load_w += 1800 * (chance.random(len(load_w)) < 0.02 * (0.2 + evening / 900))
    season = -np.cos(2 * np.pi * (number - 320) / 365)  # coldest in mid January
    swing = np.repeat(np.convolve(chance.normal(0, 3.5, days + 6), np.ones(7) / np.sqrt(7), "valid"), DAY)[: len(hours)]
    celsius = 9 + 10 * season + swing + 4 * np.cos(2 * np.pi * (hours - 15) / 24)
    if kind == "heat_pump":
        heat = 110 * np.maximum(16 - celsius, 0) * chance.lognormal(0, 0.25, len(hours))
        return Home(start=start, load_w=load_w + heat, zone=zone, celsius=celsius)
    if kind == "away":
        gone = ((number % 61) > 44) & ((number % 61) < 56)
        return Home(start=start, load_w=np.where(gone, 160 * chance.lognormal(0, 0.15, len(hours)), load_w), zone=zone)
    plugged = np.repeat(chance.random(days) < 0.4, DAY)
    until = np.repeat(chance.uniform(0.5, 5, days), DAY)
    car = plugged & (hours >= 22 - until.clip(0, 1)) & (hours < 22 + until)
    return Home(start=start, load_w=load_w + 7200 * car, zone=zone)


def moments_of(home: Home, every: int) -> IntArray:
    """Return the quarters at which is forecast; ``every`` should share no factor with 96."""
    return np.arange(WARM_UP_DAYS * DAY, len(home.load_w) - COUNT, every, dtype=np.int64)


def rolling(home: Home, moments: IntArray, forecaster: LoadForecaster, *, weather: bool) -> tuple[FloatArray, float]:
    """Return the quantiles (moments, levels, COUNT) [W] and the mean time of one call [s]."""
    found, spent_s = [], 0.0
    for index, now in enumerate(moments.tolist()):
        history, moment = home.history(now), home.start + now * MTU
        temperature = home.temperature(now) if weather else None
        before = time.perf_counter()
        made = forecaster.forecast(history, moment, COUNT, home.zone, temperature=temperature)
        spent_s += time.perf_counter() - before
        assert made is not None, f"no forecast at {moment}"
        found.append(made.levels_w)
        if index % 200 == 0:
            print(f"  {moment:%Y-%m-%d}", end="\r", file=sys.stderr, flush=True)
    return np.array(found), spent_s / len(moments)


def yardsticks(home: Home, moments: IntArray) -> dict[str, FloatArray]:
    """Return the naive forecasts of every moment, each (moments, COUNT) [W]."""
    leads = np.arange(COUNT)
    back = DAY * (1 + leads // DAY)

    def shifted(days: int) -> FloatArray:
        index = moments[:, None] + leads - back - DAY * days
        return np.where(index >= 0, home.load_w[np.maximum(index, 0)], np.nan)

    usual = float(np.nanmean(home.load_w[: moments[0]]))
    stack = np.stack([shifted(days) for days in range(7)])
    known = np.isfinite(stack)
    week = np.where(known.any(axis=0), np.where(known, stack, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), usual)
    last = home.load_w[moments - 1]
    past = np.stack([home.load_w[moments - 1 - DAY * days] for days in range(1, 8)])
    surprise = last - np.where(np.isfinite(past), past, 0).sum(axis=0) / np.maximum(np.isfinite(past).sum(axis=0), 1)
    fading = np.where(leads < NOWCAST_QUARTERS, NOWCAST_FADING ** (leads + 1.0), 0.0)
    nowcast = np.maximum(week + np.nan_to_num(surprise)[:, None] * fading, 0.0)
    week_ago = home.load_w[moments[:, None] + leads - 7 * DAY]
    return {
        "yesterday": np.where(np.isfinite(stack[0]), stack[0], week),
        "last week": np.where(np.isfinite(week_ago), week_ago, week),
        "week": week,
        "week + nowcast": nowcast,
    }


def table(home: Home, moments: IntArray, forecasts: dict[str, FloatArray]) -> list[dict[str, object]]:
    """Return one row for each forecast, season and lead; with quantiles or without."""
    came = home.load_w[moments[:, None] + np.arange(COUNT)]
    months = np.array([(home.start + int(now) * MTU).month for now in moments])
    seasons = {"year": np.ones(len(moments), dtype=bool), "winter": np.isin(months, WINTER)}
    seasons["rest"] = ~seasons["winter"]
    rows: list[dict[str, object]] = []
    for name, made in forecasts.items():
        for season, chosen in seasons.items():
            for lead, first, last in LEADS:
                measured = came[chosen, first:last].ravel()
                part = made[chosen][..., first:last]
                has_levels = part.ndim == 3
                levels = part.transpose(1, 0, 2).reshape(part.shape[1], -1) if has_levels else part.ravel()
                found: Score | None = score(levels, measured) if has_levels else score_point(levels, measured)
                if found is None:
                    continue
                below = {}
                if has_levels:
                    known = np.isfinite(measured)
                    below = {"not_above": [float((measured[known] <= level[known]).mean()) for level in levels]}
                rows.append({"forecast": name, "season": season, "lead": lead, **asdict(found), **below})
    return rows


def show(rows: list[dict[str, object]]) -> None:
    """Print the table, one line for each forecast and season, one column for each lead."""
    for figure in ("mae_w", "pinball_w", "bias_w"):
        print(f"\n{figure:<26}" + "".join(f"{lead:>11}" for lead, _, _ in LEADS))
        for season in ("winter", "rest", "year"):
            for name in dict.fromkeys(str(row["forecast"]) for row in rows):
                values = [row[figure] for row in rows if row["forecast"] == name and row["season"] == season]
                print(f"{season:<8}{name:<18}" + "".join(f"{value:>11.1f}" for value in values))
    whole = [row for row in rows if "not_above" in row and row["lead"] == "0-36 h"]
    for row in whole:
        shares = " ".join(f"{share:.3f}" for share in row["not_above"])  # type: ignore[attr-defined]
        print(f"{row['season']}: share of quarters not above the levels 0.1 0.3 0.5 0.7 0.9: {shares}")


def main() -> None:
    """Read the house, forecast it through its year, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default="A", choices=("A", "heat_pump", "away", "car"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HEMS_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--every", type=int, default=5, help="forecast at every n-th quarter")
    parser.add_argument("--json", type=Path, help="write the figures there")
    asked = parser.parse_args()
    home = read_home_a(asked.data) if asked.home == "A" else invented_home(asked.home)
    moments = moments_of(home, asked.every)
    forecasts = yardsticks(home, moments)
    made, each_s = rolling(home, moments, LoadForecaster(LoadOptions()), weather=False)
    forecasts["own_history"] = made
    if home.celsius is not None:
        forecasts["with weather"], each_s = rolling(home, moments, LoadForecaster(LoadOptions()), weather=True)
    rows = table(home, moments, forecasts)
    show(rows)
    print(f"{len(moments)} forecasts of {COUNT} quarters, {1e3 * each_s:.2f} ms each, learning included")
    if asked.json is not None:
        asked.json.write_text(json.dumps({"home": asked.home, "ms_each": 1e3 * each_s, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
