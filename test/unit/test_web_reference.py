"""The API describes itself: every number has its unit, every question its words, and docs/api.md says the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hems.web.access.guard import unguarded
from hems.web.app import bare_app
from hems.web.reference import render_reference

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = bare_app().openapi()

WITHOUT_UNIT = {
    # counts, shares of one, points, and numbers whose unit stands in a field beside them
    "agreement", "answered", "contribution", "coverage", "cycles", "cycles_per_day", "dropped_records", "gaps", "high",
    "low", "matching", "open_files", "open_streams", "pid", "points", "polls", "quarters", "queued_records",
    "reconnections", "register_writes", "score_total", "status", "unanswered_polls", "value", "weight", "write_budget",
    "writes_today",
}  # fmt: skip


def numbers(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every field that is a number, or a list of them."""
    for name, field in schema.get("properties", {}).items():
        if is_number(field):
            yield name, field


def is_number(field: dict[str, Any]) -> bool:
    if field.get("type") in {"number", "integer"}:
        return True
    return any(is_number(part) for part in (*field.get("anyOf", ()), field.get("items", {})) if part)


def has_unit(field: dict[str, Any]) -> bool:
    return "unit" in field or any(has_unit(part) for part in (*field.get("anyOf", ()), field.get("items", {})) if part)


def test_every_number_says_its_unit() -> None:
    silent = {
        f"{model}.{name}"
        for model, schema in DOCUMENT["components"]["schemas"].items()
        if model not in {"HTTPValidationError", "ValidationError"}
        for name, field in numbers(schema)
        if not has_unit(field) and name not in WITHOUT_UNIT
    }
    assert not silent


def test_every_question_is_described_and_says_how_it_can_fail() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, route in methods.items():
            assert route.get("description", "").endswith((".", "`")), f"{method} {path}"
            can_fail = any(status >= "400" for status in route["responses"])
            assert can_fail or (method, path) == ("get", "/api/v1/session"), f"{method} {path}"
            for parameter in route.get("parameters", ()):
                if parameter["in"] == "query":
                    assert parameter["schema"], f"{path} {parameter['name']}"


def test_every_model_and_problem_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert all(schema.get("description") for name, schema in schemas.items() if "Validation" not in name)
    assert "ProblemView" in schemas


def test_no_question_lets_everybody_in() -> None:
    assert unguarded(bare_app()) == []
    guarded = [route for methods in DOCUMENT["paths"].values() for route in methods.values() if route.get("security")]
    assert len(guarded) >= 18


def test_only_orders_ask_for_more_than_reading() -> None:
    changing = {
        f"{method} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method not in {"get", "head"}
    }
    assert changing == {"post /api/v1/orders", "post /api/v1/session", "delete /api/v1/session"}


def test_the_reference_is_what_the_code_says() -> None:
    kept = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert kept == render_reference(), "make it anew: python -m hems.web.reference > docs/api.md"
