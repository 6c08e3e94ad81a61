"""What-if answers as pictures: bills under tariffs, saving against size, what was saved day by day.

Colours are those of Okabe and Ito, which people with any colour vision tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from hems.cli import what_if_output as out
from hems.cli.plan_picture import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hems.backtest.what_if.counterfactual import Counterfactual
    from hems.backtest.what_if.sizing import Size, SizingResult
    from hems.backtest.what_if.tariffs import OfferResult, TariffComparison

LINES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
MOST_ROWS = 40
"""As many tariffs stay readable in one picture; the cheapest are shown."""


def draw_tariffs(result: TariffComparison, file: Path) -> None:
    """Draw what each tariff costs a year: energy, fixed fees and wear as one bar, no battery as a mark beside it.

    Raises: PlotRefused: matplotlib is not installed, or ``file`` cannot be written.
    """
    shown = result.results[:MOST_ROWS]
    height = 1.9 + 0.3 * len(shown)
    figure = out.new_figure(11.5, height)
    span = out.span_words(result.first, result.last, result.zone, result.hours)
    below = (
        f"{Path(result.title).name}: {span}, scaled to a year; battery {result.battery_kwh:g} kWh, {result.strategy}"
    )
    out.head(figure, f"What the house pays under each tariff, {result.currency} a year", below)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.255, right=0.97, top=1.0 - 1.05 / height, bottom=0.65 / height)
    _draw_bars(axes, shown, result.per_year)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, fontsize=9.5, frameon=False, handlelength=1.4,
        columnspacing=1.6,
    )  # fmt: skip
    marks = {sign for one in shown for sign in out.marks_of(one.offer)}
    legend = "   ".join(f"{sign} {words}" for sign, words in out.MARKS.items() if sign in marks)
    figure.text(0.97, 0.1 / height, legend, fontsize=9, color=GREY, ha="right", va="bottom")
    out.save(figure, file)


def _draw_bars(axes: Axes, shown: Sequence[OfferResult], per_year: float) -> None:
    rows = range(len(shown))
    parts = {
        "energy": (BLUE, [one.with_battery.total - one.with_battery.fixed - one.with_battery.wear for one in shown]),
        "monthly fees": (SKY, [one.with_battery.fixed for one in shown]),
        "battery wear": (ORANGE, [one.with_battery.wear for one in shown]),
    }
    ends = [0.0] * len(shown)
    bottoms = [0.0] * len(shown)
    for label, (colour, amounts) in parts.items():
        scaled = [amount * per_year for amount in amounts]
        # What is earned lies left of 0, what is paid right of it.
        lefts = [bottom if value < 0.0 else end for value, bottom, end in zip(scaled, bottoms, ends, strict=True)]
        axes.barh(rows, scaled, left=lefts, color=colour, label=label, height=0.62, zorder=2)
        ends = [end + max(value, 0.0) for end, value in zip(ends, scaled, strict=True)]
        bottoms = [bottom + min(value, 0.0) for bottom, value in zip(bottoms, scaled, strict=True)]
    without = [one.without_battery.total * per_year for one in shown]
    axes.scatter(without, rows, marker="D", s=26, color=BLACK, label="without a battery", zorder=3)
    for row, one, end in zip(rows, shown, ends, strict=True):
        total = f"{one.with_battery.total * per_year:.0f}"
        axes.annotate(
            total, (end, row), textcoords="offset points", xytext=(4, 0), va="center", fontsize=9, color=BLACK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}, zorder=4,
        )  # fmt: skip
    axes.set_yticks(list(rows), [_name(one) for one in shown], fontsize=9.5)
    for text, one in zip(axes.get_yticklabels(), shown, strict=True):
        text.set_fontweight("bold" if one.offer.is_present else "normal")
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    out.dress(axes)
    axes.grid(axis="y", visible=False)


def _name(one: OfferResult) -> str:
    offer = one.offer
    energy = f"{'dynamic' if offer.contract == 'dynamic' else 'fixed'} {offer.seller or 'own'}"
    place = " ".join(part for part in (offer.operator, offer.group) if part)
    return f"{'▶ ' if offer.is_present else ''}{place or 'own network'}, {energy} {out.marks_of(offer)}".rstrip()


def draw_sizes(result: SizingResult, file: Path) -> None:
    """Draw the saving against the capacity, one line for each power; where panels vary, a heat map beside it.

    Raises: PlotRefused: as ``draw_tariffs``.
    """
    has_panels = len(result.grid.pv_factor) > 1
    figure = out.new_figure(12.5 if has_panels else 8.0, 5.6)
    span = out.span_words(result.first, result.last, result.zone, result.hours)
    out.head(
        figure,
        f"What a battery saves, {result.currency} a year",
        f"{span}, scaled to a year; {Path(result.title).name}",
    )
    boxes: Sequence[Axes] = figure.subplots(1, 2 if has_panels else 1, squeeze=False)[0]
    figure.subplots_adjust(left=0.065 if has_panels else 0.1, right=0.965, top=0.8, bottom=0.115, wspace=0.2)
    factor = 1.0 if 1.0 in result.grid.pv_factor else result.grid.pv_factor[0]
    _draw_lines(boxes[0], result, factor)
    if has_panels:
        _draw_heat_map(figure, boxes[1], result)
    out.save(figure, file)


def _draw_lines(axes: Axes, result: SizingResult, factor: float) -> None:
    for number, power in enumerate(result.grid.power_kw):
        found = [one for kwh in result.grid.battery_kwh if (one := result.at(kwh, power, factor)) is not None]
        if not found:
            continue
        xs, ys = [0.0, *(one.battery_kwh for one in found)], [0.0, *(one.saving for one in found)]
        axes.plot(
            xs, ys, color=LINES[number % len(LINES)], linewidth=2.2, marker="o", markersize=5, label=f"{power:g} kW"
        )
        _tell_payback(axes, found, is_last=number == len(result.grid.power_kw) - 1)
    axes.set_xlabel("battery, kWh", fontsize=10)
    axes.set_title(
        "over no battery" + ("" if factor == 1.0 else f", panels x {factor:g}"), fontsize=10.5, loc="left", color=GREY
    )
    axes.legend(loc="lower right", fontsize=9.5, frameon=False)
    low, high = axes.dataLim.y0, axes.dataLim.y1
    axes.set_ylim(min(0.0, 1.05 * low), max(1.12 * high, 1.0))
    axes.set_xlim(left=0.0)
    axes.set_xticks([0.0, *result.grid.battery_kwh], ["none", *(f"{kwh:g}" for kwh in result.grid.battery_kwh)])
    out.dress(axes)


def _tell_payback(axes: Axes, found: Sequence[Size], *, is_last: bool) -> None:
    """Write the years of pay-back above the line of the highest power."""
    if not is_last:
        return
    for one in found:
        if one.payback_years is not None:
            axes.annotate(
                f"{one.payback_years:.1f} years", (one.battery_kwh, one.saving), textcoords="offset points",
                xytext=(-7, 5), ha="right", fontsize=9, color=GREY,
            )  # fmt: skip


def _draw_heat_map(figure: Figure, axes: Axes, result: SizingResult) -> None:
    """Draw what batteries and panels save together; the highest power that was tried."""
    power = result.grid.power_kw[-1]
    capacities, factors = (0.0, *result.grid.battery_kwh), result.grid.pv_factor
    values = [[_shown(result.at(kwh, power if kwh else 0.0, factor)) for kwh in capacities] for factor in factors]
    mesh = axes.imshow(values, origin="lower", aspect="auto", cmap="cividis")
    low, high = mesh.get_clim()
    for row, line in enumerate(values):
        for place, value in enumerate(line):
            if value == value:
                is_dark = value < (low + high) / 2.0
                axes.text(place, row, f"{value:.0f}", ha="center", va="center", fontsize=9.5,
                          color="white" if is_dark else BLACK)  # fmt: skip
    axes.set_xticks(range(len(capacities)), [f"{kwh:g}" if kwh else "none" for kwh in capacities])
    axes.set_yticks(range(len(factors)), [f"x {factor:g}" for factor in factors])
    axes.set_xlabel("battery, kWh", fontsize=10)
    axes.set_ylabel("panels", fontsize=10)
    has_present = 1.0 in factors
    against = "over no battery and the present panels" if has_present else "over no battery, same panels"
    axes.set_title(f"{against}, {power:g} kW", fontsize=10.5, loc="left", color=GREY)
    axes.tick_params(labelsize=9.5, length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    figure.canvas.draw()


def _shown(one: Size | None) -> float:
    if one is None:
        return float("nan")
    return one.saving if one.saving_over_present is None else one.saving_over_present


def draw_counterfactual(result: Counterfactual, file: Path) -> None:
    """Draw what was saved over self-use: each day as a bar, and the sums as lines beside score and hindsight.

    Raises: PlotRefused: as ``draw_tariffs``.
    """
    days = [day for day in result.days if day.quarters]
    figure = out.new_figure(11.5, 6.6)
    real = result.sums["self_use"].cost - result.sums["real"].cost
    most = result.sums["self_use"].cost - result.sums["perfect_foresight"].cost
    done = f"Saved {real:.2f} {result.currency} over" if real >= 0.0 else f"Lost {-real:.2f} {result.currency} against"
    title = f"{done} self-use; hindsight would have saved {most:.2f}"
    below = f"{days[0].day} to {days[-1].day}, battery {result.battery_kwh:g} kWh, stored energy valued, wear counted"
    out.head(figure, title, f"{below}; {result.missing} quarters are missing" if result.missing else below)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.0, 1.2])
    figure.subplots_adjust(left=0.075, right=0.87, top=0.87, bottom=0.07, hspace=0.12)
    places = range(len(days))
    saved = {name: [day.cost["self_use"] - day.cost[name] for day in days] for name in result.sums}
    colours = [GREEN if value >= 0.0 else VERMILION for value in saved["real"]]
    upper.bar(places, saved["real"], color=colours, width=0.7, zorder=2)
    upper.set_ylabel(f"saved that day, {result.currency}", fontsize=10)
    lines = {"perfect_foresight": (GREY, "hindsight"), "real": (GREEN, "real"), "multi_factor": (ORANGE, "score")}
    for name, (colour, label) in lines.items():
        sums = list(accumulate(saved[name]))
        lower.plot(places, sums, color=colour, linewidth=2.8 if name == "real" else 1.8, marker="o", markersize=3)
        lower.annotate(
            f"{label} {sums[-1]:.1f}", (places[-1], sums[-1]), textcoords="offset points", xytext=(8, 0),
            va="center", fontsize=10, color=colour, fontweight="bold", annotation_clip=False,
        )  # fmt: skip
    lower.set_ylabel(f"saved in all, {result.currency}", fontsize=10)
    step = max(1, len(days) // 10)
    lower.set_xticks(list(places)[::step], [f"{day.day:%d.%m}" for day in days][::step])
    for axes in (upper, lower):
        axes.axhline(0.0, color=GREY, linewidth=0.8)
        out.dress(axes)
    out.save(figure, file)
