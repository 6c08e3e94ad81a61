"""``hems discover``: find GoodWe inverters on the local network."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hems.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from hems.adapters.inverters.goodwe.discovery import FoundInverter
    from hems.composition.discovery import SearchResult

WIDTH_MAX = 120
NOTHING_FOUND = (
    "Is the inverter awake? Some sleep without sun, and their modules with them.",
    "Is this machine in the same network? A guest Wi-Fi or another VLAN keeps them apart.",
    "Is the inverter in the home's network at all? The vendor's app or the router's list of devices tells.",
    "Newer modules have Modbus switched off: switch it on in the vendor's app (SolarGo).",
    "Is the inverter in another network? Name it: hems discover --network 192.168.2.0/24",
    "If you know its address: python3 test/inverter_test.py --host ADDRESS says more.",
)


def register(app: typer.Typer) -> None:
    """Add ``hems discover``."""

    @app.command()
    def discover(
        network: Annotated[
            list[str] | None,
            typer.Option(help="Network to search, such as 192.168.1.0/24; this machine's own ones if left out."),
        ] = None,
        timeout: Annotated[float, typer.Option(min=1, max=60, help="When to end the search [s].")] = 8.0,
        show_serial: Annotated[bool, typer.Option("--show-serial", help="Show whole serial numbers.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Find GoodWe inverters on the local network; exit code 1 where there is none.

        Asks by broadcast and every address of private networks who is there; changes nothing.
        """
        import asyncio

        from hems.composition.discovery import search
        from hems.domain.errors import PermanentError

        try:
            with _progress() as show:
                result = asyncio.run(search(network or [], timeout, show))
        except PermanentError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(ExitCode.USAGE if network else ExitCode.FAILED) from error
        if as_json:
            typer.echo(json.dumps(_document(result, show_serial=show_serial), indent=2))
        else:
            _print(result, show_serial=show_serial)
        raise typer.Exit(ExitCode.OK if result.found else ExitCode.FAILED)


@contextmanager
def _progress() -> Iterator[Callable[[float, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("searching", total=1.0)

        def show(share: float, count: int) -> None:
            bar.update(task, completed=share, description=f"searching, {count} found" if count else "searching")

        yield show


def _document(result: SearchResult, *, show_serial: bool) -> dict[str, Any]:
    return {
        "schema": 1,
        "searched": list(result.searched),
        "skipped": list(result.skipped),
        "found": [
            {
                "address": str(one.address),
                "port": one.port,
                "protocol": "udp" if one.port == 8899 else "modbus_tcp",
                "model": one.info.model if one.info else None,
                "serial_number": _serial(one, show_serial=show_serial),
                "family": one.info.family.value if one.info else None,
                "module": one.dongle,
                "found_by": list(one.found_by),
            }
            for one in result.found
        ],
    }


def _print(result: SearchResult, *, show_serial: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if result.found:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
        for heading in ("Address", "Port", "Model", "Serial number", "Family", "Found by"):
            table.add_column(heading, overflow="fold")
        for one in result.found:
            model = one.info.model if one.info else f"only its module: {one.dongle}"
            family = one.info.family.value if one.info else ""
            serial = _serial(one, show_serial=show_serial) or ""
            table.add_row(str(one.address), str(one.port), model, serial, family, ", ".join(one.found_by))
        console.print(table)
    console.print(f"\nSearched {', '.join(result.searched)}.", highlight=False, markup=False)
    for line in result.skipped:
        console.print(f"Not searched: {line}.", highlight=False, markup=False)
    for line in _what_next(result):
        indent = "    " if line.startswith("  - ") else "  "
        for row in textwrap.wrap(line, min(console.width, WIDTH_MAX), subsequent_indent=indent) or [""]:
            console.print(row, highlight=False, markup=False, soft_wrap=True)


def _what_next(result: SearchResult) -> list[str]:
    """Return what a person does with the result."""
    usable = [one for one in result.found if one.info is not None]
    if not result.found:
        return ["No GoodWe inverter answered.", "", "What to try:", *(f"  - {line}" for line in NOTHING_FOUND)]
    if not usable:
        return ["A module answered, but not the inverter behind it: `hems doctor` says what to try."]
    lines = ["", "In config/master_coordinator_config.yaml, under `inverter:`"]
    lines += [f"  ip_address: {one.address}" + (f"    port: {one.port}" if one.port != 8899 else "") for one in usable]
    lines.append(f"Then test it: python3 test/inverter_test.py --host {usable[0].address}")
    lines.append("Give it a fixed address in the router, so that it stays there.")
    return lines


def _serial(one: FoundInverter, *, show_serial: bool) -> str | None:
    from hems.domain.secrets import shortened_serial

    if one.info is None:
        return None
    return one.info.serial_number if show_serial else shortened_serial(one.info.serial_number)
