"""``hems export --from DAY --to DAY --csv [FILE]``: measurements and decisions for a spreadsheet."""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from hems.adapters.storage.export_csv import What, write_csv
from hems.adapters.storage.json_text import why_refused
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_schema import DATABASE_NAME
from hems.domain.errors import StorageError
from hems.domain.time_grid import local_date, local_day_bounds, require_utc


def register(app: typer.Typer) -> None:
    """Add the command ``export`` to ``app``."""

    @app.command()
    def export(
        file: Annotated[Path | None, typer.Argument(help="CSV file; without it, standard output")] = None,
        start: Annotated[str | None, typer.Option("--from", help="First day or moment, e.g. 2026-11-01")] = None,
        end: Annotated[str | None, typer.Option("--to", help="Last day (inclusive) or moment; default: today")] = None,
        what: Annotated[What, typer.Option("--what", help="What to export")] = What.QUARTERS,
        csv: Annotated[bool, typer.Option("--csv", help="Write CSV, which is also the default")] = True,
        config: Annotated[Path | None, typer.Option("--config", help="Configuration file")] = None,
        force: Annotated[bool, typer.Option("--force", help="Overwrite FILE")] = False,
    ) -> None:
        """Write what was measured and decided, with units in the headers, in UTC and local time.

        Exit codes: 0 written, 1 not written, 2 a time or a configuration that cannot be read.
        """
        from hems.adapters.clock import SystemClock
        from hems.composition.tools import data_directory, site_zone

        zone = site_zone(config)
        today = local_date(SystemClock().now(), zone).isoformat()
        try:
            first = moment_of(start or today, zone, at_end=False)
            last = moment_of(end or today, zone, at_end=True)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        if first >= last:
            raise typer.BadParameter(f"--from {first.isoformat()} is not before --to {last.isoformat()}")
        with StoreReader(data_directory(config) / DATABASE_NAME) as reader:
            count = _export(reader, file, what, (first, last), zone, force=force)
        typer.echo(f"{count} {what.value} from {first.isoformat()} to {last.isoformat()}", err=True)


def moment_of(text: str, zone: ZoneInfo, *, at_end: bool) -> datetime:
    """Return the UTC moment of ``text``: a local day (its end where ``at_end``) or a time, local unless it has a zone.

    Raises: ValueError: neither; says what is.
    """
    try:
        return _moment_of(text, zone, at_end=at_end)
    except OverflowError as error:  # in UTC it lies before the year 1 or after 9999
        raise ValueError(f"{text!r} lies outside the calendar: write a day such as 2026-11-01") from error


def _moment_of(text: str, zone: ZoneInfo, *, at_end: bool) -> datetime:
    try:
        return local_day_bounds(date.fromisoformat(text), zone)[1 if at_end else 0]
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time: write 2026-11-01 or 2026-11-01T13:00") from error
    return require_utc(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))


def _export(
    reader: StoreReader, file: Path | None, what: What, span: tuple[datetime, datetime], zone: ZoneInfo, *, force: bool
) -> int:
    if file is None:
        return write_csv(reader, sys.stdout, what=what, start=span[0], end=span[1], zone=zone)
    try:
        if file.exists() and not force:
            raise StorageError(f"{file} exists and is kept: choose another name, or overwrite it with --force")
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                count = write_csv(reader, out, what=what, start=span[0], end=span[1], zone=zone)
            Path(name).chmod(0o640)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{file}: not written: {why_refused(error)}") from error
    return count
