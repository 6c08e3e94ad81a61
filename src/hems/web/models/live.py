"""The live state: what the house does now, why, what comes next, and what needs a person's eye."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hems.domain.command import Mode
from hems.domain.prices import PriceOrigin
from hems.domain.readings import Quality
from hems.domain.record import SystemState
from hems.web.models.base import (
    Amperes,
    Celsius,
    Hertz,
    Model,
    Money,
    Percent,
    PerKwh,
    PerMwh,
    Seconds,
    Utc,
    Volts,
    WattHours,
    Watts,
)
from hems.web.models.orders import OrdersView


class Qualities(Model):
    """How far each group of readings may be trusted."""

    pv: Quality
    battery: Quality
    grid: Quality
    load: Quality


class Readings(Model):
    """One poll of the inverter; null is unknown, never zero."""

    at: Utc = Field(description="When the inverter was read.", examples=["2026-11-23T06:15:04Z"])
    pv_w: Watts | None = Field(description="Production of the panels, >= 0.", examples=[2140.0])
    load_w: Watts | None = Field(description="What the house uses, >= 0.", examples=[630.0])
    grid_w: Watts | None = Field(description="+ bought, - fed in.", examples=[-410.0])
    battery_w: Watts | None = Field(description="+ discharges, - charges.", examples=[-1100.0])
    battery_soc_pct: Percent | None = Field(description="State of charge.", examples=[64.0])
    battery_soh_pct: Percent | None = Field(description="State of health.", examples=[99.0])
    battery_voltage_v: Volts | None = Field(examples=[52.6])
    battery_current_a: Amperes | None = Field(description="+ discharges, - charges.", examples=[-20.9])
    battery_temperature_c: Celsius | None = Field(examples=[23.5])
    grid_voltage_v: list[Volts | None] = Field(description="By phase.", examples=[[231.2]])
    grid_frequency_hz: Hertz | None = Field(examples=[50.01])
    grid_connected: bool | None = Field(description="False: the house is an island.", examples=[True])
    backup_load_w: Watts | None = Field(description="What the backup circuits use of it.", examples=[45.0])
    pv_string_w: list[Watts | None] = Field(description="By string.", examples=[[1200.0, 940.0]])
    inverter_temperature_c: Celsius | None = Field(examples=[34.1])
    quality: Qualities
    notes: list[str] = Field(description="What a plausibility check changed or doubted.", examples=[[]])


class ModeNow(Model):
    """What the inverter was told to do, and whether measured power proves it."""

    mode: Mode = Field(examples=["charge"])
    power_w: Watts | None = Field(description="Asked power of a charge or discharge, a magnitude.", examples=[3000.0])
    target_soc_pct: Percent | None = Field(description="Where it ends by itself.", examples=[90.0])
    export_limit_w: Watts | None = Field(description="The most that may be fed in; null: the owner's own.")
    expires_at: Utc | None = Field(description="End of the lease; null in plain self-use.")
    since: Utc | None
    source: str | None = Field(description="Who asked: a strategy, a person's order, safety.", examples=["optimal"])
    certain: bool = Field(description="False while it is not known what the inverter does.")
    proof: str | None = Field(
        description="confirmed, pending or refuted by the measured power.", examples=["confirmed"]
    )
    proof_detail: str | None = Field(examples=["measured -2980 W at the battery"])


class Change(Model):
    """The next change of mode that is planned."""

    at: Utc
    mode: Mode
    power_w: Watts | None


class DecisionNow(Model):
    """The decision in force."""

    at: Utc
    mode: Mode
    power_w: Watts | None
    source: str = Field(examples=["optimal"])
    reason: str = Field(
        description="Why, in one sentence, in the configured language.",
        examples=["Charge at 3.0 kW until 04:00: 0.41 PLN/kWh now replaces 1.12 PLN/kWh at 17:00"],
    )
    confidence_pct: Percent = Field(examples=[86.0])
    verdict: Literal["allowed", "narrowed", "refused"] = Field(description="What safety made of it.")
    causes: list[str] = Field(description="Why safety narrowed or refused it.")


class PriceNow(Model):
    """The price of the present quarter."""

    currency: str = Field(examples=["PLN"])
    import_per_kwh: PerKwh | None = Field(description="What a bought kWh costs, all taxes and fees.", examples=[0.98])
    export_per_kwh: PerKwh | None = Field(description="What a sold kWh brings.", examples=[0.37])
    market_per_mwh: PerMwh | None = Field(description="Day-ahead market price.", examples=[412.5])
    origin: PriceOrigin | None = Field(description="Published, or how it was estimated; null is unknown.")


class Today(Model):
    """The local day so far."""

    saved: Money | None = Field(description="Against plain self-use, stored energy valued (F5).", examples=[3.42])
    saved_basis: str = Field(description="What the figure rests on, or why there is none.")
    cost: Money | None = Field(description="The real bill of the day so far; negative is income.", examples=[2.10])
    pv_wh: WattHours | None = Field(description="Measured so far, as all energies here.", examples=[8400.0])
    load_wh: WattHours | None = Field(examples=[5200.0])
    import_wh: WattHours | None = Field(examples=[1100.0])
    export_wh: WattHours | None = Field(examples=[3900.0])


class Alert(Model):
    """Something that needs a person's eye, the gravest first."""

    severity: Literal["error", "warning", "info"]
    kind: str = Field(description="Stable name, for programs.", examples=["communication_lost"])
    message: str = Field(description="What happened, and what to do where there is something to do.")
    since: Utc | None = None


class Connection(Model):
    """How the line to the inverter is."""

    connected: bool
    model: str | None = Field(examples=["GW6000-ES-20"])
    last_answer_at: Utc | None
    unanswered_polls: int = Field(examples=[0])


class LiveState(Model):
    """Everything that the page *Now* shows; made anew after each cycle."""

    at: Utc = Field(description="When this was made.")
    poll_interval_s: Seconds = Field(description="How often it is made anew.", examples=[5.0])
    state: SystemState
    stop_reason: str | None
    connection: Connection
    readings: Readings | None = Field(description="Null before the first answer of the inverter.")
    battery_capacity_wh: WattHours | None = Field(examples=[10000.0])
    mode: ModeNow
    decision: DecisionNow | None
    next_decision_at: Utc | None
    next_change: Change | None = Field(description="Null where no plan is in charge, or nothing changes in it.")
    price: PriceNow
    today: Today
    orders: OrdersView
    safety_clear: bool | None
    alerts: list[Alert]
    time_zone: str = Field(description="The house's; for showing local times.", examples=["Europe/Warsaw"])
    language: Literal["en", "pl"] = Field(description="The configured language of the sentences.")
    version: str = Field(examples=["0.1.0"])
    simulated: bool = Field(description="Whether this is the built-in simulated house.")
