"""The lives of one service: started, killed, restored and started again, as a service manager does it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from hems.adapters.inverters.goodwe import LastKnown, RetryOptions, UnseenRestore, open_in_memory
from hems.adapters.inverters.goodwe.bus import MemoryBus
from hems.adapters.inverters.goodwe.connector import GoodWeInverter, restore_inverter
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.prices.pse import PseOptions, PsePriceSource
from hems.adapters.storage.json_files import JsonFiles
from hems.chaos.memory import Key, Witness, damage, leave_behind
from hems.chaos.world import Disk, HostClock, ProcessDied, TroubledMarket, Wire
from hems.composition.household import Household
from hems.composition.inverter import USER_SETTINGS_FILE, goodwe_options_of
from hems.composition.parts import Surroundings
from hems.composition.settings import price_service_options_of, tariff_of
from hems.composition.tools import DATABASE, Loaded, load, store_options
from hems.coordination.price_service import PriceService
from hems.domain.command import AlreadySo, Applied, Command, CommandResult, Mode, WritePurpose
from hems.domain.errors import ConfigurationError, PermanentError, StorageError
from hems.domain.site import BatteryWindow, ControlMethod
from hems.domain.time_grid import local_date
from hems.ports.inverter import Inverter
from hems.simulation.simulated_inverter import SimulatedInverter

log = structlog.get_logger(__name__)

RESTART_PAUSE_S = 30.0
"""RestartSec of the unit."""
SLOT_ENDS_WITHIN = timedelta(minutes=2)
"""After its lease's end: slots end with a whole minute, and that minute belongs to them."""
BOOT = timedelta(seconds=30)
"""From power to the service's start."""
RESTORE_HOOK_S = 20.0
"""The restore hook's own time limit."""
RESTORE_READING_S = 7.0
"""How long the hook reads before it writes unseen."""
WATCHDOG_S = 180.0
"""WatchdogSec of the unit: how long a hanging process goes unnoticed."""


@dataclass(slots=True)
class WriteCount:
    """Register writes of one local day, by what they were for."""

    decisions: int = 0
    safety: int = 0
    restores: int = 0


class CountedInverter:
    """An opened inverter with somebody who counts its writes; everything else goes straight through."""

    def __init__(self, inverter: GoodWeInverter, service: Service) -> None:
        self._inverter = inverter
        self._service = service

    def __getattr__(self, name: str) -> object:
        return getattr(self._inverter, name)

    async def apply(self, command: Command, purpose: WritePurpose) -> CommandResult:
        """Put ``command`` into the inverter, counted."""
        before = self._inverter.register_writes
        self._service.ask(command)
        try:
            return await self._inverter.apply(command, purpose)
        finally:
            self._service.count(purpose, self._inverter.register_writes - before, forced=command.is_forced)


@dataclass(slots=True)
class Process:
    """One life of the service."""

    directory: Path
    loaded: Loaded
    wire: Wire
    store: Witness
    household: Household
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Service:
    """Starts the coordinator's processes one after another, and knows what they stand for."""

    def __init__(
        self,
        folder: Path,
        config: Path,
        house: SimulatedInverter,
        clock: HostClock,
        market: TroubledMarket,
        disk: Disk,
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._config = config
        self._house = house
        self._clock = self.clock = clock
        self._market = market
        self._lives = 0
        self.heir = folder / "disk-0"
        self.process: Process | None = None
        self._poll_interval = timedelta(seconds=10)
        self._is_shown = True
        self.cycles = 0
        self.starts = 0
        self.refused_starts = 0
        self.restores = 0
        self.crashes: list[str] = []
        """Why processes ended that nobody had killed."""
        self.committed: set[Key] = set()
        self.writes: dict[str, WriteCount] = {}
        self.host_is_off = False
        self._late_until = self._lease_ends_at = self._asked_until = self._limit_asked_until = clock.true_now()
        self._ends_by_itself_at: datetime | None = None
        self._lease: Command | None = None
        self._refused_text: bytes | None = None
        self._is_restored = False
        self.taken_over = ""
        """Serial number of the inverter that was opened last: the service's own record of it."""
        self._task: asyncio.Task[None] | None = None
        self._damage_seed: int | None = None
        self.wake = asyncio.Event()

    # -- what the referee may ask ------------------------------------------------------------------------------

    def lease_over_s(self, at: datetime) -> float:
        """Return for how long no lease of a living process has covered a forced mode; inf where no process lives."""
        if self.process is None or self.process.wire.dead:
            return float("inf")
        active = self._look_at_lease(self.process)
        ends = [self._asked_until] if active is None else [self._asked_until, self._lease_ends_at]
        return max(0.0, (at - max(ends)).total_seconds())

    def export_lease_over_s(self, at: datetime) -> float:
        """Return for how long no lease of a living process has covered a limit on export; inf where none lives."""
        if self.process is None or self.process.wire.dead:
            return float("inf")
        active = self._look_at_lease(self.process)
        is_covered = active is not None and active.export_limit_w is not None
        ends = [self._limit_asked_until, self._lease_ends_at] if is_covered else [self._limit_asked_until]
        return max(0.0, (at - max(ends)).total_seconds())

    def _look_at_lease(self, process: Process) -> Command | None:
        active = process.household.coordinator.parts.actions.active
        if active is not self._lease:
            # Counted here, in true time from when it was first seen: when it is over is not the coordinator's to say.
            self._lease = active
            if active is not None:
                self._lease_ends_at = self._in_true_time(active.expires_at)
        return active

    def ask(self, command: Command) -> None:
        """Note what the inverter is asked for: a forced mode that was never confirmed may be in force until its end."""
        is_forced = command.is_forced
        until = self._in_true_time(command.expires_at) if is_forced else self._clock.true_now()
        # Asking for self-use ends what was asked before, and asking again excuses nothing.
        self._asked_until = until if is_forced else min(until, self._asked_until)
        is_limited = command.export_limit_w is not None
        self._limit_asked_until = until if is_limited else min(self._clock.true_now(), self._limit_asked_until)

    def _in_true_time(self, moment: datetime) -> datetime:
        return self._clock.true_now() + (moment - self._clock.now())

    def window(self) -> BatteryWindow | None:
        """Return the battery's window."""
        if self.process is None:
            return None
        spec = self.process.household.coordinator.parts.safety.spec
        return None if spec is None else spec.window

    def nobody_can_act(self, at: datetime) -> bool:
        """Return whether nobody can act at ``at``, nor the control method by itself: no host, or a hook on its way."""
        if not self.host_is_off:
            return at < self._late_until
        # A slot ends by the inverter's own clock, however wrong that has become.
        wrong_by = timedelta(seconds=abs(self._house.device.clock.error_s(at)))
        return self._ends_by_itself_at is None or at < self._ends_by_itself_at + wrong_by

    def nobody_can_end_a_limit(self, at: datetime) -> bool:
        """Return whether nobody can put back the owner's limit at ``at``: no host, or a hook on its way."""
        return self.host_is_off or at < self._late_until

    def count(self, purpose: WritePurpose, writes: int, *, forced: bool) -> None:
        """Count register writes of the day as the coordinator's clock has it."""
        if self.process is None:
            return
        day = local_date(self._clock.now(), self.process.loaded.zone).isoformat()
        today = self.writes.setdefault(day, WriteCount())
        if purpose is WritePurpose.SAFETY:
            today.safety += writes
        elif purpose is WritePurpose.DECISION and forced:
            today.decisions += writes
        else:
            today.restores += writes

    # -- what the service manager does -------------------------------------------------------------------------

    async def run(self, until: asyncio.Event) -> None:
        """Keep the service running until ``until`` is set, then stop it properly."""
        while not until.is_set():
            if self.host_is_off:
                await self._clock.wait(self.wake, 3600.0)
                continue
            ended = await self._one_life(until)
            if until.is_set() or ended:
                return
            if not self.host_is_off:
                await self._restore_after_death()
                await self._clock.wait(until, RESTART_PAUSE_S)

    async def _one_life(self, until: asyncio.Event) -> bool:
        """Return whether the process ended by being asked to."""
        process = self._open()
        if process is None:
            return False
        self.process = process
        self._is_restored = False
        stopper = asyncio.create_task(_when_set(until, process.stop))
        self._task = asyncio.create_task(process.household.coordinator.run(process.stop))
        try:
            await self._task
        except (ProcessDied, asyncio.CancelledError):
            return False
        except Exception as error:  # noqa: BLE001 - a process that ends by itself is a finding, not the campaign's end
            log.warning("the process ended by itself", error=repr(error))
            self.crashes.append(f"{type(error).__name__}: {error}")
            self._die(process, late_s=RESTORE_HOOK_S)
            return False
        finally:
            stopper.cancel()
            self._task = None
            await self._close(process)
        return True

    def _open(self) -> Process | None:
        text = self._config.read_bytes()
        if text == self._refused_text:  # as it was half a minute ago: so is the answer
            self.refused_starts += 1
            return None
        try:
            loaded = load(self._config)
        except ConfigurationError as error:
            log.warning("service refused to start", error=str(error))
            self.refused_starts += 1
            self._refused_text = text
            return None
        self._refused_text = None
        self._lives += 1
        directory = self.heir
        if self._damage_seed is not None:
            with self._disk.spared():
                damage(directory / DATABASE, self._damage_seed)
            self._damage_seed = None
        storage = loaded.settings.storage.model_copy(update={"directory": directory})
        loaded = Loaded(path=loaded.path, settings=loaded.settings.model_copy(update={"storage": storage}))
        wire = Wire(self._house, self._clock)
        options = replace(store_options(loaded), durable=False, wait_max_s=5.0, state_wait_max_s=0.05)
        store = Witness(options)
        source = PsePriceSource(PseOptions(base_url="http://prices.invalid/api"), self._clock, transport=self._market)
        settings = loaded.settings
        around = Surroundings(
            clock=self._clock,
            store=store,
            files=JsonFiles(directory, loaded.zone),
            connector=_Connector(self, loaded, wire, directory),
            prices=PriceService(source, store, tariff_of(settings), self._clock, price_service_options_of(settings)),
        )
        self.starts += 1
        household = Household(loaded, around, on_cycle=self._count_cycle)
        self._keep_pace(household)
        return Process(directory=directory, loaded=loaded, wire=wire, store=store, household=household)

    def set_pace(self, poll_interval: timedelta, *, is_shown: bool) -> None:
        """Let the coordinator poll and show itself so from its next cycle on, in this life and the next ones."""
        self._poll_interval, self._is_shown = poll_interval, is_shown
        if self.process is not None and not self.process.wire.dead:
            self._keep_pace(self.process.household)

    def _keep_pace(self, household: Household) -> None:
        household.coordinator.options = replace(household.coordinator.options, poll_interval=self._poll_interval)
        household.is_shown = self._is_shown

    def _count_cycle(self, _household: Household) -> None:
        self.cycles += 1

    def settle(self) -> None:
        """Have the living process's records written, and hold its memory to them."""
        if self.process is not None and not self.process.wire.dead:
            self.process.store.settle()

    async def _close(self, process: Process) -> None:
        if not process.wire.dead:
            process.store.settle()
            self.committed |= process.store.committed
            process.wire.dead = True
        with suppress(ProcessDied):
            await process.household.collector.close()
        with suppress(StorageError):
            process.store.close()

    # -- what befalls it ---------------------------------------------------------------------------------------

    def kill_at_exchange(self, exchanges: int) -> None:
        """Let the process die at its ``exchanges``-th next exchange with the inverter."""
        process = self.process
        if process is not None and not process.wire.dead:
            process.wire.arm(exchanges, lambda: self._die(process, late_s=RESTORE_HOOK_S))

    def kill_if_still_armed(self) -> None:
        """Kill the process that has not come to the exchange at which it was to die."""
        process = self.process
        if process is not None and process.wire.is_armed and not process.wire.dead:
            self.kill()

    def kill(self, *, late_s: float = RESTORE_HOOK_S) -> None:
        """Kill the process now; nobody can act for ``late_s``."""
        process, task = self.process, self._task
        if process is None or process.wire.dead or task is None:
            return
        self._die(process, late_s=late_s)
        task.cancel()

    def hang(self) -> None:
        """Let the process hang until the watchdog ends it: for the house that is the same as being dead so long."""
        self.kill(late_s=WATCHDOG_S + RESTORE_HOOK_S)

    def damage_after_death(self, seed: int) -> None:
        """Kill the process, and spoil its database before it is opened again."""
        self._damage_seed = seed
        self.kill()

    def switch_host_off(self) -> None:
        """Take the host's power away."""
        self.host_is_off = True
        self._ends_by_itself_at = self._bound_of_the_method()
        self.wake.clear()
        self.kill(late_s=0.0)

    def _bound_of_the_method(self) -> datetime | None:
        """Return when what is forced now ends without anybody: at its eco slot's end, or never (docs/safety.md)."""
        process = self.process
        if process is None or process.wire.dead or self._lease is None:
            return None
        inverter = process.household.collector.inverter
        by_slot = inverter is not None and inverter.capabilities.control is ControlMethod.ECO_SLOT
        if not by_slot or self._lease.mode not in {Mode.CHARGE, Mode.DISCHARGE}:
            return None
        return self._lease_ends_at + SLOT_ENDS_WITHIN

    def switch_host_on(self) -> None:
        """Give the host its power back; it takes a while to boot."""
        self.host_is_off = False
        self._late_until = self._clock.true_now() + BOOT
        self.wake.set()

    def _die(self, process: Process, *, late_s: float) -> None:
        self._late_until = self._clock.true_now() + timedelta(seconds=late_s)
        self.committed |= process.store.committed
        self._leave(process)
        process.wire.dead = True

    def _leave(self, process: Process) -> None:
        self.heir = self._folder / f"disk-{self._lives}"
        with self._disk.spared():
            leave_behind(process.directory, process.directory / DATABASE, self.heir)

    async def _restore_after_death(self) -> None:
        """Do what the restore hook does."""
        until_hook = self._late_until - timedelta(seconds=RESTORE_HOOK_S) - self._clock.true_now()
        await self._clock.sleep(until_hook.total_seconds())  # a hang is noticed by the watchdog only
        process = self.process
        if process is None or self._is_restored:
            return
        self.restores += 1
        wire = Wire(self._house, self._clock)
        with suppress(TimeoutError, PermanentError, StorageError):
            async with asyncio.timeout(RESTORE_HOOK_S):
                connector = _Connector(self, process.loaded, wire, self.heir)
                unseen = connector.restore_unseen(self.taken_over)
                for attempt in range(3):
                    result = await restore_inverter(connector, unseen, RESTORE_READING_S if attempt == 0 else None)
                    if isinstance(result, Applied | AlreadySo):
                        self._is_restored = True  # the hook's own record: until a process runs again, nothing to do
                        return
                    await self._clock.sleep(1.0)


async def _when_set(event: asyncio.Event, then: asyncio.Event) -> None:
    await event.wait()
    then.set()


class _Connector:
    """Opens the simulated inverter over one process's wire."""

    def __init__(self, service: Service, loaded: Loaded, wire: Wire, directory: Path) -> None:
        self._service = service
        self._options = goodwe_options_of(loaded)
        self._wire = wire
        self._user_settings = JsonUserSettingsStore(directory / "system_state" / USER_SETTINGS_FILE)

    async def open(self) -> Inverter:
        wire = self._wire
        inverter = await open_in_memory(
            wire.exchange_pdu, self._service.clock, self._options, self._user_settings, wire.exchange_aa55
        )
        self._service.taken_over = inverter.identity.serial_number
        return CountedInverter(inverter, self._service)  # type: ignore[return-value]

    def restore_unseen(self, serial_number: str) -> UnseenRestore:
        """Return what ends a forced mode where nothing can be read, as the hook has it."""
        wire, clock = self._wire, self._service.clock
        known = LastKnown(
            serial_number=serial_number, user_settings=self._user_settings, time_zone=self._options.time_zone
        )
        once = RetryOptions(retries=0)
        return UnseenRestore(known, lambda: MemoryBus(wire.exchange_pdu, clock, once, wire.exchange_aa55), clock)
