"""Limiting what the house feeds in: where each family keeps its limit, and how it is read and set.

A limit is only ever tightened: where the owner's own is as tight, that one stands. Watts and percents are rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hems.adapters.inverters.goodwe.fields import UNSET, Field, Image, Target
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.adapters.inverters.goodwe.targets import CannotControlError, Situation
from hems.domain.command import Command

OFF, ON = 0, 1
_SIGN_BIT = 0x8000


class ExportControl(Protocol):
    """How one family limits its export."""

    @property
    def fields(self) -> frozenset[Field]:
        """The fields that hold the limit and its switch."""
        ...

    def limit_w(self, image: Image) -> float | None:
        """Return the limit that ``image`` puts in force [W]; None where there is none."""
        ...

    def target(self, limit_w: float, image: Image) -> Target:
        """Return what the registers have to hold for ``limit_w`` >= 0 [W].

        Raises: CannotControlError: it cannot be set, and why.
        """
        ...


def export_target(command: Command, situation: Situation, export: ExportControl | None) -> Target:
    """Return what the registers have to hold for the command's export limit, beyond ``undisturbed``.

    Raises: CannotControlError: the device has no such limit, or the command's is none.
    """
    limit_w = command.export_limit_w
    if limit_w is None:
        return {}
    if not 0.0 <= limit_w < float("inf"):
        raise CannotControlError(f"an export limit needs to be 0 W or more; {limit_w} was given")
    if export is None:
        raise CannotControlError("this inverter cannot do that: its export cannot be limited")
    owners_w = owners_limit_w(situation, export)
    if owners_w is not None and owners_w <= limit_w:
        return {}
    return export.target(limit_w, {**situation.image, **situation.owner})


def owners_limit_w(situation: Situation, export: ExportControl) -> float | None:
    """Return the limit that the owner has set [W], None where there is none."""
    return export.limit_w({**situation.image, **situation.owner})


def is_ours(situation: Situation, export: ExportControl) -> bool:
    """Return whether the limit in the registers is another than the owner's."""
    image, owner = situation.image, situation.owner
    return any(field in image and field in owner and image[field] != owner[field] for field in export.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAndWatts:
    """Switch and limit [W] in one field, so that one write sets both: ET in two registers, one-phase DT in three."""

    rated_power_w: float
    fields = frozenset({Field.EXPORT_LIMIT})

    def limit_w(self, image: Image) -> float | None:
        """Return the limit [W]; of two registers it may be negative: then so much has to be imported."""
        payload = image.get(Field.EXPORT_LIMIT)
        if payload is None or len(payload) < 4 or word_of(payload) in {OFF, UNSET}:
            return None
        raw = int.from_bytes(payload[2:], "big")
        if raw >= (1 << 8 * len(payload[2:])) - 1:
            return None  # an unset limit limits nothing
        if len(payload) == 4 and raw >= _SIGN_BIT and self.rated_power_w < _SIGN_BIT:
            return float(raw - 2 * _SIGN_BIT)  # more than the inverter could ever feed in: a signed figure
        return float(raw)

    def target(self, limit_w: float, image: Image) -> Target:
        """Return switch and limit."""
        payload = image.get(Field.EXPORT_LIMIT)
        if payload is None or len(payload) < 4:
            raise CannotControlError("this inverter cannot do that: its firmware has no export limit")
        size = len(payload) - 2
        # Above what it can feed in, a limit says nothing; and two registers hold 32 767 W at most.
        most_w = min(self.rated_power_w or float("inf"), (1 << 8 * size - 1) - 1)
        return {Field.EXPORT_LIMIT: words(ON) + int(min(limit_w, most_w)).to_bytes(size, "big")}


@dataclass(frozen=True, slots=True, kw_only=True)
class WattsBehindSwitch:
    """ES: a limit [W] that can be written, and its switch, which only the vendor's app sets."""

    fields = frozenset({Field.EXPORT_VALUE})

    def limit_w(self, image: Image) -> float | None:
        """Return the limit [W]."""
        switch, value = image.get(Field.EXPORT_SWITCH), image.get(Field.EXPORT_VALUE)
        if switch is None or value is None or word_of(switch) in {OFF, UNSET} or word_of(value) == UNSET:
            return None
        return float(word_of(value))

    def target(self, limit_w: float, image: Image) -> Target:
        """Return the limit; a switch that is off would leave it without effect."""
        if word_of(image.get(Field.EXPORT_SWITCH, words(OFF))) in {OFF, UNSET}:
            raise CannotControlError(
                "the inverter's export limit is switched off, and only the vendor's app can switch it on: do so there "
                "once, with a limit as high as the inverter's rated power"
            )
        return {Field.EXPORT_VALUE: words(int(min(limit_w, UNSET - 1)))}


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAndShare:
    """Three-phase DT: a limit in percent of the rated power, and its switch apart from it."""

    rated_power_w: float
    fields = frozenset({Field.EXPORT_SWITCH, Field.EXPORT_VALUE})

    def limit_w(self, image: Image) -> float | None:
        """Return the limit [W]; of an inverter whose rated power is unknown only 0 can be told."""
        switch, value = image.get(Field.EXPORT_SWITCH), image.get(Field.EXPORT_VALUE)
        if switch is None or value is None or word_of(switch) in {OFF, UNSET} or word_of(value) == UNSET:
            return None
        if word_of(value) and self.rated_power_w <= 0:
            return None
        return self.rated_power_w * word_of(value) / 100.0

    def target(self, limit_w: float, image: Image) -> Target:
        """Return the share, then the switch."""
        if Field.EXPORT_SWITCH not in image or Field.EXPORT_VALUE not in image:
            raise CannotControlError("this inverter cannot do that: its firmware has no export limit")
        if limit_w > 0.0 and self.rated_power_w <= 0:
            raise CannotControlError("the rated power of this model is unknown, and its export limit is a share of it")
        share = int(100.0 * min(1.0, limit_w / self.rated_power_w)) if limit_w > 0.0 else 0
        return {Field.EXPORT_VALUE: words(share), Field.EXPORT_SWITCH: words(ON)}
