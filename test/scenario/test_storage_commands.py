"""`hems backup` and `hems export` as a person types them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hems.adapters.process_lock import ProcessLock
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.cli import backup, export
from hems.domain.time_grid import MTU
from support.storage_records import T0, quarter

SHIPPED = Path(__file__).parents[2] / "config" / "master_coordinator_config.yaml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, with a database where it says."""
    file = tmp_path / "config" / SHIPPED.name
    file.parent.mkdir()
    file.write_bytes(SHIPPED.read_bytes())
    with SqliteStore(StoreOptions(path=tmp_path / "out" / "hems.sqlite3")) as store:
        store.add_energy(quarter(T0))
    return file


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    backup.register(made)
    export.register(made)
    return made


def test_backup_holds_the_database_and_the_configuration(app: typer.Typer, config: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.tar.gz"
    result = CliRunner().invoke(app, ["backup", str(target), "--config", str(config)])
    assert result.exit_code == 0, result.output
    assert "out/hems.sqlite3, config/master_coordinator_config.yaml" in result.output
    assert f"hems backup --restore {target}" in result.output.replace("\n", "")
    with tarfile.open(target) as tar:
        assert tar.getnames() == ["out/hems.sqlite3", "config/master_coordinator_config.yaml"]


def test_going_back_to_a_backup(app: typer.Typer, config: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.tar.gz"
    CliRunner().invoke(app, ["backup", str(target), "--config", str(config)])
    with SqliteStore(StoreOptions(path=tmp_path / "out" / "hems.sqlite3")) as store:
        store.add_energy(quarter(T0 + MTU))
    back = ["backup", "--restore", str(target), "--config", str(config)]
    with ProcessLock(tmp_path / "out"):
        refused = CliRunner().invoke(app, back)
        assert refused.exit_code == 1
        assert "stop it first" in str(refused.exception)
    done = CliRunner().invoke(app, back)
    assert done.exit_code == 0, done.output
    said = done.output.replace("\n", "")
    assert "restored from" in said
    assert "before-restore-1" in said
    assert "config/master_coordinator_config.yaml" in said
    with SqliteStore(StoreOptions(path=tmp_path / "out" / "hems.sqlite3")) as store:
        assert store.energy_between(T0, T0 + 9 * MTU) == [quarter(T0)]


def test_export_writes_a_file_once(app: typer.Typer, config: Path, tmp_path: Path) -> None:
    target = tmp_path / "q.csv"
    arguments = ["export", "--from", "2026-11-01", "--to", "2026-11-01", "--csv", str(target), "--config", str(config)]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("time [UTC],time [Europe/Warsaw],measured share [0-1],PV [Wh]")
    assert lines[1].startswith("2026-11-01T12:00:00Z,2026-11-01T13:00:00+01:00,1,0,125,125")
    assert len(lines) == 2
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1
    assert "--force" in str(again.exception)
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0


def test_export_to_the_terminal_and_a_time_that_is_none(app: typer.Typer, config: Path) -> None:
    shown = CliRunner().invoke(app, ["export", "--from", "2026-11-01", "--config", str(config)])
    assert "2026-11-01T12:00:00Z" in shown.stdout
    wrong = CliRunner().invoke(app, ["export", "--from", "yesterday", "--config", str(config)])
    assert wrong.exit_code == 2
    assert "is not a time" in wrong.output
    turned = CliRunner().invoke(app, ["export", "--from", "2026-11-02", "--to", "2026-11-01", "--config", str(config)])
    assert turned.exit_code == 2
    assert "is not before" in turned.output
