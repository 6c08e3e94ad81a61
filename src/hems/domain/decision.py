"""How a decision is proposed, scored, explained and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from hems.domain.command import Command, Mode
from hems.domain.outlook import Outlook
from hems.domain.plan import Reasoning
from hems.domain.prices import PriceOrigin
from hems.domain.readings import SiteSnapshot


class FactorName(StrEnum):
    """The factors of the multi-factor score."""

    PRICE = "price"
    BATTERY = "battery"
    PV = "pv"
    CONSUMPTION = "consumption"


class ScoreAction(StrEnum):
    """What a score asks for, given whether charging is on."""

    START_CHARGING = "start_charging"
    STOP_CHARGING = "stop_charging"
    CONTINUE = "continue"
    EMERGENCY_CHARGE = "emergency_charge"
    UNKNOWN = "unknown"  # an input is missing: nothing may be forced on it


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorScore:
    """One factor: its input, the band it fell into, its points (0-100), weight and share of the total."""

    name: FactorName
    value: float | None
    unit: str
    band: str
    points: float | None
    weight: float

    @property
    def contribution(self) -> float | None:
        """Points times weight; None where the input is unknown."""
        return None if self.points is None else self.points * self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreResult:
    """The weighted score of one moment and what it asks for."""

    factors: tuple[FactorScore, ...]
    total: float | None
    action: ScoreAction
    charging_before: bool
    charging_after: bool
    confidence_pct: float
    reason: str


class Priority(IntEnum):
    """Whose proposal goes first. A lower number is stronger; safety bounds them all."""

    PAUSE = 5  # a person's "not now": nothing is forced, not even in an emergency
    EMERGENCY = 10
    PERSON = 20  # a command a person gave
    STRATEGY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What one strategy or person would like, until ``expires_at``."""

    source: str
    priority: Priority
    command: Command
    reason: str
    confidence_pct: float
    expires_at: datetime
    score: ScoreResult | None = None
    reasoning: Reasoning | None = None
    """The plan's numbers, where a plan proposed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceContext:
    """The market price of the present quarter as a strategy sees it; ``price_per_mwh`` None is unknown."""

    price_per_mwh: float | None
    currency: str
    origin: PriceOrigin | None
    import_per_kwh: float | None = None
    export_per_kwh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOrigin:
    """Where the stored energy came from [Wh]; both parts are None where nobody knows. Only the sun's may be sold."""

    pv_wh: float | None
    grid_wh: float | None
    capacity_wh: float
    """What the battery holds at 100 %."""

    @property
    def exportable_wh(self) -> float:
        """How much of what is stored may leave the house [Wh]; what is unknown may not."""
        return 0.0 if self.pv_wh is None else self.pv_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionContext:
    """All that a strategy may know: frozen, so that a stored one decides the same again."""

    at: datetime
    snapshot: SiteSnapshot
    price: PriceContext
    active: Command | None
    """The lease in force, or None in self-use."""
    active_since: datetime | None
    charging: bool
    """Whether the coordinator is charging by its own decision."""
    decision_interval_s: float
    origin: StoredOrigin | None = None
    """None where the owner lets energy from the grid be sold too."""
    outlook: Outlook | None = None
    """What lies ahead; None where the house is not known well enough to plan for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The gate let the command through unchanged."""

    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """The gate let through less than was asked, because of ``causes``."""

    command: Command
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The gate replaced the command by ``fallback``, the nearest mode that the bounds permit."""

    fallback: Command
    causes: tuple[str, ...]


Verdict = Allowed | Narrowed | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided: the command, why, how sure, and what else was proposed."""

    at: datetime
    command: Command
    source: str
    reason: str
    confidence_pct: float
    verdict: str
    """allowed, narrowed or refused."""
    causes: tuple[str, ...] = ()
    score: ScoreResult | None = None
    """The score of the moment, whichever strategy is in charge; None where it was not computed."""
    proposals: tuple[Proposal, ...] = field(default=())
    reasoning: Reasoning | None = None
    shadows: tuple[Proposal, ...] = field(default=())
    """What the strategies that are not in charge would have done from the real state of the house."""

    @property
    def mode(self) -> Mode:
        """The mode asked for."""
        return self.command.mode
