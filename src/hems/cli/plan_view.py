"""The plan as a person sees it in a terminal."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hems.cli.plan_rows import PlanRow, rows_of
from hems.decision.sentences import Language, sentence_of
from hems.decision.wording import Wording
from hems.domain.command import Mode
from hems.domain.plan import Plan
from hems.domain.record import CycleRecord
from hems.domain.units import kwh_from_wh
from hems.planning.comparison import Comparison, HorizonCost

MODE_STYLE = {
    Mode.SELF_USE: "green",
    Mode.CHARGE: "bold blue",
    Mode.DISCHARGE: "bold magenta",
    Mode.HOLD: "yellow",
    Mode.NO_CHARGE: "cyan",
    Mode.STANDBY: "dim",
}
OLD_AFTER_DECISIONS = 2.0
"""So many decision intervals without a newer decision, and the plan is not the present one."""

WIDE = 108
"""From here on there is room for load and PV."""


def plan_view(
    plan: Plan,
    record: CycleRecord,
    comparison: Comparison | None,
    *,
    zone: ZoneInfo,
    now: datetime,
    language: Language,
    width: int,
    hourly: bool,
) -> RenderableType:
    """Return header, table, totals and remarks; at least 80 columns wide."""
    parts: list[RenderableType] = [_header(plan, record, zone, now, language), _table(plan, zone, width, hourly=hourly)]
    if comparison is not None:
        parts.append(_totals(comparison, plan.reasoning.currency))
    parts.extend(Text(f"Note: {remark}", style="yellow") for remark in plan.remarks)
    return Group(*parts)


def _header(plan: Plan, record: CycleRecord, zone: ZoneInfo, now: datetime, language: Language) -> Text:
    english = Wording(Language.ENGLISH, zone, now)
    why = plan.reasoning
    text = Text()
    text.append(f"Planned {english.at(plan.at)} from {english.percent(plan.soc_pct)} SoC", style="bold")
    text.append(f", {english.age(now - plan.at)} ago, {english.until(plan.slots[-1].end)}\n")
    text.append(sentence_of(why, plan.chosen, zone=zone, now=plan.at, language=language))
    text.append(f"\nconfidence {english.percent(100.0 * why.agreement)}", style="dim")
    if now - plan.at > OLD_AFTER_DECISIONS * timedelta(seconds=record.context.decision_interval_s):
        text.append("\nThis is not the present: no newer decision is stored. Does the service run?", style="yellow")
    command = record.decision.command
    asked = (command.mode, command.power_w, command.export_limit_w)
    if asked != (plan.chosen.mode, plan.chosen.power_w, plan.chosen.export_limit_w):
        text.append(
            f"\nDecided was {english.mode(command.mode, command.power_w)}, by {_words(record.decision.source)}: "
            "`hems why` tells the reason",
            style="yellow",
        )
    return text


def _table(plan: Plan, zone: ZoneInfo, width: int, *, hourly: bool) -> Table:
    currency = plan.reasoning.currency
    is_wide = width >= WIDE
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1 if is_wide else 0))
    table.add_column("time")
    table.add_column("mode")
    for heading, is_shown in _HEADINGS:
        if is_shown or is_wide:
            table.add_column(heading.format(currency=currency), justify="right")
    day = None
    for row in rows_of(plan.slots, zone, hourly=hourly):
        begins = row.start.astimezone(zone)
        if begins.date() != day:
            day = begins.date()
            table.add_section()
            table.add_row(Text(f"{begins:%a %d.%m.}", style="bold"))
        table.add_row(*_cells(row, zone, is_wide=is_wide))
    return table


_HEADINGS = (
    ("buy\n{currency}/kWh", True),
    ("sell\n{currency}/kWh", True),
    ("load\nkWh", False),
    ("solar\nkWh", False),
    ("battery\nkWh", True),
    ("grid\nkWh", True),
    ("SoC\n%", True),
    ("money\n{currency}", True),
    ("stored kWh\nis worth", True),
)


def _cells(row: PlanRow, zone: ZoneInfo, *, is_wide: bool) -> list[RenderableType]:
    words = Wording(Language.ENGLISH, zone, row.start)
    mode = Text(words.mode(row.mode, row.power_w), style=MODE_STYLE[row.mode])
    if row.export_limit_w is not None:
        mode.append(", no export" if row.export_limit_w == 0.0 else f", export {words.power(row.export_limit_w)}")
    mark = "~" if row.price_estimated else ""
    cells: list[RenderableType] = [
        f"{_clock(row.start, zone)}–{_clock(row.end, zone)}",
        mode,
        f"{mark}{row.import_per_kwh:.2f}",
        f"{mark}{row.export_per_kwh:.2f}",
    ]
    if is_wide:
        cells += [f"{row.load_kwh:.1f}", f"{row.pv_kwh:.1f}"]
    return [
        *cells,
        _signed(row.battery_kwh),
        _signed(row.grid_kwh),
        f"{row.soc_pct:.0f}",
        f"{_near_zero(row.money):.2f}",
        f"{row.stored_value_per_kwh:.2f}",
    ]


def _totals(comparison: Comparison, currency: str) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("over the whole horizon")
    for heading in ("bought", "sold", "battery wear", "left stored", "in all"):
        table.add_column(f"{heading}\n{currency}", justify="right")
    table.add_row("this plan", *_cost_cells(comparison.plan))
    table.add_row("plain self-use", *_cost_cells(comparison.self_use))
    saving = comparison.saving
    words = f"The plan is expected to save {saving:.2f} {currency} over plain self-use."
    if saving < 0.0:
        words = f"By the expected load and sun the plan costs {-saving:.2f} {currency} more than plain self-use."
    notes = "battery and grid: + comes into the house, - goes out of it; ~ estimated prices; left stored: at its worth"
    return Group(table, Text(words, style="bold"), Text(notes, style="dim"))


def _cost_cells(cost: HorizonCost) -> list[str]:
    left = f"{kwh_from_wh(cost.left_wh):.1f} kWh {_near_zero(-cost.left_worth):.2f}"
    return [
        f"{cost.paid:.2f}",
        f"{_near_zero(-cost.earned):.2f}",
        f"{cost.wear:.2f}",
        left,
        f"{_near_zero(cost.total):.2f}",
    ]


def _signed(energy_kwh: float) -> Text:
    shown = f"{energy_kwh:+.1f}"
    return Text("0.0", style="dim") if float(shown) == 0.0 else Text(shown)


def _near_zero(value: float) -> float:
    """Return ``value``, a zero without its sign where it would be shown as one."""
    return 0.0 if abs(value) < 0.005 else value


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%H:%M}{'*' if local.fold else ''}"


def _words(name: str) -> str:
    return name.replace("_", " ")
