"""The stream of changes: what happened since, in order, for readers that come, go and come again.

Every message has a number. A reader that comes back names the last one it saw and gets what it missed; where that is
no longer kept, or was told by an earlier run of the service, it is told to load everything anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

LIVE_EVENT = "state"
"""Of these only the newest counts: an older one is let go when the next comes."""

RESET_EVENT = "reset"
KEPT = 256
PING_S = 15.0
"""Proxies close a connection on which nothing moves for a minute or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One change; ``data`` is JSON."""

    id: str
    number: int
    event: str
    data: str


class Stream:
    """Lives on the web's event loop: publishing and reading happen there."""

    def __init__(self, run: str) -> None:
        """``run`` names this run of the service: numbers of another one mean nothing here."""
        self._run = run
        self._number = 0
        self._kept: deque[Message] = deque(maxlen=KEPT)
        self._live: Message | None = None
        self._dropped = 0
        self._changed = asyncio.Event()
        self._closed = False
        self.readers = 0

    def publish(self, event: str, data: str) -> None:
        """Tell all readers."""
        self._number += 1
        message = Message(id=f"{self._run}-{self._number}", number=self._number, event=event, data=data)
        if event == LIVE_EVENT:
            self._live = message
        else:
            if len(self._kept) == KEPT:
                self._dropped = self._kept[0].number
            self._kept.append(message)
        self._changed.set()
        self._changed = asyncio.Event()

    def open(self) -> None:
        """Take readers, also after a close."""
        self._closed = False

    def close(self) -> None:
        """Let every reader go."""
        self._closed = True
        self._changed.set()

    async def read(self, last_id: str | None) -> AsyncIterator[Message | None]:
        """Yield what follows ``last_id``, then whatever comes; None where nothing came for a while.

        Without ``last_id`` it begins with the newest live state.
        """
        self.readers += 1
        try:
            number = self._resume_from(last_id)
            if number is None:
                number = self._number
                if last_id is not None:
                    yield Message(id=f"{self._run}-{number}", number=number, event=RESET_EVENT, data="{}")
                if self._live is not None:
                    yield self._live
            while not self._closed:
                changed = self._changed
                for message in self._after(number):
                    number = message.number
                    yield message
                if changed.is_set():
                    continue
                try:
                    async with asyncio.timeout(PING_S):
                        await changed.wait()
                except TimeoutError:
                    yield None
        finally:
            self.readers -= 1

    def _resume_from(self, last_id: str | None) -> int | None:
        """Return the number to go on from, or None where the reader has to begin anew."""
        run, _, text = (last_id or "").rpartition("-")
        if run != self._run or not text.isascii() or not text.isdigit() or len(text) > 12:
            return None
        number = int(text)
        return number if self._dropped <= number <= self._number else None

    def _after(self, number: int) -> list[Message]:
        newer = [message for message in self._kept if message.number > number]
        if self._live is not None and self._live.number > number:
            newer.append(self._live)
        return sorted(newer, key=lambda message: message.number)
