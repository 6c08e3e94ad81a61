"""The eco slots of a GoodWe inverter: windows of the day in which it charges or discharges by its own clock.

Two layouts: V1 (8 bytes, ARM firmware below 19) and V2 (12 bytes). Negative power charges, in percent of the rated
power. The bytes are built here: the library's slot objects belong to the class, so two inverters would share them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, time, timedelta

_V1 = struct.Struct(">BBBBhBB")  # start h m, end h m, power, on, days
_V2 = struct.Struct(">BBBBBBhHH")  # start h m, end h m, on, days, power, SoC, months

_ON_ECO = 0xFF  # on is -1 - type: type 0 eco, type 6 eco of platform 745
_ON_ECO_745 = 0xF9
_OFF_ECO, _OFF_ECO_745 = 0x00, 0x06
_MONTHS_ALL_745 = 0x0FFF
_UNSET_HOUR = 48
_LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcoSlot:
    """One window. ``start`` and ``end`` by the inverter's clock; ``power_pct`` + discharges, − charges."""

    start: time
    end: time
    days: int
    """Bit 0 is Sunday."""
    power_pct: int
    soc_pct: int = 100

    def covers(self, moment: datetime) -> bool:
        """Return whether the slot is active at ``moment`` of the inverter's clock."""
        return bool(self.days >> day_bit(moment) & 1) and self.start <= moment.time() < self.end


def day_bit(moment: datetime) -> int:
    """Return the bit of the weekday of ``moment``; Sunday is 0."""
    return (moment.weekday() + 1) % 7


def window_until(now: datetime, remaining: timedelta) -> tuple[time, time, int]:
    """Return start, end and day mask of a window from ``now`` for ``remaining``, by the inverter's clock.

    Only today's bit is set, so a forgotten slot is as far away as it can be: seven days. A window over midnight ends at
    23:59; whoever still wants it then asks again. It ends on a whole minute, rounded up, as the slot has no seconds.
    """
    end = now + remaining
    if end.date() > now.date():
        end_time = _LAST_MINUTE
    else:
        whole = end.replace(second=0, microsecond=0)
        end_time = (whole if whole == end else whole + timedelta(minutes=1)).time()
        if end_time < now.time():  # rounded up over midnight
            end_time = _LAST_MINUTE
    return now.time().replace(second=0, microsecond=0), end_time, 1 << day_bit(now)


def encode_v1(slot: EcoSlot) -> bytes:
    """Return the 8 bytes of a switched-on slot."""
    start, end = slot.start, slot.end
    return _V1.pack(start.hour, start.minute, end.hour, end.minute, slot.power_pct, _ON_ECO, slot.days)


def encode_v2(slot: EcoSlot, *, platform_745: bool) -> bytes:
    """Return the 12 bytes of a switched-on slot; platform 745 counts power in tenths of a percent and wants months."""
    start, end = slot.start, slot.end
    on, power, months = (
        (_ON_ECO_745, slot.power_pct * 10, _MONTHS_ALL_745) if platform_745 else (_ON_ECO, slot.power_pct, 0)
    )
    return _V2.pack(start.hour, start.minute, end.hour, end.minute, on, slot.days, power, slot.soc_pct, months)


def decode(data: bytes) -> EcoSlot | None:
    """Return the slot of 8 or 12 bytes, or None where it is off, unset, or no charging window at all."""
    if len(data) == _V1.size:
        start_h, start_m, end_h, end_m, power, on, days = _V1.unpack(data)
        soc = 100
    else:
        start_h, start_m, end_h, end_m, on, days, power, soc, _ = _V2.unpack(data)
        if on == _ON_ECO_745:
            power = int(power / 10)
    if on not in {_ON_ECO, _ON_ECO_745} or _UNSET_HOUR in {start_h, end_h}:
        return None
    try:
        return EcoSlot(start=time(start_h, start_m), end=time(end_h, end_m), days=days, power_pct=power, soc_pct=soc)
    except ValueError:
        return None


def switched_off(data: bytes) -> bytes:
    """Return the same slot, off, with all that the owner has set in it untouched."""
    position = 6 if len(data) == _V1.size else 4
    off = {_ON_ECO: _OFF_ECO, _ON_ECO_745: _OFF_ECO_745}.get(data[position], data[position])
    return data[:position] + bytes([off]) + data[position + 1 :]
