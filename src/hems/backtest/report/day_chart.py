"""One local day: modes, prices, powers and SoC over the same hours, and why each decision was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hems.backtest.lived import MODE_NAMES, LivedPeriod
from hems.backtest.outcome import DayStory, StrategyOutcome, StudyResult
from hems.backtest.report.account import day_rows
from hems.backtest.report.colours import MODE_COLOURS
from hems.backtest.report.heat_maps import mode_chip, mode_legend
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
    step_path,
    ticks_between,
    x_labels,
    y_axis,
)
from hems.backtest.report.teller import Teller
from hems.backtest.report.time_axis import hour_marks
from hems.domain.measured import FloatArray

MODE_STRIP_PX, HEAD_PX, GAP_PX = 16.0, 24.0, 10.0
PANELS_PX = {False: (110.0, 170.0, 84.0), True: (92.0, 140.0, 76.0)}
"""Heights of prices, powers and SoC, wide and narrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lived:
    """A local day's rows, and the SoC at the start of the first; NaN where that is not known."""

    rows: LivedPeriod
    start: datetime
    end: datetime
    soc_before_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A day placed along an axis."""

    rows: LivedPeriod
    start: datetime
    x: Scale
    starts_px: FloatArray
    ends_px: FloatArray
    soc_before_pct: float

    def steps(self, column: FloatArray, y: Scale) -> str:
        """Return ``column`` as a path of steps."""
        tops = [y(value) for value in column.tolist()]
        return step_path(zip(self.starts_px.tolist(), self.ends_px.tolist(), tops, strict=True))


def day_section(story: DayStory, subject: StrategyOutcome, result: StudyResult, tell: Teller, name: str) -> Markup:
    """Return a day's charts and reasons; ``name`` is ``best``, ``worst`` or ``only``."""
    rows, start, end = day_rows(subject, story.day, result)
    title = tell.text(f"day.{name}", day=tell.day(story.day))
    head = tag("h3", title)
    saved = tag("p", tell.text(f"day.saved{'' if story.saving >= 0 else '.lost'}", money=tell.money(abs(story.saving))))
    if not len(rows):
        return tag("article", head, saved, tag("p", tell.text("day.nothing")), class_="day")
    legend = tag(
        "div", mode_legend(list(dict.fromkeys(MODE_NAMES[c] for c in rows.mode.tolist())), tell), _legend(tell)
    )
    before = soc_before(subject.lived, float(rows.start_s[0]))
    lived = _Lived(rows=rows, start=start, end=end, soc_before_pct=before)
    chart = both(lambda width: _picture(lived, width, tell, f"day-{name}", title))
    return tag("article", head, saved, legend, tag("figure", chart), _reasons(story, tell), class_="day")


def soc_before(lived: LivedPeriod, second: float) -> float:
    """Return the SoC [%] at the end of the row that ends at ``second``; NaN where there is none."""
    at = int(np.searchsorted(lived.start_s, second)) - 1
    if at < 0 or abs(lived.start_s[at] + lived.hours[at] * 3600.0 - second) > 1.0:
        return float("nan")
    return float(lived.soc_pct[at])


def _legend(tell: Teller) -> Markup:
    entries = [
        tag("span", tag("i", class_=f"stroke {kind}"), tell.text(f"day.{kind}"), class_="entry")
        for kind in ("buy", "sell", "load", "pv", "battery", "soc")
    ]
    return tag("p", *entries, class_="key")


def _reasons(story: DayStory, tell: Teller) -> Markup:
    if not story.reasons:
        return tag("p", tell.text("day.no_reasons"), class_="note")
    items = [
        tag(
            "li",
            tag("time", tell.clock(reason.start), datetime=reason.start.isoformat()),
            tag("span", mode_chip(reason.mode), tell.mode(reason.mode), class_="mode"),
            tag("span", reason.sentence, class_="why"),
        )
        for reason in story.reasons
    ]
    return tag("div", tag("h4", tell.text("day.reasons")), tag("ol", *items, class_="reasons"))


def _placed(lived: _Lived, left: float, right: float) -> _Day:
    x = Scale(low=lived.start.timestamp(), high=lived.end.timestamp(), from_px=left, to_px=right)
    per_second = (right - left) / (x.high - x.low)
    starts = left + (lived.rows.start_s.astype(np.float64) - x.low) * per_second
    ends = np.minimum(starts + lived.rows.hours * 3600.0 * per_second, right)
    return _Day(
        rows=lived.rows,
        start=lived.start,
        x=x,
        starts_px=starts,
        ends_px=ends,
        soc_before_pct=lived.soc_before_pct,
    )


def _picture(lived: _Lived, width: float, tell: Teller, name: str, title: str) -> Markup:
    is_narrow = width < WIDE_PX
    left, right = (48.0, 8.0) if not is_narrow else (40.0, 4.0)
    day = _placed(lived, left, width - right)
    heights = PANELS_PX[is_narrow]
    height = MODE_STRIP_PX + sum(heights) + 3 * (HEAD_PX + GAP_PX) + 26
    top, panels = MODE_STRIP_PX, []
    for panel in heights:
        top += GAP_PX + HEAD_PX
        panels.append(Frame(width=width, height=top + panel + 26, left=left, right=right, top=top, bottom=26))
        top += panel
    drawn = [_hours(day, panels, tell, every=6 if is_narrow else 3)]  # first, for lines of a grid lie below all others
    drawn += [_modes(day), _prices(day, panels[0], tell), _powers(day, panels[1], tell), _soc(day, panels[2], tell)]
    drawn += _hits(day, top, tell)
    whole = Frame(width=width, height=height, left=left, right=right, top=0, bottom=26)
    return picture(whole, name, title, tell.text("day.about"), drawn)


def _modes(day: _Day) -> Markup:
    """Draw runs of one mode as one piece each."""
    parts, codes = [], day.rows.mode.tolist()
    starts, ends = day.starts_px.tolist(), day.ends_px.tolist()
    first = 0
    for at in range(1, len(codes) + 1):
        goes_on = at < len(codes) and codes[at] == codes[first] and abs(starts[at] - ends[at - 1]) < 0.01
        if not goes_on:
            colour = MODE_COLOURS[MODE_NAMES[codes[first]]]
            wide = max(ends[at - 1] - starts[first], 0.0)
            parts.append(tag("rect", x=starts[first], y=0, width=wide, height=MODE_STRIP_PX, fill=colour))
            first = at
    return Markup("".join(parts))


def _panel(frame: Frame, y: Scale, ticks: Sequence[float], unit: str, tell: Teller) -> Markup:
    labels = [tell.number(tick, decimals_of(ticks)) for tick in ticks]
    return Markup(y_axis(frame, y, ticks, labels) + tag("text", unit, x=0, y=frame.y0 - 11, class_="unit"))


def _prices(day: _Day, frame: Frame, tell: Teller) -> Markup:
    both_prices = np.concatenate([day.rows.import_per_kwh, day.rows.export_per_kwh])
    low, high = round_range(min(0.0, float(np.nanmin(both_prices))), float(np.nanmax(both_prices)), 4)
    y = Scale(low=low, high=high, from_px=frame.y1, to_px=frame.y0)
    axis = _panel(frame, y, ticks_between(low, high, 4), f"{tell.currency}/kWh", tell)
    sell = tag("path", d=day.steps(day.rows.export_per_kwh, y), class_="line sell")
    return Markup(axis + sell + tag("path", d=day.steps(day.rows.import_per_kwh, y), class_="line buy"))


def _powers(day: _Day, frame: Frame, tell: Teller) -> Markup:
    load, pv, battery = (column / 1000.0 for column in (day.rows.load_w, day.rows.pv_w, day.rows.battery_w))
    most = max(float(np.nanmax(column)) for column in (load, pv, battery))
    low, high = round_range(min(0.0, float(np.nanmin(battery))), max(most, 0.1), 5)
    y = Scale(low=low, high=high, from_px=frame.y1, to_px=frame.y0)
    parts = [_panel(frame, y, ticks_between(low, high, 5), tell.text("day.kw"), tell)]
    sun = "".join(
        f"M{a:.1f} {y(0):.1f}V{y(v):.1f}H{b:.1f}V{y(0):.1f}Z"
        for a, b, v in zip(day.starts_px.tolist(), day.ends_px.tolist(), pv.tolist(), strict=True)
        if v > 0.0
    )
    parts.append(tag("path", d=sun, class_="area pv"))
    for a, b, v in zip(day.starts_px.tolist(), day.ends_px.tolist(), battery.tolist(), strict=True):
        if abs(v) < 0.005:
            continue
        top, bottom = sorted((y(v), y(0.0)))
        wide = max(b - a - min(1.0, 0.2 * (b - a)), 0.3)
        parts.append(tag("rect", x=a, y=top, width=wide, height=bottom - top, class_="store"))
    parts.append(tag("path", d=day.steps(pv, y), class_="line pv"))
    parts.append(tag("path", d=day.steps(load, y), class_="line load"))
    return Markup("".join(parts))


def _soc(day: _Day, frame: Frame, tell: Teller) -> Markup:
    y = Scale(low=0.0, high=100.0, from_px=frame.y1, to_px=frame.y0)
    axis = _panel(frame, y, (0.0, 50.0, 100.0), tell.text("day.percent"), tell)
    first = [(float(day.starts_px[0]), y(day.soc_before_pct))]
    points = first + [(x, y(v)) for x, v in zip(day.ends_px.tolist(), day.rows.soc_pct.tolist(), strict=True)]
    return Markup(axis + tag("path", d=line_path(points), class_="line soc"))


def _hours(day: _Day, panels: Sequence[Frame], tell: Teller, every: int) -> Markup:
    marks = hour_marks(day.start.astimezone(tell.zone).date(), tell.zone, every)
    placed = [(day.x(second), label) for second, label in marks] + [(day.x.to_px, "24:00")]
    lines = [tag("line", x1=x, x2=x, y1=frame.y0, y2=frame.y1, class_="grid") for frame in panels for x, _ in placed]
    return Markup("".join([*lines, x_labels(panels[-1], placed)]))


def _hits(day: _Day, bottom: float, tell: Teller) -> list[Markup]:
    rows, found = day.rows, []
    edges = zip(day.starts_px.tolist(), day.ends_px.tolist(), strict=True)
    for at, ((left, right), second) in enumerate(zip(edges, rows.start_s.tolist(), strict=True)):
        asked = rows.asked_w[at]
        mode = tell.mode(MODE_NAMES[int(rows.mode[at])])
        lines = [
            f"{tell.clock(second)} · {mode}{f' {tell.number(asked / 1000, 1)} kW' if np.isfinite(asked) else ''}",
            _named(tell, "buy", rows.import_per_kwh[at], f"{tell.currency}/kWh", 3),
            _named(tell, "sell", rows.export_per_kwh[at], f"{tell.currency}/kWh", 3),
            _named(tell, "load", rows.load_w[at] / 1000, "kW", 2),
            _named(tell, "pv", rows.pv_w[at] / 1000, "kW", 2),
            _named(tell, "battery", rows.battery_w[at] / 1000, "kW", 2),
            _named(tell, "soc", rows.soc_pct[at], "%", 0),
        ]
        found.append(hit(left, 0, right - left, bottom, "\n".join(lines)))
    return found


def _named(tell: Teller, kind: str, value: float, unit: str, decimals: int) -> str:
    return f"{tell.text(f'day.{kind}')}: {tell.with_unit(float(value), unit, decimals)}"
