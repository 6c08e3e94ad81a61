"""The past as people look at it: columns over time, decisions and events page by page. What is unknown is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from hems.domain.command import Mode
from hems.domain.record import EventRecord, Trigger

Numbers = tuple[float | None, ...]
"""One value a row; None is unknown."""

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""No house of ours is older; beyond, a calendar's arithmetic would leave its range."""

MOST_ROWS = 12_000
"""A year of hours fits, and four months of quarters; more is no picture. Files are written in parts."""


class Resolution(StrEnum):
    """How far apart the rows are. All but readings are cut in local time: days of 23, 24 and 25 hours are days."""

    READING = "reading"
    QUARTER_HOUR = "quarter_hour"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuestion:
    """Which past is asked for: all that touches [start, end), at ``resolution``; None chooses one fit for a screen.

    ``zone`` cuts hours, days and months; ``capacity_wh`` values what is stored; ``reading_every`` is how often
    readings are kept: a longer silence than two and a half times that is a gap.
    Raises: ValueError: the span is empty, naive or outside the years 2000 to 2199.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    currency: str
    capacity_wh: float
    resolution: Resolution | None = None
    reading_every: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        check_span(self.start, self.end)


def check_span(start: datetime, end: datetime) -> None:
    """Refuse a span that nothing can be told of. Raises: ValueError: says why."""
    for moment in (start, end):
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone")
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError(f"{moment.isoformat()} lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    if start >= end:
        raise ValueError(f"the span from {start.isoformat()} to {end.isoformat()} is empty")


def share_kept_pct(whole_wh: float | None, crossed_wh: float | None) -> float | None:
    """Return how much of ``whole_wh`` did not cross the meter [%], 0 to 100; None where there was nothing to share."""
    if whole_wh is None or crossed_wh is None or whole_wh <= 0.0:
        return None
    return 100.0 * min(max(1.0 - crossed_wh / whole_wh, 0.0), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTotals:
    """The whole of a span; energies [Wh] >= 0 of what was measured, money in the currency, + is a cost.

    ``cost`` is that of the priced quarters. ``saved`` is F5 (`analysis.metrics.savings`): against plain self-use,
    stored energy valued.
    """

    start: datetime
    end: datetime
    hours: float
    """Measured."""
    coverage: float
    """Of the span, 0-1."""
    pv_wh: float | None
    load_wh: float | None
    import_wh: float | None
    export_wh: float | None
    charge_wh: float | None
    discharge_wh: float | None
    cost: float | None
    baseline_cost: float | None
    """Of plain self-use; None unless it is known for every priced quarter."""
    saved: float | None
    saved_quarters: int
    """The quarters that ``saved`` rests on."""
    estimated_quarters: int
    """Those of them that had an estimated price."""
    self_sufficiency_pct: float | None
    """The share of what the house used that it did not buy; 0 where it bought more than it used."""
    self_consumption_pct: float | None
    """The share of the PV that was not sold; 0 where more was sold than the PV gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryColumns:
    """Rows ascending in time, every column of one length. A row without anything measured is there: it is the gap.

    Powers are means over what was measured [W], with the house's signs; energies [Wh] >= 0 are of what was measured,
    and None at the resolution of readings, as are money and hours.
    """

    resolution: Resolution
    currency: str
    zone: ZoneInfo
    start: tuple[datetime, ...]
    """Where a row begins, UTC; for a reading, when it was taken."""
    end: datetime
    """Where the last row ends."""
    hours: Numbers
    """Measured [h]; 0 in a gap."""
    coverage: Numbers
    """The measured share of the row's whole time, 0-1."""
    pv_w: Numbers
    load_w: Numbers
    grid_w: Numbers
    """+ imports, - exports."""
    battery_w: Numbers
    """+ discharges, - charges."""
    pv_wh: Numbers
    load_wh: Numbers
    import_wh: Numbers
    export_wh: Numbers
    charge_wh: Numbers
    discharge_wh: Numbers
    soc_pct: Numbers
    """At the end of the row's last measured quarter; for a reading, the reading."""
    soc_min_pct: Numbers
    """The least and the most at the ends of its quarters."""
    soc_max_pct: Numbers
    price_per_mwh: Numbers
    """The published day-ahead price, mean over time."""
    import_price_per_kwh: Numbers
    """What the house paid and was paid, mean over its measured quarters."""
    export_price_per_kwh: Numbers
    price_estimated: tuple[bool | None, ...]
    """Whether any of the row's retail prices was a guess."""
    cost: Numbers
    """The bill of the priced quarters, + is a cost."""
    baseline_cost: Numbers
    """That of plain self-use; None unless it is known for every priced quarter."""
    saved: Numbers
    """F5 of the row by itself: stored energy is valued at both of its ends, so rows need not add up to the whole."""
    decision_gain: Numbers
    """F1's gain of the quarters in which something was forced."""
    forced_share: Numbers
    """The share of the measured time in which a forced mode of ours was in force, 0-1."""
    mode: tuple[str | None, ...]
    """The mode that was in force most of the row; None where nobody knows, and for days and months."""
    totals: HistoryTotals

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFilter:
    """Which decisions are asked for; an empty choice is every one. ``text`` is looked for in the reason, any case."""

    modes: frozenset[Mode] = frozenset()
    sources: frozenset[str] = frozenset()
    triggers: frozenset[Trigger] = frozenset()
    verdicts: frozenset[str] = frozenset()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSummary:
    """One decision in a line; ``is_readable`` False: its record is damaged, and only what stood beside it is told."""

    at: datetime
    trigger: str
    mode: str
    power_w: float | None
    target_soc_pct: float | None
    export_limit_w: float | None
    expires_at: datetime | None
    source: str
    reason: str
    confidence_pct: float
    verdict: str
    causes: tuple[str, ...]
    price_per_mwh: float | None
    import_per_kwh: float | None
    soc_pct: float | None
    score: float | None
    """The total of the multi-factor score, 0-100."""
    result: str | None
    """Applied, AlreadySo, NotConfirmed, Rejected or Unreachable; None: nothing was asked of the inverter."""
    result_detail: str
    is_readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPage:
    """Decisions, newest first. ``before`` asks for the next page, None where there is none; ``matching`` counts all."""

    rows: tuple[DecisionSummary, ...]
    before: str | None
    matching: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are asked for; an empty choice is every one."""

    severities: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events, newest first; as ``DecisionPage``."""

    rows: tuple[EventRecord, ...]
    before: str | None
    matching: int
