"""GoodWe's framing and nothing else: where a frame begins and ends, and whether it arrived whole.

UDP carries Modbus RTU requests whose replies wear an ``AA55`` header, and the older AA55 protocol; TCP carries plain
Modbus (MBAP). Source: the ``goodwe`` library's protocol and modbus modules; recorded frames of real units.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

READ = 0x03
WRITE_ONE = 0x06
WRITE_MANY = 0x10
EXCEPTION_FLAG = 0x80

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3

RTU_REPLY_HEADER = b"\xaa\x55"
AA55_REQUEST_HEADER = b"\xaa\x55\xc0\x7f"
AA55_REPLY_HEADER = b"\xaa\x55\x7f\xc0"
MBAP_LENGTH = 7


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes) -> bytes:
    """Return the Modbus CRC-16 of ``data``, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def byte_sum(data: bytes) -> bytes:
    """Return the AA55 checksum of ``data``: the plain sum of its bytes, high byte first."""
    return (sum(data) & 0xFFFF).to_bytes(2, "big")


def unwrap_rtu_request(frame: bytes, unit: int) -> bytes | None:
    """Return the Modbus PDU of an RTU request, or None: a bad CRC or another unit is met with silence."""
    if len(frame) < 4 or frame[0] != unit or crc16(frame[:-2]) != frame[-2:]:
        return None
    return frame[1:-2]


def wrap_rtu_reply(pdu: bytes, unit: int) -> bytes:
    """Return ``pdu`` as GoodWe's UDP reply: AA55, unit, PDU, CRC over all but the header."""
    body = bytes((unit,)) + pdu
    return RTU_REPLY_HEADER + body + crc16(body)


@dataclass(frozen=True, slots=True)
class Aa55Request:
    """One request of the AA55 protocol: its two-byte kind and its data."""

    kind: int
    data: bytes


def unwrap_aa55_request(frame: bytes) -> Aa55Request | None:
    """Return the request in ``frame``, or None where header, length or checksum is wrong."""
    if len(frame) < 9 or frame[:4] != AA55_REQUEST_HEADER or byte_sum(frame[:-2]) != frame[-2:]:
        return None
    if frame[6] != len(frame) - 9:
        return None
    return Aa55Request(int.from_bytes(frame[4:6], "big"), frame[7:-2])


def wrap_aa55_reply(kind: int, data: bytes) -> bytes:
    """Return an AA55 reply of ``kind`` carrying ``data``."""
    body = AA55_REPLY_HEADER + kind.to_bytes(2, "big") + bytes((len(data),)) + data
    return body + byte_sum(body)


def split_mbap(buffer: bytearray) -> tuple[int, int, bytes] | None:
    """Take one Modbus/TCP request off the front of ``buffer``: (transaction, unit, PDU), or None if not whole yet.

    Raises: ValueError: what arrived is not Modbus/TCP; the connection is of no use any more.
    """
    if len(buffer) < MBAP_LENGTH:
        return None
    transaction, protocol, length, unit = struct.unpack_from(">HHHB", buffer)
    if protocol != 0 or not 2 <= length <= 254:
        raise ValueError("not a Modbus/TCP header")
    end = 6 + length
    if len(buffer) < end:
        return None
    pdu = bytes(buffer[MBAP_LENGTH:end])
    del buffer[:end]
    return transaction, unit, pdu


def wrap_mbap(transaction: int, unit: int, pdu: bytes) -> bytes:
    """Return ``pdu`` as a Modbus/TCP frame that answers ``transaction``."""
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def exception_pdu(function: int, code: int) -> bytes:
    """Return the PDU that refuses ``function`` with ``code``."""
    return bytes((function | EXCEPTION_FLAG, code))
