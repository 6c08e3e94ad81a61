"""Frames byte by byte, against examples that real clients send."""

from __future__ import annotations

import struct
import time
from datetime import timedelta

import pytest
from goodwe.modbus import create_modbus_rtu_multi_request, create_modbus_rtu_request, validate_modbus_rtu_response
from goodwe.protocol import Aa55ProtocolCommand, Aa55ReadCommand, Aa55WriteCommand, Aa55WriteMultiCommand

from hems.simulation import goodwe_wire as wire
from hems.simulation.registers import Layout, MeasuredBlock, RegisterBank
from support.simulation_tools import NOON, signed, simulated, words


def test_the_request_known_from_the_field_is_read() -> None:
    frame = bytes.fromhex("f703891c007d7ae7")
    assert wire.unwrap_rtu_request(frame, 0xF7) == bytes.fromhex("03891c007d")
    [(delay_s, reply)] = simulated().handle_datagram(frame)
    assert delay_s == 0.0
    assert reply[:5] == bytes.fromhex("aa55f703fa")
    assert len(reply) == 5 + 250 + 2
    assert validate_modbus_rtu_response(reply, 3, 35100, 125)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param("f703891c007d7ae8", id="bad checksum"),
        pytest.param("7f03891c007d" + wire.crc16(bytes.fromhex("7f03891c007d")).hex(), id="another unit"),
        pytest.param("f7", id="one byte"),
        pytest.param("", id="nothing"),
        pytest.param("aa55c07f0102000242", id="AA55 with a wrong sum"),
        pytest.param("aa55c07f0102010242", id="AA55 with a wrong length"),
    ],
)
def test_what_is_not_meant_for_it_is_met_with_silence(frame: str) -> None:
    assert simulated().handle_datagram(bytes.fromhex(frame)) == []


def test_writes_and_refusals_have_the_shape_the_library_checks() -> None:
    inverter = simulated()
    [(_, one)] = inverter.handle_datagram(create_modbus_rtu_request(0xF7, 6, 47510, 5000))
    assert validate_modbus_rtu_response(one, 6, 47510, 5000)
    values = bytes.fromhex("00010000")
    [(_, many)] = inverter.handle_datagram(create_modbus_rtu_multi_request(0xF7, 16, 47511, values))
    assert validate_modbus_rtu_response(many, 16, 47511, 2)
    [(_, refused)] = inverter.handle_datagram(create_modbus_rtu_request(0xF7, 3, 40000, 1))
    assert refused == bytes.fromhex("aa55f78302") + wire.crc16(bytes.fromhex("f78302"))


@pytest.mark.parametrize("model", ["GW6000-ES-20", "GW5048-ES", "GW6000-DT"])
def test_discovery_names_model_and_serial_number_where_clients_look(model: str) -> None:
    inverter = simulated(model=model, pv=500.0)
    [(_, reply)] = inverter.handle_datagram(bytes.fromhex("aa55c07f0102000241"))
    assert reply[:6] == bytes.fromhex("aa557fc00182")
    data = reply[7:-2]
    assert data[31:47].decode() == inverter.model.serial_number
    assert data[5:15].decode().strip() in (inverter.model.name, inverter.model.wire_name)


@pytest.mark.parametrize(
    "command",
    [
        Aa55ProtocolCommand("010600", "0186"),
        Aa55ProtocolCommand("010900", "0189"),
        Aa55ReadCommand(1793, 4),
        Aa55WriteCommand(0x560, 20),
        Aa55WriteMultiCommand(1793, bytes.fromhex("0000173b0032ff7f")),
        Aa55ProtocolCommand("0335021388", "03b5"),
        Aa55ProtocolCommand("032c050000173b0a", "03AC"),
        Aa55ProtocolCommand("0336" + "0100", "03B6"),
        Aa55ProtocolCommand("0327020030", "03B7"),
        Aa55ProtocolCommand("0359" + "0103", "03D9"),
    ],
)
def test_every_aa55_command_of_the_library_gets_the_reply_it_waits_for(command: Aa55ProtocolCommand) -> None:
    [(_, reply)] = simulated(model="GW5048-EM").handle_datagram(command.request)
    assert command.validator(reply)


def test_tcp_requests_are_taken_off_a_stream_in_any_pieces() -> None:
    first, second = (
        wire.wrap_mbap(7, 0xF7, bytes.fromhex("03891c007d")),
        wire.wrap_mbap(8, 0xF7, b"\x03\x90\x88\x00\x18"),
    )
    buffer = bytearray()
    found = []
    for byte in first + second:
        buffer.append(byte)
        while (request := wire.split_mbap(buffer)) is not None:
            found.append(request)
    assert found == [(7, 0xF7, bytes.fromhex("03891c007d")), (8, 0xF7, b"\x03\x90\x88\x00\x18")]
    with pytest.raises(ValueError, match="Modbus/TCP"):
        wire.split_mbap(bytearray(b"GET / HTTP/1.1\r\n"))


def test_a_layout_refuses_overlapping_registers() -> None:
    with pytest.raises(ValueError, match="overlaps"):
        Layout(100, 4, {100: "I", 101: "H"})
    assert Layout(100, 4, {101: "h", 103: "H"}).encode(-2, 7) == bytes.fromhex("0000fffe00000007")


def test_a_block_is_encoded_once_per_version() -> None:
    calls: list[int] = []

    def encode() -> bytes:
        calls.append(1)
        return bytes(4)

    bank = RegisterBank((MeasuredBlock(10, 2, encode),), {})
    bank.read(10, 2)
    bank.read(11, 1)
    bank.version += 1
    bank.read(10, 2)
    assert len(calls) == 2


def test_signs_and_scales_of_the_running_block() -> None:
    inverter = simulated(pv=3000.0, load=500.0, soc_pct=100.0)
    inverter.advance_to(NOON + timedelta(seconds=30))
    flow, pack = inverter.flow, inverter.house.battery
    assert pack is not None
    assert flow.grid_w < -2000.0
    assert signed(*words(inverter, 35140)) == round(-flow.grid_w), "device sign: + exports"
    assert signed(*words(inverter, 36008)) == round(-flow.grid_w)
    assert words(inverter, 35180)[0] == round(pack.voltage_v * 10)
    load_w, backup_w = words(inverter, 35172)[0], words(inverter, 35170)[0]
    assert load_w + backup_w == pytest.approx(signed(*words(inverter, 35138)) - signed(*words(inverter, 35140)), abs=2)
    assert words(inverter, 37007) == (100,)


def test_a_discharge_is_positive_and_a_charge_negative_in_current_and_power() -> None:
    for load_w, pv_w, mode in ((2000.0, 0.0, 2), (0.0, 2000.0, 3)):
        inverter = simulated(load=load_w, pv=pv_w)
        inverter.advance_to(NOON + timedelta(seconds=10))
        current, high, low, battery_mode = words(inverter, 35181, 4)
        power = struct.unpack(">i", struct.pack(">2H", high, low))[0]
        assert power == round(load_w - pv_w)
        assert signed(current) * power > 0
        assert battery_mode == mode


def test_a_day_of_five_second_polls_costs_little() -> None:
    # The whole day of 17 280 polls is to take under 5 s; an hour of it here, with room for a busy machine.
    inverter = simulated(pv=None, load=None)
    requests = [struct.pack(">BHH", 3, start, count) for start, count in ((35100, 125), (37000, 24), (36000, 45))]
    began = time.process_time()
    for step in range(1, 721):
        inverter.advance_to(NOON + timedelta(seconds=5 * step))
        for request in requests:
            assert inverter.exchange_pdu(request) is not None
    assert time.process_time() - began < 5.0 / 24.0 * 2.5
