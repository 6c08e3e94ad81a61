"""A bench for the GoodWe adapter: a clock that leaps, a simulated house behind it, and a bare register device."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hems.adapters.inverters.goodwe import GoodWeOptions, RetryOptions, open_in_memory
from hems.adapters.inverters.goodwe.connector import GoodWeInverter
from hems.adapters.inverters.goodwe.fields import ECO_V2_PLACES, ET_PLACES, FAST_CHARGE_PLACES
from hems.adapters.inverters.goodwe.registers import words
from hems.adapters.inverters.user_settings import MemoryUserSettingsStore
from hems.domain.command import Command, Mode
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions

NOON = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)  # a Wednesday
QUICK = RetryOptions(timeout_s=0.2, retries=3, backoff_s=0.01, backoff_max_s=0.05)


class LeapingClock:
    """Time that moves only when somebody waits; ``on_leap`` lets a simulated house live through it."""

    def __init__(self, start: datetime = NOON, on_leap: Callable[[datetime], None] | None = None) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self.on_leap = on_leap

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        self._elapsed_s += max(0.0, seconds)
        if self.on_leap is not None:
            self.on_leap(self.now())
        await asyncio.sleep(0)


@dataclass
class House:
    """A simulated house with the adapter opened on it, in memory."""

    simulator: SimulatedInverter
    clock: LeapingClock
    store: MemoryUserSettingsStore
    inverter: GoodWeInverter
    control: str

    async def live(self, **duration: float) -> None:
        """Let ``duration`` (of ``timedelta``) pass."""
        await self.clock.sleep(timedelta(**duration).total_seconds())

    def command(self, mode: Mode, power_w: float | None = None, minutes: float = 30, **more: float) -> Command:
        return Command(
            mode=mode, power_w=power_w, expires_at=self.clock.now() + timedelta(minutes=minutes), reason="test", **more
        )

    async def reopen(self) -> None:
        """Open the adapter afresh, as a new process would: only the store and the inverter remember."""
        self.inverter = await open_on(self.simulator, self.clock, self.store, self.control)


async def open_on(
    simulator: SimulatedInverter, clock: LeapingClock, store: MemoryUserSettingsStore, control: str = "auto"
) -> GoodWeInverter:
    options = GoodWeOptions(host="in memory", control=control, retry=QUICK)
    return await open_in_memory(simulator.exchange_pdu, clock, options, store, simulator.exchange_aa55)


async def open_house(model: str, control: str = "auto", start: datetime = NOON, **options: object) -> House:
    """Return a house with ``model`` at half charge, no sun and 600 W of load unless ``options`` say otherwise."""
    settings: dict[str, object] = {"soc_pct": 50.0, "pv": 0.0, "load": 600.0, "ambient_c": 20.0, **options}
    simulator = SimulatedInverter(SimulatorOptions(model=model, start=start, **settings), start)  # type: ignore[arg-type]
    clock = LeapingClock(start, simulator.advance_to)
    store = MemoryUserSettingsStore()
    await clock.sleep(30)
    return House(simulator, clock, store, await open_on(simulator, clock, store, control), control)


@dataclass
class RegisterDevice:
    """Bare registers behind Modbus PDUs, with every answer in the test's hand."""

    registers: dict[int, int] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    meddle: Callable[[bytes, bytes | None], bytes | None] = lambda _request, reply: reply
    """Sees every request and its honest reply; what it returns is sent, None is silence."""
    deaf: set[int] = field(default_factory=set)
    """Registers that acknowledge a write and do not change."""

    def exchange_pdu(self, request: bytes) -> bytes | None:
        self.asked.append(request)
        return self.meddle(request, self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        function, address = request[0], int.from_bytes(request[1:3], "big")
        if function == 6:
            return self._store(address, request[3:5]) or request
        count = int.from_bytes(request[3:5], "big")
        if function == 16:
            return self._store(address, request[6:]) or request[:5]
        if any(address + offset not in self.registers for offset in range(count)):
            return b"\x83\x02"
        return bytes([3, 2 * count]) + words(*(self.registers[address + offset] for offset in range(count)))

    def _store(self, address: int, payload: bytes) -> bytes | None:
        for offset in range(len(payload) // 2):
            if address + offset not in self.registers:
                return b"\x86\x02"
            if address + offset not in self.deaf:
                self.registers[address + offset] = int.from_bytes(payload[2 * offset : 2 * offset + 2], "big")
        return None

    @property
    def written(self) -> list[tuple[int, bytes]]:
        """Every write that arrived: address and payload."""
        return [
            (int.from_bytes(pdu[1:3], "big"), pdu[3:5] if pdu[0] == 6 else pdu[6:])
            for pdu in self.asked
            if pdu[0] in {6, 16}
        ]

    def put(self, address: int, data: bytes) -> None:
        """Set registers from ``data``."""
        for offset in range(len(data) // 2):
            self.registers[address + offset] = int.from_bytes(data[2 * offset : 2 * offset + 2], "big")


def et_registers(*, serial: str = "9010KETU00TEST01", arm: int = 24, rated_w: int = 10_000) -> dict[int, int]:
    """Return the registers of an idle three-phase ET inverter at 50 %, all automatic, by its public map."""
    device = RegisterDevice()
    for address, count in ((35000, 33), (35100, 125), (36000, 45), (37000, 24), (45352, 7), (47509, 4)):
        device.put(address, bytes(2 * count))
    device.put(35000, words(0, rated_w, 1) + serial.encode() + b"GW10K-ET  ")
    device.put(35019, words(arm))
    device.put(35100, bytes([26, 6, 17, 12, 0, 0]))
    for register, value in ((35121, 2300), (35126, 2310), (35131, 2320), (35123, 5000), (35136, 1), (35187, 1)):
        device.put(register, words(value))
    device.put(35172, words(600))
    device.put(35140, words(-600))
    device.put(35180, words(2540))
    device.put(35184, words(1))
    device.put(36004, words(1))
    device.put(36025, (-600).to_bytes(4, "big", signed=True))
    device.put(37003, words(215, 25, 25, 0, 50, 99))
    device.put(45352, words(2880, 250, 2000, 250, 10, 2000, 20))
    device.put(47511, words(1, 0))
    for places in (ET_PLACES, ECO_V2_PLACES, FAST_CHARGE_PLACES):
        for place in places.values():
            for address in range(place.address, place.address + place.count):
                device.registers.setdefault(address, 0)
    for place in ECO_V2_PLACES.values():
        device.put(place.address, bytes([48, 0, 48, 0, 0, 0]) + words(100, 100, 0))
    device.put(47000, words(0))
    return device.registers
