"""The service: opens everything a household needs on the real clock, runs it, and lets everything go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hems.adapters.clock import SystemClock
from hems.adapters.process_lock import ProcessLock
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.composition.household import Household
from hems.composition.inverter import connector_of
from hems.composition.parts import Surroundings
from hems.composition.settings import price_service_of, tariff_of
from hems.composition.tools import Loaded, json_files, store_options

STATUS_REFRESH_S = 10.0
"""How old the readings of ``--status`` may be."""


@asynccontextmanager
async def open_household(
    loaded: Loaded, on_cycle: Callable[[Household], None] | None = None
) -> AsyncIterator[Household]:
    """Yield the configured household on the real clock; one at a time for a data directory.

    Raises: PermanentError: another coordinator runs on this data directory; StorageError: the disk refuses.
    """
    clock, settings = SystemClock(), loaded.settings
    async with AsyncExitStack() as stack:
        stack.enter_context(ProcessLock(loaded.data))
        store = stack.enter_context(SqliteStore(store_options(loaded)))
        prices = await stack.enter_async_context(price_service_of(settings, store, tariff_of(settings), clock))
        connector = await stack.enter_async_context(connector_of(loaded, clock))
        household = Household(
            loaded,
            Surroundings(
                clock=clock,
                store=store,
                files=json_files(loaded),
                connector=connector,
                prices=prices,
            ),
            on_cycle,
            refresh_s=STATUS_REFRESH_S,
        )
        try:
            yield household
        finally:
            await household.collector.close()


async def run_service(
    loaded: Loaded, stop: asyncio.Event, on_status: Callable[[dict[str, Any]], None] | None = None
) -> None:
    """Run the coordinator until ``stop`` is set."""
    show = None if on_status is None else lambda household: on_status(household.status())
    async with open_household(loaded, show) as household:
        await household.coordinator.run(stop)
