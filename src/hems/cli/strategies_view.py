"""What every strategy would have saved with a battery of its own, as a person sees it in a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hems.domain.units import kw_from_w

Json = dict[str, Any]

WIDTH = 119
UNKNOWN = "–"
_PERIODS = (("today", "saved_today"), ("7 days", "saved_7_days"), ("all", "saved_total"))
"""What fits 80 columns; `--json` has thirty days, the saving over an idle battery and the wear too."""


def strategies_panel(document: Json, zone: ZoneInfo) -> Panel | None:
    """Return the comparison of the strategies; None where they are not compared."""
    compared = document.get("strategies")  # a document of an older version has none
    if compared is None:
        return None
    currency = compared["currency"]
    title = f"strategies, saved against plain self-use [{currency}]"
    if not compared["houses"]:
        body = Group(Text("nothing compared yet: the battery is not known", style="dim"))
    else:
        body = Group(_table(compared), _basis(compared, zone))
    return Panel(body, title=title, title_align="left", width=WIDTH)


def _table(compared: Json) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("in charge: ▶", no_wrap=True)
    for title in (*(title for title, _ in _PERIODS), "cycles/d"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("its battery now", no_wrap=True)
    for name, house in compared["houses"].items():
        is_in_charge = name == compared["in_charge"]
        cycles = house["cycles_per_day"]
        table.add_row(
            Text(f"{'▶' if is_in_charge else ' '} {name.replace('_', ' ')}", style="bold" if is_in_charge else ""),
            *(_money(house[key]) for _, key in _PERIODS),
            UNKNOWN if cycles is None else f"{cycles:.2f}",
            _battery(house),
        )
    return table


def _battery(house: Json) -> str:
    power = "" if house["power_w"] is None else f" {kw_from_w(house['power_w']):.1f} kW"
    return f"{house['soc_pct']:.0f} %, {house['mode'].replace('_', ' ')}{power}"


def _money(amount: float | None) -> Text:
    if amount is None:
        return Text(UNKNOWN, style="dim")
    shown = f"{amount:+.2f}"
    if float(shown) == 0.0:
        return Text("0.00", style="dim")
    return Text(shown, style="green" if amount > 0.0 else "red")


def _basis(compared: Json, zone: ZoneInfo) -> Text:
    """Return what the figures rest on, and what is not in them."""
    since = datetime.fromisoformat(compared["since"]).astimezone(zone)
    parts = [f"since {since:%d.%m.%Y %H:%M}", f"{compared['quarters']} quarters"]
    if compared["gaps"]:
        parts.append(f"{compared['gaps']} not measured or not priced")
    if compared["estimated_quarters"]:
        parts.append(f"{compared['estimated_quarters']} at estimated prices")
    parts.append("stored energy valued, wear apart")
    return Text(" · ".join(parts), style="dim")
