"""``hems plan`` and ``hems why``: what they tell is what the record holds, also where it holds little."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest
from typer.testing import CliRunner, Result

from hems.adapters.clock import SystemClock
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.cli.app import app
from hems.cli.exit_codes import ExitCode
from hems.cli.plan_picture import PlotRefused, draw_plan
from hems.cli.plan_rows import rows_of
from hems.cli.why_words import WHY
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.decision.sentences import Language
from hems.domain.command import Command, CommandResult, Mode, Unreachable
from hems.domain.plan import Plan
from hems.domain.record import CycleRecord, Trigger
from hems.domain.safety import Bounds
from support.plan_records import NOON, WARSAW, context, outlook, planned_cycle, planner
from support.storage_records import cycle

LATER = NOON + timedelta(minutes=4)
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a way to ask a house whose records are given; it is 13:04 in Warsaw."""
    monkeypatch.setattr(SystemClock, "now", lambda _: LATER)
    config = tmp_path / "config" / "house.yaml"
    config.parent.mkdir()
    config.write_text("inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n")

    def ask(*arguments: str, records: tuple[CycleRecord, ...] = (), width: int = 140) -> Result:
        if records:
            with SqliteStore(StoreOptions(path=tmp_path / "out" / "hems.sqlite3")) as store:
                for record in records:
                    store.add_cycle(record)
        return CliRunner().invoke(app, [*arguments, "--config", str(config)], env={"COLUMNS": str(width)})

    return ask


@cache
def planned() -> CycleRecord:
    return planned_cycle(context(outlook()))


def test_before_the_first_decision_both_say_so(run: Run) -> None:
    for command in ("plan", "why"):
        answer = run(command)
        assert answer.exit_code == ExitCode.FAILED
        assert "No decision is stored yet" in answer.output
    document = json.loads(run("plan", "--json").output)
    assert document["plan"] is None
    assert "No decision is stored yet" in document["problem"]


def test_a_decision_without_a_plan_says_why(run: Run) -> None:
    answer = run("plan", records=(planned_cycle(context(outlook(), soc_pct=None)),))
    assert answer.exit_code == ExitCode.FAILED
    assert "There is no plan in the newest decision, of 2026-11-16 13:00: SoC: unknown." in answer.output
    assert "SoC: unknown" in run("why").output


def test_the_table_tells_modes_energy_and_money(run: Run) -> None:
    answer = run("plan", records=(planned(),))
    assert answer.exit_code == ExitCode.OK
    plan = planner().plan_for(context(outlook()))
    assert isinstance(plan, Plan)
    rows = rows_of(plan.slots, WARSAW)
    assert answer.output.count("–") == len(rows)
    assert "Planned at 13:00 from 50 % SoC, 4 min ago, until Wednesday at 01:00" in answer.output
    assert "charge at 5 kW" in answer.output
    assert "The plan is expected to save" in answer.output
    assert "~" in answer.output
    assert len(max(run("plan", width=80).output.splitlines(), key=len)) <= 80


def test_a_plan_of_yesterday_is_not_shown_as_the_present_one(run: Run) -> None:
    then = NOON - timedelta(hours=20)
    old = planned_cycle(context(outlook(then), at=then))
    assert "This is not the present: no newer decision is stored" in run("plan", records=(old,)).output
    assert "This is not the present" not in run("plan", records=(planned(),)).output


def test_what_was_decided_otherwise_is_said(run: Run) -> None:
    command = Command(mode=Mode.HOLD, expires_at=NOON + timedelta(minutes=16))
    answer = run("plan", records=(planned_cycle(context(outlook()), command=command, source="fast_charge"),))
    assert "Decided was hold, by fast charge" in answer.output


def test_the_document_is_exact_and_its_totals_add_up(run: Run) -> None:
    document = json.loads(run("plan", "--json", records=(planned(),)).output)
    assert set(document) == {"schema", "time_zone", "decision", "plan", "problem"}
    plan = document["plan"]
    assert set(plan) == {
        "at", "soc_pct", "currency", "method", "gap", "remarks", "sentence", "details", "reasoning", "choices",
        "totals", "slots",
    }  # fmt: skip
    assert set(plan["slots"][0]) == {
        "start", "end", "mode", "power_w", "export_limit_w", "load_w", "pv_w", "battery_w", "grid_w", "curtailed_w",
        "soc_pct", "import_per_kwh", "export_per_kwh", "price_estimated", "cost", "stored_value_per_kwh",
    }  # fmt: skip
    assert plan["slots"][0]["start"] == "2026-11-16T12:00:00Z"
    assert len(plan["slots"]) == 144
    paid = sum(max(s["grid_w"], 0) * s["import_per_kwh"] for s in plan["slots"]) / 4000
    earned = sum(max(-s["grid_w"], 0) * s["export_per_kwh"] for s in plan["slots"]) / 4000
    wear = sum(abs(s["battery_w"]) * 0.05 for s in plan["slots"]) / 4000
    totals = plan["totals"]["plan"]
    assert totals["paid"] == pytest.approx(paid)
    assert totals["earned"] == pytest.approx(earned)
    assert totals["wear"] == pytest.approx(wear)
    assert totals["total"] == pytest.approx(paid - earned + wear - totals["left_worth"])
    assert plan["totals"]["saving"] == pytest.approx(plan["totals"]["self_use"]["total"] - totals["total"])
    assert plan["reasoning"]["inputs"][0]["known_at"] == "2026-11-16T11:59:40Z"
    assert set(plan["sentence"]) == {"en", "pl"}


def test_a_choice_that_cannot_be_is_null_in_the_document(run: Run) -> None:
    document = json.loads(run("plan", "--json", records=(planned_cycle(context(outlook(), soc_pct=100.0)),)).output)
    costs = {one["costs_more"] for one in document["plan"]["choices"] if one["mode"] == "charge"}
    assert costs == {None}


@pytest.mark.parametrize(("day", "quarters"), [("2026-10-24T22:00", 100), ("2026-03-28T23:00", 92)])
def test_a_day_of_23_or_25_hours_keeps_its_quarters(day: str, quarters: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    plan = planner().plan_for(context(outlook(start, hours=36), at=start))
    assert isinstance(plan, Plan)
    rows = rows_of(plan.slots, WARSAW, hourly=True)
    first_day = [row for row in rows if row.start.astimezone(WARSAW).date() == start.astimezone(WARSAW).date()]
    assert sum((row.end - row.start for row in first_day), timedelta()) == quarters * timedelta(minutes=15)
    assert all(row.end - row.start <= timedelta(hours=1) for row in rows)
    load_kwh = sum(row.load_kwh for row in rows)
    assert load_kwh == pytest.approx(0.6 * 36)


@pytest.mark.parametrize("language", list(Language))
def test_a_picture_is_drawn(tmp_path: Path, language: Language) -> None:
    ahead = outlook(datetime(2026, 10, 24, 12, 0, tzinfo=UTC), can_limit_export=True)
    sunny = replace(ahead, export_per_kwh=tuple(-0.1 for _ in ahead.export_per_kwh))
    plan = planner().plan_for(context(sunny, at=ahead.start))
    assert isinstance(plan, Plan)
    file = tmp_path / "plan.png"
    draw_plan(plan, file, zone=WARSAW, language=language)
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (2000, 1400)
    with pytest.raises(PlotRefused, match="not written"):
        draw_plan(plan, tmp_path / "missing" / "plan.png", zone=WARSAW, language=language)


def test_without_matplotlib_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    answer = run("plan", "--plot", str(tmp_path / "p.png"), records=(planned(),))
    assert isinstance(answer.exception, PlotRefused)
    assert "extra `plots`" in str(answer.exception)


def test_neither_command_takes_up_what_it_does_not_need(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("numpy", "matplotlib"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("numpy", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    assert run("plan", records=(planned(),)).exit_code == ExitCode.OK
    assert run("why").exit_code == ExitCode.OK


def test_why_tells_reason_safety_deed_and_the_others(run: Run) -> None:
    record = planned()
    lines = run("why", records=(record,)).output.splitlines()
    assert lines[0].startswith("2026-11-16 13:00: ")
    assert lines[1] == record.decision.proposals[0].reason
    assert any(line.startswith("  A stored kWh is worth") for line in lines)
    assert "  SoC: inverter, newest value 20 s old" in lines
    assert "Safety: let through as asked" in lines
    assert "Done: written and read back as written (the battery follows); 2 register writes, 7 that day" in lines
    others = lines[lines.index("The other strategies:") + 1 :]
    assert [line.split(":")[0].strip() for line in others[:2]] == ["multi factor", "self use"]


def test_every_word_of_why_is_there_in_both_languages() -> None:
    english, polish = WHY[Language.ENGLISH], WHY[Language.POLISH]
    assert set(english) == set(polish)
    for trigger in Trigger:
        assert f"trigger.{trigger.value}" in english
    for result in get_args(CommandResult):
        assert result.__name__ in english
    for name, text in english.items():
        fields = [{field for _, field, _, _ in Formatter().parse(one) if field} for one in (text, polish[name])]
        assert fields[0] == fields[1], name


def test_why_speaks_polish(run: Run) -> None:
    output = run("why", "--lang", "pl", records=(planned(),)).output
    assert "Zmagazynowana kWh jest teraz warta" in output
    assert "zł/kWh" in output
    assert "Bezpieczeństwo: bez zastrzeżeń" in output
    assert "PLN/kWh" not in output.split("Inne strategie:")[0]


def test_why_finds_the_decision_of_a_time(run: Run) -> None:
    records = tuple(
        planned_cycle(context(outlook(NOON - timedelta(hours=n)), at=NOON - timedelta(hours=n))) for n in (30, 2, 1, 0)
    )
    assert run("why", "--at", "11:59", records=records).output.startswith("2026-11-16 11:00")
    assert run("why", "--at", "2026-11-16T11:00").output.startswith("2026-11-16 11:00")
    assert run("why", "--at", "2026-11-16T10:30Z").output.startswith("2026-11-16 11:00")
    assert run("why").output.startswith("2026-11-16 13:00")
    assert run("why", "--at", "9:30").output.startswith("2026-11-15 07:00")
    assert run("why", "--at", "2026-11-15").output.startswith("2026-11-15 07:00")
    yesterday = run("why", "--at", "23:00").output
    assert yesterday.startswith("2026-11-15 07:00")
    assert "At 2026-11-15 23:00 it was no longer in force" in yesterday
    assert "no longer in force" not in run("why", "--at", "11:10").output
    early = run("why", "--at", "2026-11-01")
    assert early.exit_code == ExitCode.FAILED
    assert "No decision is kept from 2026-11-01" in early.output


@pytest.mark.parametrize(
    "text", ["noon", "25:00", "2026-13-01", "2026-11-16T14:00", "9999-12-31", "0001-01-01T00:00", "20261101", "1345"]
)
def test_a_time_that_is_none_or_to_come_is_refused(run: Run, text: str) -> None:
    answer = run("why", "--at", text, records=(planned(),))
    assert answer.exit_code == ExitCode.USAGE
    assert isinstance(answer.exception, SystemExit)


def test_why_tells_what_safety_narrowed(run: Run) -> None:
    night = datetime(2026, 11, 16, 2, 0, tzinfo=UTC)
    ahead = outlook(night, price=lambda local: 0.2 if local.hour < 4 else 1.4, load_w=1500.0)
    record = planned_cycle(context(ahead, at=night, soc_pct=20.0), bounds=Bounds(forced_charge_max_w=1200.0))
    record = replace(record, decision=replace(record.decision, causes=("battery too cold",), verdict="narrowed"))
    assert record.decision.command.power_w == 1200.0
    output = run("why", records=(record,)).output
    assert "Safety: narrowed, because of battery too cold" in output
    assert "As recorded: " in output
    assert "The plan would have: Charging at 5 kW" in output


def test_why_tells_what_was_not_done(run: Run) -> None:
    record = planned()
    assert record.action is not None
    lost = replace(record, action=replace(record.action, result=Unreachable(detail="no answer in 5 s")))
    assert "NOT done: the inverter did not answer (no answer in 5 s)" in run("why", records=(lost,)).output
    assert "nothing had to be sent" in run("why", records=(replace(record, at=LATER, action=None),)).output


def test_an_old_record_of_the_score_is_explained_too(run: Run) -> None:
    old = cycle(NOON, reason="score 72.0: price is low")
    proposal = MultiFactorEngine().propose(context(None))
    scored = replace(old, decision=replace(old.decision, score=proposal.score, proposals=(proposal,)))
    output = run("why", records=(scored,)).output
    assert "As recorded: score 72.0: price is low" in output
    assert f"Score {proposal.score.total:.1f}:" in output if proposal.score and proposal.score.total else False
    assert "price: 412 PLN/MWh, 40 of 100 points × 0.40" in output
    assert "A stored kWh" not in output
    document = json.loads(run("why", "--json").output)
    assert document["sentence"] == {}
    assert document["decision"]["score"]["factors"][0]["name"] == "price"


def test_the_explanation_for_programs_is_whole(run: Run) -> None:
    document: dict[str, Any] = json.loads(run("why", "--json", "--at", "13:02", records=(planned(),)).output)
    assert document["asked_at"] == "2026-11-16T12:02:00Z"
    assert document["in_force"] is True
    assert document["as_planned"] is True
    assert document["result"] == "Applied"
    assert document["decision"]["reasoning"]["currency"] == "PLN"
    assert [one["source"] for one in document["decision"]["shadows"]] == ["multi_factor", "self_use"]
    assert document["sentence"]["pl"].count("zł/kWh") >= 1
