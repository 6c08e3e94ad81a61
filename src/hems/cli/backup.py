"""``hems backup FILE``: one consistent copy, taken while the service runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hems.adapters.storage.backup import Backup

SHOW_PROGRESS_AFTER_S = 2.0


def register(app: typer.Typer) -> None:
    """Add the command ``backup`` to ``app``."""

    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(help="Where to: NAME.sqlite3 for the database alone, else a .tar.gz")],
        config: Annotated[Path | None, typer.Option("--config", help="Configuration file")] = None,
        force: Annotated[bool, typer.Option("--force", help="Overwrite FILE")] = False,
    ) -> None:
        """Copy database, JSON files and configuration to FILE; the service may keep running.

        Exit codes: 0 written and checked, 1 not written, 2 the configuration cannot be used.
        """
        from hems.adapters.storage.sqlite_schema import DATABASE_NAME
        from hems.composition.tools import data_directory
        from hems.config.loader import default_config_path

        settings = config or default_config_path()
        done = _with_progress(data_directory(config), file, settings if settings.exists() else None, force=force)
        typer.echo(
            f"{done.path}: {done.size_bytes / 1e6:.2f} MB, checked; holds {', '.join(done.contents[:3])}{_more(done)}"
        )
        if done.path.suffix != ".sqlite3":
            # A log that a killed service left behind would be played over the restored database.
            typer.echo(
                f"To restore: stop the service, remove {DATABASE_NAME}-wal and -shm beside the database where they are "
                f"left, then: tar -xzf {done.path} -C <the project's directory>"
            )


def _more(done: Backup) -> str:
    return f" and {len(done.contents) - 3} more" if len(done.contents) > 3 else ""


def _with_progress(directory: Path, file: Path, config: Path | None, *, force: bool) -> Backup:
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    from hems.adapters.clock import SystemClock
    from hems.adapters.storage.backup import make_backup

    clock = SystemClock()
    began = clock.monotonic()
    bar = Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    task = bar.add_task("backup", total=1.0)

    def show(what: str, share: float) -> None:
        if clock.monotonic() - began > SHOW_PROGRESS_AFTER_S:
            bar.start()  # not before: a quick backup prints its result and nothing else
            bar.update(task, description=what, completed=share)

    try:
        return make_backup(directory, file, config=config, overwrite=force, progress=show)
    finally:
        if bar.live.is_started:
            bar.stop()
