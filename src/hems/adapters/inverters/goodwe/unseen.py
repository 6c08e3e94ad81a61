"""Ends what an earlier process forced on an inverter that cannot be read.

A line that loses or garbles every answer may still carry every question. Written is only what the save of
that process knows of this very inverter, or what is fixed by definition. Nothing is confirmed by it, so the save is
kept: whoever can read the inverter next puts it right and lets the save go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from hems.adapters.inverters.goodwe.base import NoBatteryAccess
from hems.adapters.inverters.goodwe.bus import BusError, BusRejected, RegisterBus
from hems.adapters.inverters.goodwe.device_map import UNIT_DT
from hems.adapters.inverters.goodwe.es import IN_SETTINGS, EsAccess
from hems.adapters.inverters.goodwe.et import EtAccess
from hems.adapters.inverters.goodwe.fields import SELF_USE_WORK_MODES, UNSET, WORK_MODE_GENERAL, Field, Image, Target
from hems.adapters.inverters.goodwe.options import Family
from hems.adapters.inverters.goodwe.owner import OwnerSettings, Reach
from hems.adapters.inverters.goodwe.placing import FieldAccess, Placing
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.adapters.inverters.goodwe.targets import EMS_AUTO
from hems.domain.command import Unreachable
from hems.domain.errors import StorageError
from hems.domain.secrets import shortened_serial
from hems.ports.clock import Clock
from hems.ports.inverter import UserSettingsStore

UNSEEN_ROUNDS = 3
"""All is written so often, so that a lost frame is made good and flash is not worn."""
UNSEEN_TIMEOUT_S = 1.0
"""For one answer: it decides nothing, it only keeps the frames apart."""

_FIXED = frozenset({Field.EMS, Field.FAST_CHARGE, Field.WORK_MODE})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastKnown:
    """The inverter that the last run controlled, and where its owner's settings are saved."""

    serial_number: str
    user_settings: UserSettingsStore
    time_zone: tzinfo


class UnseenRestore:
    """Writes self-use to one known inverter without reading it, a few times at most."""

    def __init__(
        self, last_known: LastKnown, make_bus: Callable[[], RegisterBus], clock: Clock, rounds: int = UNSEEN_ROUNDS
    ) -> None:
        """``make_bus`` returns a bus that asks every question once."""
        self._last_known = last_known
        self._make_bus = make_bus
        self._clock = clock
        self._rounds_left = rounds
        self._saw_another = False
        self._is_refused = False
        self.rounds = 0
        """How often all was written."""
        self.writes = 0
        """Write frames sent."""
        self.account = ""
        """What was sent and what came back, for a person; empty where nothing has been tried."""

    def saw(self, serial_number: str) -> None:
        """Note who did answer: the values of one inverter are never written to another."""
        self._saw_another = self._saw_another or serial_number != self._last_known.serial_number

    def saw_nobody(self) -> None:
        """Note that the address refuses the port just now: nobody there would hear a write."""
        self._is_refused = True

    async def after(self, silence: Unreachable) -> Unreachable:
        """Write self-use and the owner's settings, after ``silence``; return that with what was done about it."""
        is_refused, self._is_refused = self._is_refused, False
        if self._rounds_left > 0 and not is_refused:
            self._rounds_left -= 1
            await self._write_all()
        return self.told(silence)

    def told(self, silence: Unreachable) -> Unreachable:
        """Return ``silence`` with what has been written so far."""
        detail = "; ".join(part for part in (silence.detail, self.account) if part)
        return Unreachable(detail=detail, writes=silence.writes + self.writes)

    async def _write_all(self) -> None:
        serial = shortened_serial(self._last_known.serial_number)
        if self._saw_another:
            self.account = f"nothing was written unseen: another inverter answered in place of {serial}"
            return
        owner = OwnerSettings(self._last_known.user_settings, self._last_known.serial_number)
        try:
            owner.load()
        except StorageError as error:
            self.account = f"nothing was written unseen: {error}"
            return
        if not owner.is_held or owner.reach is None:
            self.account = f"nothing was written unseen: no save says what {serial} holds and where"
            return
        target = unseen_target(owner.fields, owner.touched, owner.reach)
        bus = self._make_bus()
        logger.warning("writing self-use to %s without being able to read it", serial)
        # Before the first frame: should time run out under way, what may have been sent is known.
        self.rounds += 1
        self.account = self._account_of(target, {})
        try:
            access = _access(bus, self._clock, self._last_known.time_zone, owner.reach)
            answers = await Placing(access, self._clock).put_unseen({}, target)
            self.account = self._account_of(target, answers)
        finally:
            self.writes += bus.frames_written
            await bus.close()

    def _account_of(self, target: Target, answers: Mapping[Field, BusError | None]) -> str:
        """Return one sentence; an acknowledgement is said, but it proves nothing."""
        parts = []
        for name in target:
            error = answers.get(name)
            if name in answers and error is None:
                parts.append(f"{name.value} (acknowledged)")
            elif isinstance(error, BusRejected):
                parts.append(f"{name.value} (refused)")
            else:
                parts.append(name.value)
        times = "once" if self.rounds == 1 else f"{self.rounds} times"
        return (
            f"self-use was sent {times} without being able to read ({', '.join(parts)}): it is not confirmed, and "
            "the owner's saved settings are kept until it is"
        )


def unseen_target(fields: Image, touched: Image, reach: Reach) -> Target:
    """Return plain self-use by the save alone, without what has no known place or does not fit it.

    Args:
        fields: what the device had when its owner's settings were saved.
        touched: the owner's value of every field we have changed since.
        reach: where the fields lie.
    The work mode is written only where we changed it, and as self-use: an owner's eco mode waits until it can be seen.
    """
    target = {name: value for name, value in touched.items() if name not in _FIXED}
    if word_of(target.get(Field.MIN_SOC, words(0))) == UNSET:
        del target[Field.MIN_SOC]  # no reading, and never written
    if Field.EMS in fields:
        target[Field.EMS] = words(EMS_AUTO, 0)
    if Field.FAST_CHARGE in fields:
        target[Field.FAST_CHARGE] = words(0)
    if Field.WORK_MODE in touched:
        owners = touched[Field.WORK_MODE]
        target[Field.WORK_MODE] = owners if word_of(owners) in SELF_USE_WORK_MODES else words(WORK_MODE_GENERAL)
    return {name: value for name, value in target.items() if _fits(name, value, reach)}


def _fits(name: Field, value: bytes, reach: Reach) -> bool:
    if reach.family is Family.ES and name in IN_SETTINGS:
        return len(value) == 2 and name is not Field.EXPORT_SWITCH  # which this family has no way to set
    return name in reach.places and len(value) == 2 * reach.places[name].count


def _access(bus: RegisterBus, clock: Clock, zone: tzinfo, reach: Reach) -> FieldAccess:
    match reach.family:
        case Family.ET:
            return EtAccess(bus, reach.places)
        case Family.ES:
            return EsAccess(bus, clock, zone, reach.places)
        case Family.DT:
            return NoBatteryAccess(bus, UNIT_DT, reach.places)
