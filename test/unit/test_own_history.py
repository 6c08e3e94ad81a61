"""The house's own past for a backtest: what was stored, what was hardly measured, and prices with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hems.adapters.storage.sqlite_store import SqliteStore
from hems.composition.own_history import household_of_slots, own_history
from hems.composition.tools import Loaded, load, store_options
from hems.domain.errors import RejectedData, StorageError
from hems.domain.prices import Market
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.simulation.market import synthetic_day
from support.household import write_configuration
from support.storage_records import quarter

START = datetime(2026, 10, 24, 23, tzinfo=UTC)
"""An hour into the day that has 100 quarters."""

COUNT = 120
NOW = START + COUNT * MTU + timedelta(minutes=4)


def slots() -> list[EnergySlot]:
    """Quarters of 100 W, 101 W, ...; three are missing, two hardly measured, one held back."""
    made = []
    for index in range(COUNT):
        changes: dict[str, object] = {"load_wh": (100 + index) / 4, "pv_wh": index / 4}
        if index in (10, 11):
            changes |= {"coverage": 0.3}
        if index == 20:
            changes |= {"coverage": 0.5, "load_wh": 15.0}
        if index == 100:
            changes |= {"import_wh": 0.0, "soc_end_pct": 100.0, "pv_wh": 500.0}
        if index not in (40, 41, 42):
            made.append(quarter(START + index * MTU, **changes))
    return made


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """A house whose store holds ``slots`` and two days of prices."""
    found = load(write_configuration(tmp_path))
    found.data.mkdir(parents=True, exist_ok=True)
    with SqliteStore(store_options(found)) as store:
        for slot in slots():
            store.add_energy(slot)
        for market in Market:
            store.save_prices(market, synthetic_day(market, START.date() + timedelta(days=1)), "test")
    return found


def test_what_was_stored_is_the_home(loaded: Loaded) -> None:
    found = own_history(loaded, NOW)
    home = found.household
    assert (home.start, home.step, home.end) == (START, MTU, START + COUNT * MTU)
    unknown = np.flatnonzero(np.isnan(home.load_w)).tolist()
    assert unknown == [10, 11, 40, 41, 42]
    assert np.flatnonzero(np.isnan(home.pv_w)).tolist() == unknown
    assert home.load_w[[0, 20, 119]].tolist() == pytest.approx([100, 120, 219])
    assert home.pv_forecast_w is None
    quality = home.quality
    assert (quality.rows, quality.missing_rows) == (117, 3)
    assert quality.not_numbers == {"load_w": 2, "pv_w": 2}
    assert quality.gaps == (
        (START + 40 * MTU, START + 43 * MTU),
        (START + 10 * MTU, START + 12 * MTU),
    )
    assert quality.remarks[0].startswith("2 quarters were measured for less than half")
    assert quality.remarks[1].endswith("is not known; in 1 quarters they seem to have been held back")
    for series, market in ((found.day_ahead, Market.DAY_AHEAD), (found.settlement, Market.SETTLEMENT)):
        expected = synthetic_day(market, START.date() + timedelta(days=1))
        assert [slot.price_per_mwh for slot in series] == [slot.price_per_mwh for slot in expected]
        assert len(series) == 100


def test_the_quarter_under_way_is_not_the_past(loaded: Loaded) -> None:
    home = own_history(loaded, START + 50 * MTU + timedelta(seconds=1)).household
    assert home.end == START + 50 * MTU


def test_nothing_measured_yet(tmp_path: Path) -> None:
    found = load(write_configuration(tmp_path))
    with pytest.raises(StorageError):
        own_history(found, NOW)
    found.data.mkdir(parents=True, exist_ok=True)
    with SqliteStore(store_options(found)):
        pass
    with pytest.raises(RejectedData, match="let the service run for some days"):
        own_history(found, NOW)


def test_one_quarter_is_a_home() -> None:
    home = household_of_slots([quarter(START)])
    assert home.load_w.tolist() == [500.0]
    assert home.quality.remarks == (
        "PV is what the panels gave; what they could have given when held back is not known",
    )
