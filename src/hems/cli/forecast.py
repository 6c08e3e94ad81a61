"""``hems forecast``: what the house is expected to use and the sun to give, and how good such forecasts were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds

if TYPE_CHECKING:
    from rich.table import Table

    from hems.adapters.storage.sqlite_reader import StoreReader
    from hems.forecasting.score_days import Compared, DayScores

SHOWN_HOURS = 12
SHOWN_LEVELS = (0.1, 0.5, 0.9)
LATEST_OF = timedelta(hours=48)
"""An older forecast does not reach the present."""

STALE_AFTER = 2 * MTU
"""The service issues one every quarter."""

NAIVE_LOOKBACK = timedelta(days=9)
NAMES = {Quantity.LOAD: "load", Quantity.PV: "PV"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The latest forecast of each quantity from now on, and what a person should know about them."""

    now: datetime
    zone: ZoneInfo
    forecasts: dict[Quantity, EnergyForecast]
    notes: tuple[str, ...]


Hours = Annotated[int, typer.Option(min=1, max=36, help="How far ahead.")]
Config = Annotated[Path | None, typer.Option(help="The configuration to use.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def register(app: typer.Typer) -> None:
    """Add ``hems forecast``."""
    commands = typer.Typer(help="What is expected of load and sun, and how good such forecasts were.")
    app.add_typer(commands, name="forecast")

    @commands.callback(invoke_without_command=True)
    def _default(
        context: typer.Context, hours: Hours = SHOWN_HOURS, config: Config = None, as_json: AsJson = False
    ) -> None:
        """Show what is expected of load and sun; `score` tells how good such forecasts were."""
        if context.invoked_subcommand is None:
            _show(hours, config, as_json=as_json)

    @commands.command()
    def show(hours: Hours = SHOWN_HOURS, config: Config = None, as_json: AsJson = False) -> None:
        """Show the latest forecast of the running service, quarter by quarter."""
        _show(hours, config, as_json=as_json)

    @commands.command()
    def score(
        days: Annotated[int, typer.Option(min=1, max=366, help="How many days back.")] = 7,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Compare what was issued with what came, day by day, beside naive forecasts made at the same moments."""
        _score(days, config, as_json=as_json)


# -- show ------------------------------------------------------------------------------------------------------


def _show(hours: int, config: Path | None, *, as_json: bool) -> None:
    reader, zone, now = _open(config)
    with reader:
        shown = latest_forecasts(reader, now, zone)
    end = floor_to_grid(now) + timedelta(hours=hours)
    if as_json:
        print(json.dumps(show_document(shown, end), indent=2))
        return
    from rich.console import Console

    console = Console()
    if shown.forecasts:
        console.print(show_table(shown, end))
    for note in shown.notes:
        console.print(note, markup=False, highlight=False)


def latest_forecasts(reader: StoreReader, now: datetime, zone: ZoneInfo) -> Shown:
    """Return the forecast issued last of each quantity, with a note where it is missing or old."""
    forecasts: dict[Quantity, EnergyForecast] = {}
    notes: list[str] = []
    for quantity in Quantity:
        issued = reader.forecasts_between(quantity, now - LATEST_OF, now + timedelta(seconds=1))
        if not issued or issued[-1].end <= now:
            notes.append(
                f"No forecast of {NAMES[quantity]}: the running service issues one at the end of each quarter."
            )
            continue
        latest = forecasts[quantity] = issued[-1]
        known = latest.known_at.astimezone(zone)
        notes.append(
            f"{NAMES[quantity]}: from {latest.source.replace('_', ' ')}, "
            f"issued {latest.issued_at.astimezone(zone):%H:%M}, newest input of {known:%d %B %H:%M} "
            f"({_hours(latest.age(now))} old)"
        )
        if now - latest.issued_at > STALE_AFTER:
            notes.append(f"{NAMES[quantity]}: this forecast is old; is the service running?")
        notes += [f"{NAMES[quantity]}: {note}" for note in latest.notes]
    return Shown(now=now, zone=zone, forecasts=forecasts, notes=tuple(notes))


def show_document(shown: Shown, end: datetime) -> dict[str, Any]:
    """Return the forecasts for a program; times are ISO 8601 with their offset, powers in W by quantile level."""
    return {
        "at": shown.now.isoformat(),
        "levels": list(QUANTILE_LEVELS),
        "notes": list(shown.notes),
        **{
            quantity.value: {
                "source": made.source,
                "issued_at": made.issued_at.isoformat(),
                "known_at": made.known_at.isoformat(),
                "age_s": round(made.age(shown.now).total_seconds()),
                "quarters": [
                    {"start": start.astimezone(shown.zone).isoformat(), "levels_w": list(_levels_at(made, start))}
                    for start in _quarters(shown.now, end)
                    if made.start <= start < made.end
                ],
            }
            if (made := shown.forecasts.get(quantity)) is not None
            else None
            for quantity in Quantity
        },
    }


def show_table(shown: Shown, end: datetime) -> Table:
    """Return the coming quarters as a table for a person: low, middle and high of load and PV."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    caption = "W; 1 of 10 quarters lies below the low, 1 of 10 above the high value"
    table = Table(title="What is expected", caption=caption, box=SIMPLE_HEAD)
    table.add_column("from")
    for quantity in shown.forecasts:
        for word in ("low", "middle", "high"):
            table.add_column(f"{NAMES[quantity]}\n{word}", justify="right")
    for start in _quarters(shown.now, end):
        local = start.astimezone(shown.zone)
        cells = [f"{local:%H:%M}" + (" (again)" if local.fold else "")]
        for made in shown.forecasts.values():
            if not made.start <= start < made.end:
                cells += ["", "", ""]
                continue
            levels = _levels_at(made, start)
            cells += [f"{levels[QUANTILE_LEVELS.index(level)]:.0f}" for level in SHOWN_LEVELS]
        table.add_row(*cells)
    return table


def _quarters(now: datetime, end: datetime) -> list[datetime]:
    first = floor_to_grid(now)
    return [first + index * MTU for index in range((end - first) // MTU)]


def _levels_at(made: EnergyForecast, start: datetime) -> tuple[float, ...]:
    index = (start - made.start) // MTU
    return tuple(level[index] for level in made.levels_w)


def _hours(age: timedelta) -> str:
    minutes = max(0, round(age.total_seconds() / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


# -- score -----------------------------------------------------------------------------------------------------


def _score(days: int, config: Path | None, *, as_json: bool) -> None:
    reader, zone, now = _open(config)
    with reader:
        found = scores_of(reader, now, days, zone)
    if as_json:
        print(json.dumps(score_document(found), indent=2))
        return
    from rich.console import Console

    console = Console()
    for quantity, scores in found.items():
        if scores.total is None:
            console.print(_nothing_to_score(quantity), markup=False, highlight=False)
            continue
        console.print(score_table(quantity, scores))


def scores_of(reader: StoreReader, now: datetime, days: int, zone: ZoneInfo) -> dict[Quantity, DayScores]:
    """Return how good the forecasts of the last ``days`` local days, today included, were."""
    from hems.forecasting.history import QuarterHistory
    from hems.forecasting.pv_curtailment import with_curtailment
    from hems.forecasting.score_days import score_days

    start, _ = local_day_bounds(local_date(now, zone) - timedelta(days=days - 1), zone)
    since = start - NAIVE_LOOKBACK
    slots = reader.energy_between(since, now)
    measured = with_curtailment(QuarterHistory.of(slots, now, floor_to_grid(now) - since), slots, lambda _: None)
    return {
        quantity: score_days(reader.forecasts_between(quantity, start, now), measured, zone) for quantity in Quantity
    }


def score_document(found: dict[Quantity, DayScores]) -> dict[str, Any]:
    """Return the scores for a program; W, bias + where too much was expected, null where nothing compares."""
    return {
        quantity.value: None
        if scores.total is None
        else {
            "total": asdict(scores.total),
            "days": {day.isoformat(): asdict(compared) for day, compared in scores.days.items()},
            "leads": {name: asdict(compared) for name, compared in scores.leads.items()},
        }
        for quantity, scores in found.items()
    }


def score_table(quantity: Quantity, scores: DayScores) -> Table:
    """Return the scores as a table for a person, days first, then leads."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    caption = "W; bias + is too much; the naive forecasts' pinball loss is half their error"
    table = Table(title=f"Forecasts of {NAMES[quantity]} against what came", caption=caption, box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    heads = ("quarters", "mean\nerror", "bias", "pinball\nloss", "error of the\nday before", "error of\na week")
    for head in heads:
        table.add_column(head, justify="right")
    _add_rows(table, [(f"{day:%a %d %b}", compared) for day, compared in scores.days.items()])
    table.add_section()
    _add_rows(table, [(f"ahead {name}", compared) for name, compared in scores.leads.items()])
    if scores.total is not None:
        table.add_section()
        _add_rows(table, [("all", scores.total)])
    return table


def _add_rows(table: Table, rows: Sequence[tuple[str, Compared]]) -> None:
    for name, compared in rows:
        issued = compared.issued
        figures = (issued.mae_w, issued.bias_w, issued.pinball_w)
        naive = (compared.yesterday.mae_w, compared.week.mae_w)
        table.add_row(name, str(issued.count), *(f"{value:.0f}" for value in (*figures, *naive)))


def _nothing_to_score(quantity: Quantity) -> str:
    return (
        f"{NAMES[quantity]}: not enough data. A score needs forecasts that were issued and whose quarters have been "
        "measured since, and a day of measurements before them to compare with."
    )


def _open(config: Path | None) -> tuple[StoreReader, ZoneInfo, datetime]:
    """Return the house's database, read-only, its zone and the present moment. Raises: StorageError."""
    from hems.adapters.clock import SystemClock
    from hems.adapters.storage.sqlite_reader import StoreReader
    from hems.adapters.storage.sqlite_schema import DATABASE_NAME
    from hems.composition.tools import load

    loaded = load(config)
    return StoreReader(loaded.data / DATABASE_NAME), loaded.zone, SystemClock().now()
