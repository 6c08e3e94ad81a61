"""``hems prices`` with a tariff of zones, ``hems tariffs``, and ``hems config check`` on names that no file has."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

import hems.composition.tools
from hems.adapters.clock import SystemClock
from hems.cli import config as config_command
from hems.cli import prices, tariffs
from hems.cli.price_parts import parts_view
from hems.cli.price_view import price_panel
from hems.composition.doctor.house import _load
from hems.coordination.price_service import PriceService, PriceServiceOptions
from hems.domain.prices import PartKind, PricePart
from hems.ports.prices import Tariff
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
from support.price_tools import WARSAW, MemoryArchive, utc
from support.tariff_tools import tariff


class StoppedClock(SystemClock):
    """The wall clock, stopped on a Monday noon."""

    def now(self) -> Any:
        return utc("2026-11-16 12:00")


@dataclass
class Tools:
    """What the composition would open."""

    service: PriceService
    zone: ZoneInfo = WARSAW


def run_prices(monkeypatch: pytest.MonkeyPatch, of: Tariff, *arguments: str, width: int = 140) -> str:
    """Return what ``hems prices`` prints for a house with this tariff."""
    clock = StoppedClock()
    source = SimulatedPriceSource(clock, SimulatedMarketOptions())
    service = PriceService(source, MemoryArchive(), of, clock, PriceServiceOptions(zone=WARSAW))

    @asynccontextmanager
    async def open_price_tools(_: Path | None) -> AsyncIterator[Tools]:
        yield Tools(service)

    monkeypatch.setattr(hems.composition.tools, "open_price_tools", open_price_tools)
    result = CliRunner().invoke(app_of(prices), ["prices", *arguments], env={"COLUMNS": str(width)})
    assert result.exit_code == 0, result.output
    return result.output


def app_of(part: Any) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    part.register(app)
    return app


def test_a_program_gets_the_parts_of_every_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    of = tariff(seller="pge", operator="pge", group="G12w", sell="rce_hour", export_multiplier=1.23)
    document = json.loads(run_prices(monkeypatch, of, "--json"))
    assert len(document["prices"]) == 96
    for row in document["prices"]:
        assert sum(part["per_kwh"] for part in row["import_parts"]) == pytest.approx(row["import_per_kwh"], abs=5e-5)
        assert sum(part["per_kwh"] for part in row["export_parts"]) == pytest.approx(row["export_per_kwh"], abs=5e-5)
        zone = "network (night)" if int(row["start"][11:13]) in {*range(6), 13, 14, 22, 23} else "network (day)"
        assert [part["name"] for part in row["import_parts"] if part["kind"] == "network"] == [
            zone,
            "quality fee",
            "renewables fee",
            "cogeneration fee",
            "VAT 23 % on network",
        ]
    assert document["notes"] == [
        "PGE Obrót, dynamic price 2025: the tariff ended on 2025-12-31; its prices are used on. Look for an update"
    ]


def test_a_person_sees_zones_and_what_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    output = run_prices(monkeypatch, tariff(seller="tauron", operator="tauron", group="G13"))
    lines = output.splitlines()
    for hour, amount in (("07:00", "0.2203"), ("16:00", "0.3898"), ("13:00", "0.0392")):
        assert amount in next(line for line in lines if line.strip().startswith(hour)).split()
    assert "network [PLN/kWh]: rest 0.0392, morning peak 0.2203, afternoon peak 0.3898" in lines
    assert (
        "Of what you pay, the same in every quarter [PLN/kWh]: seller's margin 0.0892, excise 0.0050, quality fee "
        "0.0331, renewables fee 0.0073, cogeneration fee 0.0030"
    ) in " ".join(output.split())
    assert "Tauron Sprzedaż 2026: figures not verified" in output


@pytest.mark.parametrize(("width", "has_bars"), [(80, False), (140, True)])
def test_nothing_is_cut_off_however_narrow(monkeypatch: pytest.MonkeyPatch, width: int, has_bars: bool) -> None:
    of = tariff(seller="tauron", operator="tauron", group="G13", sell="rce_hour", export_multiplier=1.23)
    output = run_prices(monkeypatch, of, width=width)
    assert "…" not in output
    assert ("█" in output) is has_bars
    assert output.count("published") == 96
    assert max(map(len, output.splitlines())) <= width


def test_hours_nobody_has_published_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    output = run_prices(monkeypatch, tariff(operator="tauron", group="G14dynamic"))
    assert "96 quarters are billed as hours of normal use: the Energy Compass is not published for them." in output
    monthly = run_prices(monkeypatch, tariff(sell="rcem"))
    assert "96 quarters: what you get is estimated" in monthly
    assert "mean RCE of the month so far" in monthly


@dataclass(frozen=True)
class Row:
    """One quarter as the table has it."""

    market_per_mwh: float
    export_per_kwh: float
    import_parts: tuple[PricePart, ...]
    export_parts: tuple[PricePart, ...] = ()


def test_columns_hold_what_changes_and_lines_the_rest() -> None:
    def row(market: float, zone: str, network: float) -> Row:
        parts = (
            PricePart("market price", market / 1000.0, PartKind.ENERGY),
            PricePart("seller's margin", 0.08, PartKind.ENERGY),
            PricePart("VAT 23 % on energy", 0.1, PartKind.ENERGY),
            PricePart(f"network ({zone})", network, PartKind.NETWORK),
            PricePart("VAT 23 % on network", network * 0.23, PartKind.NETWORK),
        )
        return Row(market, 0.2, parts, (PricePart("contract", 0.2, PartKind.SALE),))

    view = parts_view([row(400.0, "day", 0.3), row(500.0, "night", 0.1)], "PLN")
    assert [(column.title, column.cell(0), column.cell(1)) for column in view.columns] == [
        ("network", "0.3000", "0.1000"),
        ("VAT", "0.1690", "0.1230"),
    ]
    assert view.lines == (
        "network [PLN/kWh]: day 0.3000, night 0.1000",
        "Of what you pay, the same in every quarter [PLN/kWh]: seller's margin 0.0800",
        "Of what you get, the same in every quarter [PLN/kWh]: contract 0.2000",
    )
    assert parts_view([], "PLN").columns == ()


def house(tmp_path: Path, tariff_lines: str = "") -> Path:
    """Return a configuration file with these lines in its tariff."""
    path = tmp_path / "config" / "house.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\nprices:\n  tariff:\n"
        f"    kind: dynamic\n{tariff_lines}",
        encoding="utf-8",
    )
    return path


def test_the_list_names_what_can_be_configured(tmp_path: Path) -> None:
    path = house(tmp_path)
    output = CliRunner().invoke(app_of(tariffs), ["tariffs", "--config", str(path)]).output
    assert "operator tauron: G11, G12, G12w, G12as, G13, G13s, G14dynamic" in output
    assert "Tauron Dystrybucja 2026, from 2026-01-01 to 2026-12-31\n" in output
    assert "Enea Operator 2026, from 2026-01-01 to 2026-12-31, not verified" in output
    assert "seller tauron: dynamic, fixed G11, fixed G12, fixed G12w, fixed G13" in output
    assert "net-billing pl: rce, rcem" in output
    assert "without end" in output
    document = json.loads(CliRunner().invoke(app_of(tariffs), ["tariffs", "--config", str(path), "--json"]).output)
    tauron = next(one for one in document if one["kind"] == "operator" and one["edition"]["name"] == "tauron")
    assert tauron["groups"]["G14dynamic"]["by_compass"]["required_restriction"] == "S4"
    three = {"name": "network, fixed part", "per_month": 10.86, "applies_to": "three phases", "phases": 3}
    assert any(three.items() <= fee.items() for fee in tauron["groups"]["G13"]["monthly"])


def test_config_check_looks_names_up(tmp_path: Path) -> None:
    checked = typer.Typer()
    checked.callback()(lambda: None)
    config_command.register(checked)
    wrong = CliRunner().invoke(
        checked, ["config", "check", str(house(tmp_path, "    operator: tauron\n    group: G99\n"))]
    )
    assert wrong.exit_code == 2
    assert (
        "house.yaml:7:5: prices.tariff.group: 'G99' is not a group of tauron; allowed: G11, G12, G12w" in wrong.output
    )
    right = house(tmp_path, "    operator: tauron\n    group: G13\n")
    assert CliRunner().invoke(checked, ["config", "check", str(right)]).exit_code == 0
    own = tmp_path / "config" / "tariffs" / "mine.toml"
    own.parent.mkdir()
    own.write_text("format = 1\n", encoding="utf-8")
    broken = CliRunner().invoke(checked, ["config", "check", str(right)])
    assert broken.exit_code == 2
    assert "mine.toml: kind: is required" in broken.output


def test_the_status_screen_tells_what_is_doubtful() -> None:
    document = {"at": "2027-01-01T12:00:00+00:00", "prices": {"tariff_remarks": ["the tariff ended on 2026-12-31"]}}
    console = Console(width=120)
    with console.capture() as shown:
        console.print(price_panel(document, WARSAW))
    assert "the tariff ended on 2026-12-31" in shown.get()


async def test_the_doctor_looks_names_up(tmp_path: Path) -> None:
    wrong = house(tmp_path, "    operator: tauron\n    group: G99\n")
    _, faults = _load(wrong, StoppedClock())
    assert [fault.partition(": prices.tariff.")[2] for fault in faults] == [
        "group: 'G99' is not a group of tauron; allowed: G11, G12, G12w, G12as, G13, G13s, G14dynamic"
    ]
