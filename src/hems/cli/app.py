"""The ``hems`` command and its parts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hems import __version__
from hems.cli import (
    backtest,
    backup,
    chaos,
    compare_tariffs,
    config,
    coordinator,
    counterfactual,
    data,
    discover,
    doctor,
    export,
    fast_charge,
    fleet,
    forecast,
    plan,
    prices,
    restore,
    score,
    simulate,
    size,
    status,
    tariffs,
    web,
    why,
)
from hems.cli.exit_codes import ExitCode, exit_code_of
from hems.cli.terminal import any_terminal
from hems.domain.errors import HemsError

app = typer.Typer(
    name="hems",
    help="Energy management for homes with a GoodWe hybrid inverter, a battery and solar panels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for part in (
    coordinator,
    status,
    plan,
    why,
    score,
    prices,
    tariffs,
    forecast,
    backtest,
    compare_tariffs,
    size,
    counterfactual,
    fleet,
    fast_charge,
    web,
    restore,
    discover,
    doctor,
    simulate,
    chaos,
    config,
    backup,
    export,
    data,
):
    part.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hems {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Energy management for homes with a GoodWe hybrid inverter, a battery and solar panels."""


def run() -> None:
    """Run the command line; what is raised on purpose is told in a sentence, not as a traceback."""
    try:
        with any_terminal():
            app()
    except HemsError as error:
        typer.echo(str(error), err=True)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
