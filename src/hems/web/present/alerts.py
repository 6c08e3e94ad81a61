"""What needs a person's eye, the gravest first: made from the frame, never kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hems.coordination.safety_guard import is_grave
from hems.domain.record import SystemState
from hems.domain.safety import Cause
from hems.web.frame import Frame
from hems.web.models.live import Alert

_RANK = {"error": 0, "warning": 1, "info": 2}

FEW_PRICES_SHARE = 0.5
"""From this share of estimated prices in the next day on, the plan rests on guesses more than on prices."""


def alerts_of(frame: Frame) -> list[Alert]:
    """Return all alerts of ``frame``."""
    found = [*_of_service(frame), *_of_safety(frame), *_of_inverter(frame), *_of_inputs(frame), *_of_disk(frame)]
    return sorted(found, key=lambda alert: _RANK[alert.severity])


def _of_service(frame: Frame) -> Iterator[Alert]:
    if frame.status["state"] == SystemState.STOPPED:
        yield Alert(severity="error", kind="stopped", message=f"stopped: {frame.status['stop_reason']}")


def _of_safety(frame: Frame) -> Iterator[Alert]:
    since = {held.violation.cause: held.since for held in frame.held}
    for violation in () if frame.envelope is None else frame.envelope.violations:
        is_lacking = violation.cause is Cause.BATTERY_UNKNOWN and not frame.has_battery
        if not is_grave(violation) or is_lacking:
            continue
        severity = "warning" if violation.cause is Cause.STOPPED_BY_PERSON else "error"
        yield Alert(
            severity=severity,
            kind=violation.cause.value,
            message=violation.detail,
            since=since.get(violation.cause),
        )


def _of_inverter(frame: Frame) -> Iterator[Alert]:
    if not frame.status["mode"]["certain"]:
        detail = frame.status["mode"]["proof_detail"] or "it did not confirm what it was told"
        yield Alert(severity="warning", kind="mode_uncertain", message=f"what the inverter does is not sure: {detail}")
    elif frame.status["mode"]["proof"] == "refuted":
        detail = frame.status["mode"]["proof_detail"] or ""
        yield Alert(severity="warning", kind="mode_refuted", message=f"the measured power says otherwise: {detail}")


def _of_inputs(frame: Frame) -> Iterator[Alert]:
    prices: dict[str, Any] = frame.status["prices"]
    failing = [market.replace("_", "-") for market, feed in prices["markets"].items() if feed["failing"]]
    if failing:
        message = (
            f"the {' and '.join(failing)} prices cannot be fetched from {prices['source']}: what is not known is "
            "estimated, and it is tried again; the page System says what went wrong"
        )
        yield Alert(severity="warning", kind="prices_failing", message=message)
    share = prices["estimated_share_24h"]
    if share is not None and share >= FEW_PRICES_SHARE:
        message = f"{100.0 * share:.0f} % of the prices of the next 24 hours are estimated"
        yield Alert(severity="info", kind="prices_estimated", message=message)
    for remark in frame.prices.remarks:
        yield Alert(severity="info", kind="tariff", message=remark)
    forecasts = frame.status["forecasts"]
    if forecasts["failing"]:
        message = f"the forecast source {forecasts['source']} fails: {forecasts['last_error']['message']}"
        yield Alert(severity="warning", kind="forecast", message=message)
    for what, problem in forecasts["problems"].items():
        yield Alert(severity="warning", kind=f"forecast_{what}", message=problem)


def _of_disk(frame: Frame) -> Iterator[Alert]:
    storage = frame.status["storage"]
    if storage["last_error"] is not None and (storage["queued"] or storage["failed_files"]):
        yield Alert(severity="error", kind="storage", message=f"records are not being kept: {storage['last_error']}")
