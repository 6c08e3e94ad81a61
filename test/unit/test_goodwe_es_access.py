"""The ES family: reading writes nothing, the clock is set for slots, and one odd refusal hides no field."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.inverters.goodwe import GoodWeOptions, open_in_memory
from hems.adapters.inverters.goodwe.bus import ILLEGAL_ADDRESS, BusRejected
from hems.adapters.inverters.goodwe.es import EsAccess
from hems.adapters.inverters.goodwe.fields import ES_ECO_V1_PLACES, Field, Place
from hems.domain.command import Applied, Mode, WritePurpose
from support.goodwe_bench import NOON, QUICK, LeapingClock, open_house

WARSAW = ZoneInfo("Europe/Warsaw")
SET_CLOCK = bytes.fromhex("030206")
FAST = {Field.FAST_CHARGE: Place(address=47545, count=1)}
OFF, ON = bytes([48, 0, 48, 0, 0, 0, 0, 0]), bytes([10, 0, 11, 0, 0, 206, 255, 127])


class Bus:
    """Notes what is sent; ``refuse`` decides which register reads get exception 2."""

    frames_written = 0

    def __init__(self, refuse: Callable[[int], bool] = lambda _number: False) -> None:
        self.sent: list[bytes] = []
        self.reads = 0
        self._refuse = refuse

    async def query(self, payload: bytes, _reply: bytes) -> bytes:
        self.sent.append(payload)
        if payload[:3] == bytes.fromhex("011a03"):
            return OFF
        return b""

    async def read(self, address: int, count: int, *, unit: int) -> bytes:
        self.reads += 1
        if self._refuse(self.reads):
            raise BusRejected(ILLEGAL_ADDRESS, f"read at {address} of unit {unit}")
        return bytes(2 * count)

    @property
    def clocks(self) -> list[bytes]:
        return [payload[3:] for payload in self.sent if payload.startswith(SET_CLOCK)]


def access(bus: Bus, clock: LeapingClock, places: dict[Field, Place] | None = None) -> EsAccess:
    chosen = dict(ES_ECO_V1_PLACES) if places is None else places
    return EsAccess(bus, clock, WARSAW, chosen)  # type: ignore[arg-type]


async def test_reading_a_running_eco_slot_writes_nothing() -> None:
    house = await open_house("GW5048-ES")
    assert isinstance(await house.inverter.apply(house.command(Mode.CHARGE, 2000), WritePurpose.DECISION), Applied)
    await house.live(seconds=30)
    frames: list[bytes] = []

    def listen(payload: bytes) -> bytes | None:
        frames.append(payload)
        return house.simulator.exchange_aa55(payload)

    options = GoodWeOptions(host="in memory", retry=QUICK)
    inverter = await open_in_memory(house.simulator.exchange_pdu, house.clock, options, house.store, listen)
    assert (await inverter.read_control()).mode is Mode.CHARGE
    assert frames
    assert not [frame.hex() for frame in frames if frame[:1] in {b"\x02", b"\x03"}]
    assert inverter.register_writes == 0


async def test_the_clock_is_set_before_a_slot_is_switched_on_and_not_for_one_that_is_off() -> None:
    bus = Bus()
    opened = access(bus, LeapingClock())
    assert await opened.read_naive_clock() == NOON.astimezone(WARSAW).replace(tzinfo=None)
    await opened.write_field(Field.ECO_2, OFF)
    assert bus.clocks == []
    await opened.write_field(Field.ECO_1, ON)
    await opened.write_field(Field.ECO_1, ON)
    assert bus.clocks == [bytes([26, 6, 17, 12, 0, 0])]
    assert bus.sent.index(SET_CLOCK + bus.clocks[0]) < len(bus.sent) - 1, "first the clock, then the slot"


async def test_the_clock_is_set_again_when_summer_time_ends() -> None:
    clock, bus = LeapingClock(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)), Bus()
    opened = access(bus, clock)
    await opened.write_field(Field.ECO_1, ON)
    await clock.sleep(3600)
    await opened.write_field(Field.ECO_1, ON)
    assert [stamp[3:5] for stamp in bus.clocks] == [bytes([2, 30]), bytes([2, 30])], "the hour that comes twice"


@pytest.mark.parametrize("spurious", [1, 2])
async def test_one_spurious_refusal_hides_no_field_for_good(spurious: int) -> None:
    bus = Bus(lambda number: number == spurious)
    opened = access(bus, LeapingClock(), FAST)
    with suppress(BusRejected):  # of a field that has answered before it is a fault, and told as one
        await opened.read_image([Field.FAST_CHARGE])
        await opened.read_image([Field.FAST_CHARGE])
    assert Field.FAST_CHARGE in await opened.read_image([Field.FAST_CHARGE])


async def test_a_field_that_is_refused_twice_is_not_asked_for_again() -> None:
    bus = Bus(lambda _number: True)
    opened = access(bus, LeapingClock(), FAST)
    assert await opened.read_image([Field.FAST_CHARGE]) == {}
    assert await opened.read_image([Field.FAST_CHARGE]) == {}
    assert bus.reads == 2
