"""What every GoodWe inverter must do, over every family and control method, on a simulated house.

The physics decides, not the registers: an inverter that reads back well and moves no energy has failed.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hems.domain.command import AlreadySo, Applied, Mode, Rejected, WritePurpose
from hems.domain.site import Ability, ControlMethod
from support.goodwe_bench import House, open_house

DECISION = WritePurpose.DECISION


@dataclass(frozen=True)
class Case:
    model: str
    control: str
    method: ControlMethod

    def __str__(self) -> str:
        return f"{self.model}-{self.control}"


CASES = [
    Case("GW6000-ES-20", "auto", ControlMethod.EMS),
    Case("GW6000-ES-20", "fast_charge", ControlMethod.FAST_CHARGE),
    Case("GW6000-ES-20", "eco_slot", ControlMethod.ECO_SLOT),
    Case("GW10K-ET", "ems", ControlMethod.EMS),
    Case("GW10K-ET", "fast_charge", ControlMethod.FAST_CHARGE),
    Case("GW10K-ET", "eco_slot", ControlMethod.ECO_SLOT),
    Case("GW8KN-ET", "auto", ControlMethod.EMS),
    Case("GW10K-ET-fw617", "eco_slot", ControlMethod.ECO_SLOT),
    Case("GW5048-ES", "auto", ControlMethod.ECO_SLOT),
    Case("GW5048-EM", "auto", ControlMethod.ECO_SLOT),
]


@pytest.fixture(params=CASES, ids=str)
async def house(request: pytest.FixtureRequest) -> House:
    return await open_house(request.param.model, request.param.control)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.node.callspec.params["house"]
    return found


async def battery_w(house: House) -> float:
    reading = (await house.inverter.read_snapshot()).battery.power_w
    assert reading is not None
    return reading


async def test_says_what_it_is(house: House, case: Case) -> None:
    assert house.inverter.capabilities.control is case.method
    assert house.inverter.identity.serial_number == house.simulator.device.model.serial_number
    assert house.inverter.identity.rated_power_w == house.simulator.device.model.rated_w


async def test_reads_the_house(house: House) -> None:
    snapshot = await house.inverter.read_snapshot()
    assert snapshot.battery.soc_pct == pytest.approx(house.simulator.soc_pct, abs=1)
    assert snapshot.load.power_w == pytest.approx(600, abs=20)
    flows = (snapshot.pv.power_w, snapshot.battery.power_w, snapshot.grid.power_w, snapshot.load.power_w)
    pv, battery, grid, load = (value for value in flows if value is not None)
    assert pv + battery + grid == pytest.approx(load, abs=120), "signs: positive delivers to the house"
    assert battery > 400, "in self-use without sun the battery covers the load"
    assert snapshot.grid.connected is True
    assert all(voltage is not None and 200 < voltage < 260 for voltage in snapshot.grid.voltage_v)


async def test_charges_then_returns_to_self_use(house: House) -> None:
    share = 0.3 * house.inverter.identity.rated_power_w
    result = await house.inverter.apply(house.command(Mode.CHARGE, share, target_soc_pct=90.0), DECISION)
    assert isinstance(result, Applied)
    assert result.writes == house.inverter.register_writes > 0
    await house.live(seconds=90)
    assert await battery_w(house) == pytest.approx(-share, rel=0.1)
    state = await house.inverter.read_control()
    assert state.mode is Mode.CHARGE
    assert state.power_w == pytest.approx(share, rel=0.02)

    assert isinstance(await house.inverter.apply(house.command(Mode.SELF_USE), DECISION), Applied)
    await house.live(seconds=90)
    assert await battery_w(house) > 400
    assert (await house.inverter.read_control()).mode is Mode.SELF_USE


async def test_discharges_or_says_why_not(house: House) -> None:
    share = 0.3 * house.inverter.identity.rated_power_w
    result = await house.inverter.apply(house.command(Mode.DISCHARGE, share), DECISION)
    if not house.inverter.capabilities.can(Ability.DISCHARGE_AT_POWER):
        assert isinstance(result, Rejected)
        assert result.writes == 0
        assert len(house.inverter.capabilities.why_not(Ability.DISCHARGE_AT_POWER)) > 20
        return
    assert isinstance(result, Applied)
    await house.live(seconds=90)
    assert await battery_w(house) == pytest.approx(share, rel=0.12)
    assert (await house.inverter.read_control()).mode is Mode.DISCHARGE


async def test_hold_keeps_the_battery_and_lets_it_go_again(house: House) -> None:
    owners = (await house.inverter.read_control()).min_soc_pct
    assert isinstance(await house.inverter.apply(house.command(Mode.HOLD), DECISION), Applied)
    await house.live(minutes=3)
    assert await battery_w(house) == pytest.approx(0, abs=60)
    assert (await house.inverter.read_control()).mode is Mode.HOLD
    assert isinstance(await house.inverter.apply(house.command(Mode.SELF_USE), DECISION), Applied)
    await house.live(minutes=2)
    assert await battery_w(house) > 400
    assert (await house.inverter.read_control()).min_soc_pct == owners


@pytest.mark.parametrize(("mode", "ability"), [(Mode.NO_CHARGE, Ability.NO_CHARGE), (Mode.STANDBY, Ability.STANDBY)])
async def test_modes_a_family_may_lack(house: House, mode: Mode, ability: Ability) -> None:
    result = await house.inverter.apply(house.command(mode), WritePurpose.SAFETY)
    if house.inverter.capabilities.can(ability):
        assert isinstance(result, Applied)
        await house.live(seconds=90)
        assert await battery_w(house) == pytest.approx(0 if mode is Mode.STANDBY else 600, abs=120)
        assert (await house.inverter.read_control()).mode is mode
    else:
        assert isinstance(result, Rejected)
        assert house.inverter.register_writes == 0


async def test_the_same_again_writes_nothing(house: House) -> None:
    command = house.command(Mode.CHARGE, 1500, target_soc_pct=90.0)
    assert isinstance(await house.inverter.apply(command, DECISION), Applied)
    before = house.inverter.register_writes
    assert isinstance(await house.inverter.apply(command, DECISION), AlreadySo)
    assert house.inverter.register_writes == before


async def test_self_use_on_an_untouched_inverter_writes_and_saves_nothing(house: House) -> None:
    assert isinstance(await house.inverter.apply(house.command(Mode.SELF_USE), DECISION), AlreadySo)
    assert house.inverter.register_writes == 0
    assert house.store.load() is None


async def test_the_owner_gets_everything_back_after_a_crash(house: House) -> None:
    before = bytes(await image(house))
    for mode, power in ((Mode.HOLD, None), (Mode.CHARGE, 1500.0)):
        assert isinstance(await house.inverter.apply(house.command(mode, power), DECISION), Applied)
        await house.live(minutes=1)
    assert house.store.load() is not None
    await house.reopen()  # the process died here
    assert isinstance(await house.inverter.restore_self_use(user_settings=True), Applied)
    assert house.store.load() is None
    assert bytes(await image(house)) == before
    await house.live(minutes=2)
    assert await battery_w(house) > 400
    assert isinstance(await house.inverter.restore_self_use(user_settings=True), AlreadySo)


async def test_leaves_a_forced_state_that_nobody_remembers(house: House) -> None:
    """No save at all: whatever can be known to be forced is ended, and the rest is said."""
    assert isinstance(await house.inverter.apply(house.command(Mode.CHARGE, 1500), DECISION), Applied)
    house.store.clear()
    await house.reopen()
    result = await house.inverter.restore_self_use(user_settings=True)
    assert isinstance(result, Applied)
    assert "no settings of the owner were saved" in result.detail
    await house.live(minutes=2)
    assert await battery_w(house) > 400


async def image(house: House) -> bytes:
    """Every control field as one string, without the power that EMS keeps while it is automatic."""
    access = house.inverter._controller._access
    fields = await access.read_image()
    fields = {name: value for name, value in fields.items() if not name.startswith(("ems", "fast_charge"))}
    return b"".join(value for _, value in sorted(fields.items()))
