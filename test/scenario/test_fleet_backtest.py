"""``hems fleet backtest``: what each home would have got alone, whoever works, whoever is killed, whatever is wrong."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import asdict, replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from hems.backtest.assess import Telling, assess
from hems.backtest.runner import live_all
from hems.cli.app import app
from hems.cli.exit_codes import ExitCode
from hems.composition import fleet_backtest as composed
from hems.composition.backtest import prepare
from hems.composition.backtest_request import BacktestRequest
from hems.composition.fleet_backtest import FleetBacktest, FleetBacktestRequest
from hems.domain.errors import ConfigurationError
from hems.fleet.parts import OtherInputs
from support.backtests import FIRST, retail
from support.fleet_pasts import houses, write_buy_sell, write_fleet, write_home

HOMES = 6
STRATEGIES = ("self_use", "optimal")
BATTERIES = [5.0, 10.0, 15.0, 7.5, 10.0, 12.0]
SOLAR_ONLY = [False, True, None, False, None, True]
EACH = BacktestRequest(home="", charge_kw=4.0, min_soc=15.0, first_day=FIRST + timedelta(days=9))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("fleet")
    write_buy_sell(place / "prices.csv")
    fleet = houses(HOMES)
    for number, house in enumerate(fleet):
        write_home(place / f"home{number}.csv", house)
    files = [None] * (HOMES - 1) + [f"home{HOMES - 1}.csv"]
    write_fleet(place / "homes.parquet", fleet, battery_kwh=BATTERIES, only_solar_export=SOLAR_ONLY, data=files)
    return place


def request(folder: Path, **changes: Any) -> FleetBacktestRequest:
    changes = dict(changes)
    each = replace(EACH, **{"buy_sell": folder / "prices.csv", **changes.pop("each", {})})
    base = FleetBacktestRequest(
        homes=folder / "homes.parquet", out=folder / "out.parquet", each=each, strategies=STRATEGIES, executor="local"
    )
    return replace(base, **changes)


def run(asked: FleetBacktestRequest) -> FleetBacktest:
    fleet = FleetBacktest(asked)
    fleet.live(lambda _more: None)
    return fleet


def alone(folder: Path, number: int) -> dict[str, dict[str, Any]]:
    """Return what `hems backtest` says of one home, by strategy."""
    asked = replace(
        EACH,
        home=str(folder / f"home{number}.csv"),
        buy_sell=folder / "prices.csv",
        battery_kwh=BATTERIES[number],
        only_solar_export=SOLAR_ONLY[number],
    )
    study = prepare(asked).study
    result = assess(study, live_all(study, ["no_battery", "idle_battery", *STRATEGIES]), Telling())
    shared = {"possible_saving_pln": result.possible_saving, "left_out_hours": result.left_out_hours}
    return {outcome.name: {**asdict(outcome.figures), **shared} for outcome in result.outcomes}


def test_a_killed_worker_loses_nothing_and_every_home_is_as_alone(folder: Path) -> None:
    fleet = FleetBacktest(request(folder, executor="processes", workers=2, chunk=1))
    killed: list[int] = []
    done: list[int] = []

    def kill_one(more: int) -> None:
        done.append(more)
        if more and not killed:
            worker = next(each for each in multiprocessing.active_children() if each.pid is not None)
            assert worker.pid is not None
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    fleet.live(kill_one)
    assert killed
    assert sum(done) == HOMES
    rows = parquet.read_table(folder / "out.parquet").to_pylist()
    names = ["no_battery", "idle_battery", *STRATEGIES, "perfect_foresight"]
    assert [(row["row"], row["strategy"]) for row in rows] == [(n, name) for n in range(HOMES) for name in names]
    assert all(row["error"] is None for row in rows)
    expected = {number: alone(folder, number) for number in range(HOMES)}
    for row in rows:
        for name, value in expected[row["row"]][row["strategy"]].items():
            if name == "seconds":
                assert row[name] >= 0.0
            elif value is None:
                assert row[name] is None
            else:
                assert row[name] == pytest.approx(value, abs=1e-9), (row["row"], row["strategy"], name)
    assert rows[1 * len(names)]["left_out_hours"] == pytest.approx(10.0)
    summary = fleet.summary
    assert (summary.homes, summary.failed) == (HOMES, 0)
    saved = sum(row["saving_pln"] for row in rows if row["strategy"] == "optimal")
    assert summary.strategies["optimal"].sums["saving_pln"] == pytest.approx(saved)
    assert 0.0 < saved < summary.possible


def test_a_run_that_was_stopped_goes_on_where_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(folder, out=folder / "stopped.parquet", strategies=("self_use",), chunk=2)

    def stop_after_one(more: int) -> None:
        if more:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FleetBacktest(asked).live(stop_after_one)
    kept = [int(part.stem[-5:]) for part in (folder / "stopped.parquet.parts").glob("part-*.parquet")]
    assert len(kept) == 1
    with pytest.raises(OtherInputs, match="options"):
        run(replace(asked, strategies=("multi_factor",)))
    lived: list[int] = []
    genuine = composed.live_chunk

    def noted(chunk: Any) -> Any:
        lived.append(chunk.number)
        return genuine(chunk)

    monkeypatch.setattr(composed, "live_chunk", noted)
    fleet = run(asked)
    assert sorted(lived + kept) == [0, 1, 2]
    assert fleet.summary.homes == HOMES
    rows = parquet.read_table(asked.out).to_pylist()
    assert [row["row"] for row in rows] == [number for number in range(HOMES) for _ in range(4)]
    assert not (folder / "stopped.parquet.parts").exists()


def test_what_is_wrong_is_named_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    fleet = houses(10)
    load = [house.load_w.tolist() for house in fleet]
    load[1] = [None] * len(load[1])
    load[2] = load[2][:-1]
    write_fleet(
        tmp_path / "homes.parquet", fleet, load_w=load,
        battery_kwh=[10.0, 10.0, 10.0, 0.0, 10.0, 10.0, float("nan"), 10.0, 10.0, 10.0],
        no_grid_charge=[False] * 4 + [True] + [False] * 5,
        data=[None] * 5 + ["nowhere.csv"] + [None] * 4,
        home_id=[*"abcdefgh", None, "j"],
        floor_pct=[None] * 9 + [100.0],
        pv_forecast_w=[[], *([None] * 9)],
    )  # fmt: skip
    asked = request(folder, homes=tmp_path / "homes.parquet", out=tmp_path / "out.parquet", strategies=("self_use",))
    found = run(asked)
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    said = {row["row"]: row["error"] for row in rows}
    assert [number for number, why in said.items() if why is None] == [0, 7]
    for number, why in (
        (1, "no usable value"), (2, "of the same length"), (3, "battery-kwh"), (4, "no_grid_charge"),
        (5, "nowhere.csv"), (6, "battery-kwh"), (8, "home_id is empty"), (9, "min-soc"),
    ):  # fmt: skip
        assert why in said[number]
    assert [row["row"] for row in rows] == sorted(row["row"] for row in rows)
    assert (found.summary.homes, found.summary.failed) == (10, 8)
    assert found.summary.strategies["self_use"].homes == 2


def test_a_home_with_prices_of_its_own_pays_them(folder: Path, tmp_path: Path) -> None:
    fleet = houses(3)
    prices = retail()
    buy, sell = [p.import_per_kwh for p in prices], [p.export_per_kwh for p in prices]
    gone = [None] * 480 + buy[480:]
    write_fleet(
        tmp_path / "homes.parquet", [fleet[0], fleet[0], fleet[0], fleet[2]],
        home_id=["shared", "own", "late", "half-hours"],
        buy_per_kwh=[None, buy, gone, buy[::2]], sell_per_kwh=[None, sell, sell, sell[::2]],
    )  # fmt: skip
    each = {"first_day": None, "buy_sell": None, "prices": None}
    write_buy_sell(tmp_path / "prices.csv")
    asked = request(
        folder, homes=tmp_path / "homes.parquet", out=tmp_path / "out.parquet", strategies=("self_use",), each=each
    )
    run(asked)
    rows = parquet.read_table(asked.out).to_pylist()
    assert "no --prices" in rows[0]["error"]
    both = replace(asked, restart=True, each=replace(asked.each, buy_sell=tmp_path / "prices.csv"))
    run(both)
    by_home = {
        row["home_id"]: row for row in parquet.read_table(asked.out).to_pylist() if row["strategy"] == "self_use"
    }
    assert by_home["own"]["cost_pln"] == pytest.approx(by_home["shared"]["cost_pln"], abs=1e-9)
    assert by_home["late"]["from_utc"] > by_home["own"]["from_utc"]
    assert by_home["late"]["possible_saving_pln"] < by_home["own"]["possible_saving_pln"]
    assert by_home["half-hours"]["left_out_hours"] == 0.0


def test_tariffs_differ_by_home_and_market_prices_make_them(folder: Path, tmp_path: Path) -> None:
    market = tmp_path / "market.csv"
    market.write_text(
        "ts_utc,pln_mwh\n" + "\n".join(f"{p.start.isoformat()},{1000.0 * p.export_per_kwh}" for p in retail())
    )
    fleet = houses(2)[:1] * 3
    write_fleet(tmp_path / "homes.parquet", fleet, tariff=[None, "tauron/G12", "nobody/G11"])
    each = {"buy_sell": None, "prices": market}
    asked = request(
        folder, homes=tmp_path / "homes.parquet", out=tmp_path / "out.parquet", strategies=("optimal",), each=each,
        executor="processes", workers=1, chunk=3,
    )  # fmt: skip
    run(asked)
    rows = {
        row["row"]: row for row in parquet.read_table(asked.out).to_pylist() if row["strategy"] in ("optimal", None)
    }
    write_home(tmp_path / "home.csv", fleet[0])
    for number, tariff in ((0, {}), (1, {"operator": "tauron", "group": "G12"})):
        study = prepare(replace(asked.each, home=str(tmp_path / "home.csv"), **tariff)).study
        result = assess(study, live_all(study, ["idle_battery", "optimal"]), Telling())
        outcome = result.outcome("optimal")
        assert outcome is not None
        assert rows[number]["saving_pln"] == pytest.approx(outcome.figures.saving_pln, abs=1e-9)
    assert rows[0]["cost_pln"] != rows[1]["cost_pln"]
    assert "nobody" in rows[2]["error"]


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action")]


def test_the_command_writes_rows_a_page_and_json(folder: Path, tmp_path: Path) -> None:
    arguments = [
        "fleet",
        "backtest",
        "--homes",
        str(folder / "homes.parquet"),
        "--buy-sell",
        str(folder / "prices.csv"),
    ]
    arguments += ["--strategies", "self_use,multi_factor", "--from", "2024-11-15", "--executor", "local", "--json"]
    arguments += ["--report", str(tmp_path / "page")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == ExitCode.OK, result.output
    summary = json.loads(result.stdout)["summary"]
    assert summary["homes"] == HOMES
    assert list(summary["strategies"]) == [
        "no_battery", "idle_battery", "self_use", "multi_factor", "perfect_foresight",
    ]  # fmt: skip
    assert summary["strategies"]["perfect_foresight"]["captured_pct"] == pytest.approx(100.0, abs=0.01)
    assert (folder / "homes_backtest.parquet").exists()
    page = (tmp_path / "page" / "index.html").read_text()
    reader = _Addresses()
    reader.feed(page)
    assert reader.found == []
    assert page.count("<figcaption>") == 4  # two strategies, captured and saved
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strategies": ("emhass",)}, "--strategies"),
        ({"strategies": ()}, "--strategies"),
        ({"tariff": "tauron/G11"}, "--tariff"),
        ({"each": {"start_soc": 101.0}}, "--start-soc"),
        ({"each": {"forecast": "guessed"}}, "--forecast"),
        ({"each": {"sell_prices": Path("s.csv"), "buy_sell": None}}, "--sell-prices"),
    ],
)
def test_options_that_cannot_be_are_named(folder: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        FleetBacktest(request(folder, **changes))
