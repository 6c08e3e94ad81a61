"""One register, one block of registers, and how bytes become numbers. Knows no device.

A block is unpacked by one ``struct`` call, since a simulated day decodes some fifty thousand of them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

Values = dict[str, float | None]
"""Decoded values by register name, in the unit and sign of the device map; None is unknown."""


class Kind(Enum):
    """How a value lies in the registers, big-endian: struct code, bytes, and the values that mean *unknown*.

    0xFFFF in a signed word is also -1, a fair reading near zero; for those only the extremes are taken as unknown, and
    the reader of a block decides by its unsigned neighbours whether the whole block is void.
    """

    U8 = ("B", 1, (0xFF,))
    U16 = ("H", 2, (0xFFFF,))
    S16 = ("h", 2, (0x7FFF, -0x8000))
    U32 = ("I", 4, (0xFFFFFFFF,))
    S32 = ("i", 4, (0x7FFFFFFF, -0x80000000))
    TEMPERATURE = ("h", 2, (0x7FFF, -1))  # a missing sensor reads -1 or 32767, and so does -0.1 degrees

    @property
    def code(self) -> str:
        """The struct code."""
        return str(self.value[0])

    @property
    def size(self) -> int:
        """The size in bytes."""
        return int(self.value[1])

    @property
    def unknown(self) -> tuple[int, ...]:
        """The raw values that mean unknown."""
        return tuple(self.value[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One value of the device: where it lies, how it is scaled and turned, and how that is known.

    Value = raw * ``mul`` / ``div`` in ``unit``. ``mul`` carries the sign where the device's differs from ours.
    """

    name: str
    address: int
    kind: Kind
    unit: str = ""
    mul: int = 1
    div: int = 1
    source: str = "lib"
    note: str = ""


class Block:
    """Registers that are read in one request and decoded in one pass."""

    def __init__(self, name: str, address: int, count: int, registers: Sequence[Register], *, word: int = 2) -> None:
        """Lay out ``registers`` in ``count`` units of ``word`` bytes from ``address`` (2 for Modbus, 1 for AA55).

        Raises: ValueError: two registers overlap, or one lies outside the block.
        """
        self.name = name
        self.address = address
        self.count = count
        self.registers = tuple(sorted(registers, key=lambda register: register.address))
        layout, position = ">", 0
        for register in self.registers:
            gap = (register.address - address) * word - position
            if gap < 0:
                raise ValueError(f"{name}: {register.name} overlaps the register before it")
            layout += f"{gap}x{register.kind.code}"
            position += gap + register.kind.size
        if position > count * word:
            raise ValueError(f"{name}: {self.registers[-1].name} lies beyond the block")
        self._struct = struct.Struct(layout)
        self._names = tuple(register.name for register in self.registers)
        self._rules = tuple((register.kind.unknown, register.mul, register.div) for register in self.registers)

    def decode(self, data: bytes) -> Values:
        """Return the values of ``data``, the block's bytes from its first register on.

        Raises: struct.error: ``data`` is shorter than the block.
        """
        raw = self._struct.unpack_from(data)
        return dict(
            zip(
                self._names,
                [
                    None if value in unknown else value * mul / div
                    for value, (unknown, mul, div) in zip(raw, self._rules, strict=True)
                ],
                strict=True,
            )
        )


def bits(value: float | None) -> int:
    """Return a bit field as an integer; an unknown one has no bits set."""
    return 0 if value is None else int(value)


def has_bit(value: float | None, position: int) -> bool:
    """Return whether bit ``position`` is set."""
    return bool(bits(value) >> position & 1)


def words(*values: int) -> bytes:
    """Return ``values`` as big-endian registers; negative ones in two's complement."""
    return b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values)


def word_of(payload: bytes, index: int = 0) -> int:
    """Return the unsigned register ``index`` of ``payload``."""
    return int.from_bytes(payload[2 * index : 2 * index + 2], "big")
