"""Whole days of the whole coordinator against a simulated house, in virtual time.

Everything is the code that runs in the service but the wire, which is replaced by the same register exchange in
memory: device map, control, safety, decisions, storage and status are the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hems.adapters.clock import LoopClock
from hems.adapters.inverters.goodwe import open_in_memory
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.adapters.virtual_time import run_in_virtual_time
from hems.composition.household import Household
from hems.composition.inverter import USER_SETTINGS_FILE, goodwe_options_of
from hems.composition.parts import Surroundings
from hems.composition.settings import price_service_options_of, tariff_of
from hems.composition.tools import Loaded, json_files, store_options
from hems.coordination.price_service import PriceService
from hems.domain.command import Command
from hems.ports.clock import Clock
from hems.ports.inverter import Inverter
from hems.ports.prices import PriceSource
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions

Watch = Callable[["Moment"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The coordinator and the house after one cycle, for whoever watches."""

    at: datetime
    household: Household
    house: SimulatedInverter


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRun:
    """What to simulate. ``prices`` makes the source on the run's own clock."""

    loaded: Loaded
    start: datetime
    length: timedelta
    house: SimulatorOptions
    prices: Callable[[Clock], PriceSource]
    watch: Watch | None = None
    starting_with: Callable[[SimulatedInverter], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run left behind; its records are in the data directory."""

    status: dict[str, Any]
    house: SimulatedInverter
    cycles: int
    modes: tuple[tuple[datetime, Command | None], ...] = field(default=())


def simulate_days(run: SimulatedRun) -> RunOutcome:
    """Run the coordinator for ``run.length`` of virtual time, stop it properly, and return what came of it."""
    return run_in_virtual_time(_simulate(run))


async def _simulate(run: SimulatedRun) -> RunOutcome:
    clock = LoopClock(run.start)
    house = SimulatedInverter(run.house, run.start)
    if run.starting_with is not None:
        run.starting_with(house)
    watcher = _Watcher(run, house)
    settings, data = run.loaded.settings, run.loaded.data
    with ExitStack() as stack:
        store = stack.enter_context(SqliteStore(store_options(run.loaded)))
        around = Surroundings(
            clock=clock,
            store=store,
            files=json_files(run.loaded),
            connector=_MemoryConnector(run.loaded, house, clock, data),
            prices=PriceService(
                run.prices(clock), store, tariff_of(settings), clock, price_service_options_of(settings)
            ),
        )
        household = Household(run.loaded, around, on_cycle=watcher.see)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(run.length.total_seconds(), stop.set)
        await household.coordinator.run(stop)
        status = household.status()
        await household.collector.close()
        store.flush()
    return RunOutcome(status=status, house=house, cycles=watcher.cycles, modes=tuple(watcher.modes))


class _Watcher:
    """Counts cycles and notes every change of mode."""

    def __init__(self, run: SimulatedRun, house: SimulatedInverter) -> None:
        self._run = run
        self._house = house
        self.cycles = 0
        self.modes: list[tuple[datetime, Command | None]] = []

    def see(self, household: Household) -> None:
        self.cycles += 1
        parts = household.coordinator.parts
        active, now = parts.actions.active, parts.clock.now()
        if (
            not self.modes
            or (self.modes[-1][1] is None) is not (active is None)
            or (active is not None and not active.same_request(self.modes[-1][1]))
        ):
            self.modes.append((now, active))
        if self._run.watch is not None:
            self._run.watch(Moment(at=now, household=household, house=self._house))


class _MemoryConnector:
    """Opens the simulated inverter without a wire; its house lives up to now before it answers."""

    def __init__(self, loaded: Loaded, house: SimulatedInverter, clock: Clock, data: Path) -> None:
        self._options = goodwe_options_of(loaded)
        self._house = house
        self._clock = clock
        self._user_settings = JsonUserSettingsStore(data / "system_state" / USER_SETTINGS_FILE)

    async def open(self) -> Inverter:
        return await open_in_memory(
            self._exchange, self._clock, self._options, self._user_settings, self._exchange_aa55
        )

    def _exchange(self, pdu: bytes) -> bytes | None:
        self._house.advance_to(self._clock.now())
        return self._house.exchange_pdu(pdu)

    def _exchange_aa55(self, payload: bytes) -> bytes | None:
        self._house.advance_to(self._clock.now())
        return self._house.exchange_aa55(payload)
