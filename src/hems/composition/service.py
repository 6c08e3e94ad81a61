"""The service: opens everything a household needs on the real clock, runs it, and lets everything go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from hems.adapters.clock import SystemClock
from hems.adapters.process_lock import ProcessLock
from hems.adapters.service_manager import ServiceManager
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.composition.forecast_service import forecast_service_of
from hems.composition.household import Household
from hems.composition.inverter import connector_of, retry_options_of
from hems.composition.parts import Surroundings
from hems.composition.refusal import forget_refusal
from hems.composition.service_report import ServiceReport, patience_of
from hems.composition.settings import price_service_of, tariff_of
from hems.composition.taking_over import RecordingConnector
from hems.composition.tools import Loaded, json_files, store_options
from hems.domain.record import SystemState

STATUS_REFRESH_S = 10.0
"""How old the readings of ``--status`` may be."""

OnCycle = Callable[[Household], None]


@asynccontextmanager
async def open_household(
    loaded: Loaded, on_cycle: OnCycle | None = None, on_progress: OnCycle | None = None
) -> AsyncIterator[Household]:
    """Yield the configured household on the real clock; one at a time for a data directory.

    Raises: PermanentError: another coordinator runs on this data directory; StorageError: the disk refuses.
    """
    clock, settings = SystemClock(), loaded.settings
    async with AsyncExitStack() as stack:
        stack.enter_context(ProcessLock(loaded.data))
        store = stack.enter_context(SqliteStore(store_options(loaded)))
        files = stack.enter_context(json_files(loaded, in_background=True))
        prices = await stack.enter_async_context(price_service_of(settings, store, tariff_of(settings), clock))
        forecasts = await stack.enter_async_context(forecast_service_of(settings, store, clock))
        inverters = await stack.enter_async_context(connector_of(loaded, clock))
        connector = RecordingConnector(inverters, loaded, loaded.content, clock)
        household = Household(
            loaded,
            Surroundings(
                clock=clock,
                store=store,
                files=files,
                connector=connector,
                prices=prices,
                forecasts=forecasts,
            ),
            on_cycle,
            refresh_s=STATUS_REFRESH_S,
            on_progress=on_progress,
        )
        try:
            yield household
        finally:
            await household.collector.close()
            if is_given_back(household):
                connector.given_back()


async def run_service(
    loaded: Loaded,
    stop: asyncio.Event,
    on_status: Callable[[dict[str, Any]], None] | None = None,
    manager: ServiceManager | None = None,
    beside: Callable[[Household], AbstractAsyncContextManager[object]] | None = None,
) -> dict[str, Any]:
    """Run the coordinator until ``stop`` is set; return its last status, also where the disk did not take it.

    ``beside``: what is opened beside the household and closed after it has stopped, such as a dashboard.
    """
    report = ServiceReport(
        ServiceManager() if manager is None else manager,
        SystemClock(),
        patience_of(retry_options_of(loaded.settings)),
    )
    report.starting()
    show = None if on_status is None else lambda household: on_status(household.status())
    async with AsyncExitStack() as stack:
        household = await stack.enter_async_context(open_household(loaded, show, report.cycle_finished))
        forget_refusal(loaded.data)
        if beside is not None:
            await stack.enter_async_context(beside(household))
        watching = [
            asyncio.create_task(report.tell_when_asked_to_stop(stop, household), name="tell of the stop"),
            asyncio.create_task(report.trace_where_it_hangs(), name="trace of a standstill"),
        ]
        try:
            await household.coordinator.run(stop)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        return household.status()


def is_given_back(household: Household) -> bool:
    """Return whether the coordinator has stopped and the inverter confirmed that it is back in self-use."""
    if household.coordinator.state is not SystemState.STOPPED:
        return False
    stopped = [event for event in household.coordinator.parts.events.latest if event.kind == "stopped"]
    return bool(stopped) and stopped[-1].severity == "info"
