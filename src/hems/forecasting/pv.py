"""What the sun will give: a source's expectation corrected by what was measured, and a nowcast on top."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity, SourceForecast
from hems.domain.pv_plant import Place, PvPlant
from hems.domain.time_grid import MTU, floor_to_grid
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.pv_envelope import ClearSky, envelope_factors
from hems.forecasting.pv_expected import QuartersAhead, expected_levels, states_through
from hems.forecasting.pv_fit import Past, PvFit, fit_past
from hems.forecasting.pv_memory import (
    EARLY,
    MTU_S,
    QUARTERS_PER_DAY,
    IntArray,
    SaidBefore,
    SourceMemory,
    StandingWord,
    quarter_index,
)
from hems.forecasting.pv_table import running_state

_EARLY_QUARTERS = EARLY // MTU
_SILENCE = StandingWord(0, np.empty(0))
_STATE_QUARTERS = QUARTERS_PER_DAY
"""How far back the present state is looked for: over a night."""
_FEW_DAYS = 7
_REFIT_OF_NEW = timedelta(hours=1)
"""While few days are known, each hour teaches much, and learning is quick."""
_UNSEEN_SHARE = 0.55
"""Without a past, the best that a source expects is taken for a middling day: nothing says that it is a clear one."""
_SEEN_EXCESS = 1.1
_SURE_OF_THE_MOST_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class PvOptions:
    """What is known of the panels, and how long a source is believed."""

    place: Place | None = None
    latitude_deg: float | None = None
    """A rough one, where the place is not known: the seasons follow it."""
    plant: PvPlant | None = None
    window: timedelta = timedelta(days=56)
    """The past that is learnt from. Measured: 28 and 42 days are worse."""
    half_life: timedelta = timedelta(days=20)
    refit_every: timedelta = timedelta(days=1)
    stale_after: timedelta = timedelta(hours=12)
    """A source this old is mixed with what recent days say, the more the older it is."""
    distrusted_after: timedelta = timedelta(hours=24)
    """A source this old is not used."""


class PvForecaster:
    """Forecasts the panels of one house; remembers what its source said, to learn how far that was off.

    Nothing that was not known at ``now`` enters: of the history only quarters that had ended, of the memory only what
    was said before the quarter in question began.
    """

    def __init__(self, options: PvOptions, memory: SourceMemory | None = None) -> None:
        self._options = options
        self._sky = ClearSky(options.place, options.plant, options.latitude_deg)
        self.memory = memory or SourceMemory()
        """Survives a restart through ``state`` and ``of_state``."""
        self._remembered: SourceForecast | None = None
        self._fit: PvFit | None = None
        self._fitted_with: SaidBefore | None = None

    def remember(self, said: SourceForecast) -> None:
        """Keep what a source said, to be compared with what comes; ``forecast`` does so by itself."""
        if said is not self._remembered:
            self.memory.remember(said)
            self._remembered = said

    def forecast(
        self,
        history: QuarterHistory,
        now: datetime,
        count: int,
        zone: ZoneInfo,
        *,
        source: SourceForecast | None,
        live_pv_w: float | None = None,
    ) -> EnergyForecast | None:
        """Return the power of ``count`` quarters from that of ``now`` on, or None where nothing is known.

        Args:
            history: measured quarters; those that end after ``now`` are not looked at.
            zone: of the house; the sun does not ask for it, the notes do.
            source: what a source outside the house said last, None without one or where it failed.
            live_pv_w: measured power at ``now`` [W], None where unknown or held back by a limit.
        """
        known = history.until(now)
        known_quarters = int(np.isfinite(known.pv_w).sum())
        start = floor_to_grid(now)
        first = quarter_index(start)
        if source is not None and source.received_at <= now:
            self.remember(source)
        else:
            source = None
        fit = self._fitted(Past.of(known, self._learnt_until(now, known_quarters), self._options.window), self.memory)
        said, trust, notes = self._expectation(source, first, count, now, zone)
        if fit.factors is None and not np.isfinite(said).any():
            return None
        state, state_index = self._state(fit, known, first, live_pv_w)
        received = now if source is None else source.received_at
        lead_s = (first + np.arange(count)) * MTU_S - received.timestamp()
        late = int((lead_s < EARLY.total_seconds()).sum())
        ahead = self._ahead(fit, said, trust, first, count, late)
        levels_w = expected_levels(fit, ahead, np.array([state]), np.array([state_index - first]))[0]
        if fit.known_quarters < _FEW_DAYS * QUARTERS_PER_DAY:
            notes.append(f"measured for {fit.known_quarters / QUARTERS_PER_DAY:.1f} days only")
        used = source is not None and trust > 0.0
        return EnergyForecast(
            quantity=Quantity.PV,
            source=source.source if used and source is not None else self._own_name(),
            issued_at=now,
            known_at=source.received_at if used and source is not None else min(now, known.end),
            start=start,
            levels_w=tuple(tuple(level.tolist()) for level in levels_w),
            notes=tuple(notes),
        )

    def levels_through(
        self, history: QuarterHistory, first: datetime, moments: int, count: int, said: SaidBefore | None
    ) -> FloatArray:
        """Return the levels of ``forecast`` as made at the starts of ``moments`` quarters from ``first`` on.

        Equal to ``forecast`` but for rounding, several times faster. At each moment only what had ended by then is
        looked at, though ``history``, unbroken up to the last moment, goes on.

        Args:
            first: the first moment, on the grid.
            said: a source that speaks at each moment; None without one. What was remembered before plays no part.
        Returns: shape (moments, levels, count) [W]; NaN at a moment at which nothing is known.
        """
        levels_w = np.full((moments, len(QUANTILE_LEVELS), count), np.nan)
        if moments <= 0 or count <= 0:
            return levels_w
        number = quarter_index(first)
        source = _SILENCE if said is None else said
        expected_w = np.maximum(source.said(number, moments + count - 1)[0], 0.0)
        for low, high, past in self._pasts_through(history, first, moments):
            ahead_w = expected_w[low : high + count - 1]
            if np.isfinite(past.measured_w).sum() < QUARTERS_PER_DAY and not np.isfinite(ahead_w).any():
                continue  # nothing can be said, which need not be learnt
            fit = self._fitted(past, source)
            step = high - low if fit.factors is not None else 1  # each moment has its own idea of the most
            for row in range(low, high, step):
                ahead_w = expected_w[row : row + step + count - 1]
                if fit.factors is not None or np.isfinite(ahead_w).any():
                    states = self._states_through(fit, history, number + row, step, source)
                    ahead = self._ahead(fit, ahead_w, 1.0, number + row, count, _EARLY_QUARTERS)
                    levels_w[row : row + step] = expected_levels(fit, ahead, *states)
        return levels_w

    def _pasts_through(self, history: QuarterHistory, first: datetime, moments: int) -> Iterator[tuple[int, int, Past]]:
        """Yield the moments [low, high) that learn from one past, and that."""
        known = np.concatenate([[0], np.cumsum(np.isfinite(history.pv_w))])
        before = np.clip((first - history.start) // MTU + np.arange(moments), 0, len(history))
        ends = [self._learnt_until(first + row * MTU, int(known[before[row]])) for row in range(moments)]
        low = 0
        for end, same in itertools.groupby(ends):
            high = low + sum(1 for _ in same)
            yield low, high, Past.of(history, end, self._options.window)
            low = high

    def _states_through(
        self, fit: PvFit, history: QuarterHistory, first: int, moments: int, said: SaidBefore
    ) -> tuple[FloatArray, IntArray]:
        """Return the state at each of ``moments`` quarters from number ``first`` on, and its quarter from there on."""
        start, length = first - _STATE_QUARTERS, _STATE_QUARTERS + moments - 1
        measured_w = np.full(length, np.nan)
        offset = quarter_index(history.start) - start
        low, high = max(0, offset), min(length, offset + len(history))
        if high > low:
            its = slice(low - offset, high - offset)
            measured_w[low:high] = np.where(history.pv_curtailed[its], np.nan, history.pv_w[its])
        said_w, clear_w = said.said(start, length)[0], self._sky.power_w(start, length)
        return states_through(fit, first, moments, measured_w, said_w, clear_w)

    def _ahead(self, fit: PvFit, said_w: FloatArray, trust: float, first: int, count: int, late: int) -> QuartersAhead:
        """Return what is known of the quarters from number ``first`` on, of which ``said_w`` (Q,) is expected."""
        return QuartersAhead(
            first=first,
            count=count,
            said_w=said_w,
            trust=trust,
            late=late,
            envelope_w=self._envelope(fit, said_w, first, len(said_w)),
            clear_w=self._sky.power_w(first, len(said_w)),
            most_w=self._most_w(fit),
        )

    def _own_name(self) -> str:
        return "clear_sky_and_recent_days" if self._sky.knows_the_sun else "recent_days"

    def _learnt_until(self, now: datetime, known_quarters: int) -> datetime:
        """Return up to when the past is learnt from at ``now``."""
        is_new = known_quarters < _FEW_DAYS * QUARTERS_PER_DAY
        every = min(_REFIT_OF_NEW, self._options.refit_every) if is_new else self._options.refit_every
        return floor_to_grid(now, every)

    def _fitted(self, past: Past, said: SaidBefore) -> PvFit:
        """Return what ``past`` taught, learnt once while it stays the same."""
        if self._fit is None or self._fitted_with is not said or not self._fit.past.same_as(past):
            self._fit = fit_past(past, self._sky, said, self._options.half_life)
            self._fitted_with = said
        return self._fit

    def _expectation(
        self, source: SourceForecast | None, first: int, count: int, now: datetime, zone: ZoneInfo
    ) -> tuple[FloatArray, float, list[str]]:
        """Return what the source says of each quarter (NaN: nothing), how far it is believed (0-1), and notes."""
        nothing = np.full(count, np.nan)
        if source is None:
            return nothing, 0.0, []
        age = now - source.received_at
        received = f"{source.received_at.astimezone(zone):%Y-%m-%d %H:%M}"
        if age >= self._options.distrusted_after:
            return nothing, 0.0, [f"{source.source} of {received} is too old and not used"]
        said = np.array(source.pv_w, dtype=np.float64)
        offset = first - quarter_index(source.start)
        low, high = max(0, offset), min(len(said), offset + count)
        if high > low:
            nothing[low - offset : high - offset] = np.maximum(0.0, said[low:high])
        if not np.isfinite(nothing).any():
            return nothing, 0.0, [f"{source.source} of {received} says nothing of the time ahead"]
        if age <= self._options.stale_after:
            return nothing, 1.0, []
        span = self._options.distrusted_after - self._options.stale_after
        return nothing, (self._options.distrusted_after - age) / span, [f"{source.source} of {received} is stale"]

    def _envelope(self, fit: PvFit, said: FloatArray, first: int, count: int) -> FloatArray:
        """Return the most that each quarter could give [W]; without a past, by what the source says."""
        clear = self._sky.power_w(first, count)
        factors = fit.factors
        if factors is None:
            if self._options.plant is not None and self._sky.knows_the_sun:
                return clear
            factors = envelope_factors(first, said, clear)
            if factors is None or not self._sky.knows_the_sun:
                return np.full(count, float(np.nanmax(said, initial=0.0)) / _UNSEEN_SHARE)
            factors = factors / _UNSEEN_SHARE
        return clear * factors[(first + np.arange(count)) % QUARTERS_PER_DAY]

    def _state(self, fit: PvFit, known: QuarterHistory, first: int, live_pv_w: float | None) -> tuple[float, int]:
        """Return how the last measured quarters lay against what was expected, and the number of the last of them.

        NaN where none of them tells.
        """
        count = min(_STATE_QUARTERS, len(known))
        start = quarter_index(known.end) - count
        measured = np.where(known.pv_curtailed, np.nan, known.pv_w)[len(known) - count :]
        gap = first - (start + count)
        if gap > _STATE_QUARTERS:
            measured, start = np.full(0, np.nan), first
        else:
            measured = np.concatenate([measured, np.full(gap, np.nan)])
        if live_pv_w is not None and np.isfinite(live_pv_w):
            measured = np.append(measured, max(0.0, live_pv_w))
        score = fit.scores_of(start, measured, self._sky, self.memory)
        lasting = running_state(score)
        found = np.flatnonzero(np.isfinite(lasting))
        if len(found) == 0:
            return math.nan, first - 1
        return float(lasting[found[-1]]), min(first - 1, start + int(found[-1]))

    def _most_w(self, fit: PvFit) -> float:
        """Return what the inverter or the panels never exceed [W]; infinite where that is not known."""
        most = np.inf
        plant = self._options.plant
        if plant is not None:
            most = plant.peak_w if plant.inverter_max_w is None else plant.inverter_max_w
        if fit.seen_max_w is not None and fit.known_quarters >= _SURE_OF_THE_MOST_DAYS * QUARTERS_PER_DAY:
            most = min(most, _SEEN_EXCESS * fit.seen_max_w)
        return most
