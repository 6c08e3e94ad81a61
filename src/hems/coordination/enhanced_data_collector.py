"""Enhanced Data Collector: keeps the inverter's connection open and turns it into snapshots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from hems.domain.errors import InverterUnreachable, PermanentError
from hems.domain.readings import SiteSnapshot
from hems.domain.secrets import shortened_serial
from hems.ports.clock import Clock
from hems.ports.inverter import Inverter, InverterConnector

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorOptions:
    """When a silent inverter is given up and opened anew.

    ``reopen_after_failures``: a dongle that lost its state answers only a fresh connection, and a firmware update may
    have changed what the device can do. ``backoff_max_s`` bounds the doubling wait between attempts to open.
    """

    reopen_after_failures: int = 6
    backoff_first_s: float = 2.0
    backoff_max_s: float = 60.0


class EnhancedDataCollector:
    """Opens the inverter, reads it, and opens it again when it has been silent for long."""

    def __init__(
        self,
        connector: InverterConnector,
        clock: Clock,
        on_opened: Callable[[Inverter], Awaitable[None]],
        options: CollectorOptions | None = None,
    ) -> None:
        self._connector = connector
        self._clock = clock
        self._on_opened = on_opened
        self._options = options or CollectorOptions()
        self._inverter: Inverter | None = None
        self._open_anew = False
        self._failures = 0
        self._next_open_at = 0.0
        self._backoff_s = self._options.backoff_first_s
        self.last_error: str | None = None
        self.reconnections = 0

    @property
    def inverter(self) -> Inverter | None:
        """The opened inverter, or None while there is none."""
        return self._inverter

    @property
    def consecutive_failures(self) -> int:
        """Polls without an answer since the last good one."""
        return self._failures

    async def collect(self) -> SiteSnapshot | None:
        """Return a fresh snapshot, or None where the inverter gave none; ``last_error`` then says why.

        Raises: PermanentError: what answered can never work; a person has to act.
        """
        is_wanted = self._inverter is None or self._open_anew
        if is_wanted and self._clock.monotonic() >= self._next_open_at and not await self._open():
            return None
        inverter = self._inverter
        if inverter is None:
            return None
        try:
            snapshot = await inverter.read_snapshot()
        except InverterUnreachable as error:
            self._count_failure(error)
            return None
        if self._failures:
            log.info("inverter answers again", after_failures=self._failures)
        self._failures = 0
        self.last_error = None
        return snapshot

    def open_anew(self) -> None:
        """Open the inverter afresh at the next poll: what it can tell of itself may have changed."""
        self._open_anew = True

    async def close(self) -> None:
        """Let go of the inverter."""
        if self._inverter is not None:
            await self._inverter.close()
            self._inverter = None

    async def _open(self) -> bool:
        """Open the inverter; only then is the one held so far let go, for it may still have to be told to stop."""
        inverter: Inverter | None = None
        try:
            inverter = await self._connector.open()
            await self._on_opened(inverter)
        except InverterUnreachable as error:
            if inverter is not None:
                await inverter.close()
            self._failures += 1
            self.last_error = str(error)
            self._next_open_at = self._clock.monotonic() + self._backoff_s
            log.warning("inverter not opened", error=str(error), next_attempt_in_s=self._backoff_s)
            self._backoff_s = min(2 * self._backoff_s, self._options.backoff_max_s)
            return False
        except PermanentError:
            if inverter is not None:  # it is let go with the service, which has to put it back to self-use first
                await self.close()
                self._inverter = inverter
            raise
        except BaseException:
            if inverter is not None:
                await inverter.close()
            raise
        await self.close()
        self._inverter, self._open_anew = inverter, False
        self._backoff_s = self._options.backoff_first_s
        log.info(
            "inverter opened",
            model=inverter.identity.model,
            serial_number=shortened_serial(inverter.identity.serial_number),
            firmware=inverter.identity.firmware,
            control=inverter.capabilities.control.value,
        )
        return True

    def _count_failure(self, error: InverterUnreachable) -> None:
        self._failures += 1
        self.last_error = str(error)
        log.warning("inverter did not answer", error=str(error), consecutive=self._failures)
        if self._failures % self._options.reopen_after_failures == 0:
            self._open_anew = True
            self.reconnections += 1
