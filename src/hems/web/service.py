"""The dashboard beside a running household: opened with it, closed with it, and never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from hems.composition.household import Household
from hems.web.access.door import Door, DoorOptions
from hems.web.access.opening import proxies_believed, why_closed
from hems.web.app import create_app, guarded
from hems.web.house import House
from hems.web.live import LiveBoard
from hems.web.server import ServerOptions, WebServer
from hems.web.today import TodayReader


@asynccontextmanager
async def dashboard_beside(household: Household) -> AsyncIterator[WebServer | None]:
    """Serve the dashboard of ``household`` while the context is open; None where it is not wanted."""
    web = household.loaded.settings.web
    if not web.enabled:
        yield None
        return
    loop, events = asyncio.get_running_loop(), household.coordinator.parts.events
    options = ServerOptions(host=web.host, port=web.port, trusted_proxies=tuple(proxies_believed(web.trusted_proxies)))

    def take(severity: str, message: str) -> None:
        household.beside["web"] = {"address": options.address, "open": severity == "info", "message": message}
        events.add("web", severity, message)

    def tell(severity: str, message: str) -> None:
        loop.call_soon_threadsafe(take, severity, message)

    server = WebServer(_Dashboard(household, loop), options, tell)
    server.start()
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


class _Dashboard:
    """What the server serves."""

    def __init__(self, household: Household, control_loop: asyncio.AbstractEventLoop) -> None:
        self._house = House(household, control_loop)
        self._clock = household.clock
        self._web = household.loaded.settings.web
        self._directory = household.loaded.data / "web"
        self._door: Door | None = None

    def why_closed(self) -> str | None:
        return why_closed(str(self._web.host), self._directory)

    def open(self) -> ASGIApp:
        house = self._house
        self._door = Door(
            self._directory, self._clock, DoorOptions(host=self._web.host, cors_origins=self._web.cors_origins)
        )
        app = create_app(house, self._door, TodayReader(house).read)
        board: LiveBoard = app.state.board
        house.open(board.take)
        return guarded(app, house, self._door)

    def close(self) -> None:
        self._house.close()
        if self._door is not None:
            self._door.close()
