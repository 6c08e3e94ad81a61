"""`hems backtest` as a person runs it: files in, table, JSON, trace and page out, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.backtests import measured, retail

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backtest")
    house = measured(16, seed=21, with_forecast=True)
    with (folder / "home.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts_utc", "load_w", "pv_w", "pv_forecast_w"])
        for index in range(len(house.load_w)):
            if index in (800, 801):
                continue
            said = house.pv_forecast_w
            assert said is not None
            rows.writerow(
                [
                    f"{house.start + index * house.step:%Y-%m-%d %H:%M:%S}",
                    f"{house.load_w[index]:.1f}",
                    "" if index == 820 else f"{house.pv_w[index]:.1f}",
                    f"{said[index]:.1f}",
                ]
            )
    prices = retail(16, seed=21)
    with (folder / "buy_sell.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts_utc", "buy_per_kwh", "sell_per_kwh"])
        rows.writerows([p.start.isoformat(), p.import_per_kwh, p.export_per_kwh] for p in prices)
    with (folder / "market.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts_utc", "pln_mwh"])
        rows.writerows([p.start.isoformat(), p.export_per_kwh * 1000.0] for p in prices)
    return folder


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "hems.cli", "backtest", *map(str, words)]


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}
    return subprocess.run(command(*words), cwd=folder, capture_output=True, text=True, timeout=110, env=environment)


PERIOD = ("--from", "2024-11-12", "--to", "2024-11-14")


def trace_of(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = ("ts_utc", "mode", "asked_w")
    numbers = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name not in texts}
    return {**numbers, **{name: [row[name] for row in rows] for name in texts}}


def test_files_in_figures_trace_and_page_out(files: Path) -> None:
    done = run(files, "--home", "home.csv", "--buy-sell", "buy_sell.csv", *PERIOD, "--json", "out/figures.json",
               "--trace", "out/trace.csv", "--report", "out/page")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "perfect_foresight" in done.stdout
    assert "written: out/page/index.html" in done.stdout
    figures = json.loads((files / "out/figures.json").read_text())
    strategies = figures["strategies"]
    assert list(strategies) == [
        "no_battery", "idle_battery", "self_use", "multi_factor", "optimal", "perfect_foresight",
    ]  # fmt: skip
    assert figures["parameters"]["forecast"] == "given"
    assert figures["data_quality"][0]["missing_rows"] == 2
    assert figures["left_out_hours"] == pytest.approx(0.75)
    assert sum(figures["losses_pln"].values()) == pytest.approx(
        figures["possible_saving_pln"] - strategies["optimal"]["saving_pln"], abs=1e-6
    )
    trace = trace_of(files / "out/trace.csv")
    assert len(trace["dt_h"]) == 3 * 96 - 3
    assert trace["ts_utc"][0] == "2024-11-11T23:00:00Z"
    assert trace["cost_pln"].sum() == pytest.approx(strategies["optimal"]["cost_pln"], abs=1e-9)
    balance = trace["pv_w"] - trace["curtailed_w"] + trace["battery_w"] + trace["grid_w"] - trace["load_w"]
    assert np.abs(balance).max() < 1e-6
    alone = trace_of(files / "out/trace_self_use.csv")
    assert alone["cost_pln"].sum() == pytest.approx(strategies["self_use"]["cost_pln"], abs=1e-9)
    assert set(alone["mode"]) == {"self_use"}
    page = (files / "out/page/index.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page


def test_market_prices_go_through_the_tariff(files: Path) -> None:
    done = run(files, "--home", "home.csv", "--prices", "market.csv", "--sell-prices", "market.csv", *PERIOD,
               "--strategies", "self_use", "--forecast", "perfect", "--json", "-", "--trace", "t.csv")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "optimal" not in json.loads(done.stdout)["strategies"]
    trace = trace_of(files / "t.csv")
    prices = {price.start: price.export_per_kwh for price in retail(16, seed=21)}
    market = np.array([prices[datetime.fromisoformat(text)] for text in trace["ts_utc"]])
    np.testing.assert_allclose(trace["buy_per_kwh"], (market + 0.08 + 0.005 + 0.2898) * 1.23, atol=2e-6)
    np.testing.assert_allclose(trace["sell_per_kwh"], np.maximum(market, 0.0), atol=1e-6)


@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_workers_find_the_same(files: Path, executor: str) -> None:
    words = ("--home", "home.csv", "--buy-sell", "buy_sell.csv", *PERIOD, "--json", "-")
    here, there = run(files, *words), run(files, *words, "--executor", executor)
    assert there.returncode == 0, there.stderr
    one, other = (json.loads(done.stdout)["strategies"] for done in (here, there))
    for name, figures in one.items():
        assert other[name] | {"seconds": 0} == figures | {"seconds": 0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--home", "home.csv"), "--prices FILE"),
        (("--home", "none.csv", "--buy-sell", "buy_sell.csv"), "none.csv: cannot be read"),
        (("--home", "home.csv", "--buy-sell", "buy_sell.csv", "--battery-kwh", "0"), "--battery-kwh 0: from 0.1 to"),
        (("--home", "home.csv", "--buy-sell", "buy_sell.csv", "--strategies", "best"), "any of self_use"),
        (("--home", "home.csv", "--buy-sell", "buy_sell.csv", "--from", "soon"), "--from soon: a day such as"),
        (("--home", "home.csv", "--buy-sell", "buy_sell.csv", "--from", "2031-01-01"), "nothing to live through"),
        (("--home", "home.csv", "--buy-sell", "buy_sell.csv", "--trace", "t.txt"), "a table is written as"),
        (("--home", "home.csv", "--buy-sell", "buy_sell.csv", "--executor", "moon", *PERIOD), "executor 'moon'"),
        (("--home", "home.csv", "--buy-sell", "buy_sell.csv", "--zone", "Mars/Base"), "Mars/Base"),
        (("--home", "home.csv", "--prices", "market.csv", "--operator", "nobody", "--group", "G11"), "nobody"),
        (("--home", "home.csv", "--prices", "market.csv", "--lang", "xx", *PERIOD), "--lang xx"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(files: Path, words: tuple[str, ...], said: str) -> None:
    done = run(files, *words)
    assert done.returncode not in (0, 1) or "Traceback" not in done.stderr
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert said in done.stderr


def listen() -> None:
    """Let the process hear SIGINT: what a shell starts in the background has it ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_interruption_keeps_what_was_lived(files: Path, tmp_path: Path) -> None:
    """A year of an unchanging week: it takes long enough to be interrupted in its middle."""
    start = datetime.fromisoformat("2024-11-04T00:00:00+00:00")
    with (tmp_path / "home.csv").open("w") as home, (tmp_path / "prices.csv").open("w") as prices:
        home.write("ts_utc,load_w,pv_w\n")
        prices.write("ts_utc,buy_per_kwh,sell_per_kwh\n")
        for index in range(96 * 365):
            at = start + index * timedelta(minutes=15)
            home.write(f"{at:%Y-%m-%d %H:%M},{400 + index % 7 * 50},{max(0, 3000 - abs(index % 96 - 48) * 100)}\n")
            prices.write(f"{at:%Y-%m-%d %H:%M},{0.9 + index % 96 / 200},0.3\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = command(
        "--home", "home.csv", "--buy-sell", "prices.csv", "--strategies", "optimal", "--json", "figures.json"
    )
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=listen
    ) as run:
        time.sleep(10.0)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["interrupted"] is True
    assert b"interrupted: the figures are those of the time that was lived" in out
