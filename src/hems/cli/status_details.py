"""What ``--status`` tells beyond the live screen: the reading of every sensor, and the latest decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hems.domain.units import kwh_from_wh

Json = dict[str, Any]

WIDTH = 119
HISTORY_SHOWN = 8
UNKNOWN = "unknown"
_ORIGINS = (("pv_wh", "from the sun"), ("grid_wh", "from the grid or unknown"))


def status_details(document: Json, zone: ZoneInfo) -> RenderableType:
    """Return every sensor's reading with its unit, and the latest decisions."""
    sensors = _sensor_panel(document["sensors"], zone, document.get("origin"))
    return Group(sensors, _history_panel(document["history"], zone))


def _sensor_panel(sensors: Json | None, zone: ZoneInfo, origin: Json | None) -> Panel:
    if sensors is None:
        return Panel(Text("nothing read yet", style="dim"), title="sensors", title_align="left", width=WIDTH)
    rows = Table.grid(padding=(0, 2))
    for name, readings in (
        ("battery", _battery(sensors)),
        ("grid", _grid(sensors)),
        ("solar", _solar(sensors)),
        ("house", [_reading(sensors["load_w"], "W"), f"backup circuits {_reading(sensors['backup_load_w'], 'W')}"]),
        ("inverter", _inverter(sensors, zone)),
    ):
        rows.add_row(Text(name, style="dim"), Text(" · ".join(readings)))
    if origin is not None:
        parts = (f"{kwh_from_wh(origin[key]):.1f} kWh {words}" for key, words in _ORIGINS)
        rows.add_row(Text("stored", style="dim"), Text(" · ".join(parts)))
    for name, words, style in (
        ("alarms", sensors["battery_alarms"], "red"),
        ("flags", sensors["inverter_flags"], "yellow"),
        ("quality", [f"{part} {word}" for part, word in sensors["quality"].items() if word != "good"], "yellow"),
        ("notes", sensors["notes"], "yellow"),
    ):
        if words:
            rows.add_row(Text(name, style="dim"), Text(" · ".join(_words(word) for word in words), style=style))
    title = f"sensors, read at {_local(sensors['at'], zone):%H:%M:%S}"
    return Panel(rows, title=title, title_align="left", width=WIDTH)


def _battery(sensors: Json) -> list[str]:
    limits = (f"{_reading(sensors[f'battery_{way}_limit_a'], 'A')} {way}" for way in ("charge", "discharge"))
    cells = (_reading(sensors[f"battery_cell_temperature_{end}_c"], "°C", digits=1) for end in ("min", "max"))
    return [
        f"SoC {_reading(sensors['battery_soc_pct'], '%')}",
        f"SoH {_reading(sensors['battery_soh_pct'], '%')}",
        _reading(sensors["battery_voltage_v"], "V", digits=1),
        _directed(sensors["battery_current_a"], "A", "discharging", "charging", digits=1),
        _directed(sensors["battery_w"], "W", "discharging", "charging"),
        _reading(sensors["battery_temperature_c"], "°C", digits=1),
        f"cells {' to '.join(cells)}",
        f"limits {', '.join(limits)}",
    ]


def _grid(sensors: Json) -> list[str]:
    phases = sensors["grid_voltage_v"]
    volts = [_reading(volt, "V", digits=1) for volt in phases]
    named = [f"L{number} {volt}" for number, volt in enumerate(volts, start=1)] if len(volts) > 1 else volts
    connected = {True: "connected", False: "grid lost", None: "connection unknown"}[sensors["grid_connected"]]
    return [
        _directed(sensors["grid_w"], "W", "imported", "exported"),
        ", ".join(named) or f"voltage {UNKNOWN}",
        _reading(sensors["grid_frequency_hz"], "Hz", digits=2),
        connected,
    ]


def _solar(sensors: Json) -> list[str]:
    strings = [
        f"string {number} {_reading(watts, 'W')}" for number, watts in enumerate(sensors["pv_string_w"], start=1)
    ]
    return [_reading(sensors["pv_w"], "W"), *strings]


def _inverter(sensors: Json, zone: ZoneInfo) -> list[str]:
    clock = f"its clock {UNKNOWN}"
    if sensors["inverter_clock"] is not None:
        its_time = _local(sensors["inverter_clock"], zone)
        off_s = (its_time - _local(sensors["at"], zone)).total_seconds()
        clock = f"its clock {its_time:%d.%m %H:%M:%S} ({_directed(off_s, 's', 'ahead', 'behind')})"
    return [
        f"state {_words(sensors['inverter_state'] or UNKNOWN)}",
        _reading(sensors["inverter_temperature_c"], "°C", digits=1),
        clock,
    ]


def _history_panel(history: list[Json], zone: ZoneInfo) -> Panel:
    if not history:
        return Panel(Text("no decision yet", style="dim"), title="decisions", title_align="left", width=WIDTH)
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    for name in ("time", "mode", "power", "score", "conf."):
        rows.add_column(name, no_wrap=True, justify="left" if name in {"time", "mode"} else "right")
    rows.add_column("reason", no_wrap=True, overflow="ellipsis", ratio=1)
    for entry in history[-HISTORY_SHOWN:]:
        power_w, score = entry["power_w"], entry["score_total"]
        rows.add_row(
            f"{_local(entry['at'], zone):%d.%m %H:%M}",
            _words(entry["mode"]),
            "" if power_w is None else f"{power_w:.0f} W",
            "–" if score is None else f"{score:.1f}",
            f"{entry['confidence_pct']:.0f} %",
            Text(entry["reason"] if score is None else entry["reason"].removeprefix(f"score {score:.1f}: ")),
        )
    return Panel(rows, title="latest decisions", title_align="left", width=WIDTH)


def _reading(value: float | None, unit: str, *, digits: int = 0) -> str:
    return f"{UNKNOWN} {unit}" if value is None else f"{value:.{digits}f} {unit}"


def _directed(value: float | None, unit: str, positive: str, negative: str, *, digits: int = 0) -> str:
    """Return ``value`` without its sign, the direction in a word; none where it rounds to zero."""
    if value is None or not round(value, digits):
        return _reading(None if value is None else 0.0, unit, digits=digits)
    return f"{_reading(abs(value), unit, digits=digits)} {positive if value > 0 else negative}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _local(moment: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(moment).astimezone(zone)
