"""The past: measured columns, decisions and events, totals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hems.domain.command import Mode
from hems.web.models.base import EpochSeconds, ExactUtc, Model, Money, Percent, PerKwh, PerMwh, Utc, WattHours, Watts
from hems.web.models.plan import ReasoningView

Resolution = Literal["reading", "quarter_hour", "hour", "day", "month"]


class HistoryColumns(Model):
    """Columns of one length, a value per bucket; null is not measured. Days and months are local ones."""

    start: list[EpochSeconds]
    coverage: list[float | None] = Field(description="Measured share of the bucket, 0-1.")
    pv_w: list[Watts | None] = Field(description="Mean power, as all powers here.")
    load_w: list[Watts | None]
    grid_w: list[Watts | None] = Field(description="+ buys, - feeds in.")
    battery_w: list[Watts | None] = Field(description="+ discharges, - charges.")
    soc_pct: list[Percent | None] = Field(description="At the end of the bucket.")
    pv_wh: list[WattHours | None]
    load_wh: list[WattHours | None]
    import_wh: list[WattHours | None]
    export_wh: list[WattHours | None]
    charge_wh: list[WattHours | None]
    discharge_wh: list[WattHours | None]
    import_per_kwh: list[PerKwh | None]
    export_per_kwh: list[PerKwh | None]
    market_per_mwh: list[PerMwh | None]
    price_estimated: list[bool | None]
    cost: list[Money | None] = Field(description="Of the bucket; + costs, - earns.")
    self_use_cost: list[Money | None] = Field(description="What plain self-use would have cost.")
    mode: list[str | None] = Field(description="In force for most of the bucket, where that is kept.")


class HistoryTotals(Model):
    """Sums of the span; money counts only where it was measured and priced."""

    pv_wh: WattHours | None
    load_wh: WattHours | None
    import_wh: WattHours | None
    export_wh: WattHours | None
    charge_wh: WattHours | None
    discharge_wh: WattHours | None
    cost: Money | None
    self_use_cost: Money | None
    saved: Money | None = Field(description="Against plain self-use, stored energy valued (F5).")
    self_sufficiency_pct: Percent | None = Field(description="Share of the load that was not bought.")
    self_consumption_pct: Percent | None = Field(description="Share of the PV that was not fed in.")
    coverage: float | None = Field(description="Measured share of the span, 0-1.")


class HistoryView(Model):
    """What was measured in a span."""

    start: Utc
    end: Utc
    resolution: Resolution
    currency: str
    first_at: Utc | None = Field(description="The oldest thing that is kept; null where nothing is.")
    columns: HistoryColumns
    totals: HistoryTotals


class DecisionSummary(Model):
    """One decision as a list shows it."""

    at: ExactUtc = Field(description="When, exactly: the address of the whole decision.")
    trigger: str = Field(description="What made it due.", examples=["schedule"])
    mode: str = Field(examples=["charge"])
    power_w: Watts | None
    target_soc_pct: Percent | None
    export_limit_w: Watts | None
    source: str
    reason: str
    confidence_pct: Percent
    verdict: str = Field(description="allowed, narrowed or refused by safety.", examples=["allowed"])
    causes: list[str]
    soc_pct: Percent | None
    market_per_mwh: PerMwh | None
    import_per_kwh: PerKwh | None
    score_total: float | None
    result: str | None = Field(description="What the inverter answered; null where it had to be told nothing.")
    result_detail: str = Field(default="", description="What it said with it.")


class DecisionPage(Model):
    """Decisions, newest first."""

    decisions: list[DecisionSummary]
    next: str | None = Field(description="Ask with `before=` this for older ones; null at the end.")
    matching: int = Field(description="How many there are on all pages.")


class ProposalView(Model):
    """What somebody would have liked."""

    source: str
    mode: Mode
    power_w: Watts | None
    reason: str
    confidence_pct: Percent


class FactorView(Model):
    """One factor of the score."""

    name: str
    value: float | None
    unit: str
    band: str
    points: float | None
    weight: float
    contribution: float | None


class DecisionDetail(DecisionSummary):
    """One decision, whole."""

    reasoning: ReasoningView | None = Field(description="The plan's numbers, where a plan decided.")
    factors: list[FactorView] = Field(description="The score's, where it was computed.")
    proposals: list[ProposalView]
    shadows: list[ProposalView] = Field(description="What the strategies that are not in charge would have done.")


class EventView(Model):
    """Something that happened."""

    at: Utc
    kind: str
    severity: str = Field(description="info, warning or error.", examples=["info"])
    message: str


class EventPage(Model):
    """Events, newest first."""

    events: list[EventView]
    next: str | None
    matching: int
