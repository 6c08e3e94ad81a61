"""``hems compare-tariffs`` and ``hems size`` on a home of two days: what they say is what a bill would."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hems.backtest.executors import open_executor
from hems.cli import compare_tariffs, size
from hems.cli.what_if_output import numbers_of
from hems.composition.backtest_request import BacktestRequest
from hems.composition.what_if import TariffQuestion
from hems.composition.what_if import compare_tariffs as compare
from hems.domain.errors import ConfigurationError
from hems.domain.time_grid import MTU
from support.household import write_configuration

START = datetime(2026, 3, 2, 23, tzinfo=UTC)
DAYS = 2


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Write a home that draws 1 kW without any sun, and a market that is dear in the evening."""
    rows = [START + index * MTU for index in range(96 * DAYS)]
    home, prices = tmp_path / "home.csv", tmp_path / "prices.csv"
    home.write_text("ts_utc,load_w,pv_w\n" + "".join(f"{at:%Y-%m-%d %H:%M:%S},1000,0\n" for at in rows))
    prices.write_text(
        "ts_utc,price\n" + "".join(f"{at:%Y-%m-%d %H:%M:%S},{900 if 17 <= at.hour < 20 else 300}\n" for at in rows)
    )
    return home, prices


def run(module: Any, *arguments: str | Path) -> Any:
    app = typer.Typer()
    app.callback()(lambda: None)
    module.register(app)
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_a_fixed_tariff_costs_what_its_file_says(files: tuple[Path, Path], tmp_path: Path) -> None:
    home, prices = files
    document, picture = tmp_path / "t.json", tmp_path / "t.png"
    found = run(
        compare_tariffs, "compare-tariffs", "--home", home, "--prices", prices, "--operator", "tauron", "--seller",
        "tauron", "--strategy", "self_use", "--start-soc", "10", "--json", document, "--plot", picture,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert max(map(len, found.output.splitlines())) <= 80
    told = json.loads(document.read_text())
    names = {(row["group"], row["contract"]) for row in told["tariffs"]}
    assert names == {
        *((group, "dynamic") for group in ("G11", "G12", "G12w", "G12as", "G13", "G13s", "G14dynamic")),
        *((group, "fixed") for group in ("G11", "G12", "G12w", "G13")),
    }
    totals = [row["total_per_year"] for row in told["tariffs"]]
    assert totals == sorted(totals)
    one = next(row for row in told["tariffs"] if (row["group"], row["contract"]) == ("G11", "fixed"))
    per_kwh = (0.50203 + 0.2464 + 0.0331 + 0.0073 + 0.0030) * 1.23
    assert one["without_battery"]["energy"] == pytest.approx(24.0 * DAYS * per_kwh)
    # 8760 kWh a year: the highest capacity fee; three phases; read every month.
    assert sum(fee["per_month"] for fee in one["fees_per_month"]) == pytest.approx((24.05 + 4.56 + 10.86) * 1.23)
    assert one["with_battery"]["fixed"] == pytest.approx((24.05 + 4.56 + 10.86) * 1.23 * 12 * DAYS / 365)
    # A battery at its floor without any sun does nothing in self-use.
    assert one["saving_per_year"] == pytest.approx(0.0, abs=1e-9)
    assert one["total_per_year"] == pytest.approx((24.0 * 365 * per_kwh) + (24.05 + 4.56 + 10.86) * 1.23 * 12)
    assert (one["verified"], one["present"], one["seller_fee_known"]) == (False, False, True)
    compass = next(row for row in told["tariffs"] if row["group"] == "G14dynamic")
    assert compass["zones_assumed"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_optimizer_decides_anew_under_each_tariff(files: tuple[Path, Path]) -> None:
    home, prices = files
    request = BacktestRequest(home=str(home), prices=prices, wear=0.0, forecast="perfect", start_soc=10.0)
    question = TariffQuestion(request=request, operator="tauron", group="G11", seller="tauron")
    seen: list[tuple[float, float]] = []
    result = compare(question, date(2026, 5, 1), lambda done, total: seen.append((done, total)))
    saving = {one.offer.contract: one.saving for one in result.results}
    # One price at all hours leaves a battery without sun nothing to do; the market's evening does not.
    assert saving["dynamic"] > 3.0
    assert abs(saving["fixed"]) < 0.5
    assert seen == [(DAYS * 86400.0, DAYS * 86400.0)]
    with open_executor("local") as pool:
        spread = compare(question, date(2026, 5, 1), executor=pool)
    assert [(one.offer, one.saving) for one in spread.results] == [(one.offer, one.saving) for one in result.results]


def test_the_configured_tariff_is_marked_and_priced_with_the_owners_numbers(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    home, prices = files
    tariff = "  tariff:\n    operator: pge\n    group: G12\n    seller: pge\n    seller_margin_per_kwh: 0.5\n"
    config = write_configuration(tmp_path, more=tariff)
    request = BacktestRequest(home=str(home), prices=prices, config=config, start_soc=10.0)
    question = TariffQuestion(request=request, seller="pge", strategy="self_use", phases=1)
    result = compare(question, date(2026, 5, 1))
    assert {one.offer.operator for one in result.results} == {"pge"}
    present = [one for one in result.results if one.offer.is_present]
    assert [(one.offer.group, one.offer.contract) for one in present] == [("G12", "dynamic")]
    assert present[0].offer.has_ended  # the seller's terms are those of 2025
    assert ("trade fee", 49.9) in present[0].fees
    usual = compare(
        TariffQuestion(
            request=BacktestRequest(home=str(home), prices=prices, start_soc=10.0), operator="pge", group="G12",
            seller="pge", strategy="self_use", phases=1,
        ),
        date(2026, 5, 1),
    )  # fmt: skip
    other = next(one for one in usual.results if one.offer.contract == "dynamic")
    more = present[0].without_battery.energy - other.without_battery.energy
    assert more == pytest.approx(24.0 * DAYS * (0.5 - 0.0812) * 1.23)


def test_a_tariff_of_the_owners_numbers_alone_is_said_to_lack_its_fees(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    home, prices = files
    config = write_configuration(tmp_path)
    found = run(
        compare_tariffs, "compare-tariffs", "--home", home, "--prices", prices, "--config", config, "--operator",
        "tauron", "--group", "G11", "--seller", "tauron", "--strategy", "self_use",
    )  # fmt: skip
    own = next(line for line in found.output.splitlines() if line.startswith("▶"))
    assert own.split()[-1] == "!"
    assert "! no fixed fees known" in found.output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"operator": "nobody"}, "--operator nobody: one of"),
        ({"operator": "tauron", "group": "G99"}, "--group G99: tauron has"),
        ({"seller": "nobody"}, "--seller: 'nobody' is not a seller"),
        ({"phases": 2}, "--phases 2"),
        ({"strategy": "emhass"}, "--strategy emhass"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(files: tuple[Path, Path], changes: dict[str, Any], said: str) -> None:
    home, prices = files
    with pytest.raises(ConfigurationError, match=said):
        compare(TariffQuestion(request=BacktestRequest(home=str(home), prices=prices), **changes), date(2026, 5, 1))


def test_sizes_are_told_drawn_and_paid_back(files: tuple[Path, Path], tmp_path: Path) -> None:
    home, prices = files
    document, picture = tmp_path / "s.json", tmp_path / "s.png"
    found = run(
        size, "size", "--home", home, "--prices", prices, "--forecast", "perfect", "--battery-kwh", "5,10",
        "--power-kw", "3", "--pv-factor", "1,2", "--price-per-kwh", "1000", "--json", document, "--plot", picture,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert max(map(len, found.output.splitlines())) <= 80
    told = json.loads(document.read_text())["sizes_per_year"]
    five = next(one for one in told if one["battery_kwh"] == 5.0 and one["pv_factor"] == 1.0)
    assert five["saving"] > 0.0
    assert five["payback_years"] == pytest.approx(5000.0 / five["saving"])
    # Twice no sun is no sun.
    assert {one["saving"] for one in told if one["battery_kwh"] == 5.0} == {five["saving"]}
    assert "years" in found.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    plain = run(size, "size", "--home", home, "--prices", prices, "--forecast", "perfect", "--battery-kwh", "5",
                "--power-kw", "3")  # fmt: skip
    assert "--price-per-kwh says" in plain.output
    assert "years" not in plain.output.splitlines()[2]


def test_sizes_that_cannot_be_are_refused(files: tuple[Path, Path]) -> None:
    home, prices = files
    for arguments, said in (
        (("--battery-kwh", "0"), "--battery-kwh 0: from 0.1"),
        (("--pv-factor", "1,2", "--pv-price-per-kw", "100"), "--pv-kw"),
    ):
        found = run(size, "size", "--home", home, "--prices", prices, *arguments)
        assert isinstance(found.exception, ConfigurationError)
        assert said in str(found.exception)
    for text in ("", "a,b"):
        with pytest.raises(ConfigurationError, match="such as 5,10,15"):
            numbers_of("--battery-kwh", text)
    assert numbers_of("--x", "10,5,5") == (5.0, 10.0)
