"""``hems chaos``: whole simulated days in which everything goes wrong, and which promises were kept."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hems.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hems.chaos.day import DayResult


TOLD_EVERY = 10
"""Days between two lines of progress where there is no terminal to draw a bar on."""


def register(app: typer.Typer) -> None:
    """Add ``hems chaos``."""

    @app.command()
    def chaos(
        days: Annotated[int, typer.Option(min=1, help="Simulated days, each with a seed of its own.")] = 10,
        seed: Annotated[int, typer.Option(min=0, help="Seed of the first day; the next days count on from it.")] = 5,
        jobs: Annotated[int, typer.Option(min=0, help="Days side by side; 0 takes every core.")] = 0,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Live through days of faults on a fake clock, judge them on the simulated physics; exit 1 on a broken promise.

        Coordinator, house, inverter and price server are the real code; nothing outside this process is touched.
        """
        raise typer.Exit(_run(range(seed, seed + days), jobs, as_json=as_json))


def _run(seeds: Sequence[int], jobs: int, *, as_json: bool) -> int:
    from hems.chaos.campaign import default_jobs, document_of

    results = _live_through(seeds, min(jobs or default_jobs(), len(seeds)))
    document = document_of(results)
    if as_json:
        print(json.dumps(document, indent=1))
    else:
        _print_report(results, document)
    return ExitCode.FAILED if document["broken"] else ExitCode.OK


def _live_through(seeds: Sequence[int], jobs: int) -> list[DayResult]:
    """Return the days' results, telling on the error stream how far they are."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    from hems.chaos.campaign import run_days

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    results: list[DayResult] = []
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("days", total=len(seeds))
        for result in run_days(seeds, jobs):
            results.append(result)
            bar.advance(task)
            if not console.is_terminal and len(results) % TOLD_EVERY == 0:
                print(f"{len(results)} of {len(seeds)} days", file=sys.stderr, flush=True)
            for breach in result.breaches:
                console.print(f"seed {result.plan.seed}: {breach}", style="red", highlight=False, soft_wrap=True)
    return results


def _print_report(results: Sequence[DayResult], document: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if len(results) == 1:
        console.print(results[0].plan.describe(), highlight=False)
    table = Table("", "Promise", "Broken", box=None)
    for number, entry in document["invariants"].items():
        table.add_row(number, entry["promise"], str(entry["breaches"]), style="red" if entry["breaches"] else "")
    console.print(table)
    console.print("\n".join(_figures(document)), highlight=False)
    for broken in document["broken"]:
        console.print(f"\n{broken['day']}", highlight=False)
        for breach in broken["breaches"]:
            console.print(f"  invariant {breach['invariant']} at {breach['at']}: {breach['said']}", style="red")
        console.print(f"  again: {broken['replay']}", highlight=False)


def _figures(document: dict[str, Any]) -> list[str]:
    drawn = sum(document["faults"].values()) + sum(document["troubles"].values())
    kinds = len(document["faults"]) + len(document["troubles"])
    closest = (
        f"{document['worst_forced_without_lease_s']:.0f} s forced without a lease, "
        f"{document['worst_outside_window_s']:.0f} s outside the window, "
        f"{document['worst_back_to_normal_s']:.0f} s back to normal"
    )
    work = f"{document['cycles']} cycles, {document['register_writes']} register writes"
    lines = [
        "",
        f"days: {document['days']}, calm ones: {document['calm_days']}; faults: {drawn}, of {kinds} kinds",
        f"{document['starts']} starts, {document['refused_starts']} refused, {document['restores']} restore hooks",
        f"{work}, {document['records_checked']} records read back",
        f"closest calls: {closest}",
    ]
    if document["worst_beyond_self_use_pln"] is not None:
        lines.append(
            f"calm days against self-use: {document['median_beyond_self_use_pln']:+.2f} PLN in the median, "
            f"{document['worst_beyond_self_use_pln']:+.2f} at worst (+ is dearer)"
        )
    cpu = document["cpu_per_day_s"]
    lines.append(
        f"{cpu['mean']:.2f} s of one core per day ({cpu['median']:.2f} in the median, {cpu['worst']:.2f} worst)"
    )
    return lines
