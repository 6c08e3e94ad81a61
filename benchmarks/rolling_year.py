#!/usr/bin/env python3
"""Live through a real year quarter by quarter, without look-ahead, and say how much of the possible was saved.

.venv/bin/python benchmarks/rolling_year.py [--data DIR] [--foresight none|load|pv|both|all] [--sell-grid-energy]
                                            [--from DAY] [--to DAY] [--json FILE]

The house: home A of the reference data (measured load, PV and the PV forecast it had), CSDAC to buy at (with a seller's
margin of 0.08, excise, network of Tauron G11 and 23 % VAT) and RCE to sell at, never below zero. The battery: 10 kWh,
10 to 100 %, 5 kW, 0.95 each way, 0.05 PLN of wear per kWh each way; fuse 11 kW, export limit 8 kW. Tomorrow's prices
are seen from 14:00 local.

``captured`` is the saving over a battery that does nothing, as a share of what perfect foresight of the whole period
saves with the same limits, without modes and without the rule on the origin of sold energy. Energy left in the battery
counts alike at both ends.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from hems.adapters.tariffs.registry import create_tariff
from hems.analysis.polish_calendar import is_public_holiday
from hems.backtest.known_prices import KnownPrices, Publication
from hems.backtest.rolling import Choose, Foresight, LivedSlot, Past, PlannedChoice, live_through
from hems.domain.command import Mode
from hems.domain.outlook import HomeModel
from hems.domain.prices import PriceOrigin, PriceSeries, SlotPrice
from hems.domain.time_grid import MTU, local_day_bounds
from hems.forecasting.load import LoadForecaster, LoadOptions
from hems.forecasting.pv import PvForecaster, PvOptions
from hems.planning import kernel
from hems.planning.compiled import fastest_kernel
from hems.planning.grid_flow_optimizer import Candidate
from hems.planning.problem import PlanningOptions

ROOT = Path(__file__).resolve().parents[1]
ZONE = ZoneInfo("Europe/Warsaw")
HOME_FILE = "home_A_emhass_15min_2024-02-28_2025-02-27.csv"
DAY_AHEAD_FILE = "price_PL_csdac_15min_2024-06-14_2025-09-30.csv"
SETTLEMENT_FILE = "price_PL_rce_15min_2024-07-01_2025-04-01.csv"
HOURS = 0.25
START_PCT = 50.0
LEFT_VALUE = 0.45
"""What a kWh in the battery counts at both ends [PLN]."""

HOME = HomeModel(
    capacity_wh=10_000.0,
    floor_pct=10.0,
    reserve_pct=10.0,
    ceiling_pct=100.0,
    charge_max_w=5_000.0,
    discharge_max_w=5_000.0,
    charge_efficiency=0.95,
    discharge_efficiency=0.95,
    wear_per_kwh=0.05,
    import_max_w=11_000.0,
    export_max_w=8_000.0,
    taper_from_pct=100.0,
    modes=(Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, Mode.CHARGE, Mode.DISCHARGE),
)


def read_past(data: Path) -> Past:
    """Return home A."""
    with (data / HOME_FILE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    start = datetime.fromisoformat(rows[0]["ts_utc"]).replace(tzinfo=UTC)
    count = (datetime.fromisoformat(rows[-1]["ts_utc"]).replace(tzinfo=UTC) - start) // MTU + 1
    columns = {name: np.full(count, np.nan) for name in ("load_w", "pv_w", "pv_forecast_w")}
    for row in rows:
        index = (datetime.fromisoformat(row["ts_utc"]).replace(tzinfo=UTC) - start) // MTU
        for name, column in columns.items():
            column[index] = float(row[name]) if row[name] else np.nan
    return Past(start=start, load_w=columns["load_w"], pv_w=columns["pv_w"], pv_said_w=columns["pv_forecast_w"])


def read_prices(file: Path) -> PriceSeries:
    """Return the series in the second column of ``file`` [PLN/MWh]."""
    by_start = {}
    with file.open(encoding="utf-8") as lines:
        for row in csv.reader(lines):
            if row[0] == "ts_utc":
                continue
            start = datetime.fromisoformat(row[0]).replace(tzinfo=UTC)
            by_start[start] = SlotPrice(start=start, price_per_mwh=float(row[1]), origin=PriceOrigin.PUBLISHED)
    return PriceSeries.of("PLN", by_start)


def self_use(now: datetime, soc_pct: float, present: Candidate, exportable_wh: float) -> Candidate:
    """Choose what the inverter does alone."""
    del now, soc_pct, present, exportable_wh
    return Candidate(mode=Mode.SELF_USE, power_w=None)


def cost_of(slots: Sequence[LivedSlot]) -> float:
    """Return the money of ``slots`` less the worth of what they leave stored."""
    return sum(slot.cost for slot in slots) - LEFT_VALUE * slots[-1].soc_pct / 100.0 * HOME.capacity_wh / 1000.0


def idle_cost(slots: Sequence[LivedSlot]) -> float:
    """Return what the same quarters cost with a battery that does nothing."""
    limits = kernel_limits()
    money = sum(
        kernel.grid_cost(0.0, s.load_w / 1e3, s.pv_w / 1e3, s.import_per_kwh, s.export_per_kwh, limits, 0) * HOURS
        for s in slots
    )
    return money - LEFT_VALUE * START_PCT / 100.0 * HOME.capacity_wh / 1000.0


def kernel_limits() -> kernel.Limits:
    """Return the home's limits in kW."""
    return (
        HOME.charge_max_w / 1e3, HOME.discharge_max_w / 1e3, HOME.charge_efficiency, HOME.discharge_efficiency,
        HOME.import_max_w / 1e3, HOME.export_max_w / 1e3,
    )  # fmt: skip


def perfect_cost(slots: Sequence[LivedSlot]) -> float:
    """Return the least cost that anyone could have had, knowing the whole period."""
    fast, count = fastest_kernel(), len(slots)
    room = 200 * count
    capacity = HOME.capacity_wh / 1000.0
    low, high = np.full(count + 1, capacity * HOME.floor_pct / 100), np.full(count + 1, capacity)
    column = {
        "load": np.array([s.load_w for s in slots]) / 1e3,
        "pv": np.array([s.pv_w for s in slots]) / 1e3,
        "buy": np.array([s.import_per_kwh for s in slots]),
        "sell": np.array([s.export_per_kwh for s in slots]),
        "hours": np.full(count, HOURS),
        "wear": np.full(count, HOME.wear_per_kwh),
    }
    value, length, owner = np.zeros(room), np.zeros(room), np.zeros(room, np.int64)
    first, pieces = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    value[0], length[0], owner[0], pieces[count] = LEFT_VALUE, high[-1] - low[-1], count, 1
    slope, size, change = np.zeros(16), np.zeros(16), np.zeros(count)
    lock = np.zeros(count, np.int64)
    stored = capacity * START_PCT / 100
    status = fast.exact_plan(
        *column.values(), low, high, stored, kernel_limits(), kernel.CUT_ALL, lock, value, length, owner, first, pieces,
        slope, size, np.zeros(count + 1), change,
    )  # fmt: skip
    if status < 0:
        raise RuntimeError("no room for the pieces of the whole period")
    cost, gap = fast.plan_cost(*column.values(), kernel_limits(), kernel.CUT_ALL, lock, change, slope, size)
    return float(cost - gap) - LEFT_VALUE * float(stored + change.sum())


def run(
    past: Past, prices: KnownPrices, home: HomeModel, first: datetime, last: datetime, choose: Choose, name: str
) -> list[LivedSlot]:
    """Live through the period, showing how far it is."""
    slots: list[LivedSlot] = []
    begun, told = time.perf_counter(), 0.0
    for slot in live_through(past, prices, home, first, last, START_PCT, choose):
        slots.append(slot)
        passed = time.perf_counter() - begun
        if passed - told > 2.0 and sys.stderr.isatty():
            told = passed
            share = (slot.start - first) / (last - first)
            print(f"\r{name}: {share:4.0%}, {passed / share - passed:4.0f} s left ", end="", file=sys.stderr)
    if told:
        print(file=sys.stderr)
    return slots


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HEMS_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--foresight", choices=["none", "load", "pv", "both"], default="none")
    parser.add_argument("--sell-grid-energy", action="store_true", help="let energy bought from the grid be sold")
    parser.add_argument("--change-price", type=float, default=PlanningOptions().change_price)
    parser.add_argument("--horizon-hours", type=float, default=36.0)
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2024, 7, 8))
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date(2025, 2, 26))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    past = read_past(arguments.data)
    prices = KnownPrices(
        read_prices(arguments.data / DAY_AHEAD_FILE),
        read_prices(arguments.data / SETTLEMENT_FILE),
        create_tariff("dynamic", {}),
        Publication(zone=ZONE),
    )
    first, last = local_day_bounds(arguments.first, ZONE)[0], local_day_bounds(arguments.last, ZONE)[0]
    home = replace(HOME, no_grid_energy_into_export=not arguments.sell_grid_energy)
    sees = arguments.foresight
    planned = PlannedChoice(
        past,
        prices,
        home,
        ZONE,
        LoadForecaster(LoadOptions(is_holiday=is_public_holiday)),
        PvForecaster(PvOptions()),
        PlanningOptions(horizon=timedelta(hours=arguments.horizon_hours), change_price=arguments.change_price),
        Foresight(load=sees in ("load", "both"), pv=sees in ("pv", "both")),
    )
    plain = run(past, prices, home, first, last, self_use, "self-use")
    begun = time.perf_counter()
    lived = run(past, prices, home, first, last, planned, "optimal")
    seconds = time.perf_counter() - begun
    report(arguments, plain, lived, seconds, len(planned.failures))


def report(
    arguments: argparse.Namespace,
    plain: Sequence[LivedSlot],
    lived: Sequence[LivedSlot],
    seconds: float,
    without_plan: int,
) -> None:
    """Print what came of it, whole and by month."""
    idle, best = idle_cost(lived), perfect_cost(lived)
    possible = idle - best
    days = len(lived) / 96.0
    changes = sum(a.mode is not b.mode for a, b in itertools.pairwise(lived))
    figures = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores",
        "quarters": len(lived),
        "foresight": arguments.foresight,
        "sells_grid_energy": arguments.sell_grid_energy,
        "possible_pln": round(possible, 2),
        "self_use_captured_pct": round(100 * (idle - cost_of(plain)) / possible, 2),
        "captured_pct": round(100 * (idle - cost_of(lived)) / possible, 2),
        "saved_pln": round(idle - cost_of(lived), 2),
        "mode_changes_per_day": round(changes / days, 2),
        "cycles_per_day": round(sum(max(s.battery_w, 0.0) for s in lived) * HOURS / HOME.capacity_wh / days, 3),
        "without_plan": without_plan,
        "seconds": round(seconds, 1),
        "saved_by_month_pln": by_month(lived),
        "modes_pct": modes_pct(lived),
    }
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def modes_pct(slots: Sequence[LivedSlot]) -> dict[str, float]:
    """Return the share of quarters lived in each mode [%]."""
    count: dict[str, int] = defaultdict(int)
    for slot in slots:
        count[slot.mode.value] += 1
    return {mode: round(100 * n / len(slots), 1) for mode, n in sorted(count.items(), key=lambda item: -item[1])}


def by_month(slots: Sequence[LivedSlot]) -> dict[str, float]:
    """Return what each month saved over an idle battery [PLN], what is left stored not counted."""
    months: dict[str, list[LivedSlot]] = defaultdict(list)
    for slot in slots:
        months[f"{slot.start.astimezone(ZONE):%Y-%m}"].append(slot)
    return {month: round(idle_cost(part) - sum(s.cost for s in part), 2) for month, part in months.items()}


if __name__ == "__main__":
    main()
