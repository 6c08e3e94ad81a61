"""What an answer's bytes are taken for, and that nothing but questions can be sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.adapters.inverters.goodwe import questions
from hems.adapters.inverters.goodwe.options import Family
from hems.adapters.inverters.goodwe.questions import (
    DT_WHO,
    ET_LIVE,
    ET_WHO,
    SHORT_AND_LONG,
    WHO_ARE_YOU,
    Aa55Question,
    ModbusQuestion,
    Question,
    Verdict,
    identity_in,
)
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions
from support.goodwe_wire_device import crc16, framed
from support.simulation_tools import NOON

EVERY_QUESTION = [value for value in vars(questions).values() if isinstance(value, Aa55Question | ModbusQuestion)]


def answered(question: Question, model: str = "GW10K-ET") -> bytes:
    """Return the frame with which a simulated inverter answers over UDP."""
    inverter = SimulatedInverter(SimulatorOptions(model=model), NOON)
    ((_, frame),) = inverter.handle_datagram(question.udp_frame())
    return frame


@pytest.mark.parametrize("question", EVERY_QUESTION, ids=lambda question: question.name)
def test_every_question_only_reads(question: Question) -> None:
    """Function code 3 reads registers; of AA55's kinds, those of class 01 read."""
    frame = question.udp_frame()
    assert (frame[4] == 0x01) if isinstance(question, Aa55Question) else (frame[1] == 0x03)


@pytest.mark.parametrize(
    ("model", "family"), [("GW10K-ET", Family.ET), ("GW6000-ES-20", Family.ET), ("GW5048-ES", Family.ES)]
)
def test_whole_answers_are_good_and_tell_who_speaks(model: str, family: Family) -> None:
    for question in (WHO_ARE_YOU, *SHORT_AND_LONG[family]):
        answer = question.judge_udp(answered(question, model))
        assert answer.verdict is Verdict.GOOD, question.name
    info = identity_in(WHO_ARE_YOU, WHO_ARE_YOU.judge_udp(answered(WHO_ARE_YOU, model)).data)
    assert info is not None
    assert info.family is family


GOOD = answered(ET_WHO)
REFUSAL = b"\xaa\x55\xf7\x83\x02"
TABLE = {
    "trailing bytes": (GOOD + b"\x01\x02", Verdict.GOOD),
    "cut in the data": (GOOD[:40], Verdict.CUT),
    "cut in the header": (GOOD[:4], Verdict.CUT),
    "wrong checksum": (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), Verdict.DAMAGED),
    "a broken byte count": (GOOD[:4] + b"\x10" + GOOD[5:], Verdict.DAMAGED),
    "another length, whole": (framed(b"\x03\x04\x00\x01\x00\x02"), Verdict.FOREIGN),
    "another unit": (framed(GOOD[3:-2], unit=0x7F), Verdict.FOREIGN),
    "an acknowledged write": (framed(b"\x06\xb7\x98\x00\x01"), Verdict.FOREIGN),
    "the older protocol": (answered(WHO_ARE_YOU), Verdict.FOREIGN),
    "another block of the same length": (framed(b"\x03\x42" + bytes(66)), Verdict.FOREIGN),
    "a refusal": (REFUSAL + crc16(REFUSAL[2:]), Verdict.REFUSED),
    "a web page": (b"HTTP/1.1 400 Bad Request\r\n", Verdict.STRANGE),
    "nothing": (b"", Verdict.STRANGE),
}


@pytest.mark.parametrize(("frame", "verdict"), TABLE.values(), ids=TABLE.keys())
def test_a_datagram_is_taken_for_what_it_is(frame: bytes, verdict: Verdict) -> None:
    assert ET_WHO.judge_udp(frame).verdict is verdict


def tcp(pdu: bytes, transaction: bytes = ET_WHO.tcp_frame()[:2], protocol: bytes = b"\0\0") -> bytes:
    return transaction + protocol + (len(pdu) + 1).to_bytes(2, "big") + b"\xf7" + pdu


TCP_TABLE = {
    "whole": (tcp(GOOD[3:-2]), Verdict.GOOD),
    "begun": (tcp(GOOD[3:-2])[:20], Verdict.CUT),
    "a refusal": (tcp(b"\x83\x0b"), Verdict.REFUSED),
    "another transaction": (tcp(GOOD[3:-2], b"\x00\x00"), Verdict.FOREIGN),
    "no Modbus": (tcp(GOOD[3:-2], protocol=b"\x01\x00"), Verdict.STRANGE),
    "a web page": (b"HTTP/1.1 400 Bad Request\r\n", Verdict.STRANGE),
}


@pytest.mark.parametrize(("frame", "verdict"), TCP_TABLE.values(), ids=TCP_TABLE.keys())
def test_a_connection_s_bytes_are_taken_for_what_they_are(frame: bytes, verdict: Verdict) -> None:
    assert ET_WHO.judge_tcp(frame).verdict is verdict


@given(
    st.sampled_from(EVERY_QUESTION), st.binary(max_size=300) | st.binary(max_size=80).map(lambda tail: GOOD[:5] + tail)
)
def test_no_bytes_break_the_judgement_or_pass_for_an_answer_by_chance(question: Question, frame: bytes) -> None:
    assert question.judge_udp(frame).verdict is not Verdict.GOOD or frame.startswith(GOOD)
    if isinstance(question, ModbusQuestion):
        question.judge_tcp(frame)


def test_an_answer_for_a_second_client_is_not_taken_for_live_data() -> None:
    meter = ModbusQuestion(name="meter", unit=ET_LIVE.unit, address=36000, count=ET_LIVE.count)
    assert ET_LIVE.judge_udp(answered(meter, "GW6000-ES-20")).verdict is Verdict.FOREIGN
    assert DT_WHO.judge_udp(GOOD).verdict is Verdict.FOREIGN
