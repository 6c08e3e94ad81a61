"""Showing the last record of the service, also when it is down. Light on imports: it has to answer at once."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hems.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from hems.composition.status_file import FoundStatus

SCHEMA_SHOWN = 1
"""The layout of the record that the view draws; a record of another version is not guessed at."""

RUNNING = {True: "is running", False: "is NOT running"}

_MISSHAPEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What reading a record raises that has a part of another shape than the service writes."""

MAY_STILL = {
    "charge": "charge",
    "discharge": "discharge",
    "hold": "hold the battery",
    "no_charge": "refuse to charge",
    "standby": "keep the battery idle",
}
"""What an inverter left in a mode goes on doing."""


def show_status(config: Path | None, *, as_json: bool) -> int:
    """Print the last status and return the exit code."""
    from hems.composition.status_file import read_status_anyway

    found, fault = read_status_anyway(config)
    warning = _warning_or_doubt(found.document) if found.is_running is False else None
    refused = found.document.get("refused")
    if fault is not None:
        found.document["configuration_fault"] = str(fault)
        print(fault, file=sys.stderr)
    elif refused is not None and not as_json:
        print(f"The service refused to start at {refused['at']}: {refused['message']}")
    if as_json:
        if warning is not None:
            found.document["warning"] = warning
        print(json.dumps(found.document, indent=2))
    elif found.document.get("at") is None:
        state = "may be running; this user cannot tell" if found.is_running is None else RUNNING[found.is_running]
        print(f"The Master Coordinator {state}. {found.problem}.")
    elif found.document.get("schema") != SCHEMA_SHOWN:
        state = RUNNING[bool(found.is_running)]
        print(f"The Master Coordinator {state}. Its last record is of another version: see --json, or restart it.")
    else:
        if found.is_running is False:
            print("The Master Coordinator is NOT running.", *filter(None, [warning]))
            print("This is its last record:")
        _draw(found)
    if fault is not None:
        return ExitCode.USAGE
    return ExitCode.OK if found.is_running else ExitCode.NOT_RUNNING


def _draw(found: FoundStatus) -> None:
    from rich.console import Console

    from hems.cli.status_details import status_details
    from hems.cli.status_view import status_view

    console = Console()
    try:
        console.print(status_view(found.document, found.zone, age_s=_age_s(found.document)))
        console.print(status_details(found.document, found.zone))
    except _MISSHAPEN as error:
        print(f"The record is damaged ({type(error).__name__}: {error!s:.80}): see --json, or restart the service.")


def _warning_or_doubt(document: dict[str, Any]) -> str | None:
    try:
        return warning_of(document)
    except _MISSHAPEN:
        return "Its record is damaged: what the inverter does now is not known. Make sure with `hems restore`."


def warning_of(document: dict[str, Any]) -> str | None:
    """Return what a person must do about the inverter where ``document``, left by a service that is gone, is no stop.

    Returns: None: there is no record of this layout, or the inverter was back in self-use at the end.
    """
    mode = document.get("mode")
    if mode is None or document.get("schema") != SCHEMA_SHOWN or document.get("restored_at"):
        return None
    limit_w = mode.get("export_limit_w")  # a document of an older version has none
    if mode["mode"] != "self_use" or limit_w is not None:
        power = f" at {mode['power_w'] / 1000:.1f} kW" if mode["power_w"] is not None else ""
        still = [f"{MAY_STILL[mode['mode']]}{power}"] if mode["mode"] != "self_use" else []
        still += [f"feed in no more than {limit_w / 1000:.1f} kW"] if limit_w is not None else []
        doing = f"it may still {' and '.join(still)}. End it with `hems restore`."
    elif not mode["certain"]:
        doing = "what it does now is not known. End it with `hems restore`."
    elif document["state"] != "stopped":
        doing = "it was in self-use when last seen. Make sure with `hems restore`."
    else:
        return None
    return f"It ended without giving the inverter back: {doing}"


def _age_s(document: dict[str, Any]) -> float:
    at = datetime.fromisoformat(document["at"])
    from hems.adapters.clock import SystemClock

    return (SystemClock().now() - at.astimezone(UTC)).total_seconds()
