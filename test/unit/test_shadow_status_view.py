"""The comparison of strategies on the screen: every figure with its sign, nothing shown that is not known."""

from __future__ import annotations

import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from hems.cli.strategies_view import strategies_panel

WARSAW = ZoneInfo("Europe/Warsaw")


def house(**changes: Any) -> dict[str, Any]:
    figures: dict[str, Any] = {
        f"{prefix}_{period}": None
        for prefix in ("saved", "saved_over_idle")
        for period in ("today", "7_days", "30_days", "total")
    }
    return (
        figures
        | {"wear_total": 0.0, "cycles_per_day": None, "soc_pct": 50.0, "mode": "self_use", "power_w": None}
        | changes
    )


def compared(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "in_charge": "optimal",
        "currency": "PLN",
        "since": "2026-11-20T22:30:00Z",
        "quarters": 190,
        "gaps": 3,
        "estimated_quarters": 0,
        "stored_value_per_kwh": 0.7,
        "houses": {
            "optimal": house(
                saved_today=1.234,
                saved_7_days=4.0,
                saved_30_days=4.0,
                saved_total=4.0,
                saved_over_idle_total=9.876,
                wear_total=0.5,
                cycles_per_day=1.1,
                soc_pct=62.4,
                mode="charge",
                power_w=3700.0,
            ),
            "multi_factor": house(saved_today=-0.5, saved_total=0.004),
            "self_use": house(saved_today=0.0),
            "idle": house(mode="standby"),
        },
    }
    return body | changes


def drawn(strategies: Any) -> str:
    panel = strategies_panel({"strategies": strategies}, WARSAW)
    assert panel is not None
    console = Console(width=120, height=40, file=io.StringIO(), record=True)
    console.print(panel)
    return console.export_text()


def line(text: str, name: str) -> str:
    rows = (" ".join(row.replace("│", " ").split()) for row in text.splitlines())
    return next(row for row in rows if row.removeprefix("▶ ").startswith(f"{name} "))


def test_every_strategy_has_its_line_and_the_one_in_charge_is_marked() -> None:
    text = drawn(compared())
    assert line(text, "optimal") == "▶ optimal +1.23 +4.00 +4.00 1.10 62 %, charge 3.7 kW"
    assert line(text, "multi factor") == "multi factor -0.50 – 0.00 – 50 %, self use"
    assert line(text, "self use") == "self use 0.00 – – – 50 %, self use"
    assert "standby" in line(text, "idle")


def test_money_periods_and_basis_are_named() -> None:
    text = drawn(compared())
    for words in ("[PLN]", "against plain self-use", "today", "7 days", "all", "cycles/d"):
        assert words in text
    assert "since 20.11.2026 23:30 · 190 quarters · 3 not measured or not priced" in text
    assert "estimated" not in text
    assert "12 at estimated prices" in drawn(compared(estimated_quarters=12))
    assert all(len(row) <= 119 for row in text.splitlines())


def test_before_the_first_battery_nothing_is_made_up() -> None:
    text = drawn(compared(houses={}, since=None, quarters=0))
    assert "nothing compared yet" in text
    assert "0.00" not in text


@pytest.mark.parametrize("document", [{}, {"strategies": None}])
def test_where_nothing_is_compared_there_is_no_panel(document: dict[str, Any]) -> None:
    assert strategies_panel(document, WARSAW) is None
