"""What is said of a silent address: that something is there only where something proved it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hems.adapters.inverters.goodwe import reachability
from hems.adapters.inverters.goodwe.errors import HostUnreachable, PortSilent
from hems.adapters.inverters.goodwe.library_bus import LinkOptions

ARP = (
    "IP address       HW type     Flags       HW address            Mask     Device\n"
    "127.44.0.5       0x1         0x2         aa:bb:cc:dd:ee:ff     *        eth0\n"
    "127.44.0.6       0x1         0x0         00:00:00:00:00:00     *        eth0\n"
)


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Datagrams vanish, and a gateway takes every connection, as some do for addresses that nobody has."""

    async def nothing(*_: object) -> None:
        return None

    table = tmp_path / "arp"
    table.write_text(ARP)
    monkeypatch.setattr(reachability, "try_udp", nothing)
    monkeypatch.setattr(reachability, "try_tcp", nothing)
    monkeypatch.setattr(reachability, "_NEIGHBOURS", table)


@pytest.mark.parametrize("host", ["127.44.0.4", "127.44.0.6"])
async def test_a_connection_that_a_gateway_takes_proves_no_inverter(host: str) -> None:
    reason = await reachability.find_out_why(LinkOptions(host=host), 0.1)
    assert isinstance(reason, HostUnreachable)
    assert f"nothing answers at {host}:8899" in str(reason)
    assert "is there" not in str(reason)
    assert "Wake the inverter" in str(reason)


async def test_a_neighbour_that_told_its_hardware_address_is_there() -> None:
    reason = await reachability.find_out_why(LinkOptions(host="127.44.0.5"), 0.1)
    assert isinstance(reason, PortSilent)
    assert "127.44.0.5 is there" in str(reason)


async def test_an_open_port_without_an_inverter_is_no_more_than_that() -> None:
    reason = await reachability.find_out_why(LinkOptions(host="127.44.0.4", port=502), 0.1)
    assert isinstance(reason, PortSilent)
    assert "opens, but no GoodWe inverter answers there" in str(reason)
    assert "is there," not in str(reason)


@pytest.mark.parametrize("content", [None, "", "header only\n", "header\nbroken\n"])
def test_a_table_that_cannot_be_read_proves_nothing(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "other"
    if content is not None:
        table.write_text(content)
    monkeypatch.setattr(reachability, "_NEIGHBOURS", table)
    assert reachability.is_neighbour(["127.44.0.5"]) is False
