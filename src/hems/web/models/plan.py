"""The plan as the API tells it: columns of one length, a value per slot, and why."""

from __future__ import annotations

from pydantic import Field

from hems.domain.command import Mode
from hems.domain.prices import PriceOrigin
from hems.web.models.base import EpochSeconds, Model, Money, Percent, PerKwh, PerMwh, Seconds, Utc, WattHours, Watts


class ChoiceView(Model):
    """One way to live through the present quarter."""

    mode: Mode
    power_w: Watts | None
    costs_more: Money | None = Field(description="Than the best; null where it would break a limit.")


class UseView(Model):
    """When energy stored now will be used."""

    start: Utc
    end: Utc
    price_per_kwh: PerKwh
    is_sold: bool


class InputView(Model):
    """An input that mattered."""

    name: str = Field(examples=["load_forecast"])
    source: str = Field(examples=["recent_days"])
    known_at: Utc | None
    detail: str


class ReasoningView(Model):
    """The numbers behind the present decision."""

    stored_value_per_kwh: PerKwh = Field(description="What one more stored kWh is worth now.")
    charge_below_per_kwh: PerKwh = Field(description="Charging from the grid pays below this buying price.")
    sell_above_per_kwh: PerKwh = Field(description="Selling from the battery pays above this selling price.")
    until: Utc = Field(description="How long the present mode is planned to last.")
    use: UseView | None
    alternative: ChoiceView | None = Field(description="The best other mode.")
    self_use_costs_more: Money | None = Field(description="What plain self-use would cost more in this quarter.")
    agreement: float = Field(description="Share of the forecast's scenarios that agree, 0-1.", examples=[0.8])
    inputs: list[InputView]


class PlanColumns(Model):
    """The plan by slot; the first one begins now and ends with its quarter, the others are quarters."""

    start: list[EpochSeconds]
    duration_s: list[Seconds]
    mode: list[Mode]
    power_w: list[Watts | None] = Field(description="Asked power of a charge or discharge, a magnitude.")
    export_limit_w: list[Watts | None]
    soc_pct: list[Percent] = Field(description="At the end of the slot.")
    battery_w: list[Watts] = Field(description="+ discharges, - charges.")
    grid_w: list[Watts] = Field(description="+ buys, - feeds in.")
    load_w: list[Watts]
    pv_w: list[Watts]
    curtailed_w: list[Watts] = Field(description="PV that is held back.")
    import_per_kwh: list[PerKwh]
    export_per_kwh: list[PerKwh]
    price_estimated: list[bool]
    cost: list[Money] = Field(description="Of the slot, wear included; + costs.")
    stored_value_per_kwh: list[PerKwh] = Field(description="What one more stored kWh is worth there.")
    reason: list[str] = Field(description="Why this slot does what it does, in the configured language.")


class PlanView(Model):
    """What is planned for the next day and a half."""

    at: Utc | None = Field(description="When it was made; null before the first decision.")
    problem: str | None = Field(description="Why there is no plan, where there is none.")
    currency: str
    start_soc_pct: Percent | None
    reserve_soc_pct: Percent | None = Field(description="What is kept for an outage.")
    capacity_wh: WattHours | None
    method: str | None
    gap: Money | None = Field(description="Certificate: no plan is cheaper by more.")
    saves: Money | None = Field(description="What the plan is expected to save over plain self-use.", examples=[1.84])
    reasoning: ReasoningView | None
    slots: PlanColumns | None
    remarks: list[str] = Field(description="What could not be kept, and what was done instead.")


class PriceColumns(Model):
    """Prices by quarter."""

    start: list[EpochSeconds]
    market_per_mwh: list[PerMwh | None]
    origin: list[PriceOrigin]
    import_per_kwh: list[PerKwh | None]
    export_per_kwh: list[PerKwh | None]
    export_estimated: list[bool | None]


class PricePartView(Model):
    """One named line of a price."""

    name: str = Field(examples=["energy"])
    per_kwh: PerKwh
    kind: str


class PricesView(Model):
    """What energy costs and brings, known and estimated told apart."""

    currency: str
    source: str = Field(examples=["pse"])
    published_until: Utc | None
    slots: PriceColumns
    import_parts_now: list[PricePartView] = Field(description="What the present buying price is made of.")
    export_parts_now: list[PricePartView]
    remarks: list[str]


class ForecastColumns(Model):
    """One quantity's forecast by quarter."""

    source: str
    issued_at: Utc
    known_at: Utc = Field(description="When its newest input was received.")
    start: list[EpochSeconds]
    p10_w: list[Watts]
    p30_w: list[Watts]
    p50_w: list[Watts]
    p70_w: list[Watts]
    p90_w: list[Watts]
    notes: list[str]


class ForecastsView(Model):
    """What is expected of the house and of the sun."""

    load: ForecastColumns | None
    pv: ForecastColumns | None
