"""`hems config`: check a configuration file, and print its schema, reference and example."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hems.cli.exit_codes import ExitCode


def register(app: typer.Typer) -> None:
    """Add the sub-commands of `hems config` to ``app``."""
    config = typer.Typer(no_args_is_help=True, help="Check the configuration, and print what may stand in it.")
    config.command("check")(check)
    config.command("schema")(schema)
    config.command("reference")(reference)
    config.command("example")(example)
    app.add_typer(config, name="config")


# The models are imported inside the commands: `hems --help` and `hems --status` must not pay for them.


def check(
    file: Annotated[Path | None, typer.Argument(help="The file to check; left out: the one in use.")] = None,
) -> None:
    """Check a configuration file: exit code 0 and one line, or 2 and one line for every fault."""
    from hems.adapters.clock import SystemClock
    from hems.composition.built_in_simulator import check_simulator
    from hems.composition.tariff import tariff_of
    from hems.config.loader import default_config_path, load_configuration
    from hems.config.rights import doubts_about_rights
    from hems.domain.errors import ConfigurationError

    path = file or default_config_path()
    try:
        configuration = load_configuration(path)
        check_simulator(configuration, SystemClock())
        tariff_of(configuration)
    except ConfigurationError as error:
        for fault in error.faults:
            typer.echo(fault, err=True)
        count = len(error.faults)
        typer.echo(f"{path}: {count} fault{'s' if count > 1 else ''}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
    for doubt in doubts_about_rights(path, configuration):
        typer.echo(f"warning: {doubt}", err=True)
    battery = configuration.battery_management
    typer.echo(
        f"{path}: in order (inverter {configuration.inverter.ip_address}, battery {battery.capacity_kwh:g} kWh, "
        f"profile {battery.profile})"
    )


def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from hems.config.reference import render_schema

    typer.echo(render_schema(), nl=False)


def reference() -> None:
    """Print the reference of all keys as Markdown."""
    from hems.config.reference import render_reference

    typer.echo(render_reference(), nl=False)


def example() -> None:
    """Print a complete configuration file with all defaults."""
    from hems.config.reference import render_example

    typer.echo(render_example(), nl=False)
