"""What a fleet's run adds up to, gathered part by part."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hems.fleet.homes import FloatArray
from hems.fleet.rows import ENERGY, MONEY, NOTE

ERRORS_SHOWN = 50
SLOWEST_SHOWN = 10


@dataclass(slots=True)
class FleetSummary:
    """Sums over all homes; ``savings`` has one value per planned home."""

    homes: int = 0
    failed: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*MONEY, *ENERGY), 0.0))
    savings: list[FloatArray] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    """(home, why) of the first that failed."""
    chunk_seconds: list[tuple[int, int, float]] = field(default_factory=list)
    """(chunk, homes, seconds of planning)."""
    grids: Counter[tuple[int, float] | None] = field(default_factory=Counter)
    totals_kw: FloatArray | None = None
    planned_again: int = 0
    """Homes that the grid programme planned too, their certificates being open."""

    def add(self, table: Any) -> None:
        """Count a part of the result."""
        self.homes += table.num_rows
        errors = table.column("error")
        self.failed += table.num_rows - errors.null_count
        if errors.null_count < table.num_rows and len(self.errors) < ERRORS_SHOWN:
            names = table.column("home_id").to_pylist()
            self.errors += [(n, e) for n, e in zip(names, errors.to_pylist(), strict=True) if e is not None]
            del self.errors[ERRORS_SHOWN:]
        for name in self.sums:
            self.sums[name] += float(np.nansum(table.column(name).to_numpy(zero_copy_only=False)))
        savings = table.column("saving_pln").drop_null().to_numpy()
        self.savings.append(np.asarray(savings, np.float64))
        self._add_note(json.loads(table.schema.metadata[NOTE]))

    def _add_note(self, note: dict[str, Any]) -> None:
        self.planned_again += note["planned_again"]
        self.chunk_seconds.append((note["number"], note["homes"], note["seconds"]))
        if not note["homes"]:
            return
        grid = note["grid"]
        self.grids[None if grid is None else (grid[0], grid[1])] += 1
        totals = np.array(note["totals_kw"])
        if self.totals_kw is None:
            self.totals_kw = totals
            return
        width = max(totals.shape[1], self.totals_kw.shape[1])
        self.totals_kw = _widened(self.totals_kw, width) + _widened(totals, width)

    @property
    def grid(self) -> tuple[int, float] | None:
        """Start [s] and length [h] of the slots that all homes have in common; None where they have not."""
        return next(iter(self.grids)) if len(self.grids) == 1 else None

    @property
    def planning_seconds(self) -> float:
        """Time spent planning, over all workers."""
        return sum(seconds for _, _, seconds in self.chunk_seconds)

    def slowest(self) -> list[tuple[int, int, float]]:
        """Return the chunks that took longest."""
        return sorted(self.chunk_seconds, key=lambda each: -each[2])[:SLOWEST_SHOWN]

    def document(self) -> dict[str, Any]:
        """Return the summary for a program."""
        savings = np.concatenate(self.savings) if self.savings else np.zeros(0)
        quantiles = np.quantile(savings, (0.1, 0.5, 0.9)).tolist() if len(savings) else [None] * 3
        return {
            "homes": self.homes,
            "failed": self.failed,
            "planned_again": self.planned_again,
            **{name: round(value, 6) for name, value in self.sums.items()},
            "saving_per_home_pln": dict(zip(("p10", "p50", "p90"), quantiles, strict=True)),
            "planning_seconds": round(self.planning_seconds, 3),
            "errors": [{"home_id": name, "error": why} for name, why in self.errors],
        }


def _widened(totals: FloatArray, width: int) -> FloatArray:
    wide = np.zeros((2, width))
    wide[:, : totals.shape[1]] = totals
    return wide
