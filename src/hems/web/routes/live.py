"""The present: live state, the stream of changes, health."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from hems.web.access.guard import Reader
from hems.web.dependencies import BoardOf, DoorOf, FrameOf, HouseOf
from hems.web.models.live import LiveState
from hems.web.models.system import HealthView
from hems.web.present.system import health_view
from hems.web.problems import Problem, answers

router = APIRouter(tags=["live"])
probes = APIRouter(tags=["health"])

RETRY_MS = 2000
"""How soon a browser comes back after a lost connection."""

STANDSTILL = timedelta(seconds=120)
"""Longer without a cycle is a standstill, whatever the inverter's time-outs are: a cycle of retries takes seconds."""


@router.get("/state", response_model=LiveState, responses=answers(401, 403, 503))
async def state(board: BoardOf, _caller: Reader) -> Response:
    """What the house does now, why, and what comes next. Made anew after each cycle, some seconds apart."""
    return Response(board.json, media_type="application/json")


@router.get("/stream", response_class=EventSourceResponse, responses=answers(401, 403))
async def stream(
    house: HouseOf, door: DoorOf, caller: Reader, last_event_id: Annotated[str | None, Header(max_length=64)] = None
) -> AsyncIterator[ServerSentEvent]:
    """Changes as server-sent events: `state`, `decision`, `alert`, `plan`; `reset` asks to load everything anew.

    Comes back with `Last-Event-ID` where it ended, and tells what was missed.
    """
    yield ServerSentEvent(comment="the stream is open", retry=RETRY_MS)
    async for message in house.stream.read(last_event_id):
        if not door.still_lets_in(caller):
            return  # logged out, or the token was revoked
        if message is None:
            yield ServerSentEvent(comment="nothing new")
        else:
            yield ServerSentEvent(raw_data=message.data, event=message.event, id=message.id)


@router.get("/health", responses=answers(401, 403, 503))
async def health(frame: FrameOf, _caller: Reader) -> HealthView:
    """Whether all is well, with every problem as a sentence."""
    return health_view(frame)


@probes.get("/healthz", responses=answers(503))
async def healthz(house: HouseOf) -> dict[str, str]:
    """Alive: the control cycle goes round. Free for everybody, and tells nothing of the house."""
    silent = house.now() - house.frame.at
    if silent > STANDSTILL:
        raise Problem(503, "standstill", f"no control cycle has ended for {silent.total_seconds():.0f} s")
    return {"status": "ok"}


@probes.get("/readyz", responses=answers(503))
async def readyz(frame: FrameOf) -> dict[str, str]:
    """Ready: the inverter has answered and a decision has been made."""
    if frame.snapshot is None or frame.decision is None:
        raise Problem(503, "not-ready", "the inverter has not answered yet, or no decision has been made")
    return {"status": "ok"}
