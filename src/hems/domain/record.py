"""The record of a cycle: all that was known, decided and done. It is what is stored, shown and replayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hems.domain.command import CommandResult, WritePurpose
from hems.domain.decision import Decision, DecisionContext
from hems.domain.readings import SiteSnapshot
from hems.domain.safety import SafetyEnvelope


class SystemState(StrEnum):
    """The coordinator's state in the words of the users' documentation."""

    STARTING = "starting"
    MONITORING = "monitoring"  # reading and deciding; the inverter is in self-use
    CHARGING = "charging"  # a charge of ours is in force
    OPTIMIZING = "optimizing"  # another forced mode of ours is in force
    ERROR = "error"  # safety stopped the operations, or the inverter is lost
    STOPPED = "stopped"


class Trigger(StrEnum):
    """What made a decision due."""

    START = "start"
    SCHEDULE = "schedule"
    NEW_PRICES = "new_prices"
    JUMP = "jump"
    PERSON = "person"
    SAFETY_CHANGED = "safety_changed"
    LEASE_EXPIRED = "lease_expired"
    VERIFICATION_FAILED = "verification_failed"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """One exchange with the inverter's control registers."""

    at: datetime
    purpose: WritePurpose
    asked: str
    result: CommandResult
    register_writes: int
    writes_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRecord:
    """One decision cycle, whole."""

    at: datetime
    trigger: Trigger
    context: DecisionContext
    envelope: SafetyEnvelope
    decision: Decision
    action: ActionRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRecord:
    """One stored poll: the snapshot and the state it was taken in."""

    snapshot: SiteSnapshot
    state: SystemState
    mode: str
    price_per_mwh: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """Something that happened and a person may want to know: an alarm, a lost connection, a restart."""

    at: datetime
    kind: str
    severity: str  # info, warning, error
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """What the process costs its machine; None where the system does not say."""

    pid: int
    rss_bytes: int | None
    cpu_s: float
    open_files: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySlot:
    """Energy of one quarter of an hour, integrated from polls; real beside the house without the coordinator.

    Energies [Wh] >= 0, money in the price's currency, + is a cost. ``coverage`` is the share of the quarter that was
    measured (0-1); money of an uncovered part is not invented.
    """

    start: datetime
    coverage: float
    pv_wh: float
    load_wh: float
    import_wh: float
    export_wh: float
    charge_wh: float
    discharge_wh: float
    soc_end_pct: float | None
    import_price_per_kwh: float | None
    export_price_per_kwh: float | None
    price_estimated: bool
    cost: float | None
    baseline_import_wh: float | None
    baseline_export_wh: float | None
    baseline_soc_end_pct: float | None
    baseline_cost: float | None
    soc_start_pct: float | None = None
    baseline_soc_start_pct: float | None = None
    stored_value_per_kwh: float | None = None
    """What one more kWh in the battery was worth at the end of the quarter; defined in ``planning/settlement.py``."""
    forced_share: float = 0.0
    """The share of the measured time in which a forced mode of ours was in force (0-1)."""
    decision_gain: float | None = None
    """Money gained against self-use from the same SoC, stored energy valued; None where nothing was forced."""
    settled_lead_wh: float = 0.0
    """What the real battery held more when the comparison took up the real SoC again; counts at the stored value."""
