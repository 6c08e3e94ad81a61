"""The figures as tables: savings by month, all strategies, the data's quality, and how it was computed."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

from hems.backtest.outcome import Figures, StudyResult
from hems.backtest.report.markup import Markup, table, tag
from hems.backtest.report.saving_charts import MonthlySavings
from hems.backtest.report.teller import NOTHING, Teller
from hems.domain.measured import RecordQuality

FIGURE_DECIMALS = {
    "cost_pln": 2,
    "energy_pln": 2,
    "wear_pln": 2,
    "stored_change_pln": 2,
    "saving_pln": 2,
    "captured_pct": 1,
    "cycles": 1,
    "mode_changes_per_day": 1,
    "import_kwh": 1,
    "export_kwh": 1,
    "curtailed_kwh": 1,
    "charge_kwh": 1,
    "discharge_kwh": 1,
    "above_import_limit_kwh": 1,
    "seconds": 2,
    "quarters_without_plan": 0,
}
"""Decimals of each figure in the table; a new field of `Figures` must say here how it is shown."""


def months_table(savings: MonthlySavings, tell: Teller) -> Markup:
    """Return the savings by month, with their sums."""
    names = list(savings.by_name)
    rows = [
        (
            tell.month(span.first_day),
            tell.number(savings.days[at], 1),
            *(tell.number(savings.by_name[name][at], 2) for name in names),
        )
        for at, span in enumerate(savings.spans)
    ]
    head = (
        tell.text("months.month"),
        tell.text("months.days"),
        *(f"{tell.name('strategy', name)}, {tell.currency}" for name in names),
    )
    sums = (tell.number(sum(savings.by_name[name]), 2) for name in names)
    foot = (tell.text("months.all"), tell.number(sum(savings.days), 1), *sums)
    return table(tell.text("months.title"), head, rows, foot=foot)


def strategies_table(result: StudyResult, tell: Teller) -> Markup:
    """Return all figures: a row each, a column for each strategy."""
    head = (tell.text("figure.name"), *(tell.name("strategy", outcome.name) for outcome in result.outcomes))
    rows = [
        (
            tell.text(f"figure.{field.name}"),
            *(
                tell.number(getattr(outcome.figures, field.name), FIGURE_DECIMALS[field.name])
                for outcome in result.outcomes
            ),
        )
        for field in fields(Figures)
    ]
    return table(tell.text("strategies.title"), head, rows)


def quality_table(result: StudyResult, tell: Teller) -> Markup:
    """Return what the records contain and what they lack."""
    head = [
        tell.text(f"quality.{key}")
        for key in ("source", "rows", "step", "first", "end", "missing", "not_numbers", "remarks")
    ]
    rows = [
        (
            record.source,
            tell.number(record.rows),
            tell.length(record.step),
            tell.moment(record.first),
            tell.moment(record.end),
            tell.number(record.missing_rows),
            _pairs(record, tell),
            "; ".join(record.remarks) or NOTHING,
        )
        for record in result.quality
    ]
    gaps = [_gaps(record, tell) for record in result.quality if record.gaps]
    return Markup(
        tag("div", table(tell.text("quality.title"), head, rows), class_="with-words quality") + "".join(gaps)
    )


def _pairs(record: RecordQuality, tell: Teller) -> str:
    found = [f"{column}: {tell.number(count)}" for column, count in record.not_numbers.items() if count]
    return ", ".join(found) or NOTHING


def _gaps(record: RecordQuality, tell: Teller) -> Markup:
    spans = [
        tag("li", f"{tell.moment(start)} – {tell.moment(end)} ({tell.length(end - start)})")
        for start, end in record.gaps
    ]
    summary = tell.text("quality.gaps", source=record.source, count=str(len(spans)))
    return tag("details", tag("summary", summary), tag("ul", *spans))


def parameters_table(result: StudyResult, tell: Teller) -> Markup:
    """Return what was asked for, by the names of the command's options."""
    if not result.parameters:
        return tag("p", tell.text("parameters.none"), class_="note")
    rows = [(name, _plain(value, tell)) for name, value in result.parameters.items()]
    head = (tell.text("parameters.name"), tell.text("parameters.value"))
    return tag("div", table(tell.text("parameters.title"), head, rows), class_="with-words")


def _plain(value: object, tell: Teller) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return tell.text("yes" if value else "no")
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, timedelta):
        return tell.length(value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(part, tell) for part in value)
    return str(value)


def versions_table(result: StudyResult, tell: Teller) -> Markup:
    """Return what software reckoned."""
    rows = list(result.versions.items())
    head = (tell.text("versions.name"), tell.text("versions.value"))
    listing = table(tell.text("versions.title"), head, rows) if rows else Markup()
    return tag("div", listing, class_="with-words")
