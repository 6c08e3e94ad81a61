"""Keeps the live state ready as bytes, and tells the stream what has changed: one making for all who ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from hems.web.frame import Frame
from hems.web.house import House, NotYet, has_new_plan
from hems.web.models.base import utc_text
from hems.web.models.live import LiveState, Today
from hems.web.present.live import live_state
from hems.web.present.records import decision_summary, event_view
from hems.web.stream import LIVE_EVENT

log = structlog.get_logger(__name__)

REFRESH_TODAY = timedelta(seconds=60)
"""A quarter that has closed is on disk some seconds later."""


def today_unknown(why: str) -> Today:
    """Return a day of which nothing is known."""
    nothing = dict.fromkeys(("saved", "cost", "pv_wh", "load_wh", "import_wh", "export_wh"))
    return Today(saved_basis=why, **nothing)


class LiveBoard:
    """Lives on the web's event loop."""

    def __init__(self, house: House, read_today: Callable[[datetime], Awaitable[Today]]) -> None:
        """``read_today`` computes the figures of the local day so far, without blocking the loop."""
        self._house = house
        self._read_today = read_today
        self._today = today_unknown("not computed yet")
        self._today_at: datetime | None = None
        self._reading: asyncio.Task[None] | None = None
        self._state: LiveState | None = None
        self._json: bytes | None = None

    @property
    def json(self) -> bytes:
        """The live state as JSON. Raises: NotYet."""
        if self._json is None:
            raise NotYet("the house is being read for the first time: ask again in a moment")
        return self._json

    @property
    def state(self) -> LiveState:
        """The live state. Raises: NotYet."""
        if self._state is None:
            raise NotYet("the house is being read for the first time: ask again in a moment")
        return self._state

    def take(self, frame: Frame, before: Frame | None) -> None:
        """Make the live state of ``frame``, and tell what is new in it."""
        self._refresh_today(frame.at)
        self._state = live_state(frame, self._house.loaded, self._today)
        text = self._state.model_dump_json()
        self._json = text.encode()
        stream = self._house.stream
        stream.publish(LIVE_EVENT, text)
        if before is not None:
            if frame.decision is not None and frame.decision_count != before.decision_count:
                stream.publish("decision", decision_summary(frame.decision, frame).model_dump_json())
            known = set(before.events)
            for event in frame.events:
                if event not in known:
                    stream.publish("alert", event_view(event).model_dump_json())
        if has_new_plan(frame, before):
            stream.publish("plan", json.dumps({"at": utc_text(frame.at)}))

    def _refresh_today(self, now: datetime) -> None:
        is_fresh = self._today_at is not None and timedelta(0) <= now - self._today_at < REFRESH_TODAY
        if is_fresh or (self._reading is not None and not self._reading.done()):
            return
        self._today_at = now
        self._reading = asyncio.create_task(self._take_today(now), name="figures of today")

    async def _take_today(self, now: datetime) -> None:
        try:
            self._today = await self._read_today(now)
        except Exception as error:  # a figure that cannot be made must not keep the page from showing the house
            log.exception("the figures of today could not be made")
            self._today = today_unknown(f"cannot be computed: {error}")
