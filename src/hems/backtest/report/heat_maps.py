"""Price, mode and SoC of every quarter of an hour of the period: three maps over the same days and hours."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hems.backtest.lived import MODE_NAMES
from hems.backtest.outcome import StrategyOutcome, StudyResult
from hems.backtest.report.account import local_days
from hems.backtest.report.colours import CHEAP_TO_DEAR, EMPTY_TO_FULL, MODE_COLOURS, NEGATIVE, gradient
from hems.backtest.report.markup import Markup, tag
from hems.backtest.report.raster import CELLS, CLEAR, DayGrid, grid_of, png_uri, ramp, rgb_of, shades
from hems.backtest.report.svg import WIDE_PX, Frame, both, picture, x_labels
from hems.backtest.report.teller import NOTHING, Teller
from hems.backtest.report.time_axis import date_marks
from hems.domain.measured import FloatArray

SHADES = 120
NEGATIVE_SHADES = 40
RARE_PCT = 1.0
"""Prices rarer than this at either end share one colour, else a single peak would make all other days look alike."""

WIDEST_DAY_PX = 46.0
"""A short period does not fill the width: a day would be broader than it is tall."""

HOUR_PX = {True: 5.5, False: 7.5}
"""Height of an hour, by whether the drawing is the narrow one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRange:
    """The prices that get a colour of their own [money/kWh]."""

    low: float
    high: float
    is_cut_low: bool
    is_cut_high: bool


def heat_maps(result: StudyResult, subject: StrategyOutcome, tell: Teller) -> Markup:
    """Return the maps with their legends, and the values under them for whoever points at a cell."""
    grid = grid_of(subject.lived, local_days(result), result.zone)
    price, soc = grid.pick(subject.lived.import_per_kwh), grid.pick(subject.lived.soc_pct)
    mode = grid.pick(subject.lived.mode.astype(np.float64))
    span = price_range(price)
    figures = [
        _map("price", _price_uri(price, span), grid, tell, price_legend(span, tell)),
        _map("mode", _mode_uri(mode), grid, tell, mode_legend(_modes_in(mode), tell)),
    ]
    if np.isfinite(soc).any():
        figures.append(_map("soc", _soc_uri(soc), grid, tell, _soc_legend(tell)))
    return Markup("".join(figures))


def cells(result: StudyResult, subject: StrategyOutcome, tell: Teller) -> dict[str, object]:
    """Return the maps' values for the page's script: base64 of little-endian columns, day after day.

    Prices in steps of ``step`` (the most negative number: nothing), modes by code and SoC in whole % (255: nothing).
    """
    grid = grid_of(subject.lived, local_days(result), result.zone)
    price, soc = grid.pick(subject.lived.import_per_kwh).T, grid.pick(subject.lived.soc_pct).T
    mode = grid.pick(subject.lived.mode.astype(np.float64)).T
    most = float(np.nanmax(np.abs(price))) if np.isfinite(price).any() else 0.0
    step = max(0.0001, 10.0 ** math.ceil(math.log10(most / 32000.0))) if most > 0.0 else 0.0001
    steps = np.where(np.isfinite(price), np.rint(np.nan_to_num(price) / step), -32768)
    return {
        "first": grid.days[0].isoformat(),
        "days": len(grid.days),
        "slots": CELLS,
        "step": step,
        "price": _base64(steps.astype("<i2")),
        "mode": _base64(np.where(np.isfinite(mode), np.nan_to_num(mode), CLEAR).astype(np.uint8)),
        "soc": _base64(np.where(np.isfinite(soc), np.rint(np.nan_to_num(soc)), CLEAR).astype(np.uint8)),
        "modes": [tell.mode(name) for name in MODE_NAMES],
        "unit": f"{tell.currency}/kWh",
        "decimal": tell.number(0.5, 1)[1],
        "nothing": tell.text("map.nothing"),
    }


def _base64(values: NDArray[np.int16] | NDArray[np.uint8]) -> str:
    return b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def price_range(price: FloatArray) -> PriceRange:
    """Return the range of all prices but the rarest."""
    known = price[np.isfinite(price)]
    if not len(known):
        return PriceRange(low=0.0, high=1.0, is_cut_low=False, is_cut_high=False)
    low, high = (float(v) for v in np.percentile(known, [RARE_PCT, 100.0 - RARE_PCT]))
    if high - low < 1e-6:
        low, high = float(known.min()), float(known.max())
    return PriceRange(low=low, high=high, is_cut_low=float(known.min()) < low, is_cut_high=float(known.max()) > high)


def _price_uri(price: FloatArray, span: PriceRange) -> str:
    floor = max(span.low, 0.0)
    index = shades(price, floor, max(span.high, floor), SHADES)
    below = price < 0.0
    blues = shades(price, min(span.low, -1e-9), 0.0, NEGATIVE_SHADES) + np.uint8(SHADES)
    return png_uri(np.where(below, blues, index), ramp(CHEAP_TO_DEAR, SHADES) + ramp(NEGATIVE, NEGATIVE_SHADES))


def _mode_uri(mode: FloatArray) -> str:
    index = np.where(np.isfinite(mode), np.nan_to_num(mode), CLEAR).astype(np.uint8)
    return png_uri(index, [rgb_of(MODE_COLOURS[name]) for name in MODE_NAMES])


def _soc_uri(soc: FloatArray) -> str:
    return png_uri(shades(soc, 0.0, 100.0, SHADES), ramp(EMPTY_TO_FULL, SHADES))


def _modes_in(mode: FloatArray) -> list[str]:
    return [MODE_NAMES[int(code)] for code in np.unique(mode[np.isfinite(mode)])]


def price_legend(span: PriceRange, tell: Teller) -> Markup:
    """Return the colours of prices; those below zero apart."""
    parts = []
    if span.low < 0.0:
        low = f"≤{tell.number(span.low, 2)}" if span.is_cut_low else tell.number(span.low, 2)
        parts += [tag("span", low), _bar_of(NEGATIVE), tag("span", "<0", class_="apart")]
    floor = max(span.low, 0.0)
    first = f"≤{tell.number(floor, 2)}" if span.is_cut_low and span.low > 0.0 else tell.number(floor, 2)
    last = f"≥{tell.number(span.high, 2)}" if span.is_cut_high else tell.number(max(span.high, floor), 2)
    parts += [tag("span", first), _bar_of(CHEAP_TO_DEAR), tag("span", f"{last} {tell.currency}/kWh")]
    return tag("p", *parts, class_="key")


def _bar_of(stops: Sequence[str]) -> Markup:
    return tag("i", class_="ramp", style=f"background:{gradient(stops)}")


def _soc_legend(tell: Teller) -> Markup:
    return tag("p", tag("span", "0"), _bar_of(EMPTY_TO_FULL), tag("span", tell.percent(100, 0)), class_="key")


def mode_legend(names: Sequence[str], tell: Teller) -> Markup:
    """Return the colours of the modes that occur."""
    chips = [tag("span", mode_chip(name), tell.mode(name), class_="entry") for name in names]
    return tag("p", *chips, class_="key") if chips else tag("p", NOTHING, class_="key")


def mode_chip(name: str) -> Markup:
    """Return a small square in a mode's colour."""
    return tag("i", class_="chip", style=f"background:{MODE_COLOURS.get(name, '#777777')}")


def _map(name: str, uri: str, grid: DayGrid, tell: Teller, legend: Markup) -> Markup:
    head = tag("div", tag("h3", tell.text(f"map.{name}")), legend, class_="figure-head")
    return tag("figure", head, both(lambda width: _map_picture(name, uri, grid, tell, width)))


def _map_picture(name: str, uri: str, grid: DayGrid, tell: Teller, width: float) -> Markup:
    is_narrow = width < WIDE_PX
    height = 24 * HOUR_PX[is_narrow]
    frame = Frame(width=width, height=height + 34, left=48 if not is_narrow else 40, right=4, top=6, bottom=28)
    each = min((frame.x1 - frame.x0) / len(grid.days), WIDEST_DAY_PX)
    parts = []
    for hour in (0, 6, 12, 18, 24):
        y = frame.y0 + hour / 24 * height
        parts.append(tag("line", x1=frame.x0 - 4, x2=frame.x0, y1=y, y2=y, class_="tick"))
        parts.append(tag("text", f"{hour:02d}:00", x=frame.x0 - 7, y=y + 4, class_="end"))
    size = {"x": frame.x0, "y": frame.y0, "width": each * len(grid.days), "height": height}
    parts.append(tag("rect", class_="empty", **size))
    parts.append(tag("image", href=uri, preserveAspectRatio="none", class_="cells", data_map=name, **size))
    marks = [(frame.x0 + each * at, label) for at, label in date_marks(grid.days, tell, is_narrow=is_narrow)]
    parts.append(x_labels(frame, marks))
    return picture(frame, f"map-{name}", tell.text(f"map.{name}"), tell.text(f"map.{name}.about"), parts)
