"""What is written, in which order, and what is made of the answers. On bare registers, where every answer is ours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hems.adapters.inverters.goodwe import GoodWeOptions, open_in_memory
from hems.adapters.inverters.goodwe.et import EtInverter
from hems.adapters.inverters.goodwe.registers import words
from hems.adapters.inverters.user_settings import MemoryUserSettingsStore
from hems.domain.command import (
    AlreadySo,
    Applied,
    Command,
    Mode,
    NotConfirmed,
    Rejected,
    Unreachable,
    WritePurpose,
)
from hems.domain.errors import StorageError
from support.goodwe_bench import NOON, QUICK, LeapingClock, RegisterDevice, et_registers

DECISION, SAFETY = WritePurpose.DECISION, WritePurpose.SAFETY
EMS, WORK_MODE, MIN_SOC, CHARGE_CURRENT = 47511, 47000, 45356, 45353
FAST, FAST_SOC, FAST_POWER, ECO_1, ECO_2 = 47545, 47546, 47603, 47547, 47553


class Desk:
    """An ET inverter of bare registers with the adapter opened on it."""

    def __init__(self, control: str, **registers: int) -> None:
        self.device = RegisterDevice(registers=et_registers())
        for name, value in registers.items():
            self.device.registers[int(name[1:])] = value
        self.clock = LeapingClock()
        self.store = MemoryUserSettingsStore()
        self.control = control

    async def open(self) -> EtInverter:
        options = GoodWeOptions(host="in memory", control=self.control, retry=QUICK)
        inverter = await open_in_memory(self.device.exchange_pdu, self.clock, options, self.store)
        assert isinstance(inverter, EtInverter)
        self.device.asked.clear()
        return inverter

    def command(self, mode: Mode, power_w: float | None = None, **more: float) -> Command:
        expires = self.clock.now() + timedelta(minutes=more.pop("minutes", 30))
        return Command(mode=mode, power_w=power_w, expires_at=expires, **more)

    @property
    def addresses(self) -> list[int]:
        return [address for address, _ in self.device.written]


def desk(control: str = "auto", **registers: int) -> Desk:
    return Desk(control, **registers)


async def test_defect_02_mode_and_power_go_out_in_one_write_and_a_power_of_zero_too() -> None:
    bench = desk()
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.CHARGE, 3000), DECISION)
    await inverter.apply(bench.command(Mode.CHARGE, 0), DECISION)
    await inverter.apply(bench.command(Mode.DISCHARGE, 1234), DECISION)
    assert bench.device.written == [(EMS, words(11, 3000)), (EMS, words(11, 0)), (EMS, words(3, 1234))]


@pytest.mark.parametrize(("asked_w", "written_w"), [(9_999.6, 10_000), (25_000, 10_000), (0.4, 0)])
async def test_ems_power_stays_in_its_documented_range(asked_w: float, written_w: int) -> None:
    bench = desk()
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.CHARGE, asked_w), DECISION)
    assert bench.device.registers[EMS + 1] == written_w


@pytest.mark.parametrize("power", [None, -1.0, float("nan"), float("inf")])
async def test_nothing_is_forced_without_a_power(power: float | None) -> None:
    bench = desk()
    inverter = await bench.open()
    result = await inverter.apply(bench.command(Mode.CHARGE, power), DECISION)
    assert isinstance(result, Rejected)
    assert "needs a power" in result.detail
    assert bench.device.written == []


async def test_fast_charge_is_switched_on_last_and_off_first() -> None:
    bench = desk("fast_charge", r47603=100, r47546=100)
    inverter = await bench.open()
    assert isinstance(await inverter.apply(bench.command(Mode.CHARGE, 4000, target_soc_pct=80.0), DECISION), Applied)
    assert (bench.device.registers[FAST_POWER], bench.device.registers[FAST_SOC]) == (40, 80)
    assert bench.addresses[-1] == FAST
    assert set(bench.addresses) == {FAST_POWER, FAST_SOC, FAST}
    bench.device.asked.clear()
    assert isinstance(await inverter.apply(bench.command(Mode.SELF_USE), DECISION), Applied)
    assert bench.addresses[0] == FAST
    assert (bench.device.registers[FAST_POWER], bench.device.registers[FAST_SOC]) == (100, 100)


@pytest.mark.parametrize(("target", "possible"), [(51.0, False), (52.0, True), (None, True)])
async def test_fast_charge_needs_two_percent_of_room(target: float | None, possible: bool) -> None:
    bench = desk("fast_charge")
    inverter = await bench.open()
    more = {} if target is None else {"target_soc_pct": target}
    result = await inverter.apply(bench.command(Mode.CHARGE, 4000, **more), DECISION)
    assert isinstance(result, Applied) is possible
    assert bool(bench.device.written) is possible


async def test_fast_charge_refuses_to_discharge() -> None:
    bench = desk("fast_charge")
    inverter = await bench.open()
    result = await inverter.apply(bench.command(Mode.DISCHARGE, 4000), DECISION)
    assert isinstance(result, Rejected)
    assert "set inverter.control to ems or eco_slot" in result.detail


async def test_an_eco_slot_ends_with_the_lease_by_the_inverters_own_clock_and_names_one_weekday() -> None:
    bench = desk("eco_slot")
    bench.device.put(35100, bytes([26, 6, 17, 12, 20, 30]))  # it runs twenty minutes fast; a Wednesday
    inverter = await bench.open()
    assert isinstance(await inverter.apply(bench.command(Mode.CHARGE, 3000, target_soc_pct=95.0), DECISION), Applied)
    slot = bytes([12, 20, 12, 51, 0xFF, 1 << 3]) + words(-30, 95, 0)
    assert bench.device.written == [(ECO_1, slot), (WORK_MODE, words(3))]
    assert (await inverter.read_control()).mode is Mode.CHARGE


async def test_the_owners_other_slots_rest_while_ours_runs_and_come_back() -> None:
    bench = desk("eco_slot")
    owners = bytes([13, 0, 15, 0, 0xFF, 0x7F]) + words(50, 100, 0)
    bench.device.put(ECO_2, owners)
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.CHARGE, 3000), DECISION)
    assert bench.device.registers[ECO_2 + 2] >> 8 == 0, "switched off, else it would fire beside ours"
    assert isinstance(await inverter.apply(bench.command(Mode.CHARGE, 4000), DECISION), Applied)
    assert bench.device.registers[ECO_2 + 2] >> 8 == 0
    bench.device.asked.clear()
    await inverter.apply(bench.command(Mode.SELF_USE), DECISION)
    assert bench.addresses[0] == WORK_MODE, "eco mode ends before the slots change"
    assert words(*(bench.device.registers[ECO_2 + offset] for offset in range(6))) == owners


async def test_hold_is_a_minimum_soc_and_never_a_discharge_current() -> None:
    bench = desk()
    inverter = await bench.open()
    assert isinstance(await inverter.apply(bench.command(Mode.HOLD), DECISION), Applied)
    assert bench.device.written == [(MIN_SOC, words(50))]


async def test_hold_does_not_follow_the_soc_up_percent_by_percent() -> None:
    bench = desk()
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.HOLD), DECISION)
    for soc, floor in ((52, 50), (49, 50), (53, 53), (47, 53)):
        bench.device.registers[37007] = soc
        await inverter.apply(bench.command(Mode.HOLD), DECISION)
        assert bench.device.registers[MIN_SOC] == floor or soc == 47
    assert bench.device.registers[MIN_SOC] == 47, (
        "more than 5 above the SoC would keep the battery from working long after"
    )


async def test_hold_never_goes_below_the_owners_floor() -> None:
    bench = desk(r45356=30)
    bench.device.registers[37007] = 12
    inverter = await bench.open()
    assert isinstance(await inverter.apply(bench.command(Mode.HOLD), DECISION), AlreadySo)
    assert bench.device.registers[MIN_SOC] == 30


@pytest.mark.parametrize("soc", [0, 0xFFFF])
async def test_hold_without_a_known_soc_is_refused(soc: int) -> None:
    bench = desk()
    bench.device.registers[37007] = soc
    inverter = await bench.open()
    result = await inverter.apply(bench.command(Mode.HOLD), DECISION)
    assert isinstance(result, Rejected)
    assert "SoC is unknown" in result.detail
    assert bench.device.written == []


async def test_each_mode_undoes_what_the_one_before_it_set() -> None:
    bench = desk()
    inverter = await bench.open()
    steps = [
        (Mode.HOLD, None, (1, 0, 50, 250)),
        (Mode.NO_CHARGE, None, (1, 0, 10, 0)),
        (Mode.CHARGE, 2000.0, (11, 2000, 10, 250)),
        (Mode.STANDBY, None, (8, 0, 10, 250)),
        (Mode.HOLD, None, (1, 0, 50, 250)),
        (Mode.DISCHARGE, 1500.0, (3, 1500, 10, 250)),
        (Mode.SELF_USE, None, (1, 0, 10, 250)),
    ]
    for mode, power, expected in steps:
        assert isinstance(await inverter.apply(bench.command(mode, power), DECISION), Applied), mode
        registers = bench.device.registers
        found = (registers[EMS], registers[EMS + 1], registers[MIN_SOC], registers[CHARGE_CURRENT])
        assert found == expected, mode
        assert (await inverter.read_control()).mode is mode


async def test_what_the_owner_changes_meanwhile_is_kept() -> None:
    bench = desk()
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.CHARGE, 2000), DECISION)
    bench.device.registers[MIN_SOC] = 25  # in the vendor's app
    await inverter.apply(bench.command(Mode.HOLD), DECISION)
    assert bench.device.registers[MIN_SOC] == 50
    await inverter.restore_self_use(user_settings=True)
    assert bench.device.registers[MIN_SOC] == 25


@pytest.mark.parametrize("lag_reads", [1, 2, 3])
async def test_a_lagging_read_back_is_waited_for(lag_reads: int) -> None:
    bench = desk()
    inverter = await bench.open()
    stale = words(1, 0)

    def lag(request: bytes, reply: bytes | None) -> bytes | None:
        nonlocal lag_reads
        if request[0] == 3 and request[1:3] == words(47509) and bench.device.written and lag_reads:
            lag_reads -= 1
            assert reply is not None
            return reply[:6] + stale
        return reply

    bench.device.meddle = lag
    assert await inverter.apply(bench.command(Mode.CHARGE, 2000), DECISION) == Applied(writes=1)


async def test_acknowledged_is_not_applied() -> None:
    bench = desk()
    bench.device.deaf = {EMS, EMS + 1}
    inverter = await bench.open()
    result = await inverter.apply(bench.command(Mode.CHARGE, 2000), DECISION)
    assert isinstance(result, NotConfirmed)
    assert "ems" in result.detail
    assert result.writes == 1


async def test_a_refused_write_leaves_nothing_forced() -> None:
    bench = desk()
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.CHARGE, 2000), DECISION)
    refuse = words(EMS, 2) + bytes([4]) + words(3, 4000)
    bench.device.meddle = lambda request, reply: b"\x90\x03" if request[1:] == refuse else reply
    bench.device.asked.clear()
    result = await inverter.apply(bench.command(Mode.DISCHARGE, 4000), DECISION)
    assert isinstance(result, Rejected)
    assert "illegal data value" in result.detail
    # The bare device has stored the refused words; what counts is that self-use was written after it.
    assert bench.device.written[-1] == (EMS, words(1, 0))
    assert result.writes == 2


async def test_a_silent_inverter_is_unreachable() -> None:
    bench = desk()
    inverter = await bench.open()
    bench.device.meddle = lambda _request, _reply: None
    assert isinstance(await inverter.apply(bench.command(Mode.CHARGE, 2000), DECISION), Unreachable)
    assert isinstance(await inverter.restore_self_use(user_settings=True), Unreachable)
    assert inverter.register_writes == 0


async def test_a_write_whose_answer_is_lost_counts_every_frame() -> None:
    bench = desk()
    inverter = await bench.open()
    lost = iter([None])
    bench.device.meddle = lambda request, reply: next(lost, reply) if request[0] == 16 else reply
    assert await inverter.apply(bench.command(Mode.CHARGE, 2000), DECISION) == Applied(writes=2)
    assert inverter.register_writes == 2


# --- the owner's settings ------------------------------------------------------------------------------------------


class BrokenStore(MemoryUserSettingsStore):
    def save(self, settings: dict[str, object]) -> None:
        raise StorageError("the disk is full")


async def test_a_disk_that_takes_nothing_stops_a_decision_but_not_safety() -> None:
    bench = desk()
    bench.store = BrokenStore()
    inverter = await bench.open()
    result = await inverter.apply(bench.command(Mode.CHARGE, 2000), DECISION)
    assert isinstance(result, Rejected)
    assert "the disk is full" in result.detail
    assert bench.device.written == []
    assert isinstance(await inverter.apply(bench.command(Mode.STANDBY), SAFETY), Applied)
    assert bench.device.registers[EMS] == 8


async def test_a_held_save_is_not_overwritten() -> None:
    bench = desk()
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.HOLD), DECISION)
    inverter = await bench.open()  # a crash: the raised floor is still in the inverter
    await inverter.save_user_settings()
    assert (await inverter.read_control()).mode is Mode.HOLD, "the save tells our floor from the owner's"
    assert isinstance(await inverter.apply(bench.command(Mode.CHARGE, 1000), DECISION), Applied)
    assert bench.device.registers[MIN_SOC] == 10


async def test_restore_puts_the_owners_mode_back_but_no_forced_leftover() -> None:
    bench = desk(r47000=2, r47511=11, r47512=4000, r47545=1)
    inverter = await bench.open()
    await inverter.save_user_settings()
    assert isinstance(await inverter.apply(bench.command(Mode.STANDBY), DECISION), Applied)
    assert bench.device.registers[WORK_MODE] == 0, "backup mode rests while the coordinator is in charge"
    assert isinstance(await inverter.restore_self_use(user_settings=True), Applied)
    registers = bench.device.registers
    assert (registers[WORK_MODE], registers[EMS], registers[FAST]) == (2, 1, 0)
    assert bench.store.load() is None


async def test_restore_without_user_settings_keeps_the_save() -> None:
    bench = desk()
    inverter = await bench.open()
    await inverter.apply(bench.command(Mode.HOLD), DECISION)
    assert isinstance(await inverter.restore_self_use(user_settings=False), Applied)
    assert bench.device.registers[MIN_SOC] == 10
    assert bench.store.load() is not None


async def test_restore_tries_every_step_and_says_which_failed() -> None:
    bench = desk(r47000=3, r47511=11, r47512=4000, r47545=1)
    inverter = await bench.open()
    bench.device.meddle = lambda request, reply: b"\x86\x04" if request[:3] == b"\x06" + words(FAST) else reply
    bench.device.deaf = {FAST}
    result = await inverter.restore_self_use(user_settings=True)
    assert isinstance(result, NotConfirmed)
    assert "fast_charge" in result.detail
    assert "device failure" in result.detail
    assert (bench.device.registers[EMS], bench.device.registers[WORK_MODE]) == (1, 0), "the others were done"
    bench.device.meddle = lambda _request, reply: reply
    bench.device.deaf = set()
    assert isinstance(await inverter.restore_self_use(user_settings=True), Applied)


async def test_restore_goes_on_where_a_part_cannot_be_read() -> None:
    bench = desk(r47511=11, r47512=4000)
    inverter = await bench.open()
    bench.device.meddle = lambda request, reply: None if request[1:3] == words(45353) else reply
    result = await inverter.restore_self_use(user_settings=True)
    assert isinstance(result, NotConfirmed)
    assert "charge_current" in result.detail
    assert bench.device.registers[EMS] == 1


async def test_a_charge_current_of_zero_that_nobody_saved_is_said() -> None:
    bench = desk(r45353=0)
    inverter = await bench.open()
    result = await inverter.apply(bench.command(Mode.SELF_USE), DECISION)
    assert isinstance(result, AlreadySo)
    assert "charge current is 0 A" in result.detail
    assert (await inverter.read_control()).mode is Mode.NO_CHARGE


async def test_the_save_of_another_inverter_is_set_aside_not_used() -> None:
    bench = desk()
    other = {"format": 1, "serial_number": "OTHER", "fields": {"min_soc": "0063"}, "touched": ["min_soc"]}
    bench.store.save(other)
    inverter = await bench.open()
    assert isinstance(await inverter.apply(bench.command(Mode.CHARGE, 1000), DECISION), Applied)
    assert bench.device.registers[MIN_SOC] == 10
    saved = bench.store.load()
    assert saved is not None
    assert saved["set_aside"] == other


async def test_a_save_that_cannot_be_understood_stops_decisions_and_is_kept() -> None:
    bench = desk()
    bench.store.save({"serial_number": "9010KETU00TEST01", "fields": {"min_soc": "zz"}, "touched": []})
    inverter = await bench.open()
    result = await inverter.apply(bench.command(Mode.CHARGE, 1000), DECISION)
    assert isinstance(result, Rejected)
    assert "cannot be understood" in result.detail
    restored = await inverter.restore_self_use(user_settings=True)
    assert isinstance(restored, AlreadySo)
    assert "cannot be used" in restored.detail


async def test_export_limit_is_the_owners_until_it_is_set() -> None:
    bench = desk()
    inverter = await bench.open()
    assert isinstance(await inverter.apply(bench.command(Mode.SELF_USE, export_limit_w=500), DECISION), Applied)
    assert (await inverter.read_control()).export_limit_w == 500
    assert bench.device.written == [(47509, words(1, 500))]
    await inverter.apply(bench.command(Mode.CHARGE, 1000, export_limit_w=500), DECISION)
    assert bench.device.written[1:] == [(EMS, words(11, 1000))], "a mode change does not touch it"
    await inverter.restore_self_use(user_settings=True)
    assert (bench.device.registers[47509], bench.device.registers[47510]) == (0, 0)


@pytest.mark.parametrize(
    ("registers", "mode", "words_in_detail"),
    [
        ({"r47511": 6, "r47512": 100}, None, "conserve"),
        ({"r47511": 255}, None, "stopped"),
        ({"r47000": 2}, None, "backup"),
        ({"r47000": 4}, None, "peak shaving"),
        ({"r47000": 3}, None, "no slot active"),
        ({"r47000": 5}, Mode.SELF_USE, "automatic"),
        ({"r47511": 0}, Mode.SELF_USE, "automatic"),
        ({"r47545": 1, "r47546": 90, "r47603": 50}, Mode.CHARGE, "90 %"),
    ],
)
async def test_what_others_have_set_is_told(registers: dict[str, int], mode: Mode | None, words_in_detail: str) -> None:
    inverter = await desk(**registers).open()
    state = await inverter.read_control()
    assert state.mode is mode
    assert words_in_detail in state.detail
    assert state.at >= NOON
