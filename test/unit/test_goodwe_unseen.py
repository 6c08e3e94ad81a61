"""A line that garbles every answer: what was forced is ended all the same, and the flash is not worn by trying."""

from __future__ import annotations

import pytest

from hems.domain.command import AlreadySo, Applied, Mode, Unreachable, WritePurpose
from hems.simulation.faults import parse_fault
from support.goodwe_bench import House, open_house

CONTROLS = [("GW6000-ES-20", "ems"), ("GW10K-ET", "eco_slot"), ("GW10K-ET", "fast_charge"), ("GW5048-ES", "auto")]
GARBLED_FROM_S = 300.0


async def charging(model: str, control: str) -> House:
    """Return a house that is being charged on a line whose every answer is garbled from the fifth minute on."""
    house = await open_house(model, control, faults=(parse_fault(f"bad_crc@{GARBLED_FROM_S}+1800"),))
    command = house.command(Mode.CHARGE, power_w=2000.0, target_soc_pct=90.0)
    result = await house.inverter.apply(command, WritePurpose.DECISION)
    assert isinstance(result, Applied)
    await house.live(seconds=60)
    assert house.simulator.flow.battery_w < -1000.0
    await house.live(seconds=GARBLED_FROM_S)
    assert house.simulator.flow.battery_w < -1000.0, "the inverter goes on by itself"
    return house


@pytest.mark.parametrize(("model", "control"), CONTROLS)
async def test_what_was_forced_ends_although_nothing_can_be_read(model: str, control: str) -> None:
    house = await charging(model, control)
    result = await house.inverter.apply(house.command(Mode.SELF_USE), WritePurpose.RESTORE)
    assert isinstance(result, Unreachable), "nothing is known, and nothing is claimed"
    await house.live(seconds=15)
    assert house.simulator.flow.battery_w > 0.0, "the battery covers the house again"


@pytest.mark.parametrize(("model", "control"), CONTROLS)
async def test_the_stop_of_the_service_ends_it_too(model: str, control: str) -> None:
    house = await charging(model, control)
    await house.inverter.restore_self_use(user_settings=True)
    await house.live(seconds=15)
    assert house.simulator.flow.battery_w > 0.0


async def test_it_is_tried_three_times_then_seldom_and_seen_once_the_line_is_back() -> None:
    house = await charging("GW6000-ES-20", "ems")
    ending = house.command(Mode.SELF_USE)
    writes = []
    for _ in range(5):
        before = house.inverter.register_writes
        await house.inverter.apply(ending, WritePurpose.RESTORE)
        writes.append(house.inverter.register_writes - before > 0)
    assert writes == [True, True, True, False, False]
    for minutes, is_tried in ((9, False), (2, True), (12, False)):
        await house.live(minutes=minutes)
        before = house.inverter.register_writes
        await house.inverter.apply(ending, WritePurpose.RESTORE)
        assert (house.inverter.register_writes > before) is is_tried, f"after {minutes} more minutes"
    await house.live(minutes=40)
    assert isinstance(await house.inverter.apply(ending, WritePurpose.RESTORE), AlreadySo), "seen now: it had worked"


async def test_a_garbled_line_starts_nothing() -> None:
    house = await charging("GW6000-ES-20", "ems")
    before = house.inverter.register_writes
    result = await house.inverter.apply(house.command(Mode.CHARGE, power_w=3000.0), WritePurpose.DECISION)
    assert isinstance(result, Unreachable)
    assert house.inverter.register_writes == before


async def test_nothing_is_written_unseen_where_nothing_was_forced() -> None:
    house = await open_house("GW6000-ES-20", "ems", faults=(parse_fault("bad_crc@60+600"),))
    await house.live(seconds=120)
    before = house.inverter.register_writes
    assert isinstance(await house.inverter.apply(house.command(Mode.SELF_USE), WritePurpose.RESTORE), Unreachable)
    assert house.inverter.register_writes == before
