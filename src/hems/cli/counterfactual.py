"""``hems counterfactual``: what the coordinator really did, in money, beside what others would have done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hems.cli import backtest as shared
from hems.cli import what_if_output as out
from hems.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.table import Table

    from hems.backtest.what_if.counterfactual import Counterfactual

COLUMNS = {
    "real": "real",
    "self_use": "self-use",
    "multi_factor": "score",
    "perfect_foresight": "hindsight",
    "idle_battery": "idle",
}


def register(app: typer.Typer) -> None:
    """Add ``hems counterfactual``."""

    @app.command()
    def counterfactual(
        config: Annotated[Path | None, typer.Option(help="The configuration of the running service.")] = None,
        month: Annotated[str | None, typer.Option(help="A month, YYYY-MM.")] = None,
        days: Annotated[int | None, typer.Option(help="The last days, today included. [30]")] = None,
        as_json: out.AsJson = None,
        plot: out.Plot = None,
    ) -> None:
        """Show day by day what the coordinator did in money, and what self-use, the score and hindsight would have."""
        from hems.adapters.clock import SystemClock
        from hems.composition.counterfactual import CounterfactualQuestion
        from hems.composition.counterfactual import counterfactual as compare

        question = CounterfactualQuestion(config=config, month=month_of(month), days=days)
        out.check_files(as_json, plot)
        with shared.waiting("living the time once more"):
            result = compare(question, SystemClock().now())
        out.write_json(as_json, document_of(result))
        if plot is not None:
            from hems.cli.what_if_pictures import draw_counterfactual

            draw_counterfactual(result, plot)
        if as_json is None or str(as_json) != "-":
            out.say(title_of(result), table_of(result), notes_of(result))


def month_of(text: str | None) -> tuple[int, int] | None:
    """Return year and month. Raises: ConfigurationError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{4})-(\d{2})", text)
    if found is None or not (1 <= int(found[2]) <= 12 and 1970 <= int(found[1]) <= 9998):
        raise ConfigurationError([f"--month {text}: a month such as 2026-10"])
    return int(found[1]), int(found[2])


def title_of(result: Counterfactual) -> str:
    """Return what was looked at."""
    first, last = result.first.astimezone(result.zone), result.last.astimezone(result.zone)
    return (
        f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, battery {result.battery_kwh:g} kWh, from "
        f"{result.start_soc_pct:.0f} %; cost in {result.currency}"
    )


def table_of(result: Counterfactual) -> Table:
    """Return one row per day, the sum, and what it is made of; the last column is what was really saved."""
    table = out.table_of(("day", *COLUMNS.values(), "saved", "missing"), words=1)
    for day in result.days:
        if day.quarters == 0:
            continue
        cells = [f"{day.cost[name]:.2f}" for name in COLUMNS]
        saved = f"{day.cost['self_use'] - day.cost['real']:+.2f}"
        table.add_row(f"{day.day}", *cells, saved, str(day.missing or ""))
    sums = result.sums
    saved = f"{sums['self_use'].cost - sums['real'].cost:+.2f}"
    table.add_section()
    table.add_row(
        "sum", *(f"{sums[name].cost:.2f}" for name in COLUMNS), saved, str(result.missing or ""), style="bold"
    )
    for words, value in (("energy", "energy"), ("wear", "wear"), ("stored more", "stored_change")):
        table.add_row(f"  {words}", *(f"{getattr(sums[name], value):.2f}" for name in COLUMNS), "", "", style="dim")
    table.add_row("  cycles", *(f"{sums[name].cycles:.1f}" for name in COLUMNS), "", "", style="dim")
    return table


def notes_of(result: Counterfactual) -> list[str]:
    """Return what a reader has to know."""
    worth = f"{result.stored_value_per_kwh:.2f} {result.currency}/kWh for all"
    source = "as the real one did" if result.is_efficiency_measured else "as configured"
    efficiency = f"{100.0 * result.efficiency:.1f} % each way, {source}"
    notes = [
        f"cost: energy at the prices of then and wear, less the worth of what is stored more ({worth})",
        f"saved: over self-use; the others' battery works with {efficiency}",
    ]
    if result.missing:
        notes.append(
            f"missing: {result.missing} quarters were not measured for 80 % of their time, or without price or SoC; "
            "they count for nobody"
        )
    empty = sum(day.quarters == 0 for day in result.days)
    if empty:
        notes.append(f"{empty} days of which nothing counts are not shown")
    if result.estimated_quarters:
        notes.append(f"{result.estimated_quarters} quarters count at estimated prices")
    if result.hindsight_gap > 0.005:
        notes.append(f"hindsight may be up to {result.hindsight_gap:.2f} {result.currency} cheaper yet")
    return notes + list(result.remarks)


def document_of(result: Counterfactual) -> dict[str, Any]:
    """Return everything as JSON knows it."""
    return {
        "format": out.FORMAT,
        "from": out.plain(result.first),
        "to": out.plain(result.last),
        "time_zone": str(result.zone),
        "currency": result.currency,
        "battery_kwh": result.battery_kwh,
        "start_soc_pct": result.start_soc_pct,
        "stored_value_per_kwh": result.stored_value_per_kwh,
        "efficiency": result.efficiency,
        "efficiency_measured": result.is_efficiency_measured,
        "quarters": result.quarters,
        "missing_quarters": result.missing,
        "estimated_quarters": result.estimated_quarters,
        "hindsight_gap": result.hindsight_gap,
        "sums": {name: {**out.plain(one), "cost": one.cost} for name, one in result.sums.items()},
        "days": [
            {"day": str(day.day), "quarters": day.quarters, "missing": day.missing, "cost": dict(day.cost)}
            for day in result.days
        ],
        "remarks": list(result.remarks),
        "parameters": dict(result.parameters),
        "versions": dict(result.versions),
    }
