"""``hems prices``: every quarter of a day with its market price and what the household pays and is paid."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol
from zoneinfo import ZoneInfo

import typer

from hems.analysis.price_analyzer import DaySummary, negative_stretches, summarise_day
from hems.cli.price_parts import parts_view
from hems.cli.quiet_logs import logs_beside_the_output
from hems.domain.errors import PricesUnavailable
from hems.domain.prices import PriceOrigin, PricePart, PriceSeries
from hems.domain.time_grid import local_day_bounds

if TYPE_CHECKING:
    from rich.table import Table

    from hems.coordination.price_service import PriceService

BAR_CELLS = 16
WIDTH_WITHOUT_BARS = 54
PART_WIDTH = 10
"""Of a column for a part of the price."""

EARLIEST_DAY = date(2000, 1, 1)

MAX_DAYS_AHEAD = 30
"""An estimate further ahead than this would be a number without meaning."""


class PriceTools(Protocol):
    """What the composition opens for this command."""

    @property
    def service(self) -> PriceService:
        """Answers and fetches."""
        ...

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the delivery day."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One quarter as shown: market price per MWh, retail prices per kWh; ``start`` is local time with its offset."""

    start: datetime
    market_per_mwh: float
    import_per_kwh: float
    export_per_kwh: float
    origin: PriceOrigin
    import_parts: tuple[PricePart, ...] = ()
    export_parts: tuple[PricePart, ...] = ()
    import_estimated: bool = False
    """Also where only the tariff's zone is a guess."""
    export_estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDay:
    """A day's quarters, its summary, and what a person should know about them."""

    day: date
    currency: str
    rows: tuple[PriceRow, ...]
    summary: DaySummary
    notes: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Add ``hems prices``."""

    @app.command()
    def prices(
        day: Annotated[str | None, typer.Option("--date", help="Local day, YYYY-MM-DD; today if left out.")] = None,
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Show the price of every quarter of a day: market, what you pay, what you are paid."""
        asyncio.run(_show(day, config, as_json=as_json))


async def _show(day_text: str | None, config: Path | None, *, as_json: bool) -> None:
    from hems.composition.tools import open_price_tools

    opened: AbstractAsyncContextManager[PriceTools] = open_price_tools(config)
    with logs_beside_the_output():
        async with opened as tools:
            today = tools.service.today()
            day = parse_day(day_text, today)
            await tools.service.ensure_day(day)
            shown = day_of_prices(tools.service, tools.zone, day, today)
    if as_json:
        print(json.dumps(as_document(shown), indent=2))
        return
    from rich.console import Console

    console = Console()
    console.print(as_table(shown, console.width))
    for line in parts_view(shown.rows, shown.currency).lines:
        console.print(line, markup=False, highlight=False)
    for note in shown.notes:
        console.print(note, markup=False, highlight=False)


def parse_day(text: str | None, today: date) -> date:
    """Return the day that ``text`` names; today where it names none.

    Raises: typer.BadParameter: not a day, or one that no price can be told for.
    """
    if text is None:
        return today
    try:
        day = date.fromisoformat(text)
        if day.isoformat() != text:  # Python also reads 20261101 and 2026-W44-7, which nobody means here
            raise ValueError(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day; write it as {today.isoformat()}") from error
    if not EARLIEST_DAY <= day <= today + timedelta(days=MAX_DAYS_AHEAD):
        raise typer.BadParameter(f"{day}: prices are told from {EARLIEST_DAY} to {MAX_DAYS_AHEAD} days ahead")
    return day


def day_of_prices(service: PriceService, zone: ZoneInfo, day: date, today: date) -> PriceDay:
    """Return what is known of the local ``day``, estimates where nothing is published.

    Raises: PricesUnavailable: no price at all, or a past day without a published one: what is over is not guessed.
    """
    bounds = local_day_bounds(day, zone)
    series = service.prices_between(*bounds)
    if day < today:
        series = PriceSeries(series.currency, tuple(slot for slot in series if not slot.origin.is_estimated))
    if not len(series):
        raise PricesUnavailable(f"no prices for {day}: {service.last_error() or 'none are published for that day'}")
    market = {slot.start: slot for slot in series}
    rows = tuple(
        PriceRow(
            start=retail.start.astimezone(zone),
            market_per_mwh=market[retail.start].price_per_mwh,
            import_per_kwh=retail.import_per_kwh,
            export_per_kwh=retail.export_per_kwh,
            origin=market[retail.start].origin,
            import_parts=retail.import_parts,
            export_parts=retail.export_parts,
            import_estimated=retail.origin.is_estimated,
            export_estimated=retail.export_estimated,
        )
        for retail in service.retail_between(*bounds)
        if retail.start in market
    )
    summary = summarise_day(series, day, zone)
    return PriceDay(
        day=day,
        currency=series.currency,
        rows=rows,
        summary=summary,
        notes=_notes(service, series, summary, zone) + _tariff_notes(rows, service.tariff_remarks(day)),
    )


def _notes(service: PriceService, series: PriceSeries, summary: DaySummary, zone: ZoneInfo) -> tuple[str, ...]:
    notes: list[str] = []
    if summary.known < summary.expected:
        notes.append(f"{summary.expected - summary.known} of {summary.expected} quarters are not known.")
    if summary.estimated:
        reason = service.last_error() or "not published yet"
        notes.append(f"{summary.estimated} of {summary.expected} quarters are estimated (~), because: {reason}")
    notes += [
        f"Negative from {stretch.start.astimezone(zone):%H:%M} to {stretch.end.astimezone(zone):%H:%M}, "
        f"lowest {stretch.lowest_per_mwh:.2f} {series.currency}/MWh."
        for stretch in negative_stretches(series)
    ]
    return tuple(notes)


def _tariff_notes(rows: Sequence[PriceRow], remarks: Sequence[str]) -> tuple[str, ...]:
    notes: list[str] = []
    guessed = sum(row.import_estimated and not row.origin.is_estimated for row in rows)
    if guessed:
        notes.append(
            f"{guessed} quarters are billed as hours of normal use: the Energy Compass is not published for them."
        )
    unsettled = sum(row.export_estimated and not row.origin.is_estimated for row in rows)
    if unsettled:
        notes.append(f"{unsettled} quarters: what you get is estimated; its parts (--json) say from what.")
    return (*notes, *remarks)


def as_document(shown: PriceDay) -> dict[str, object]:
    """Return the day for a program; times are ISO 8601 with their offset, prices as their names say."""
    summary = shown.summary
    return {
        "date": shown.day.isoformat(),
        "currency": shown.currency,
        "quarters": summary.expected,
        "known": summary.known,
        "estimated": summary.estimated,
        "min_per_mwh": summary.min_per_mwh,
        "max_per_mwh": summary.max_per_mwh,
        "mean_per_mwh": None if summary.mean_per_mwh is None else round(summary.mean_per_mwh, 2),
        "notes": list(shown.notes),
        "prices": [
            {
                "start": row.start.isoformat(),
                "market_per_mwh": round(row.market_per_mwh, 2),
                "import_per_kwh": round(row.import_per_kwh, 4),
                "export_per_kwh": round(row.export_per_kwh, 4),
                "origin": row.origin.value,
                "import_estimated": row.import_estimated,
                "export_estimated": row.export_estimated,
                "import_parts": _parts_document(row.import_parts),
                "export_parts": _parts_document(row.export_parts),
            }
            for row in shown.rows
        ],
    }


def _parts_document(parts: Sequence[PricePart]) -> list[dict[str, object]]:
    return [{"name": part.name, "kind": part.kind.value, "per_kwh": round(part.per_kwh, 10)} for part in parts]


def as_table(shown: PriceDay, width: int) -> Table:
    """Return the day as a table for a person, ``~`` beside what is estimated, bars where ``width`` has room for them.

    Parts of the price that differ between quarters have a column each; the others stand in the lines below it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    summary = shown.summary
    caption = ""
    if summary.mean_per_mwh is not None:
        caption = (
            f"lowest {summary.min_per_mwh:.2f} · mean {summary.mean_per_mwh:.2f} · highest {summary.max_per_mwh:.2f} "
            f"{shown.currency}/MWh"
        )
    title = f"Prices of {shown.day:%A %d %B %Y}: {len(shown.rows)} quarters"
    parts = parts_view(shown.rows, shown.currency).columns
    has_bars = width >= WIDTH_WITHOUT_BARS + BAR_CELLS + PART_WIDTH * len(parts)
    table = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1 if has_bars else 0), pad_edge=False)
    table.add_column("from")
    table.add_column(f"market\n{shown.currency}/MWh", justify="right")
    table.add_column(f"you pay\n{shown.currency}/kWh", justify="right")
    table.add_column(f"you get\n{shown.currency}/kWh", justify="right")
    if has_bars:
        table.add_column("")
    table.add_column("origin")
    for column in parts:
        table.add_column(column.title, justify="right", overflow="fold")
    bars = bars_of([row.market_per_mwh for row in shown.rows], BAR_CELLS)
    for number, (row, bar) in enumerate(zip(shown.rows, bars, strict=True)):
        table.add_row(
            row.start.strftime("%H:%M") + _repeated_hour(row.start),
            f"{_mark(row.origin.is_estimated)}{row.market_per_mwh:.2f}",
            f"{_mark(row.import_estimated)}{row.import_per_kwh:.4f}",
            f"{_mark(row.export_estimated)}{row.export_per_kwh:.4f}",
            *([Text(bar, style="green" if row.market_per_mwh < 0 else "cyan")] if has_bars else []),
            row.origin.value.replace("_", " "),
            *(column.cell(number) for column in parts),
        )
    return table


def _mark(is_estimated: bool) -> str:
    return "~" if is_estimated else ""


def _repeated_hour(local: datetime) -> str:
    """Return a mark for the later copy of the hour that autumn repeats, which wall time alone does not tell apart."""
    return " (again)" if local.fold else ""


def bars_of(values: Sequence[float], cells: int) -> list[str]:
    """Return a bar for each value, ``cells`` wide, from one common zero: negative ones reach left of it."""
    if not values:
        return []
    low, high = min(0.0, *values), max(0.0, *values)
    span = high - low
    if span == 0.0:
        return [" " * cells for _ in values]
    zero = round(-low / span * cells)
    bars: list[str] = []
    for value in values:
        end = round((value - low) / span * cells)
        left, right = min(zero, end), max(zero, end)
        bars.append(" " * left + "█" * (right - left) + " " * (cells - right))
    return bars
