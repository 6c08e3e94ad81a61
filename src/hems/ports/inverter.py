"""The inverter as the house sees it: a reader that anyone may hold, a writer that exactly one component holds."""

from __future__ import annotations

from typing import Protocol

from hems.domain.command import Command, CommandResult, ControlState, WritePurpose
from hems.domain.readings import SiteSnapshot
from hems.domain.site import Capabilities, InverterIdentity, ReportedBatteryLimits


class InverterReader(Protocol):
    """Reads; never changes anything in the inverter."""

    @property
    def identity(self) -> InverterIdentity:
        """Which device answered when it was opened."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can be asked for."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know about this device, found when it was opened."""
        ...

    async def read_snapshot(self) -> SiteSnapshot:
        """Return all live readings.

        Raises: InverterUnreachable: no valid answer within the adapter's own retries.
        """
        ...

    async def read_control(self) -> ControlState:
        """Return what the control registers say now.

        Raises: InverterUnreachable.
        """
        ...

    async def read_battery_limits(self) -> ReportedBatteryLimits:
        """Return the battery limits set in the inverter; fields are None where it reports none.

        Raises: InverterUnreachable.
        """
        ...


class InverterWriter(Protocol):
    """Changes the inverter. Acknowledged is not applied: each call reads back before it answers."""

    @property
    def register_writes(self) -> int:
        """Register writes sent since the adapter was opened, to be counted against the daily budget."""
        ...

    async def save_user_settings(self) -> None:
        """Save the owner's own mode, minimum SoC, export limit and schedules, unless a save of them is already held.

        Raises: InverterUnreachable, StorageError: nothing may be written to the inverter then.
        """
        ...

    async def apply(self, command: Command, purpose: WritePurpose) -> CommandResult:
        """Put ``command`` into the inverter, writing only what differs."""
        ...

    async def restore_self_use(self, *, user_settings: bool) -> CommandResult:
        """Put the inverter back to self-use from any state.

        With ``user_settings`` the owner's saved mode and limits are put back too and the save is let go.
        """
        ...


class Inverter(InverterReader, InverterWriter, Protocol):
    """One opened inverter."""

    async def close(self) -> None:
        """Let go of the connection; what is in flight ends first."""
        ...


class InverterConnector(Protocol):
    """Opens an inverter; called again after a connection is lost for long, since the device may have changed."""

    async def open(self) -> Inverter:
        """Return the opened inverter.

        Raises: InverterUnreachable; PermanentError where what answered can never work.
        """
        ...


class UserSettingsStore(Protocol):
    """Keeps the owner's own inverter settings on disk while the coordinator is in charge."""

    def load(self) -> dict[str, object] | None:
        """Return what was saved, or None.

        Raises: StorageError: a save exists but cannot be read.
        """
        ...

    def save(self, settings: dict[str, object]) -> None:
        """Keep ``settings`` so that they survive a power cut.

        Raises: StorageError.
        """
        ...

    def clear(self) -> None:
        """Forget the save: the settings are back in the inverter."""
        ...
