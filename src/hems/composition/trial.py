"""One whole decision cycle on the real inverter, outside the service. Writes nothing unless told to."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hems.adapters.clock import SystemClock
from hems.adapters.process_lock import ProcessLock, is_held
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.composition.forecast_service import forecast_service_of
from hems.composition.household import Household
from hems.composition.inverter import connector_of
from hems.composition.parts import Surroundings
from hems.composition.settings import price_service_of, tariff_of
from hems.composition.taking_over import RecordingConnector
from hems.composition.tools import Loaded
from hems.coordination.action_executor_manager import describe
from hems.coordination.forecast_service import HISTORY_KEPT
from hems.coordination.forecast_service import STATE_KEY as FORECASTS_KEY
from hems.coordination.verification import SETTLE, Proof
from hems.domain.command import AlreadySo, Applied, WritePurpose
from hems.domain.decision import Decision
from hems.domain.errors import StorageError
from hems.domain.prices import Market
from hems.ports.inverter import InverterConnector

PRICES_TAKEN_OVER = timedelta(days=60)
ROWS_AT_ONCE = 2000
"""Fewer than the store lets wait before it drops some."""
PROOF_PATIENCE = SETTLE + timedelta(seconds=30)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """What the cycle found and did."""

    document: dict[str, Any]
    zone: ZoneInfo
    summary: str
    succeeded: bool


async def run_trial(loaded: Loaded, *, execute: bool, progress: Tell) -> TrialReport:
    """Read, decide and explain once; with ``execute`` also act, prove it, and give the inverter back.

    Its records go to a temporary place: the service's memory is not touched.
    Raises: PermanentError: --execute while the service runs, or an inverter that can never work.
    """
    clock, settings = SystemClock(), loaded.settings
    async with AsyncExitStack() as stack:
        if execute:
            stack.enter_context(ProcessLock(loaded.data))
        elif is_held(loaded.data):
            progress("The service is running: for a moment two clients share the inverter, some polls may be lost.")
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hems-test-")))
        store = stack.enter_context(SqliteStore(StoreOptions(path=scratch / "test.sqlite3")))
        _take_over_prices(loaded, store, clock)
        _take_over_measured(loaded, store, clock)
        prices = await stack.enter_async_context(price_service_of(settings, store, tariff_of(settings), clock))
        # Opened, not asked: the cycle goes by what the service was told last.
        forecasts = await stack.enter_async_context(forecast_service_of(settings, store, clock))
        connector: InverterConnector = await stack.enter_async_context(connector_of(loaded, clock))
        taken = RecordingConnector(connector, loaded, loaded.content, clock) if execute else None
        files = JsonFiles(scratch, loaded.zone)
        around = Surroundings(
            clock=clock,
            store=store,
            files=files,
            connector=taken or connector,
            prices=prices,
            forecasts=forecasts,
        )
        household = Household(loaded, around)
        stack.push_async_callback(household.collector.close)
        progress("Fetching prices …")
        prices.load()
        await prices.fetch_due()
        progress(f"Reading the inverter at {settings.inverter.ip_address} …")
        decision = await household.coordinator.rehearse()
        if decision is None:
            summary = f"The inverter gave no reading: {household.collector.last_error}"
            return TrialReport(document=household.status(), zone=loaded.zone, summary=summary, succeeded=False)
        succeeded, summary = True, f"Decided: {describe(decision.command)}. Nothing was written to the inverter."
        if taken is not None:
            succeeded, summary = await _carry_out(household, decision, progress, taken.given_back)
        document = household.status() | {"test": {"executed": execute, "succeeded": succeeded, "summary": summary}}
        return TrialReport(document=document, zone=loaded.zone, summary=summary, succeeded=succeeded)


def _take_over_prices(loaded: Loaded, store: SqliteStore, clock: SystemClock) -> None:
    now = clock.now()
    try:
        with StoreReader(loaded.database) as reader:
            for market in Market:
                known = reader.load_prices(market, now - PRICES_TAKEN_OVER, now + timedelta(days=3))
                store.save_prices(market, known, "archive")
        store.flush()
    except StorageError:
        return  # the service has not stored anything yet: prices are fetched or estimated


def _take_over_measured(loaded: Loaded, store: SqliteStore, clock: SystemClock) -> None:
    """Take over what forecasts rest on: the measured past, and what their source said last."""
    now = clock.now()
    try:
        with StoreReader(loaded.database) as reader:
            measured = reader.energy_between(now - HISTORY_KEPT, now)
            said = reader.get_state(FORECASTS_KEY)
        for first in range(0, len(measured), ROWS_AT_ONCE):
            for slot in measured[first : first + ROWS_AT_ONCE]:
                store.add_energy(slot)
            store.flush()
        if said is not None:
            store.put_state(FORECASTS_KEY, said)
    except StorageError:
        return  # nothing has been measured yet: the cycle goes without forecasts


async def _carry_out(
    household: Household, decision: Decision, progress: Tell, given_back: Callable[[], None] = lambda: None
) -> tuple[bool, str]:
    """Act, wait for the proof, and put the inverter back, also where the waiting is broken off."""
    coordinator = household.coordinator
    parts = coordinator.parts
    asked = describe(decision.command)
    progress(f"Carrying out: {asked} …")
    try:
        now = parts.clock.now()
        await parts.actions.reconcile(now)
        record = await parts.actions.execute(decision.command, WritePurpose.DECISION, now)
        outcome = type(record.result).__name__
        proof = Proof.PENDING
        if isinstance(record.result, Applied | AlreadySo):
            proof = await _wait_for_proof(household, progress)
    finally:
        with suppress(OSError):  # the terminal may have gone
            progress("Putting the inverter back to self-use …")
        restored = await parts.actions.shut_down()
        is_back = isinstance(restored, Applied | AlreadySo)
        if is_back:
            given_back()
    back = "back in self-use" if is_back else f"NOT confirmed back in self-use ({restored}): run `hems restore`"
    said = getattr(record.result, "detail", "")
    detail = f", {said}" if said else ""
    summary = f"{asked}: {outcome}{detail}, measured power: {proof.value}; the inverter is {back}."
    return is_back and proof is Proof.CONFIRMED, summary


async def _wait_for_proof(household: Household, progress: Tell) -> Proof:
    parts = household.coordinator.parts
    if parts.actions.verification is None:
        return Proof.CONFIRMED  # self-use was in force already, and stays
    deadline = parts.clock.monotonic() + PROOF_PATIENCE.total_seconds()
    progress(f"Waiting for the battery to follow (up to {PROOF_PATIENCE.total_seconds():.0f} s) …")
    while parts.clock.monotonic() < deadline:
        snapshot = await parts.collection.poll()
        if snapshot is not None:
            household.coordinator.snapshot = snapshot
            parts.actions.observe(snapshot, parts.clock.now())
        verification = parts.actions.verification
        if verification is not None and verification.proof is not Proof.PENDING:
            return verification.proof
        await parts.clock.sleep(2.0)
    return Proof.PENDING
