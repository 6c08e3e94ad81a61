"""Eco slots: bytes, windows and weekdays."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from goodwe.protocol import ProtocolResponse
from goodwe.sensor import EcoModeV1, EcoModeV2
from hypothesis import given
from hypothesis import strategies as st

from hems.adapters.inverters.goodwe.slots import (
    EcoSlot,
    day_bit,
    decode,
    encode_v1,
    encode_v2,
    switched_off,
    window_until,
)

SLOT = EcoSlot(start=time(1, 2), end=time(3, 4), days=0b0001000, power_pct=-30, soc_pct=95)
UNSET_V1 = bytes([48, 0, 48, 0, 0, 100, 0, 0])
UNSET_V2 = bytes([48, 0, 48, 0, 0, 0, 0, 100, 0, 100, 0, 0])
PEAK_SHAVING = bytes([0, 0, 23, 59, 0xFC, 0x7F, 0, 100, 0, 50, 0, 0])


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (encode_v1(SLOT), "01020304ffe2ff08"),
        (encode_v2(SLOT, platform_745=False), "01020304ff08ffe2005f0000"),
        (encode_v2(SLOT, platform_745=True), "01020304f908fed4005f0fff"),
    ],
)
def test_bytes(encoded: bytes, expected: str) -> None:
    assert encoded.hex() == expected


def test_the_library_reads_the_same() -> None:
    first = EcoModeV1("slot", 0, "slot").read_value(ProtocolResponse(encode_v1(SLOT), None))
    assert (first.start_h, first.start_m, first.end_h, first.end_m, first.get_power()) == (1, 2, 3, 4, -30)
    for platform_745 in (False, True):
        data = encode_v2(SLOT, platform_745=platform_745)
        second = EcoModeV2("slot", 0, "slot").read_value(ProtocolResponse(data, None))
        assert (second.get_power(), second.soc, second.days) == (-30, 95, "Wed")


@given(
    st.times(), st.times(), st.integers(1, 127), st.integers(-100, 100), st.integers(0, 100), st.sampled_from([0, 1, 2])
)
def test_what_is_encoded_is_decoded(start: time, end: time, days: int, power: int, soc: int, layout: int) -> None:
    slot = EcoSlot(
        start=time(start.hour, start.minute),
        end=time(end.hour, end.minute),
        days=days,
        power_pct=power,
        soc_pct=soc if layout else 100,
    )
    data = encode_v2(slot, platform_745=layout == 2) if layout else encode_v1(slot)
    assert decode(data) == slot
    assert decode(switched_off(data)) is None
    assert len(switched_off(data)) == len(data)
    assert sum(one != other for one, other in zip(data, switched_off(data), strict=True)) == 1, "only the switch"


@pytest.mark.parametrize("data", [UNSET_V1, UNSET_V2, PEAK_SHAVING, b"\xff" * 12, b"\xff" * 8, bytes(12), bytes(8)])
def test_what_is_no_active_eco_slot(data: bytes) -> None:
    assert decode(data) is None
    assert switched_off(data) == data or data == b"\xff" * len(data)


@pytest.mark.parametrize(
    ("now", "minutes", "start", "end"),
    [
        ("12:00:00", 30, "12:00", "12:30"),
        ("12:00:30", 30, "12:00", "12:31"),
        ("12:00:00", 0.5, "12:00", "12:01"),
        ("23:50:00", 5, "23:50", "23:55"),
        ("23:50:00", 30, "23:50", "23:59"),
        ("23:58:30", 1, "23:58", "23:59"),
        ("23:59:30", 0.2, "23:59", "23:59"),
        ("00:00:00", 24 * 60, "00:00", "23:59"),
    ],
)
def test_windows(now: str, minutes: float, start: str, end: str) -> None:
    moment = datetime.combine(datetime(2026, 6, 17), time.fromisoformat(now))  # noqa: DTZ001 - a device's clock
    begins, ends, days = window_until(moment, timedelta(minutes=minutes))
    assert (f"{begins:%H:%M}", f"{ends:%H:%M}") == (start, end)
    assert days == 1 << 3, "a Wednesday; bit 0 is Sunday"


def test_weekdays_begin_with_sunday() -> None:
    assert [day_bit(datetime(2026, 6, 14 + day)) for day in range(7)] == list(range(7))  # noqa: DTZ001


def test_a_slot_covers_its_window_on_its_day_only() -> None:
    wednesday = datetime(2026, 6, 17, 1, 2)  # noqa: DTZ001
    assert SLOT.covers(wednesday)
    assert not SLOT.covers(wednesday - timedelta(minutes=1))
    assert not SLOT.covers(wednesday.replace(hour=3, minute=4))
    assert not SLOT.covers(wednesday + timedelta(days=1))
    assert SLOT.covers(wednesday + timedelta(days=7)), "it repeats: hence the restore"
