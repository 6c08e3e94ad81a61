"""The system: inverter, inputs with their age, safety, resources, configuration, logs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from hems.domain.record import SystemState
from hems.web.models.base import Megabytes, Model, Percent, Seconds, Utc, Watts


class InverterView(Model):
    """The inverter and the line to it."""

    family: str | None = Field(examples=["ET"])
    model: str | None = Field(examples=["GW6000-ES-20"])
    serial_number: str | None = Field(description="Shortened.", examples=["9600ES20******01"])
    firmware: str | None
    control: str | None = Field(description="How a forced mode is put into it.", examples=["ems"])
    connected: bool
    last_answer_at: Utc | None
    unanswered_polls: int
    reconnections: int
    last_error: str | None
    polls: int = Field(description="Since the start.")
    answered: int
    answered_pct: Percent | None = Field(description="Link quality: answered polls since the start.")
    clock_offset_s: Seconds | None = Field(description="Of the inverter's clock; + is ahead.")
    writes_today: int
    write_budget: int = Field(description="A day, for decisions; only safety may exceed it.")


class InputAge(Model):
    """One input: where it comes from, and how old it is."""

    name: str = Field(examples=["readings", "day_ahead_prices", "load_forecast"])
    source: str | None
    at: Utc | None = Field(description="When its newest value was received.")
    covers_until: Utc | None = Field(description="How far it reaches ahead.")
    stale: bool = Field(description="Older than it should be, or failing.")
    problem: str | None
    next_attempt_at: Utc | None


class SafetyLimit(Model):
    """One safety limit beside the present value."""

    name: str = Field(examples=["battery_voltage"])
    value: float | None = Field(description="Null is unknown.")
    low: float | None
    high: float | None
    unit: str
    ok: bool | None = Field(description="Null where the value is unknown.")


class HeldView(Model):
    """A violation that holds."""

    cause: str = Field(examples=["grid_over_voltage"])
    detail: str
    since: Utc
    clear_for_s: Seconds = Field(description="For how long its cause has been seen to be over.")
    release_after_s: Seconds | None = Field(description="When it lets go by itself; null: only a person releases it.")
    releasable: bool = Field(description="Whether the order `release` would end it now.")
    grave: bool = Field(description="Whether it stops operations.")


class BoundsView(Model):
    """What may flow now; null is unbounded."""

    charge_max_w: Watts | None
    discharge_max_w: Watts | None
    forced_charge_max_w: Watts | None
    forced_discharge_max_w: Watts | None
    export_max_w: Watts | None


class SafetyView(Model):
    """The latch, the bounds and the limits."""

    clear: bool | None
    emergency_stop: bool
    held: list[HeldView]
    bounds: BoundsView | None
    limits: list[SafetyLimit]


class ResourcesView(Model):
    """What the service costs its machine."""

    pid: int
    rss_mb: Megabytes | None
    cpu_s: Seconds
    cpu_pct_of_one_core: Percent | None
    open_files: int | None
    database_mb: Megabytes
    queued_records: int
    dropped_records: int
    storage_error: str | None
    open_streams: int = Field(description="Open dashboards and other readers of the stream.")


class SystemView(Model):
    """Everything the page *System* shows beside safety and logs."""

    at: Utc
    version: str
    state: SystemState
    started_at: Utc
    uptime_s: Seconds
    inverter: InverterView
    inputs: list[InputAge]
    resources: ResourcesView


class HealthView(Model):
    """Whether all is well, for a monitor."""

    status: Literal["ok", "degraded", "failing"]
    problems: list[str]


class ConfigurationView(Model):
    """The configuration in force, secrets masked."""

    path: str
    values: dict[str, Any] = Field(description="As in the file, defaults filled in.")


class LogLine(Model):
    """One line of the log."""

    at: str
    level: str = Field(examples=["info"])
    event: str
    fields: dict[str, Any]


class LogTail(Model):
    """The newest lines of the log, oldest first."""

    lines: list[LogLine]
