"""Puts values into the inverter's fields, in a safe order, and reads them back.

Acknowledged is not applied: read-back can lag by seconds, and some registers take a value and never change.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hems.adapters.inverters.goodwe.bus import BusError
from hems.adapters.inverters.goodwe.fields import WORK_MODE_ECO, Field, Image, Target
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.adapters.inverters.goodwe.targets import EMS_AUTOMATIC
from hems.ports.clock import Clock

logger = logging.getLogger(__name__)

CONFIRM_WAITS_S = (0.0, 0.5, 1.5, 3.0)
"""Waits before each read-back; most registers answer at once, some lag by seconds [GM]."""

LATE_WRITE_S = 120.0
"""So long after a write its field may still change: firmware is known that acknowledges first and applies later."""


class FieldAccess(Protocol):
    """The control fields of one family, however they are reached."""

    @property
    def frames_written(self) -> int:
        """Write frames sent, repeated ones included."""
        ...

    async def read_image(self, fields: Iterable[Field] | None = None) -> dict[Field, bytes]:
        """Return the given fields, or all; those the device lacks are missing. Raises: BusError."""
        ...

    async def write_field(self, field: Field, payload: bytes) -> None:
        """Write one field whole. Raises: BusError."""
        ...

    async def read_soc_pct(self) -> float | None:
        """Return the battery's SoC, or None where it is unknown. Raises: BusError."""
        ...

    async def read_naive_clock(self) -> datetime | None:
        """Return what the inverter's clock shows, or None. Raises: BusError."""
        ...


@dataclass(slots=True)
class Outcome:
    """What came of putting a target into the inverter."""

    refused: dict[Field, BusError] = field(default_factory=dict)
    unconfirmed: tuple[Field, ...] = ()
    written: bool = False


class Placing:
    """Writes the fields of one inverter, and knows which writes may still be on their way."""

    def __init__(self, access: FieldAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._opened_s = clock.monotonic()
        self._written_s: dict[Field, float] = {}
        self._unproven: set[Field] = set()

    def differs(self, image: Image, name: Field, value: bytes) -> bool:
        """Whether ``name`` has to be written: also where an earlier write, never confirmed, may yet overtake it."""
        return image.get(name) != value or (name in self._unproven and not self.is_settled(name))

    def is_settled(self, name: Field) -> bool:
        """Whether no write of ours, or of the process before this one, can be on its way into ``name`` still."""
        return self._clock.monotonic() - self._written_s.get(name, self._opened_s) >= LATE_WRITE_S

    async def put(self, image: Image, target: Target, *, go_on: bool = False) -> Outcome:
        """Write what differs, in an order that never has two things forced at once, and read it back."""
        outcome = Outcome()
        steps = self._steps(image, target)
        for name, value in steps:
            self._written_s[name] = self._clock.monotonic()
            self._unproven.add(name)
            try:
                await self._access.write_field(name, value)
                outcome.written = True
            except BusError as error:
                outcome.refused[name] = error
                if not go_on:
                    return outcome
        expected = {name: value for name, value in steps if name not in outcome.refused}
        outcome.unconfirmed = await self._unconfirmed(expected)
        self._unproven -= expected.keys() - set(outcome.unconfirmed)
        return outcome

    def _steps(self, image: Image, target: Target) -> list[tuple[Field, bytes]]:
        """Return what has to be written, in order."""
        differing = ((name, value) for name, value in target.items() if self.differs(image, name, value))
        return sorted(differing, key=lambda step: _stage(*step))

    async def put_unseen(self, image: Image, target: Target) -> dict[Field, BusError | None]:
        """Write what differs from ``image``, the last that was seen, though nothing can be read back.

        A line that garbles or loses every answer may still carry every question.
        Returns: what came back for each field that was written; None is an acknowledgement.
        """
        answers: dict[Field, BusError | None] = {}
        for name, value in self._steps(image, target):
            self._written_s[name] = self._clock.monotonic()
            self._unproven.add(name)
            answers[name] = None
            try:
                await self._access.write_field(name, value)
            except BusError as error:
                answers[name] = error
                logger.warning("written without an answer: %s: %s", name.value, error)
        return answers

    async def _unconfirmed(self, expected: Target) -> tuple[Field, ...]:
        """Return the fields that still do not hold what was written, after all tries of reading back."""
        missing = tuple(expected)
        for wait_s in CONFIRM_WAITS_S:
            if not missing:
                break
            await self._clock.sleep(wait_s)
            try:
                image = await self._access.read_image(missing)
            except BusError as error:
                logger.warning("read-back failed: %s", error)
                continue
            missing = tuple(name for name in missing if image.get(name) != expected[name])
        return missing


def _stage(name: Field, value: bytes) -> int:
    """Return when a field is written: what ends a forced mode first, what begins one last."""
    match name:
        case Field.EMS:
            return 1 if word_of(value) in EMS_AUTOMATIC else 4
        case Field.WORK_MODE:
            return 5 if word_of(value) == WORK_MODE_ECO else 2
        case Field.FAST_CHARGE:
            return 6 if value == words(1) else 0
        case _:
            return 3
