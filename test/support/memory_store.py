"""A record store that keeps everything in lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord


class MemoryStore:
    """Implements the RecordStore port without a disk."""

    def __init__(self) -> None:
        self.samples: list[SampleRecord] = []
        self.cycles: list[CycleRecord] = []
        self.events: list[EventRecord] = []
        self.energy: dict[datetime, EnergySlot] = {}
        self.state: dict[str, object] = {}

    def add_sample(self, sample: SampleRecord) -> None:
        self.samples.append(sample)

    def add_cycle(self, cycle: CycleRecord) -> None:
        self.cycles.append(cycle)

    def add_event(self, event: EventRecord) -> None:
        self.events.append(event)

    def add_energy(self, slot: EnergySlot) -> None:
        self.energy[slot.start] = slot

    def energy_between(self, start: datetime, end: datetime) -> Sequence[EnergySlot]:
        return [slot for at, slot in sorted(self.energy.items()) if start <= at < end]

    def get_state(self, key: str) -> object | None:
        return self.state.get(key)

    def put_state(self, key: str, value: object) -> None:
        self.state[key] = value

    def flush(self) -> None:
        return None
