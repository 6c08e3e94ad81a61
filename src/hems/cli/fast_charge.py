"""``hems fast-charge``: leave the service a wish for a charged battery by a time."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from hems.cli.exit_codes import ExitCode
from hems.domain.fast_charge import MAX_AHEAD, FastChargeRequest, is_target


def register(app: typer.Typer) -> None:
    """Add ``hems fast-charge``."""

    @app.command("fast-charge")
    def fast_charge(
        to: Annotated[float | None, typer.Option(help="Target SoC, 1 to 100 [%].")] = None,
        by: Annotated[str | None, typer.Option(help="Local time, such as 07:00, or 2026-01-31T07:00.")] = None,
        stop: Annotated[bool, typer.Option("--stop", help="Withdraw the request.")] = False,
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
    ) -> None:
        """Ask for a charged battery by a time: bought in the cheapest quarters that still suffice."""
        if stop == (to is not None or by is not None) or (to is None) != (by is None):
            typer.echo("Say either --to and --by, such as `hems fast-charge --to 90 --by 07:00`, or --stop.", err=True)
            raise typer.Exit(ExitCode.USAGE)
        raise typer.Exit(_withdraw(config) if to is None or by is None else _ask(config, to, by))


def deadline_of(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment that ``text`` names in ``zone``; a bare time of day is the next one to come.

    Raises: ValueError: not a time, one in the past, or one further ahead than ``MAX_AHEAD``.
    """
    moment = _moment_of(text, now, zone)
    if moment <= now:
        raise ValueError(f"{text} is in the past")
    if moment - now > MAX_AHEAD:
        raise ValueError(f"{text} is more than {MAX_AHEAD.days} days ahead")
    return moment.astimezone(now.tzinfo)


def _moment_of(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    try:
        at_time = time.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"{text} is not a time") from error
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    its_zone = at_time.tzinfo or zone
    local_now = now.astimezone(its_zone)
    moment = datetime.combine(local_now.date(), at_time, tzinfo=its_zone)
    if moment <= local_now:
        moment = datetime.combine(local_now.date() + timedelta(days=1), at_time, tzinfo=its_zone)
    return moment


def _ask(config: Path | None, target_soc_pct: float, by: str) -> int:
    from hems.adapters.clock import SystemClock
    from hems.composition.status_file import fast_charge_inbox, read_status

    if not is_target(target_soc_pct):
        typer.echo(f"--to: {target_soc_pct:g} is not a target. Give a number from 1 to 100 [%].", err=True)
        return ExitCode.USAGE
    found = read_status(config)
    now, zone = SystemClock().now(), found.zone
    try:
        deadline = deadline_of(by, now, zone)
    except ValueError as error:
        typer.echo(f"--by: {error}. Give a local time such as 07:00 or 2026-01-31T07:00.", err=True)
        return ExitCode.USAGE
    fast_charge_inbox(config).write(FastChargeRequest(target_soc_pct=target_soc_pct, deadline=deadline, asked_at=now))
    typer.echo(f"Asked for {target_soc_pct:.0f} % by {deadline.astimezone(zone):%Y-%m-%d %H:%M}.")
    reached = already_reached(found.document, target_soc_pct, zone)
    if reached is not None:
        typer.echo(reached)
    if found.is_running is False:
        typer.echo("The Master Coordinator is not running: it will see the request when it starts.")
    return ExitCode.OK


def already_reached(document: dict[str, Any], target_soc_pct: float, zone: ZoneInfo) -> str | None:
    """Return what to tell where the last record, ``document``, has the battery at the target; else None."""
    sensors = document.get("sensors") or {}
    soc_pct = sensors.get("battery_soc_pct")
    if soc_pct is None or soc_pct < target_soc_pct:
        return None
    seen = datetime.fromisoformat(sensors["at"]).astimezone(zone)
    return f"The battery was at {soc_pct:.0f} % already on {seen:%Y-%m-%d %H:%M}: it is charged only if it falls below."


def _withdraw(config: Path | None) -> int:
    from hems.composition.status_file import fast_charge_inbox

    withdrawn = fast_charge_inbox(config).clear()
    typer.echo("The request is withdrawn." if withdrawn else "There was no request.")
    return ExitCode.OK
