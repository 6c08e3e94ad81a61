"""Carries out a command: read, compare, save the owner's settings, put in place what differs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from hems.adapters.inverters.goodwe.bus import BusError, BusRejected, BusTimeout
from hems.adapters.inverters.goodwe.control_export import ExportControl, export_target, is_ours
from hems.adapters.inverters.goodwe.control_state import describe
from hems.adapters.inverters.goodwe.fields import UNSET, WORK_MODE_ECO, Field, Image, Target
from hems.adapters.inverters.goodwe.owner import OwnerSettings
from hems.adapters.inverters.goodwe.placing import FieldAccess, Outcome, Placing
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.adapters.inverters.goodwe.targets import (
    OWNERS_OWN,
    CannotControlError,
    ForcedPower,
    Situation,
    target_for,
    undisturbed,
)
from hems.domain.command import (
    AlreadySo,
    Applied,
    Command,
    CommandResult,
    ControlState,
    Mode,
    NotConfirmed,
    Rejected,
    Unreachable,
    WritePurpose,
)
from hems.domain.errors import InverterUnreachable, StorageError
from hems.ports.clock import Clock

logger = logging.getLogger(__name__)

_NEVER_PUT_BACK = frozenset({Field.EMS, Field.FAST_CHARGE})
"""A saved forced mode is somebody's leftover, not the owner's wish."""


UNSEEN_ATTEMPTS = 3
UNSEEN_PAUSE_S = 600.0
"""Self-use is written three times in a row while nothing can be read, so that a lost frame is made good; then after ten
minutes, twenty, forty …: a module that was deaf may hear again, and flash is not worn."""


class Controller:
    """The one writer of one inverter."""

    def __init__(
        self,
        *,
        access: FieldAccess,
        forced: ForcedPower | None,
        owner: OwnerSettings,
        clock: Clock,
        rated_power_w: float,
        export: ExportControl | None = None,
        platform_745: bool = False,
    ) -> None:
        self._access = access
        self._forced = forced
        self._export = export
        self._owner = owner
        self._clock = clock
        self._rated_power_w = rated_power_w
        self._platform_745 = platform_745
        self._lock = asyncio.Lock()
        self._placing = Placing(access, clock)
        self._forced_by_us: tuple[Image, Target] | None = None
        """What was read before the latest forced mode, and what was then written."""
        self._seen_limit: Image = {}
        """The export limit as it was read last for its own sake."""
        self._unseen_attempts = 0
        self._next_unseen_s = clock.monotonic()

    async def read_state(self) -> ControlState:
        """Return what the control registers say.

        Raises: InverterUnreachable.
        """
        try:
            self._owner.load()
        except StorageError as error:  # whoever wants to write hears of it; reading goes on without
            logger.warning("%s", error)
        try:
            image = await self._access.read_image()
            situation = await self._situation(image, command=None)
        except BusError as error:
            raise InverterUnreachable(f"the control registers cannot be read: {error}") from error
        mode, power, detail = describe(situation)
        limit_w = None if self._export is None else self._export.limit_w(image)
        self._seen_limit = self._limit_in(image)
        limit_is_ours = self._export is not None and is_ours(situation, self._export)
        if limit_is_ours:
            detail += ", export " + ("not limited" if limit_w is None else f"limited to {limit_w:.0f} W")
        self._learn(image, mode, limit_is_ours=limit_is_ours)
        floor, fast = image.get(Field.MIN_SOC), image.get(Field.FAST_CHARGE)
        return ControlState(
            at=self._clock.now(),
            mode=mode,
            power_w=power,
            detail=detail,
            fast_charge_on=None if fast is None else word_of(fast) == 1,
            min_soc_pct=None if floor is None else float(word_of(floor)),
            export_limit_w=limit_w,
            export_limit_is_ours=limit_is_ours,
        )

    async def save_owner(self) -> None:
        """Save the owner's settings, unless a save is held.

        Raises: InverterUnreachable, StorageError.
        """
        self._owner.load()
        if self._owner.is_held:
            return
        try:
            self._owner.save_all(await self._access.read_image())
        except BusError as error:
            raise InverterUnreachable(f"the owner's settings cannot be read: {error}") from error

    async def apply(self, command: Command, purpose: WritePurpose) -> CommandResult:
        """Put ``command`` into the inverter, writing only what differs."""
        async with self._lock:
            before = self._access.frames_written
            try:
                return await self._apply(command, purpose, before)
            except CannotControlError as error:
                return Rejected(detail=str(error))
            except StorageError as error:
                return Rejected(detail=f"nothing was written, since the owner's settings could not be kept: {error}")
            except BusError as error:  # refused writes are answered below: what cannot be read leaves all unknown
                return Unreachable(detail=str(error), writes=self._access.frames_written - before)

    async def _apply(self, command: Command, purpose: WritePurpose, before: int) -> CommandResult:
        self._load_owner(purpose)
        try:
            image = await self._access.read_image()
        except BusError as error:
            if not command.is_forced:
                await self._end_unseen(error)
            raise
        self._unseen_attempts = 0
        self._heed_tighter_limit(image, purpose)
        situation = await self._situation(image, command)
        target = {**target_for(command, situation, self._forced), **export_target(command, situation, self._export)}
        detail = _left_over(command, situation)
        changes = {name for name, value in target.items() if self._placing.differs(image, name, value)}
        if not changes:
            self._note_forced(command, image, target)
            return AlreadySo(detail=detail)
        self._keep_owner(changes, image, purpose)
        if command.is_forced:
            self._note_forced(command, image, target)
        outcome = await self._placing.put(image, target)
        writes = self._access.frames_written - before
        if outcome.refused:
            return await self._after_refusal(command, outcome, before)
        if outcome.unconfirmed:
            return NotConfirmed(
                detail=f"written, but read back otherwise: {_names(outcome.unconfirmed)}", writes=writes
            )
        self._note_forced(command, image, target)
        return Applied(writes=writes, detail=detail)

    def _note_forced(self, command: Command, image: Image, target: Target) -> None:
        self._forced_by_us = (image, target) if command.is_forced else None

    def _limit_in(self, image: Image) -> Image:
        """Return what of ``image`` is the export limit, as far as we have touched it."""
        fields = frozenset() if self._export is None else self._export.fields
        touched = self._owner.touched
        return {name: image[name] for name in fields if name in image and name in touched}

    def _heed_tighter_limit(self, image: Image, purpose: WritePurpose) -> None:
        """Take a limit that somebody set while ours was in force for the owner's, if it is tighter than his.

        It may be his grid operator's. Only what read so twice, and is no late write of ours; a looser one is not taken.
        """
        found = self._limit_in(image)
        if self._export is None or self._forced_by_us is None or not found or found != self._seen_limit:
            return
        _, written = self._forced_by_us
        is_foreign = any(name in written and value != written[name] for name, value in found.items())
        new_w, old_w = self._export.limit_w(image), self._export.limit_w({**image, **self._owner.touched})
        if not is_foreign or new_w is None or (old_w is not None and new_w >= old_w):
            return
        if not all(self._placing.is_settled(name) for name in found):
            return
        logger.warning("an export limit of %.0f W was set from outside: it is the owner's from now on", new_w)
        try:
            self._owner.renew(found)
        except StorageError:
            if purpose is not WritePurpose.SAFETY:
                raise
            logger.exception("the owner's new export limit cannot be saved; the protective write goes on without")

    def _learn(self, image: Image, mode: Mode | None, *, limit_is_ours: bool) -> None:
        """Take what was just read into account: what is the owner's again, and what is forced since before this run."""
        settled = {name: value for name, value in image.items() if self._placing.is_settled(name)}
        try:
            self._owner.forget_restored(settled)
        except StorageError as error:
            logger.warning("which settings are the owner's again could not be kept: %s", error)
        if self._forced_by_us is None and (mode is not Mode.SELF_USE or limit_is_ours):
            ours = self._owner.touched.keys() | _NEVER_PUT_BACK
            self._forced_by_us = ({name: value for name, value in image.items() if name in ours}, {})

    async def restore(self, *, user_settings: bool) -> CommandResult:
        """Put the inverter back to self-use from any state; every step is tried, whatever another one came to."""
        async with self._lock:
            before = self._access.frames_written
            remarks: list[str] = []
            try:
                self._owner.load()
            except StorageError as error:
                remarks.append(f"the owner's saved settings cannot be used: {error}")
            image, unread = await self._read_what_answers()
            if not image:
                await self._end_unseen("; ".join(unread))
                return Unreachable(detail="; ".join(["no control register can be read", *unread, *remarks]))
            self._heed_tighter_limit(image, WritePurpose.SAFETY)
            target = self._restore_target(image, user_settings=user_settings)
            outcome = await self._placing.put(image, target, go_on=True)
            writes = self._access.frames_written - before
            failed = unread + [f"{name.value}: {error}" for name, error in outcome.refused.items()]
            failed += [f"{name.value}: reads back otherwise" for name in outcome.unconfirmed]
            if failed:
                detail = "; ".join(["not back in self-use yet: " + ", ".join(failed), *remarks])
                return NotConfirmed(detail=detail, writes=writes)
            remarks += self._let_go(image, user_settings=user_settings)
            detail = "; ".join(remarks)
            return Applied(writes=writes, detail=detail) if outcome.written else AlreadySo(detail=detail)

    async def _end_unseen(self, why: object) -> None:
        """End our own forced mode although nothing can be read: what we wrote is known, and may still be heard."""
        if self._forced_by_us is None:
            return
        elapsed_s = self._clock.monotonic()
        if self._unseen_attempts >= UNSEEN_ATTEMPTS and elapsed_s < self._next_unseen_s:
            return
        self._unseen_attempts += 1
        doublings = min(max(self._unseen_attempts - UNSEEN_ATTEMPTS, 0), 10)
        self._next_unseen_s = elapsed_s + UNSEEN_PAUSE_S * 2.0**doublings
        logger.warning("ending a forced mode without being able to read (%s)", why)
        before, written = self._forced_by_us
        image = {**before, **written}
        situation = Situation(
            image=image, owner=self._owners(image), rated_power_w=self._rated_power_w, now=self._clock.now()
        )
        await self._placing.put_unseen(image, undisturbed(situation))

    async def _read_what_answers(self) -> tuple[dict[Field, bytes], list[str]]:
        """Return every control field that can be read, and a sentence for each that cannot."""
        try:
            return await self._access.read_image(), []
        except BusError as error:
            logger.warning("not all control registers answer (%s): reading them one by one", error)
        image: dict[Field, bytes] = {}
        unread: list[str] = []
        for name in Field:
            try:
                image |= await self._access.read_image([name])
            except BusTimeout as error:
                unread.append(f"{name.value}: {error}")
                if not image:
                    break  # nothing answers at all: the rest would only cost time
            except BusError as error:
                unread.append(f"{name.value}: {error}")
        return image, unread

    def _restore_target(self, image: Image, *, user_settings: bool) -> Target:
        owner = self._owners(image)
        situation = Situation(image=image, owner=owner, rated_power_w=self._rated_power_w, now=self._clock.now())
        target = undisturbed(situation)
        if user_settings:
            target |= {name: owner[name] for name in OWNERS_OWN if name in owner and name in image}
        return target

    def _owners(self, image: Image) -> Image:
        """Return the owner's values that fit their places: one of another length would run into its neighbours.

        A minimum SoC read as unset was no reading, and is never written.
        """
        kept = self._owner.touched
        return {
            name: value
            for name, value in kept.items()
            if (name not in image or len(image[name]) == len(value))
            and not (name is Field.MIN_SOC and word_of(value) == UNSET)
        }

    def _let_go(self, image: Image, *, user_settings: bool) -> list[str]:
        """Let the save go where all of it is back, and say what could not be known."""
        remarks = []
        try:
            if user_settings and self._owner.is_held:
                self._owner.clear()
            elif user_settings:
                left = [
                    f"{name} {value}"
                    for name, value in (
                        ("minimum SoC", _shown(image, Field.MIN_SOC, 1, "%")),
                        ("charge current", _shown(image, Field.CHARGE_CURRENT, 10, "A")),
                        ("export limit", self._shown_limit(image)),
                    )
                    if value
                ]
                if left:
                    remarks.append(f"no settings of the owner were saved; left as found: {', '.join(left)}")
        except StorageError as error:
            remarks.append(f"the inverter is back in self-use, but {error}")
        return remarks

    def _shown_limit(self, image: Image) -> str:
        limit_w = None if self._export is None else self._export.limit_w(image)
        return "" if limit_w is None else f"{limit_w:.0f} W"

    def _load_owner(self, purpose: WritePurpose) -> None:
        """Take up an earlier save; for safety's sake a broken disk does not stop a protective write."""
        try:
            self._owner.load()
        except StorageError:
            if purpose is not WritePurpose.SAFETY:
                raise
            logger.exception("the owner's saved inverter settings cannot be read; the protective write goes on")

    def _keep_owner(self, changes: set[Field], image: Image, purpose: WritePurpose) -> None:
        try:
            self._owner.save_all(image)
            # What holds the owner's value again is the owner's again; then note what is about to change.
            settled = {name: value for name, value in image.items() if self._placing.is_settled(name)}
            self._owner.forget_restored(settled)
            self._owner.before_touching(changes - _NEVER_PUT_BACK, image)
        except StorageError:
            if purpose is not WritePurpose.SAFETY:
                raise
            logger.exception("the owner's inverter settings cannot be saved; the protective write goes on without")

    async def _after_refusal(self, command: Command, outcome: Outcome, before: int) -> CommandResult:
        """After a write failed half-way, leave nothing forced behind."""
        reason = ", ".join(f"{name.value}: {error}" for name, error in outcome.refused.items())
        if not all(isinstance(error, BusRejected) for error in outcome.refused.values()):
            return Unreachable(detail=reason, writes=self._access.frames_written - before)
        try:
            image = await self._access.read_image()
            back = await self._placing.put(image, self._restore_target(image, user_settings=False), go_on=True)
        except BusError as error:
            detail = f"{command.mode.value} was refused ({reason}), and self-use could not be put back: {error}"
            return NotConfirmed(detail=detail, writes=self._access.frames_written - before)
        writes = self._access.frames_written - before
        if back.refused or back.unconfirmed:
            detail = f"{command.mode.value} was refused ({reason}), and self-use is not confirmed"
            return NotConfirmed(detail=detail, writes=writes)
        return Rejected(
            detail=f"the inverter refused {command.mode.value} ({reason}); it is in self-use", writes=writes
        )

    async def _situation(self, image: Image, command: Command | None) -> Situation:
        """Gather what a target depends on, reading no more than this command needs."""
        soc = clock = None
        mode = None if command is None else command.mode
        by_power = self._forced if mode in {Mode.CHARGE, Mode.DISCHARGE} else None
        if mode is Mode.HOLD or (by_power is not None and by_power.needs_soc):
            soc = await self._access.read_soc_pct()
        in_eco_mode = Field.WORK_MODE in image and word_of(image[Field.WORK_MODE]) == WORK_MODE_ECO
        if (command is None and in_eco_mode) or (by_power is not None and by_power.needs_clock):
            clock = await self._access.read_naive_clock()
        return Situation(
            image=image,
            owner=self._owners(image),
            rated_power_w=self._rated_power_w,
            now=self._clock.now(),
            soc_pct=soc,
            inverter_clock=clock,
            platform_745=self._platform_745,
        )


def _left_over(command: Command, situation: Situation) -> str:
    """Return what self-use cannot undo because nobody knows what it was, or an empty string."""
    current = situation.image.get(Field.CHARGE_CURRENT)
    if command.mode is Mode.SELF_USE and current == words(0) and Field.CHARGE_CURRENT not in situation.owner:
        return "the charge current is 0 A and what it was before is not known: set it in the vendor's app"
    return ""


def _shown(image: Image, name: Field, divisor: int, unit: str) -> str:
    return f"{word_of(image[name]) / divisor:g} {unit}" if name in image else ""


def _names(fields: Iterable[Field]) -> str:
    return ", ".join(name.value for name in fields)
