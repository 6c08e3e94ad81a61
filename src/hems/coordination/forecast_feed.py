"""What a source of forecasts said last, and when to ask it again. Keeps it across a restart; never raises for it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from hems.domain.errors import ForecastRefused, ForecastUnavailable, RejectedData
from hems.domain.forecast import SourceForecast
from hems.domain.time_grid import require_utc
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastSource

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """How patiently a source is asked; how often at the most is the source's own ``interval``."""

    backoff_first_s: float = 60.0
    backoff_max_s: float = 3600.0
    refused_retry_s: float = 6 * 3600.0
    """After a refusal that will not change by itself."""
    retry_after_max_s: float = 24 * 3600.0
    """The longest wait that a source may ask for."""
    jitter: float = 0.1
    """Each wait is longer by up to this share, so that not all houses ask in one second."""
    jitter_seed: int = 0
    """Differs from house to house; the same seed waits the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedError:
    """What went wrong last, in words for a person."""

    at: datetime
    message: str


class ForecastFeed:
    """Asks one source, no oftener than it may be, and remembers its last answer."""

    def __init__(self, source: ForecastSource, clock: Clock, options: FeedOptions) -> None:
        self._source = source
        self._clock = clock
        self._options = options
        self.last: SourceForecast | None = None
        self.last_error: FeedError | None = None
        self.attempts = 0
        """Attempts since the last answer."""
        self._not_before: datetime | None = None

    @property
    def name(self) -> str:
        """How status and logs name the source."""
        return self._source.name

    def next_attempt_at(self, now: datetime) -> datetime:
        """Return when to ask next; ``now`` or earlier means at once."""
        longest = timedelta(seconds=self._options.retry_after_max_s * (1.0 + self._options.jitter))
        if self._not_before is None or self._not_before > now + longest:  # the second: the clock was set back
            return now
        return self._not_before

    async def ask_where_due(self) -> bool:
        """Ask where it is time; return whether an answer came. An error is kept, logged and tried again later."""
        now = self._clock.now()
        if self.next_attempt_at(now) > now:
            return False
        try:
            said = await self._source.fetch(now)
        except ForecastRefused as error:
            self._failed(error, self._options.refused_retry_s)
        except ForecastUnavailable as error:
            asked_for = error.retry_after.total_seconds() if error.retry_after is not None else 0.0
            self._failed(error, min(max(asked_for, 0.0), self._options.retry_after_max_s))
        except RejectedData as error:
            self._failed(error, 0.0)
        else:
            self.last, self.last_error, self.attempts = said, None, 0
            self._plan(self._source.interval.total_seconds())
            log.info("forecast_received", source=self.name, quarters=len(said.pv_w))
            return True
        return False

    def failed(self, error: Exception) -> None:
        """Note a defect in asking, and wait as long as for any error."""
        self._failed(error, self._options.backoff_max_s)

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """Take up what an earlier run kept; another source's is left alone.

        Raises: ValueError, KeyError, TypeError: it is not what :func:`as_state` made.
        """
        if kept["source"] != self.name:
            return
        self.last = from_state(kept)
        self._not_before = self.last.received_at + self._source.interval

    def _failed(self, error: Exception, at_least_s: float) -> None:
        now = self._clock.now()
        self.attempts += 1
        self.last_error = FeedError(at=now, message=str(error) or type(error).__name__)
        doubled_s = self._options.backoff_first_s * 2.0 ** min(self.attempts - 1, 30)
        self._plan(max(min(doubled_s, self._options.backoff_max_s), at_least_s))
        facts = {"source": self.name, "next_attempt": self.next_attempt_at(now).isoformat(" ", "seconds")}
        log.warning("forecast_not_received", error=self.last_error.message, **facts)

    def _plan(self, wait_s: float) -> None:
        now = self._clock.now()
        seed = f"{self._options.jitter_seed}:{now.isoformat()}:{self.attempts}"
        stretch = 1.0 + self._options.jitter * random.Random(seed).random()  # noqa: S311 - spreads requests
        self._not_before = now + timedelta(seconds=wait_s * stretch)


def as_state(said: SourceForecast) -> dict[str, Any]:
    """Return ``said`` as JSON values; None where the source said nothing, tenths elsewhere."""
    return {
        "source": said.source,
        "received_at": said.received_at.isoformat(),
        "start": said.start.isoformat(),
        "pv_w": [None if value is None else round(value, 1) for value in said.pv_w],
        "temperature_c": [None if value is None else round(value, 1) for value in said.temperature_c],
    }


def from_state(kept: Mapping[str, Any]) -> SourceForecast:
    """Return the forecast that ``as_state`` was made of. Raises: ValueError, KeyError, TypeError: it is none."""
    return SourceForecast(
        source=str(kept["source"]),
        received_at=require_utc(datetime.fromisoformat(kept["received_at"])),
        start=require_utc(datetime.fromisoformat(kept["start"])),
        pv_w=tuple(None if value is None else float(value) for value in kept["pv_w"]),
        temperature_c=tuple(None if value is None else float(value) for value in kept["temperature_c"]),
    )
