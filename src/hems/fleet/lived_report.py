"""The page of a fleet's backtest: what each strategy saved, how that differs from home to home, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template

import numpy as np

from hems.backtest.outcome import IDLE_BATTERY, NO_BATTERY, PERFECT_FORESIGHT
from hems.backtest.report.markup import Content, Markup, flat, table, tag
from hems.backtest.report.svg import both
from hems.fleet.lived_summary import LivedSummary, StrategySums, quantiles
from hems.fleet.page_parts import histogram, section, tile

_HEADS = (
    "Strategy", "Saved", "Captured", "Saved a home: 10 % below", "half below", "90 % below",
    "Captured by a home: 10 % below", "half below", "90 % below", "Cycles a home",
)  # fmt: skip


def render_lived(title: str, span: str, summary: LivedSummary, currency: str) -> str:
    """Return the page as one HTML text without an address of any other host; ``span``: the days lived, as words."""
    names = [name for name in summary.strategies if name not in (NO_BATTERY, IDLE_BATTERY, PERFECT_FORESIGHT)]
    parts = [_head(title, span, summary), _tiles(summary, names, currency)]
    if summary.strategies:
        parts.append(_strategies(summary, currency))
    parts += _spread(summary, names, currency)
    parts += _errors(summary)
    source = files("hems.backtest.report")
    return Template(source.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        language="en",
        title=flat(f"{title} · fleet backtest"),
        style=source.joinpath("style.css").read_text(encoding="utf-8"),
        content="\n".join(parts),
        cells="null",
        script="",
        footer="Lived by hems fleet backtest; docs/fleet.md and docs/backtest.md say what each figure means.",
    )


def words(name: str) -> str:
    """Return a strategy's name for a person."""
    return name.replace("_", " ")


def _head(title: str, span: str, summary: LivedSummary) -> Markup:
    facts = f"{summary.homes} homes · {span}"
    return tag("header", tag("p", "Fleet backtest", class_="kind"), tag("h1", title), tag("p", facts, class_="facts"))


def _tiles(summary: LivedSummary, names: Sequence[str], currency: str) -> Markup:
    tiles = []
    if names:
        best = max(names, key=lambda name: summary.strategies[name].sums["saving_pln"])
        own = summary.strategies[best]
        said = f"{words(best)}, over idle batteries"
        tiles.append(tile("Saved", f"{own.sums['saving_pln']:,.2f} {currency}", said, is_first=True))
        tiles.append(tile("Per home", f"{own.sums['saving_pln'] / own.homes:,.2f} {currency}", f"of {own.homes} homes"))
        share = summary.captured_pct(best)
        if share is not None:
            tiles.append(tile("Captured", f"{share:.1f} %", f"of {summary.possible:,.2f} that perfect foresight saves"))
    tiles.append(tile("Left out", f"{summary.left_out_hours:,.1f} h", "load, PV or price unknown, all homes"))
    tiles.append(tile("Not lived", str(summary.failed), f"of {summary.homes} homes"))
    return tag("dl", *tiles, class_="tiles")


def _strategies(summary: LivedSummary, currency: str) -> Markup:
    rows: list[Sequence[Content]] = []
    for name, own in summary.strategies.items():
        share = summary.captured_pct(name)
        rows.append(
            (
                words(name),
                f"{own.sums['saving_pln']:,.2f}",
                "" if share is None else f"{share:.1f} %",
                *_three(own.savings, "{:,.2f}"),
                *_three(own.captured_pct, "{:.1f} %"),
                f"{own.sums['cycles'] / own.homes:,.1f}",
            )
        )
    note = f"Money in {currency}, over an idle battery; captured: of what perfect foresight saves in the same home."
    return section("strategies", "Strategies and yardsticks", note, table("Strategies and yardsticks", _HEADS, rows))


def _three(values: list[float], pattern: str) -> tuple[str, str, str]:
    low, middle, high = ("" if each is None else pattern.format(each) for each in quantiles(values))
    return low, middle, high


def _spread(summary: LivedSummary, names: Sequence[str], currency: str) -> list[Markup]:
    found = []
    for kind, title, note in (
        ("captured", "How much of the possible", "Homes by the share of perfect foresight's saving they reached [%]."),
        ("savings", "What homes save", f"Homes by what they saved over an idle battery [{currency}]."),
    ):
        figures = []
        by_name = {name: _values(summary.strategies[name], kind) for name in names}
        every = np.concatenate([*by_name.values(), np.zeros(0)])
        for name, values in by_name.items():
            if len(values):
                figures.append(_figure(f"{kind}-{name}", f"{title}: {words(name)}", words(name), (values, every)))
        if figures:
            found.append(section(kind, title, f"{note} The ends hold 1 % of homes each.", *figures))
    return found


def _values(own: StrategySums, kind: str) -> np.ndarray:
    return np.array(own.captured_pct if kind == "captured" else own.savings)


def _figure(name: str, title: str, caption: str, values: tuple[np.ndarray, np.ndarray]) -> Markup:
    chart = both(lambda width: histogram(width, name, title, *values))
    return tag("figure", tag("figcaption", caption), chart)


def _errors(summary: LivedSummary) -> list[Markup]:
    if not summary.errors:
        return []
    note = f"{summary.failed} homes were not lived; the others were. The first {len(summary.errors)}:"
    rows: list[Sequence[Content]] = [(name or "(no name)", why) for name, why in summary.errors]
    return [
        section("errors", "Homes that were not lived", note, table("Homes that were not lived", ("Home", "Why"), rows))
    ]
