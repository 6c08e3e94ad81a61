"""What the pages of a fleet are made of: large figures, cards, and how many homes have which value."""

from __future__ import annotations

import numpy as np

from hems.backtest.report.markup import Content, Markup, tag
from hems.backtest.report.svg import Frame, Scale, decimals_of, picture, round_range, ticks_between, x_labels, y_axis
from hems.fleet.homes import FloatArray

BARS = 40
_HEIGHT_PX = 260.0


def histogram(width: float, name: str, title: str, values: FloatArray, beside: FloatArray | None = None) -> Markup:
    """Return a picture of how many homes have which value; the ends hold 1 % of the homes each.

    ``beside``: all values of the pictures that it is compared with, whose axis is the same.
    """
    low, high = np.quantile(values if beside is None else beside, (0.01, 0.99)).tolist()
    bins = min(BARS, max(len(values) // 4, 5))
    counts, edges = np.histogram(np.clip(values, low, high), bins=bins, range=(low, high))
    frame = frame_of(width)
    top = round_range(0.0, float(counts.max()))[1]
    x = Scale(low=float(edges[0]), high=float(edges[-1]), from_px=frame.x0, to_px=frame.x1)
    y = Scale(low=0.0, high=top, from_px=frame.y1, to_px=frame.y0)
    ticks = ticks_between(0.0, top, 5)
    bars = []
    for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        here, width_px = y(float(count)), max(x(right) - x(left) - 1.0, 0.5)
        bars.append(tag("rect", x=x(left), y=here, width=width_px, height=frame.y1 - here, class_="bar b-cycles"))
    at = ticks_between(float(edges[0]), float(edges[-1]), 8)
    marks = [(x(value), f"{value:.{decimals_of(at)}f}") for value in at]
    about = f"From {values.min():.2f} to {values.max():.2f}, half of the homes above {np.median(values):.2f}."
    parts = (y_axis(frame, y, ticks, [f"{tick:g}" for tick in ticks]), *bars, x_labels(frame, marks))
    return picture(frame, name, title, about, *parts)


def frame_of(width: float) -> Frame:
    """Return where a picture of ``width`` is drawn."""
    return Frame(width=width, height=_HEIGHT_PX, left=56.0, right=12.0, top=12.0, bottom=28.0)


def tile(name: str, value: str, note: str, *, is_first: bool = False) -> Markup:
    """Return one of the large figures at the top."""
    inside = (tag("dt", name), tag("dd", value, class_="value"), tag("dd", note, class_="note"))
    return tag("div", *inside, class_="tile first" if is_first else "tile")


def section(name: str, title: str, note: str, *content: Content) -> Markup:
    """Return a card of the page."""
    return tag("section", tag("h2", title), tag("p", note, class_="note"), *content, class_=f"card {name}")
