"""One question on the wire, one judged answer: the bare line to an inverter, without retries and without the library.

Each question has a socket of its own, so that a late answer to an earlier one cannot be taken for this one's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hems.adapters.inverters.goodwe.library_bus import LinkOptions
from hems.adapters.inverters.goodwe.questions import Aa55Question, Answer, ModbusQuestion, Question, Verdict
from hems.ports.clock import Clock

T = TypeVar("T")

_SILENCE = Answer(verdict=Verdict.SILENT)
_REST_OF_A_FRAME_S = 0.15
"""How long to wait for the second piece of an answer that began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one question: the answer and after how long, or the system's own error."""

    question: Question
    answer: Answer
    after_s: float
    error: OSError | None = None
    pieces: int = 1
    connected: bool = True
    """False where a TCP connection was not even accepted in time."""

    @property
    def verdict(self) -> Verdict:
        """What the answer is worth."""
        return self.answer.verdict


class _Mailbox(asyncio.DatagramProtocol):
    """Collects datagrams and the errors that the system reports for ours."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.arrived.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self.arrived.put_nowait(exc)


class Line:
    """Asks one inverter over one protocol; ``address`` is already looked up."""

    def __init__(self, link: LinkOptions, address: str, clock: Clock) -> None:
        self._link = link
        self._address = address
        self._clock = clock
        self._connected = True

    async def ask(self, question: Question, patience_s: float) -> Heard:
        """Return what ``question`` earned within ``patience_s``."""
        began_s = self._clock.monotonic()
        answer, error, pieces = _SILENCE, None, 1
        self._connected = self._link.is_udp
        try:
            async with asyncio.timeout(patience_s):
                if self._link.is_udp:
                    answer, pieces = await ask_udp(self._address, self._link.port, question)
                elif isinstance(question, ModbusQuestion):
                    answer, pieces = await self._ask_tcp(question)
        except TimeoutError:
            pass  # silence is an answer too
        except OSError as refused:
            error = refused
        after_s = self._clock.monotonic() - began_s
        return Heard(
            question=question, answer=answer, after_s=after_s, error=error, pieces=pieces, connected=self._connected
        )

    async def _ask_tcp(self, question: ModbusQuestion) -> tuple[Answer, int]:
        reader, writer = await asyncio.open_connection(self._address, self._link.port)
        self._connected = True
        try:
            writer.write(question.tcp_frame())
            arrived, pieces = b"", 0
            answer = _SILENCE
            while answer.verdict in (Verdict.SILENT, Verdict.CUT):
                more = await _soon(reader.read(4096), is_rest=bool(arrived))
                if not more:
                    break
                arrived, pieces = arrived + more, pieces + 1
                answer = question.judge_tcp(arrived)
            return answer, pieces
        finally:
            writer.close()


async def ask_udp(address: str, port: int, question: Aa55Question | ModbusQuestion) -> tuple[Answer, int]:
    """Return the first answer, put together where it comes in pieces, and how many pieces those were; waits for ever.

    Raises: OSError: the system or the other side says that the question cannot arrive.
    """
    loop = asyncio.get_running_loop()
    transport, mailbox = await loop.create_datagram_endpoint(_Mailbox, remote_addr=(address, port))
    try:
        transport.sendto(question.udp_frame())
        arrived = _data_of(await mailbox.arrived.get())
        answer, pieces = question.judge_udp(arrived), 1
        while answer.verdict is Verdict.CUT:
            more = await _soon(mailbox.arrived.get(), is_rest=True)
            if not more:
                break
            # A whole answer may follow a cut one, as well as the missing half of it.
            following = _data_of(more)
            alone = question.judge_udp(following)
            arrived += following
            answer, pieces = (alone if alone.verdict is Verdict.GOOD else question.judge_udp(arrived)), pieces + 1
        return answer, pieces
    finally:
        transport.close()


async def ask_text(address: str, port: int, text: bytes) -> str:
    """Return what answers the datagram ``text``, as text; waits for ever. Raises: OSError."""
    loop = asyncio.get_running_loop()
    transport, mailbox = await loop.create_datagram_endpoint(_Mailbox, remote_addr=(address, port))
    try:
        transport.sendto(text)
        return _data_of(await mailbox.arrived.get()).decode("ascii", "replace").strip()
    finally:
        transport.close()


async def _soon(arriving: Coroutine[Any, Any, T], *, is_rest: bool) -> T | None:
    """Return what arrives; None where it is the rest of an answer and does not come at once."""
    if not is_rest:
        return await arriving
    try:
        async with asyncio.timeout(_REST_OF_A_FRAME_S):
            return await arriving
    except TimeoutError:
        return None


def _data_of(arrived: bytes | OSError) -> bytes:
    if isinstance(arrived, OSError):
        raise arrived
    return arrived
