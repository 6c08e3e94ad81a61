"""Opens a GoodWe inverter: finds out which family answers, what its firmware can do, and says why if none does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from hems.adapters.inverters.goodwe.bus import BusError, MemoryBus, RegisterBus
from hems.adapters.inverters.goodwe.device_map import DT_IDENTITY, ET_IDENTITY, UNIT_DT, UNIT_ET
from hems.adapters.inverters.goodwe.dt import DtInverter, open_dt
from hems.adapters.inverters.goodwe.errors import ConnectionRefused, WrongFamily
from hems.adapters.inverters.goodwe.es import EsInverter, open_es
from hems.adapters.inverters.goodwe.et import EtInverter, open_et
from hems.adapters.inverters.goodwe.identity import (
    DeviceInfo,
    family_of_serial,
    is_serial_number,
    parse_aa55,
    parse_dt,
    parse_et,
)
from hems.adapters.inverters.goodwe.library_bus import LibraryBus, LinkOptions
from hems.adapters.inverters.goodwe.options import Family, GoodWeOptions
from hems.adapters.inverters.goodwe.owner import OwnerSettings
from hems.adapters.inverters.goodwe.reachability import find_out_why
from hems.adapters.inverters.goodwe.unseen import UNSEEN_ROUNDS, UNSEEN_TIMEOUT_S, LastKnown, UnseenRestore
from hems.adapters.inverters.user_settings import MemoryUserSettingsStore
from hems.domain.command import CommandResult, Unreachable
from hems.domain.errors import ConfigurationError, InverterUnreachable
from hems.domain.secrets import shortened_serial
from hems.ports.clock import Clock
from hems.ports.inverter import InverterConnector, UserSettingsStore

BusFactory = Callable[[LinkOptions], RegisterBus]
GoodWeInverter = EtInverter | EsInverter | DtInverter

_WHO_ARE_YOU, _I_AM = bytes.fromhex("010200"), bytes.fromhex("0182")
_PROBE_RETRIES = 1
"""While searching, most questions go to a protocol the device does not speak: patience would only cost time."""


class _NoneFoundError(Exception):
    """No family's identity was answered; the message lists what was tried."""


class GoodWeConnector:
    """Opens the inverter that the options describe; each call starts afresh."""

    def __init__(
        self,
        options: GoodWeOptions,
        clock: Clock,
        user_settings: UserSettingsStore,
        bus_factory: BusFactory | None = None,
    ) -> None:
        """Check the options.

        Raises: ConfigurationError: no such family.
        """
        try:
            self._family = options.chosen_family()
        except ValueError as error:
            raise ConfigurationError([str(error)]) from error
        self._options = options
        self._clock = clock
        self._user_settings = user_settings
        self._bus_factory = bus_factory or (lambda link: LibraryBus(link, clock))

    async def open(self) -> GoodWeInverter:
        """Return the opened inverter; neither its BMS nor its meter has to answer.

        Raises: HostUnreachable, ConnectionRefused, PortSilent: nobody answers, and how so; InverterUnreachable: it
        answered and then fell silent; WrongFamily, CapabilityMissing: this can never work with this configuration.
        """
        link = self._options.link
        info = await self._identify(link)
        bus = self._bus_factory(link)
        try:
            return await _open(bus, self._clock, info, self._options, self._user_settings)
        except BusError as error:
            await bus.close()
            serial = shortened_serial(info.serial_number)
            raise InverterUnreachable(
                f"{info.model} ({serial}) at {link} answered and then fell silent: {error}"
            ) from error
        except BaseException:
            await bus.close()
            raise

    def restore_unseen(self, last_known: LastKnown, rounds: int = UNSEEN_ROUNDS) -> UnseenRestore:
        """Return what ends a forced mode of ``last_known``, should it be silent or garbled where the options say."""
        link = self._options.link
        once = replace(link.retry, timeout_s=min(link.retry.timeout_s, UNSEEN_TIMEOUT_S), retries=0)
        return UnseenRestore(
            last_known, lambda: self._bus_factory(replace(link, retry=once)), self._clock, rounds=rounds
        )

    async def _identify(self, link: LinkOptions) -> DeviceInfo:
        patient = self._family is not None
        retry = link.retry if patient else replace(link.retry, retries=min(_PROBE_RETRIES, link.retry.retries))
        bus = self._bus_factory(replace(link, retry=retry))
        try:
            return await identify(bus, self._family, speaks_aa55=link.is_udp)
        except _NoneFoundError as error:
            raise await find_out_why(link, link.retry.timeout_s) from error
        finally:
            await bus.close()


async def identify(bus: RegisterBus, wanted: Family | None, *, speaks_aa55: bool) -> DeviceInfo:
    """Return who answers on ``bus``; ``wanted`` None is any family.

    The library's own discovery is not used: it passes its time-out as an address and takes 10 s for a dead host.
    Raises: WrongFamily; _NoneFoundError.
    """
    tried: list[str] = []
    if wanted is not None and wanted is not Family.ES:
        info = await _ask_family(bus, wanted, tried)
        if info is not None:
            return _checked(info, wanted)
    by_name = await _ask_aa55(bus, tried) if speaks_aa55 else None
    if by_name is not None:
        info = by_name if by_name.family is Family.ES else await _ask_family(bus, by_name.family, tried)
        if info is not None:
            return _checked(info, wanted)
    for family in (Family.ET, Family.DT):
        if by_name is None and family is not wanted:
            info = await _ask_family(bus, family, tried)
            if info is not None:
                return _checked(info, wanted)
    raise _NoneFoundError("; ".join(tried))


def _checked(info: DeviceInfo, wanted: Family | None) -> DeviceInfo:
    actual = family_of_serial(info.serial_number) or info.family
    if wanted is not None and actual is not wanted:
        raise WrongFamily(
            f"{info.model or 'the inverter'} (serial number {shortened_serial(info.serial_number)}) is of the "
            f"{actual.value} family, but "
            f"inverter.family says {wanted.value}: set inverter.family to {actual.value} or auto"
        )
    return info


async def _ask_family(bus: RegisterBus, family: Family, tried: list[str]) -> DeviceInfo | None:
    """Return the identity in the family's own Modbus block, or None."""
    if family is Family.ES:
        return None
    (address, count), unit, parse = (
        (ET_IDENTITY, UNIT_ET, parse_et) if family is Family.ET else (DT_IDENTITY, UNIT_DT, parse_dt)
    )
    try:
        info = parse(await bus.read(address, count, unit=unit))
    except BusError as error:
        tried.append(f"{family.value}: {error}")
        return None
    if is_serial_number(info.serial_number):
        return info
    tried.append(f"{family.value}: no serial number in the answer, which was perhaps meant for another client")
    return None


async def _ask_aa55(bus: RegisterBus, tried: list[str]) -> DeviceInfo | None:
    """Return the identity by the older protocol, which most families answer over UDP, or None."""
    try:
        data = await bus.query(_WHO_ARE_YOU, _I_AM)
        if len(data) >= 47:
            return parse_aa55(data)
        tried.append(f"AA55: {len(data)} bytes came back")
    except (BusError, ValueError) as error:
        tried.append(f"AA55: {error}")
    return None


async def _open(
    bus: RegisterBus, clock: Clock, info: DeviceInfo, options: GoodWeOptions, user_settings: UserSettingsStore
) -> GoodWeInverter:
    owner = OwnerSettings(user_settings, info.serial_number)
    match info.family:
        case Family.ET:
            return await open_et(bus, clock, info, options, owner)
        case Family.ES:
            return await open_es(bus, clock, info, options, owner)
        case Family.DT:
            return await open_dt(bus, clock, info, options, owner)


async def open_in_memory(
    exchange_pdu: Callable[[bytes], bytes | None],
    clock: Clock,
    options: GoodWeOptions | None = None,
    user_settings: UserSettingsStore | None = None,
    exchange_aa55: Callable[[bytes], bytes | None] | None = None,
) -> GoodWeInverter:
    """Return an inverter that lives in this process: same map, same control, no sockets, any clock.

    Raises: InverterUnreachable: it does not answer; WrongFamily, CapabilityMissing.
    """
    options = options or GoodWeOptions(host="in memory")
    bus = MemoryBus(exchange_pdu, clock, options.retry, exchange_aa55)
    try:
        info = await identify(bus, options.chosen_family(), speaks_aa55=exchange_aa55 is not None)
        return await _open(bus, clock, info, options, user_settings or MemoryUserSettingsStore())
    except (_NoneFoundError, BusError) as error:
        raise InverterUnreachable(f"the device in memory does not answer: {error}") from error


async def restore_inverter(
    connector: InverterConnector, unseen: UnseenRestore | None = None, patience_s: float | None = None
) -> CommandResult:
    """Put an inverter back to self-use and to its owner's settings, standing alone, from any state.

    Where it cannot be read, or not within ``patience_s``, self-use is written all the same if ``unseen`` knows how:
    the result stays ``Unreachable``, its detail says what was sent.
    """
    try:
        async with asyncio.timeout(patience_s):
            result = await _restore_by_reading(connector, unseen)
    except TimeoutError:
        result = Unreachable(detail=f"it did not confirm self-use within {patience_s:.0f} s")
    if unseen is None or not isinstance(result, Unreachable):
        return result
    return await unseen.after(result)


async def _restore_by_reading(connector: InverterConnector, unseen: UnseenRestore | None) -> CommandResult:
    try:
        inverter = await connector.open()
    except InverterUnreachable as error:
        if unseen is not None and isinstance(error, ConnectionRefused):
            unseen.saw_nobody()
        return Unreachable(detail=str(error))
    try:
        if unseen is not None:
            unseen.saw(inverter.identity.serial_number)
        return await inverter.restore_self_use(user_settings=True)
    finally:
        await inverter.close()
