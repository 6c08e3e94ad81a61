"""What it saved: by day and month, against self-use, the score and hindsight, and the figures F1-F5."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from hems.web.models.base import Model, Money, Percent, Utc, WattHours


class FigureView(Model):
    """One figure, or why there is none."""

    value: float | None
    unit: str
    basis: str = Field(description="What it rests on.")
    reason: str | None = Field(description="Why there is no value, where there is none.")


class SavingsRow(Model):
    """A local day or month; null where too little was measured or kept."""

    start: date = Field(examples=["2026-11-22"])
    cost: Money | None = Field(description="The real bill; negative is income.")
    self_use_cost: Money | None = Field(description="What plain self-use would have paid.")
    saved: Money | None = Field(description="Against plain self-use, stored energy valued (F5).")
    score_saved: Money | None = Field(description="What the score would have saved, in a house of its own.")
    hindsight_saved: Money | None = Field(description="The most that could have been saved, everything known.")
    hindsight_pending: bool = Field(description="Whether the hindsight is still being computed: ask again.")
    captured_pct: Percent | None = Field(description="Share of the hindsight that was captured.")
    cycles: float | None = Field(description="Full cycles of the battery.")
    decision_accuracy_pct: Percent | None = Field(description="F1.")
    uptime_pct: Percent | None = Field(description="F2, as long as readings are kept.")
    collection_rate_pct: Percent | None = Field(description="F3, as long as readings are kept.")
    efficiency_pct: Percent | None = Field(description="F4.")
    pv_wh: WattHours | None
    load_wh: WattHours | None
    import_wh: WattHours | None
    export_wh: WattHours | None
    self_sufficiency_pct: Percent | None


class SavingsFigures(Model):
    """F1-F5 of the whole span."""

    decision_accuracy: FigureView
    uptime: FigureView
    data_collection_rate: FigureView
    charging_efficiency: FigureView
    savings: FigureView


class SavingsView(Model):
    """What was saved in a span of local days."""

    start: Utc
    end: Utc
    currency: str
    days: list[SavingsRow]
    months: list[SavingsRow]
    total: SavingsRow
    figures: SavingsFigures


class StrategyView(Model):
    """One strategy in a house of its own, beside the real one."""

    name: str = Field(examples=["multi_factor"])
    in_charge: bool
    mode: str | None = Field(description="What it would do now.")
    power_w: float | None = Field(json_schema_extra={"unit": "W"})
    soc_pct: Percent | None = Field(description="Of its own battery.")
    saved_today: Money | None = Field(description="Against plain self-use.")
    saved_7_days: Money | None
    saved_30_days: Money | None
    saved_total: Money | None
    saved_over_idle_total: Money | None = Field(description="Against a battery that does nothing.")
    wear_total: Money | None
    cycles_per_day: float | None


class StrategiesView(Model):
    """All strategies, compared since ``since`` on the measured house."""

    currency: str
    since: Utc | None
    quarters: int
    gaps: int = Field(description="Quarters that could not be compared.")
    strategies: list[StrategyView]
