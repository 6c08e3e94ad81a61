"""Short ways to build a simulated inverter, write its registers and let time pass."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions

NOON = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)  # a Monday, 12:00 in Warsaw


def simulated(at: datetime = NOON, **options: Any) -> SimulatedInverter:
    """Return an inverter with a prescribed house: no sun, 1 kW of load, unless ``options`` say otherwise."""
    return SimulatedInverter(SimulatorOptions(**{"pv": 0.0, "load": 1000.0, "soc_pct": 50.0} | options), at)


def write(inverter: SimulatedInverter, register: int, *words: int) -> None:
    """Write registers and insist on the acknowledgement."""
    reply = inverter.exchange_pdu(write_pdu(register, *words))
    assert reply is not None, f"silence after a write to {register}"
    assert not reply[0] & 0x80, f"write to {register} refused with code {reply[1]}"


def write_pdu(register: int, *words: int) -> bytes:
    """Return the PDU that writes ``words``: FC6 for one, FC16 for more."""
    masked = [word & 0xFFFF for word in words]
    if len(masked) == 1:
        return struct.pack(">BHH", 6, register, masked[0])
    return struct.pack(f">BHHB{len(masked)}H", 16, register, len(masked), 2 * len(masked), *masked)


def refusal(inverter: SimulatedInverter, pdu: bytes) -> int | None:
    """Return the exception code that answers ``pdu``, or None where it is accepted."""
    reply = inverter.exchange_pdu(pdu)
    assert reply is not None
    return reply[1] if reply[0] & 0x80 else None


def words(inverter: SimulatedInverter, register: int, count: int = 1) -> tuple[int, ...]:
    """Return register words as read over the PDU path."""
    reply = inverter.exchange_pdu(struct.pack(">BHH", 3, register, count))
    assert reply is not None, f"silence after a read of {register}"
    assert reply[0] == 3, f"read of {register} refused with code {reply[1]}"
    return struct.unpack(f">{count}H", reply[2:])


def signed(word: int) -> int:
    """Return a register word as a signed number."""
    return word - 0x10000 if word >= 0x8000 else word


def run(inverter: SimulatedInverter, seconds: float) -> None:
    """Let ``seconds`` pass."""
    inverter.advance_to(inverter.now + timedelta(seconds=seconds))
