"""The parts of the benchmark, and what each is asked and answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to measure."""

    quick: bool
    """Small enough for a test run: shows that it works, not how fast it is."""
    data: Path
    """Where the reference data lie."""
    rounds: int | None = None
    """How often each thing is measured; None: what the section takes."""
    seed: int = 0
    report: Callable[[str], None] = lambda _: None
    """Told how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a section found."""

    tables: tuple[Table, ...] = ()
    figures: Any = None
    """All of it, for JSON."""
    remarks: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    """What was promised and not kept."""
    skipped: str | None = None
    """Why nothing was measured, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part; its module is imported when it runs, for each needs other packages."""

    title: str
    module: str
    data: tuple[str, ...] = field(default=())
    """Files of the reference data it cannot do without."""

    def run(self, options: Options) -> Outcome:
        """Measure."""
        missing = [name for name in self.data if not (options.data / name).is_file()]
        if missing:
            return Outcome(
                skipped=f"no {', '.join(missing)} in {options.data}: name the folder with --data or $HEMS_DATA"
            )
        measure: Callable[[Options], Outcome] = importlib.import_module(self.module).measure
        return measure(options)


HOME_A = "home_A_emhass_15min_2024-02-28_2025-02-27.csv"

SECTIONS: Mapping[str, Section] = {
    "planner": Section(title="Our planner beside HiGHS", module="benchmarks.planner"),
    "emhass": Section(title="Our planner beside EMHASS", module="benchmarks.beside_emhass"),
    "rolling": Section(title="A rolling year of home A", module="benchmarks.rolling", data=(HOME_A,)),
    "memory": Section(title="Memory of a plan", module="benchmarks.memory"),
    "fleet": Section(title="A fleet", module="benchmarks.fleet"),
    "forecasts": Section(title="Forecasts of home A", module="benchmarks.forecasts", data=(HOME_A,)),
    "web": Section(title="The dashboard and its API", module="benchmarks.web"),
    "service": Section(title="The service", module="benchmarks.run"),
}
