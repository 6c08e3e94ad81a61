"""A record with any part of it damaged: ``--status`` shows what it can and says so; it never ends in a traceback."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hems.adapters.storage.state_file import CURRENT_STATE
from hems.cli.exit_codes import ExitCode
from hems.cli.show_status import show_status
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import live_through

pytestmark = pytest.mark.slow

DAMAGE: list[Any] = [None, True, -1, 10**30, float("nan"), "", "x", [], [7], {}, {"at": 5}]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A household that has run for half an hour and left its record."""
    folder = tmp_path_factory.mktemp("house")
    start = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
    still = SimulatorOptions(soc_pct=50.0, pv=0.0, load=500.0)
    live_through(folder, start, timedelta(minutes=30), still, shadows=True)
    return folder


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every part of ``value``, of long lists the first two."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(2, len(value))):
            found += places(value[index], (*path, index))
    return found


def test_any_part_of_the_record_may_be_damaged(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, config = house / "out" / CURRENT_STATE, house / "config" / "master_coordinator_config.yaml"
    whole = file.read_text()
    try:
        document = json.loads(whole)
        assert show_status(config, as_json=False) == ExitCode.NOT_RUNNING
        assert "damaged" not in capsys.readouterr().out
        told = 0
        for number, path in enumerate(places(document)):
            changed = copy.deepcopy(document)
            *above, last = path
            here = changed
            for key in above:
                here = here[key]
            here[last] = DAMAGE[number % len(DAMAGE)]
            file.write_text(json.dumps(changed))
            for as_json in (False, True):
                assert show_status(config, as_json=as_json) == ExitCode.NOT_RUNNING, path
            told += "damaged" in capsys.readouterr().out
        assert told > 10, "the damage was not seen at all"
    finally:
        file.write_text(whole)
