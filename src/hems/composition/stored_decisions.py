"""What the service decided, read from its records, and the plan behind it. Neither inverter nor service is touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hems.adapters.clock import SystemClock
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.tools import Loaded, load
from hems.decision.sentences import Language
from hems.domain.plan import NoPlan, Plan
from hems.domain.record import CycleRecord

if TYPE_CHECKING:
    from hems.planning.comparison import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDecision:
    """A stored decision, None where none is kept, and what it takes to tell of it."""

    record: CycleRecord | None
    now: datetime
    zone: ZoneInfo
    language: Language
    database: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPlan:
    """The plan that follows from a stored decision's context."""

    plan: Plan | NoPlan
    comparison: Comparison | None


def find_decision(config_path: Path | None, until: datetime | None = None) -> FoundDecision:
    """Return the newest stored decision, or the newest one at or before ``until``.

    Raises: ConfigurationError; StorageError: the database cannot be read.
    """
    return _find(load(config_path), until)


def find_plan(config_path: Path | None) -> tuple[FoundDecision, FoundPlan | None]:
    """Return the newest stored decision, and the plan that follows from what was known then.

    Raises: as ``find_decision``.
    """
    from hems.composition.strategies import optimal_strategy_of  # a decision alone is told without them
    from hems.planning.comparison import compare

    loaded = load(config_path)
    found = _find(loaded, None)
    if found.record is None:
        return found, None
    context = found.record.context
    plan = optimal_strategy_of(loaded.settings).plan_for(context)
    comparison = None
    if isinstance(plan, Plan) and context.outlook is not None:
        comparison = compare(context.outlook, plan)
    return found, FoundPlan(plan=plan, comparison=comparison)


def site_now(config_path: Path | None) -> tuple[datetime, ZoneInfo]:
    """Return the present moment and the house's zone, to read a time by."""
    return SystemClock().now(), load(config_path).zone


def _find(loaded: Loaded, until: datetime | None) -> FoundDecision:
    record = None
    if loaded.database.exists():
        with StoreReader(loaded.database) as reader:
            record = reader.last_cycle_until(until) if until is not None else next(iter(reader.last_cycles(1)), None)
    return FoundDecision(
        record=record,
        now=SystemClock().now(),
        zone=loaded.zone,
        language=Language(loaded.settings.decision.language),
        database=loaded.database,
    )
