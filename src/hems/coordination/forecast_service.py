"""Forecast service: keeps the measured past at hand, asks the source of weather, and says what is to be expected.

Asks in a task of its own; no question put to it waits for the network, and none raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from hems.coordination.forecast_feed import FeedOptions, ForecastFeed, as_state
from hems.coordination.packed_state import packed, unpacked
from hems.domain.errors import StorageError
from hems.domain.forecast import EnergyForecast, Quantity, SourceForecast
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid
from hems.forecasting.history import QuarterHistory
from hems.forecasting.load import LoadForecaster
from hems.forecasting.measured import with_quarter
from hems.forecasting.pv import PvForecaster
from hems.forecasting.pv_curtailment import with_curtailment
from hems.forecasting.pv_memory import SourceMemory
from hems.forecasting.temperature_memory import TemperatureMemory
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastArchive, ForecastSource
from hems.ports.storage import RecordStore

log = structlog.get_logger(__name__)

HISTORY_KEPT = timedelta(days=62)
"""Sixty local days, the day under way, and a change of summer time."""

ISSUED_QUARTERS = 144
"""What is archived at each quarter: a day and a half, as far as prices are known at the most."""

STATE_KEY = "forecasts"
LONGEST_SLEEP_S = 600.0
"""A sleep is never longer, so that a set clock or a suspended machine is noticed."""

_SHORT_LEAD = 4
"""The status tells how good forecasts were one hour ahead over the last day."""
_DAY = 96


class ForecastStore(RecordStore, ForecastArchive, Protocol):
    """Keeps quarters, state and issued forecasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastServiceOptions:
    """``zone`` is that of the house, whose habits follow its clock."""

    zone: ZoneInfo
    feed: FeedOptions = field(default_factory=FeedOptions)


class ForecastService:
    """Answers what the house will use and the sun will give."""

    def __init__(
        self,
        source: ForecastSource | None,
        store: ForecastStore,
        clock: Clock,
        options: ForecastServiceOptions,
        *,
        load: LoadForecaster,
        pv: PvForecaster,
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._load = load
        self._pv = pv
        self._feed = None if source is None else ForecastFeed(source, clock, options.feed)
        self._temperatures = TemperatureMemory()
        self._history = QuarterHistory.of((), clock.now(), HISTORY_KEPT)
        self._issued: dict[Quantity, deque[EnergyForecast]] = {q: deque(maxlen=2 * _DAY) for q in Quantity}
        self._export_limits_w: dict[datetime, float] = {}
        self._problems: dict[str, str] = {}
        self._is_loaded = False

    # -- the task --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take up what is stored, then ask the source whenever it is time; ends only by cancellation."""
        if not self._is_loaded:
            self.load_stored()
        while True:
            if self._feed is not None:
                try:
                    if await self._feed.ask_where_due():
                        self._take(self._feed.last)
                except Exception as error:  # the task's top: a defect here must not stop the house
                    log.exception("forecast_service_failed")
                    self._feed.failed(error)
            await self._clock.sleep(self._seconds_to_next_attempt())

    def load_stored(self) -> None:
        """Take up the measured past and what the source said before a restart; trouble is kept for the status."""
        now = self._clock.now()
        try:
            slots = self._store.energy_between(now - HISTORY_KEPT, now)
            kept = self._store.get_state(STATE_KEY)
        except StorageError as error:
            log.warning("stored_quarters_unreadable", error=str(error))
            self._note("storage", error)
            return
        self._problems.pop("storage", None)
        self._is_loaded = True
        history = QuarterHistory.of(slots, now, HISTORY_KEPT)
        self._history = with_curtailment(history, slots, self._export_limits_w.get)
        if kept is not None:
            self._take_up(kept)

    def _take_up(self, kept: object) -> None:
        """Take up the kept state part by part: one that cannot be read costs no other."""
        try:
            state = unpacked(kept)
        except ValueError as error:
            log.warning("kept_forecast_ignored", part="all", error=str(error))
            return
        for part, take in self._parts_of_state().items():
            if state.get(part) is not None:
                try:
                    take(state[part])
                except (ValueError, KeyError, TypeError, OverflowError) as error:
                    log.warning("kept_forecast_ignored", part=part, error=str(error))

    def _parts_of_state(self) -> dict[str, Callable[[Any], None]]:
        def take_memory(kept: Any) -> None:
            if not isinstance(kept, Mapping):
                raise TypeError(f"expected the memory of a source, found {kept!r:.80}")
            self._pv.memory = SourceMemory.of_state(kept)

        parts: dict[str, Callable[[Any], None]] = {"pv_memory": take_memory, "temperature": self._temperatures.take_up}
        if self._feed is not None:
            parts["said"] = self._feed.take_up
        return parts

    def _take(self, said: SourceForecast | None) -> None:
        if said is None:
            return
        self._pv.remember(said)
        self._temperatures.remember(said)
        state = {
            "said": as_state(said),
            "pv_memory": self._pv.memory.state(),
            "temperature": self._temperatures.state(),
        }
        try:
            self._store.put_state(STATE_KEY, packed(state))
        except StorageError as error:
            log.warning("forecast_not_stored", error=str(error))
            self._note("storage", error)
        else:
            self._problems.pop("storage", None)

    def _seconds_to_next_attempt(self) -> float:
        if self._feed is None:
            return LONGEST_SLEEP_S
        now = self._clock.now()
        return min(max((self._feed.next_attempt_at(now) - now).total_seconds(), 1.0), LONGEST_SLEEP_S)

    # -- what is measured ------------------------------------------------------------------------------------

    def on_quarter(self, slot: EnergySlot) -> None:
        """Take in a quarter that has closed; archive what is expected from its end on. Never raises."""
        try:
            now = self._clock.now()
            if not self._is_loaded or self._history.end > now + MTU:  # the second: the clock was set back
                self.load_stored()
            history = with_quarter(self._history, slot, HISTORY_KEPT)
            self._history = with_curtailment(history, (slot,), self._export_limits_w.get)
            if slot.start + MTU == floor_to_grid(now):  # others are closed late, all at once
                self._issue(now)
        except Exception as error:  # a forecast that cannot be made or kept must not stop the cycle
            log.exception("forecast_not_kept")
            self._note("on_quarter", error)
        else:
            self._problems.pop("on_quarter", None)

    def note_export_limit(self, limit_w: float, now: datetime) -> None:
        """Remember that no more than ``limit_w`` might be exported at ``now``: what the sun gives may be held back."""
        quarter = floor_to_grid(now)
        if quarter not in self._export_limits_w:
            oldest = now - HISTORY_KEPT
            self._export_limits_w = {at: limit for at, limit in self._export_limits_w.items() if at >= oldest}
        self._export_limits_w[quarter] = min(limit_w, self._export_limits_w.get(quarter, limit_w))

    def _issue(self, now: datetime) -> None:
        """Archive both forecasts, once a quarter; without the power of the moment, which only a plan asks with."""
        for made in (self.load(now, ISSUED_QUARTERS), self.pv(now, ISSUED_QUARTERS)):
            if made is None:
                continue
            issued = self._issued[made.quantity]
            if not issued or issued[-1].start < made.start:
                issued.append(made)
                self._store.save_forecast(made)

    # -- the answers -----------------------------------------------------------------------------------------

    def load(self, now: datetime, count: int, live_w: float | None = None) -> EnergyForecast | None:
        """Return what the house will use in ``count`` quarters from that of ``now`` on; None where nothing is known.

        ``live_w``: measured at ``now`` [W].
        """
        return self._made(
            Quantity.LOAD,
            lambda: self._load.forecast(
                self._history,
                now,
                count,
                self._options.zone,
                live_load_w=live_w,
                temperature=self._temperatures.series(),
            ),
        )

    def pv(self, now: datetime, count: int, live_w: float | None = None) -> EnergyForecast | None:
        """Return what the sun will give in ``count`` quarters from that of ``now`` on; None where nothing is known.

        ``live_w``: measured at ``now`` and not held back by a limit [W].
        """
        said = None if self._feed is None else self._feed.last
        return self._made(
            Quantity.PV,
            lambda: self._pv.forecast(self._history, now, count, self._options.zone, source=said, live_pv_w=live_w),
        )

    def _made(self, quantity: Quantity, make: Callable[[], EnergyForecast | None]) -> EnergyForecast | None:
        try:
            if not self._is_loaded:
                self.load_stored()
            made = make()
        except Exception as error:  # whatever is wrong with an expectation: the house is cared for without it
            log.exception("forecast_not_made", quantity=quantity.value)
            self._note(quantity.value, error)
            return None
        self._problems.pop(quantity.value, None)
        return made

    def _note(self, what: str, error: Exception) -> None:
        self._problems[what] = str(error) or type(error).__name__

    # -- status ----------------------------------------------------------------------------------------------

    def status(self, now: datetime) -> dict[str, Any]:
        """Return what a person asks of forecasts, ready for JSON; times are ISO 8601 in UTC."""
        feed = self._feed
        said, error = (None, None) if feed is None else (feed.last, feed.last_error)
        return {
            "source": None if feed is None else feed.name,
            "received_at": None if said is None else said.received_at.isoformat(),
            "age_s": None if said is None else round((now - said.received_at).total_seconds()),
            "covers_until": None if said is None else (said.start + len(said.pv_w) * MTU).isoformat(),
            "failing": error is not None,
            "last_error": None if error is None else {"at": error.at.isoformat(), "message": error.message},
            "attempts": 0 if feed is None else feed.attempts,
            "next_attempt_at": None if feed is None else feed.next_attempt_at(now).isoformat(),
            "measured_days": round(int(np.isfinite(self._history.load_w).sum()) / _DAY, 1),
            "problems": dict(self._problems),
            "load": self._status_of(Quantity.LOAD),
            "pv": self._status_of(Quantity.PV),
        }

    def _status_of(self, quantity: Quantity) -> dict[str, Any] | None:
        if not self._issued[quantity]:
            return None
        latest = self._issued[quantity][-1]
        return {
            "source": latest.source,
            "issued_at": latest.issued_at.isoformat(),
            "known_at": latest.known_at.isoformat(),
            "notes": list(latest.notes),
            "mae_w_hour_ahead_24h": self._recent_error_w(quantity),
        }

    def _recent_error_w(self, quantity: Quantity) -> float | None:
        """Return the mean absolute error of the last day's forecasts one hour ahead [W]; None before there is one."""
        history = self._history
        measured = history.load_w if quantity is Quantity.LOAD else np.where(history.pv_curtailed, np.nan, history.pv_w)
        errors = []
        for made in self._issued[quantity]:
            index = (made.start - history.start) // MTU + _SHORT_LEAD
            if len(history) - _DAY <= index < len(history) and index >= 0 and np.isfinite(measured[index]):
                errors.append(abs(made.median_w[_SHORT_LEAD] - float(measured[index])))
        return round(sum(errors) / len(errors), 1) if errors else None
