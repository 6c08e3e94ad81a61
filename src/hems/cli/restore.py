"""``hems restore``: put an inverter back to self-use from any state, standing alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hems.cli.exit_codes import ExitCode
from hems.cli.quiet_logs import logs_beside_the_output
from hems.domain.command import AlreadySo, Applied, CommandResult, NotConfirmed, Rejected, Unreachable


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
        typer.echo(_sentence(result))
        raise typer.Exit(_code(result))


def _sentence(result: CommandResult) -> str:
    match result:
        case Applied(writes=writes):
            return f"The inverter is in self-use ({writes} register writes, read back)."
        case AlreadySo():
            return "The inverter was in self-use already; nothing was written."
        case NotConfirmed(detail=detail) | Rejected(detail=detail):
            return f"Self-use could not be confirmed: {detail}. Try again, or set the mode in the vendor's app."
        case Unreachable(detail=detail):
            return f"The inverter did not answer: {detail}"


def _code(result: CommandResult) -> ExitCode:
    match result:
        case Applied() | AlreadySo():
            return ExitCode.OK
        case Unreachable():
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.FAILED
