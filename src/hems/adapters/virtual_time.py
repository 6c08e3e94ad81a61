"""An event loop whose time leaps: where nothing is ready, the next timer is due at once.

Whole days of the coordinator run in seconds and always in the same order. Only for code whose waiting goes through
timers; a socket or a thread would be overtaken by the leaping time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class _LeapingSelector(selectors.BaseSelector):
    """Asks the real selector without waiting, and adds the wait it was spared to ``leapt_s``."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.leapt_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer at all: only another thread can wake the loop
            return self._real.select(None)
        ready = self._real.select(0)
        if not ready:
            self.leapt_s += max(0.0, timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class LeapingEventLoop(asyncio.SelectorEventLoop):
    """An event loop that counts only the time it would have waited."""

    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._leaping.leapt_s


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` on a leaping loop and return its result."""
    with asyncio.Runner(loop_factory=LeapingEventLoop) as runner:
        return runner.run(main)
