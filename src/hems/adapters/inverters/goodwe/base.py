"""What the families share: the writer's half of the port, and blocks that may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from hems.adapters.inverters.goodwe.bus import ILLEGAL_ADDRESS, BusError, BusInvalid, BusRejected, RegisterBus
from hems.adapters.inverters.goodwe.controller import Controller
from hems.adapters.inverters.goodwe.fields import Field, Place, cannot_hold
from hems.adapters.inverters.goodwe.identity import DeviceInfo
from hems.adapters.inverters.goodwe.registers import Block
from hems.domain.command import Command, CommandResult, ControlState, WritePurpose
from hems.domain.site import Capabilities, InverterIdentity
from hems.ports.clock import Clock

_GROUP_MAX = 60
_PAUSE_AFTER_FAILURES = 2
_PAUSE_S = 60.0


class ModbusFields:
    """Control fields in Modbus registers, read in as few requests as their places allow."""

    def __init__(self, bus: RegisterBus, unit: int, places: Mapping[Field, Place]) -> None:
        self._bus = bus
        self._unit = unit
        self._places = dict(places)
        self._groups = _grouped(self._places)
        self._present: set[Field] = set()
        self._absent: set[Field] = set()

    @property
    def frames_written(self) -> int:
        """Write frames sent, repeated ones included."""
        return self._bus.frames_written

    @property
    def fields(self) -> frozenset[Field]:
        """The fields that have a place and have not been found absent."""
        return frozenset(self._places) - self._absent

    async def read_image(self, fields: Iterable[Field] | None = None) -> dict[Field, bytes]:
        """Return the given fields, or all; those the device lacks are missing."""
        wanted = set(self._places if fields is None else fields) - self._absent
        image: dict[Field, bytes] = {}
        for group in list(self._groups):
            if wanted.isdisjoint(group):
                continue
            try:
                image |= await self._read_group(group)
            except BusRejected as error:
                if error.code != ILLEGAL_ADDRESS or not self._present.isdisjoint(group):
                    raise  # what has answered before is there; a refusal now is a fault, not an absence
                image |= await self._split(group)
        self._present |= image.keys()
        return {field: value for field, value in image.items() if field in wanted}

    async def write_field(self, field: Field, payload: bytes) -> None:
        """Write one field whole."""
        await self._bus.write(self._places[field].address, payload, unit=self._unit)

    async def _read_group(self, group: tuple[Field, ...]) -> dict[Field, bytes]:
        """Return one group; values that cannot be are asked for once more. Raises: BusError."""
        first, last = self._places[group[0]], self._places[group[-1]]
        count = last.address + last.count - first.address
        for _ in range(2):
            data = await self._bus.read(first.address, count, unit=self._unit)
            image = {}
            for field in group:
                place = self._places[field]
                offset = 2 * (place.address - first.address)
                image[field] = data[offset : offset + 2 * place.count]
            odd = [field for field, payload in image.items() if cannot_hold(field, payload)]
            if not odd:
                return image
        names = ", ".join(f"{field.value} {image[field].hex()}" for field in odd)
        raise BusInvalid(f"read of {count} registers at {first.address}: {names} cannot be; another client's answer?")

    async def _split(self, group: tuple[Field, ...]) -> dict[Field, bytes]:
        """Read a refused group field by field, and remember what is not there."""
        image: dict[Field, bytes] = {}
        for field in group:
            try:
                image |= await self._read_group((field,))
            except BusRejected as error:
                if error.code != ILLEGAL_ADDRESS:
                    raise
                self._absent.add(field)
        self._groups.remove(group)
        self._groups.extend((field,) for field in group if field not in self._absent)
        return image


def _grouped(places: Mapping[Field, Place]) -> list[tuple[Field, ...]]:
    """Return the fields in groups that one request can read: neighbours with at most one register between them."""
    groups: list[list[Field]] = []
    for field in sorted(places, key=lambda name: places[name].address):
        place = places[field]
        if groups:
            first, last = places[groups[-1][0]], places[groups[-1][-1]]
            end = last.address + last.count
            if place.address - end <= 1 and place.address + place.count - first.address <= _GROUP_MAX:
                groups[-1].append(field)
                continue
        groups.append([field])
    return [tuple(group) for group in groups]


class OptionalBlock:
    """A block that a device may not serve, or not now: its absence costs a note, not the snapshot."""

    def __init__(self, bus: RegisterBus, clock: Clock, block: Block, unit: int) -> None:
        self._bus = bus
        self._clock = clock
        self._block = block
        self._unit = unit
        self._failures = 0
        self._resume_s = 0.0

    async def read(self, notes: list[str]) -> bytes | None:
        """Return the block's bytes, or None and a note why not.

        After two silent reads it is left alone for a minute, so that a dead BMS does not slow down every poll.
        """
        if self._failures >= _PAUSE_AFTER_FAILURES and self._clock.monotonic() < self._resume_s:
            notes.append(f"{self._block.name}: no answer lately")
            return None
        try:
            data = await self._bus.read(self._block.address, self._block.count, unit=self._unit)
        except BusError as error:
            notes.append(f"{self._block.name}: {error}")
            if not isinstance(error, BusRejected):
                self._failures += 1
                self._resume_s = self._clock.monotonic() + _PAUSE_S
            return None
        self._failures = 0
        return data


class GoodWeWriter:
    """The writer's half of the port, the same for every family."""

    def __init__(self, bus: RegisterBus, info: DeviceInfo, capabilities: Capabilities, controller: Controller) -> None:
        self._bus = bus
        self._info = info
        self._identity = info.as_identity()
        self._capabilities = capabilities
        self._controller = controller

    @property
    def identity(self) -> InverterIdentity:
        """Which device answered when it was opened."""
        return self._identity

    @property
    def capabilities(self) -> Capabilities:
        """What it can be asked for."""
        return self._capabilities

    @property
    def register_writes(self) -> int:
        """Write frames sent since the adapter was opened, repeated ones included."""
        return self._bus.frames_written

    async def read_control(self) -> ControlState:
        """Return what the control registers say now."""
        return await self._controller.read_state()

    async def save_user_settings(self) -> None:
        """Save the owner's settings, unless a save of them is held."""
        await self._controller.save_owner()

    async def apply(self, command: Command, purpose: WritePurpose) -> CommandResult:
        """Put ``command`` into the inverter, writing only what differs."""
        return await self._controller.apply(command, purpose)

    async def restore_self_use(self, *, user_settings: bool) -> CommandResult:
        """Put the inverter back to self-use from any state."""
        return await self._controller.restore(user_settings=user_settings)

    async def close(self) -> None:
        """Let go of the connection; what is in flight ends first."""
        await self._bus.close()


class NoBatteryAccess(ModbusFields):
    """Control fields of a family without a battery."""

    async def read_soc_pct(self) -> float | None:
        """There is none."""
        return None

    async def read_naive_clock(self) -> datetime | None:
        """Nothing here depends on the clock."""
        return None
