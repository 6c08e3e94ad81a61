"""Showing the last record of the service, also when it is down. Light on imports: it has to answer at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hems.cli.exit_codes import ExitCode

SCHEMA_SHOWN = 1
"""The layout of the record that the view draws; a record of another version is not guessed at."""

RUNNING = {True: "is running", False: "is NOT running"}


def show_status(config: Path | None, *, as_json: bool) -> int:
    """Print the last status and return the exit code."""
    from hems.composition.status_file import read_status

    found = read_status(config)
    if as_json:
        print(json.dumps(found.document, indent=2))
    elif found.document.get("at") is None:
        state = "may be running; this user cannot tell" if found.is_running is None else RUNNING[found.is_running]
        print(f"The Master Coordinator {state}. {found.problem}.")
    elif found.document.get("schema") != SCHEMA_SHOWN:
        state = RUNNING[bool(found.is_running)]
        print(f"The Master Coordinator {state}. Its last record is of another version: see --json, or restart it.")
    else:
        from rich.console import Console

        from hems.cli.status_view import status_view

        if found.is_running is False:
            print("The Master Coordinator is NOT running. This is its last record:")
        Console().print(status_view(found.document, found.zone, age_s=_age_s(found.document)))
    return ExitCode.OK if found.is_running else ExitCode.NOT_RUNNING


def _age_s(document: dict[str, Any]) -> float:
    at = datetime.fromisoformat(document["at"])
    from hems.adapters.clock import SystemClock

    return (SystemClock().now() - at.astimezone(UTC)).total_seconds()
