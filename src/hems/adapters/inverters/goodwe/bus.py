"""Reading and writing registers, whatever carries them.

BusError
├── BusTimeout      nothing came back in time, retries included
├── BusInvalid      something came back that is not an answer to the question
└── BusRejected     the device answered with a Modbus exception; ``code`` says which
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from hems.adapters.inverters.goodwe.registers import words
from hems.ports.clock import Clock

ILLEGAL_ADDRESS = 2
BUSY_CODES = frozenset({5, 6})  # acknowledged for later, busy: the same question may succeed in a moment

EXCEPTION_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    7: "negative acknowledgement",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}


class BusError(Exception):
    """A register could not be read or written."""


class BusTimeout(BusError):
    """No answer in time, retries included."""


class BusInvalid(BusError):
    """An answer that does not belong to the question, or is damaged."""


class BusRejected(BusError):
    """The device said no."""

    def __init__(self, code: int, question: str) -> None:
        super().__init__(f"{question}: {EXCEPTION_NAMES.get(code, f'exception {code}')}")
        self.code = code


class RegisterBus(Protocol):
    """Registers of one device. Every call is retried inside and raises only BusError."""

    @property
    def frames_written(self) -> int:
        """Write frames sent, repeated ones included."""
        ...

    async def read(self, address: int, count: int, *, unit: int) -> bytes:
        """Return the bytes of ``count`` registers, exactly 2 * count of them."""
        ...

    async def write(self, address: int, payload: bytes, *, unit: int) -> None:
        """Write whole registers: one with FC6, more with one FC16. Acknowledged is not applied."""
        ...

    async def query(self, payload: bytes, answer: bytes) -> bytes:
        """Ask in AA55, the older protocol of the ES family; ``answer`` is the type (two bytes) of the reply wanted."""
        ...

    async def close(self) -> None:
        """Let go; what is on the wire ends first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """How often and how patiently a question is asked again."""

    timeout_s: float = 1.0
    """How long to wait for one answer."""
    retries: int = 3
    """Further tries after the first."""
    backoff_s: float = 0.2
    """The wait before the first retry; it doubles from one to the next."""
    backoff_max_s: float = 2.0

    def backoff(self, attempt: int) -> float:
        """Return the wait before retry number ``attempt`` (0 is the first) [s]."""
        return float(min(self.backoff_s * 2**attempt, self.backoff_max_s))

    @property
    def worst_case_s(self) -> float:
        """How long one question can take, all retries unanswered [s]."""
        return (self.retries + 1) * self.timeout_s + sum(self.backoff(attempt) for attempt in range(self.retries))


async def ask_with_retries(
    ask_once: Callable[[], Awaitable[bytes]],
    retry: RetryOptions,
    clock: Clock,
    given_up: Callable[[], bool] = lambda: False,
) -> bytes:
    """Return the first good answer of ``ask_once``.

    Every kind of failure waits before the next try: the library asks again at once after a checksum error, which on
    a noisy link only makes noise. A refusal is final, but for "busy". ``given_up`` true ends the retries.
    Raises: BusError of the last try.
    """
    attempt = 0
    while True:
        try:
            return await ask_once()
        except BusRejected as error:
            if error.code not in BUSY_CODES or attempt >= retry.retries or given_up():
                raise
        except BusError:
            if attempt >= retry.retries or given_up():
                raise
        await clock.sleep(retry.backoff(attempt))
        attempt += 1


class MemoryBus:
    """Registers of a device in this process, as Modbus PDUs without framing: for simulated time, no sockets.

    ``exchange_pdu`` takes function code + data and returns the same, or None for silence. ``exchange_aa55`` takes and
    returns an AA55 payload: type (2 bytes), length, data.
    """

    def __init__(
        self,
        exchange_pdu: Callable[[bytes], bytes | None],
        clock: Clock,
        retry: RetryOptions | None = None,
        exchange_aa55: Callable[[bytes], bytes | None] | None = None,
    ) -> None:
        self._exchange_pdu = exchange_pdu
        self._exchange_aa55 = exchange_aa55
        self._clock = clock
        self._retry = retry or RetryOptions()
        self._frames_written = 0

    @property
    def frames_written(self) -> int:
        """Write frames sent, repeated ones included."""
        return self._frames_written

    async def read(self, address: int, count: int, *, unit: int) -> bytes:
        """Return the bytes of ``count`` registers."""
        request = b"\x03" + words(address, count)
        try:  # the common case without the machinery of retries: a simulated day asks fifty thousand times
            return self._checked_read(self._exchange_pdu(request), address, count)
        except BusTimeout:
            await self._clock.sleep(self._retry.timeout_s)
        except BusInvalid:
            pass

        async def ask_once() -> bytes:
            return self._checked_read(await self._answer(self._exchange_pdu, request), address, count)

        return await ask_with_retries(ask_once, self._retry, self._clock)

    async def write(self, address: int, payload: bytes, *, unit: int) -> None:
        """Write whole registers, FC6 for one and FC16 for more."""
        count = len(payload) // 2
        request = (
            b"\x06" + words(address) + payload
            if count == 1
            else b"\x10" + words(address, count) + bytes([len(payload)]) + payload
        )

        async def ask_once() -> bytes:
            self._frames_written += 1
            reply = await self._answer(self._exchange_pdu, request)
            _refuse_exception(reply, f"write of {count} registers at {address}")
            if reply != request[:5]:
                raise BusInvalid(f"write at {address}: the answer {reply.hex()} does not repeat the question")
            return reply

        await ask_with_retries(ask_once, self._retry, self._clock)

    async def query(self, payload: bytes, answer: bytes) -> bytes:
        """Ask in AA55."""
        exchange = self._exchange_aa55
        if exchange is None:
            raise BusInvalid("this device in memory does not speak AA55")
        is_write = payload[0] in {0x02, 0x03}

        async def ask_once() -> bytes:
            self._frames_written += is_write
            reply = await self._answer(exchange, payload)
            if reply[:2] != answer or len(reply) < 3 or len(reply) != reply[2] + 3:
                raise BusInvalid(f"AA55 {payload[:2].hex()}: unexpected answer {reply[:3].hex()}")
            return reply[3:]

        return await ask_with_retries(ask_once, self._retry, self._clock)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _answer(self, exchange: Callable[[bytes], bytes | None], request: bytes) -> bytes:
        reply = exchange(request)
        if reply is None:
            await self._clock.sleep(self._retry.timeout_s)
            raise BusTimeout(f"no answer to {request[:5].hex()}")
        return reply

    @staticmethod
    def _checked_read(reply: bytes | None, address: int, count: int) -> bytes:
        if reply is None:
            raise BusTimeout(f"no answer to the read of {count} registers at {address}")
        _refuse_exception(reply, f"read of {count} registers at {address}")
        if len(reply) != 2 + 2 * count or reply[0] != 0x03 or reply[1] != 2 * count:
            raise BusInvalid(f"read of {count} registers at {address}: {len(reply)} bytes came back")
        return reply[2:]


def _refuse_exception(reply: bytes, question: str) -> None:
    if len(reply) >= 2 and reply[0] & 0x80:
        raise BusRejected(reply[1], question)
