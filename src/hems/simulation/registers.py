"""A device's registers: measured blocks encoded when asked for, settings kept as words, the Modbus rules on both."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Literal

from hems.simulation import goodwe_wire as wire

Code = Literal["H", "h", "I", "i", "f", "Q", "6s"]
_WORDS: dict[str, int] = {"H": 1, "h": 1, "I": 2, "i": 2, "f": 2, "Q": 4, "6s": 3}


class RegisterRefusal(Exception):
    """The device refuses a request with a Modbus exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Layout:
    """Where each value of a measured block lies; packs them all in one call, gaps as zero."""

    def __init__(self, start: int, count: int, fields: Mapping[int, Code]) -> None:
        self.start, self.count = start, count
        self.registers = tuple(sorted(fields))
        parts, position = [">"], start
        for register in self.registers:
            code = fields[register]
            if register < position or register + _WORDS[code] > start + count:
                raise ValueError(f"register {register} overlaps its neighbour or leaves the block at {start}")
            parts.append(f"{2 * (register - position)}x" if register > position else "")
            parts.append(code)
            position = register + _WORDS[code]
        parts.append(f"{2 * (start + count - position)}x")
        self._struct = struct.Struct("".join(parts))

    def encode(self, *values: float | bytes) -> bytes:
        """Return the block with ``values`` in the order of their registers."""
        return self._struct.pack(*values)


class MeasuredBlock:
    """A block that is encoded at most once per version of the house, however often it is read."""

    def __init__(self, start: int, count: int, encode: Callable[[], bytes]) -> None:
        self.start, self.end = start, start + count
        self._encode = encode
        self._version = -1
        self._data = b""

    def read(self, version: int) -> bytes:
        """Return the block as of ``version``."""
        if version != self._version:
            self._data, self._version = self._encode(), version
        return self._data


class RegisterBank:
    """Measured blocks and settings behind the Modbus functions 3, 6 and 16."""

    def __init__(self, blocks: tuple[MeasuredBlock, ...], settings: dict[int, int]) -> None:
        self.blocks = blocks
        self.settings = settings
        self.version = 0
        """Counts up whenever a measured value may have changed."""
        self.live: dict[int, Callable[[], int]] = {}
        """Settings registers whose value is made on reading: clocks and what mirrors the battery."""
        self.limits: dict[int, tuple[int, int]] = {}
        """Lowest and highest word a settings register takes."""
        self.check: Callable[[int, tuple[int, ...]], None] = lambda _start, _words: None
        """Refuses what depends on more than one register's range."""
        self.on_write: Callable[[int, tuple[int, ...]], None] = self.store

    def read(self, start: int, count: int) -> bytes:
        """Return ``count`` registers from ``start``.

        Raises: RegisterRefusal.
        """
        end = start + count
        for block in self.blocks:
            if block.start <= start and end <= block.end:
                offset = 2 * (start - block.start)
                return block.read(self.version)[offset : offset + 2 * count]
        if not 1 <= count <= 125:
            raise RegisterRefusal(wire.ILLEGAL_VALUE)
        try:
            words = [self._word(register) for register in range(start, end)]
        except KeyError:
            raise RegisterRefusal(wire.ILLEGAL_ADDRESS) from None
        return struct.pack(f">{count}H", *words)

    def _word(self, register: int) -> int:
        maker = self.live.get(register)
        return self.settings[register] if maker is None else maker()

    def write(self, start: int, words: tuple[int, ...]) -> None:
        """Hand ``words`` to ``on_write`` if every register exists and takes its word.

        Raises: RegisterRefusal: nothing was written.
        """
        for register, word in enumerate(words, start):
            if register not in self.settings:
                raise RegisterRefusal(wire.ILLEGAL_ADDRESS)
            low, high = self.limits.get(register, (0, 0xFFFF))
            if not low <= word <= high:
                raise RegisterRefusal(wire.ILLEGAL_VALUE)
        self.check(start, words)
        self.on_write(start, words)

    def store(self, start: int, words: tuple[int, ...]) -> None:
        """Keep ``words`` in the settings from ``start`` on."""
        for register, word in enumerate(words, start):
            self.settings[register] = word

    def answer(self, pdu: bytes) -> bytes:
        """Return the reply PDU to the request ``pdu``; a refusal is an exception PDU."""
        function = pdu[0]
        try:
            if function == wire.READ and len(pdu) == 5:
                start, count = struct.unpack_from(">HH", pdu, 1)
                data = self.read(start, count)
                return bytes((function, len(data))) + data
            if function == wire.WRITE_ONE and len(pdu) == 5:
                start, word = struct.unpack_from(">HH", pdu, 1)
                self.write(start, (word,))
                return pdu
            if function == wire.WRITE_MANY and len(pdu) >= 8:
                start, count, size = struct.unpack_from(">HHB", pdu, 1)
                if size != 2 * count or len(pdu) != 6 + size:
                    raise RegisterRefusal(wire.ILLEGAL_VALUE)
                self.write(start, struct.unpack_from(f">{count}H", pdu, 6))
                return pdu[:5]
            raise RegisterRefusal(wire.ILLEGAL_FUNCTION)
        except RegisterRefusal as refusal:
            return wire.exception_pdu(function, refusal.code)
