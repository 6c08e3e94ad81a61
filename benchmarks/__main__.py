"""Measure what the product promises, beside HiGHS and EMHASS, and print tables.

    .venv/bin/python -m benchmarks [planner] [emhass] [rolling] [memory] [fleet] [forecasts] [service]
                                   [--quick] [--rounds N] [--data DIR] [--json FILE] [--table FILE.md]

All sections where none is named. ``--table`` puts each section between its marks in an existing document, such as
``docs/benchmarks.md``, and leaves the rest of it alone. Exit code 1 where a promise was not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "test")]  # random homes and referees live with the tests

from benchmarks.machine import machine  # noqa: E402
from benchmarks.sections import SECTIONS, Options, Outcome  # noqa: E402
from benchmarks.table import section_text, write_sections  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named sections, print and write what they found."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, not how fast it is")
    parser.add_argument("--rounds", type=int, help="how often each thing is measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HEMS_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--table", type=Path, metavar="FILE.md", help="put the tables into this document")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}")
    options = Options(quick=asked.quick, data=asked.data, rounds=asked.rounds, seed=asked.seed, report=_report)
    on = machine()
    found, seconds = _run(list(dict.fromkeys(asked.sections)) or list(SECTIONS), options)
    texts = {
        name: section_text(SECTIONS[name].title, str(on), outcome.tables, outcome.remarks)
        for name, outcome in found.items()
        if outcome.tables
    }
    print("\n".join(texts.values()), end="")
    if asked.json:
        document = {"machine": asdict(on), "quick": asked.quick, "sections": _as_json(found, seconds)}
        asked.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if asked.table:
        write_sections(asked.table, texts)
    for name, outcome in found.items():
        for line in [f"SKIPPED: {outcome.skipped}"] if outcome.skipped else [f"MISSED: {m}" for m in outcome.missed]:
            print(f"{name}: {line}", file=sys.stderr)
    return 1 if any(outcome.missed for outcome in found.values()) else 0


def _run(names: Sequence[str], options: Options) -> tuple[dict[str, Outcome], dict[str, float]]:
    found: dict[str, Outcome] = {}
    seconds: dict[str, float] = {}
    for name in names:
        options.report(f"{name}: {SECTIONS[name].title}")
        begun = time.perf_counter()
        try:
            found[name] = SECTIONS[name].run(options)
        except subprocess.CalledProcessError as failed:  # one program's failure does not lose what others measured
            found[name] = Outcome(missed=(f"could not be measured: {failed}",))
        except KeyboardInterrupt:
            options.report(f"{name}: interrupted; what was measured before is kept")
            break
        seconds[name] = round(time.perf_counter() - begun, 1)
    return found, seconds


def _as_json(found: dict[str, Outcome], seconds: dict[str, float]) -> dict[str, Any]:
    return {
        name: {
            "seconds": seconds[name],
            "skipped": outcome.skipped,
            "missed": outcome.missed,
            "remarks": outcome.remarks,
            "figures": outcome.figures,
        }
        for name, outcome in found.items()
    }


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
