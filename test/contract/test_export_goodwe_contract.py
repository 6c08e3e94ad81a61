"""What every GoodWe inverter must do with a limit on export, on a simulated house: the meter decides."""

from __future__ import annotations

import pytest

from hems.domain.command import AlreadySo, Applied, Mode, NotConfirmed, Rejected, WritePurpose
from hems.simulation.dt_device import EXPORT_LIMIT_ON, EXPORT_LIMIT_PCT
from hems.simulation.es_device import EsDevice
from hems.simulation.models import Family
from support.goodwe_bench import House, open_house

DECISION = WritePurpose.DECISION
WITH_BATTERY = ["GW6000-ES-20", "GW10K-ET", "GW8KN-ET", "GW10K-ET-fw617", "GW5048-ES", "GW5048-EM"]
MODELS = [*WITH_BATTERY, "GW6000-DT"]
PV_W, LOAD_W = 4000.0, 600.0


@pytest.fixture(params=MODELS)
async def house(request: pytest.FixtureRequest) -> House:
    """A full battery, or none, and 3.4 kW to be fed in."""
    return await open_house(request.param, soc_pct=100.0, pv=PV_W, load=LOAD_W)


def fed_in_w(house: House) -> float:
    return max(0.0, -house.simulator.flow.grid_w)


async def owner_sets(house: House, limit_w: int) -> None:
    """Have the owner set a limit in the vendor's app."""
    simulator, device = house.simulator, house.simulator.device
    if device.model.family is Family.ES:
        simulator.exchange_aa55(bytes.fromhex("033502") + limit_w.to_bytes(2, "big"))
    elif device.model.family is Family.DT:
        for address, value in ((EXPORT_LIMIT_PCT, round(100 * limit_w / device.model.rated_w)), (EXPORT_LIMIT_ON, 1)):
            simulator.exchange_pdu(bytes([6]) + address.to_bytes(2, "big") + value.to_bytes(2, "big"))
    else:
        simulator.exchange_pdu(
            bytes([16]) + (47509).to_bytes(2, "big") + bytes([0, 2, 4, 0, 1]) + limit_w.to_bytes(2, "big")
        )
    await house.live(seconds=30)


def kept_limit(house: House) -> tuple[int, ...]:
    """Return the inverter's own limit and its switch, as the device keeps them."""
    device = house.simulator.device
    if isinstance(device, EsDevice):
        return int(device.export_limit_on), device._export_limit_w
    settings = device.bank.settings
    if device.model.family is Family.DT:
        return settings[EXPORT_LIMIT_ON], settings[EXPORT_LIMIT_PCT]
    return settings[47509], settings[47510]


async def test_a_limit_of_nothing_feeds_nothing_in_and_leaving_it_feeds_in_again(house: House) -> None:
    owners = kept_limit(house)
    await house.live(seconds=30)
    assert fed_in_w(house) > 2500

    result = await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    assert isinstance(result, Applied)
    assert result.writes <= (2 if house.simulator.device.model.family is Family.DT else 1)
    await house.live(seconds=30)
    assert fed_in_w(house) == pytest.approx(0.0, abs=1.0)
    state = await house.inverter.read_control()
    assert (state.mode, state.export_limit_w, state.export_limit_is_ours) == (Mode.SELF_USE, 0.0, True)

    result = await house.inverter.apply(house.command(Mode.SELF_USE), DECISION)
    assert isinstance(result, Applied)
    assert result.writes <= (2 if house.simulator.device.model.family is Family.DT else 1)
    await house.live(seconds=30)
    assert fed_in_w(house) > 2500
    assert kept_limit(house) == owners
    assert (await house.inverter.read_control()).export_limit_is_ours is False


async def test_asking_twice_writes_once(house: House) -> None:
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    again = await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    assert isinstance(again, AlreadySo)


async def test_the_owners_tighter_limit_stands(house: House) -> None:
    await owner_sets(house, 600)
    owners = kept_limit(house)
    result = await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=2000.0), DECISION)
    assert isinstance(result, AlreadySo)
    assert kept_limit(house) == owners
    await house.live(seconds=30)
    assert fed_in_w(house) == pytest.approx(600.0, abs=5.0)
    assert (await house.inverter.read_control()).export_limit_is_ours is False


async def test_the_owners_looser_limit_comes_back_exactly(house: House) -> None:
    await owner_sets(house, 1800)
    owners = kept_limit(house)
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    assert kept_limit(house) != owners
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=900.0), DECISION)
    await house.live(seconds=30)
    assert fed_in_w(house) == pytest.approx(900.0, abs=5.0)
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=5000.0), DECISION)
    assert kept_limit(house) == owners, "what is looser than the owner's is the owner's"
    await house.inverter.restore_self_use(user_settings=True)
    assert kept_limit(house) == owners
    await house.live(seconds=30)
    assert fed_in_w(house) == pytest.approx(1800.0, abs=5.0)


@pytest.mark.parametrize("user_settings", [True, False])
async def test_after_a_crash_the_owners_limit_comes_back(house: House, user_settings: bool) -> None:
    owners = kept_limit(house)
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    await house.live(minutes=5)
    await house.reopen()
    state = await house.inverter.read_control()
    assert state.export_limit_is_ours is True, "a new process has to see that the limit is no owner's"
    assert isinstance(await house.inverter.restore_self_use(user_settings=user_settings), Applied)
    assert kept_limit(house) == owners


@pytest.mark.parametrize("limit_w", [-1.0, float("nan"), float("inf")])
async def test_a_limit_that_is_none_is_refused_before_anything_is_written(house: House, limit_w: float) -> None:
    result = await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=limit_w), DECISION)
    assert isinstance(result, Rejected)
    assert house.inverter.register_writes == 0


@pytest.mark.parametrize("model", WITH_BATTERY)
async def test_a_limit_goes_with_a_mode_and_is_left_alone_by_the_next_one(model: str) -> None:
    house = await open_house(model, soc_pct=50.0, pv=PV_W, load=LOAD_W)
    owners = kept_limit(house)
    result = await house.inverter.apply(house.command(Mode.CHARGE, 1000.0, export_limit_w=0.0), DECISION)
    assert isinstance(result, Applied)
    await house.live(seconds=120)
    battery = house.simulator.flow.battery_w
    assert battery == pytest.approx(-1000.0, rel=0.1)
    assert fed_in_w(house) == pytest.approx(0.0, abs=1.0), "PV beyond load and charge is throttled"
    result = await house.inverter.apply(house.command(Mode.HOLD), DECISION)
    assert isinstance(result, Applied)
    assert kept_limit(house) == owners
    assert (await house.inverter.read_control()).mode is Mode.HOLD


async def test_a_limit_whose_switch_only_the_app_sets_is_refused_in_words() -> None:
    house = await open_house("GW5048-ES", soc_pct=100.0, pv=PV_W, load=LOAD_W)
    assert isinstance(house.simulator.device, EsDevice)
    house.simulator.device.export_limit_on = False
    result = await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    assert isinstance(result, Rejected)
    assert "vendor's app" in result.detail
    assert house.inverter.register_writes == 0
    assert (await house.inverter.read_control()).export_limit_w is None


async def test_a_limit_that_does_not_take_is_told() -> None:
    house = await open_house("GW10K-ET", soc_pct=100.0, pv=PV_W, load=LOAD_W, faults=("ack_only@0+86400",))
    result = await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    assert isinstance(result, NotConfirmed)
    assert "export_limit" in result.detail


async def test_a_tighter_limit_that_the_owner_sets_during_a_lease_is_his_from_then_on(house: House) -> None:
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    await house.live(minutes=3)
    await owner_sets(house, 1200)
    owners = kept_limit(house)
    await house.inverter.read_control()  # as every minute
    result = await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    assert isinstance(result, Applied)
    await house.live(seconds=30)
    assert fed_in_w(house) == pytest.approx(0.0, abs=1.0)
    await house.reopen()
    await house.inverter.restore_self_use(user_settings=True)
    assert kept_limit(house) == owners


async def test_a_looser_limit_set_during_a_lease_does_not_widen_the_owners(house: House) -> None:
    await owner_sets(house, 600)
    owners = kept_limit(house)
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    await house.live(minutes=3)
    await owner_sets(house, 3000)
    await house.inverter.read_control()
    await house.inverter.apply(house.command(Mode.SELF_USE), DECISION)
    assert kept_limit(house) == owners


async def test_what_was_read_only_once_is_nobodys_wish(house: House) -> None:
    before = kept_limit(house)
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    await house.live(minutes=3)
    await house.inverter.read_control()
    await owner_sets(house, 1200)
    await house.inverter.apply(house.command(Mode.SELF_USE), DECISION)
    assert kept_limit(house) == before


async def test_a_tighter_limit_outlives_a_stop_too(house: House) -> None:
    await house.inverter.apply(house.command(Mode.SELF_USE, export_limit_w=0.0), DECISION)
    await house.live(minutes=3)
    await owner_sets(house, 1200)
    owners = kept_limit(house)
    await house.inverter.read_control()
    assert isinstance(await house.inverter.restore_self_use(user_settings=True), AlreadySo)
    assert kept_limit(house) == owners
