"""The product's forecasts of load and PV beside naive ones, over the year of home A."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.programs import figures_of
from benchmarks.sections import Options, Outcome
from benchmarks.table import Table

QUICK_EVERY = 997
"""Quarters between two forecasts of the quick run; it shares no factor with a day's 96."""
WHOLE = "0-36 h"
OURS = {"load": ("own_history", "with weather"), "PV": ("corrected", "no source")}


def measure(options: Options) -> Outcome:
    """Run `forecast_load.py` and `forecast_pv.py`; errors over the whole year, by lead."""
    words = ["--data", str(options.data), *(["--every", str(QUICK_EVERY)] if options.quick else [])]
    load = figures_of("forecast_load.py", words)["rows"]
    pv = figures_of("forecast_pv.py", words)
    tables = (
        by_lead("load", [row for row in load if row["season"] == "year"]),
        by_lead("PV", [row for row in pv if row["season"] == "all"]),
    )
    return Outcome(tables=tables, figures={"load": load, "pv": pv})


def by_lead(quantity: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Return the pinball losses [W] of every forecast by lead, their whole as a share of the best yardstick's first."""
    names, leads = (list(dict.fromkeys(row[key] for row in rows)) for key in ("forecast", "lead"))
    loss = {(row["forecast"], row["lead"]): row["pinball_w"] for row in rows}
    best = min((loss[name, WHOLE] for name in names if name not in OURS[quantity]), default=None)
    return Table(
        columns=(quantity, "of the best yardstick's, %", *(f"{lead}, W" for lead in leads)),
        rows=tuple(
            (name, best and 100.0 * loss[name, WHOLE] / best, *(loss.get((name, lead)) for lead in leads))
            for name in names
        ),
        note=f"Pinball loss by lead, the whole year; the share is of {WHOLE}. Ours: {', '.join(OURS[quantity])}.",
    )
