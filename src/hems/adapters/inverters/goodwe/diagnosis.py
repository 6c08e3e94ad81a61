"""What is wrong with the line to an inverter, found by asking and looking at what comes back. Reads only.

First who answers at all; where nobody does, why not; where somebody does, a series of short and long answers tells
what happens to them on the way.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hems.adapters.daemon_thread import in_daemon_thread
from hems.adapters.inverters.goodwe.bus import EXCEPTION_NAMES
from hems.adapters.inverters.goodwe.identity import DeviceInfo, family_of_serial
from hems.adapters.inverters.goodwe.library_bus import UDP_PORT, LinkOptions
from hems.adapters.inverters.goodwe.line import Heard, Line, ask_text
from hems.adapters.inverters.goodwe.options import Family
from hems.adapters.inverters.goodwe.questions import (
    DONGLE_PORT,
    DONGLE_QUESTION,
    DT_WHO,
    ET_WHO,
    SHORT_AND_LONG,
    WHO_ARE_YOU,
    Question,
    Verdict,
    identity_in,
)
from hems.adapters.inverters.goodwe.reachability import WEB_PORT, is_neighbour, try_tcp
from hems.ports.clock import Clock

MODBUS_TCP_PORT = 502
LOOK_UP_S = 4.0
FIRST_ANSWER_S = 2.5
"""Longer than the service waits, so that a late answer is told from none."""
ROUNDS = 6
SERIES_S = 6.0
LOST_SHARE = 0.25
"""From this share of lost answers on, readings fail in spite of retries often enough to be felt."""


class Symptom(StrEnum):
    """What was found. The names are the codes that reports and documents use."""

    ANSWERS = "inverter_answers"
    NAME_UNKNOWN = "inverter_name_unknown"
    NAME_SLOW = "inverter_name_slow"
    UNREACHABLE = "inverter_unreachable"
    REFUSED = "inverter_refused"
    SILENT = "inverter_silent"
    DONGLE_ONLY = "inverter_behind_dongle_silent"
    PORT_OPENED = "inverter_port_opened"
    OTHER_PORT = "inverter_other_port"
    NOT_GOODWE = "inverter_not_goodwe"
    WRONG_FAMILY = "inverter_wrong_family"
    OTHER_CLIENT = "inverter_other_client"
    CUT = "inverter_answers_cut"
    DAMAGED = "inverter_answers_damaged"
    LATE = "inverter_answers_late"
    LOST = "inverter_answers_lost"
    DECLINES = "inverter_declines"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDiagnosis:
    """One symptom, in a sentence with its figures, and who answered."""

    symptom: Symptom
    detail: str
    info: DeviceInfo | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the inverter can be talked to, if with trouble."""
        return self.info is not None and self.symptom in (
            Symptom.ANSWERS,
            Symptom.LATE,
            Symptom.LOST,
            Symptom.DAMAGED,
            Symptom.OTHER_CLIENT,
        )


async def diagnose_line(link: LinkOptions, wanted: Family | None, clock: Clock) -> LineDiagnosis:
    """Return what the line at ``link`` suffers from; ``wanted`` is the configured family, None for any.

    Takes about 2 s where all is well and at most some 13 s. Never raises for what the network does.
    """
    try:
        async with asyncio.timeout(LOOK_UP_S):
            address = await in_daemon_thread(lambda: _look_up(link.host))
    except TimeoutError:
        return LineDiagnosis(
            symptom=Symptom.NAME_SLOW, detail=f"the name {link.host} was not looked up within {LOOK_UP_S:g} s"
        )
    except OSError as error:
        return LineDiagnosis(
            symptom=Symptom.NAME_UNKNOWN, detail=f"{link.host} is no known name or address ({error.strerror or error})"
        )
    line = Line(link, address, clock)
    first = await _first_answers(line, link, wanted)
    if all(heard.verdict is Verdict.SILENT for heard in first):
        return await _why_silent(link, address, first, clock)
    is_late = any(heard.after_s > link.retry.timeout_s and heard.verdict is not Verdict.SILENT for heard in first)
    patience_s = FIRST_ANSWER_S if is_late else link.retry.timeout_s + 0.3
    series = await _series(line, link, _likely_family(first, wanted), clock, patience_s)
    return await _judge(link, address, wanted, first, series)


def _look_up(host: str) -> str:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    return str(found[0][4][0])


async def _first_answers(line: Line, link: LinkOptions, wanted: Family | None) -> list[Heard]:
    """Ask who is there in each protocol until one is answered whole."""
    questions = [ET_WHO, DT_WHO] if wanted is not Family.DT else [DT_WHO, ET_WHO]
    heard: list[Heard] = []
    # Twice again over UDP: on a weak line a few lost answers in a row do not mean that nobody is there.
    asked: list[Question] = [WHO_ARE_YOU, *questions, WHO_ARE_YOU, *questions[:1]] if link.is_udp else [*questions]
    for question in asked:
        # The first question is given time: a late answer is another trouble than none.
        heard.append(await line.ask(question, FIRST_ANSWER_S if not heard else link.retry.timeout_s))
        if heard[-1].verdict is Verdict.GOOD or heard[-1].error is not None:
            break
    return heard


def _likely_family(first: Sequence[Heard], wanted: Family | None) -> Family:
    info = _who(first)
    if info is not None:
        return family_of_serial(info.serial_number) or info.family
    # Nobody gave a name yet: whoever answers at all in a family's protocol is of that family.
    heard_in = {heard.question.name for heard in first if heard.verdict is not Verdict.SILENT}
    for question, family in ((ET_WHO, Family.ET), (DT_WHO, Family.DT), (WHO_ARE_YOU, Family.ES)):
        if question.name in heard_in:
            return family
    return wanted or Family.ET


async def _series(line: Line, link: LinkOptions, family: Family, clock: Clock, patience_s: float) -> list[Heard]:
    """Ask short and long questions in turn, as gently as the service does."""
    heard: list[Heard] = []
    if not link.is_udp and family is Family.ES:
        return heard  # this family is not read over Modbus/TCP
    until_s = clock.monotonic() + SERIES_S
    for _ in range(ROUNDS):
        for question in SHORT_AND_LONG[family]:
            await clock.sleep(link.frame_gap_s)
            heard.append(await line.ask(question, patience_s))
        if clock.monotonic() > until_s:
            break
    return heard


def _who(heard: Sequence[Heard]) -> DeviceInfo | None:
    good = [one for one in heard if one.verdict is Verdict.GOOD]
    return next((info for one in reversed(good) if (info := identity_in(one.question, one.answer.data))), None)


async def _judge(
    link: LinkOptions, address: str, wanted: Family | None, first: Sequence[Heard], series: Sequence[Heard]
) -> LineDiagnosis:
    """Return the worst of what the answers show."""
    info = _who([*first, *series])
    heard = list(series) or list(first)
    answered = [one for one in (*first, *series) if one.verdict is not Verdict.SILENT]
    if all(one.verdict is Verdict.STRANGE for one in answered):
        detail = f"something answers at {link}, but not in a language of GoodWe inverters"
        return LineDiagnosis(symptom=Symptom.NOT_GOODWE, detail=detail)
    share = _Shares(heard)
    foreign = [one for one in (*first, *series) if one.verdict is Verdict.FOREIGN]
    if foreign:
        detail = f"{len(foreign)} of {len(answered)} answers were to questions of somebody else"
        return LineDiagnosis(symptom=Symptom.OTHER_CLIENT, detail=detail, info=info)
    if share.of(Verdict.CUT) or (link.is_udp and _in_pieces(heard)):
        return LineDiagnosis(symptom=Symptom.CUT, detail=_cut_detail(heard), info=info)
    if share.count(Verdict.DAMAGED) > 1:
        detail = f"{share.count(Verdict.DAMAGED)} of {len(heard)} answers were damaged on the way (wrong checksum)"
        return LineDiagnosis(symptom=Symptom.DAMAGED, detail=detail, info=info)
    if share.of(Verdict.SILENT) >= LOST_SHARE:
        return await _why_lost(address, heard, info)
    late = [one for one in heard if one.verdict is Verdict.GOOD and one.after_s > link.retry.timeout_s]
    if len(late) > LOST_SHARE * len(heard):
        worst_s = max(one.after_s for one in late)
        detail = f"answers take up to {worst_s:.1f} s; the service waits {link.retry.timeout_s:g} s for one"
        return LineDiagnosis(symptom=Symptom.LATE, detail=detail, info=info)
    if share.of(Verdict.REFUSED) >= 0.5 or (info is None and share.count(Verdict.REFUSED)):
        codes = sorted({one.answer.code or 0 for one in heard if one.verdict is Verdict.REFUSED})
        names = ", ".join(EXCEPTION_NAMES.get(code, f"exception {code}") for code in codes)
        detail = f"the inverter answers, but refuses to be read: {names}"
        return LineDiagnosis(symptom=Symptom.DECLINES, detail=detail, info=info)
    return _who_answers(link, wanted, info, heard)


def _who_answers(
    link: LinkOptions, wanted: Family | None, info: DeviceInfo | None, heard: Sequence[Heard]
) -> LineDiagnosis:
    if info is None:
        detail = f"something answers at {link} in GoodWe's framing, but gives no serial number of an inverter"
        return LineDiagnosis(symptom=Symptom.NOT_GOODWE, detail=detail)
    actual = family_of_serial(info.serial_number) or info.family
    if wanted is not None and actual is not wanted:
        detail = f"{info.model} is of the {actual.value} family; inverter.family says {wanted.value}"
        return LineDiagnosis(symptom=Symptom.WRONG_FAMILY, detail=detail, info=info)
    good = [one for one in heard if one.verdict is Verdict.GOOD]
    worst_ms = max((one.after_s for one in good), default=0.0) * 1000
    detail = f"{len(good)} of {len(heard)} answers came whole, the slowest after {worst_ms:.0f} ms"
    return LineDiagnosis(symptom=Symptom.ANSWERS, detail=detail, info=info)


class _Shares:
    """How often each verdict was given."""

    def __init__(self, heard: Sequence[Heard]) -> None:
        self._verdicts = [one.verdict for one in heard]

    def count(self, verdict: Verdict) -> int:
        return self._verdicts.count(verdict)

    def of(self, verdict: Verdict) -> float:
        return self.count(verdict) / len(self._verdicts) if self._verdicts else 0.0


def _in_pieces(heard: Sequence[Heard]) -> bool:
    """Whether datagrams came in pieces, which the service cannot put together; a TCP stream may come in any."""
    return sum(one.pieces > 1 and one.verdict is Verdict.GOOD for one in heard) > 1


def _cut_detail(heard: Sequence[Heard]) -> str:
    cut = [one for one in heard if one.verdict is Verdict.CUT]
    if not cut:
        return "answers arrive in pieces"
    names = {one.question.name for one in heard}
    whole = [name for name in names if name not in {one.question.name for one in cut}]
    example = max(cut, key=lambda one: one.answer.wanted_bytes).answer
    only = f", while {whole[0]} ({_length(heard, whole[0])} bytes) comes whole" if whole else ""
    return (
        f"{len(cut)} of {len(heard)} answers were cut off, such as after {example.arrived_bytes} of "
        f"{example.wanted_bytes} bytes{only}"
    )


def _length(heard: Sequence[Heard], name: str) -> int:
    return max(one.answer.arrived_bytes for one in heard if one.question.name == name)


async def _why_lost(address: str, heard: Sequence[Heard], info: DeviceInfo | None) -> LineDiagnosis:
    """Tell a weak network from a second client, which takes the inverter's answers but not the module's own."""
    lost = sum(one.verdict is Verdict.SILENT for one in heard)
    detail = f"{lost} of {len(heard)} questions were not answered"
    tries = 5
    heard_dongle = 0
    for _ in range(tries):
        heard_dongle += await _ask_dongle(address, 0.4) is not None
        if not heard_dongle:
            break
    if heard_dongle == tries:
        more = f"{detail}, though the network is fine: the communication module answered {tries} of {tries}"
        return LineDiagnosis(symptom=Symptom.OTHER_CLIENT, detail=more, info=info)
    return LineDiagnosis(symptom=Symptom.LOST, detail=detail, info=info)


async def _ask_dongle(address: str, patience_s: float) -> str | None:
    try:
        async with asyncio.timeout(patience_s):
            return await ask_text(address, DONGLE_PORT, DONGLE_QUESTION)
    except OSError:
        return None


async def _why_silent(link: LinkOptions, address: str, first: Sequence[Heard], clock: Clock) -> LineDiagnosis:
    """Return why nothing came: told apart by what else lives at this address."""
    error = next((heard.error for heard in first if heard.error is not None), None)
    other = _other_link(link)
    patience_s = link.retry.timeout_s
    dongle, elsewhere, web = await asyncio.gather(
        _ask_dongle(address, patience_s), _finds_inverter(other, address, clock), try_tcp(address, WEB_PORT, patience_s)
    )
    if dongle is not None and link.is_udp:
        # Some LAN modules open port 8899 only for a while after they were called on the other one.
        again = await Line(link, address, clock).ask(WHO_ARE_YOU, patience_s)
        info = _who([again])
        if info is not None:
            detail = f"{link} was closed until the communication module ({dongle}) was called on port {DONGLE_PORT}"
            return LineDiagnosis(symptom=Symptom.PORT_OPENED, detail=detail, info=info)
    if elsewhere is not None:
        detail = f"nothing answers at {link}, but {elsewhere.model} answers at {other}"
        return LineDiagnosis(symptom=Symptom.OTHER_PORT, detail=detail, info=elsewhere)
    if dongle is not None:
        detail = f"the communication module at {address} answers ({dongle}), the inverter behind it does not"
        return LineDiagnosis(symptom=Symptom.DONGLE_ONLY, detail=detail)
    if isinstance(error, ConnectionRefusedError):
        return LineDiagnosis(symptom=Symptom.REFUSED, detail=f"{link.host} is there, but refuses {link}")
    if error is None and not link.is_udp and await try_tcp(address, link.port, patience_s) is None:
        detail = f"the connection to {link} opens, but no GoodWe inverter answers there"
        return LineDiagnosis(symptom=Symptom.SILENT, detail=detail)
    if error is None and (isinstance(web, ConnectionRefusedError) or is_neighbour([address])):
        return LineDiagnosis(symptom=Symptom.SILENT, detail=f"{link.host} is there, but nothing answers at {link}")
    detail = f"nothing answers at {link}: {_said(error)}"
    return LineDiagnosis(symptom=Symptom.UNREACHABLE, detail=detail)


def _said(error: OSError | None) -> str:
    if error is None:
        return "no reply of any kind"
    if error.errno == errno.ENETUNREACH:
        return "this machine has no network that leads there"
    return error.strerror or str(error)


def _other_link(link: LinkOptions) -> LinkOptions:
    return replace(link, port=MODBUS_TCP_PORT if link.is_udp else UDP_PORT)


async def _finds_inverter(link: LinkOptions, address: str, clock: Clock) -> DeviceInfo | None:
    """Return who answers at ``link``, asked quickly."""
    line = Line(link, address, clock)
    for question in (WHO_ARE_YOU,) if link.is_udp else (ET_WHO, DT_WHO):
        heard = await line.ask(question, link.retry.timeout_s)
        if heard.error is not None:
            return None
        if (info := _who([heard])) is not None:
            return info
    return None
