"""``hems simulate``: a house and its GoodWe inverter on real sockets, for this product and for any other client."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from hems.adapters.clock import SystemClock
from hems.cli.exit_codes import ExitCode
from hems.domain.errors import PermanentError
from hems.domain.units import kw_from_w, wh_from_kwh
from hems.simulation.battery import BATTERY_SPECS
from hems.simulation.faults import FAULT_KINDS
from hems.simulation.models import DEFAULT_MODEL, MODELS
from hems.simulation.scenarios import DEFAULT_SCENARIO, SCENARIOS
from hems.simulation.server import UDP_PORT, ServerOptions, SimulatorServer
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions

STATUS_EVERY_S = 10.0
LIVE_EVERY_S = 1.0
SPEED_MAX = 3600.0
CAPACITY_MAX_KWH = 1000.0
"""The configuration's own bounds."""
EARLIEST_START, LATEST_START = datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
"""An inverter's clock has two digits for the year."""


def register(app: typer.Typer) -> None:
    """Add the ``simulate`` command to ``app``."""

    @app.command("simulate")
    def simulate(
        model: Annotated[str, typer.Option(help="Inverter model; --list shows them.")] = DEFAULT_MODEL,
        battery: Annotated[str | None, typer.Option(help="Battery product; the model's own by default.")] = None,
        capacity_kwh: Annotated[float | None, typer.Option(help="Battery capacity in kWh.")] = None,
        soc: Annotated[
            float | None, typer.Option(min=0.0, max=100.0, help="State of charge to start with, in percent.")
        ] = None,
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        udp: Annotated[int | None, typer.Option(min=0, max=65535, help="UDP port; 0 takes a free one.")] = None,
        tcp: Annotated[int | None, typer.Option(min=0, max=65535, help="Modbus/TCP port; 0 takes a free one.")] = None,
        speed: Annotated[
            float, typer.Option(help="How fast time runs, up to 3600; 60 makes a minute of a second.")
        ] = 1.0,
        scenario: Annotated[str, typer.Option(help="Named situation; --list shows them.")] = DEFAULT_SCENARIO,
        fault: Annotated[
            list[str] | None,
            typer.Option(help="name[:value][%chance][@start[+seconds]], for example drop:0.2; may be repeated."),
        ] = None,
        seed: Annotated[int, typer.Option(help="Weather, habits and faults follow from it.")] = 1,
        start: Annotated[str | None, typer.Option(help="ISO date and time to start at; UTC without a zone.")] = None,
        list_all: Annotated[bool, typer.Option("--list", help="List models, batteries, scenarios and faults.")] = False,
    ) -> None:
        """Run a simulated GoodWe inverter that any client can talk to; on UDP 8899 unless --udp or --tcp is given."""
        if list_all:
            sys.stdout.write(describe_choices())
            return
        try:
            _require_within("speed", speed, SPEED_MAX)
            if capacity_kwh is not None:
                _require_within("capacity-kwh", capacity_kwh, CAPACITY_MAX_KWH)
            options = ServerOptions(
                simulator=SimulatorOptions(
                    model=model,
                    battery=battery,
                    capacity_wh=None if capacity_kwh is None else wh_from_kwh(capacity_kwh),
                    soc_pct=soc,
                    scenario=scenario,
                    faults=tuple(fault or ()),
                    seed=seed,
                    start=None if start is None else _parse_start(start),
                ),
                host=host,
                udp_port=UDP_PORT if udp is None and tcp is None else udp,
                tcp_port=tcp,
                speed=speed,
            )
            asyncio.run(_serve(options))
        except (ValueError, PermanentError) as error:
            typer.echo(f"hems simulate: {error}", err=True)
            raise typer.Exit(ExitCode.USAGE) from None


def _require_within(option: str, value: float, largest: float) -> None:
    if not 0 < value <= largest:
        raise ValueError(f"{option} {value:g}: a number above 0 and up to {largest:g}")


def _parse_start(text: str) -> datetime:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"start {text!r}: write an ISO date and time, for example 2026-06-15T08:00") from None
    start = start if start.tzinfo is not None else start.replace(tzinfo=UTC)
    if not EARLIEST_START <= start <= LATEST_START:
        raise ValueError(f"start {text!r}: a moment from {EARLIEST_START:%Y-%m-%d} to {LATEST_START:%Y-%m-%d}")
    return start.astimezone(UTC)


def _why_not_listening(options: ServerOptions, error: PermanentError) -> str:
    """Return what keeps the simulator from listening, each cause with its own advice."""
    cause = error.__cause__
    if isinstance(cause, socket.gaierror | UnicodeError):
        return f"cannot listen on {options.host}: not a known name or address"
    if not isinstance(cause, OSError):
        return str(error)
    asked = (("UDP", options.udp_port), ("TCP", options.tcp_port))
    ports = " and ".join(f"{name} {port}" for name, port in asked if port is not None)
    match cause.errno:
        case errno.EADDRNOTAVAIL:
            return (
                f"cannot listen on {options.host}: this machine does not have that address; take one of its own, "
                "any of 127.0.0.1 to 127.0.0.254, or 0.0.0.0 for all"
            )
        case errno.EADDRINUSE:
            return (
                f"cannot listen on {options.host}, {ports}: already in use, perhaps by another simulator; choose "
                "another --host (any of 127.0.0.2 to 127.0.0.254) or port"
            )
        case errno.EACCES | errno.EPERM:
            return f"cannot listen on {options.host}, {ports}: not allowed to this user; choose a port from 1024 up"
        case _:
            return f"cannot listen on {options.host}, {ports}: {cause.strerror or cause}"


async def _serve(options: ServerOptions) -> None:
    clock = SystemClock()
    server = SimulatorServer(options, clock)
    try:
        await server.start()
    except PermanentError as error:
        raise PermanentError(_why_not_listening(options, error)) from error
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if server.udp_port is not None:
        typer.echo(f"listening udp {server.host}:{server.udp_port}")
    if server.tcp_port is not None:
        typer.echo(f"listening tcp {server.host}:{server.tcp_port}")
    if not is_loopback(server.host):
        typer.echo(
            "Anybody in the network can now read and set this simulated inverter from other machines; without --host "
            "it listens on 127.0.0.1 only."
        )
    sys.stdout.flush()
    console = Console()
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
    try:
        with live or nullcontext():
            while not stopping.is_set():
                server.catch_up()
                line = status_line(server.inverter)
                if live is None:
                    typer.echo(line)
                    sys.stdout.flush()
                else:
                    live.update(line, refresh=True)
                await clock.wait(stopping, LIVE_EVERY_S if live is not None else STATUS_EVERY_S)
    finally:
        await server.stop()
    typer.echo("stopped")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach ``host``; a name counts as what it is looked up to."""
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def status_line(inverter: SimulatedInverter) -> str:
    """Return the state of the simulated house in one line. Signs: battery + discharges, grid + imports."""
    flow, settings = inverter.flow, inverter.device.effective
    soc = "no battery" if inverter.soc_pct is None else f"SoC {inverter.soc_pct:5.1f} %"
    mode = f"EMS {settings.ems_mode} {settings.ems_power_w:.0f} W, work mode {settings.work_mode}"
    fast = ", fast charge" if settings.fast_charge_on else ""
    return (
        f"{inverter.now:%Y-%m-%d %H:%M:%S}Z  {soc}  "
        f"PV {kw_from_w(flow.pv_w):5.2f}  load {kw_from_w(flow.load_w):5.2f}  "
        f"grid {kw_from_w(flow.grid_w):+6.2f}  battery {kw_from_w(flow.battery_w):+6.2f} kW  {mode}{fast}"
    )


def describe_choices() -> str:
    """Return models, batteries, scenarios and faults as tables, made from the tables the simulator itself uses."""
    console = Console(width=118, no_color=True)
    models = _table("Models (--model)", "name", "family", "what it is")
    for model in MODELS.values():
        models.add_row(model.name, model.family.value, model.summary)
    batteries = _table("Batteries (--battery)", "name", "what it is")
    for spec in BATTERY_SPECS.values():
        batteries.add_row(spec.name, spec.summary)
    scenarios = _table("Scenarios (--scenario)", "name", "what happens")
    for scenario in SCENARIOS.values():
        scenarios.add_row(scenario.name, scenario.summary)
    faults = _table(
        "Faults (--fault name[:value][%chance][@start[+seconds]])", "name", "value", "default", "what happens"
    )
    for kind in FAULT_KINDS.values():
        default = "" if kind.value is None else f"{kind.value:g}"
        faults.add_row(kind.name, kind.value_meaning, default, kind.summary)
    with console.capture() as captured:
        for table in (models, batteries, scenarios, faults):
            console.print(table)
    return captured.get()


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column == "name")
    return table
