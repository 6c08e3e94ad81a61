"""The IPv4 networks this machine is part of, as the Linux kernel tells them (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

_ASK_FOR_ADDRESSES, _ADDRESS = 22, 20  # RTM_GETADDR, RTM_NEWADDR
_REQUEST_ALL = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3
_LOCAL, _LABEL = 2, 3  # IFA_LOCAL, IFA_LABEL
_PATIENCE_S = 2.0
_INTERFACES = Path("/sys/class/net")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNetwork:
    """One address of this machine and the network it lies in."""

    interface: str
    address: IPv4Address
    network: IPv4Network

    @property
    def is_connected(self) -> bool:
        """Whether the interface is up; what the system does not tell counts as up."""
        try:
            return (_INTERFACES / self.interface.partition(":")[0] / "operstate").read_text().strip() != "down"
        except OSError:
            return True


def local_networks() -> tuple[LocalNetwork, ...]:
    """Return every IPv4 address of this machine with its network, loopback included.

    Raises: OSError: the system does not tell.
    """
    found: list[LocalNetwork] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as kernel:
        kernel.settimeout(_PATIENCE_S)
        kernel.send(struct.pack("=IHHIIBBBBI", 24, _ASK_FOR_ADDRESSES, _REQUEST_ALL, 1, 0, socket.AF_INET, 0, 0, 0, 0))
        while True:
            for kind, body in _messages(kernel.recv(65536)):
                if kind == _DONE:
                    return tuple(found)
                if kind == _ERROR:
                    raise OSError("the kernel refused to name this machine's addresses")
                if kind == _ADDRESS:
                    found += _networks_of(body)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[16:length]
        data = data[_aligned(max(length, 16)) :]


def _networks_of(body: bytes) -> Iterator[LocalNetwork]:
    prefix_length = body[1]
    attributes: dict[int, bytes] = {}
    rest = body[8:]
    while len(rest) >= 4:
        length, kind = struct.unpack_from("=HH", rest)
        attributes[kind] = rest[4:length]
        rest = rest[_aligned(max(length, 4)) :]
    if _LOCAL in attributes:
        address = IPv4Address(attributes[_LOCAL])
        yield LocalNetwork(
            interface=attributes.get(_LABEL, b"?").rstrip(b"\0").decode("utf-8", "replace"),
            address=address,
            network=IPv4Network((address, prefix_length), strict=False),
        )


def _aligned(length: int) -> int:
    return (length + 3) & ~3
