"""Memory: what survives a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from hems.domain.fast_charge import FastChargeRequest
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord


class RecordStore(Protocol):
    """Accepts records without blocking the cycle; writes them in the background in order."""

    def add_sample(self, sample: SampleRecord) -> None:
        """Keep one poll."""
        ...

    def add_cycle(self, cycle: CycleRecord) -> None:
        """Keep one decision cycle, whole."""
        ...

    def add_event(self, event: EventRecord) -> None:
        """Keep one event."""
        ...

    def add_energy(self, slot: EnergySlot) -> None:
        """Keep the energy of one quarter; the same quarter again replaces it."""
        ...

    def energy_between(self, start: datetime, end: datetime) -> Sequence[EnergySlot]:
        """Return the stored quarters that start in [start, end), in order."""
        ...

    def get_state(self, key: str) -> object | None:
        """Return the JSON value kept under ``key``, or None."""
        ...

    def put_state(self, key: str, value: object) -> None:
        """Keep a JSON value under ``key``; it is on disk when this returns."""
        ...

    def flush(self) -> None:
        """Return when everything accepted so far is on disk."""
        ...


class StatusPublisher(Protocol):
    """Shows the latest state to readers outside the process."""

    def publish(self, status: dict[str, object], schedule: Iterable[dict[str, object]]) -> None:
        """Make ``status`` and the charging ``schedule`` the latest, atomically."""
        ...


class FastChargeInbox(Protocol):
    """Where a person leaves a fast-charge request for the service."""

    def read(self) -> FastChargeRequest | None:
        """Return the request, or None where there is none; cheap when nothing changed.

        Raises: RejectedData: something is there that is not a request.
        """
        ...

    def write(self, request: FastChargeRequest) -> None:
        """Leave ``request``, replacing an earlier one. Raises: StorageError: the disk refuses; an earlier one stays."""
        ...

    def clear(self) -> bool:
        """Withdraw the request; return whether there was one."""
        ...
