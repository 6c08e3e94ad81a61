"""Every fault the simulated inverter knows, one at a time: the adapter tells, never breaks, and gets home after it."""

from __future__ import annotations

import pytest

from hems.domain.command import AlreadySo, Applied, Mode, NotConfirmed, Rejected, Unreachable, WritePurpose
from hems.domain.errors import InverterUnreachable
from hems.domain.readings import InverterFlag, Quality, SiteSnapshot
from hems.simulation.faults import FAULT_KINDS
from support.goodwe_bench import House, open_house

START_S, LASTS_S = 40, 100
SILENT = {"drop", "delay", "bad_crc", "truncate", "asleep", "exception"}
RESULTS = (Applied, AlreadySo, NotConfirmed, Rejected, Unreachable)


async def faulty(fault: str, model: str = "GW10K-ET") -> House:
    house = await open_house(model, faults=(fault,))
    await house.live(seconds=START_S)
    return house


async def poll(house: House) -> SiteSnapshot | None:
    try:
        return await house.inverter.read_snapshot()
    except InverterUnreachable:
        return None


@pytest.mark.parametrize("name", sorted(FAULT_KINDS))
async def test_each_fault_is_survived_and_self_use_comes_back(name: str) -> None:
    house = await faulty(f"{name}@{START_S}+{LASTS_S}")
    began = house.clock.monotonic()
    polls = [await poll(house)]
    result = await house.inverter.apply(house.command(Mode.CHARGE, 2000), WritePurpose.DECISION)
    assert isinstance(result, RESULTS)
    while house.clock.monotonic() - began < LASTS_S - 10:
        await house.live(seconds=10)
        polls.append(await poll(house))
    if name in SILENT:
        assert None in polls
    await house.live(seconds=200)
    for _ in range(3):  # the vendor's app and a slow firmware may undo one attempt
        restored = await house.inverter.restore_self_use(user_settings=True)
        if isinstance(restored, Applied | AlreadySo):
            break
    assert isinstance(restored, Applied | AlreadySo), name
    await house.live(seconds=90)
    assert (await house.inverter.read_control()).mode is Mode.SELF_USE
    snapshot = await house.inverter.read_snapshot()
    assert snapshot.battery.power_w is not None
    assert snapshot.battery.power_w > 400, "the battery covers the load again"


async def test_an_answer_for_another_client_is_not_taken_for_a_reading() -> None:
    house = await faulty(f"steal:1.0@{START_S}")
    for _ in range(5):
        assert await poll(house) is None
        await house.live(seconds=5)


async def test_acknowledged_and_ignored_is_not_applied() -> None:
    house = await faulty("ack_only@0")
    result = await house.inverter.apply(house.command(Mode.CHARGE, 2000), WritePurpose.DECISION)
    assert isinstance(result, NotConfirmed)


async def test_sentinels_are_unknown() -> None:
    snapshot = await (await faulty("sentinels@0")).inverter.read_snapshot()
    assert snapshot.battery.soc_pct is None
    assert snapshot.battery.temperature_c is None
    assert snapshot.battery.quality is not Quality.GOOD


async def test_a_lost_meter_is_flagged() -> None:
    snapshot = await (await faulty("meter_lost@0")).inverter.read_snapshot()
    assert InverterFlag.METER_LOST in snapshot.inverter.flags


async def test_a_lossy_link_still_reads_and_controls() -> None:
    house = await faulty("drop:0.3@0")
    polls = [await poll(house) for _ in range(20)]
    assert sum(snapshot is not None for snapshot in polls) >= 18
    for _ in range(3):
        result = await house.inverter.apply(house.command(Mode.CHARGE, 2000), WritePurpose.DECISION)
        if isinstance(result, Applied | AlreadySo):
            break
    assert isinstance(result, Applied | AlreadySo)
