"""The whole page, put together from its sections; it needs no script to be read, and no other host ever."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib.resources import files
from pathlib import PurePath
from string import Template

from hems.backtest.lived import LivedPeriod
from hems.backtest.outcome import DayStory, StrategyOutcome, StudyResult
from hems.backtest.report.account import (
    LEAST_DAYS_FOR_A_YEAR,
    compared,
    lived_days,
    local_days,
    per_year,
    subject_of,
)
from hems.backtest.report.battery_charts import battery_section
from hems.backtest.report.colours import series_classes
from hems.backtest.report.day_chart import day_section
from hems.backtest.report.heat_maps import cells, heat_maps
from hems.backtest.report.losses_chart import losses_section, shortfall
from hems.backtest.report.markup import Content, Markup, flat, tag
from hems.backtest.report.saving_charts import growth_chart, monthly_savings, months_chart
from hems.backtest.report.tables import (
    months_table,
    parameters_table,
    quality_table,
    strategies_table,
    versions_table,
)
from hems.backtest.report.teller import NOTHING, Teller
from hems.decision.wording import Language

FILE_ENDINGS = (".csv", ".parquet")
"""Of records that a backtest reads."""


def render(result: StudyResult, language: Language | str = Language.ENGLISH) -> str:
    """Return the report of ``result`` as one HTML page without an address of any other host.

    Raises: ValueError: no such language.
    """
    tell = Teller(Language(language), result.zone, result.currency)
    subject = subject_of(result)
    parts = [_head(result, subject, tell), _warnings(result, tell)]
    if subject is None:
        parts.append(tag("p", tell.text("nothing"), class_="banner"))
    else:
        parts += [_tiles(result, subject, tell), *_sections(result, subject, tell)]
    parts += [_strategies(result, tell), _method(result, tell)]
    return Template(_part("page.html")).substitute(
        language=tell.language.value,
        title=flat(f"{_name_of(result.title)} · {tell.text('page.title')}"),
        style=_part("style.css"),
        content="\n".join(parts),
        cells=_as_script(cells(result, subject, tell)) if subject is not None else "null",
        script=_part("page.js"),
        footer=flat(tell.text("page.footer")),
    )


def _part(name: str) -> str:
    return files("hems.backtest.report").joinpath(name).read_text(encoding="utf-8")


def _as_script(value: object) -> str:
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c")


def _head(result: StudyResult, subject: StrategyOutcome | None, tell: Teller) -> Markup:
    last = tell.local(result.last - timedelta(seconds=1))
    facts = tell.text(
        "page.facts",
        first=f"{tell.local(result.first):%Y-%m-%d}",
        last=f"{last:%Y-%m-%d}",
        length=tell.days((result.last - result.first) / timedelta(days=1)),
        battery=tell.with_unit(result.battery_kwh, "kWh", 1),
        zone=str(result.zone),
    )
    parts = [
        tag("p", tell.text("page.title"), class_="kind"),
        tag("h1", _name_of(result.title)),
        tag("p", facts, class_="facts"),
    ]
    if subject is not None:
        parts.append(tag("p", _headline(result, subject, tell), class_="headline"))
    return tag("header", *parts)


def _name_of(title: str) -> str:
    """Return ``title``; of a file's path only the file's name, for the data's table tells the rest."""
    return PurePath(title).name if title.endswith(FILE_ENDINGS) else title


def _headline(result: StudyResult, subject: StrategyOutcome, tell: Teller) -> str:
    figures = subject.figures
    fields = {"name": tell.name("strategy", subject.name), "money": tell.money(abs(figures.saving_pln))}
    sentence = tell.text("headline.saved" if figures.saving_pln >= 0 else "headline.cost", **fields)
    share = tell.percent(figures.captured_pct)
    if figures.saving_pln >= 0 and share != NOTHING:
        sentence += tell.text("headline.captured", share=share, possible=tell.money(result.possible_saving))
    sentence += "."
    self_use = result.outcome("self_use")
    if self_use is not None and self_use is not subject:
        more = figures.saving_pln - self_use.figures.saving_pln
        key = "headline.more" if more >= 0 else "headline.less"
        sentence += " " + tell.text(key, money=tell.money(abs(more)))
    return sentence


def _warnings(result: StudyResult, tell: Teller) -> Markup:
    lines = []
    if result.is_interrupted:
        lines.append(tell.text("warning.interrupted", last=tell.moment(result.last)))
    if result.left_out_hours > 0.0:
        whole = (result.last - result.first) / timedelta(hours=1)
        share = 100.0 * result.left_out_hours / whole if whole > 0.0 else None
        hours = tell.with_unit(result.left_out_hours, "h", 1)
        lines.append(tell.text("warning.left_out", hours=hours, share=tell.percent(share, 2)))
    told = [(lines, "banner"), (list(result.remarks), "banner plain")]
    return Markup("".join(tag("ul", *(tag("li", line) for line in kept), class_=kind) for kept, kind in told if kept))


def _tiles(result: StudyResult, subject: StrategyOutcome, tell: Teller) -> Markup:
    figures, days = subject.figures, lived_days(subject.lived)
    yearly = per_year(figures.saving_pln, days)
    self_use = result.outcome("self_use")
    over = None if self_use is None or self_use is subject else figures.saving_pln - self_use.figures.saving_pln
    cycles_a_day = figures.cycles / days if days > 0.0 else None
    year_note = tell.text("tile.year.note") if yearly is not None else tell.text(
        "tile.year.short", days=tell.number(LEAST_DAYS_FOR_A_YEAR)
    )  # fmt: skip
    tiles = [
        _tile(tell.text("tile.saved"), tell.money(figures.saving_pln), tell.text("tile.saved.note"), is_first=True),
        _tile(tell.text("tile.year"), tell.money(yearly), year_note),
        _tile(tell.text("tile.captured"), tell.percent(figures.captured_pct), tell.text("tile.captured.note")),
        _tile(tell.text("tile.over"), tell.money(over, signed=True), tell.text("tile.over.note")),
        _tile(
            tell.text("tile.cycles"),
            tell.number(figures.cycles, 1),
            tell.text("tile.cycles.note", count=tell.number(cycles_a_day, 2)),
        ),
        _tile(tell.text("tile.changes"), tell.number(figures.mode_changes_per_day, 1), tell.text("tile.changes.note")),
    ]
    return tag("dl", *tiles, class_="tiles")


def _tile(name: str, value: str, note: str, *, is_first: bool = False) -> Markup:
    return tag(
        "div", tag("dt", name), tag("dd", value, class_="value"), tag("dd", note, class_="note"),
        class_="tile first" if is_first else "tile",
    )  # fmt: skip


def _sections(result: StudyResult, subject: StrategyOutcome, tell: Teller) -> list[Markup]:
    name = tell.name("strategy", subject.name)
    parts = []
    savings = monthly_savings(result)
    if savings is not None:
        legend = _series_legend(result, tell)
        body = [legend, tag("figure", months_chart(savings, tell)), months_table(savings, tell)]
        parts.append(_section("months", tell.text("months.title"), tell.text("months.note"), *body))
        growth = tag("figure", growth_chart(result, tell))
        parts.append(_section("growth", tell.text("growth.title"), tell.text("growth.note"), legend, growth))
    if len(local_days(result)) > 1:
        maps = heat_maps(result, subject, tell)
        parts.append(_section("maps", tell.text("maps.title"), tell.text("maps.note", name=name), maps))
    stories = [day_section(story, subject, result, tell, kind) for kind, story in _stories(result, subject)]
    if stories:
        title = tell.text("days.title" if len(stories) > 1 else "days.title.one")
        parts.append(_section("days", title, tell.text("days.note", name=name), *stories))
    battery = battery_section(result, subject, tell)
    parts.append(_section("battery", tell.text("battery.title"), tell.text("battery.note", name=name), battery))
    lost = shortfall(result)
    if lost is not None:
        parts.append(
            _section("losses", tell.text("losses.title"), tell.text("losses.note"), losses_section(lost, tell))
        )
    return parts


def _stories(result: StudyResult, subject: StrategyOutcome) -> list[tuple[str, DayStory]]:
    """Return the best and the worst day; of a period of one day, that day instead of a map of a single column."""
    days = local_days(result)
    if len(days) == 1:
        only = result.best_day or DayStory(day=days[0], saving=subject.figures.saving_pln, reasons=())
        return [("only", only)]
    told = (("best", result.best_day), ("worst", result.worst_day))
    return [(kind, story) for kind, story in told if story is not None]


def _section(name: str, title: str, note: str, *content: Content) -> Markup:
    heading = tag("h2", title, id=f"{name}-heading")
    return tag(
        "section", heading, tag("p", note, class_="note"), *content, class_=f"card {name}",
        aria_labelledby=f"{name}-heading",
    )  # fmt: skip


def _series_legend(result: StudyResult, tell: Teller) -> Markup:
    names = [outcome.name for outcome in compared(result)]
    classes = series_classes(names)
    entries = [
        tag(
            "span",
            tag("i", class_=f"chip {classes[name]}"),
            tell.name("strategy", name),
            class_="entry series",
            data_series=name,
        )
        for name in names
    ]
    return tag("p", *entries, class_="key")


def _strategies(result: StudyResult, tell: Teller) -> Markup:
    if not result.outcomes:
        return Markup()
    note = tell.text("strategies.note")
    return _section("strategies", tell.text("strategies.title"), note, strategies_table(result, tell))


def _method(result: StudyResult, tell: Teller) -> Markup:
    lived = max((outcome.lived for outcome in result.outcomes), key=len, default=None)
    seconds = sum(outcome.figures.seconds for outcome in result.outcomes)
    texts = [
        tag("p", tell.text(key))
        for key in ("method.same", "method.known", "method.captured", "method.stored", "method.cycles")
    ]
    texts.append(
        tag(
            "p",
            tell.text(
                "method.time",
                rows=tell.number(_rows(lived)),
                seconds=tell.with_unit(seconds, "s", 1),
                forecasts=tell.with_unit(result.forecast_seconds, "s", 1),
                value=tell.with_unit(result.left_value_per_kwh, f"{tell.currency}/kWh", 2),
                possible=tell.with_unit(result.possible_saving, tell.currency, 2),
                gap=tell.with_unit(result.possible_gap, tell.currency, 2),
            ),
        )
    )
    pair = tag("div", parameters_table(result, tell), versions_table(result, tell), class_="pair")
    quality = quality_table(result, tell) if result.quality else Markup()
    body = [tag("div", *texts, class_="prose"), quality, pair]
    return _section("method", tell.text("method.title"), tell.text("method.note"), *body)


def _rows(lived: LivedPeriod | None) -> int:
    return 0 if lived is None else len(lived)
