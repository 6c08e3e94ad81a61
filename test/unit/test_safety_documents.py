"""The table of docs/safety.md is the rules themselves; and the rules are cheap enough for every poll."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.rules import RULES
from hems.safety.table import safety_table, with_table
from support.safety_builders import NOON, POLL, SPEC, snapshot

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "safety.md"


def test_the_table_in_the_document_is_the_one_the_rules_make() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_table(text) == text, "renew it: python -m hems.safety.table docs/safety.md"


def test_every_rule_has_its_row() -> None:
    table = safety_table()
    for rule in RULES:
        assert f"| `{rule.key}` |" in table
    assert "| `battery_too_hot` |" in table
    assert "| no | no | no | no | PV only | standby |" in table


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the marks"):
        with_table("no marks here")


@pytest.mark.parametrize("broken", [{}, {"battery__temperature_c": 61.0}])
def test_an_evaluation_takes_well_below_a_millisecond(broken: dict[str, float]) -> None:
    """The budget is 100 µs; the bound leaves room for a busy machine, the best of several runs is compared."""
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    polls = [snapshot(NOON + index * POLL, pv__power_w=1000.0 + index, **broken) for index in range(200)]
    best = timedelta.max
    for _ in range(5):
        start = time.perf_counter()
        for poll in polls:
            supervisor.evaluate(poll, poll.at, poll.at)
        best = min(best, timedelta(seconds=time.perf_counter() - start))
    assert best / len(polls) < timedelta(microseconds=500)
