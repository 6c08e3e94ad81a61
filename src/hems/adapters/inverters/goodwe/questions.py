"""Questions to a GoodWe inverter that change nothing, and what an answer, whole or not, says about the line.

Below the library, which tells only that an answer was no good: here its bytes are looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from goodwe.modbus import create_modbus_rtu_request  # type: ignore[import-untyped]

from hems.adapters.inverters.goodwe.device_map import DT_IDENTITY, DT_RUNTIME, ET_IDENTITY, ET_RUNTIME, UNIT_DT, UNIT_ET
from hems.adapters.inverters.goodwe.et_snapshot import is_foreign
from hems.adapters.inverters.goodwe.identity import DeviceInfo, is_serial_number, parse_aa55, parse_dt, parse_et
from hems.adapters.inverters.goodwe.options import Family
from hems.adapters.inverters.goodwe.readings import read_naive_clock

_READ = 0x03
_AA55_REQUEST, _AA55_REPLY, _MODBUS_REPLY = b"\xaa\x55\xc0\x7f", b"\xaa\x55\x7f\xc0", b"\xaa\x55"
_MBAP = struct.Struct(">HHHB")
_TRANSACTION = 0x4757
_GRID_HZ = (40.0, 70.0)

DONGLE_PORT = 48899
DONGLE_QUESTION = b"WIFIKIT-214028-READ"
"""Asks the communication module, not the inverter, who it is: the answer is ``address,mac,name``."""


class Verdict(Enum):
    """What an answer is worth."""

    GOOD = "good"
    CUT = "cut off"
    DAMAGED = "damaged"
    FOREIGN = "the answer to another question"
    REFUSED = "refused"
    STRANGE = "not GoodWe's"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One judged answer; ``data`` is what was asked for, where it is good."""

    verdict: Verdict
    data: bytes = b""
    code: int | None = None
    """The Modbus exception of a refusal."""
    arrived_bytes: int = 0
    wanted_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusQuestion:
    """A read of registers."""

    name: str
    unit: int
    address: int
    count: int
    is_plausible: Callable[[bytes], bool] = lambda _: True
    """Whether the data can be this block's; an answer meant for another client may have the right length."""

    def udp_frame(self) -> bytes:
        """Return the question as a datagram."""
        return bytes(create_modbus_rtu_request(self.unit, _READ, self.address, self.count))

    def tcp_frame(self) -> bytes:
        """Return the question as a Modbus/TCP frame."""
        return _MBAP.pack(_TRANSACTION, 0, 6, self.unit) + struct.pack(">BHH", _READ, self.address, self.count)

    def judge_udp(self, frame: bytes) -> Answer:
        """Return what the datagram ``frame`` is worth as an answer."""
        if frame[:2] != _MODBUS_REPLY:
            return self._judged(Verdict.STRANGE, frame)
        if frame[:4] == _AA55_REPLY or (len(frame) > 2 and frame[2] != self.unit):
            return self._judged(Verdict.FOREIGN, frame)
        if len(frame) >= 7 and frame[3] == _READ | 0x80 and _crc_fits(frame[2:7]):
            return self._judged(Verdict.REFUSED, frame, code=frame[4])
        if len(frame) < 5:
            return self._judged(Verdict.CUT, frame)
        end = 5 + frame[4]
        if frame[3] != _READ or (frame[4] != 2 * self.count and _crc_fits(frame[2 : end + 2])):
            return self._judged(Verdict.FOREIGN, frame)
        if frame[4] != 2 * self.count:
            return self._judged(Verdict.DAMAGED, frame)
        if len(frame) < end + 2:
            return self._judged(Verdict.CUT, frame)
        if not _crc_fits(frame[2 : end + 2]):
            return self._judged(Verdict.DAMAGED, frame)
        return self._plausible(frame[5:end], frame)

    def judge_tcp(self, frame: bytes) -> Answer:
        """Return what the bytes ``frame`` of a connection are worth as an answer; CUT may still be completed."""
        if len(frame) < 9:
            strange = len(frame) >= 4 and frame[2:4] != b"\0\0"
            return self._judged(Verdict.STRANGE if strange else Verdict.CUT, frame)
        transaction, protocol, _, unit = _MBAP.unpack_from(frame)
        if protocol != 0:
            return self._judged(Verdict.STRANGE, frame)
        if transaction != _TRANSACTION or unit != self.unit:
            return self._judged(Verdict.FOREIGN, frame)
        if frame[7] == _READ | 0x80:
            return self._judged(Verdict.REFUSED, frame, code=frame[8])
        if frame[7] != _READ or frame[8] != 2 * self.count:
            return self._judged(Verdict.FOREIGN, frame)
        end = 9 + frame[8]
        if len(frame) < end:
            return self._judged(Verdict.CUT, frame)
        return self._plausible(frame[9:end], frame)

    def _plausible(self, data: bytes, frame: bytes) -> Answer:
        verdict = Verdict.GOOD if self.is_plausible(data) else Verdict.FOREIGN
        return self._judged(verdict, frame, data=data)

    def _judged(self, verdict: Verdict, frame: bytes, *, code: int | None = None, data: bytes = b"") -> Answer:
        return Answer(verdict=verdict, data=data, code=code, arrived_bytes=len(frame), wanted_bytes=2 * self.count + 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aa55Question:
    """A read in the older protocol, over UDP only."""

    name: str
    payload: bytes
    reply_type: bytes
    least_bytes: int
    """How much data a whole answer has at least."""

    def udp_frame(self) -> bytes:
        """Return the question as a datagram."""
        body = _AA55_REQUEST + self.payload
        return body + (sum(body) & 0xFFFF).to_bytes(2, "big")

    def judge_udp(self, frame: bytes) -> Answer:
        """Return what the datagram ``frame`` is worth as an answer."""
        if frame[:2] != _MODBUS_REPLY:
            return self._judged(Verdict.STRANGE, frame)
        if frame[:4] != _AA55_REPLY[: len(frame[:4])] or frame[4:6] != self.reply_type[: len(frame[4:6])]:
            return self._judged(Verdict.FOREIGN, frame)
        if len(frame) < 7 or len(frame) < frame[6] + 9:
            return self._judged(Verdict.CUT, frame)
        end = frame[6] + 7
        if (sum(frame[:end]) & 0xFFFF).to_bytes(2, "big") != frame[end : end + 2]:
            return self._judged(Verdict.DAMAGED, frame)
        data = frame[7:end]
        if len(data) < self.least_bytes:
            return self._judged(Verdict.FOREIGN, frame)
        return self._judged(Verdict.GOOD, frame, data=data)

    def _judged(self, verdict: Verdict, frame: bytes, *, data: bytes = b"") -> Answer:
        wanted = frame[6] + 9 if len(frame) > 6 else self.least_bytes + 9
        return Answer(verdict=verdict, data=data, arrived_bytes=len(frame), wanted_bytes=wanted)


Question = ModbusQuestion | Aa55Question


def _is_identity(parse: Callable[[bytes], DeviceInfo]) -> Callable[[bytes], bool]:
    return lambda data: is_serial_number(parse(data).serial_number)


def _is_live(data: bytes) -> bool:
    """Whether these can be live data: a meter's block at rest has neither a time nor a frequency where those lie."""
    frequency_hz = ET_RUNTIME.decode(data)["grid_hz"]
    has_frequency = frequency_hz is None or _GRID_HZ[0] <= frequency_hz <= _GRID_HZ[1]
    return not is_foreign(data) and (has_frequency or read_naive_clock(data) is not None)


WHO_ARE_YOU = Aa55Question(
    name="who are you", payload=bytes.fromhex("010200"), reply_type=bytes.fromhex("0182"), least_bytes=47
)
ET_WHO = ModbusQuestion(
    name="ET identity", unit=UNIT_ET, address=ET_IDENTITY[0], count=ET_IDENTITY[1], is_plausible=_is_identity(parse_et)
)
DT_WHO = ModbusQuestion(
    name="DT identity", unit=UNIT_DT, address=DT_IDENTITY[0], count=DT_IDENTITY[1], is_plausible=_is_identity(parse_dt)
)
ET_LIVE = ModbusQuestion(
    name="ET live data",
    unit=UNIT_ET,
    address=ET_RUNTIME.address,
    count=ET_RUNTIME.count,
    is_plausible=_is_live,
)
DT_LIVE = ModbusQuestion(name="DT live data", unit=UNIT_DT, address=DT_RUNTIME.address, count=DT_RUNTIME.count)
ES_LIVE = Aa55Question(
    name="ES live data", payload=bytes.fromhex("010600"), reply_type=bytes.fromhex("0186"), least_bytes=83
)

SHORT_AND_LONG: dict[Family, tuple[Question, Question]] = {
    Family.ET: (ET_WHO, ET_LIVE),
    Family.DT: (DT_WHO, DT_LIVE),
    Family.ES: (WHO_ARE_YOU, ES_LIVE),
}
"""For each family a short answer and a long one: some communication modules lose the end of long ones only."""


def identity_in(question: Question, data: bytes) -> DeviceInfo | None:
    """Return who speaks in the good answer ``data`` to one of the identity questions, or None."""
    if question is ET_WHO:
        return parse_et(data)
    if question is DT_WHO:
        return parse_dt(data)
    if question is WHO_ARE_YOU:
        try:
            return parse_aa55(data)
        except ValueError:
            return None  # a serial number of no known family: the family's own block tells more
    return None


def _crc_fits(body: bytes) -> bool:
    """Return whether ``body`` ends in the checksum of what stands before it."""
    crc = 0xFFFF
    for byte in body[:-2]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return len(body) > 2 and crc.to_bytes(2, "little") == body[-2:]
