"""``hems status``: the last record of the service, also when it is down. Reads a file, never the inverter."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hems.cli.exit_codes import ExitCode


def register(app: typer.Typer) -> None:
    """Add ``hems status``."""

    @app.command()
    def status(
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Show the last record of the service; exit code 3 when it is not running."""
        raise typer.Exit(show_status(config, as_json=as_json))


def show_status(config: Path | None, *, as_json: bool) -> int:
    """Print the last status and return the exit code."""
    from hems.composition.status_file import read_status

    found = read_status(config)
    if as_json:
        print(json.dumps(found.document, indent=2))
    elif found.document.get("at") is None:
        print(f"The Master Coordinator is not running. {found.problem}")
    else:
        from rich.console import Console

        from hems.cli.status_view import status_view

        if not found.is_running:
            print("The Master Coordinator is NOT running. This is its last record:")
        Console().print(status_view(found.document, found.zone, age_s=_age_s(found.document)))
    return ExitCode.OK if found.is_running else ExitCode.NOT_RUNNING


def _age_s(document: dict[str, Any]) -> float:
    at = datetime.fromisoformat(document["at"])
    from hems.adapters.clock import SystemClock

    return (SystemClock().now() - at.astimezone(UTC)).total_seconds()
