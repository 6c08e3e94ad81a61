"""``hems run`` and ``hems test``: the coordinator itself, and one decision cycle of it."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, TypeVar

import typer

from hems.cli.exit_codes import ExitCode
from hems.cli.quiet_logs import logs_beside_the_output

Document = dict[str, Any]
T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add ``hems run`` and ``hems test``."""

    @app.command()
    def run(
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        live: Annotated[
            bool | None, typer.Option("--live/--log", help="Live screen or log lines; by default what the output is.")
        ] = None,
    ) -> None:
        """Run the Master Coordinator until it is stopped (Ctrl-C)."""
        raise typer.Exit(run_coordinator(config, live=live))

    @app.command()
    def test(
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        execute: Annotated[bool, typer.Option("--execute", help="Carry it out, prove it, and undo it.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Run one whole decision cycle; writes nothing to the inverter unless --execute is given."""
        raise typer.Exit(test_cycle(config, execute=execute, as_json=as_json))


def run_coordinator(config: Path | None, *, live: bool | None) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; return the exit code.

    Raises: HemsError: it refuses to start, or a person has to act; journal, service manager and ``--status`` say why.
    """
    from hems.composition.refusal import tell_refusal
    from hems.domain.errors import HemsError

    os.umask(0o027)  # what the service writes tells of a household: not for every user of the machine
    faulthandler.enable()  # where the watchdog or a crash ends the process, the journal shows what each thread did
    try:
        return _run(config, live=live)
    except HemsError as error:
        tell_refusal(config, error)
        raise


def _run(config: Path | None, *, live: bool | None) -> int:
    from hems.adapters.logging_setup import LoggingOptions, configure_logging
    from hems.composition.service import run_service
    from hems.composition.tools import load
    from hems.web.service import dashboard_beside

    loaded = load(config)
    run = partial(run_service, loaded, beside=dashboard_beside)
    show_live = sys.stdout.isatty() if live is None else live
    close_logs = configure_logging(
        LoggingOptions(
            directory=loaded.logs,
            keep_days=loaded.settings.logging.keep_days,
            debug=loaded.settings.debug.enabled,
            console=not show_live,
            secrets=loaded.settings.secrets,
        )
    )
    try:
        if show_live:
            from hems.cli.live import LiveScreen

            with LiveScreen(loaded.zone) as screen:
                record = asyncio.run(_until_signalled(partial(run, on_status=screen.show)))
        else:
            record = asyncio.run(_until_signalled(run))
    finally:
        close_logs()
    print(farewell(record))
    return ExitCode.OK if is_back_in_self_use(record) else ExitCode.FAILED


def is_back_in_self_use(document: dict[str, Any]) -> bool:
    """Return whether ``document``, the last record, tells of a stop that the inverter confirmed."""
    stopped = [event for event in document.get("events", ()) if event["kind"] == "stopped"]
    return document.get("state") == "stopped" and bool(stopped) and stopped[-1]["severity"] == "info"


def farewell(document: dict[str, Any]) -> str:
    """Return what a person must know after the stop that ``document``, the last record, tells of."""
    stopped = [event for event in document.get("events", ()) if event["kind"] == "stopped"]
    if is_back_in_self_use(document):
        return "The Master Coordinator has stopped; the inverter is back in self-use."
    why = f" ({stopped[-1]['message']})" if stopped else ""
    return (
        "The Master Coordinator has stopped, but the inverter is NOT confirmed back in self-use"
        f"{why}: run `hems restore`."
    )


async def _until_signalled(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run ``work`` until a first signal asks it to stop; a second one ends the program at once.

    A terminal that is closed (SIGHUP) asks for the same stop, but its second signal, which shells send, ends nothing.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def ask_to_stop() -> None:
        stop.set()
        for number in signals:
            loop.remove_signal_handler(number)

    for number in signals:
        loop.add_signal_handler(number, ask_to_stop)

    def terminal_has_gone(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # not the loop's handler: the second one may come when the loop is closed
        loop.call_soon_threadsafe(stop.set)

    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asked to be left alone
        signal.signal(signal.SIGHUP, terminal_has_gone)
    return await work(stop)


async def _cancelled_by_signals(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work``; a first signal cancels it, so that it can put the inverter back; a second ends the program.

    Raises: asyncio.CancelledError: it was cancelled, and what it had to put back is put back or told.
    """

    async def race(stop: asyncio.Event) -> T:
        task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
            return await task
        finally:
            stopped.cancel()

    return await _until_signalled(race)


def test_cycle(config: Path | None, *, execute: bool, as_json: bool) -> int:
    """Run one decision cycle and print what it found; return the exit code."""
    from hems.composition.tools import load
    from hems.composition.trial import run_trial

    def tell(line: str) -> None:
        if not as_json:
            print(line)

    with logs_beside_the_output():
        trial = run_trial(load(config), execute=execute, progress=tell)
        try:
            report = asyncio.run(_cancelled_by_signals(trial))
        except asyncio.CancelledError:
            print("Broken off.", file=sys.stderr)
            return ExitCode.FAILED
    if as_json:
        print(json.dumps(report.document, indent=2))
    else:
        from rich.console import Console

        from hems.cli.status_view import status_view

        Console().print(status_view(report.document, report.zone))
        print(report.summary)
    if report.succeeded:
        return ExitCode.OK
    return ExitCode.FAILED if "test" in report.document else ExitCode.UNREACHABLE  # without a reading nothing is tested
