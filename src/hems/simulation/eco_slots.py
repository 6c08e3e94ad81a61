"""The bytes of eco slots, version 1 (8 bytes) and version 2 (12 bytes), and what they mean.

Source: ``goodwe`` library (sensor.py) and facts gathered from owners: negative power charges; a slot is on when its
on-byte is -1 - type; type 6 (platform 745) counts power in tenths of a percent.
"""

from __future__ import annotations

import struct

from hems.simulation.control import EcoSlot

V1_OFF = bytes.fromhex("3000300000640000")
V2_OFF = bytes.fromhex("300030000000006400640000")
V2_OFF_745 = bytes.fromhex("30003000060003e800640000")

_V1 = struct.Struct(">4bhbb")
_V2 = struct.Struct(">4bbbhhh")
_TYPE_ECO_ON = -1
_TYPE_ECO_745_ON = -7
_DAY_MASK = 0x7F


def words(slot: bytes) -> tuple[int, ...]:
    """Return the bytes of a slot as register words."""
    return struct.unpack(f">{len(slot) // 2}H", slot)


def from_words(slot: tuple[int, ...]) -> bytes:
    """Return register words as the bytes of a slot."""
    return struct.pack(f">{len(slot)}H", *slot)


def decode_v1(data: bytes) -> EcoSlot | None:
    """Return the slot in eight bytes, or None where it is off or has no time."""
    start_h, start_m, end_h, end_m, power, on, days = _V1.unpack(data)
    if on != _TYPE_ECO_ON:
        return None
    return _slot(start_h, start_m, end_h, end_m, days, power / 100.0, 100.0, 0)


def decode_v2(data: bytes) -> EcoSlot | None:
    """Return the slot in twelve bytes, or None where it is off, of another kind, or has no time."""
    start_h, start_m, end_h, end_m, on, days, power, soc, months = _V2.unpack(data)
    if on == _TYPE_ECO_ON:
        return _slot(start_h, start_m, end_h, end_m, days, power / 100.0, float(soc), months)
    if on == _TYPE_ECO_745_ON:
        return _slot(start_h, start_m, end_h, end_m, days, power / 1000.0, float(soc), months)
    return None


def _slot(
    start_h: int, start_m: int, end_h: int, end_m: int, days: int, share: float, soc_pct: float, months: int
) -> EcoSlot | None:
    if not (0 <= start_h < 24 and 0 <= end_h < 24 and 0 <= start_m < 60 and 0 <= end_m < 60):
        return None  # 48:00 means not set
    if not -1.0 <= share <= 1.0:
        return None
    return EcoSlot(
        start_min=60 * start_h + start_m,
        end_min=60 * end_h + end_m,
        days=_DAY_MASK if days == -1 else days & _DAY_MASK,
        months=months & 0x0FFF,
        power_share=share,
        soc_pct=soc_pct,
    )
