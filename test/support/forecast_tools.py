"""A forecast service on loopback that answers as it is told, and bodies as the real ones look, made by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hems.adapters.clock import SystemClock

NOW = datetime(2026, 5, 1, 6, 7, tzinfo=UTC)


class StoppedClock(SystemClock):
    """The wall clock, stopped."""

    def __init__(self, at: datetime = NOW) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


@dataclass
class Service:
    """What is answered, and what was asked."""

    base_url: str = ""
    body: bytes | Callable[[str], bytes] = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_down: bool = False
    targets: list[str] = field(default_factory=list)

    def answer(self, target: str) -> bytes:
        """Return the body for ``target``."""
        return self.body(target) if callable(self.body) else self.body


@asynccontextmanager
async def serving(body: object = None, **settings: object) -> AsyncIterator[Service]:
    """Yield a service on loopback; ``body`` is sent as JSON where it is not bytes or a function."""
    raw = body if isinstance(body, bytes) or callable(body) else json.dumps(body).encode()
    service = Service(body=raw, **settings)  # type: ignore[arg-type]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            target = request.split(b" ", 2)[1].decode()
            service.targets.append(target)
            if not service.is_down:
                content = service.answer(target)
                lines = [f"HTTP/1.1 {service.status} Told", f"Content-Length: {len(content)}", "Connection: close"]
                lines += [f"{name}: {value}" for name, value in service.headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    service.base_url = f"http://{host}:{port}/api"
    try:
        yield service
    finally:
        server.close()
        await server.wait_closed()


def open_meteo_body(start: datetime, quarters: int, *, fine: bool = True, level: float = 400.0) -> dict[str, object]:
    """Return a body: constant light, stamps at the END of intervals, unix seconds."""

    def block(step: timedelta, count: int) -> dict[str, object]:
        stamps = [int((start + number * step).timestamp()) for number in range(1, count + 1)]
        return {
            "time": stamps,
            "shortwave_radiation": [level] * count,
            "direct_radiation": [0.6 * level] * count,
            "diffuse_radiation": [0.4 * level] * count,
            "temperature_2m": [12.5] * count,
        }

    body: dict[str, object] = {"latitude": 52.25, "longitude": 21.0, "utc_offset_seconds": 0}
    body["hourly"] = block(timedelta(hours=1), quarters // 4)
    if fine:
        body["minutely_15"] = block(timedelta(minutes=15), quarters)
    return body


def forecast_solar_body(watts: dict[str, float], periods: dict[str, float] | None = None) -> dict[str, object]:
    """Return a body with these powers at stamps; without ``periods`` their trapezoids."""
    stamps = list(watts)
    if periods is None:
        moments = [datetime.fromisoformat(stamp) for stamp in stamps]
        periods = {stamps[0]: 0.0}
        for number in range(1, len(stamps)):
            hours = (moments[number] - moments[number - 1]) / timedelta(hours=1)
            middle = 0.5 * (watts[stamps[number]] + watts[stamps[number - 1]])
            periods[stamps[number]] = middle * hours if hours < 3 else 0.0
    return {"result": {"watts": watts, "watt_hours_period": periods}, "message": {"code": 0, "type": "success"}}


DAY_OF_FORECAST_SOLAR = {
    "2026-05-01T05:12:31+02:00": 0.0,
    "2026-05-01T06:00:00+02:00": 120.0,
    "2026-05-01T07:00:00+02:00": 600.0,
    "2026-05-01T08:00:00+02:00": 1400.0,
    "2026-05-01T09:00:00+02:00": 2100.0,
    "2026-05-01T12:00:00+02:00": 0.0,
}
