"""Lives a chunk of homes through their pasts, each as `hems backtest` would, and tells what came of them as rows."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from hems.backtest.assess import Telling, assess
from hems.backtest.outcome import IDLE_BATTERY, NO_BATTERY, Figures, StudyResult
from hems.backtest.runner import MULTI_FACTOR, OPTIMAL, SELF_USE, live_all
from hems.backtest.study import Study
from hems.domain.errors import HemsError
from hems.fleet.rows import NOTE

STRATEGIES = (SELF_USE, MULTI_FACTOR, OPTIMAL)
"""What homes of a fleet can be lived with; EMHASS takes more than an hour for a home-year."""

ALWAYS = (NO_BATTERY, IDLE_BATTERY)

FIGURES = tuple(each.name for each in fields(Figures))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChunk:
    """Homes to live, and those of the same rows of the file that cannot be."""

    number: int
    homes: tuple[tuple[int, str, Study], ...]
    """(row, home, study); prices are prepared, so that all can be sent elsewhere."""
    strategies: tuple[str, ...]
    refused: tuple[tuple[int, str, str], ...]
    """(row, home, why)."""

    def __len__(self) -> int:
        return len(self.homes) + len(self.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedChunk:
    """What came of a chunk."""

    results: tuple[tuple[int, str, StudyResult | str], ...]
    """(row, home, result without what was lived, or why there is none)."""
    seconds: float
    """Of living, on the worker."""


def live_chunk(chunk: StudyChunk) -> LivedChunk:
    """Return every home lived by every strategy; a home that cannot be lived says why, the others go on."""
    begun = time.perf_counter()
    results = tuple((row, home, live_home(study, chunk.strategies)) for row, home, study in chunk.homes)
    return LivedChunk(results=results, seconds=time.perf_counter() - begun)


def live_home(study: Study, strategies: tuple[str, ...]) -> StudyResult | str:
    """Return what came of one home, without its rows (they are not asked for and large), or why nothing did."""
    names = list(dict.fromkeys([*ALWAYS, *strategies]))
    try:
        lived = live_all(study, names)
        if lived.is_interrupted:  # half a period is no result of this home
            raise KeyboardInterrupt
        result = assess(study, lived, Telling())
    except (HemsError, ValueError, ArithmeticError) as error:
        return str(error) or type(error).__name__
    nothing = slice(0, 0)
    return replace(result, outcomes=tuple(replace(each, lived=each.lived.rows(nothing)) for each in result.outcomes))


def lived_table(chunk: StudyChunk, lived: LivedChunk) -> Any:
    """Return a row for every home and strategy (docs/fleet.md), as a pyarrow table with the chunk's note."""
    import pyarrow as pa  # type: ignore[import-untyped]

    rows: list[dict[str, Any]] = []
    for row, home, result in lived.results:
        if isinstance(result, str):
            rows.append({"row": row, "home_id": home, "error": result})
        else:
            rows += _rows(row, home, result)
    rows += [{"row": row, "home_id": home, "error": why} for row, home, why in chunk.refused]
    rows.sort(key=lambda each: int(each["row"]))  # a sort that keeps the order of a home's strategies
    note = {"number": chunk.number, "homes": len(chunk), "seconds": lived.seconds}
    return pa.Table.from_pylist(rows, schema=schema()).replace_schema_metadata({NOTE: json.dumps(note).encode()})


def schema() -> Any:
    """Return the columns of the result."""
    import pyarrow as pa

    number, moment = pa.float64(), pa.timestamp("s", "UTC")
    return pa.schema(
        [
            ("row", pa.int64()),
            ("home_id", pa.string()),
            ("strategy", pa.string()),
            ("from_utc", moment),
            ("to_utc", moment),
            ("battery_kwh", number),
            *((name, pa.int64() if name == "quarters_without_plan" else number) for name in FIGURES),
            ("possible_saving_pln", number),
            ("possible_saving_gap_pln", number),
            ("stored_value_per_kwh", number),
            ("left_out_hours", number),
            ("error", pa.string()),
        ]
    )


def _rows(row: int, home: str, result: StudyResult) -> list[dict[str, Any]]:
    shared = {
        "row": row,
        "home_id": home,
        "from_utc": _second(result.first),
        "to_utc": _second(result.last),
        "battery_kwh": result.battery_kwh,
        "possible_saving_pln": result.possible_saving,
        "possible_saving_gap_pln": result.possible_gap,
        "stored_value_per_kwh": result.left_value_per_kwh,
        "left_out_hours": result.left_out_hours,
        "error": None,
    }
    return [{**shared, "strategy": outcome.name, **asdict(outcome.figures)} for outcome in result.outcomes]


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
