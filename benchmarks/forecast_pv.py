#!/usr/bin/env python3
"""Score PV forecasts over a year of a real house, quarter by quarter and without look-ahead; print a table.

.venv/bin/python benchmarks/forecast_pv.py [--data DIR] [--every 4] [--json FILE]

Mean absolute error, bias (forecast less measured) and pinball loss [W] over the quarters with daylight of which the
source says something, the same for all, by lead and by season. ``source`` is the day-ahead forecast as it came;
``corrected`` is the product's forecast with it; ``no source`` the product's without it; ``same as yesterday`` the same
quarter of the last measured day.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hems.domain.forecast import QUANTILE_LEVELS, SourceForecast
from hems.domain.time_grid import MTU
from hems.forecasting.history import QuarterHistory
from hems.forecasting.pv import PvForecaster, PvOptions

FloatArray = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
HOME = "home_A_emhass_15min_2024-02-28_2025-02-27.csv"
COUNT = 144
WARM_UP_DAYS = 14
HISTORY = timedelta(days=60)
LEADS = (
    ("0-1 h", 0, 4),
    ("1-3 h", 4, 12),
    ("3-6 h", 12, 24),
    ("6-12 h", 24, 48),
    ("12-24 h", 48, 96),
    ("24-36 h", 96, 144),
)
SEASONS = {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A year of one house; NaN is unknown."""

    start: datetime
    pv_w: FloatArray
    said_w: FloatArray

    def history(self, now: int) -> QuarterHistory:
        """Return what was measured before quarter ``now``."""
        first = max(0, now - int(HISTORY / MTU))
        return QuarterHistory(
            start=self.start + first * MTU,
            load_w=np.full(now - first, np.nan),
            pv_w=self.pv_w[first:now],
            pv_curtailed=np.zeros(now - first, dtype=np.bool_),
        )

    def source(self, now: int) -> SourceForecast:
        """Return what the source said of the time from quarter ``now`` on."""
        said = self.said_w[now : now + COUNT]
        moment = self.start + now * MTU
        values = tuple(None if np.isnan(value) else value for value in said.tolist())
        return SourceForecast(source="day_ahead", received_at=moment, start=moment, pv_w=values)


def read_home(path: Path) -> Home:
    """Return the house in ``path``; filled values are unknown."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def number(text: str) -> float:
        return float(text) if text else float("nan")

    pv_w = [float("nan") if row["pv_filled"] != "0" else number(row["pv_w"]) for row in rows]
    return Home(
        start=datetime.fromisoformat(rows[0]["ts_utc"]).replace(tzinfo=UTC),
        pv_w=np.array(pv_w),
        said_w=np.array([number(row["pv_forecast_w"]) for row in rows]),
    )


def rolling(home: Home, moments: Iterable[int], *, with_source: bool, options: PvOptions) -> tuple[FloatArray, float]:
    """Return the levels of each moment's forecast (moments, levels, COUNT) and the mean CPU time of one call [s]."""
    forecaster = PvForecaster(options)
    zone = ZoneInfo("UTC")
    levels, spent_s, calls = [], 0.0, 0
    for number, now in enumerate(moments):
        history, source = home.history(now), home.source(now) if with_source else None
        before = time.process_time()  # other work on the machine does not count
        made = forecaster.forecast(history, home.start + now * MTU, COUNT, zone, source=source)
        spent_s += time.process_time() - before
        calls += 1
        levels.append(np.full((len(QUANTILE_LEVELS), COUNT), np.nan) if made is None else np.array(made.levels_w))
        if number % 500 == 0:
            print(f"  {home.start + now * MTU:%Y-%m-%d}", end="\r", file=sys.stderr, flush=True)
    return np.array(levels), spent_s / calls


def pinball(levels: FloatArray, came: FloatArray) -> FloatArray:
    """Return the mean pinball loss over the levels [W]; levels (n, levels, COUNT), came (n, COUNT)."""
    wanted = np.array(QUANTILE_LEVELS)[np.newaxis, :, np.newaxis]
    above = came[:, np.newaxis, :] - levels
    loss: FloatArray = np.maximum(wanted * above, (wanted - 1.0) * above).mean(axis=1)
    return loss


def windows(series: FloatArray, moments: FloatArray | NDArray[np.int64], shift: int = 0) -> FloatArray:
    """Return the COUNT quarters from each moment + ``shift`` on."""
    index = np.asarray(moments)[:, np.newaxis] + np.arange(COUNT) + shift
    inside = (index >= 0) & (index < len(series))
    return np.where(inside, series[np.clip(index, 0, len(series) - 1)], np.nan)


def yesterday(home: Home, moments: NDArray[np.int64]) -> FloatArray:
    """Return the same quarter of the last day that was over at each moment."""
    lead = np.arange(COUNT)
    back = 96 * (1 + lead // 96)
    index = moments[:, np.newaxis] + lead - back
    values: FloatArray = home.pv_w[index]
    return values


def lit_quarters(pv_w: FloatArray) -> NDArray[np.bool_]:
    """Return in which quarters the panels gave something on one of the 21 days around."""
    days = np.nan_to_num(np.pad(pv_w, (0, -len(pv_w) % 96))).reshape(-1, 96)
    around = [days[max(0, day - 10) : day + 11].max(axis=0) for day in range(len(days))]
    lit: NDArray[np.bool_] = np.array(around).ravel()[: len(pv_w)] > 20.0
    return lit


def score(
    name: str, levels: FloatArray, came: FloatArray, daylight: NDArray[np.bool_], month: NDArray[np.int64]
) -> list[dict[str, object]]:
    """Return one row for each lead and season."""
    mean = levels.mean(axis=1)
    median = levels[:, len(QUANTILE_LEVELS) // 2]
    loss = pinball(levels, came)
    usable = daylight & np.isfinite(median) & np.isfinite(came)
    rows: list[dict[str, object]] = []
    cuts = [("all", lead, slice(first, last)) for lead, first, last in LEADS]
    cuts += [(season, "0-36 h", slice(0, COUNT)) for season in SEASONS] + [("all", "0-36 h", slice(0, COUNT))]
    for season, lead, part in cuts:
        mask = np.zeros_like(usable)
        mask[:, part] = usable[:, part]
        if season != "all":
            mask &= np.isin(month, SEASONS[season])
        covered = ((came >= levels[:, 0]) & (came <= levels[:, -1]))[mask].mean()
        rows.append(
            {
                "forecast": name,
                "season": season,
                "lead": lead,
                "quarters": int(mask.sum()),
                "mae_w": float(np.abs(median - came)[mask].mean()),
                "bias_w": float((mean - came)[mask].mean()),
                "pinball_w": float(loss[mask].mean()),
                "within_80_pct": float(100 * covered),
            }
        )
    return rows


def main() -> int:
    """Print the table. Returns: 0, or 2 where the data are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HEMS_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--every", type=int, default=4, help="quarters between two forecasts")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    if not (arguments.data / HOME).is_file():
        print(f"no {HOME} in {arguments.data}; set HEMS_DATA", file=sys.stderr)
        return 2
    home = read_home(arguments.data / HOME)
    moments = np.arange(WARM_UP_DAYS * 96, len(home.pv_w) - COUNT, arguments.every)
    came = windows(home.pv_w, moments)
    index = moments[:, np.newaxis] + np.arange(COUNT)
    month = np.array([(home.start + quarter * MTU).month for quarter in range(len(home.pv_w))])[index]
    said = windows(home.said_w, moments)
    daylight = lit_quarters(home.pv_w)[index] & np.isfinite(said)
    rows: list[dict[str, object]] = []
    point = {"source": said, "same as yesterday": yesterday(home, moments)}
    for name, values in point.items():
        rows += score(name, np.repeat(values[:, np.newaxis], len(QUANTILE_LEVELS), axis=1), came, daylight, month)
    for name, with_source in (("corrected", True), ("no source", False)):
        levels, per_call_s = rolling(home, moments.tolist(), with_source=with_source, options=PvOptions())
        rows += score(name, levels, came, daylight, month)
        print(f"{name}: {1000 * per_call_s:.2f} ms a call", file=sys.stderr)
    print(
        f"{'forecast':18} {'season':7} {'lead':8} {'quarters':>9} {'MAE W':>7} {'bias W':>7} {'pinball W':>9} "
        f"{'in 80 %':>8}"
    )
    for row in rows:
        print(
            f"{row['forecast']:18} {row['season']:7} {row['lead']:8} {row['quarters']:9} {row['mae_w']:7.1f} "
            f"{row['bias_w']:7.1f} {row['pinball_w']:9.1f} {row['within_80_pct']:8.1f}"
        )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
