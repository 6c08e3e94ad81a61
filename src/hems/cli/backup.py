"""``hems backup FILE``: one consistent copy, taken while the service runs; with ``--restore`` the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        restore: Annotated[
            bool, typer.Option("--restore", help="Go back to FILE; the present data is kept aside")
        ] = False,
    ) -> None:
        """Copy database, JSON files and configuration to FILE; the service may keep running.

        With --restore the other way: the stopped service's database and files by day become those of FILE. The
        configuration, the safety latch and the owner's inverter settings stay as they are.
        Exit codes: 0 done and checked, 1 not done, 2 the configuration cannot be used, 5 --restore while it runs.
        """
        from hems.composition.tools import data_directory
        from hems.config.loader import default_config_path

        if restore:
            _restore(file, data_directory(config))
            return
        settings = config or default_config_path()
        done = _back_up(data_directory(config), file, settings if settings.exists() else None, force=force)
        typer.echo(
            f"{done.path}: {done.size_bytes / 1e6:.2f} MB, checked; holds {', '.join(done.contents[:3])}{_more(done)}"
        )
        typer.echo(f"To go back to it: stop the service, then: hems backup --restore {done.path}")


def _more(done: Backup) -> str:
    return f" and {len(done.contents) - 3} more" if len(done.contents) > 3 else ""


def _back_up(directory: Path, file: Path, config: Path | None, *, force: bool) -> Backup:
    from hems.adapters.storage.backup import make_backup

    with _progress() as show:
        return make_backup(directory, file, config=config, overwrite=force, progress=show)


def _restore(file: Path, directory: Path) -> None:
    """Go back to ``file``. Raises: PermanentError: the service runs; StorageError."""
    from hems.adapters.process_lock import ProcessLock
    from hems.adapters.storage.going_back import restore_backup

    with ProcessLock(directory), _progress() as show:
        done = restore_backup(file, directory, progress=show)
    typer.echo(f"{directory}: restored from {file}, checked: {done.files} files")
    if done.aside is not None:
        typer.echo(f"What was there before is in {done.aside}; remove it when you no longer want it")
    if done.configuration is not None:
        typer.echo(f"The configuration stays as it is; the one of then: tar -xzOf {file} {done.configuration}")


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Yield what is told of progress; a bar is shown once it has taken two seconds."""
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    from hems.adapters.clock import SystemClock

    clock = SystemClock()
    began = clock.monotonic()
    bar = Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    task = bar.add_task("backup", total=1.0)

    def show(what: str, share: float) -> None:
        if clock.monotonic() - began > SHOW_PROGRESS_AFTER_S:
            bar.start()  # not before: a quick backup prints its result and nothing else
            bar.update(task, description=what, completed=share)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
