"""Strategies in the shadow of a whole household: what a virtual battery does is what the simulated inverter does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.composition.strategies import shadows_of, strategies_of
from hems.composition.tools import load
from hems.coordination.shadow_houses import STATE_KEY
from hems.domain.errors import StorageError
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import live_through, priced_by, write_configuration
from support.memory_store import MemoryStore

NIGHT = datetime(2026, 11, 17, 22, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOUSE = SimulatorOptions(
    model="GW10K-ET", soc_pct=25.0, capacity_wh=10_000.0, pv_peak_w=4000.0, load_average_w=600.0, scenario="everyday"
)


def cheap_then_dear(at: datetime) -> float:
    return 50.0 if at < NIGHT + 2 * HOUR else 900.0


def live(folder: Path, strategy: str, start: datetime = NIGHT, length: timedelta = 4 * HOUR) -> dict[str, Any]:
    outcome = live_through(
        folder, start, length, HOUSE, prices=priced_by(cheap_then_dear), poll_s=30, strategy=strategy, shadows=True
    )
    return outcome.status


def test_the_shadow_of_the_strategy_in_charge_fares_as_the_real_house(tmp_path: Path) -> None:
    status = live(tmp_path, "multi_factor")
    houses, real_soc = status["strategies"]["houses"], status["sensors"]["battery_soc_pct"]
    assert status["strategies"]["in_charge"] == "multi_factor"
    assert (status["strategies"]["gaps"], status["strategies"]["quarters"]) == (0, 15)
    # The last quarter is open still: the real battery is a quarter ahead.
    assert houses["multi_factor"]["soc_pct"] == pytest.approx(real_soc, abs=4.0)
    assert houses["self_use"]["soc_pct"] < 15.0 < 60.0 < houses["multi_factor"]["soc_pct"]
    # The ledger of the real house knows nothing of the shadows; both found the same saving, on other models.
    savings = status["metrics"]["savings"]["value"]
    assert savings > 1.0
    assert houses["multi_factor"]["saved_total"] == pytest.approx(savings, rel=0.15)


def test_a_strategy_that_is_not_in_charge_acts_in_its_shadow_only(tmp_path: Path) -> None:
    status = live(tmp_path, "self_use")
    houses = status["strategies"]["houses"]
    assert status["mode"]["mode"] == "self_use"
    assert status["writes_today"] == 0
    assert houses["self_use"]["soc_pct"] == pytest.approx(status["sensors"]["battery_soc_pct"], abs=4.0)
    assert houses["multi_factor"]["soc_pct"] > 60.0
    assert houses["idle"]["soc_pct"] == 25.0


def test_the_comparison_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = live(tmp_path, "self_use", length=2 * HOUR)["strategies"]
    again = live(tmp_path, "self_use", start=NIGHT + 3 * HOUR, length=HOUR)["strategies"]
    assert again["since"] == first["since"]
    assert first["quarters"] < again["quarters"] < first["quarters"] + 5
    assert again["quarters"] + again["gaps"] == 15
    # What was bought in the first life, at 0.05 a kWh, is used in the second: the saving stays, whatever is valued.
    before, after = (told["houses"]["multi_factor"] for told in (first, again))
    assert after["saved_total"] == pytest.approx(before["saved_total"], rel=0.1)
    assert before["soc_pct"] > after["soc_pct"] > 60.0


def test_shadows_can_be_switched_off(tmp_path: Path) -> None:
    outcome = live_through(tmp_path, NIGHT, HOUR / 4, HOUSE, poll_s=30)
    assert outcome.status["strategies"] is None


class Unreadable(MemoryStore):
    def get_state(self, key: str) -> object | None:
        raise StorageError("by the test")


def test_a_comparison_that_cannot_be_read_is_not_overwritten(tmp_path: Path) -> None:
    settings = load(write_configuration(tmp_path, shadows=True)).settings
    told: list[tuple[str, str, str]] = []
    assert shadows_of(settings, strategies_of(settings), Unreadable(), lambda *event: told.append(event)) is None
    assert [event[:2] for event in told] == [("storage", "error")]


def test_the_comparison_is_kept_where_the_product_keeps_its_state(tmp_path: Path) -> None:
    live(tmp_path, "self_use", length=HOUR)
    with SqliteStore(StoreOptions(path=next(tmp_path.rglob("*.sqlite*")))) as store:
        kept = store.get_state(STATE_KEY)
    assert isinstance(kept, dict)
    assert set(kept["houses"]) == {"optimal", "multi_factor", "self_use", "idle"}
