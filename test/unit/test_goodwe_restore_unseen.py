"""What a process that died left forced is ended by its save alone, where nothing of the inverter can be read."""

from __future__ import annotations

import asyncio
import copy
from datetime import UTC
from typing import Any, cast

import pytest

from hems.adapters.inverters.goodwe import (
    GoodWeOptions,
    LastKnown,
    RetryOptions,
    UnseenRestore,
    open_in_memory,
    restore_inverter,
)
from hems.adapters.inverters.goodwe.bus import MemoryBus
from hems.adapters.inverters.goodwe.connector import GoodWeInverter
from hems.adapters.inverters.goodwe.fields import (
    ES_ECO_V1_PLACES,
    ET_50_KW_PLACES,
    ET_PLACES,
    FAST_CHARGE_PLACES,
    Field,
)
from hems.adapters.inverters.goodwe.options import Family
from hems.adapters.inverters.goodwe.owner import OwnerSettings, Reach
from hems.adapters.inverters.goodwe.registers import words
from hems.adapters.inverters.goodwe.unseen import unseen_target
from hems.adapters.inverters.user_settings import MemoryUserSettingsStore
from hems.domain.command import AlreadySo, Applied, CommandResult, Mode, Unreachable, WritePurpose
from hems.domain.errors import InverterUnreachable
from hems.simulation.faults import parse_fault
from support.goodwe_bench import QUICK, House, LeapingClock, RegisterDevice, et_registers, open_house, open_on

GARBLED_FROM_S = 300.0
CONTROLS = [("GW6000-ES-20", "ems"), ("GW10K-ET", "eco_slot"), ("GW10K-ET", "fast_charge"), ("GW5048-ES", "auto")]


class Connector:
    """Opens the house's inverter afresh, as another process does."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def open(self) -> GoodWeInverter:
        return await open_on(self._house.simulator, self._house.clock, self._house.store, self._house.control)


async def left(mode: Mode, model: str, control: str, fault: str = "bad_crc", **more: float) -> House:
    """Return a house whose coordinator died in ``mode``, on a line that has since been in trouble."""
    house = await open_house(model, control, faults=(parse_fault(f"{fault}@{GARBLED_FROM_S}+1800"),))
    assert isinstance(await house.inverter.apply(house.command(mode, **more), WritePurpose.DECISION), Applied)
    await house.live(seconds=GARBLED_FROM_S)
    return house


def unseen_of(house: House, serial_number: str | None = None) -> UnseenRestore:
    serial_number = house.inverter.identity.serial_number if serial_number is None else serial_number
    known = LastKnown(serial_number=serial_number, user_settings=house.store, time_zone=UTC)
    simulator, once = house.simulator, RetryOptions(timeout_s=0.2, retries=0)
    return UnseenRestore(
        known,
        lambda: MemoryBus(simulator.exchange_pdu, house.clock, once, simulator.exchange_aa55),
        house.clock,
    )


async def restore(house: House, unseen: UnseenRestore | None = None) -> CommandResult:
    return await restore_inverter(Connector(house), unseen)


async def seen_later(house: House) -> CommandResult:
    """Return what a restore comes to once the line is back."""
    await house.live(minutes=40)
    return await restore(house)


@pytest.mark.parametrize(("model", "control"), CONTROLS)
async def test_a_charge_ends_and_is_not_claimed_to_have(model: str, control: str) -> None:
    fault = "drop" if model == "GW5048-ES" else "bad_crc"  # which spares the older protocol of that family
    house = await left(Mode.CHARGE, model, control, fault, power_w=2000.0, target_soc_pct=90.0)
    assert house.simulator.flow.battery_w < -1000.0, "the inverter goes on by itself"
    assert isinstance(await restore(house), Unreachable)
    await house.live(seconds=15)
    assert house.simulator.flow.battery_w < -1000.0, "without the save nothing was sent"
    result = await restore(house, unseen_of(house))
    assert isinstance(result, Unreachable)
    assert result.writes > 0
    assert "not confirmed" in result.detail
    await house.live(seconds=15)
    assert house.simulator.flow.battery_w > 0.0, "the battery covers the house again"
    assert house.store.load() is not None, "the save waits for who can see"
    assert isinstance(await seen_later(house), Applied | AlreadySo)
    assert house.store.load() is None


@pytest.mark.parametrize("fault", ["bad_crc", "truncate"])
async def test_a_raised_floor_is_the_owners_again(fault: str) -> None:
    house = await left(Mode.HOLD, "GW10K-ET", "auto", fault)
    owners = OwnerSettings(house.store, house.inverter.identity.serial_number)
    owners.load()
    assert owners.touched.keys() == {Field.MIN_SOC}
    await restore(house, unseen_of(house))
    await house.live(seconds=15)
    assert house.simulator.flow.battery_w > 0.0, "the battery covers the house again"
    assert isinstance(await seen_later(house), AlreadySo), "it held the owner's value already"


async def test_a_limit_on_export_and_a_stopped_charge_are_the_owners_again() -> None:
    house = await open_house("GW10K-ET", faults=(parse_fault(f"bad_crc@{GARBLED_FROM_S}+1800"),))
    before = await house.inverter.read_control()
    command = house.command(Mode.NO_CHARGE, export_limit_w=0.0)
    assert isinstance(await house.inverter.apply(command, WritePurpose.DECISION), Applied)
    await house.live(seconds=GARBLED_FROM_S)
    await restore(house, unseen_of(house))
    await house.live(minutes=40)
    await house.reopen()
    after = await house.inverter.read_control()
    assert (after.mode, after.export_limit_w) == (Mode.SELF_USE, before.export_limit_w)
    assert not after.export_limit_is_ours


async def test_it_is_sent_three_times_at_most() -> None:
    house = await left(Mode.HOLD, "GW10K-ET", "auto")
    unseen = unseen_of(house)
    writes = [cast("Unreachable", await restore(house, unseen)).writes for _ in range(5)]
    assert writes[0] < writes[1] < writes[2] == writes[3] == writes[4]
    assert "3 times" in unseen.account


@pytest.mark.parametrize("gap", ["no save", "save of an older version", "wrong place", "another inverter's", "damaged"])
async def test_what_is_not_known_is_not_written(gap: str) -> None:
    house = await left(Mode.HOLD, "GW10K-ET", "auto")
    serial = house.inverter.identity.serial_number
    saved = cast("dict[str, Any]", copy.deepcopy(house.store.load()))
    match gap:
        case "no save":
            house.store.clear()
        case "save of an older version":
            del saved["reach"]
            house.store.save(saved)
        case "wrong place":
            saved["reach"]["places"]["min_soc"] = [45000, 1]
            house.store.save(saved)
        case "damaged":
            house.store.save({"serial_number": serial, "fields": {"min_soc": "zz"}, "touched": []})
        case "another inverter's":
            serial = "9010KETU000W9999"
    result = await restore(house, unseen_of(house, serial))
    assert isinstance(result, Unreachable)
    assert result.writes == 0
    assert "nothing was written unseen" in result.detail


async def test_an_inverter_that_said_who_it_is_never_gets_the_values_of_another() -> None:
    house = await left(Mode.HOLD, "GW10K-ET", "auto")
    unseen = unseen_of(house)
    unseen.saw("9010KETU000W9999")
    result = await restore(house, unseen)
    assert isinstance(result, Unreachable)
    assert (result.writes, unseen.rounds) == (0, 0)


async def test_an_inverter_that_never_answers_within_the_patience_is_written_to() -> None:
    class Hanging:
        async def open(self) -> GoodWeInverter:
            await asyncio.Event().wait()
            raise InverterUnreachable("never")

    house = await left(Mode.HOLD, "GW10K-ET", "auto")
    result = await restore_inverter(Hanging(), unseen_of(house), 0.05)
    assert isinstance(result, Unreachable)
    assert result.writes > 0
    assert isinstance(await seen_later(house), AlreadySo)


@pytest.mark.parametrize(
    ("rated_w", "limit", "ems"),
    [(10_000, ET_PLACES, ET_PLACES), (50_000, ET_50_KW_PLACES, ET_PLACES)],
)
async def test_the_save_says_where_the_fields_of_this_size_lie(rated_w: int, limit: Any, ems: Any) -> None:
    device = RegisterDevice(et_registers(rated_w=rated_w))
    for place in ET_50_KW_PLACES.values():
        device.put(place.address, bytes(2 * place.count))
    store, options = MemoryUserSettingsStore(), GoodWeOptions(host="in memory", retry=QUICK)
    inverter = await open_in_memory(device.exchange_pdu, LeapingClock(), options, store)
    await inverter.save_user_settings()
    owner = OwnerSettings(store, inverter.identity.serial_number)
    owner.load()
    assert owner.reach is not None
    assert owner.reach.family is Family.ET
    assert owner.reach.places[Field.EXPORT_LIMIT] == limit[Field.EXPORT_LIMIT]
    assert owner.reach.places[Field.EMS] == ems[Field.EMS]


ET_REACH = Reach(family=Family.ET, places={**ET_PLACES, **FAST_CHARGE_PLACES})
ES_REACH = Reach(family=Family.ES, places=ES_ECO_V1_PLACES)
SAVED = {Field.EMS: words(11, 3000), Field.WORK_MODE: words(3), Field.FAST_CHARGE: words(1), Field.MIN_SOC: words(20)}


@pytest.mark.parametrize(
    ("touched", "reach", "expected"),
    [
        ({}, ET_REACH, {Field.EMS: words(1, 0), Field.FAST_CHARGE: words(0)}),
        (
            {Field.WORK_MODE: words(3), Field.MIN_SOC: words(20)},
            ET_REACH,
            {Field.EMS: words(1, 0), Field.FAST_CHARGE: words(0), Field.WORK_MODE: words(0), Field.MIN_SOC: words(20)},
        ),
        ({Field.WORK_MODE: words(5)}, ES_REACH, {Field.WORK_MODE: words(5)}),
        ({Field.MIN_SOC: words(0xFFFF), Field.CHARGE_CURRENT: words(1, 2)}, ES_REACH, {}),
        ({Field.EXPORT_SWITCH: words(1), Field.EXPORT_VALUE: words(5000)}, ES_REACH, {Field.EXPORT_VALUE: words(5000)}),
        ({Field.CHARGE_CURRENT: words(1, 2)}, ET_REACH, {Field.EMS: words(1, 0), Field.FAST_CHARGE: words(0)}),
    ],
    ids=["nothing touched", "eco mode", "745 self-use", "no reading", "ES has no switch", "wrong length"],
)
def test_only_the_saved_and_the_fixed_is_written(touched: Any, reach: Reach, expected: Any) -> None:
    assert unseen_target(SAVED, touched, reach) == expected
