"""The web server: uvicorn on an event loop and a thread of its own, so that no page ever makes the control loop wait.

Whatever goes wrong here is told and tried again; the control goes on without it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog
import uvicorn
from starlette.types import ASGIApp

from hems.web.wire import BoundedConnection

log = structlog.get_logger(__name__)

SWITCH_INTERVAL_S = 0.0005
"""How long a busy thread may keep the interpreter from another. Python's own 5 ms would let a page under load delay
each step of the control cycle by as much; measured in docs/benchmarks.md."""

RETRY_S = 3.0
"""After a port that is taken, or while no password is set."""

STOP_WITHIN_S = 5.0
CONNECTIONS_MAX = 200
BACKLOG = 128
"""So many are taken in one go before any of them can be hung up on; uvicorn's 2048 are more files than there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where to listen, and whose X-Forwarded-* headers count."""

    host: str
    port: int
    trusted_proxies: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The address to type into a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}/"

    @property
    def where(self) -> str:
        """Where the dashboard is, for a person."""
        here = f"the dashboard is at {self.address}"
        is_everywhere = self.host in {"0.0.0.0", "::"}  # noqa: S104
        return f"{here}, and for other machines at this one's own address" if is_everywhere else here


class Content(Protocol):
    """What is served. All of it is called on the web's own event loop."""

    def why_closed(self) -> str | None:
        """Return why nothing may be served now, or None."""
        ...

    def open(self) -> ASGIApp:
        """Return the application; called once for each time the server opens."""
        ...

    def close(self) -> None:
        """Let whoever waits for news go."""
        ...


class WebServer:
    """Serves ``content`` from ``start`` to ``stop``. ``tell`` hears, from any thread, severity and message."""

    def __init__(self, content: Content, options: ServerOptions, tell: Callable[[str, str], None]) -> None:
        self._content = content
        self._options = options
        self._tell = tell
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopped = threading.Event()
        self._told: str | None = None

    def start(self) -> None:
        """Begin to serve, in the background."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread.start()

    def stop(self) -> None:
        """End within a few seconds; a connection that does not end is left behind."""
        self._stopped.set()
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            with suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(stop.set)
        self._thread.join(STOP_WITHIN_S)
        if self._thread.is_alive():
            log.warning("the web server did not end in time; it is left behind", within_s=STOP_WITHIN_S)

    # -- on the web's own thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve_until_stopped())
        except Exception as error:  # the thread's top: the control must go on without it
            log.exception("the web server has ended")
            self._tell("error", f"the dashboard is not served any more: {error}")

    async def _serve_until_stopped(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        if self._stopped.is_set():
            return
        while not self._stop.is_set():
            why = await self._serve_where_open()
            if why is not None:
                self._tell_once("error", f"the dashboard is not open: {why}")
                await self._rest(RETRY_S)

    async def _serve_where_open(self) -> str | None:
        """Serve until stopped; return why it could not, or does not any more."""
        try:
            return self._content.why_closed() or await self._serve()
        except Exception as error:  # whatever it was, it is tried again
            log.exception("the web server has failed")
            return f"{type(error).__name__}: {error}"

    async def _serve(self) -> str | None:
        """Serve until stopped; return why it could not."""
        options = self._options
        try:
            listening = _listen(options)
        except OSError as error:
            return f"{options.host} port {options.port}: {error.strerror or error}; set web.port to another one"
        with listening:
            return await self._serve_on(listening)

    async def _serve_on(self, listening: socket.socket) -> str | None:
        options = self._options
        config = uvicorn.Config(
            self._content.open(),
            lifespan="off",
            log_config=None,
            access_log=False,
            http=BoundedConnection,
            log_level="error",  # else each bad request writes a line, and a flood of them drives out the day's log
            ws="none",
            server_header=False,
            date_header=True,
            proxy_headers=True,
            forwarded_allow_ips=list(options.trusted_proxies),
            limit_concurrency=CONNECTIONS_MAX,
            backlog=BACKLOG,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="uvicorn")
        stop = self._stop
        assert stop is not None  # noqa: S101  # made before anything is served
        stopping = asyncio.create_task(stop.wait(), name="stop of the web")
        self._tell_once("info", options.where)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self._content.close()
        server.should_exit = True
        stopping.cancel()
        await serving
        return None if stop.is_set() else "the server ended by itself"

    async def _rest(self, seconds: float) -> None:
        stop = self._stop
        assert stop is not None  # noqa: S101
        try:
            async with asyncio.timeout(seconds):
                await stop.wait()
        except TimeoutError:
            return

    def _tell_once(self, severity: str, message: str) -> None:
        if message != self._told:
            self._told = message
            self._tell(severity, message)


def _listen(options: ServerOptions) -> socket.socket:
    """Return the listening socket. Raises: OSError."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # The protocol is named, for only then asyncio sends small answers at once (TCP_NODELAY); else each waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((options.host, options.port))
        listening.listen(BACKLOG)
        listening.set_inheritable(False)
    except OSError:
        listening.close()
        raise
    return listening
