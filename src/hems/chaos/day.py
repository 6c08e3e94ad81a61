"""One day of the campaign: lives through its plan in virtual time and returns which promises were kept."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hems.adapters.virtual_time import run_in_virtual_time
from hems.chaos.calm import CalmAccount
from hems.chaos.life import Service
from hems.chaos.memory import records_in, unreadable_files
from hems.chaos.plan import DayPlan
from hems.chaos.referee import Breach, Referee, Worst
from hems.chaos.troubles import BROKEN_CONFIGURATIONS, Area, Trouble
from hems.chaos.world import Disk, HostClock, TroubledMarket, market_rows
from hems.composition.tools import DATABASE
from hems.coordination.safety_guard import STOPPING_CAUSES
from hems.domain.errors import HemsError
from hems.domain.record import SystemState
from hems.simulation.faults import Fault
from hems.simulation.house import Connection
from hems.simulation.models import MODELS, Family
from hems.simulation.price_server import PriceFault
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions

NORMAL_WITHIN = timedelta(minutes=5)
"""How long after the last trouble everything is normal again: the promise."""

MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
"""Where there is one, a day's files live in memory: what is tried is the product, not this machine's disk."""

CHECK_S = 60.0
"""How often it is looked whether all is normal."""
SETTLED_EVERY_CHECKS = 120
LOST_AFTER_POLLS = 3
WRITE_BUDGET = 60
LEISURELY_POLL_S, LEISURELY_STEP_S = 300.0, 150.0
"""Where nothing is wrong, nothing has to be noticed soon; the campaign's time goes where something is."""

CONFIGURATION = """\
inverter:
  ip_address: 192.0.2.10
  control: {control}
  poll_interval_seconds: {poll_s:g}
  communication_lost_after_seconds: {lost_s:g}
  daily_write_budget: {budget}
coordinator:
  data_collection_interval_seconds: 300
  health_check_interval_minutes: 60
decision:
  strategy: {strategy}
  shadows: false
battery_management:
  capacity_kwh: {capacity_kwh:g}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """What came of one day."""

    plan: DayPlan
    breaches: tuple[Breach, ...]
    worst: Worst
    back_to_normal_s: float
    """The longest way back to normal after the last of troubles that came together."""
    starts: int
    refused_starts: int
    restores: int
    cycles: int
    writes: int
    records: int
    worse_than_self_use_pln: float | None
    """On a calm day: what it cost beyond plain self-use, the energy left in the battery valued alike."""
    wall_s: float
    cpu_s: float


def live_through(plan: DayPlan) -> DayResult:
    """Live through the day of ``plan`` on a fake clock and judge it."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    folder = Path(tempfile.mkdtemp(prefix="hems-chaos-", dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None))
    try:
        day = run_in_virtual_time(_Day.live(plan, folder))
        result = day.result(time.perf_counter() - wall_s, time.process_time() - cpu_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result


@dataclass(slots=True)
class _Spell:
    """A time in which something was wrong."""

    start_s: float
    end_s: float


class _Day:
    """The day under way."""

    def __init__(self, plan: DayPlan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.clock = HostClock(plan.start)
        self.house = SimulatedInverter(_house_of(plan), plan.start)
        _set_owner_floor(self.house, plan.owner_floor_pct)
        self.config = folder / "config" / "master_coordinator_config.yaml"
        self.config.parent.mkdir()
        self.good_configuration = CONFIGURATION.format(
            control=plan.control,
            poll_s=plan.poll_s,
            lost_s=LOST_AFTER_POLLS * plan.poll_s,
            budget=WRITE_BUDGET,
            capacity_kwh=plan.capacity_wh / 1000.0,
            strategy=plan.strategy,
        )
        self.config.write_text(self.good_configuration)
        self.market = TroubledMarket(
            self.clock, market_rows(plan.price_shape, plan.seed, plan.day - timedelta(days=2), 5)
        )
        self.disk = Disk()
        self.service = Service(folder, self.config, self.house, self.clock, self.market, self.disk)
        self.calm = None
        if plan.is_calm:
            twin = SimulatedInverter(_house_of(plan), plan.start)
            _set_owner_floor(twin, plan.owner_floor_pct)
            self.calm = CalmAccount(plan, twin)
        reaction_s = plan.poll_s + 11.0 + plan.control_lag_s
        self.referee = Referee(
            promises=self.service,
            reaction_s=reaction_s,
            blind_reaction_s=(LOST_AFTER_POLLS + 2) * plan.poll_s + 60.0,
        )
        self.breaches: list[Breach] = []
        self.spells = _spells(plan)
        self._not_normal_since_s: float | None = None
        self._is_unsettled = False
        """Whether something is not normal, whyever: then it is looked at closely too."""
        self.back_to_normal_s = 0.0
        self._told_not_normal: set[float] = set()
        self.records = 0

    @classmethod
    async def live(cls, plan: DayPlan, folder: Path) -> _Day:
        """Live through the whole day."""
        day = cls(plan, folder)
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        for trouble in plan.troubles:
            begin, end = day._script(trouble)
            loop.call_later(trouble.start_s, begin)
            loop.call_later(trouble.end_s, end)
            if trouble.kind.area is Area.DISK:
                # The store tries again after a minute at most, of real time: days leap, its thread does not.
                loop.call_later(trouble.end_s + 60.0, day.service.settle)
        day.house.advance_to(plan.start + timedelta(seconds=10))  # the owner's settings have taken effect
        day.referee.begin(day.house)
        day.house.observer = day._observe
        for start_s, end_s in plan.watched:
            loop.call_later(max(0.0, start_s), day._set_pace)
            loop.call_later(end_s, day._set_pace)
        day._set_pace()
        loop.call_later(plan.length.total_seconds(), over.set)
        checks = asyncio.create_task(day._check_now_and_then(over))
        try:
            await day.service.run(over)
        finally:
            day.disk.accept()
            day.disk.let_go()
            checks.cancel()
        day.house.advance_to(day.clock.true_now())
        for reason, times in Counter(day.service.crashes).items():
            day._breach(5, f"the process ended by itself {times} times: {reason}")
        day._judge_memory()
        day._judge_writes()
        day._judge_cost()
        return day

    def result(self, wall_s: float, cpu_s: float) -> DayResult:
        """Return what came of the day."""
        return DayResult(
            plan=self.plan,
            breaches=tuple(sorted([*self.referee.breaches, *self.breaches], key=lambda breach: breach.at)),
            worst=self.referee.worst,
            back_to_normal_s=self.back_to_normal_s,
            starts=self.service.starts,
            refused_starts=self.service.refused_starts,
            restores=self.service.restores,
            cycles=self.service.cycles,
            writes=self.house.device.writes,
            records=self.records,
            worse_than_self_use_pln=None if self.calm is None else self.calm.worse_by_pln,
            wall_s=wall_s,
            cpu_s=cpu_s,
        )

    # -- what goes wrong around the inverter -------------------------------------------------------------------

    def _script(self, trouble: Trouble) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return what begins and what ends ``trouble``."""
        service, disk, name = self.service, self.disk, trouble.kind.name
        scripts: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "process_killed": (lambda: service.kill_at_exchange(int(trouble.value)), service.kill_if_still_armed),
            "process_killed_idle": (service.kill, _nothing),
            "process_hangs": (service.hang, _nothing),
            "host_off": (service.switch_host_off, service.switch_host_on),
            "disk_refuses": (disk.refuse, disk.accept),
            "disk_slow": (lambda: disk.hold(service.heir / DATABASE), disk.let_go),
            "database_damaged": (lambda: service.damage_after_death(int(trouble.value)), _nothing),
            "clock_set": (lambda: self._set_clock(trouble.value), _nothing),
            "configuration_broken": (lambda: self._break_configuration(int(trouble.value)), self._repair_configuration),
        }
        if trouble.kind.area is Area.PRICES:
            fault = PriceFault(name.removeprefix("prices_"))
            return lambda: self.market.faults.add(fault), lambda: self.market.faults.discard(fault)
        return scripts[name]

    @property
    def _is_watched(self) -> bool:
        now_s = self.clock.monotonic()
        return self._is_unsettled or any(start_s <= now_s < end_s for start_s, end_s in self.plan.watched)

    def _set_pace(self) -> None:
        """Look closely where something is wrong, and at leisure where nothing is."""
        watched = self._is_watched
        self.service.set_pace(timedelta(seconds=self.plan.poll_s if watched else LEISURELY_POLL_S), is_shown=watched)
        self.house.step_max_s = self.plan.poll_s if watched else LEISURELY_STEP_S

    def _set_clock(self, seconds: float) -> None:
        self.clock.set_by += timedelta(seconds=seconds)

    def _break_configuration(self, how: int) -> None:
        with self.disk.spared():
            self.config.write_text(BROKEN_CONFIGURATIONS[how](self.good_configuration))
        self.service.kill()

    def _repair_configuration(self) -> None:
        with self.disk.spared():
            self.config.write_text(self.good_configuration)

    # -- judging -----------------------------------------------------------------------------------------------

    def _observe(self, house: SimulatedInverter, order: object, step_s: float) -> None:
        self.referee.observe(house, order, step_s)  # type: ignore[arg-type]
        if self.calm is not None:
            self.calm.observe(house, step_s)

    async def _check_now_and_then(self, over: asyncio.Event) -> None:
        checks = 0
        while not await self.clock.wait(over, CHECK_S):
            self.house.advance_to(self.clock.true_now())  # also while nobody asks it
            if checks % 5 == 0 or self._is_watched:
                self._judge_normality()
            checks += 1
            if checks % SETTLED_EVERY_CHECKS == 0 and not self.disk.is_refusing:
                self.service.settle()

    def _judge_normality(self) -> None:
        """Hold the service to being back to normal in time, whenever nothing has been wrong for long enough."""
        now_s = self.clock.monotonic()
        trouble = self._what_is_not_normal()
        if self._is_unsettled is not (trouble is not None):
            self._is_unsettled = trouble is not None
            self._set_pace()
        is_wrong_outside = any(spell.start_s <= now_s < spell.end_s for spell in self.spells)
        if trouble is None or is_wrong_outside or self._house_is_out_of_limits():
            self._not_normal_since_s = None
            return
        if self._not_normal_since_s is None:
            ended_s = max((spell.end_s for spell in self.spells if spell.end_s <= now_s), default=0.0)
            # What has been wrong since a check ago may have been so since the trouble that ended in between.
            self._not_normal_since_s = max(ended_s, now_s - CHECK_S)
        lasted_s = now_s - self._not_normal_since_s
        self.back_to_normal_s = max(self.back_to_normal_s, lasted_s)
        if lasted_s > NORMAL_WITHIN.total_seconds() and self._not_normal_since_s not in self._told_not_normal:
            self._told_not_normal.add(self._not_normal_since_s)
            self._breach(5, f"{trouble}, {lasted_s:.0f} s after everything around it was well")

    def _what_is_not_normal(self) -> str | None:
        process = self.service.process
        if process is None or process.wire.dead:
            return "the service does not run"
        if self.house.device.asleep:
            return None
        coordinator = process.household.coordinator
        causes = coordinator.envelope.causes & STOPPING_CAUSES if coordinator.envelope is not None else frozenset()
        if causes:
            return f"stopped by {', '.join(sorted(str(cause) for cause in causes))}"
        if coordinator.state in {SystemState.STARTING, SystemState.STOPPED}:
            return f"the state is {coordinator.state.value}"
        if coordinator.parts.actions.is_uncertain:
            return "what the inverter does is not known"
        error = process.store.stats().last_error
        return f"the memory fails: {error}" if error is not None else None

    def _house_is_out_of_limits(self) -> bool:
        """Return whether the house itself is beyond its limits without any trouble: then a stop is normal."""
        house, window = self.house.house, self.service.window()
        battery, volts = house.battery, house.grid.voltage_v
        if house.connection is not Connection.ON_GRID or not 200.0 <= volts <= 250.0:
            return True
        if battery is None or window is None:
            return False
        return not (
            window.voltage_min_v <= battery.voltage_v <= window.voltage_max_v
            and window.charge_temperature_min_c <= battery.cell_min_c
            and battery.cell_max_c <= window.temperature_max_c
        )

    def _judge_memory(self) -> None:
        directory = self.service.heir
        # What a broken disk turned into noise comes back as far as the daily files hold it: the quarters' energy.
        is_damaged = any(trouble.kind.name == "database_damaged" for trouble in self.plan.troubles)
        try:
            kept = set(records_in(directory / DATABASE, self.clock.now(), energy_only=is_damaged))
        except HemsError as error:
            self._breach(3, f"a record cannot be read: {error}")
            return
        self.records = len(kept)
        committed = {key for key in self.service.committed if not is_damaged or key[0] == "energy"}
        lost = committed - kept
        if lost:
            kinds = ", ".join(f"{kind} of {at:%H:%M:%S}" for kind, at in sorted(lost, key=str)[:3])
            self._breach(3, f"{len(lost)} of {len(committed)} committed records lost, such as {kinds}")
        for found in unreadable_files(directory):
            self._breach(3, f"a file is not whole: {found}")

    def _judge_writes(self) -> None:
        for day, count in self.service.writes.items():
            if count.decisions > WRITE_BUDGET:
                self._breach(4, f"{count.decisions} register writes for decisions on {day}, {WRITE_BUDGET} are allowed")

    def _judge_cost(self) -> None:
        if self.calm is not None and self.calm.worse_by_pln > self.calm.allowance_pln:
            said = f"{self.calm.worse_by_pln:.2f} PLN dearer than self-use, {self.calm.allowance_pln:.2f} are allowed"
            self._breach(6, said)

    def _breach(self, invariant: int, said: str) -> None:
        self.breaches.append(Breach(invariant=invariant, at=self.clock.true_now(), said=said))


def _nothing() -> None:
    """Some troubles end by themselves."""


def _house_of(plan: DayPlan) -> SimulatorOptions:
    return SimulatorOptions(
        model=plan.model,
        capacity_wh=plan.capacity_wh if MODELS[plan.model].battery is not None else None,
        soc_pct=plan.soc_pct,
        scenario=plan.cloudy,
        faults=plan.faults,
        seed=plan.seed,
        load_average_w=plan.load_average_w,
        pv_peak_w=plan.pv_peak_w,
        control_lag_s=plan.control_lag_s,
        priority=plan.priority,
        bms_protects=plan.bms_protects,
        step_max_s=LEISURELY_STEP_S,
    )


def _set_owner_floor(house: SimulatedInverter, floor_pct: int) -> None:
    """Have the owner keep a reserve of its own in the inverter."""
    if house.model.family is Family.ET:
        house.exchange_pdu(bytes((0x06,)) + (45356).to_bytes(2, "big") + floor_pct.to_bytes(2, "big"))


def _spells(plan: DayPlan) -> list[_Spell]:
    """Return when something is wrong, what one trouble leaves behind included."""
    spells = [_Spell(_start(fault), _end(fault)) for fault in plan.faults]
    spells += [_Spell(trouble.start_s, trouble.end_s) for trouble in plan.troubles]
    return sorted(spells, key=lambda spell: spell.start_s)


def _start(fault: Fault) -> float:
    return fault.start_s


def _end(fault: Fault) -> float:
    return fault.start_s + (fault.duration_s or 0.0)
