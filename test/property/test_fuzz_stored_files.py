"""Whatever lies in the data directory: readers tell what is wrong, none crashes or waits, the service starts."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hems.adapters.inverters.goodwe import GoodWeOptions, open_in_memory
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.process_lock import LOCK_NAME, ProcessLock, is_held
from hems.adapters.storage.fast_charge_inbox import FileFastChargeInbox
from hems.adapters.storage.state_file import CURRENT_STATE, read_current_state
from hems.coordination.energy_ledger import STATE_KEY, EnergyLedger, LedgerOptions
from hems.coordination.health import UPTIME_KEY, HealthMonitor
from hems.coordination.safety_guard import LATCH_KEY
from hems.domain.command import Applied, Command, Mode, WritePurpose
from hems.domain.errors import PermanentError, RejectedData, StorageError
from hems.domain.record import ProcessFigures, SystemState
from hems.planning.self_use import SelfUseHouse
from hems.safety.latch import from_state, to_state, violations
from hems.simulation.simulated_inverter import SimulatorOptions
from support.goodwe_bench import QUICK, LeapingClock, RegisterDevice, et_registers
from support.household import live_through
from support.memory_store import MemoryStore
from support.safety_builders import NOON, snapshot

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -1, 2**63])
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        [
            "2026-01-01",
            "0001-01-01T00:00:00+23:00",
            "9998-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:00",
            "2026-01-01T00:00:00Z",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NO_FIXTURE_CHECK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3_000_000_000)


def holding(content: str | bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


PLACES: dict[str, Callable[[Path], None]] = {
    "a pipe": fifo,
    "a device": endless,
    "a directory": Path.mkdir,
    "a loop": lambda path: path.symlink_to(path),
    "3 GB": huge,
    "nothing in it": holding(""),
    "half": holding('{"target_soc_pct": 9'),
    "no text": holding(b"\xff\xfe\x00"),
    "deep": holding("[" * 100_000),
    "deep and closed": holding('{"a":' * 5000 + "1" + "}" * 5000),
    "a list": holding("[]"),
    "a number": holding("9" * 5000),
    "empty": holding("{}"),
    "not a number": holding('{"target_soc_pct": NaN, "deadline": "2026-01-01T00:00:00Z", "asked_at": 1}'),
}


@pytest.fixture(params=sorted(PLACES))
def in_the_way(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return PLACES[request.param]


def test_the_state_file_explains_itself(tmp_path: Path, in_the_way: Callable[[Path], None]) -> None:
    path = tmp_path / CURRENT_STATE
    path.parent.mkdir()
    in_the_way(path)
    began = time.monotonic()
    found = read_current_state(tmp_path)
    assert time.monotonic() - began < 1.0
    assert found.status is not None or (found.problem and str(path) in found.problem)


def test_a_request_is_refused_in_words(tmp_path: Path, in_the_way: Callable[[Path], None]) -> None:
    path = tmp_path / "fast_charge_request.json"
    in_the_way(path)
    began = time.monotonic()
    with pytest.raises(RejectedData, match=r"fast_charge_request\.json"):
        FileFastChargeInbox(path).read()
    assert time.monotonic() - began < 1.0


def test_a_save_of_the_owners_settings_is_refused_in_words(tmp_path: Path, in_the_way: Callable[[Path], None]) -> None:
    path = tmp_path / "inverter_user_settings.json"
    in_the_way(path)
    began = time.monotonic()
    try:
        loaded = JsonUserSettingsStore(path).load()
    except StorageError as error:
        assert str(path) in str(error)  # noqa: PT017 - a mapping is as good an answer
    else:
        assert isinstance(loaded, dict)
    assert time.monotonic() - began < 1.0


def test_a_lock_that_is_none_is_told_at_once(tmp_path: Path, in_the_way: Callable[[Path], None]) -> None:
    in_the_way(tmp_path / LOCK_NAME)
    began = time.monotonic()
    assert is_held(tmp_path) in {False, None}
    try:
        with ProcessLock(tmp_path):
            assert is_held(tmp_path) is True
    except (StorageError, PermanentError) as error:
        assert str(tmp_path) in str(error)  # noqa: PT017 - content does not matter to a lock, only kinds of file do
    assert time.monotonic() - began < 1.0


@given(st.dictionaries(st.sampled_from(["target_soc_pct", "deadline", "asked_at"]), JSON) | JSON)
@NO_FIXTURE_CHECK
def test_any_json_as_a_request(tmp_path: Path, content: object) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(content))
    try:
        request = FileFastChargeInbox(path).read()
    except RejectedData:
        return
    assert request is not None
    assert 0 < request.target_soc_pct <= 100
    assert request.deadline.utcoffset() == timedelta(0)


# -- the owner's settings: what is damaged is never written into an inverter ------------------------------------

OWNERS = {"min_soc": "000a", "work_mode": "0000", "ems": "00010000", "charge_current": "00fa"}


@given(
    st.dictionaries(
        st.sampled_from([*OWNERS, "eco_1", "export_limit", "nothing known"]),
        st.sampled_from(["", "0", "zz", "00", "000a", "0a0a0a", "ffff", "2307ab00", "00" * 40]) | JSON,
    )
)
@settings(max_examples=60, deadline=None)
async def test_a_damaged_save_of_the_owners_settings_is_never_written(fields: dict[str, object]) -> None:
    device = RegisterDevice(registers=et_registers())
    saved = {
        "format": 1,
        "serial_number": "9010KETU00TEST01",
        "fields": cast("object", OWNERS | fields),
        "touched": list((OWNERS | fields).keys()),
    }
    store = Kept(saved)
    inverter = await open_in_memory(
        device.exchange_pdu, LeapingClock(), GoodWeOptions(host="in memory", retry=QUICK), store
    )
    await inverter.restore_self_use(user_settings=True)
    for address, payload in device.written:
        assert len(payload) % 2 == 0, (address, payload.hex())
        if address == 45356:
            assert int.from_bytes(payload, "big") <= 100, "a minimum SoC that no battery has"
            assert len(payload) == 2
        if address == 47000:
            assert len(payload) == 2


class Kept:
    """A store that holds what it is given, as a disk would give it back."""

    def __init__(self, saved: dict[str, object] | None) -> None:
        self.saved = saved

    def load(self) -> dict[str, object] | None:
        return self.saved

    def save(self, settings: dict[str, object]) -> None:
        self.saved = settings

    def clear(self) -> None:
        self.saved = None


async def test_safety_goes_on_past_a_damaged_save() -> None:
    device = RegisterDevice(registers=et_registers())
    device.put(47511, b"\x00\x0b\x07\xd0")
    store = Kept(
        {"format": 1, "serial_number": "9010KETU00TEST01", "fields": {"min_soc": "zz"}, "touched": ["min_soc"]}
    )
    clock = LeapingClock()
    inverter = await open_in_memory(device.exchange_pdu, clock, GoodWeOptions(host="in memory", retry=QUICK), store)
    away = Command(mode=Mode.SELF_USE, expires_at=clock.now() + timedelta(hours=1))
    assert isinstance(await inverter.apply(away, WritePurpose.SAFETY), Applied)
    assert device.registers[47511] in {0, 1}


# -- the values the database keeps -----------------------------------------------------------------------------

HOUSE = SelfUseHouse(
    capacity_wh=10_000.0, soc_min_pct=10.0, soc_max_pct=100.0, charge_max_w=5000.0, discharge_max_w=5000.0
)


def kept_ledger() -> dict[str, Any]:
    ledger = EnergyLedger(LedgerOptions(house=HOUSE), lambda _: None)
    for step in range(4):
        ledger.observe(snapshot(NOON + timedelta(seconds=5 * step)), None)
    return cast("dict[str, Any]", json.loads(json.dumps(ledger.state())))


def with_damage(kept: Any, data: st.DataObject) -> Any:
    """Return ``kept`` with one value, anywhere in it, replaced or gone."""
    if not isinstance(kept, dict | list) or not kept or data.draw(st.integers(0, 4)) == 0:
        return data.draw(JSON)
    key: Any = data.draw(st.sampled_from(sorted(kept) if isinstance(kept, dict) else range(len(kept))))
    if data.draw(st.integers(0, 5)) == 0:
        return {name: item for name, item in kept.items() if name != key} if isinstance(kept, dict) else kept[:key]
    changed = dict(kept) if isinstance(kept, dict) else list(kept)
    changed[key] = with_damage(kept[key], data)
    return changed


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_the_ledger_begins_anew_or_goes_on_with_numbers(data: st.DataObject) -> None:
    store = MemoryStore()
    store.state[STATE_KEY] = with_damage(kept_ledger(), data)
    closed: list[Any] = []
    ledger = EnergyLedger(LedgerOptions(house=HOUSE), closed.append)
    ledger.load(store)
    for step in range(3):
        ledger.observe(snapshot(NOON + timedelta(minutes=10 * step + 1)), None)
    for slot in closed:
        for name in ("pv_wh", "load_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh", "coverage"):
            assert math.isfinite(getattr(slot, name)), (name, slot)
    json.dumps(ledger.state(), allow_nan=False)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_latch_that_cannot_be_read_stops_and_one_that_can_never_widens(data: st.DataObject) -> None:
    whole = {
        "version": 1,
        "held": [
            {
                "key": "battery_hot",
                "cause": "battery_temperature",
                "detail": "hot",
                "bounds_w": to_bounds(),
                "since": "2026-05-01T11:00:00+00:00",
            }
        ],
    }
    state = from_state(with_damage(whole, data), NOON)
    for violation in violations(state, timedelta(minutes=5)):
        for name in to_bounds():
            assert getattr(violation.bounds, name) >= 0.0  # which a NaN is not
    json.dumps(to_state(state), allow_nan=False)


def to_bounds() -> dict[str, float | None]:
    return {
        "charge_max_w": 0.0,
        "discharge_max_w": None,
        "forced_charge_max_w": 0.0,
        "forced_discharge_max_w": 0.0,
        "export_max_w": None,
    }


@given(JSON | st.fixed_dictionaries({"first_start_at": JSON, "able_s": JSON}))
@settings(deadline=None)
def test_uptime_is_counted_from_whatever_was_kept(kept: object) -> None:
    store = MemoryStore()
    store.state[UPTIME_KEY] = kept
    clock = LeapingClock(datetime(2026, 5, 1, tzinfo=UTC))
    health = HealthMonitor(clock, store, lambda: ProcessFigures(pid=1, cpu_s=0.0, rss_bytes=None, open_files=None))
    health.observe(SystemState.MONITORING)
    figures = health.figures()
    assert 0.0 <= figures.total_able_s < math.inf
    assert figures.total_s >= 0.0
    health.check()
    json.dumps(store.state, allow_nan=False)


# -- all of it at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "{", "[[[[", '{"schema": 1, "at": 5, "mode": 3}', "\0" * 4096, "9" * 9000])
def test_the_service_starts_over_a_damaged_data_directory(tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    (out / "system_state").mkdir(parents=True)
    start = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
    for folder, name in (
        ("system_state", "current_state.json"),
        ("system_state", "fast_charge_request.json"),
        ("energy_data", f"energy_data_{start:%Y-%m-%d}.json"),
        ("charging_schedules", f"schedule_{start:%Y-%m-%d}.json"),
        (".", "hems.sqlite3"),
        (".", LOCK_NAME),
    ):
        (out / folder).mkdir(exist_ok=True)
        (out / folder / name).write_text(content)
    outcome = live_through(tmp_path, start, timedelta(minutes=20), SimulatorOptions(soc_pct=50.0, pv=0.0, load=500.0))
    assert outcome.status["decision_count"] > 0
    assert outcome.status["stop_reason"]
    assert json.loads((out / CURRENT_STATE).read_text())["schema"] == 1


@pytest.mark.parametrize("key", [LATCH_KEY, STATE_KEY, UPTIME_KEY, "register_writes"])
@pytest.mark.parametrize("value", ["[]", "7", '"x"', '{"format": 1}', '{"version": 1, "held": [{}]}', "{", "NaN"])
def test_the_service_starts_over_damaged_values_in_the_database(tmp_path: Path, key: str, value: str) -> None:
    house = SimulatorOptions(soc_pct=50.0, pv=0.0, load=500.0)
    start = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
    live_through(tmp_path, start, timedelta(minutes=2), house)
    with closing(sqlite3.connect(tmp_path / "out" / "hems.sqlite3")) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", (key, value))
    outcome = live_through(tmp_path, start + timedelta(minutes=3), timedelta(minutes=5), house)
    assert outcome.status["decision_count"] > 0
