"""Schemathesis asks the running service whatever its own description allows, and what it does not: never a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hems.web.app import bare_app
from support.dashboard import RunningDashboard, running_dashboard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    with running_dashboard(tmp_path_factory.mktemp("fuzzed"), strategy="optimal", shadows=True) as running:
        yield running


SCHEMA = schemathesis.openapi.from_dict(bare_app().openapi())
OPERATIONS = {
    operation.label: operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
    if not operation.path.endswith("/stream")  # it never ends; what it says is tried in test_web_stream.py
}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "not allowed"])
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_no_question_breaks_the_service(label: str, mode: GenerationMode, fuzzed: RunningDashboard) -> None:
    strategy = OPERATIONS[label].as_strategy(generation_mode=mode)
    asked: list[int] = []

    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        response = case.call(base_url=fuzzed.url.rstrip("/"), timeout=30)
        asked.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        pytest.skip("nothing about this question can be wrong")
    assert asked


def test_the_house_is_well_after_all_of_it(fuzzed: RunningDashboard) -> None:
    assert fuzzed.process.poll() is None
    assert fuzzed.get("state")["connection"]["connected"] is True
    log = fuzzed.log.read_text()
    assert "an answer could not be made" not in log
    assert "Traceback" not in log
