"""One strategy through several studies of one past: week by week in step, each week's forecasts made once for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from hems.backtest.forecast_view import ForecastView
from hems.backtest.lived import IntArray, LivedPeriod
from hems.backtest.runner import CHUNK, Plans, Progress, run_of
from hems.backtest.study import Span, Study
from hems.domain.measured import FloatArray
from hems.domain.time_grid import MTU
from hems.domain.units import kwh_from_wh
from hems.planning.compiled import Kernel, fastest_kernel

_MTU_S = int(MTU.total_seconds())
_W = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """What a meter and a battery counted over a time that was lived: little enough to keep for many cases."""

    start_s: IntArray
    """The quarters of which something was lived, ascending, shape (n,): seconds since 1970-01-01 UTC."""
    import_wh: FloatArray
    export_wh: FloatArray
    hours: float
    energy_cost: float
    """Import at its price less export at its price, quarter by quarter [money]."""
    wear_cost: float
    charged_kwh: float
    """At the AC side, as ``discharged_kwh``."""
    discharged_kwh: float
    soc_pct: float | None
    """At the end; None where nothing was lived."""

    @staticmethod
    def of(lived: LivedPeriod) -> Flows:
        """Return what ``lived`` comes to."""
        starts, row = np.unique(lived.start_s // _MTU_S * _MTU_S, return_inverse=True)
        grid_wh, battery_kwh = lived.grid_w * lived.hours, lived.battery_w / _W * lived.hours
        return Flows(
            start_s=starts,
            import_wh=_summed(row, np.maximum(grid_wh, 0.0), len(starts)),
            export_wh=_summed(row, np.maximum(-grid_wh, 0.0), len(starts)),
            hours=float(lived.hours.sum()),
            energy_cost=float(lived.energy_cost.sum()),
            wear_cost=float(lived.wear_cost.sum()),
            charged_kwh=float(np.maximum(-battery_kwh, 0.0).sum()),
            discharged_kwh=float(np.maximum(battery_kwh, 0.0).sum()),
            soc_pct=float(lived.soc_pct[-1]) if len(lived) else None,
        )

    @staticmethod
    def joined(parts: Sequence[Flows]) -> Flows:
        """Return ``parts``, at least one, in order of time, as one."""
        known = [p.soc_pct for p in parts if p.soc_pct is not None]
        return Flows(
            start_s=np.concatenate([p.start_s for p in parts]),
            import_wh=np.concatenate([p.import_wh for p in parts]),
            export_wh=np.concatenate([p.export_wh for p in parts]),
            hours=sum(p.hours for p in parts),
            energy_cost=sum(p.energy_cost for p in parts),
            wear_cost=sum(p.wear_cost for p in parts),
            charged_kwh=sum(p.charged_kwh for p in parts),
            discharged_kwh=sum(p.discharged_kwh for p in parts),
            soc_pct=known[-1] if known else None,
        )

    @property
    def import_kwh(self) -> float:
        """What was taken from the grid."""
        return kwh_from_wh(float(self.import_wh.sum()))

    @property
    def export_kwh(self) -> float:
        """What was given to the grid."""
        return kwh_from_wh(float(self.export_wh.sum()))


def _summed(row: IntArray, values: FloatArray, count: int) -> FloatArray:
    return np.bincount(row, values, count).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """What came of each case; an interruption leaves what all have lived, up to ``until``."""

    flows: Mapping[str, Flows]
    until: datetime
    is_interrupted: bool = False


def stored_change(study: Study, flows: Flows) -> float:
    """Return the worth of what is stored at the end more than at the start [money]."""
    if flows.soc_pct is None:
        return 0.0
    gained_kwh = kwh_from_wh(study.home.capacity_wh) * (flows.soc_pct - study.start_soc_pct) / 100.0
    return gained_kwh * study.left_value_per_kwh


def live_side_by_side(
    studies: Mapping[str, Study], name: str, progress: Progress | None = None, kernel: Kernel | None = None
) -> SideBySide:
    """Live the strategy ``name`` through ``studies`` of one past and one period; Ctrl-C keeps the weeks of all.

    Raises: ValueError: no study, an unknown strategy, or studies of different times or forecasts.
    """
    kernel = kernel or fastest_kernel()
    one = next(iter(studies.values()), None)
    if one is None or any((s.first, s.last) != (one.first, one.last) for s in studies.values()):
        raise ValueError("studies of one and the same period are wanted, one at least")
    first_view = ForecastView(one)
    planners: dict[str, Plans] = {}
    runs = {
        key: run_of(study, name, first_view if study is one else ForecastView(study, first_view), kernel, planners)
        for key, study in studies.items()
    }
    weeks: list[dict[str, Flows]] = []
    at, is_interrupted = one.first, False
    try:
        while at < one.last:
            until = min(at + CHUNK, one.last)
            weeks.append({key: Flows.of(runs[key].live(Span.of(study, at, until))) for key, study in studies.items()})
            at = until
            if progress is not None:
                progress(at)
    except KeyboardInterrupt:
        is_interrupted = True
    flows = {key: Flows.joined([week[key] for week in weeks]) for key in studies if weeks}
    return SideBySide(flows=flows, until=at, is_interrupted=is_interrupted)


def live_spread(
    groups: Sequence[Mapping[str, Study]], name: str, executor: Executor, told: Callable[[int], None] | None = None
) -> SideBySide:
    """Live each group of studies side by side as a piece of work of its own; as ``live_side_by_side``.

    ``told``: how many groups are done. The groups are lived whole: an interruption ends the command.
    """
    futures = [executor.submit(live_side_by_side, _sendable(group), name) for group in groups]
    for done, future in enumerate(as_completed(futures), start=1):
        future.result()
        if told is not None:
            told(done)
    results = [future.result() for future in futures]
    return SideBySide(
        flows={key: flows for result in results for key, flows in result.flows.items()},
        until=min(result.until for result in results),
        is_interrupted=any(result.is_interrupted for result in results),
    )


def _sendable(group: Mapping[str, Study]) -> dict[str, Study]:
    """Return ``group`` with every price estimate made; studies that share prices share the work."""
    made: dict[int, Study] = {}
    found = {}
    for key, study in group.items():
        if id(study.prices) not in made:
            prices = study.prices.prepared(study.first, study.last, study.planning.horizon // MTU)
            made[id(study.prices)] = replace(study, prices=prices)
        found[key] = replace(study, prices=made[id(study.prices)].prices)
    return found
