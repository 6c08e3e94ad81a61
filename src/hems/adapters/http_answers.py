"""What every source on the internet is held to: an answer of bounded size, and a wait of bounded length."""

from __future__ import annotations

import math
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from hems.domain.errors import RejectedData
from hems.ports.clock import Clock

LONGEST_WAIT = timedelta(days=1)


async def read_bounded_body(response: httpx2.Response, address: str, limit_bytes: int) -> bytes:
    """Return the unpacked body of ``response``, at most ``limit_bytes``.

    Raises: RejectedData: it is longer, or packed more than once; ``address`` says whose it is.
    """
    if "," in response.headers.get("Content-Encoding", ""):
        # Packed twice, a few kilobytes unpack to gigabytes between two looks at their size.
        raise RejectedData(f"{address} answered with a body packed more than once")
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > limit_bytes:
            raise RejectedData(f"{address} answered with more than {limit_bytes} bytes")
    return bytes(body)


def retry_after(value: str | None, clock: Clock) -> timedelta | None:
    """Return the wait that a Retry-After header asks for: seconds, or an HTTP date; None where it is neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        return bounded_wait((until.replace(tzinfo=UTC) if until.tzinfo is None else until) - clock.now())
    return bounded_wait(timedelta(seconds=min(seconds, 1e6))) if math.isfinite(seconds) and seconds >= 0 else None


def bounded_wait(wait: timedelta) -> timedelta:
    """Return ``wait`` between nothing and a day: no server may silence us for longer."""
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
