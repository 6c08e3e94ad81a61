"""Persons who order something while a simulated house lives, for the tests of orders."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hems.adapters.clock import LoopClock
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.adapters.virtual_time import run_in_virtual_time
from hems.composition.household import Household
from hems.composition.parts import Surroundings
from hems.composition.settings import price_service_options_of, tariff_of
from hems.composition.simulated_days import Moment
from hems.composition.tools import json_files, load, store_options
from hems.coordination.price_service import PriceService
from hems.decision.wording import Language
from hems.domain.command import Mode
from hems.domain.errors import HemsError, InverterUnreachable
from hems.domain.orders import Order, OrderOutcome
from hems.ports.inverter import Inverter
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
from support.household import write_configuration


@dataclass
class Persons:
    """Give ``orders``, each at its time after ``start``, and note what came of them and what the house did."""

    start: datetime
    orders: Sequence[tuple[timedelta, Order]]
    answers: list[OrderOutcome] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    virtual_s: list[float] = field(default_factory=list)
    """How long each answer took on the run's own clock."""
    real_s: list[float] = field(default_factory=list)
    modes: list[tuple[datetime, Mode]] = field(default_factory=list)
    states: list[tuple[datetime, str]] = field(default_factory=list)
    writes: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def watch(self, moment: Moment) -> None:
        """Note the cycle; to be given to ``live_through``."""
        coordinator = moment.household.coordinator
        active = coordinator.parts.actions.active
        self.modes.append((moment.at, Mode.SELF_USE if active is None else active.mode))
        self.states.append((moment.at, coordinator.state.value))
        self.writes = coordinator.parts.actions.writes_today
        if not self._tasks:
            for after, order in self.orders:
                self._tasks.append(asyncio.create_task(self._give(moment.household, self.start + after, order)))

    def between(self, start: timedelta, end: timedelta) -> set[Mode]:
        """Return the modes in force from ``start`` to ``end`` after the beginning."""
        return {mode for at, mode in self.modes if self.start + start <= at < self.start + end}

    async def _give(self, household: Household, at: datetime, order: Order) -> None:
        clock = household.coordinator.parts.clock
        await clock.sleep((at - clock.now()).total_seconds())
        began, began_real = clock.monotonic(), time.perf_counter()
        try:
            self.answers.append(await household.orders.take(order, "test"))
        except HemsError as error:
            self.refusals.append(str(error))
        self.virtual_s.append(clock.monotonic() - began)
        self.real_s.append(time.perf_counter() - began_real)


class NoInverter:
    """A connector that never finds one."""

    async def open(self) -> Inverter:
        raise InverterUnreachable("nobody answers")


def at_rest(
    folder: Path, start: datetime, orders: Sequence[Order], *, language: Language | None = None
) -> list[OrderOutcome | str]:
    """Give ``orders`` to a household whose coordinator does not run; return the answers, or why one was refused."""
    return run_in_virtual_time(_at_rest(folder, start, orders, language))


async def _at_rest(
    folder: Path, start: datetime, orders: Sequence[Order], language: Language | None
) -> list[OrderOutcome | str]:
    loaded = load(write_configuration(folder))
    clock = LoopClock(start)
    answers: list[OrderOutcome | str] = []
    with ExitStack() as stack:
        store = stack.enter_context(SqliteStore(store_options(loaded)))
        source = SimulatedPriceSource(clock, SimulatedMarketOptions())
        settings = loaded.settings
        prices = PriceService(source, store, tariff_of(settings), clock, price_service_options_of(settings))
        around = Surroundings(clock=clock, store=store, files=json_files(loaded), connector=NoInverter(), prices=prices)
        household = Household(loaded, around)
        for order in orders:
            try:
                answers.append(await household.orders.take(order, "test", language))
            except HemsError as error:
                answers.append(str(error))
    return answers
