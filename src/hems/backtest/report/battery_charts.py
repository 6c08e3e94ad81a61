"""How the battery was used: cycles by month, how full it stood, and how long in which mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hems.backtest.outcome import StrategyOutcome, StudyResult
from hems.backtest.report.account import SOC_BIN_PCT, cycles_by_month, hours_by_mode, months, soc_shares_pct
from hems.backtest.report.colours import MODE_COLOURS
from hems.backtest.report.heat_maps import mode_chip
from hems.backtest.report.markup import Markup, table, tag
from hems.backtest.report.svg import (
    WIDE_PX,
    Frame,
    Scale,
    both,
    decimals_of,
    hit,
    picture,
    round_range,
    ticks_between,
    x_labels,
    y_axis,
)
from hems.backtest.report.teller import Teller

HALF_PX = 500.0
"""Two charts stand side by side on a desk."""


def battery_section(result: StudyResult, subject: StrategyOutcome, tell: Teller) -> Markup:
    """Return cycles by month beside the distribution of SoC, and the time in each mode."""
    spans = months(result)
    cycles = cycles_by_month(subject, spans)
    labels = [tell.short_month(span.first_day) for span in spans]
    tips = [
        f"{tell.month(span.first_day)}: {tell.number(value, 1)} {tell.text('battery.cycles.unit')}"
        for span, value in zip(spans, cycles, strict=True)
    ]
    shares = [float(share) for share in soc_shares_pct(subject.lived)]
    bins = [f"{tell.number(at * SOC_BIN_PCT)}" for at in range(len(shares))]
    soc_tips = [
        f"{low}–{tell.percent(float(low) + SOC_BIN_PCT, 0)}: {tell.text('battery.soc.tip', share=tell.percent(share))}"
        for low, share in zip(bins, shares, strict=True)
    ]
    pair = [
        _half("cycles", tell, lambda width: _bars("cycles", width, cycles, labels, tips, tell)),
        _half("soc", tell, lambda width: _bars("soc", width, shares, bins, soc_tips, tell)),
    ]
    return Markup(tag("div", *pair, class_="pair") + _modes(subject, tell))


def _half(name: str, tell: Teller, draw: Callable[[float], Markup]) -> Markup:
    return tag("figure", tag("h3", tell.text(f"battery.{name}")), both(draw))


def _bars(
    name: str, width: float, values: Sequence[float], labels: Sequence[str], tips: Sequence[str], tell: Teller
) -> Markup:
    is_narrow = width < WIDE_PX
    frame = Frame(width=width if is_narrow else HALF_PX, height=210, left=36, right=4, top=26, bottom=28)
    low, high = round_range(0.0, max([*values, 0.0]), 4)
    y = Scale(low=low, high=high, from_px=frame.y1, to_px=frame.y0)
    ticks = ticks_between(low, high, 4)
    parts = [
        y_axis(frame, y, ticks, [tell.number(tick, decimals_of(ticks)) for tick in ticks]),
        tag("text", tell.text(f"battery.{name}.axis"), x=0, y=12, class_="unit"),
    ]
    slot = (frame.x1 - frame.x0) / max(len(values), 1)
    wide = min(slot * 0.76, 60.0)
    for at, value in enumerate(values):
        middle = frame.x0 + slot * (at + 0.5)
        top = y(value)
        parts.append(tag("rect", x=middle - wide / 2, y=top, width=wide, height=frame.y1 - top, class_=f"bar b-{name}"))
        parts.append(hit(frame.x0 + slot * at, frame.y0, slot, frame.y1 - frame.y0, tips[at]))
    if name == "soc":
        scale = Scale(low=0.0, high=100.0, from_px=frame.x0, to_px=frame.x1)
        parts.append(x_labels(frame, [(scale(v), tell.percent(v, 0)) for v in (0.0, 25.0, 50.0, 75.0, 100.0)]))
    else:
        marks = [(frame.x0 + slot * (at + 0.5), label) for at, label in enumerate(labels)]
        parts.append(x_labels(frame, marks, with_ticks=False))
    about = tell.text(f"battery.{name}.about")
    return picture(frame, f"battery-{name}", tell.text(f"battery.{name}"), about, parts)


def _modes(subject: StrategyOutcome, tell: Teller) -> Markup:
    found = hours_by_mode(subject.lived)
    total = sum(hours for _, hours in found)
    if total <= 0.0:
        return Markup()
    strip = [
        tag(
            "i", style=f"flex-grow:{hours / total * 100:.3f};background:{MODE_COLOURS[name]}",
            data_tip=f"{tell.mode(name)}: {tell.percent(hours / total * 100)}",
        )
        for name, hours in found
    ]  # fmt: skip
    rows = [
        (
            Markup(mode_chip(name) + tag("span", tell.mode(name))),
            tell.number(hours, 1),
            tell.number(hours / total * 100, 1),
        )
        for name, hours in found
    ]
    head = (tell.text("battery.mode"), tell.text("battery.hours"), tell.text("battery.share"))
    return Markup(
        tag("h3", tell.text("battery.modes"))
        + tag("div", *strip, class_="strip", aria_hidden="true")
        + table(tell.text("battery.modes"), head, rows)
    )
