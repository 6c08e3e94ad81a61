"""The parts every chart is made of: a frame of pixels, scales, ticks, axes, paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hems.backtest.report.markup import Content, Markup, compact, tag

WIDE_PX, NARROW_PX = 1040.0, 350.0
"""Every chart is drawn twice, for a desk and for a phone: text that shrinks with its picture cannot be read."""

_CHARACTER_PX = 6.6
"""About the mean width of a character of the 12-pixel labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture's size and the box inside its margins [px]."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float

    @property
    def is_narrow(self) -> bool:
        """Whether this is the drawing for a phone."""
        return self.width == NARROW_PX

    @property
    def x0(self) -> float:
        """The box's left edge."""
        return self.left

    @property
    def x1(self) -> float:
        """The box's right edge."""
        return self.width - self.right

    @property
    def y0(self) -> float:
        """The box's top edge."""
        return self.top

    @property
    def y1(self) -> float:
        """The box's bottom edge."""
        return self.height - self.bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps low..high to pixels."""

    low: float
    high: float
    from_px: float
    to_px: float

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``."""
        width = self.high - self.low
        share = 0.0 if width == 0.0 else (value - self.low) / width
        return self.from_px + share * (self.to_px - self.from_px)


def nice_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that cuts ``span`` into at most ``most`` parts."""
    if span <= 0.0 or not math.isfinite(span):
        return 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= rough * (1 - 1e-9))


def ticks_between(low: float, high: float, most: int) -> list[float]:
    """Return round values within low..high, at most about ``most``."""
    step = nice_step(high - low, most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [at * step for at in range(first, last + 1)]


def round_range(low: float, high: float, most: int = 5) -> tuple[float, float]:
    """Return the range that contains low..high and ends at ticks; never of no width."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        base = low if math.isfinite(low) else 0.0
        return min(base, 0.0), max(base, 0.0) if base else 1.0
    step = nice_step(high - low, most)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def decimals_of(ticks: Sequence[float]) -> int:
    """Return how many decimals tell ``ticks`` apart."""
    step = min((abs(b - a) for a, b in pairwise(ticks)), default=1.0)
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0.0 else 0


def picture(frame: Frame, name: str, title: str, about: str, *content: Content) -> Markup:
    """Return an SVG that says in words what it shows; ``name`` is its own on the page."""
    name = f"{name}-{'narrow' if frame.is_narrow else 'wide'}"
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", about, id=f"{name}-about"),
        *content,
        viewBox=f"0 0 {compact(frame.width)} {compact(frame.height)}",
        class_="narrow" if frame.is_narrow else "wide",
        role="img",
        aria_labelledby=f"{name}-title {name}-about",
    )


def both(draw: Callable[[float], Markup]) -> Markup:
    """Return a chart as drawn for a desk and for a phone; the page shows the one that fits."""
    return Markup(draw(WIDE_PX) + draw(NARROW_PX))


def y_axis(frame: Frame, scale: Scale, ticks: Sequence[float], labels: Sequence[str]) -> Markup:
    """Return horizontal lines with their labels on the left; that of zero is stronger."""
    parts = []
    for value, label in zip(ticks, labels, strict=True):
        y = scale(value)
        kind = "zero" if abs(value) < 1e-12 else "grid"
        parts.append(tag("line", x1=frame.x0, x2=frame.x1, y1=y, y2=y, class_=kind))
        parts.append(tag("text", label, x=frame.x0 - 7, y=y + 4, class_="end"))
    return Markup("".join(parts))


def x_labels(frame: Frame, marks: Sequence[tuple[float, str]], *, with_ticks: bool = True) -> Markup:
    """Return labels (pixel, text) below the box; those that would touch the one before are left out."""
    parts, free_from = [], -math.inf
    for x, label in marks:
        half = len(label) * _CHARACTER_PX / 2
        if with_ticks:
            parts.append(tag("line", x1=x, x2=x, y1=frame.y1, y2=frame.y1 + 4, class_="tick"))
        centre = min(max(x, half), frame.width - half)
        if centre - half < free_from:
            continue
        parts.append(tag("text", label, x=centre, y=frame.y1 + 18, class_="middle"))
        free_from = centre + half + 8
    return Markup("".join(parts))


def line_path(points: Iterable[tuple[float, float]]) -> str:
    """Return the ``d`` of a line through ``points``; a point that is not finite breaks it."""
    parts, pen = [], "M"
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        parts.append(f"{pen}{compact(x)} {compact(y)}")
        pen = "L"
    return "".join(parts)


def step_path(steps: Iterable[tuple[float, float, float]]) -> str:
    """Return the ``d`` of steps (from x, to x, y); steps that do not touch are not joined."""
    parts: list[str] = []
    last_x, last_y = math.nan, math.nan
    for x0, x1, y in steps:
        if not math.isfinite(y):
            last_x = math.nan
            continue
        if not math.isclose(x0, last_x, abs_tol=0.01):
            parts.append(f"M{compact(x0)} {compact(y)}")
        elif y != last_y:
            parts.append(f"V{compact(y)}")
        parts.append(f"H{compact(x1)}")
        last_x, last_y = x1, y
    return "".join(parts)


def hit(x: float, y: float, width: float, height: float, tip: str) -> Markup:
    """Return an unseen area that tells ``tip`` to whoever points at it."""
    return tag("rect", x=x, y=y, width=max(width, 0.5), height=height, class_="hit", data_tip=tip)
