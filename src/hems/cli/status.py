"""``hems status``: the last record of the service, also when it is down. Reads a file, never the inverter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hems.cli.show_status import show_status


def register(app: typer.Typer) -> None:
    """Add ``hems status``."""

    @app.command()
    def status(
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Show the last record of the service; exit code 3 when it is not running."""
        raise typer.Exit(show_status(config, as_json=as_json))
