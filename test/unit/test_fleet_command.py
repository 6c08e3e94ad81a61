"""``hems fleet plan``: the whole way from a table to plans, begun again, interrupted, under a limit, as a page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from hems.cli.app import app
from hems.cli.exit_codes import ExitCode
from hems.composition import fleet as composed
from hems.composition.fleet import FleetRequest, FleetRun
from hems.domain.errors import ConfigurationError, RejectedData
from hems.fleet.parts import OtherInputs
from support.fleet_cases import START, day_prices, write_homes


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    buy, sell = day_prices(200)
    lines = ["ts_utc,buy_per_kwh,sell_per_kwh"]
    lines += [
        f"{(START + timedelta(minutes=15 * i)).isoformat()},{b:.5f},{s:.5f}"
        for i, (b, s) in enumerate(zip(buy.tolist(), sell.tolist(), strict=True))
    ]
    (tmp_path / "prices.csv").write_text("\n".join(lines))
    ceiling = [100.0] * 24 + [-1.0]
    write_homes(tmp_path / "homes.parquet", 25, 48, ceiling_pct=ceiling)
    return tmp_path / "homes.parquet", tmp_path / "prices.csv"


def request(files: tuple[Path, Path], **changes: Any) -> FleetRequest:
    base = FleetRequest(homes=files[0], out=files[0].with_name("out.parquet"), buy_sell=files[1], chunk=4)
    return replace(base, **changes)


def run(asked: FleetRequest) -> FleetRun:
    fleet = FleetRun(asked)
    fleet.plan(lambda _more: None, lambda _chunks, _bound: None)
    return fleet


def test_every_home_has_one_row_and_its_numbers_agree(files: tuple[Path, Path]) -> None:
    fleet = run(request(files))
    table = parquet.read_table(files[0].with_name("out.parquet"))
    assert table.column("row").to_pylist() == list(range(25))
    assert table.column("home_id").to_pylist() == [f"home {i}" for i in range(25)]
    errors = table.column("error").to_pylist()
    assert errors[:24] == [None] * 24
    assert "ceiling_pct -1" in errors[24]
    assert table.column("battery_w")[24].as_py() is None
    assert table.column("slots").to_pylist()[:24] == [48] * 24
    assert [len(plan) for plan in table.column("battery_w").to_pylist()[:24]] == [48] * 24
    rows = table.to_pylist()[:24]
    for row in rows:
        assert row["saving_pln"] == pytest.approx(row["idle_cost_pln"] - row["cost_pln"] + row["stored_change_pln"])
        assert row["first_battery_w"] == row["battery_w"][0]
        assert row["saving_pln"] >= -1e-9
    assert fleet.summary.homes == 25
    assert fleet.summary.failed == 1
    assert fleet.summary.sums["cost_pln"] == pytest.approx(sum(row["cost_pln"] for row in rows))
    assert not files[0].with_name("out.parquet.parts").exists()


def test_a_run_that_was_stopped_goes_on_where_it_was(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(files)
    fleet = FleetRun(asked)

    def stop_after_three(more: int) -> None:
        if len(list(files[0].with_name("out.parquet.parts").glob("part-*"))) == 3 and more:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.plan(stop_after_three, lambda _chunks, _bound: None)
    kept = sorted(files[0].with_name("out.parquet.parts").glob("part-*.parquet"))
    assert len(kept) == 3
    planned: list[int] = []
    genuine = composed.plan_chunk

    def noted(chunk: Any, threads: int = 1) -> Any:
        planned.append(chunk.number)
        return genuine(chunk, threads)

    monkeypatch.setattr(composed, "plan_chunk", noted)
    run(asked)
    assert sorted(planned + [int(path.stem[-5:]) for path in kept]) == list(range(7))
    again = parquet.read_table(asked.out)
    whole = request(files, out=asked.out.with_name("whole.parquet"))
    monkeypatch.undo()
    run(whole)
    assert again.equals(parquet.read_table(whole.out))


def test_parts_of_another_run_are_refused_unless_it_begins_anew(files: tuple[Path, Path]) -> None:
    asked = request(files)
    fleet = FleetRun(asked)
    fleet.parts.open(fleet.identity(), restart=False)
    with pytest.raises(OtherInputs, match="options"):
        run(replace(asked, horizon_hours=5.0))
    files[1].write_text(files[1].read_text().replace("0.5", "0.6"))
    with pytest.raises(OtherInputs, match="prices"):
        run(asked)
    run(replace(asked, restart=True))
    assert parquet.read_table(asked.out).num_rows == 25


def test_a_common_limit_is_kept_and_certified(files: tuple[Path, Path]) -> None:
    free = run(request(files, out=files[0].with_name("free.parquet")))
    assert free.summary.totals_kw is not None
    peak = float(np.abs(free.summary.totals_kw[0]).max())
    fleet = run(request(files, feeder_kw=peak / 2.0))
    assert fleet.feeder is not None
    assert fleet.feeder.peak_kw <= peak / 2.0 + 1e-2
    assert fleet.feeder.excess_kwh < 1e-2
    saving = free.summary.sums["saving_pln"]
    assert 0.0 <= fleet.feeder.cost - fleet.feeder.coordination.bound <= 0.005 * saving
    assert fleet.summary.sums["saving_pln"] <= saving + 1e-6
    assert parquet.read_table(files[0].with_name("out.parquet")).num_rows == 25


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action")]


def test_the_command_writes_plans_a_page_and_json(files: tuple[Path, Path]) -> None:
    homes, prices = files
    folder = homes.with_name("page")
    arguments = ["fleet", "plan", "--homes", str(homes), "--out", str(homes.with_name("o.parquet")), "--buy-sell"]
    arguments += [str(prices), "--feeder-kw", "30", "--report", str(folder), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == ExitCode.OK, result.output
    document = json.loads(result.stdout)
    assert document["summary"]["homes"] == 25
    assert document["summary"]["failed"] == 1
    assert len(document["feeder"]["limit_price_per_kwh"]) == 48
    page = (folder / "index.html").read_text()
    reader = _Addresses()
    reader.feed(page)
    assert reader.found == []
    assert "ceiling_pct -1" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feeder_price": 0.0}, "--feeder-price"),
        ({"horizon_hours": 0.0}, "--horizon"),
        ({"feeder_kw": float("nan")}, "--feeder-kw"),
        ({"prices": Path("p.csv")}, "--buy-sell"),
    ],
)
def test_options_that_cannot_be_are_named(files: tuple[Path, Path], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        FleetRun(request(files, **changes))


def test_market_prices_and_tariffs_make_retail_prices(files: tuple[Path, Path]) -> None:
    market = files[0].with_name("market.csv")
    quarters = [START + timedelta(minutes=15 * i) for i in range(96)]
    market.write_text("ts_utc,price\n" + "\n".join(f"{at.isoformat()},{400 + i}" for i, at in enumerate(quarters)))
    write_homes(files[0], 3, 48, tariff=[None, "tauron/G11", "nobody/G11"])
    run(request(files, buy_sell=None, prices=market))
    rows = parquet.read_table(files[0].with_name("out.parquet")).to_pylist()
    assert rows[0]["error"] is None
    assert rows[1]["error"] is None
    assert rows[0]["idle_cost_pln"] != rows[1]["idle_cost_pln"]
    assert "nobody" in rows[2]["error"]


@pytest.mark.parametrize("feeder_kw", [None, 30.0])
def test_a_chunk_without_one_sound_home_is_no_trouble(files: tuple[Path, Path], feeder_kw: float | None) -> None:
    fleet = run(request(files, chunk=24, feeder_kw=feeder_kw))  # the last row is alone, and wrong
    assert fleet.summary.failed == 1
    errors = parquet.read_table(files[0].with_name("out.parquet")).column("error").to_pylist()
    assert [error is None for error in errors] == [True] * 24 + [False]


def test_homes_of_different_times_have_no_common_limit(files: tuple[Path, Path]) -> None:
    write_homes(files[0], 4, 48, step_minutes=[15.0, 15.0, 30.0, 15.0])
    with pytest.raises(RejectedData, match="common limit"):
        run(request(files, feeder_kw=10.0))
    fleet = run(request(files, restart=True))
    assert fleet.summary.failed == 0
    assert fleet.summary.grid is None
