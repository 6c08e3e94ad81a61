"""Answers that are refused, late, or were meant for somebody else: none may pass for the inverter's own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hems.adapters.inverters.goodwe import GoodWeOptions, open_in_memory
from hems.adapters.inverters.goodwe.et import EtInverter
from hems.adapters.inverters.goodwe.fields import Field, cannot_hold
from hems.adapters.inverters.goodwe.registers import words
from hems.adapters.inverters.user_settings import MemoryUserSettingsStore
from hems.domain.command import AlreadySo, Applied, Command, Mode, NotConfirmed, Unreachable, WritePurpose
from hems.domain.errors import InverterUnreachable
from hems.domain.site import ReportedBatteryLimits
from support.goodwe_bench import QUICK, LeapingClock, RegisterDevice, et_registers, open_house

DECISION, SAFETY = WritePurpose.DECISION, WritePurpose.SAFETY
CLOCK = bytes([26, 6, 17, 12, 30, 5])
"""What every block that begins at 35100 begins with."""


async def open_et(
    device: RegisterDevice, clock: LeapingClock | None = None, store: MemoryUserSettingsStore | None = None
) -> EtInverter:
    inverter = await open_in_memory(
        device.exchange_pdu, clock or LeapingClock(), GoodWeOptions(host="in memory", retry=QUICK), store
    )
    assert isinstance(inverter, EtInverter)
    return inverter


def address_of(request: bytes) -> int:
    return int.from_bytes(request[1:3], "big")


# -- battery limits --------------------------------------------------------------------------------------------


async def test_an_inverter_without_limits_still_tells_the_voltage() -> None:
    device = RegisterDevice(registers=et_registers())
    for address in range(45352, 45356):
        del device.registers[address]
    assert await (await open_et(device)).read_battery_limits() == ReportedBatteryLimits(measured_voltage_v=254.0)


@pytest.mark.parametrize("code", [1, 4, 6])
@pytest.mark.parametrize("block", [35100, 45352])
async def test_a_passing_refusal_is_not_taken_for_a_battery_without_limits(block: int, code: int) -> None:
    device = RegisterDevice(registers=et_registers())
    inverter = await open_et(device)
    device.meddle = lambda request, reply: bytes([0x83, code]) if address_of(request) == block else reply
    with pytest.raises(InverterUnreachable):
        await inverter.read_battery_limits()


# -- answers for another client --------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [1, 2])
async def test_control_values_that_cannot_be_are_neither_acted_on_nor_saved(answers: int) -> None:
    device, store = RegisterDevice(registers=et_registers()), MemoryUserSettingsStore()
    inverter = await open_et(device, store=store)
    left = answers

    def steal(request: bytes, reply: bytes | None) -> bytes | None:
        nonlocal left
        if request[0] != 3 or address_of(request) != 47000 or not left:
            return reply
        left -= 1
        return bytes([3, 2]) + CLOCK[:2]

    device.meddle = steal
    if answers == 1:  # asked again, and answered
        await inverter.save_user_settings()
        saved = store.load()
        assert saved is not None
        assert "1a06" not in str(saved["fields"])
    else:
        with pytest.raises(InverterUnreachable, match="work_mode 1a06"):
            await inverter.save_user_settings()
        assert store.load() is None
    assert not device.written


@pytest.mark.parametrize(
    ("name", "payload", "odd"),
    [
        (Field.WORK_MODE, words(5), False),
        (Field.WORK_MODE, words(0xFFFF), False),
        (Field.WORK_MODE, CLOCK[:2], True),
        (Field.MIN_SOC, words(100), False),
        (Field.MIN_SOC, words(101), True),
        (Field.EMS, words(255, 0), False),
        (Field.EMS, words(2307, 3400), True),
        (Field.CHARGE_CURRENT, words(2000), False),
        (Field.CHARGE_CURRENT, CLOCK[:2], True),
        (Field.ECO_1, bytes.fromhex("300030000000006400640000"), False),
        (Field.ECO_1, CLOCK + bytes(6), True),
    ],
)
def test_what_a_field_can_hold(name: Field, payload: bytes, odd: bool) -> None:
    assert cannot_hold(name, payload) is odd


@pytest.mark.parametrize("serial", [bytes(16), CLOCK + bytes(10), bytes.fromhex("d83dde00") * 4])
async def test_nobody_is_controlled_without_a_serial_number(serial: bytes) -> None:
    device = RegisterDevice(registers=et_registers())
    device.put(35003, serial)
    with pytest.raises(InverterUnreachable):
        await open_et(device)


# -- refused and late ------------------------------------------------------------------------------------------


async def test_registers_that_cannot_be_read_leave_unknown_what_is_in_force() -> None:
    device, clock = RegisterDevice(registers=et_registers()), LeapingClock()
    inverter = await open_et(device, clock)
    later = clock.now() + timedelta(minutes=30)
    assert isinstance(
        await inverter.apply(Command(mode=Mode.CHARGE, power_w=3000, expires_at=later), DECISION), Applied
    )
    device.meddle = lambda request, reply: b"\x83\x04" if address_of(request) == 47000 else reply
    assert isinstance(await inverter.apply(Command(mode=Mode.STANDBY, expires_at=later), SAFETY), Unreachable)
    assert device.registers[47511] == 11


@pytest.mark.parametrize("control", ["ems", "eco_slot"])
@pytest.mark.parametrize("stops_after_s", [0, 12, 40])
async def test_a_write_that_takes_effect_late_neither_outlives_the_stop_nor_becomes_the_owners(
    control: str, stops_after_s: float
) -> None:
    house = await open_house("GW8KN-ET", control, faults=("delayed_apply:20@0",))
    before = await house.inverter.read_control()
    charge = house.command(Mode.CHARGE, 2000, minutes=10)
    assert isinstance(await house.inverter.apply(charge, DECISION), NotConfirmed)
    assert isinstance(await house.inverter.apply(house.command(Mode.SELF_USE), SAFETY), Applied | AlreadySo)
    await house.live(seconds=stops_after_s)
    assert isinstance(await house.inverter.apply(charge, DECISION), Applied | NotConfirmed)
    for _ in range(3):
        if isinstance(await house.inverter.restore_self_use(user_settings=True), Applied | AlreadySo):
            break
    await house.live(minutes=2)
    after = await house.inverter.read_control()
    assert (after.mode, after.detail) == (before.mode, before.detail)
    assert house.simulator.flow.battery_w > 400, "the battery covers the load again"


# -- another inverter in the same place ------------------------------------------------------------------------


async def test_an_inverter_that_comes_back_after_another_one_gets_its_own_settings_back() -> None:
    store = MemoryUserSettingsStore()
    first = RegisterDevice(registers=et_registers())
    second = RegisterDevice(registers=et_registers(serial="9008KETU00TEST02"))
    clock = LeapingClock()
    hold = Command(mode=Mode.HOLD, expires_at=clock.now() + timedelta(minutes=30))
    for device in (first, second):  # each is left while it holds
        assert isinstance(await (await open_et(device, clock, store)).apply(hold, DECISION), Applied)
        assert device.registers[45356] == 50
    for device in (second, first):
        assert isinstance(await (await open_et(device, clock, store)).restore_self_use(user_settings=True), Applied)
        assert device.registers[45356] == 10
    assert store.load() is None
