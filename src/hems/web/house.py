"""The house as the web's threads see it: the newest frame, orders on their way to the control loop, and news for all.

Frames are made on the control loop and handed over; nothing here ever makes the control loop wait.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime

import structlog

from hems.composition.household import Household
from hems.composition.tools import Loaded
from hems.domain.errors import TransientError
from hems.domain.orders import Order, OrderOutcome
from hems.domain.plan import Plan
from hems.web.frame import Frame, FrameMaker
from hems.web.stream import LIVE_EVENT, Stream

log = structlog.get_logger(__name__)


class NotYet(TransientError):
    """The house has not been through its first cycle yet: ask again in a moment."""


class House:
    """Made on the control loop; read and asked on the web's."""

    def __init__(self, household: Household, control_loop: asyncio.AbstractEventLoop) -> None:
        self._household = household
        self._control_loop = control_loop
        self._web_loop: asyncio.AbstractEventLoop | None = None
        self._maker = FrameMaker(household)
        self._frame: Frame | None = None
        self._tell: Callable[[Frame, Frame | None], None] | None = None
        self.stream = Stream(secrets.token_hex(4))
        self.waiting_orders = 0
        """Orders on their way, not yet answered."""
        household.watch(self._after_cycle)

    @property
    def loaded(self) -> Loaded:
        """The configuration, and where things lie."""
        return self._household.loaded

    def now(self) -> datetime:
        """Return the present moment, UTC."""
        return self._household.clock.now()

    @property
    def frame(self) -> Frame:
        """The newest image of the house. Raises: NotYet."""
        if self._frame is None:
            raise NotYet("the house is being read for the first time: ask again in a moment")
        return self._frame

    # -- on the control loop -----------------------------------------------------------------------------------

    def _after_cycle(self, _household: Household) -> None:
        loop = self._web_loop
        if loop is None:
            return
        frame = self._maker.make()
        try:
            loop.call_soon_threadsafe(self._take, frame)
        except RuntimeError:  # the web has been closed meanwhile
            self._web_loop = None

    # -- on the web's loop -------------------------------------------------------------------------------------

    def open(self, tell: Callable[[Frame, Frame | None], None]) -> None:
        """Take frames from now on, on the running loop; ``tell`` hears of each, and of the one before."""
        self._tell = tell
        self.stream.open()
        self._web_loop = asyncio.get_running_loop()
        self._control_loop.call_soon_threadsafe(self._after_cycle, self._household)

    def close(self) -> None:
        """Take no more frames, and let the readers of the stream go."""
        self._web_loop = None
        self.stream.close()

    def _take(self, frame: Frame) -> None:
        before, self._frame = self._frame, frame
        if self._tell is not None:
            try:
                self._tell(frame, before)
            except Exception:  # what cannot be shown must not end the web
                log.exception("a change could not be told")

    async def order(self, order: Order, by: str) -> OrderOutcome:
        """Have the control loop take ``order``, and return what it did."""
        taking = self._household.orders.take(order, by)
        self.waiting_orders += 1
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(taking, self._control_loop))
        finally:
            self.waiting_orders -= 1


def has_new_plan(frame: Frame, before: Frame | None) -> bool:
    """Return whether another plan is shown than before."""
    if before is None:
        return isinstance(frame.plan, Plan)
    return frame.plan is not before.plan


__all__ = ["LIVE_EVENT", "House", "NotYet", "has_new_plan"]
