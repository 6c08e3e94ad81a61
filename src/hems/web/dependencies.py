"""What routes are given: the house, the live board, and whoever asks.

All are coroutines: FastAPI would run a plain function in a thread of its own, for each request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, Request

from hems.web.access.door import Door
from hems.web.access.guard import door_of
from hems.web.frame import Frame
from hems.web.house import House
from hems.web.live import LiveBoard

T = TypeVar("T")


async def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


async def _board(request: Request) -> LiveBoard:
    board: LiveBoard = request.app.state.board
    return board


async def _door(request: Request) -> Door:
    return door_of(request)


async def _frame(request: Request) -> Frame:
    house: House = request.app.state.house
    return house.frame


HouseOf = Annotated[House, Depends(_house)]
BoardOf = Annotated[LiveBoard, Depends(_board)]
DoorOf = Annotated[Door, Depends(_door)]
FrameOf = Annotated[Frame, Depends(_frame)]

QUESTIONS_AT_ONCE = 2
"""Questions to the database beside each other: more would only take the processor from the control loop."""

_limiters: dict[int, anyio.CapacityLimiter] = {}


async def in_thread(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, run beside the web's event loop."""
    return await anyio.to_thread.run_sync(work, limiter=_limiter())


def _limiter() -> anyio.CapacityLimiter:
    """Return the limiter of the running loop; each loop has its own."""
    import asyncio

    key = id(asyncio.get_running_loop())
    if key not in _limiters:
        _limiters.clear()  # of loops that are gone
        _limiters[key] = anyio.CapacityLimiter(QUESTIONS_AT_ONCE)
    return _limiters[key]
