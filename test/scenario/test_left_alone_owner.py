"""What the owner sets is the owner's: after a mode has ended, after a restore by hand, on a line that garbles."""

from __future__ import annotations

import pytest

from hems.adapters.inverters.goodwe.fields import ET_PLACES, Field
from hems.domain.command import AlreadySo, Applied, Mode, WritePurpose
from hems.simulation.faults import parse_fault
from support.goodwe_bench import House, open_house


def register(house: House, field: Field) -> int:
    place = ET_PLACES[field]
    frame = b"\x03" + place.address.to_bytes(2, "big") + place.count.to_bytes(2, "big")
    answer = house.simulator.exchange_pdu(frame)
    assert answer is not None
    return int.from_bytes(answer[2:4], "big")


def set_in_the_app(house: House, field: Field, value: int) -> None:
    house.simulator.exchange_pdu(b"\x06" + ET_PLACES[field].address.to_bytes(2, "big") + value.to_bytes(2, "big"))


@pytest.mark.parametrize(
    ("mode", "field", "wish"), [(Mode.HOLD, Field.MIN_SOC, 35), (Mode.NO_CHARGE, Field.CHARGE_CURRENT, 30)]
)
async def test_what_the_owner_sets_after_a_mode_has_ended_is_kept(mode: Mode, field: Field, wish: int) -> None:
    house = await open_house("GW6000-ES-20", "ems")
    await house.inverter.save_user_settings()
    assert isinstance(await house.inverter.apply(house.command(mode), WritePurpose.DECISION), Applied)
    await house.live(minutes=15)
    assert isinstance(await house.inverter.apply(house.command(Mode.SELF_USE), WritePurpose.RESTORE), Applied)
    for _ in range(5):  # as the coordinator looks every minute
        await house.live(minutes=1)
        assert (await house.inverter.read_control()).mode is Mode.SELF_USE
    set_in_the_app(house, field, wish)
    await house.live(minutes=5)
    await house.inverter.apply(house.command(Mode.CHARGE, power_w=2000.0), WritePurpose.DECISION)
    await house.live(minutes=15)
    assert register(house, field) == wish
    await house.inverter.restore_self_use(user_settings=True)
    assert register(house, field) == wish


async def test_a_lease_from_before_a_new_connection_ends_unseen_too() -> None:
    house = await open_house("GW6000-ES-20", "ems", faults=(parse_fault("bad_crc@300+1800"),))
    await house.inverter.apply(house.command(Mode.CHARGE, power_w=2000.0), WritePurpose.DECISION)
    await house.live(seconds=60)
    await house.reopen()
    assert (await house.inverter.read_control()).mode is Mode.CHARGE
    await house.live(seconds=300)
    await house.inverter.apply(house.command(Mode.SELF_USE), WritePurpose.RESTORE)
    await house.live(seconds=15)
    assert house.simulator.flow.battery_w > 0.0


async def test_an_end_that_was_lost_is_told_again_unseen() -> None:
    house = await open_house("GW6000-ES-20", "ems")
    await house.inverter.apply(house.command(Mode.CHARGE, power_w=2000.0), WritePurpose.DECISION)
    await house.live(seconds=60)
    honest = house.simulator.exchange_pdu
    arrives, is_garbled = False, False

    def line(pdu: bytes) -> bytes | None:
        nonlocal is_garbled
        if pdu[0] in {6, 16} and not arrives:
            is_garbled = True
            return None
        answer = honest(pdu)
        return None if is_garbled else answer

    house.inverter._bus._exchange_pdu = line
    await house.inverter.apply(house.command(Mode.SELF_USE), WritePurpose.RESTORE)
    assert is_garbled, "read, and then not heard"
    arrives = True
    await house.inverter.apply(house.command(Mode.SELF_USE), WritePurpose.RESTORE)
    await house.live(seconds=15)
    assert house.simulator.flow.battery_w > 0.0


@pytest.mark.parametrize(
    ("model", "control"),
    [("GW6000-ES-20", "ems"), ("GW10K-ET", "eco_slot"), ("GW5048-EM", "auto"), ("GW5048-ES", "auto")],
)
async def test_nothing_of_the_owner_is_lost_by_writing_unseen(model: str, control: str) -> None:
    house = await open_house(model, control, faults=(parse_fault("bad_crc@300+1800"),))
    before = await house.inverter._controller._access.read_image()
    await house.inverter.save_user_settings()
    await house.inverter.apply(house.command(Mode.CHARGE, power_w=2000.0), WritePurpose.DECISION)
    await house.live(seconds=300)
    for _ in range(4):
        await house.inverter.apply(house.command(Mode.SELF_USE), WritePurpose.RESTORE)
        await house.live(seconds=30)
    await house.live(minutes=40)
    result = await house.inverter.restore_self_use(user_settings=True)
    assert isinstance(result, AlreadySo | Applied)
    assert house.store.load() is None
    after = await house.inverter._controller._access.read_image()
    assert {name: value for name, value in after.items() if name is not Field.EMS} == {
        name: value for name, value in before.items() if name is not Field.EMS
    }
