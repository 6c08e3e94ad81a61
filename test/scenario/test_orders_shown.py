"""What a person sees of orders: a line each in ``hems status``, and the reason in ``hems why``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from hems.cli.status_view import status_view
from hems.cli.why import show_why
from hems.composition.simulated_days import RunOutcome
from hems.decision.wording import Language
from hems.domain.orders import ChooseStrategy, EmergencyStop, FastCharge, Hold, Order
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import flat_prices, live_through
from support.orders import Persons

NIGHT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
UNTIL = NIGHT + timedelta(hours=2)


def lived(folder: Path, *orders: Order) -> RunOutcome:
    persons = Persons(NIGHT, [(timedelta(minutes=1 + number), order) for number, order in enumerate(orders)])
    house = SimulatorOptions(soc_pct=50.0, capacity_wh=10_000.0, load=500.0, pv=0.0)
    return live_through(
        folder, NIGHT, timedelta(minutes=8), house, prices=flat_prices(700.0), watch=persons.watch, poll_s=10
    )


def shown(outcome: RunOutcome) -> str:
    console = Console(width=140, file=StringIO(), force_terminal=False)
    console.print(status_view(json.loads(json.dumps(outcome.status)), ZoneInfo("Europe/Warsaw")))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_status_shows_a_line_for_each_order(tmp_path: Path) -> None:
    charge = FastCharge(target_soc_pct=90.0, deadline=UNTIL)
    text = shown(
        lived(tmp_path, Hold(until=UNTIL), charge, ChooseStrategy(name="self_use"), EmergencyStop(reason="smoke"))
    )
    assert "hold until Sat 10.01 23:00, by test" in text
    assert "90 % by Sat 10.01 23:00" in text
    assert "strategy self use instead of multi factor, by test" in text
    assert "test stopped all operations (smoke)" in text
    assert "ERROR" in text or "STOPPED" in text


def test_status_of_a_house_without_orders_shows_none(tmp_path: Path) -> None:
    outcome = lived(tmp_path)
    text = shown(outcome)
    assert " order " not in text
    document = json.loads(json.dumps(outcome.status))
    del document["orders"]  # as a version before orders wrote it
    console = Console(width=140, file=StringIO())
    console.print(status_view(document, ZoneInfo("Europe/Warsaw")))


@pytest.mark.parametrize(
    ("language", "said"),
    [(Language.ENGLISH, "Decided by a person's order (trigger: a person)"), (Language.POLISH, "polecenie osoby")],
)
def test_why_reads_the_reason_of_an_order(
    language: Language, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lived(tmp_path, Hold(until=UNTIL))
    capsys.readouterr()
    path = tmp_path / "config" / "master_coordinator_config.yaml"
    assert show_why(path, None, lang=language, as_json=False) == 0
    text = capsys.readouterr().out
    assert said in text
    assert "Asked to hold the battery until 23:00" in text
