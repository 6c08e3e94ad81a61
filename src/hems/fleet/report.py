"""The fleet's page: what homes save, what flows through the feeder with and without plans, the limit and its price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from string import Template

import numpy as np

from hems.backtest.report.markup import Content, Markup, flat, table, tag
from hems.backtest.report.svg import (
    Scale,
    both,
    decimals_of,
    picture,
    round_range,
    step_path,
    ticks_between,
    x_labels,
    y_axis,
)
from hems.fleet import batch_kernel as kernel
from hems.fleet.homes import FloatArray
from hems.fleet.page_parts import frame_of, histogram, section, tile
from hems.fleet.summary import FleetSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonLimit:
    """What the page says of a common limit; kW, money."""

    kw: float
    price_per_kwh: FloatArray
    peak_kw: float
    excess_kwh: float
    unavoidable_kwh: float
    cost: float
    bound: float


def render(title: str, summary: FleetSummary, limit: CommonLimit | None, seconds: float | None) -> str:
    """Return the page as one HTML text without an address of any other host; ``seconds``: what the run took."""
    parts = [_head(title, summary), _tiles(summary, limit, seconds)]
    savings = np.concatenate(summary.savings) if summary.savings else np.zeros(0)
    if len(savings):
        note = "How many homes save how much over an idle battery in the planned time; the ends hold 1 % of homes each."
        chart = both(lambda width: histogram(width, "savings", "Homes by what they save", savings))
        parts.append(section("savings", "What homes save", note, tag("figure", chart)))
    parts += _profile(summary, limit)
    parts += _troubles(summary)
    source = files("hems.backtest.report")
    return Template(source.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        language="en",
        title=flat(f"{title} · fleet"),
        style=source.joinpath("style.css").read_text(encoding="utf-8"),
        content="\n".join(parts),
        cells="null",
        script="",
        footer="Exact plans by hems fleet plan; docs/fleet.md says what each figure means.",
    )


def _head(title: str, summary: FleetSummary) -> Markup:
    facts = f"{summary.homes} homes"
    if summary.grid is not None and summary.totals_kw is not None:
        start, hours = summary.grid
        slots = summary.totals_kw.shape[1]
        facts += (
            f" · {slots} slots of {hours * 60:g} minutes from {datetime.fromtimestamp(start, UTC):%Y-%m-%d %H:%M} UTC"
        )
    return tag("header", tag("p", "Fleet", class_="kind"), tag("h1", title), tag("p", facts, class_="facts"))


def _tiles(summary: FleetSummary, limit: CommonLimit | None, seconds: float | None) -> Markup:
    sums, planned = summary.sums, max(summary.homes - summary.failed, 1)
    tiles = [
        tile("Saved", f"{sums['saving_pln']:,.2f}", "over idle batteries, what is stored counted", is_first=True),
        tile("Per home", f"{sums['saving_pln'] / planned:.2f}", "in the planned time"),
        tile("Cost", f"{sums['cost_pln']:,.2f}", f"idle: {sums['idle_cost_pln']:,.2f}"),
        tile("Not planned", str(summary.failed), f"of {summary.homes} homes"),
    ]
    if limit is not None:
        tiles.append(tile("Highest power", f"{limit.peak_kw:,.1f} kW", f"limit {limit.kw:,.1f} kW"))
        share = 100.0 * (limit.cost - limit.bound) / max(sums["saving_pln"], 1e-9)
        tiles.append(tile("Proven within", f"{limit.cost - limit.bound:.3f}", f"{share:.2f} % of the saving"))
    else:
        tiles.append(tile("Gap", f"{sums['gap_pln']:.3f}", "no plans can be cheaper by more"))
        if seconds is not None:
            tiles.append(tile("Plans per second", f"{planned / max(seconds, 1e-9):,.0f}", f"{seconds:.1f} s in all"))
    return tag("dl", *tiles, class_="tiles")


def _profile(summary: FleetSummary, limit: CommonLimit | None) -> list[Markup]:
    if summary.grid is None or summary.totals_kw is None:
        said = "The homes' slots begin at different times or differ in length: there is no common profile."
        return [tag("p", said, class_="banner plain")]
    start, hours = summary.grid
    note = "Import is above zero, export below. "
    if limit is not None:
        note += f"The limit of {limit.kw:g} kW is dashed. "
        if limit.excess_kwh > 0.005:  # else it would be shown as 0.00
            note += (
                f"{limit.excess_kwh:.2f} kWh are beyond it, {limit.unavoidable_kwh:.2f} of them whatever batteries do. "
            )
    totals = summary.totals_kw
    key = tag("p", _entry("s-optimal", "planned"), _entry("s-self-use", "idle batteries"), class_="key")
    lines = [("s-optimal", totals[kernel.PLANNED]), ("s-self-use", totals[kernel.IDLE])]
    marks = () if limit is None else (limit.kw, -limit.kw)
    chart = both(lambda width: _steps(width, "profile", "Power of all homes [kW]", lines, start, hours, marks))
    parts = [section("profile", "What flows through the feeder", note, key, tag("figure", chart))]
    if limit is not None:
        price = [("s-optimal", limit.price_per_kwh)]
        chart = both(lambda width: _steps(width, "price", "Price of the limit [per kWh]", price, start, hours, ()))
        note = (
            "What one kWh less through the feeder is worth: above zero where import is too much, below where export is."
        )
        parts.append(section("price", "The price of the limit", note, tag("figure", chart)))
    return parts


def _troubles(summary: FleetSummary) -> list[Markup]:
    parts = []
    if summary.errors:
        note = f"{summary.failed} homes were not planned; the others were. The first {len(summary.errors)}:"
        rows: list[Sequence[Content]] = [(name or "(no name)", why) for name, why in summary.errors]
        parts.append(
            section("errors", "Homes without a plan", note, table("Homes without a plan", ["Home", "Why"], rows))
        )
    slow: list[Sequence[Content]] = [
        (str(number), str(homes), f"{1000.0 * seconds:.1f}", f"{1e6 * seconds / max(homes, 1):.1f}")
        for number, homes, seconds in summary.slowest()
    ]
    heads = ["Chunk", "Homes", "ms", "µs a home"]
    note = "Where the time went: planning alone, on the worker that did it."
    parts.append(section("slowest", "Slowest chunks", note, table("Slowest chunks", heads, slow)))
    return parts


def _steps(
    width: float,
    name: str,
    title: str,
    lines: Sequence[tuple[str, FloatArray]],
    start: int,
    hours: float,
    limits: Sequence[float],
) -> Markup:
    frame = frame_of(width)
    slots = len(lines[0][1])
    values = np.concatenate([*(line for _, line in lines), np.array(limits), np.zeros(1)])
    low, high = round_range(float(values.min()), float(values.max()))
    x = Scale(low=0.0, high=float(slots), from_px=frame.x0, to_px=frame.x1)
    y = Scale(low=low, high=high, from_px=frame.y1, to_px=frame.y0)
    ticks = ticks_between(low, high, 6)
    labels = [f"{tick:.{decimals_of(ticks)}f}" for tick in ticks]
    drawn = [
        tag("line", x1=frame.x0, x2=frame.x1, y1=y(at), y2=y(at), class_="line s-perfect-foresight") for at in limits
    ]
    for kind, line in reversed(lines):
        path = step_path((x(t), x(t + 1), y(value)) for t, value in enumerate(line.tolist()))
        drawn.append(tag("path", d=path, class_=f"line {kind}"))
    every = max(1, round(6.0 / hours))
    marks = [
        (x(t), f"{datetime.fromtimestamp(start + round(t * hours * 3600), UTC):%m-%d %H:%M}")
        for t in range(0, slots, every)
    ]
    about = f"From {values.min():.2f} to {values.max():.2f} over {slots} slots, times in UTC."
    return picture(frame, name, title, about, y_axis(frame, y, ticks, labels), *drawn, x_labels(frame, marks))


def _entry(kind: str, name: str) -> Markup:
    return tag("span", tag("span", class_=f"chip {kind}", style="background: var(--s)"), name, class_="entry")
