"""The one entry of the benchmarks: a quick run, what it writes, and what it says where something is missing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROJECT))
    from benchmarks import table

    return table


def test_a_quick_run_writes_figures_and_its_table_between_the_marks(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text("# Mine\n\nkept\n\n<!-- measured: planner -->\nold\n<!-- end of planner -->\n\nkept too\n")
    figures = tmp_path / "figures.json"
    done = run("planner", "memory", "--quick", "--rounds", "1", "--json", str(figures), "--table", str(document))
    assert done.returncode == 0, done.stderr
    text = document.read_text()
    assert text.startswith("# Mine\n\nkept\n\n<!-- measured: planner -->\n## Our planner beside HiGHS\n")
    assert "kept too" in text
    assert "old" not in text
    assert "HiGHS / compiled" in text.split("<!-- end of planner -->")[0]
    assert text.rstrip().endswith("<!-- end of memory -->")
    told = json.loads(figures.read_text())
    assert told["quick"] is True
    assert told["machine"]["cores"] >= 1
    planner = told["sections"]["planner"]["figures"]
    assert planner["times_ms"][0]["kernel, plain"]["median"] > 0.0
    assert {sweep["kind"]: sweep["cases"] for sweep in planner["sweeps"]} == {"convex": 4, "negative": 4, "dearer": 4}
    held = told["sections"]["memory"]["figures"]["plain"]
    assert 3.0 < held["start"] < held["peak"] < 60.0  # Python alone, and less than numpy would take


def test_what_is_missing_is_said_aloud_and_fails_nothing(tmp_path: Path) -> None:
    sections = ["rolling", "forecasts"]
    if importlib.util.find_spec("emhass") is None:
        sections.append("emhass")
    done = run(*sections, "--quick", "--data", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.count("SKIPPED") == len(sections)
    assert f"home_A_emhass_15min_2024-02-28_2025-02-27.csv in {tmp_path}" in done.stderr


def test_a_program_that_fails_is_a_promise_missed_and_leaves_the_document(tmp_path: Path) -> None:
    (tmp_path / "home_A_emhass_15min_2024-02-28_2025-02-27.csv").write_text("no such columns\n1\n")
    document = tmp_path / "d.md"
    document.write_text("<!-- measured: forecasts -->\nold\n<!-- end of forecasts -->\n")
    done = run("forecasts", "--quick", "--data", str(tmp_path), "--table", str(document))
    assert done.returncode == 1
    assert "forecasts: MISSED: could not be measured" in done.stderr
    assert "old" in document.read_text()


def test_an_unknown_section_is_refused_with_the_known_ones() -> None:
    done = run("plannr")
    assert done.returncode == 2
    assert "no section plannr: choose from planner, emhass" in done.stderr


def test_cells_are_short_and_safe(table: ModuleType) -> None:
    made = table.Table(columns=("a", "b"), rows=((0.123456, None), (1234.5, "x|y"), (3e-17, 12)), note="Why.")
    assert made.markdown() == "| a | b |\n| --- | --- |\n| 0.123 | - |\n| 1,234 | x\\|y |\n| 0 | 12 |\n\nWhy.\n"
    with pytest.raises(ValueError, match="1 cells under 2 columns"):
        table.Table(columns=("a", "b"), rows=(("one",),))


def test_half_a_place_is_refused_and_the_document_stays(table: ModuleType, tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_text("<!-- measured: planner -->\n")
    with pytest.raises(ValueError, match="only one of its two marks"):
        table.write_sections(document, {"planner": "new\n"})
    assert document.read_text() == "<!-- measured: planner -->\n"
    fresh = tmp_path / "new.md"
    table.write_sections(fresh, {"planner": "one\\2\n"})  # no backslash is taken for a group
    table.write_sections(fresh, {"planner": "two\n"})
    assert fresh.read_text() == "<!-- measured: planner -->\ntwo\n<!-- end of planner -->\n"


def test_a_spread_shows_its_ends(table: ModuleType) -> None:
    from benchmarks.machine import Spread

    assert str(Spread.of([3.0, 1.0, 2.0])) == "2 (1 – 3)"
    assert str(Spread.of([0.5])) == "0.5"
