"""The system page: inverter, inputs with their age, safety limits beside present values, resources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from hems.composition.tools import Loaded
from hems.coordination.safety_guard import is_grave
from hems.domain.readings import SiteSnapshot
from hems.domain.safety import Bounds
from hems.domain.site import SiteSpec
from hems.web.frame import Frame
from hems.web.models.system import (
    BoundsView,
    HealthView,
    HeldView,
    InputAge,
    InverterView,
    ResourcesView,
    SafetyLimit,
    SafetyView,
    SystemView,
)
from hems.web.present.alerts import alerts_of

STALE_POLLS = 3.0
"""Readings older than so many polls are stale; one lost datagram is ordinary."""


def system_view(frame: Frame, loaded: Loaded, open_streams: int) -> SystemView:
    """Return everything the page shows beside safety and logs."""
    status = frame.status
    return SystemView(
        at=frame.at,
        version=status["version"],
        state=status["state"],
        started_at=status["started_at"],
        uptime_s=status["uptime_s"],
        inverter=_inverter(frame, loaded),
        inputs=list(inputs_of(frame, loaded)),
        resources=_resources(status, open_streams),
    )


def health_view(frame: Frame) -> HealthView:
    """Return whether all is well; only what is grave makes it fail."""
    alerts = alerts_of(frame)
    if any(alert.severity == "error" for alert in alerts):
        status = "failing"
    else:
        status = "degraded" if any(alert.severity == "warning" for alert in alerts) else "ok"
    problems = [alert.message for alert in alerts if alert.severity != "info"]
    return HealthView(status=status, problems=problems)


def safety_view(frame: Frame) -> SafetyView:
    """Return the latch, the bounds and the limits."""
    envelope = frame.envelope
    held = [
        HeldView(
            cause=entry.violation.cause.value,
            detail=entry.violation.detail,
            since=entry.since,
            clear_for_s=entry.clear_for.total_seconds(),
            release_after_s=None if entry.release_after is None else entry.release_after.total_seconds(),
            releasable=entry.is_releasable,
            grave=is_grave(entry.violation),
        )
        for entry in frame.held
    ]
    return SafetyView(
        clear=None if envelope is None else envelope.is_clear,
        emergency_stop=frame.standing.stop is not None,
        held=held,
        bounds=None if envelope is None else _bounds(envelope.bounds),
        limits=list(_limits(frame.snapshot, frame.spec)),
    )


def inputs_of(frame: Frame, loaded: Loaded) -> Iterator[InputAge]:
    """Yield every input with its age and source."""
    status, now = frame.status, frame.at
    inverter, prices, forecasts = status["inverter"], status["prices"], status["forecasts"]
    read_at = _moment(inverter["last_answer_at"])
    patience = timedelta(seconds=STALE_POLLS * loaded.settings.inverter.poll_interval_seconds)
    is_silent = inverter["unanswered_polls"] > 0
    yield InputAge(
        name="readings",
        source=inverter["model"],
        at=read_at,
        covers_until=None,
        stale=read_at is None or now - read_at > patience,
        problem=inverter["last_error"] if is_silent else None,
        next_attempt_at=None,
    )
    for market, feed in prices["markets"].items():
        yield _price_input(market, feed, prices["source"], now)
    if (compass := prices["energy_compass"]) is not None:
        yield _price_input("energy_compass", compass, prices["source"], now)
    yield _forecast_source(forecasts)
    outlook = frame.outlook
    for name, made in () if outlook is None else (("load_forecast", outlook.load), ("pv_forecast", outlook.pv)):
        if made is not None:
            yield InputAge(
                name=name,
                source=made.source,
                at=made.known_at,
                covers_until=made.end,
                stale=now >= made.end,
                problem="; ".join(made.notes) or None,
                next_attempt_at=None,
            )


def _price_input(market: str, feed: dict[str, Any], source: str, now: datetime) -> InputAge:
    known_until = _moment(feed.get("known_until"))
    error = feed.get("last_error")
    return InputAge(
        name=market if market == "energy_compass" else f"{market}_prices",
        source=source,
        at=_moment(feed.get("last_success_at")),
        covers_until=known_until,
        stale=known_until is None or known_until <= now,
        problem=error["message"] if feed.get("failing") and error is not None else None,
        next_attempt_at=_moment(feed.get("next_attempt_at")),
    )


def _forecast_source(forecasts: dict[str, Any]) -> InputAge:
    error = forecasts["last_error"]
    covers_until = _moment(forecasts["covers_until"])
    return InputAge(
        name="weather",
        source=forecasts["source"],
        at=_moment(forecasts["received_at"]),
        covers_until=covers_until,
        stale=forecasts["failing"],
        problem=None if error is None else error["message"],
        next_attempt_at=_moment(forecasts["next_attempt_at"]),
    )


def _inverter(frame: Frame, loaded: Loaded) -> InverterView:
    status, snapshot = frame.status, frame.snapshot
    clock = None if snapshot is None else snapshot.inverter.clock
    offset_s = None if clock is None or snapshot is None else (clock - snapshot.inverter.at).total_seconds()
    collection = status["collection"]
    return InverterView(
        **status["inverter"],
        polls=collection["polls"],
        answered=collection["answered"],
        answered_pct=None if not collection["polls"] else 100.0 * collection["answered"] / collection["polls"],
        clock_offset_s=offset_s,
        writes_today=status["writes_today"],
        write_budget=loaded.settings.inverter.daily_write_budget,
    )


def _resources(status: dict[str, Any], open_streams: int) -> ResourcesView:
    resources, storage = status["resources"], status["storage"]
    return ResourcesView(
        **resources,
        database_mb=storage["file_mb"],
        queued_records=storage["queued"],
        dropped_records=sum(storage["dropped"].values()),
        storage_error=storage["last_error"],
        open_streams=open_streams,
    )


def _bounds(bounds: Bounds) -> BoundsView:
    def finite(value: float) -> float | None:
        return value if isfinite(value) else None

    return BoundsView(
        charge_max_w=finite(bounds.charge_max_w),
        discharge_max_w=finite(bounds.discharge_max_w),
        forced_charge_max_w=finite(bounds.forced_charge_max_w),
        forced_discharge_max_w=finite(bounds.forced_discharge_max_w),
        export_max_w=finite(bounds.export_max_w),
    )


def _limits(snapshot: SiteSnapshot | None, spec: SiteSpec | None) -> Iterator[SafetyLimit]:
    if spec is None:
        return
    window = spec.window
    battery = None if snapshot is None else snapshot.battery
    grid = None if snapshot is None else snapshot.grid
    hottest = _most(() if battery is None else (battery.temperature_c, battery.cell_temperature_max_c))
    yield _limit(
        "battery_voltage",
        None if battery is None else battery.voltage_v,
        window.voltage_min_v,
        window.voltage_max_v,
        "V",
    )
    yield _limit("battery_temperature", hottest, window.discharge_temperature_min_c, window.temperature_max_c, "°C")
    yield _limit(
        "battery_current",
        None if battery is None else battery.current_a,
        -window.charge_current_max_a,
        window.discharge_current_max_a,
        "A",
    )
    yield _limit("soc", None if battery is None else battery.soc_pct, spec.soc_min_pct, None, "%")
    for phase, voltage_v in enumerate(() if grid is None else grid.voltage_v, start=1):
        yield _limit(f"grid_voltage_l{phase}", voltage_v, spec.grid_voltage_min_v, spec.grid_voltage_max_v, "V")
    yield _limit("import", None if grid is None else grid.power_w, None, spec.import_max_w, "W")


def _limit(name: str, value: float | None, low: float | None, high: float | None, unit: str) -> SafetyLimit:
    high = high if high is None or isfinite(high) else None
    ok = None if value is None else (low is None or value >= low) and (high is None or value <= high)
    return SafetyLimit(name=name, value=value, low=low, high=high, unit=unit, ok=ok)


def _most(values: tuple[float | None, ...]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known, default=None)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
