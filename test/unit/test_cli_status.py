"""The status in a terminal: every reading with its unit, nothing lost on a small screen, a crash said plainly."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console, RenderableType

from hems.cli.exit_codes import ExitCode
from hems.cli.live import LiveScreen
from hems.cli.price_view import price_chart
from hems.cli.show_status import MAY_STILL, show_status, warning_of
from hems.cli.status_details import status_details
from hems.cli.status_view import status_view
from hems.domain.command import Mode
from hems.domain.time_grid import slots_of_day

WARSAW = ZoneInfo("Europe/Warsaw")
AT = "2026-11-22T15:15:36Z"

SENSORS = {
    "at": AT,
    "pv_w": 1510.0,
    "pv_string_w": [1000.0, 510.0],
    "load_w": 529.0,
    "backup_load_w": 106.0,
    "grid_w": -250.0,
    "grid_voltage_v": [231.7, 229.4, None],
    "grid_frequency_hz": 50.01,
    "grid_connected": True,
    "battery_w": -731.0,
    "battery_soc_pct": 35.0,
    "battery_soh_pct": 99.0,
    "battery_voltage_v": 52.4,
    "battery_current_a": -14.2,
    "battery_temperature_c": 22.1,
    "battery_cell_temperature_min_c": 21.4,
    "battery_cell_temperature_max_c": None,
    "battery_charge_limit_a": 100.0,
    "battery_discharge_limit_a": 80.0,
    "battery_alarms": ["cell_cold"],
    "inverter_state": "on_grid",
    "inverter_temperature_c": 29.9,
    "inverter_flags": ["meter_lost"],
    "inverter_clock": "2026-11-22T15:14:06Z",
    "quality": {"pv": "good", "battery": "suspect", "grid": "good", "load": "missing"},
    "notes": ["the SoC jumped from 35 % to 80 %"],
}
MODE = {
    "mode": "charge",
    "power_w": 1600.0,
    "target_soc_pct": 100.0,
    "expires_at": "2026-11-22T15:31:00Z",
    "source": "multi_factor",
    "certain": True,
    "proof": "confirmed",
    "proof_detail": "measured -1590 W at the battery",
}
SELF_USE = {**MODE, "mode": "self_use", "power_w": None, "target_soc_pct": None, "expires_at": None}
DECISION = {
    "at": AT,
    "mode": "charge",
    "power_w": 1600.0,
    "source": "multi_factor",
    "reason": "score 72.5: price 190 PLN/MWh gives 100, SoC 35 % gives 80, PV 1510 W gives 30, consumption 529 W",
    "confidence_pct": 46.1,
    "verdict": "allowed",
    "score_total": 72.5,
}


def price_slots(origin: str = "published", day: date = date(2026, 11, 22)) -> list[dict[str, Any]]:
    """Return the local day of ``day``, dear in the second half of each hour."""
    return [
        {"start": start.isoformat(), "price_per_mwh": 100.0 + 800.0 * (n % 4 >= 2), "origin": origin}
        for n, start in enumerate(slots_of_day(day, WARSAW))
    ]


def document(**changes: Any) -> dict[str, Any]:
    """Return a record as the service writes it, changed where a test says so."""
    body: dict[str, Any] = {
        "schema": 1,
        "at": AT,
        "state": "charging",
        "uptime_s": 60.0,
        "inverter": {"model": "GW6000ES20", "control": "ems", "last_error": None},
        "sensors": SENSORS,
        "mode": MODE,
        "decision": DECISION,
        "next_decision_at": "2026-11-22T15:30:00Z",
        "decision_count": 12,
        "history": [{**DECISION, "confidence_pct": 40.0 + n} for n in range(12)],
        "writes_today": 3,
        "safety": {"clear": True, "causes": []},
        "prices": {"markets": {}},
        "fast_charge": None,
        "resources": {"rss_mb": 60.8, "cpu_pct_of_one_core": 1.2},
        "events": [
            {"at": AT, "kind": "x", "severity": "info", "message": f"event {n} " + "is long " * 20} for n in range(9)
        ],
        "battery": None,
        "price": {"price_per_mwh": 190.0, "currency": "PLN", "origin": "published", "import_per_kwh": None},
        "price_slots": price_slots(),
        "metrics": {},
    }
    return {**body, **changes}


def drawn(view: RenderableType, *, width: int = 120, height: int = 60) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(view)
    return console.export_text()


@pytest.mark.parametrize(
    "reading",
    [
        "SoC 35 %",
        "SoH 99 %",
        "52.4 V",
        "14.2 A charging",
        "731 W charging",
        "22.1 °C",
        "cells 21.4 °C to unknown °C",
        "100 A charge, 80 A discharge",
        "250 W exported",
        "L1 231.7 V, L2 229.4 V, L3 unknown V",
        "50.01 Hz",
        "1510 W",
        "string 1 1000 W",
        "string 2 510 W",
        "backup circuits 106 W",
        "state on grid",
        "29.9 °C",
        "16:14:06 (90 s behind)",
        "cell cold",
        "meter lost",
        "battery suspect · load missing",
        "the SoC jumped from 35 % to 80 %",
    ],
)
def test_every_sensor_is_shown_with_its_unit(reading: str) -> None:
    assert reading in " ".join(drawn(status_details(document(), WARSAW)).replace("│", " ").split())


def test_unknown_readings_are_called_unknown_and_never_zero() -> None:
    nothing: dict[str, Any] = {
        name: [] if isinstance(value, list) else None
        for name, value in SENSORS.items()
        if name not in {"at", "quality"}
    }
    text = drawn(status_details(document(sensors={**SENSORS, **nothing}), WARSAW))
    assert "unknown V" in text
    assert " 0 " not in text
    assert "nothing read yet" in drawn(status_details(document(sensors=None), WARSAW))


def test_the_latest_eight_decisions_are_shown_with_local_time_score_and_reason() -> None:
    text = drawn(status_details(document(), WARSAW))
    rows = [line for line in text.splitlines() if "22.11 16:15" in line]
    assert len(rows) == 8
    assert "charge" in rows[-1]
    assert "1600 W" in rows[-1]
    assert "72.5" in rows[-1]
    assert "51 %" in rows[-1]
    assert "price 190 PLN/MWh gives 100" in rows[-1]


@pytest.mark.parametrize(("source", "told"), [("optimal", True), ("multi_factor", False)])
def test_the_score_of_a_decision_that_another_strategy_made_is_not_shown_as_its_reason(source: str, told: bool) -> None:
    factor = {"value": 190.0, "unit": "PLN/MWh", "points": 100.0, "weight": 0.4, "contribution": 40.0}
    decision = {**DECISION, "source": source, "score": {"total": 72.5, "factors": {"price": factor}}}
    text = drawn(status_view(document(decision=decision), WARSAW))
    assert "= 72.5" in text
    assert ("the score did not decide" in text) is told


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 20)])
def test_a_small_screen_shows_what_matters(width: int, height: int) -> None:
    causes = [{"cause": "cold", "detail": f"cause number {n}", "grave": True} for n in range(3)]
    body = document(safety={"clear": False, "causes": causes})
    text = drawn(status_view(body, WARSAW, width=width, height=height), width=width)
    assert len(text.splitlines()) <= height
    for part in ("CHARGING", "solar", "35 %", "charge 1.6 kW to 100 %", "cause number 2", "consumption 529", "event 8"):
        assert part in text
    assert sum("event" in line for line in text.splitlines()) >= 4


def test_prices_are_shown_where_there_is_room_and_a_large_screen_shows_all() -> None:
    body = document(events=[])
    assert "price now 190.00" in drawn(status_view(body, WARSAW, width=80, height=24), width=80)
    assert "price now" not in drawn(status_view(body, WARSAW, width=80, height=12), width=80)
    assert "figures" in drawn(status_view(body, WARSAW, width=120, height=60))


def test_the_live_screen_draws_for_the_terminal_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setattr("sys.stdout", shown := io.StringIO())
    with LiveScreen(WARSAW) as screen:
        screen.show(document())
    assert "event 8" in shown.getvalue()


@pytest.mark.parametrize(("width", "blocks"), [(115, 96), (110, 96), (109, 48), (76, 48), (60, 48), (59, 24)])
def test_a_day_of_prices_fits_one_line_with_its_label(width: int, blocks: int) -> None:
    lines = price_chart(price_slots(), WARSAW, AT, width).plain.splitlines()
    assert lines[0].startswith("Sun 22.11 ")
    assert len(lines[0]) == len("Sun 22.11 ") + blocks <= width
    assert len(lines) == 2
    if blocks == 24:
        assert len(set(lines[0][10:])) == 1, "an hour's block is the mean of its quarters"


@pytest.mark.parametrize(("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_the_days_on_which_summer_time_changes_fit_too(day: date, quarters: int) -> None:
    slots = price_slots(day=day)
    for width, size in ((110, 1), (76, 2), (40, 4)):
        assert len(price_chart(slots, WARSAW, AT, width).plain.splitlines()[0]) == 10 + quarters // size


def test_the_present_block_is_marked_whatever_it_stands_for() -> None:
    for width in (110, 76, 40):
        chart = price_chart(price_slots(), WARSAW, AT, width)
        assert [str(span.style) for span in chart.spans].count("bold bright_white") == 1


def test_estimated_prices_say_why_and_when_the_next_attempt_is() -> None:
    feed = {
        "failing": True,
        "last_error": {"at": AT, "message": "http://127.0.0.1:9/api?$filter=day%20eq cannot be reached: refused"},
        "next_attempt_at": "2026-11-22T15:16:39.677027+00:00",
    }
    body = document(prices={"markets": {"day_ahead": feed}}, price_slots=price_slots("typical_day"))
    told = "fetching fails, next attempt 16:16:39: http://127.0.0.1:9/api cannot be reached"
    assert told in drawn(status_view(body, WARSAW))
    assert "fetching fails" not in drawn(status_view({**body, "price_slots": price_slots()}, WARSAW))


def test_a_fast_charge_request_in_force_or_broken_is_shown() -> None:
    wish = {"target_soc_pct": 90.0, "deadline": "2026-11-23T06:00:00Z", "asked_at": AT}
    for height in (None, 24):
        view = status_view(document(fast_charge=wish), WARSAW, width=80, height=height)
        assert "90 % by Mon 23.11 07:00" in drawn(view, width=80)
        view = status_view(document(fast_charge={"problem": "not a request"}), WARSAW, width=80, height=height)
        assert "not a request" in drawn(view, width=80)


def test_safety_that_was_not_judged_yet_is_not_called_clear() -> None:
    assert "not judged yet" in drawn(status_view(document(safety={"clear": None, "causes": []}), WARSAW))


@pytest.mark.parametrize(
    ("state", "mode", "expected"),
    [
        ("charging", MODE, "it may still charge at 1.6 kW. End it with `hems restore`."),
        ("stopped", MODE, "it may still charge at 1.6 kW. End it with `hems restore`."),
        ("optimizing", {**MODE, "mode": "hold", "power_w": None}, "it may still hold the battery. End it"),
        ("optimizing", {**SELF_USE, "export_limit_w": 0.0}, "it may still feed in no more than 0.0 kW. End it with"),
        (
            "charging",
            {**MODE, "export_limit_w": 500.0},
            "it may still charge at 1.6 kW and feed in no more than 0.5 kW. End it",
        ),
        ("stopped", {**SELF_USE, "certain": False}, "what it does now is not known. End it with `hems restore`."),
        ("monitoring", SELF_USE, "it was in self-use when last seen. Make sure with `hems restore`."),
    ],
)
def test_an_end_that_did_not_give_the_inverter_back_is_warned_of(
    state: str, mode: dict[str, Any], expected: str
) -> None:
    warning = warning_of(document(state=state, mode=mode))
    assert warning is not None
    assert warning.startswith(f"It ended without giving the inverter back: {expected}")


def test_a_limit_on_export_and_the_origin_of_what_is_stored_are_shown() -> None:
    limited = document(mode={**SELF_USE, "export_limit_w": 500.0}, origin={"pv_wh": 3140.0, "grid_wh": 1260.0})
    assert "self use, export at most 0.5 kW" in drawn(status_view(limited, WARSAW))
    details = drawn(status_details(limited, WARSAW))
    assert "3.1 kWh from the sun · 1.3 kWh from the grid or unknown" in details
    assert "from the sun" not in drawn(status_details(document(origin=None), WARSAW))


def test_every_mode_has_words_for_what_an_inverter_goes_on_doing() -> None:
    assert set(MAY_STILL) == set(Mode) - {Mode.SELF_USE}


@pytest.mark.parametrize("state", ["charging", "stopped"])
def test_the_warning_comes_first_and_a_proper_stop_has_none(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, record = tmp_path / "house.yaml", tmp_path / "out" / "system_state" / "current_state.json"
    config.write_text("inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n")
    record.parent.mkdir(parents=True)
    body = document(state=state, mode=MODE if state == "charging" else SELF_USE)
    record.write_text(json.dumps(body))
    assert show_status(config, as_json=False) == ExitCode.NOT_RUNNING
    text = capsys.readouterr().out
    assert text.startswith("The Master Coordinator is NOT running.")
    assert ("It ended without giving the inverter back" in text.splitlines()[0]) == (state == "charging")
    assert "latest decisions" in text
    show_status(config, as_json=True)
    assert json.loads(capsys.readouterr().out).get("warning") == (warning_of(body) if state == "charging" else None)
