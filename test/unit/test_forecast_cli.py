"""``hems forecast`` and ``hems forecast score``: what a person and a program see, beside a running service or not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

import hems.adapters.clock
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.cli.app import app
from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid
from support.household import write_configuration

WARSAW = ZoneInfo("Europe/Warsaw")
NOW = datetime(2026, 10, 24, 22, 7, tzinfo=UTC)  # in the night in which the clock is set back


class StoppedClock:
    """The wall clock, stopped."""

    def now(self) -> datetime:
        return NOW


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hems.adapters.clock, "SystemClock", StoppedClock)


def quarter(start: datetime, load_w: float) -> EnergySlot:
    none = dict.fromkeys(("soc_end_pct", "import_price_per_kwh", "export_price_per_kwh", "cost"))
    baseline = dict.fromkeys(f"baseline_{name}" for name in ("import_wh", "export_wh", "soc_end_pct", "cost"))
    zero = dict.fromkeys(("pv_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh"), 0.0)
    return EnergySlot(start=start, coverage=1.0, load_wh=load_w / 4, price_estimated=False, **zero, **none, **baseline)


def forecast(at: datetime, watts: float, quantity: Quantity = Quantity.LOAD) -> EnergyForecast:
    levels = tuple(tuple([watts * share] * 144) for share in (0.5, 0.8, 1.0, 1.2, 1.5))
    start = floor_to_grid(at)
    return EnergyForecast(
        quantity=quantity, source="own_history", issued_at=at, known_at=start, start=start, levels_w=levels
    )


def house(folder: Path, *, issued: list[EnergyForecast], measured_days: int = 0) -> Path:
    """Return the configuration of a house whose store holds ``issued`` and days of 400 W up to now."""
    config = write_configuration(folder)
    (folder / "out").mkdir(exist_ok=True)
    with SqliteStore(StoreOptions(path=folder / "out" / "hems.sqlite3", durable=False)) as store:
        for one in issued:
            store.save_forecast(one)
        for back in range(1, measured_days * 96 + 1):
            store.add_energy(quarter(floor_to_grid(NOW) - back * MTU, 400.0))
    return config


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["forecast", *arguments], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_latest_forecast_is_shown_with_source_and_age(tmp_path: Path) -> None:
    issued = [forecast(NOW - timedelta(minutes=20), 900.0), forecast(NOW - timedelta(minutes=5), 600.0)]
    config = house(tmp_path, issued=issued)
    text = run("--config", str(config), "--hours", "4")
    assert text.count(" 300 ") == 16
    assert "900" in text  # the high value of the newer one; the older one's would be 1350
    assert "1350" not in text
    assert text.count("02:00") == 2
    assert "02:00 (again)" in text
    assert "from own history, issued 00:02, newest input of 25 October 00:00 (7 min old)" in text
    assert "No forecast of PV" in text


def test_show_and_its_default_are_the_same(tmp_path: Path) -> None:
    config = house(tmp_path, issued=[forecast(NOW, 600.0), forecast(NOW, 50.0, Quantity.PV)])
    assert run("show", "--config", str(config)) == run("--config", str(config))


def test_an_old_forecast_is_told(tmp_path: Path) -> None:
    config = house(tmp_path, issued=[forecast(NOW - timedelta(hours=3), 900.0)])
    text = run("show", "--config", str(config))
    assert "3.1 h old" in text
    assert "is the service running?" in text


def test_a_program_gets_every_level(tmp_path: Path) -> None:
    config = house(tmp_path, issued=[forecast(NOW - timedelta(minutes=5), 600.0)])
    document = json.loads(run("show", "--config", str(config), "--json", "--hours", "2"))
    assert document["pv"] is None
    assert document["load"]["age_s"] == 420
    assert len(document["load"]["quarters"]) == 8
    first = document["load"]["quarters"][0]
    assert first == {"start": "2026-10-25T00:00:00+02:00", "levels_w": [300.0, 480.0, 600.0, 720.0, 900.0]}


def test_with_nothing_issued_it_says_what_is_missing(tmp_path: Path) -> None:
    config = house(tmp_path, issued=[])
    assert "No forecast of load" in run("--config", str(config))
    assert run("score", "--config", str(config)).count("not enough data") == 2
    document = json.loads(run("score", "--config", str(config), "--json"))
    assert document == {"load": None, "pv": None}


def test_what_was_issued_is_scored_against_what_came(tmp_path: Path) -> None:
    start = floor_to_grid(NOW) - timedelta(days=2)
    config = house(tmp_path, issued=[forecast(start + n * MTU, 500.0) for n in range(192)], measured_days=4)
    document = json.loads(run("score", "--config", str(config), "--json", "--days", "3"))
    total = document["load"]["total"]
    assert total["issued"]["mae_w"] == pytest.approx(100.0)
    assert total["issued"]["bias_w"] == pytest.approx(100.0)
    assert total["yesterday"]["mae_w"] == total["week"]["mae_w"] == pytest.approx(0.0)
    assert list(document["load"]["days"]) == ["2026-10-23", "2026-10-24"], "today has no quarter yet"
    assert document["load"]["leads"]["0-1 h"]["issued"]["count"] == 192 * 4 - 6
    text = run("score", "--config", str(config), "--days", "3")
    assert "Fri 23 Oct" in text
    assert "ahead 0-1 h" in text


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["forecast", "--config", str(write_configuration(tmp_path))])
    assert result.exit_code != 0
    assert "no database yet" in str(result.exception)
