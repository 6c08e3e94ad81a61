"""Savings over time: bars by month against what was possible, and the sum as it grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hems.backtest.outcome import IDLE_BATTERY, PERFECT_FORESIGHT, StudyResult
from hems.backtest.report.account import Month, compared, line_edges_s, local_days, months, savings_until
from hems.backtest.report.colours import series_classes
from hems.backtest.report.markup import Markup, tag
from hems.backtest.report.svg import (
    WIDE_PX,
    Frame,
    Scale,
    both,
    decimals_of,
    hit,
    line_path,
    picture,
    round_range,
    ticks_between,
    x_labels,
    y_axis,
)
from hems.backtest.report.teller import Teller
from hems.backtest.report.time_axis import date_marks
from hems.domain.measured import FloatArray
from hems.domain.time_grid import local_day_bounds

MOST_POINTS = 400
"""Of a line over the period: more than a screen has columns for a hand to point at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlySavings:
    """Savings over an idle battery [money]: by month, by strategy."""

    spans: tuple[Month, ...]
    by_name: dict[str, list[float]]
    days: tuple[float, ...]
    """How long was lived in each month [d]."""


def monthly_savings(result: StudyResult) -> MonthlySavings | None:
    """Return savings by month; None where nothing was lived, or no idle battery to compare with."""
    outcomes, spans = compared(result), months(result)
    if not outcomes or not spans or result.outcome(IDLE_BATTERY) is None:
        return None
    edges = [span.start_s for span in spans] + [spans[-1].end_s]
    by_name = {o.name: [float(v) for v in np.diff(savings_until(result, o, edges))] for o in outcomes}
    lived = outcomes[0].lived
    hours = [float(lived.hours[(lived.start_s >= a) & (lived.start_s < b)].sum()) for a, b in pairwise(edges)]
    return MonthlySavings(spans=tuple(spans), by_name=by_name, days=tuple(h / 24.0 for h in hours))


def months_chart(savings: MonthlySavings, tell: Teller) -> Markup:
    """Return grouped bars; what was possible stands behind each group."""
    return both(lambda width: _months_picture(savings, tell, width))


def _frame(width: float, height: float) -> Frame:
    return Frame(width=width, height=height, left=48 if width == WIDE_PX else 40, right=4, top=26, bottom=26)


def _months_picture(savings: MonthlySavings, tell: Teller, width: float) -> Markup:
    frame = _frame(width, 300 if width == WIDE_PX else 230)
    values = [0.0, *(value for column in savings.by_name.values() for value in column)]
    low, high = round_range(min(values), max(values))
    y = Scale(low=low, high=high, from_px=frame.y1, to_px=frame.y0)
    ticks = ticks_between(low, high, 5)
    slot = (frame.x1 - frame.x0) / len(savings.spans)
    parts = [y_axis(frame, y, ticks, [tell.number(tick, decimals_of(ticks)) for tick in ticks])]
    for at, _ in enumerate(savings.spans):
        # a lone month is no wider than one of a few
        room = min(slot, 180.0)
        parts.append(_month_group(savings, tell, at, frame.x0 + slot * (at + 0.5) - room / 2, room, y))
        parts.append(hit(frame.x0 + slot * at, frame.y0, slot, frame.y1 - frame.y0, _month_tip(savings, tell, at)))
    marks = [(frame.x0 + slot * (at + 0.5), _month_label(span, at, tell)) for at, span in enumerate(savings.spans)]
    parts.append(x_labels(frame, marks, with_ticks=False))
    parts.append(tag("text", tell.text("months.unit"), x=0, y=12, class_="unit"))
    about = tell.text("months.about", count=str(len(savings.spans)))
    return picture(frame, "months", tell.text("months.title"), about, parts)


def _month_label(span: Month, at: int, tell: Teller) -> str:
    month = tell.short_month(span.first_day)
    return f"{month} {span.first_day.year}" if at == 0 or span.first_day.month == 1 else month


def _month_group(savings: MonthlySavings, tell: Teller, at: int, left: float, width: float, y: Scale) -> Markup:
    classes = series_classes(list(savings.by_name))
    gap = width * 0.12
    parts = []
    if PERFECT_FORESIGHT in savings.by_name:
        value = savings.by_name[PERFECT_FORESIGHT][at]
        parts.append(_bar(left + gap, width - 2 * gap, value, y, classes[PERFECT_FORESIGHT], PERFECT_FORESIGHT))
    inner = [name for name in savings.by_name if name != PERFECT_FORESIGHT]
    room = (width - 2 * gap) * 0.88
    start, each = left + width / 2 - room / 2, room / max(len(inner), 1)
    for place, name in enumerate(inner):
        parts.append(_bar(start + each * place + 0.5, each - 1, savings.by_name[name][at], y, classes[name], name))
    return Markup("".join(parts))


def _bar(x: float, width: float, value: float, y: Scale, series: str, name: str) -> Markup:
    top, bottom = sorted((y(value), y(0.0)))
    return tag(
        "rect", x=x, y=top, width=max(width, 0.6), height=bottom - top, class_=f"bar {series}", data_series=name
    )  # fmt: skip


def _month_tip(savings: MonthlySavings, tell: Teller, at: int) -> str:
    lines = [f"{tell.month(savings.spans[at].first_day)} · {tell.days(savings.days[at])}"]
    lines += [
        f"{tell.name('strategy', name)}: {tell.with_unit(column[at], tell.currency, 2)}"
        for name, column in savings.by_name.items()
    ]
    return "\n".join(lines)


def growth_chart(result: StudyResult, tell: Teller) -> Markup:
    """Return the savings of all strategies as they grew."""
    edges = line_edges_s(result)
    curves = {outcome.name: savings_until(result, outcome, edges) for outcome in compared(result)}
    return both(lambda width: _growth_picture(result, tell, width, edges, curves))


def _growth_picture(
    result: StudyResult, tell: Teller, width: float, edges: FloatArray, curves: dict[str, FloatArray]
) -> Markup:
    frame = _frame(width, 280 if width == WIDE_PX else 220)
    values = [0.0, *(float(value) for curve in curves.values() for value in curve)]
    low, high = round_range(min(values), max(values))
    y = Scale(low=low, high=high, from_px=frame.y1, to_px=frame.y0)
    x = Scale(low=float(edges[0]), high=float(edges[-1]), from_px=frame.x0, to_px=frame.x1)
    ticks = ticks_between(low, high, 5)
    classes = series_classes(list(curves))
    stride = max(1, -(-len(edges) // MOST_POINTS))
    kept = sorted({*range(0, len(edges), stride), len(edges) - 1})
    parts = [y_axis(frame, y, ticks, [tell.number(tick, decimals_of(ticks)) for tick in ticks])]
    for name, curve in curves.items():
        path = line_path((x(float(edges[at])), y(float(curve[at]))) for at in kept)
        parts.append(tag("path", d=path, class_=f"line {classes[name]}", data_series=name))
    days = local_days(result)
    parts += _growth_hits(frame, x, edges, kept, [_growth_tip(tell, edges, at, curves) for at in kept[1:]])
    marks = [
        (max(x(local_day_bounds(days[at], tell.zone)[0].timestamp()), frame.x0), label)
        for at, label in date_marks(days, tell, is_narrow=frame.is_narrow)
    ]
    parts.append(x_labels(frame, marks))
    parts.append(tag("text", tell.text("growth.unit"), x=0, y=12, class_="unit"))
    return picture(frame, "growth", tell.text("growth.title"), tell.text("growth.about"), parts)


def _growth_hits(frame: Frame, x: Scale, edges: FloatArray, kept: Sequence[int], tips: Sequence[str]) -> list[Markup]:
    found = []
    for before, at, tip in zip(kept, kept[1:], tips, strict=False):
        left, right = x(float(edges[before])), x(float(edges[at]))
        found.append(hit(left, frame.y0, right - left, frame.y1 - frame.y0, tip))
    return found


def _growth_tip(tell: Teller, edges: FloatArray, at: int, curves: dict[str, FloatArray]) -> str:
    lines = [tell.text("growth.until", moment=tell.moment(tell.local(float(edges[at]))))]
    lines += [
        f"{tell.name('strategy', name)}: {tell.with_unit(float(curve[at]), tell.currency, 2)}"
        for name, curve in curves.items()
    ]
    return "\n".join(lines)
