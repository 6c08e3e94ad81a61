"""The status as a person sees it in a terminal. One view serves ``--status`` and the live screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hems.cli.price_view import price_panel
from hems.cli.strategies_view import strategies_panel
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
FLOWING_W = 20.0
"""Below this a flow is drawn as resting."""
WIDTH = 119
SIDE_BY_SIDE_WIDTH = 76
"""From here on power and mode stand beside each other on a small screen."""
EVENTS_ON_SMALL_SCREEN = 4

SCORE_SOURCE = "multi_factor"
"""The strategy whose decisions the score explains; others' decisions only carry it for comparison."""


def status_view(
    document: Json, zone: ZoneInfo, *, age_s: float | None = None, width: int | None = None, height: int | None = None
) -> RenderableType:
    """Return the status; ``age_s`` is told where the document is not of this moment.

    Where ``width`` columns and ``height`` lines have no room for all of it, what matters most is kept, unframed.
    """
    columns = WIDTH if width is None else min(WIDTH, width)
    whole = Group(
        _header(document, age_s),
        Columns([_flow_panel(document), _mode_panel(document, zone)], equal=False, expand=False),
        _decision_panel(document, zone),
        price_panel(document, zone),
        *_strategies(document, zone),
        _figures_panel(document),
        _events_panel(document, zone),
    )
    if height is None or _lines(whole, columns) <= height:
        return whole
    return _most_important(_sections(document, zone, age_s, columns), columns, height)


def _sections(document: Json, zone: ZoneInfo, age_s: float | None, width: int) -> list[tuple[int, RenderableType]]:
    """Return the parts of a small screen from top to bottom, each with its rank: 0 goes last."""
    flows, mode = _flow_rows(document), _mode_rows(document, zone)
    now: RenderableType = Group(flows, mode)
    if width >= SIDE_BY_SIDE_WIDTH:
        now = Table.grid(padding=(0, 2))
        now.add_row(flows, mode)
    sections: list[tuple[int, RenderableType]] = [
        (0, _header(document, age_s)),
        (1, _safety_rows(document)),
        (2, now),
    ]
    decision = document["decision"]
    if decision is not None:
        sections.append((3, Text(f"{_clock(decision['at'], zone)}  {decision['reason']}")))
        if decision.get("score"):
            sections.append((6, _score(decision)))
    sections.append((5, price_panel(document, zone)))
    sections += [(8, panel) for panel in _strategies(document, zone)]
    sections.append((7, _figures_panel(document)))
    sections.append((4, _event_lines(document, zone, EVENTS_ON_SMALL_SCREEN, one_line_each=True)))
    return sections


def _strategies(document: Json, zone: ZoneInfo) -> list[RenderableType]:
    panel = strategies_panel(document, zone)
    return [] if panel is None else [panel]


def _most_important(sections: Sequence[tuple[int, RenderableType]], width: int, height: int) -> RenderableType:
    """Return the sections that fit, in their order on the screen; the most important choose first."""
    kept: set[int] = set()
    left = height
    for rank, section in sorted(sections, key=lambda entry: entry[0]):
        lines = _lines(section, width)
        if lines <= left:
            kept.add(rank)
            left -= lines
    return Group(*(section for rank, section in sections if rank in kept))


def _lines(view: RenderableType, width: int) -> int:
    console = Console(width=width, file=StringIO())
    return len(console.render_lines(view, pad=False))


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
    web = document.get("web")
    if web is not None:
        line.append(f"\n {web['message']}", style="dim" if web["open"] else "bold red")
    if (document.get("storage") or {}).get("last_error"):
        line.append(f"\n {document['storage']['last_error']}", style="bold red")
    return line


def _flow_panel(document: Json) -> Panel:
    return Panel(_flow_rows(document), title="power", title_align="left", width=46)


def _flow_rows(document: Json) -> RenderableType:
    sensors = document["sensors"]
    if sensors is None:
        return Text("nothing read yet", style="dim")
    soc_pct = sensors["battery_soc_pct"]
    rows = Table.grid(padding=(0, 1))
    for name, style, power_w, to_house, from_house, note in (
        ("solar", "yellow", sensors["pv_w"], "──▶", "──▶", ""),
        ("battery", "green", sensors["battery_w"], "──▶", "◀──", _soc_bar(soc_pct)),
        ("grid", "blue", sensors["grid_w"], "──▶", "◀──", _grid_note(sensors)),
        ("house", "bold", sensors["load_w"], "◀──", "◀──", ""),
    ):
        rows.add_row(Text(name, style=style), _kilowatts(power_w), Text(_arrow(power_w, to_house, from_house)), note)
    return rows


def _mode_panel(document: Json, zone: ZoneInfo) -> Panel:
    rows = Group(_mode_rows(document, zone), _safety_rows(document))
    return Panel(rows, title="now", title_align="left", width=72)


def _mode_rows(document: Json, zone: ZoneInfo) -> Table:
    mode = document["mode"]
    rows = _named_rows()
    what = Text(mode["mode"].replace("_", " "), style="bold")
    if mode["power_w"] is not None:
        what.append(f" {kw_from_w(mode['power_w']):.1f} kW")
    if mode["target_soc_pct"] is not None:
        what.append(f" to {mode['target_soc_pct']:.0f} %")
    if mode.get("export_limit_w") is not None:  # a document of an older version has none
        what.append(f", export at most {kw_from_w(mode['export_limit_w']):.1f} kW", style="yellow")
    rows.add_row(Text("mode", style="dim"), what)
    if mode["expires_at"]:
        rows.add_row(
            Text("lease", style="dim"),
            f"until {_clock(mode['expires_at'], zone)}, by {str(mode['source']).replace('_', ' ')}",
        )
    proof = mode["proof"] if mode["certain"] else "not known"
    rows.add_row(
        Text("proof", style="dim"), Text(f"{proof or '–'}: {mode['proof_detail'] or '–'}", overflow="ellipsis")
    )
    rows.add_row(Text("next", style="dim"), f"decision at {_clock(document['next_decision_at'], zone)}")
    wish = document.get("fast_charge")
    if wish is not None:
        rows.add_row(Text("asked", style="dim"), _wish(wish, zone))
    for line in _orders(document, zone):
        rows.add_row(Text("order", style="dim"), Text(line, style="yellow"))
    return rows


def _orders(document: Json, zone: ZoneInfo) -> list[str]:
    """Return a line for each order that stands; a fast charge has its own, and a stop stands with safety."""
    orders = document.get("orders") or {"standing": [], "strategy": None}  # a document of an older version has none
    lines = []
    for order in orders["standing"]:
        if order["kind"] != "fast_charge":
            until = datetime.fromisoformat(order["until"]).astimezone(zone)
            lines.append(f"{_plain(order['kind'])} until {until:%a %d.%m %H:%M}, by {order['by']}")
    strategy = orders["strategy"]
    if strategy is not None and strategy["in_charge"] != strategy["configured"]:
        chosen, configured = _plain(strategy["in_charge"]), _plain(strategy["configured"])
        lines.append(f"strategy {chosen} instead of {configured}, by {strategy['by']}")
    return lines


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _safety_rows(document: Json) -> Table:
    rows = _named_rows()
    causes = document["safety"]["causes"]
    for cause in causes:
        style = "red" if cause["grave"] else "dim"
        rows.add_row(Text("safety", style=f"bold {style}"), Text(cause["detail"], style=style))
    if not causes:
        is_clear = document["safety"]["clear"]
        verdict = Text("clear", style="green") if is_clear else Text("not judged yet", style="dim")
        rows.add_row(Text("safety", style="dim"), verdict)
    return rows


def _named_rows() -> Table:
    rows = Table.grid(padding=(0, 1))
    rows.add_column(min_width=len("safety"))  # one left edge for tables that stand below each other
    rows.add_column()
    return rows


def _wish(wish: Json, zone: ZoneInfo) -> Text:
    """Return what a person asked of ``hems fast-charge``, or what is wrong with the request."""
    text = Text()
    if wish.get("target_soc_pct") is not None:
        by = datetime.fromisoformat(wish["deadline"]).astimezone(zone)
        text.append(f"{wish['target_soc_pct']:.0f} % by {by:%a %d.%m %H:%M}", style="yellow")
    if wish.get("problem"):
        text.append(f"{' · ' if text else ''}{wish['problem']}", style="red")
    return text


def _decision_panel(document: Json, zone: ZoneInfo) -> Panel:
    decision = document["decision"]
    if decision is None:
        return Panel(Text("no decision yet", style="dim"), title="decision", title_align="left", width=WIDTH)
    parts: list[RenderableType] = [
        Text(f"{_clock(decision['at'], zone)}  {decision['reason']}"),
        Text(
            f"confidence {decision['confidence_pct']:.0f} % · {decision['source']} · {decision['verdict']}", style="dim"
        ),
    ]
    if decision.get("score"):
        parts.append(_score(decision))
    return Panel(Group(*parts), title="decision", title_align="left", width=WIDTH)


def _score(decision: Json) -> RenderableType:
    """Return the score's factors; where another strategy decided, said so above them."""
    table = _factor_table(decision["score"])
    if decision["source"] == SCORE_SOURCE:
        return table
    return Group(Text("the score did not decide; it would have had:", style="dim"), table)


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
    return Panel(Text(" · ".join(cells)), title="figures", title_align="left", width=WIDTH)


def _events_panel(document: Json, zone: ZoneInfo) -> Panel:
    return Panel(_event_lines(document, zone, 6), title="events", title_align="left", width=WIDTH)


def _event_lines(document: Json, zone: ZoneInfo, count: int, *, one_line_each: bool = False) -> Text:
    lines = Text(no_wrap=one_line_each, overflow="ellipsis")
    for event in document["events"][-count:]:
        lines.append(f"{_clock(event['at'], zone)} ", style="dim")
        lines.append(f"{event['message']}\n", style=SEVERITY_STYLE.get(event["severity"], ""))
    lines.rstrip()
    return lines or Text("none", style="dim")


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
