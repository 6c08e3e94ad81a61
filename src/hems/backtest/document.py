"""A result for programs: JSON of all figures, and the trace of every row that was lived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np

from hems.backtest.lived import MODE_NAMES, LivedPeriod
from hems.backtest.outcome import DayStory, StudyResult
from hems.domain.measured import RecordQuality

FORMAT = 1


def document_of(result: StudyResult) -> dict[str, Any]:
    """Return ``result`` without its rows, as JSON knows it; money in ``currency``, times UTC."""
    return {
        "format": FORMAT,
        "title": result.title,
        "from": _time(result.first),
        "to": _time(result.last),
        "time_zone": str(result.zone),
        "currency": result.currency,
        "interrupted": result.is_interrupted,
        "battery_kwh": result.battery_kwh,
        "stored_value_per_kwh": result.left_value_per_kwh,
        "possible_saving_pln": result.possible_saving,
        "possible_saving_gap_pln": result.possible_gap,
        "strategies": {outcome.name: asdict(outcome.figures) for outcome in result.outcomes},
        "losses_pln": {loss.cause: loss.amount for loss in result.losses},
        "best_day": _story(result.best_day),
        "worst_day": _story(result.worst_day),
        "left_out_hours": result.left_out_hours,
        "data_quality": [_quality(quality) for quality in result.quality],
        "remarks": list(result.remarks),
        "parameters": dict(result.parameters),
        "versions": dict(result.versions),
        "forecast_seconds": result.forecast_seconds,
    }


def trace_columns(lived: LivedPeriod) -> Mapping[str, Any]:
    """Return one row per stretch of constant power; house signs, money with + a cost.

    The first twelve columns suffice to check energy, limits and money; ``energy_pln`` and ``wear_pln`` sum to
    ``cost_pln``, ``asked_w`` is the power of a forced mode.
    """
    return {
        "ts_utc": lived.starts(),
        "dt_h": lived.hours,
        "load_w": lived.load_w,
        "pv_w": lived.pv_w,
        "buy_per_kwh": lived.import_per_kwh,
        "sell_per_kwh": lived.export_per_kwh,
        "mode": [MODE_NAMES[code] for code in lived.mode.tolist()],
        "battery_w": _no_minus_zero(lived.battery_w),
        "grid_w": _no_minus_zero(lived.grid_w),
        "curtailed_w": lived.curtailed_w,
        "soc_pct": lived.soc_pct,
        "cost_pln": lived.cost,
        "energy_pln": lived.energy_cost,
        "wear_pln": lived.wear_cost,
        "asked_w": lived.asked_w,
    }


def _no_minus_zero(values: Any) -> Any:
    return np.asarray(values) + 0.0


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _story(story: DayStory | None) -> dict[str, Any] | None:
    if story is None:
        return None
    return {
        "day": story.day.isoformat(),
        "saving_pln": story.saving,
        "reasons": [{"from": _time(r.start), "mode": r.mode, "sentence": r.sentence} for r in story.reasons],
    }


def _quality(quality: RecordQuality) -> dict[str, Any]:
    return {
        "source": quality.source,
        "rows": quality.rows,
        "step_minutes": quality.step.total_seconds() / 60.0,
        "from": _time(quality.first),
        "to": _time(quality.end),
        "missing_rows": quality.missing_rows,
        "not_numbers": dict(quality.not_numbers),
        "gaps": [{"from": _time(start), "to": _time(end)} for start, end in quality.gaps],
        "remarks": list(quality.remarks),
    }
