"""The library's defects, by the number they have in the facts, and what must become of each here. Real UDP sockets."""

from __future__ import annotations

import asyncio
import time

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe.bus import BusInvalid, BusRejected, BusTimeout, RetryOptions
from hems.adapters.inverters.goodwe.library_bus import LibraryBus, LinkOptions
from hems.adapters.inverters.goodwe.registers import words
from support.goodwe_bench import RegisterDevice
from support.goodwe_wire_device import FAST, Sender, bus_to, on_udp

ET = 0xF7
IMPATIENT = RetryOptions(timeout_s=0.1, retries=0)


def two_registers() -> RegisterDevice:
    return RegisterDevice(registers={100: 11, 200: 22})


async def test_reads_and_writes_registers() -> None:
    device = RegisterDevice(registers={47511: 1, 47512: 0, 47000: 0})
    async with on_udp(device) as (_, host), bus_to(host) as bus:
        await bus.write(47511, words(11, 3000), unit=ET)
        await bus.write(47000, words(3), unit=ET)
        assert await bus.read(47511, 2, unit=ET) == words(11, 3000)
        assert bus.frames_written == 2
    assert [pdu[0] for pdu in device.asked] == [16, 6, 3]


async def test_defect_04_a_cancelled_write_is_not_sent_again() -> None:
    device = two_registers()
    device.meddle = lambda _request, _reply: None
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        call = asyncio.create_task(bus.write(100, words(5), unit=ET))
        await asyncio.sleep(0.03)
        call.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert time.monotonic() - started < 0.05, "the caller is let go at once"
        await asyncio.sleep(0.4)
        assert len(wire.requests) == 1


async def test_defect_04_a_request_whose_caller_has_gone_is_not_begun() -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        wire.respond = lambda _request, _frame, _send: None
        first = asyncio.create_task(bus.read(200, 1, unit=ET))
        await asyncio.sleep(0.02)
        stale = asyncio.create_task(bus.write(100, words(5), unit=ET))
        await asyncio.sleep(0.02)
        stale.cancel()
        with pytest.raises(BusTimeout):
            await first
        await asyncio.gather(stale, return_exceptions=True)
        await asyncio.sleep(0.1)
    assert device.registers[100] == 11
    assert device.written == []


async def test_defect_05_every_call_has_all_its_tries() -> None:
    device = two_registers()
    device.meddle = lambda _request, _reply: None
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        for calls in (1, 2, 3):
            with pytest.raises(BusTimeout):
                await bus.read(100, 1, unit=ET)
            assert len(wire.requests) == calls * (1 + FAST.retries)


async def test_defect_06_a_late_answer_to_another_read_is_not_taken() -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host), bus_to(host, IMPATIENT) as bus:
        loop = asyncio.get_running_loop()

        def late(request: bytes, frame: bytes, send: Sender) -> None:
            # The first read's answer comes while the second is being waited for; the second's comes after it.
            delay = 0.13 if request == b"\x03" + words(100, 1) else 0.06
            loop.call_later(delay, send, frame)

        wire.respond = late
        with pytest.raises(BusTimeout):
            await bus.read(100, 1, unit=ET)
        assert await bus.read(200, 1, unit=ET) == words(22)


async def test_defect_08_an_address_that_worked_gets_a_second_chance() -> None:
    device = two_registers()
    async with on_udp(device) as (_, host), bus_to(host) as bus:
        assert await bus.read(100, 1, unit=ET) == words(11)
        refusals = iter([b"\x83\x02"])
        device.meddle = lambda _request, reply: next(refusals, reply)
        assert await bus.read(100, 1, unit=ET) == words(11)


async def test_an_address_that_never_worked_is_refused_at_once() -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        with pytest.raises(BusRejected, match="illegal data address") as refusal:
            await bus.read(300, 1, unit=ET)
        assert refusal.value.code == 2
        assert len(wire.requests) == 1


async def test_a_busy_device_is_asked_again() -> None:
    device = two_registers()
    busy = iter([b"\x83\x06", b"\x83\x06"])
    device.meddle = lambda _request, reply: next(busy, reply)
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        assert await bus.read(100, 1, unit=ET) == words(11)
        assert len(wire.requests) == 3


async def test_defect_11_a_bad_checksum_waits_before_it_asks_again() -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host), bus_to(host, RetryOptions(timeout_s=1, retries=2, backoff_s=0.1)) as bus:
        wire.respond = lambda _request, frame, send: send(frame[:-1] + bytes([frame[-1] ^ 1]))
        with pytest.raises(BusInvalid, match="damaged"):
            await bus.read(100, 1, unit=ET)
        gaps = [later - earlier for earlier, later in zip(wire.times, wire.times[1:], strict=False)]
        assert len(gaps) == 2
        assert gaps[0] > 0.09
        assert gaps[1] > 0.19


async def test_defect_11_an_unknown_name_is_a_bus_error() -> None:
    async with bus_to("no-such-inverter.invalid", IMPATIENT) as bus:
        with pytest.raises(BusTimeout, match=r"no-such-inverter\.invalid"):
            await bus.read(100, 1, unit=ET)


async def test_defect_12_a_large_word_is_written_without_a_false_alarm() -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        await bus.write(100, words(40_000), unit=ET)
        assert device.registers[100] == 40_000
        assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("what", "damage"),
    [
        ("truncated", lambda frame: [frame[:-3]]),
        ("of another unit", lambda frame: [b"\xaa\x55\x7f" + frame[3:]]),
        ("without header", lambda frame: [frame[2:]]),
        ("empty", lambda _frame: [b""]),
        ("one byte", lambda _frame: [b"\xaa"]),
        ("text", lambda _frame: [b"+ERR=-1\r\n"]),
    ],
)
async def test_a_damaged_answer_is_no_answer(what: str, damage: object) -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host), bus_to(host, IMPATIENT) as bus:
        wire.respond = lambda _request, frame, send: [send(part) for part in damage(frame)] and None  # type: ignore[operator]
        with pytest.raises((BusTimeout, BusInvalid)):
            await bus.read(100, 1, unit=ET)
        wire.respond = lambda _request, frame, send: send(frame)
        assert await bus.read(100, 1, unit=ET) == words(11), f"after an answer {what} the next is read"


@pytest.mark.parametrize(
    ("what", "parts"),
    [
        ("doubled", lambda frame: [frame, frame]),
        ("split", lambda frame: [frame[:7], frame[7:]]),
        ("with garbage behind", lambda frame: [frame + b"\x00\x01\x02"]),
    ],
)
async def test_an_unusual_but_whole_answer_is_read(what: str, parts: object) -> None:
    device = RegisterDevice(registers={100 + offset: offset for offset in range(10)})
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        wire.respond = lambda _request, frame, send: [send(part) for part in parts(frame)] and None  # type: ignore[operator]
        for _ in range(2):
            assert await bus.read(100, 10, unit=ET) == words(*range(10)), what


async def test_keeps_silence_between_frames() -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host):
        bus = LibraryBus(LinkOptions(host=host, frame_gap_s=0.1, retry=FAST), SystemClock())
        await asyncio.gather(*(bus.read(100, 1, unit=ET) for _ in range(3)))
        await bus.close()
        gaps = [later - earlier for earlier, later in zip(wire.times, wire.times[1:], strict=False)]
        assert len(gaps) == 2
        assert min(gaps) >= 0.099


async def test_closing_ends_the_frame_on_the_wire_and_refuses_the_rest() -> None:
    device = two_registers()
    async with on_udp(device) as (wire, host), bus_to(host) as bus:
        wire.respond = lambda _request, frame, send: asyncio.get_running_loop().call_later(0.05, send, frame) and None
        first = asyncio.create_task(bus.read(100, 1, unit=ET))
        second = asyncio.create_task(bus.read(200, 1, unit=ET))
        await asyncio.sleep(0.02)
        await bus.close()
        assert await first == words(11)
        with pytest.raises(BusTimeout, match="closed"):
            await second
        with pytest.raises(BusTimeout, match="closed"):
            await bus.read(100, 1, unit=ET)


def test_a_loop_that_shuts_down_is_not_kept_alive_by_the_owner() -> None:
    async def main() -> None:
        device = two_registers()
        device.meddle = lambda _request, _reply: None
        async with on_udp(device) as (_, host):
            bus = LibraryBus(LinkOptions(host=host, retry=FAST), SystemClock())
            orphan = asyncio.create_task(bus.read(100, 1, unit=ET))
            await asyncio.sleep(0.03)
            assert not orphan.done()

    started = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - started < 2
