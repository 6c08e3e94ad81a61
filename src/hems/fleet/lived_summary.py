"""What a fleet's backtest adds up to, gathered part by part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from hems.backtest.outcome import IDLE_BATTERY
from hems.fleet.rows import NOTE
from hems.fleet.summary import ERRORS_SHOWN

SUMMED = ("cost_pln", "saving_pln", "wear_pln", "import_kwh", "export_kwh", "curtailed_kwh", "cycles", "seconds")


@dataclass(slots=True)
class StrategySums:
    """One strategy over all homes."""

    savings: list[float]
    captured_pct: list[float]
    """Of the homes where something could be saved."""
    sums: dict[str, float]

    @property
    def homes(self) -> int:
        """How many homes were lived with it."""
        return len(self.savings)


class LivedSummary:
    """What a fleet's backtest adds up to, gathered part by part."""

    def __init__(self) -> None:
        self.homes = self.failed = 0
        self.possible = 0.0
        """What perfect foresight would have saved at most [money], all homes."""
        self.left_out_hours = 0.0
        self.seconds = 0.0
        self.first: datetime | None = None
        self.last: datetime | None = None
        """The earliest beginning and the latest end of any home's period."""
        self.strategies: dict[str, StrategySums] = {}
        self.errors: list[tuple[str, str]] = []
        """(home, why) of the first that failed."""

    def add(self, table: Any) -> None:
        """Count a part of the result."""
        note = json.loads(table.schema.metadata[NOTE])
        self.homes += note["homes"]
        self.seconds += note["seconds"]
        for row in table.to_pylist():
            if row["error"] is not None:
                self.failed += 1
                if len(self.errors) < ERRORS_SHOWN:
                    self.errors.append((row["home_id"], row["error"]))
                continue
            own = self.strategies.setdefault(
                row["strategy"], StrategySums(savings=[], captured_pct=[], sums=dict.fromkeys(SUMMED, 0.0))
            )
            if row["strategy"] == IDLE_BATTERY:  # one row of every home that was lived
                self.possible += row["possible_saving_pln"]
                self.left_out_hours += row["left_out_hours"]
                self.first = min(self.first or row["from_utc"], row["from_utc"])
                self.last = max(self.last or row["to_utc"], row["to_utc"])
            own.savings.append(row["saving_pln"])
            if row["captured_pct"] is not None:
                own.captured_pct.append(row["captured_pct"])
            for name in SUMMED:
                own.sums[name] += row[name]

    def captured_pct(self, name: str) -> float | None:
        """Return how much of what was possible a strategy saved over all homes; None where nothing was possible."""
        return 100.0 * self.strategies[name].sums["saving_pln"] / self.possible if self.possible > 1e-9 else None

    def document(self) -> dict[str, Any]:
        """Return the summary for a program."""
        captured = {name: self.captured_pct(name) for name in self.strategies}
        return {
            "homes": self.homes,
            "failed": self.failed,
            "possible_saving_pln": round(self.possible, 6),
            "left_out_hours": round(self.left_out_hours, 6),
            "living_seconds": round(self.seconds, 3),
            "strategies": {
                name: {**_document(own), "captured_pct": captured[name]} for name, own in self.strategies.items()
            },
            "errors": [{"home_id": name, "error": why} for name, why in self.errors],
        }


def quantiles(values: list[float]) -> tuple[float | None, float | None, float | None]:
    """Return the tenth, the middle and the ninetieth of a hundred; None where there is nothing."""
    if not values:
        return None, None, None
    low, middle, high = np.quantile(np.array(values), (0.1, 0.5, 0.9)).tolist()
    return low, middle, high


def _document(own: StrategySums) -> dict[str, Any]:
    names = ("p10", "p50", "p90")
    return {
        "homes": own.homes,
        **{name: round(value, 6) for name, value in own.sums.items()},
        "saving_per_home_pln": dict(zip(names, quantiles(own.savings), strict=True)),
        "captured_pct_per_home": dict(zip(names, quantiles(own.captured_pct), strict=True)),
    }
