"""A stored record comes back as it was, and what is not a record is refused by the path of its fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hems.adapters.storage.codec import dump_record, load_record
from hems.adapters.storage.rows import row_of_sample, sample_of_row
from hems.domain.errors import StorageError
from hems.domain.readings import EnergyCounters
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord
from support.storage_records import T0, cycle, instances_of

KINDS = (CycleRecord, SampleRecord, EventRecord, EnergySlot)
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@RELAXED
@given(st.one_of([instances_of(kind) for kind in KINDS]))
def test_every_record_comes_back_as_it_was(record: Any) -> None:
    text = dump_record(record)
    assert load_record(text, type(record)) == record
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@RELAXED
@given(instances_of(SampleRecord))
def test_a_sample_comes_back_from_its_row(sample: SampleRecord) -> None:
    assert sample_of_row(row_of_sample(sample)) == sample


def test_each_counter_keeps_its_own_column() -> None:
    from dataclasses import replace

    from support.storage_records import sample

    one = sample(T0)
    counters = EnergyCounters(pv_wh=1.0, import_wh=2.0, export_wh=3.0, load_wh=4.0, charge_wh=5.0, discharge_wh=6.0)
    one = replace(one, snapshot=replace(one.snapshot, counters=counters))
    assert sample_of_row(row_of_sample(one)).snapshot.counters == counters


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["decision"].pop("reason"), "cycle.decision.reason: missing"),
        (
            lambda data: data["decision"].update(confidence_pct="high"),
            "cycle.decision.confidence_pct: expected a number",
        ),
        (lambda data: data["decision"]["command"].update(mode="turbo"), "cycle.decision.command.mode: expected one of"),
        (lambda data: data["context"].update(at="2026-11-01T12:00:00"), "cycle.context.at: expected a time"),
        (lambda data: data["action"]["result"].update({"is": "Lost"}), "cycle.action.result: expected one of Applied"),
        (lambda data: data["context"].update(mood="fine"), "DecisionContext has no mood"),
        (lambda data: data["context"].update(charging=1), "cycle.context.charging: expected true or false"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(change: Any, said: str) -> None:
    wrapped = json.loads(dump_record(cycle(T0)))
    change(wrapped["data"])
    with pytest.raises(StorageError, match=said.replace(".", r"\.")):
        load_record(json.dumps(wrapped), CycleRecord)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "no format number"),
        ('{"format": 2, "kind": "cycle", "data": {}}', "update the program"),
        ('{"format": 1, "kind": "event", "data": {}}', "is a 'event', not a 'cycle'"),
    ],
)
def test_what_is_no_record_of_ours_says_so(text: str, said: str) -> None:
    with pytest.raises(StorageError, match=said):
        load_record(text, CycleRecord)
