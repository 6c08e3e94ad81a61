"""A plan as one picture: modes, prices and the value of stored energy, powers, SoC, over local time.

Colours are those of Okabe and Ito, which people with any colour vision tell apart; what is estimated is also hatched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from hems.adapters.storage.json_text import why_refused
from hems.decision.sentences import Language, sentence_of
from hems.decision.wording import Wording
from hems.domain.command import Mode
from hems.domain.errors import PermanentError
from hems.domain.plan import Plan, PlannedSlot
from hems.domain.time_grid import MTU, floor_to_grid
from hems.domain.units import kw_from_w

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODE_COLOURS: Mapping[Mode, str] = {
    Mode.SELF_USE: "#BFE3D6",
    Mode.HOLD: "#F0E442",
    Mode.NO_CHARGE: "#56B4E9",
    Mode.CHARGE: "#0072B2",
    Mode.DISCHARGE: "#D55E00",
    Mode.STANDBY: "#BBBBBB",
}
BLACK, SKY, ORANGE, BLUE, VERMILION, PURPLE = "#222222", "#56B4E9", "#E69F00", "#0072B2", "#D55E00", "#CC79A7"
GREEN, GREY = "#009E73", "#777777"

LABELS: Mapping[Language, Mapping[str, str]] = {
    Language.ENGLISH: {
        "price": "{currency}/kWh",
        "power": "kW",
        "soc": "SoC, %",
        "buy": "buying price",
        "sell": "selling price",
        "worth": "value of a stored kWh",
        "estimated": "estimated",
        "load": "load",
        "pv": "solar",
        "battery": "battery (+ discharges)",
        "grid": "grid (+ imports)",
        "reserve": "reserve",
    },
    Language.POLISH: {
        "price": "{currency}/kWh",
        "power": "kW",
        "soc": "SoC, %",
        "buy": "cena zakupu",
        "sell": "cena sprzedaży",
        "worth": "wartość zmagazynowanej kWh",
        "estimated": "szacunek",
        "load": "zużycie",
        "pv": "słońce",
        "battery": "bateria (+ rozładowanie)",
        "grid": "sieć (+ pobór)",
        "reserve": "rezerwa",
    },
}
Place = Literal["upper left", "lower left"]

TITLE_CHARACTERS = 108
"""As many fit into a line of the title."""


class PlotRefused(PermanentError):
    """The picture cannot be drawn: matplotlib is missing, or the file cannot be written."""


def draw_plan(plan: Plan, file: Path, *, zone: ZoneInfo, language: Language) -> None:
    """Draw ``plan`` into the PNG ``file``, 2000 by 1400 dots.

    Raises: PlotRefused: matplotlib is not installed, or ``file`` cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotRefused(
            "pictures need matplotlib, which is not installed: add it with the extra `plots` "
            "(pip install 'goodwe-master-coordinator[plots]')"
        ) from error
    figure = Figure(figsize=(12.5, 8.75), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    _compose(figure, plan, zone, language)
    try:
        figure.savefig(file, format="png")
    except OSError as error:
        raise PlotRefused(f"{file}: not written: {why_refused(error)}") from error


def _compose(figure: Figure, plan: Plan, zone: ZoneInfo, language: Language) -> None:
    panels: Sequence[Axes] = figure.subplots(4, 1, sharex=True, height_ratios=[0.35, 2.6, 2.6, 1.5])
    figure.subplots_adjust(left=0.065, right=0.965, top=0.855, bottom=0.06, hspace=0.13)
    strip, prices, powers, soc = panels
    words = Wording(language, zone, plan.at)
    labels = LABELS[language]
    _title(figure, plan, zone, language)
    _draw_modes(strip, plan.slots, words)
    _draw_prices(prices, plan, labels, words)
    _draw_powers(powers, plan.slots, labels)
    _draw_soc(soc, plan, labels)
    for axes in panels:
        _dress(axes, plan, zone, is_strip=axes is strip)
    _time_axis(soc, plan.slots[0].start, plan.slots[-1].end, zone)


def _title(figure: Figure, plan: Plan, zone: ZoneInfo, language: Language) -> None:
    from textwrap import wrap

    sentence = sentence_of(plan.reasoning, plan.chosen, zone=zone, now=plan.at, language=language)
    lines = wrap(sentence, TITLE_CHARACTERS)
    at = plan.at.astimezone(zone)
    figure.text(0.065, 0.975, f"{at:%d.%m.%Y %H:%M}", fontsize=10, color=GREY, va="top")
    figure.text(0.065, 0.952, "\n".join(lines), fontsize=11.5, color=BLACK, va="top", fontweight="bold")


def _draw_modes(axes: Axes, slots: Sequence[PlannedSlot], words: Wording) -> None:
    from matplotlib.patches import Patch

    for slot in slots:
        start, end = _number(slot.start), _number(slot.end)
        axes.axvspan(start, end, color=MODE_COLOURS[slot.mode], linewidth=0)
        if slot.export_limit_w is not None:
            axes.axvspan(start, end, ymax=0.25, color=BLACK, linewidth=0)
    present = [mode for mode in MODE_COLOURS if any(slot.mode is mode for slot in slots)]
    handles = [Patch(color=MODE_COLOURS[mode], label=words.mode(mode, None)) for mode in present]
    if any(slot.export_limit_w is not None for slot in slots):
        handles.append(Patch(color=BLACK, label=NO_EXPORT[words.language]))
    _legend(axes, handles=handles, anchor=(0.0, 1.05), place="lower left")
    axes.set_yticks([])


NO_EXPORT = {Language.ENGLISH: "export stopped", Language.POLISH: "oddawanie wstrzymane"}


def _draw_prices(axes: Axes, plan: Plan, labels: Mapping[str, str], words: Wording) -> None:
    from matplotlib.patches import Patch

    slots = plan.slots
    lines = [
        _step(axes, slots, [slot.import_per_kwh for slot in slots], VERMILION, labels["buy"], width=1.8),
        _step(axes, slots, [slot.export_per_kwh for slot in slots], GREEN, labels["sell"], width=1.8),
        _step(
            axes, slots, [slot.stored_value_per_kwh for slot in slots], BLACK, labels["worth"], width=2.6, dashes="--"
        ),
    ]
    handles: list[Any] = lines
    guessed = [slot for slot in slots if slot.price_estimated]
    if guessed:
        for slot in guessed:
            axes.axvspan(_number(slot.start), _number(slot.end), facecolor="#F4F4F4", linewidth=0, zorder=0)
        span = (_number(guessed[0].start), _number(guessed[-1].end))
        axes.axvspan(*span, facecolor="none", edgecolor="#CFCFCF", hatch="///", linewidth=0, zorder=0.5)
        handles = [*lines, Patch(facecolor="#F4F4F4", edgecolor="#CFCFCF", hatch="///", label=labels["estimated"])]
    low = min(0.0, *(slot.export_per_kwh for slot in slots), *(slot.import_per_kwh for slot in slots))
    high = max(*(slot.import_per_kwh for slot in slots), *(slot.stored_value_per_kwh for slot in slots), 0.1)
    axes.set_ylim(low - 0.05 * (high - low), high + 0.22 * (high - low))
    axes.set_ylabel(labels["price"].format(currency=words.currency(plan.reasoning.currency)))
    _legend(axes, handles=handles)


def _draw_powers(axes: Axes, slots: Sequence[PlannedSlot], labels: Mapping[str, str]) -> None:
    edges = _edges(slots)
    pv = [kw_from_w(slot.pv_w - slot.curtailed_w) for slot in slots]
    battery = [kw_from_w(slot.battery_w) for slot in slots]
    grid = [kw_from_w(slot.grid_w) for slot in slots]
    load = [kw_from_w(slot.load_w) for slot in slots]
    handles: list[Any] = [
        axes.stairs(pv, edges, fill=True, color=ORANGE, alpha=0.45, label=labels["pv"], linewidth=0),
        axes.stairs(battery, edges, fill=True, color=BLUE, alpha=0.45, label=labels["battery"], linewidth=0),
        _step(axes, slots, load, BLACK, labels["load"], width=1.8),
        _step(axes, slots, grid, PURPLE, labels["grid"], width=1.8),
    ]
    every = [*pv, *battery, *grid, *load, 0.5]
    low, high = min(0.0, *every), max(every)
    axes.set_ylim(low - 0.06 * (high - low), high + 0.22 * (high - low))
    axes.set_ylabel(labels["power"])
    _legend(axes, handles=handles)


def _draw_soc(axes: Axes, plan: Plan, labels: Mapping[str, str]) -> None:
    times = [_number(plan.slots[0].start), *(_number(slot.end) for slot in plan.slots)]
    levels = [plan.soc_pct, *(slot.soc_pct for slot in plan.slots)]
    axes.fill_between(times, levels, color=SKY, alpha=0.35, linewidth=0)
    axes.plot(times, levels, color=BLUE, linewidth=2.0)
    reserve = plan.reasoning.reserve_pct
    axes.axhline(reserve, color=VERMILION, linewidth=1.2, linestyle=":")
    axes.annotate(
        labels["reserve"], (times[-1], reserve), textcoords="offset points", xytext=(-4, 3), ha="right",
        fontsize=9, color=VERMILION,
    )  # fmt: skip
    axes.set_ylim(0.0, 104.0)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_ylabel(labels["soc"])


def _dress(axes: Axes, plan: Plan, zone: ZoneInfo, *, is_strip: bool) -> None:
    for side in ("top", "right", *(("left", "bottom") if is_strip else ())):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=9, length=0 if is_strip else 3)
    for moment in _marks(plan.slots[0].start, plan.slots[-1].end, zone, every_hours=24):
        axes.axvline(_number(moment), color=GREY, linewidth=1.0, zorder=1)
    if not is_strip:
        axes.grid(axis="both", color="#E4E4E4", linewidth=0.7, zorder=0)
        axes.set_axisbelow(True)
        axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)


def _time_axis(axes: Axes, start: datetime, end: datetime, zone: ZoneInfo) -> None:
    """Mark local hours; made from instants in UTC, so that a day of 23 or 25 hours has as many."""
    marks = _marks(start, end, zone, every_hours=3)
    axes.set_xticks([_number(mark) for mark in marks], [_mark_label(mark.astimezone(zone)) for mark in marks])
    axes.set_xlim(_number(start), _number(end))


def _marks(start: datetime, end: datetime, zone: ZoneInfo, *, every_hours: int) -> list[datetime]:
    marks, moment = [], floor_to_grid(start)
    while moment <= end:
        local = moment.astimezone(zone)
        if moment >= start and local.minute == 0 and local.hour % every_hours == 0:
            marks.append(moment)
        moment += MTU
    return marks


def _mark_label(local: datetime) -> str:
    clock = f"{local:%H:%M}"
    return f"{clock}\n{local:%d.%m}" if local.hour == 0 else clock


def _step(
    axes: Axes,
    slots: Sequence[PlannedSlot],
    values: Sequence[float],
    colour: str,
    label: str,
    *,
    width: float,
    dashes: str = "-",
) -> Any:
    return axes.stairs(
        values, _edges(slots), baseline=None, color=colour, linewidth=width, linestyle=dashes, label=label
    )


def _legend(
    axes: Axes, *, handles: Sequence[Any], anchor: tuple[float, float] = (0.0, 1.0), place: Place = "upper left"
) -> None:
    axes.legend(
        handles=handles, loc=place, bbox_to_anchor=anchor, ncols=len(handles), fontsize=9.5, frameon=True,
        facecolor="white", edgecolor="none", framealpha=0.9,
        handlelength=1.6, columnspacing=1.6, borderaxespad=0.2,
    )  # fmt: skip


def _edges(slots: Sequence[PlannedSlot]) -> list[float]:
    return [_number(slots[0].start), *(_number(slot.end) for slot in slots)]


def _number(moment: datetime) -> float:
    """Return ``moment`` as a place on the time axis: days of UTC, which no change of clocks bends."""
    return moment.timestamp() / 86400.0
