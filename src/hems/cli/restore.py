"""``hems restore``: put an inverter back to self-use from any state, standing alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hems.cli.after_stop import code_of, sentence_of
from hems.cli.quiet_logs import logs_beside_the_output


def register(app: typer.Typer) -> None:
    """Add ``hems restore``."""

    @app.command()
    def restore(
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        host: Annotated[
            str | None, typer.Option(help="The inverter's address, in place of the configured one.")
        ] = None,
        port: Annotated[int | None, typer.Option(min=1, max=65535, help="The inverter's port; 8899 is UDP.")] = None,
    ) -> None:
        """Put the inverter back to self-use and give the owner's saved settings back."""
        import asyncio

        from hems.composition.restore import restore_inverter

        with logs_beside_the_output():
            result = asyncio.run(restore_inverter(config, host=host, port=port, progress=typer.echo))
        typer.echo(sentence_of(result))
        raise typer.Exit(code_of(result))
