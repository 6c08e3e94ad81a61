"""What the what-if commands share: progress, JSON, tables within 80 columns, notes, pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from hems.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.table import Table

    from hems.backtest.what_if.tariffs import Offer

WIDTH = 80
FORMAT = 1

AsJson = Annotated[Path | None, typer.Option("--json", help="Write all figures here; `-` prints them.")]
Plot = Annotated[Path | None, typer.Option(help="Draw a picture into this PNG file (extra `plots`).")]

MARKS = {
    "?": "not every figure verified",
    "×": "a file's tariff has ended",
    "~": "zones assumed (Energy Compass)",
    "!": "no fixed fees known: too low",
}

Told = Callable[[float, float], None]


@contextmanager
def progress(what: str) -> Iterator[Told]:
    """Show how much of how much is done, on a terminal."""
    from hems.cli.backtest import progress_bar

    with progress_bar(what, 1.0) as told:
        yield lambda done, total: told(done / total if total > 0.0 else 1.0)


def check_files(as_json: Path | None, plot: Path | None) -> None:
    """Refuse what cannot be written before the work is done. Raises: ConfigurationError, PlotRefused."""
    for option, path in (("--json", as_json), ("--plot", plot)):
        if path is not None and path.is_dir():
            raise ConfigurationError([f"{option} {path}: is a directory; a file is wanted"])
    if plot is not None:
        new_figure(1.0, 1.0)


def write_json(as_json: Path | None, document: Mapping[str, Any]) -> None:
    """Write ``document`` where ``--json`` says."""
    if as_json is None:
        return
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if as_json == Path("-"):
        sys.stdout.write(text)
        return
    from hems.adapters.tables.write_table import write_text

    write_text(as_json, text)


def plain(value: Any) -> Any:
    """Return dataclasses, times and mappings as JSON knows them."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value if value is None or isinstance(value, str | int | float) else str(value)


def table_of(heads: Sequence[str], words: int) -> Table:
    """Return an empty table; its first ``words`` columns are text, the rest are numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number < words else "right", no_wrap=True)
    return table


def say(title: str, table: Table, notes: Sequence[str]) -> None:
    """Print a table under its title, and what to know about it."""
    from rich.console import Console

    console = Console(width=WIDTH, highlight=False)
    console.print(title, markup=False, style="bold")
    console.print(table)
    for note in notes:
        console.print(note, markup=False)


def marks_of(offer: Offer) -> str:
    """Return what makes a tariff less certain, as signs that ``MARKS`` explains."""
    holds = (not offer.is_verified, offer.has_ended, offer.is_guessed, not offer.fees)
    return "".join(sign for sign, does in zip(MARKS, holds, strict=True) if does)


def span_words(first: datetime, last: datetime, zone: ZoneInfo, hours: float) -> str:
    """Return a period as a person reads it, with the days that were lived."""
    begin, end = first.astimezone(zone), last.astimezone(zone)
    return f"{begin:%Y-%m-%d} to {end:%Y-%m-%d %H:%M}, {hours / 24.0:.1f} days lived"


def numbers_of(option: str, text: str) -> tuple[float, ...]:
    """Return numbers separated by commas, each once, ascending. Raises: ConfigurationError."""
    try:
        found = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError as error:
        raise ConfigurationError([f"{option} {text}: numbers such as 5,10,15"]) from error
    if not found:
        raise ConfigurationError([f"{option}: one number at least, such as 5,10,15"])
    return tuple(found)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty picture [inches]. Raises: PlotRefused: matplotlib is not installed."""
    from hems.cli.plan_picture import PlotRefused

    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotRefused(
            "pictures need matplotlib, which is not installed: add it with the extra `plots` "
            "(pip install 'goodwe-master-coordinator[plots]')"
        ) from error
    figure = Figure(figsize=(width, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def head(figure: Figure, title: str, below: str) -> None:
    """Write the title of a picture and the line below it."""
    from hems.cli.plan_picture import BLACK, GREY

    figure.text(0.065, 0.975, title, fontsize=13, color=BLACK, va="top", fontweight="bold")
    inch = 1.0 / figure.get_figheight()
    figure.text(0.065, 0.975 - 0.27 * inch, below, fontsize=10, color=GREY, va="top")


def dress(axes: Axes) -> None:
    """Take from ``axes`` what says nothing."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="both", color="#E4E4E4", linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9.5, length=3)


def save(figure: Figure, file: Path) -> None:
    """Write a picture. Raises: PlotRefused: it cannot be written."""
    from hems.adapters.storage.json_text import why_refused
    from hems.cli.plan_picture import PlotRefused

    try:
        figure.savefig(file, format="png")
    except OSError as error:
        raise PlotRefused(f"{file}: not written: {why_refused(error)}") from error
