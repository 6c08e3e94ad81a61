"""The prices as a person sees them in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.text import Text

Json = dict[str, Any]

BLOCKS = "▁▂▃▄▅▆▇█"
QUARTER_S = 900
LABEL_WIDTH = 10
LONGEST_DAY = 100
"""Quarters of the local day on which summer time ends."""
BLOCK_SIZES = {1: "", 2: "half hours; ", 4: "hours; "}
"""Quarters that one block may stand for, and how the legend says so."""
WIDTH = 119


def price_panel(document: Json, zone: ZoneInfo) -> Panel:
    """Return today's and tomorrow's prices, and why they are estimated where fetching fails."""
    slots = document.get("price_slots") or []
    context = document.get("price") or {}
    title = "price"
    if context.get("price_per_mwh") is not None:
        origin = context["origin"].replace("_", " ")
        title = f"price now {context['price_per_mwh']:.2f} {context['currency']}/MWh ({origin})"
        if context.get("import_per_kwh") is not None:
            buy, sell = context["import_per_kwh"], context["export_per_kwh"]
            title += f" · buy {buy:.3f}, sell {sell:.3f} {context['currency']}/kWh"
    body: list[RenderableType] = [Text("no prices yet", style="dim")]
    if slots:
        body = [PriceChart(slots, zone, document["at"])]
    remarks = (document.get("prices") or {}).get("tariff_remarks") or []
    body += [Text(remark, style="dim", no_wrap=True, overflow="ellipsis") for remark in remarks]
    if any(slot["origin"] != "published" for slot in slots) or not slots:
        body += [
            Text(line, style="yellow", no_wrap=True, overflow="ellipsis") for line in _fetch_problems(document, zone)
        ]
    return Panel(Group(*body), title=title, title_align="left", width=WIDTH)


@dataclass(frozen=True, slots=True)
class PriceChart:
    """The prices as blocks, as fine as the width has room for when it is drawn; ``at`` is now."""

    slots: Sequence[Json]
    zone: ZoneInfo
    at: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the chart."""
        yield price_chart(self.slots, self.zone, self.at, options.max_width)


def price_chart(slots: Sequence[Json], zone: ZoneInfo, at: str, width: int) -> Text:
    """Return a line of blocks per local day; estimated blocks are dim, the present one is marked.

    A block is a quarter where ``width`` has room for the longest day, else the mean of half an hour or of an hour.
    """
    low = min(slot["price_per_mwh"] for slot in slots)
    high = max(slot["price_per_mwh"] for slot in slots)
    size = next((size for size in BLOCK_SIZES if LABEL_WIDTH + LONGEST_DAY // size <= width), max(BLOCK_SIZES))
    now = datetime.fromisoformat(at).timestamp()
    chart = Text()
    day = None
    for local_day, start_s, block in _blocks(slots, zone, size):
        if local_day != day:
            day = local_day
            chart.append(f"{chr(10) if chart else ''}{local_day:%a %d.%m} ", style="dim")
        price_per_mwh = sum(slot["price_per_mwh"] for slot in block) / len(block)
        level = 0 if high == low else round((price_per_mwh - low) / (high - low) * (len(BLOCKS) - 1))
        is_estimated = any(slot["origin"] != "published" for slot in block)
        is_now = 0 <= now - start_s < size * QUARTER_S
        style = "bold bright_white" if is_now else _price_style(price_per_mwh, estimated=is_estimated)
        chart.append(BLOCKS[level], style=style)
    legend = f"lowest {low:.0f}, highest {high:.0f} per MWh; {BLOCK_SIZES[size]}dim is estimated"
    chart.append(f"\n{'':{LABEL_WIDTH}}{legend}", style="dim")
    return chart


def _blocks(slots: Sequence[Json], zone: ZoneInfo, size: int) -> Iterator[tuple[date, int, list[Json]]]:
    """Return each block's local day, its start [s since 1970] and the slots it stands for."""

    def block_of(slot: Json) -> tuple[date, int]:
        start = datetime.fromisoformat(slot["start"])
        span_s = size * QUARTER_S
        return start.astimezone(zone).date(), int(start.timestamp()) // span_s * span_s

    for (local_day, start_s), block in groupby(slots, key=block_of):
        yield local_day, start_s, list(block)


def _fetch_problems(document: Json, zone: ZoneInfo) -> list[str]:
    """Return a line on the first market whose latest fetch failed, the time of the next attempt before the reason."""
    for feed in ((document.get("prices") or {}).get("markets") or {}).values():
        if feed["failing"] and feed["last_error"] is not None:
            again = feed["next_attempt_at"]
            when = f"{datetime.fromisoformat(again).astimezone(zone):%H:%M:%S}" if again else "not planned"
            why = re.sub(r"\?\S+", "", feed["last_error"]["message"])  # a query fills the line and explains nothing
            return [f"estimated: fetching fails, next attempt {when}: {why}"]
    return []


def _price_style(price_per_mwh: float, *, estimated: bool) -> str:
    colour = "green" if price_per_mwh <= 200 else "yellow" if price_per_mwh <= 600 else "red"
    return f"dim {colour}" if estimated else colour
