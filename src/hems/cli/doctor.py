"""``hems doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hems.cli.exit_codes import MEANINGS, ExitCode
from hems.cli.quiet_logs import logs_beside_the_output

if TYPE_CHECKING:
    from rich.text import Text

    from hems.composition.doctor.model import Finding
    from hems.composition.doctor.report import Report

TITLE_WIDTH = 28
WIDTH_MAX = 120
LONGEST_S = 20


def register(app: typer.Typer) -> None:
    """Add ``hems doctor``."""

    @app.command()
    def doctor(
        config: Annotated[Path | None, typer.Option(help="The configuration to check with.")] = None,
        inverter: Annotated[
            bool, typer.Option("--inverter", help="Ask the inverter itself although the service runs.")
        ] = False,
        show_serial: Annotated[bool, typer.Option("--show-serial", help="Show the whole serial number.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Check configuration, inverter, clock, prices, disk, rights and service; say what to try.

        Changes nothing. Exit code 0 where all is well or only warned of, 1 where there is a problem.
        """
        import asyncio

        from hems.cli.show_status import warning_of
        from hems.composition.doctor.house import DoctorOptions
        from hems.composition.doctor.report import visit

        options = DoctorOptions(
            config=config,
            ask_inverter=inverter,
            show_serial=show_serial,
            exit_meanings={int(code): meaning for code, meaning in MEANINGS.items()},
            left_behind=warning_of,
        )
        _silence_libraries()
        with logs_beside_the_output(), _progress(quiet=as_json) as tell:
            report = asyncio.run(visit(options, tell))
        if as_json:
            typer.echo(json.dumps(report.as_document(), indent=2))
        else:
            print_report(report)
        raise typer.Exit(ExitCode.FAILED if report.has_problems else ExitCode.OK)


def _silence_libraries() -> None:
    """Keep the libraries' own words out of the report: what they complain of is what is being looked at."""
    import logging

    logging.getLogger("goodwe").setLevel(logging.CRITICAL)
    logging.getLogger("hems").setLevel(logging.CRITICAL)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Sequence[str]], None]]:
    """Show what is still being looked at, beside the report."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        if not quiet:
            print(f"Checking, up to {LONGEST_S} s ...", file=sys.stderr)
        yield lambda _: None
        return
    with console.status("looking") as status:
        yield lambda names: status.update(f"looking at: {', '.join(names)}")


def print_report(report: Report) -> None:
    """Print the report for a person, as wide as the terminal but no wider than can be read."""
    from rich.console import Console

    console = Console(highlight=False)
    width = min(console.width, WIDTH_MAX)
    for line in report_lines(report, width):
        console.print(line, soft_wrap=True)


def report_lines(report: Report, width: int) -> Iterator[Text]:
    """Yield the report in lines of at most ``width``; a path that is longer stays whole, to be copied."""
    from rich.text import Text

    from hems.composition.doctor.model import State

    yield from _wrapped(f"Configuration {report.configuration}, {report.at:%Y-%m-%d %H:%M} UTC", width, style="dim")
    for group, findings in groupby(report.findings, key=lambda finding: finding.group):
        yield Text(f"\n{group.value.capitalize()}", style="bold")
        for finding in findings:
            yield from finding_lines(finding, width)
    counts = (
        (State.PROBLEM, "problem", "problems"),
        (State.WARNING, "warning", "warnings"),
        (State.OK, "in order", "in order"),
        (State.NOT_CHECKED, "not checked", "not checked"),
    )
    told = [(report.count(state), one, many) for state, one, many in counts]
    summary = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in told if count)
    yield Text(f"\n{summary}.", style="bold red" if report.has_problems else "bold")


def finding_lines(finding: Finding, width: int) -> Iterator[Text]:
    """Yield one finding: well in one row, else with what it means here and what to try."""
    from rich.text import Text

    from hems.composition.doctor.model import State

    marks = {
        State.OK: ("✓", "green"),
        State.WARNING: ("!", "yellow"),
        State.PROBLEM: ("✗", "red"),
        State.NOT_CHECKED: ("–", "dim"),
    }
    mark, style = marks[finding.state]
    if finding.state is State.OK:
        title = f"{finding.title:<{TITLE_WIDTH}}"
        rows = _wrap(finding.found, width - TITLE_WIDTH - 5)
        for number, row in enumerate(rows):
            head = Text(f"  {mark} ", style=style) + Text(title) if number == 0 else Text(" " * (TITLE_WIDTH + 4))
            yield head + Text(f" {row}", style="dim")
        return
    yield Text(f"  {mark} ", style=style) + Text(finding.title, style=f"bold {style}")
    yield from _wrapped(finding.found, width, indent="    ")
    for advice in finding.advice:
        yield from _wrapped(advice, width, indent="      ", first="    → ")


def _wrapped(text: str, width: int, *, indent: str = "", first: str | None = None, style: str = "") -> Iterator[Text]:
    from rich.text import Text

    lead = indent if first is None else first
    for number, row in enumerate(_wrap(text, width - len(indent))):
        yield Text(f"{lead if number == 0 else indent}{row}", style=style)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False) or [""]
