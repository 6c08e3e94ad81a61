"""Whatever comes back from the wire: readings that can be, or "unreachable"; never a forced mode from rubbish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hems.adapters.inverters.goodwe.bus import BusError, MemoryBus
from hems.adapters.inverters.goodwe.dt import decode_dt
from hems.adapters.inverters.goodwe.es_snapshot import decode_es
from hems.adapters.inverters.goodwe.et_snapshot import EtBlocks, decode_et
from hems.adapters.inverters.goodwe.identity import is_serial_number, parse_aa55, parse_dt, parse_et
from hems.adapters.inverters.goodwe.slots import decode as decode_slot
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.domain.command import Command, Mode, WritePurpose
from hems.domain.errors import InverterUnreachable
from hems.domain.readings import SiteSnapshot
from hems.domain.safety import SafetyEnvelope
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from support.goodwe_bench import House, RegisterDevice, open_house
from support.goodwe_wire_device import bus_to, on_udp
from support.safety_builders import NOON, POLL, SPEC, context, snapshot

SLOW_ENOUGH = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def plausible_words(size: int) -> st.SearchStrategy[bytes]:
    """Return bytes now and then near to what registers hold: pure chance hardly ever looks like a battery."""
    word = st.integers(0, 600) | st.sampled_from([0, 1, 2, 3, 50, 254, 500, 520, 2300, 5000, 0x7FFF, 0x8000, 0xFFFF])
    words = st.lists(word | st.integers(0, 0xFFFF), min_size=size // 2, max_size=size // 2)
    return st.binary(min_size=size, max_size=size) | words.map(
        lambda found: b"".join(value.to_bytes(2, "big") for value in found)
    )


SNAPSHOTS: dict[str, st.SearchStrategy[SiteSnapshot]] = {
    "ET": st.builds(
        lambda runtime, bms, meter: decode_et(
            NOON, EtBlocks(runtime=runtime, bms=bms, meter=meter), phases=3, zone=UTC
        ),
        plausible_words(250),
        plausible_words(48) | st.none(),
        plausible_words(90) | st.none(),
    ),
    "ES": st.builds(lambda data: decode_es(NOON, data), plausible_words(150) | plausible_words(142)),
}


@given(st.sampled_from(sorted(SNAPSHOTS)).flatmap(lambda family: SNAPSHOTS[family]))
@SLOW_ENOUGH
def test_any_registers_become_readings_that_can_be(found: SiteSnapshot) -> None:
    battery = found.battery
    assert battery.soc_pct is None or 0 < battery.soc_pct <= 100
    assert found.pv.power_w is None or found.pv.power_w >= 0
    assert found.load.power_w is None or found.load.power_w >= 0
    for value in (battery.power_w, battery.voltage_v, battery.temperature_c, found.grid.power_w):
        assert value is None or abs(value) < 1e10


PARTS = ("pv", "battery", "grid", "load", "inverter")


def cheap_and_empty(used: SiteSnapshot, envelope: SafetyEnvelope, at: datetime) -> Command:
    """Return what is decided where the price and an empty battery both ask for a charge."""
    stored = replace(context(price=50.0, at=at), snapshot=used)
    return arbitrate(stored, [MultiFactorEngine().propose(stored)], envelope, ArbiterOptions()).command


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(SNAPSHOTS)).flatmap(lambda family: SNAPSHOTS[family]),
            st.sets(st.sampled_from(PARTS)),
        ),
        min_size=1,
        max_size=6,
    )
)
@SLOW_ENOUGH
def test_no_sequence_of_rubbish_forces_the_battery_outside_its_window(
    rubbish: list[tuple[SiteSnapshot, set[str]]],
) -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    at = NOON
    for found, spoiled in rubbish:
        at += POLL
        good = snapshot(at, battery__soc_pct=15.0)
        seen = replace(good, **{part: replace(getattr(found, part), at=at) for part in spoiled})
        envelope, used = supervisor.evaluate(seen, at, at)
        command = cheap_and_empty(used, envelope, at)
        if command.mode is not Mode.CHARGE:
            continue
        battery, window = used.battery, SPEC.window
        assert battery.soc_pct is not None
        assert battery.voltage_v is not None
        assert window.voltage_min_v <= battery.voltage_v <= window.voltage_max_v
        assert battery.temperature_c is not None
        assert window.charge_temperature_min_c <= battery.temperature_c <= window.temperature_max_c
        assert command.power_w is not None
        assert 0 < command.power_w <= min(SPEC.charge_max_w, window.charge_current_max_a * battery.voltage_v) + 1e-6
        assert not battery.alarms


def test_without_rubbish_it_does_charge() -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    envelope, used = supervisor.evaluate(snapshot(NOON + POLL, battery__soc_pct=15.0), NOON + POLL, NOON + POLL)
    assert cheap_and_empty(used, envelope, NOON + POLL).mode is Mode.CHARGE


@given(st.binary(max_size=100))
def test_an_identity_is_read_or_refused(data: bytes) -> None:
    for parse, size in ((parse_et, 66), (parse_dt, 80)):
        parse(data.ljust(size, b"\0"))
    try:
        parse_aa55(data.ljust(47, b"\0"))
    except ValueError as error:
        assert "serial number" in str(error)  # noqa: PT017 - being read is as good an answer


@pytest.mark.parametrize("data", [b"\xff" * 80, b"\x24\xff" * 40, b"\x80" * 80, b"\x1b[" * 40, bytes(80)])
def test_what_is_no_text_is_no_serial_number_and_steers_no_terminal(data: bytes) -> None:
    for parse in (parse_et, parse_dt):
        info = parse(data)
        assert not is_serial_number(info.serial_number), info
        assert info.model.isprintable()
        assert info.serial_number.isprintable()


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=8, max_size=8))
def test_any_slot_is_read_or_none(second: bytes, first: bytes) -> None:
    for data in (first, second):
        slot = decode_slot(data)
        assert slot is None or -1000 <= slot.power_pct <= 1000


@given(st.binary(min_size=146, max_size=146), st.binary(min_size=30, max_size=30) | st.none())
@SLOW_ENOUGH
def test_any_registers_of_an_inverter_without_battery(runtime: bytes, meter: bytes | None) -> None:
    found = decode_dt(NOON, runtime, meter, phases=3, zone=UTC)
    assert found.battery.soc_pct is None
    assert found.pv.power_w is None or found.pv.power_w >= 0


# -- the whole adapter behind a wire that spoils its replies ----------------------------------------------------

SPOILERS: dict[str, Callable[[bytes, bytes], bytes | None]] = {
    "lost": lambda _reply, _noise: None,
    "cut": lambda reply, noise: reply[: len(noise) % len(reply)],
    "longer": lambda reply, noise: reply + noise,
    "noise": lambda _reply, noise: noise,
    "flipped": lambda reply, noise: reply[:2] + bytes(a ^ b for a, b in zip(reply[2:], noise, strict=False)),
    "zeros": lambda reply, _noise: reply[:2] + bytes(len(reply) - 2),
    "ones": lambda reply, _noise: reply[:2] + b"\xff" * (len(reply) - 2),
    "refused": lambda _reply, noise: b"\x83" + noise[:1],
}


@pytest.mark.parametrize("model", ["GW8KN-ET", "GW6000-ES-20", "GW5048-ES", "GW6000-DT"])
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_spoiled_wire_gives_errors_that_are_ours(model: str, data: st.DataObject) -> None:
    house = await open_house(model, pv=2000.0)  # without sun the DT family sleeps

    def spoiled(honest: Callable[[bytes], bytes | None]) -> Callable[[bytes], bytes | None]:
        def spoil(request: bytes) -> bytes | None:
            reply = honest(request)
            if reply is None or data.draw(st.booleans()):
                return reply
            spoiler = SPOILERS[data.draw(st.sampled_from(sorted(SPOILERS)))]
            return spoiler(reply, data.draw(st.binary(min_size=1, max_size=60)))

        return spoil

    bus = house.inverter._bus
    assert isinstance(bus, MemoryBus)
    bus._exchange_pdu = spoiled(bus._exchange_pdu)
    assert bus._exchange_aa55 is not None
    bus._exchange_aa55 = spoiled(bus._exchange_aa55)
    for _ in range(3):
        await ask_everything(house)


async def ask_everything(house: House) -> None:
    inverter = house.inverter
    for question in (inverter.read_snapshot, inverter.read_control, inverter.read_battery_limits):
        try:
            answer = await question()
        except InverterUnreachable:
            continue
        if isinstance(answer, SiteSnapshot):
            assert answer.battery.soc_pct is None or 0 < answer.battery.soc_pct <= 100
    for command in (house.command(Mode.CHARGE, 2000.0), house.command(Mode.SELF_USE)):
        await inverter.apply(command, WritePurpose.SAFETY)  # what goes wrong is in its answer
    await inverter.restore_self_use(user_settings=True)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.integers(0, 300))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_datagram_is_an_answer_or_none(noise: list[bytes], cut: int) -> None:
    device = RegisterDevice(registers={100: 11, 101: 12})
    async with on_udp(device) as (wire, host), bus_to(host) as bus:

        def respond(_request: bytes, frame: bytes | None, send: Callable[..., None]) -> None:
            for piece in noise:
                send(piece)
            if frame is not None:
                send(frame[:cut])

        wire.respond = respond
        try:
            answer = await bus.read(100, 2, unit=0xF7)
        except BusError:
            return
        assert len(answer) == 4
