"""The status as a person sees it in a terminal. One view serves ``--status`` and the live screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hems.domain.units import kw_from_w

Json = dict[str, Any]

STATE_STYLE = {
    "starting": "bold cyan",
    "monitoring": "bold green",
    "charging": "bold yellow",
    "optimizing": "bold magenta",
    "error": "bold white on red",
    "stopped": "bold white on grey37",
}
SEVERITY_STYLE = {"info": "dim", "warning": "yellow", "error": "bold red"}
BLOCKS = "▁▂▃▄▅▆▇█"
FLOWING_W = 20.0
"""Below this a flow is drawn as resting."""


def status_view(document: Json, zone: ZoneInfo, *, age_s: float | None = None) -> RenderableType:
    """Return the whole status; ``age_s`` is told where the document is not of this moment."""
    return Group(
        _header(document, age_s),
        Columns([_flow_panel(document), _mode_panel(document, zone)], equal=False, expand=False),
        _decision_panel(document, zone),
        _price_panel(document, zone),
        _figures_panel(document),
        _events_panel(document, zone),
    )


def _header(document: Json, age_s: float | None) -> Text:
    inverter = document["inverter"]
    state = document["state"]
    line = Text(" Master Coordinator ", style="bold")
    line.append(f" {state.upper()} ", style=STATE_STYLE.get(state, "bold"))
    line.append(f"  {inverter['model'] or 'no inverter yet'}")
    if inverter["model"]:
        line.append(f" · control {inverter['control']}", style="dim")
    line.append(f" · up {_duration(document['uptime_s'])}", style="dim")
    if age_s is not None:
        line.append(f" · as of {_duration(max(0.0, age_s))} ago", style="dim")
    if inverter["last_error"]:
        line.append(f"\n {inverter['last_error']}", style="bold red")
    return line


def _flow_panel(document: Json) -> Panel:
    sensors = document["sensors"]
    if sensors is None:
        return Panel(Text("nothing read yet", style="dim"), title="power", title_align="left", width=46)
    soc_pct = sensors["battery_soc_pct"]
    rows = Table.grid(padding=(0, 1))
    for name, style, power_w, to_house, from_house, note in (
        ("solar", "yellow", sensors["pv_w"], "──▶", "──▶", ""),
        ("battery", "green", sensors["battery_w"], "──▶", "◀──", _soc_bar(soc_pct)),
        ("grid", "blue", sensors["grid_w"], "──▶", "◀──", _grid_note(sensors)),
        ("house", "bold", sensors["load_w"], "◀──", "◀──", ""),
    ):
        rows.add_row(Text(name, style=style), _kilowatts(power_w), Text(_arrow(power_w, to_house, from_house)), note)
    return Panel(rows, title="power", title_align="left", width=46)


def _mode_panel(document: Json, zone: ZoneInfo) -> Panel:
    mode, safety = document["mode"], document["safety"]
    rows = Table.grid(padding=(0, 1))
    what = Text(mode["mode"].replace("_", " "), style="bold")
    if mode["power_w"] is not None:
        what.append(f" {kw_from_w(mode['power_w']):.1f} kW")
    if mode["target_soc_pct"] is not None:
        what.append(f" to {mode['target_soc_pct']:.0f} %")
    rows.add_row(Text("mode", style="dim"), what)
    if mode["expires_at"]:
        rows.add_row(Text("lease", style="dim"), f"until {_clock(mode['expires_at'], zone)}, asked by {mode['source']}")
    proof = mode["proof"] if mode["certain"] else "not known"
    rows.add_row(
        Text("proof", style="dim"), Text(f"{proof or '–'}: {mode['proof_detail'] or '–'}", overflow="ellipsis")
    )
    rows.add_row(Text("next", style="dim"), f"decision at {_clock(document['next_decision_at'], zone)}")
    if safety["causes"]:
        for cause in safety["causes"]:
            style = "red" if cause["grave"] else "dim"
            rows.add_row(Text("safety", style=f"bold {style}"), Text(cause["detail"], style=style))
    else:
        rows.add_row(Text("safety", style="dim"), Text("clear", style="green"))
    return Panel(rows, title="now", title_align="left", width=72)


def _decision_panel(document: Json, zone: ZoneInfo) -> Panel:
    decision = document["decision"]
    if decision is None:
        return Panel(Text("no decision yet", style="dim"), title="decision", title_align="left", width=119)
    parts: list[RenderableType] = [
        Text(f"{_clock(decision['at'], zone)}  {decision['reason']}"),
        Text(
            f"confidence {decision['confidence_pct']:.0f} % · {decision['source']} · {decision['verdict']}", style="dim"
        ),
    ]
    if decision.get("score"):
        parts.append(_factor_table(decision["score"]))
    return Panel(Group(*parts), title="decision", title_align="left", width=119)


def _factor_table(score: Json) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, factor in score["factors"].items():
        points = factor["points"]
        value = "unknown" if factor["value"] is None else f"{factor['value']:,.0f} {factor['unit']}"
        bar = "" if points is None else "█" * round(points / 10)
        shown = "?" if points is None else f"{points:.0f}"
        share = "" if factor["contribution"] is None else f"= {factor['contribution']:.1f}"
        table.add_row(
            Text(name, style="cyan"),
            value,
            Text(f"{bar:<10}", style="cyan"),
            f"{shown} × {factor['weight']:.2f}",
            share,
        )
    total = score["total"]
    table.add_row(
        Text("total", style="bold"), "", "", "", Text("unknown" if total is None else f"= {total:.1f}", style="bold")
    )
    return table


def _price_panel(document: Json, zone: ZoneInfo) -> Panel:
    slots = document.get("price_slots") or []
    context = document.get("price") or {}
    title = "price"
    if context.get("price_per_mwh") is not None:
        origin = context["origin"].replace("_", " ")
        title = f"price now {context['price_per_mwh']:.2f} {context['currency']}/MWh ({origin})"
        if context.get("import_per_kwh") is not None:
            buy, sell = context["import_per_kwh"], context["export_per_kwh"]
            title += f" · buy {buy:.3f}, sell {sell:.3f} {context['currency']}/kWh"
    if not slots:
        return Panel(Text("no prices yet", style="dim"), title=title, title_align="left", width=119)
    return Panel(price_chart(slots, zone, document["at"]), title=title, title_align="left", width=119)


def price_chart(slots: Sequence[Json], zone: ZoneInfo, at: str) -> Text:
    """Return one block per quarter, a line per local day; estimated quarters are dim, the present one is marked."""
    low = min(slot["price_per_mwh"] for slot in slots)
    high = max(slot["price_per_mwh"] for slot in slots)
    now = datetime.fromisoformat(at)
    chart = Text()
    day = None
    for slot in slots:
        start = datetime.fromisoformat(slot["start"])
        local = start.astimezone(zone)
        if local.date() != day:
            day = local.date()
            chart.append(f"{chr(10) if chart else ''}{local:%a %d.%m} ", style="dim")
        level = 0 if high == low else round((slot["price_per_mwh"] - low) / (high - low) * (len(BLOCKS) - 1))
        is_now = 0 <= (now - start).total_seconds() < 900
        style = (
            "bold bright_white"
            if is_now
            else _price_style(slot["price_per_mwh"], estimated=slot["origin"] != "published")
        )
        chart.append(BLOCKS[level], style=style)
    chart.append(f"\n{'':10}lowest {low:.0f}, highest {high:.0f} per MWh; dim is estimated", style="dim")
    return chart


def _price_style(price_per_mwh: float, *, estimated: bool) -> str:
    colour = "green" if price_per_mwh <= 200 else "yellow" if price_per_mwh <= 600 else "red"
    return f"dim {colour}" if estimated else colour


def _figures_panel(document: Json) -> Panel:
    metrics, resources = document.get("metrics") or {}, document["resources"]
    cells = [f"{name.replace('_', ' ')} {_metric(value)}" for name, value in metrics.items()]
    cells += _battery_cells(document.get("battery"))
    cells.append(f"writes today {document['writes_today']}")
    cells.append(f"decisions {document['decision_count']}")
    if resources["rss_mb"] is not None:
        cells.append(f"memory {resources['rss_mb']:.0f} MB")
    if resources["cpu_pct_of_one_core"] is not None:
        cells.append(f"processor {resources['cpu_pct_of_one_core']:.1f} %")
    return Panel(Text(" · ".join(cells)), title="figures", title_align="left", width=119)


def _events_panel(document: Json, zone: ZoneInfo) -> Panel:
    lines = Text()
    for event in document["events"][-6:]:
        lines.append(f"{_clock(event['at'], zone)} ", style="dim")
        lines.append(f"{event['message']}\n", style=SEVERITY_STYLE.get(event["severity"], ""))
    lines.rstrip()
    return Panel(lines or Text("none", style="dim"), title="events", title_align="left", width=119)


def _battery_cells(battery: Json | None) -> list[str]:
    if battery is None:
        return []
    cells = []
    if battery["usable_charge_w"] is not None:
        cells.append(f"battery takes {kw_from_w(battery['usable_charge_w']):.1f} kW now")
    if battery["time_to_target_s"]:
        cells.append(f"{battery['target_soc_pct']:.0f} % in {_duration(battery['time_to_target_s'])} of charging")
    if battery["full_cycles_per_day"] is not None:
        cells.append(f"{battery['full_cycles_per_day']:.1f} cycles a day")
    return cells


def _metric(value: Any) -> str:
    if isinstance(value, dict):
        if value.get("value") is None:
            return "–"
        return f"{value['value']:.1f} {value.get('unit', '')}".rstrip()
    return "–" if value is None else str(value)


def _arrow(power_w: float | None, to_house: str, from_house: str) -> str:
    if power_w is None or abs(power_w) < FLOWING_W:
        return " · "
    return to_house if power_w > 0 else from_house


def _kilowatts(power_w: float | None) -> Text:
    if power_w is None:
        return Text("unknown", style="dim")
    return Text(f"{kw_from_w(abs(power_w)):6.2f} kW", justify="right")


def _soc_bar(soc_pct: float | None) -> Text:
    if soc_pct is None:
        return Text("SoC unknown", style="dim")
    filled = round(soc_pct / 10)
    style = "red" if soc_pct <= 20 else "green"
    return Text("█" * filled, style=style) + Text("░" * (10 - filled), style="dim") + Text(f" {soc_pct:.0f} %")


def _grid_note(sensors: Json) -> Text:
    if sensors["grid_connected"] is False:
        return Text("grid lost", style="bold red")
    volts = [volt for volt in sensors["grid_voltage_v"] if volt is not None]
    return Text("/".join(f"{volt:.0f}" for volt in volts) + " V" if volts else "", style="dim")


def _clock(moment: str | None, zone: ZoneInfo) -> str:
    return "–" if moment is None else f"{datetime.fromisoformat(moment).astimezone(zone):%H:%M:%S}"


def _duration(seconds: float) -> str:
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"
