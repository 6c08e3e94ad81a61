"""What was saved, by local day and month: against plain self-use, the score and hindsight, with the figures F1-F5."""

from __future__ import annotations

import itertools
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from hems.adapters.storage.past_look import PastLook, look_back
from hems.analysis.metrics import (
    PERCENT,
    Figure,
    accuracy_of,
    data_collection_rate,
    efficiency_of,
    savings,
    uptime,
)
from hems.composition import hindsight
from hems.composition.score_savings import ScoreSavings, score_savings
from hems.coordination.shadow_houses import STATE_KEY as SHADOW_HOUSES
from hems.domain.history import HistoryColumns, HistoryQuestion, Resolution, share_kept_pct
from hems.domain.outlook import HomeModel
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds

DAYS_REMEMBERED = 2000
"""All five years that quarters are kept; a day takes about a kilobyte."""

NEW_DAYS_A_REQUEST = 400
"""Days looked back on for the first time in one request: measured 3 ms each, a year in a second or two."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsOptions:
    """The house as its owner described it; ``poll_every`` is how often readings are kept."""

    zone: ZoneInfo
    currency: str
    home: HomeModel
    poll_every: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsRow:
    """A local day, the asked days of a month, or all of them; energies [Wh], money in the currency, + is a cost.

    A figure without a value says why. ``hindsight_pending``: not all of it is computed yet, ask again.
    """

    first: date
    start: datetime
    end: datetime
    """A running day ends with the last full quarter."""
    hours: float
    """Measured."""
    coverage: float
    pv_wh: float | None
    load_wh: float | None
    import_wh: float | None
    export_wh: float | None
    cost: float | None
    baseline_cost: float | None
    """The bill of plain self-use; None unless it is known for every priced quarter."""
    saved: Figure
    score_saved: Figure
    hindsight: Figure
    hindsight_pending: bool
    captured: Figure
    cycles: Figure
    decision_accuracy: Figure
    charging_efficiency: Figure
    uptime: Figure
    data_collection_rate: Figure
    self_sufficiency: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsReport:
    """Days and months in order of time, and the whole; a month has only the days that were asked for."""

    currency: str
    days: tuple[SavingsRow, ...]
    months: tuple[SavingsRow, ...]
    whole: SavingsRow


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """F2 and F3 of a day [%], and for how long they speak; None where nothing can be said."""

    uptime_pct: float | None = None
    collection_pct: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """What does not follow from sums; ``hindsight`` None is pending."""

    day: date
    saved: float | None
    turnover: float
    hindsight: Figure | None
    watched: _Watched


class _Remembered(Generic[V]):
    """What was found out about days; a day whose ``digest`` is another one has changed. Called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[date, tuple[object, V]] = OrderedDict()

    def get(self, day: date, digest: object) -> V | None:
        with self._lock:
            found = self._found.get(day)
            if found is None or found[0] != digest:
                return None
            self._found.move_to_end(day)
            return found[1]

    def put(self, day: date, digest: object, value: V) -> None:
        with self._lock:
            self._found[day] = (digest, value)
            self._found.move_to_end(day)
            if len(self._found) > DAYS_REMEMBERED:
                self._found.popitem(last=False)


class SavingsBook:
    """Answers from any thread. What it found out about a day is kept as long as the day's quarters stay the same."""

    def __init__(self, options: SavingsOptions) -> None:
        self._options = options
        self._hindsight: _Remembered[Figure] = _Remembered()
        self._watched: _Remembered[_Watched] = _Remembered()

    def report(
        self, database: Path, first: date, last: date, now: datetime, *, new_days: int = NEW_DAYS_A_REQUEST
    ) -> SavingsReport:
        """Return what was saved on the local days ``first`` to ``last``, up to ``now``.

        Looks back on at most ``new_days`` days for the first time, the newest first; the others are pending.
        Raises: ValueError: no such days, or they are still to come; StorageError: the database cannot be read.
        """
        zone = self._options.zone
        last = min(last, local_date(now, zone))
        question = HistoryQuestion(
            start=local_day_bounds(first, zone)[0],
            end=local_day_bounds(last, zone)[1],
            zone=zone,
            currency=self._options.currency,
            capacity_wh=self._options.home.capacity_wh,
            resolution=Resolution.DAY,
        )
        until = floor_to_grid(now)
        with look_back(database) as look:
            by_day = look.history(question)
            days = self._days(look, by_day, now, new_days)
            score = score_savings(look.state(SHADOW_HOUSES), zone, self._options.currency)

            def rows(cuts: Sequence[datetime]) -> tuple[SavingsRow, ...]:
                found = by_day if len(cuts) == len(by_day) + 1 else look.history(question, cuts)
                return tuple(
                    self._row(look, found, n, (start, min(end, max(until, start))), days, score)
                    for n, (start, end) in enumerate(itertools.pairwise(cuts))
                )

            cuts = (*by_day.start, by_day.end)
            firsts = [cut for n, cut in enumerate(by_day.start) if n == 0 or local_date(cut, zone).day == 1]
            return SavingsReport(
                currency=self._options.currency,
                days=rows(cuts),
                months=rows((*firsts, by_day.end)),
                whole=rows((cuts[0], cuts[-1]))[0],
            )

    def today(self, database: Path, now: datetime) -> Figure:
        """Return F5 of the local day so far. Raises: StorageError."""
        start, end = local_day_bounds(local_date(now, self._options.zone), self._options.zone)
        with look_back(database) as look:
            quarters = look.quarters(start, end)
        return savings(quarters, self._options.home.capacity_wh, self._options.currency)

    # -- days --------------------------------------------------------------------------------------------------

    def _days(self, look: PastLook, by_day: HistoryColumns, now: datetime, new_days: int) -> list[_Day]:
        first_poll = look.first_poll_at()
        found = []
        for n in reversed(range(len(by_day))):
            start = by_day.start[n]
            end = by_day.start[n + 1] if n + 1 < len(by_day) else by_day.end
            day = local_date(start, self._options.zone)
            looked_back, is_new = self._looked_back(look, by_day, n, (start, end), now, may=new_days > 0)
            new_days -= is_new
            cost, baseline = by_day.cost[n], by_day.baseline_cost[n]
            found.append(
                _Day(
                    day=day,
                    saved=by_day.saved[n],
                    turnover=max(abs(cost or 0.0), abs(baseline or 0.0)),
                    hindsight=looked_back,
                    watched=self._watched_on(look, day, (start, min(end, now)), first_poll, is_over=end <= now),
                )
            )
        return found[::-1]

    def _looked_back(
        self,
        look: PastLook,
        by_day: HistoryColumns,
        n: int,
        span: tuple[datetime, datetime],
        now: datetime,
        *,
        may: bool,
    ) -> tuple[Figure | None, bool]:
        """Return the day's hindsight, None where it has to wait, and whether it was found out just now."""
        elapsed = min(span[1], floor_to_grid(now)) - span[0]
        day = local_date(span[0], self._options.zone)
        columns = (
            *(by_day.hours, by_day.pv_wh, by_day.load_wh, by_day.import_wh, by_day.export_wh, by_day.charge_wh),
            *(by_day.discharge_wh, by_day.soc_pct, by_day.cost, by_day.baseline_cost, by_day.saved),
            *(by_day.import_price_per_kwh, by_day.export_price_per_kwh),
        )
        digest = (elapsed, *(column[n] for column in columns))
        known = self._hindsight.get(day, digest)
        if known is not None or not may:
            return known, False
        quarters = look.quarters(*span) if by_day.hours[n] and elapsed >= MTU else ()
        found = hindsight.hindsight(quarters, max(elapsed, MTU), self._options.home, self._options.currency)
        if quarters:  # of nothing it is made as quickly as it is found
            self._hindsight.put(day, digest, found)
        return found, bool(quarters)

    def _watched_on(
        self, look: PastLook, day: date, span: tuple[datetime, datetime], first_poll: datetime | None, *, is_over: bool
    ) -> _Watched:
        """Return F2 and F3 of ``day``; nobody is blamed for the time before the first kept poll."""
        if first_poll is None or first_poll >= span[1]:
            return _Watched()
        start, end = max(span[0], first_poll), span[1]
        digest = (start, end, look.polls(start, end))
        known = self._watched.get(day, digest) if is_over else None
        if known is not None:
            return known
        kept, complete = look.poll_times(start, end)
        interval_s = self._options.poll_every.total_seconds()
        found = _Watched(
            uptime_pct=uptime(kept, start, end, interval_s).value,
            collection_pct=data_collection_rate(complete, start, end, interval_s).value,
            seconds=(end - start).total_seconds(),
        )
        if is_over:
            self._watched.put(day, digest, found)
        return found

    # -- rows --------------------------------------------------------------------------------------------------

    def _row(
        self,
        look: PastLook,
        found: HistoryColumns,
        n: int,
        span: tuple[datetime, datetime],
        all_days: Sequence[_Day],
        score: ScoreSavings,
    ) -> SavingsRow:
        """Return row ``n`` of ``found``, which lasts over ``span``, with what its days add."""
        zone, home = self._options.zone, self._options.home
        start, end = span
        last = found.start[n + 1] if n + 1 < len(found) else found.end
        days = [day for day in all_days if local_date(start, zone) <= day.day < local_date(last, zone)]
        hours, discharged = found.hours[n] or 0.0, found.discharge_wh[n]
        gains = look.gains(start, last)
        return SavingsRow(
            first=local_date(start, zone),
            start=start,
            end=end,
            hours=hours,
            coverage=min(hours / max((end - start) / timedelta(hours=1), 1e-9), 1.0) if end > start else 0.0,
            pv_wh=found.pv_wh[n],
            load_wh=found.load_wh[n],
            import_wh=found.import_wh[n],
            export_wh=found.export_wh[n],
            cost=found.cost[n],
            baseline_cost=found.baseline_cost[n],
            saved=self._saved(found.saved[n], hours),
            score_saved=score.of([day.day for day in days]),
            hindsight=self._possible(days),
            hindsight_pending=any(day.hindsight is None for day in days),
            captured=_captured(days),
            cycles=_cycles(discharged, home.capacity_wh),
            decision_accuracy=accuracy_of(gains.right, gains.wrong, gains.quarters),
            charging_efficiency=efficiency_of(look.battery_runs(start, last), home.capacity_wh),
            uptime=_share_of_time("uptime", [(day.watched.uptime_pct, day.watched.seconds) for day in days]),
            data_collection_rate=_share_of_time(
                "data collection rate", [(day.watched.collection_pct, day.watched.seconds) for day in days]
            ),
            self_sufficiency=_figure(
                "self-sufficiency",
                share_kept_pct(found.load_wh[n], found.import_wh[n]),
                "%",
                "no use of energy was measured",
            ),
        )

    def _saved(self, value: float | None, hours: float) -> Figure:
        reason = "no quarter with measurements, a price and a self-use comparison"
        found = _figure("savings", value, self._options.currency, reason)
        return found if value is None else _with_basis(found, f"{hours:.1f} h measured")

    def _possible(self, days: Sequence[_Day]) -> Figure:
        """Return the sum of the days' hindsight; of one day it is that day's own figure."""
        unit = self._options.currency
        made = [day.hindsight for day in days if day.hindsight is not None]
        if len(made) < len(days):
            return Figure(name=hindsight.NAME, value=None, unit=unit, reason="still being computed: ask again")
        if len(made) == 1:
            return made[0]
        known = [figure.value for figure in made if figure.value is not None]
        if not known:
            return Figure(name=hindsight.NAME, value=None, unit=unit, reason="no day has enough to look back on")
        basis = f"{len(known)} of {len(days)} days"
        return Figure(name=hindsight.NAME, value=math.fsum(known), unit=unit, basis=basis)


def _captured(days: Sequence[_Day]) -> Figure:
    """Return what was saved on the days whose hindsight is known, as a share of it."""
    pairs = [
        (day.saved, day.hindsight.value, day.turnover)
        for day in days
        if day.saved is not None and day.hindsight is not None and day.hindsight.value is not None
    ]
    if not pairs:
        return hindsight.captured(None, None, 0.0)
    saved, possible, turnover = (math.fsum(column) for column in zip(*pairs, strict=True))
    return hindsight.captured(saved, possible, turnover)


def _cycles(discharged_wh: float | None, capacity_wh: float) -> Figure:
    name = "full cycles"
    if capacity_wh <= 0.0:
        return Figure(name=name, value=None, unit="", reason="the house has no battery")
    value = None if discharged_wh is None else discharged_wh / capacity_wh
    return _figure(name, value, "", "nothing was measured")


def _share_of_time(name: str, days: Sequence[tuple[float | None, float]]) -> Figure:
    known = [(share, seconds) for share, seconds in days if share is not None]
    if not known:
        return Figure(name=name, value=None, unit="%", reason="no readings are kept of this time")
    watched = math.fsum(seconds for _, seconds in known)
    value = math.fsum(share * seconds for share, seconds in known) / watched
    return Figure(name=name, value=min(value, PERCENT), unit="%", basis=f"{len(known)} of {len(days)} days")


def _figure(name: str, value: float | None, unit: str, reason: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, reason=reason if value is None else None)


def _with_basis(figure: Figure, basis: str) -> Figure:
    return Figure(name=figure.name, value=figure.value, unit=figure.unit, basis=basis, reason=figure.reason)
