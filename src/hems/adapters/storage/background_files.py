"""Files written beside the work: a disk that hangs for a minute must not hold up the control of the house."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable

_log = logging.getLogger(__name__)

CLOSE_MAX_S = 5.0


class BackgroundJobs:
    """Does jobs in order in a thread of its own; of those under one key only the latest waits, so memory is bounded."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._jobs: dict[Hashable, Callable[[], None]] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="files-writer", daemon=True)
        self._thread.start()

    def submit(self, key: Hashable, job: Callable[[], None]) -> None:
        """Have ``job`` done soon, in the place of one of the same key that has not begun."""
        with self._wake:
            self._jobs.pop(key, None)
            self._jobs[key] = job
            self._wake.notify_all()

    def close(self) -> bool:
        """Do what waits and end; return whether all was done in time."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(timeout=CLOSE_MAX_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: bool(self._jobs) or self._closing)
                if not self._jobs:
                    return
                key = next(iter(self._jobs))
                job = self._jobs.pop(key)
            try:
                job()
            except Exception:  # noqa: BLE001 - the top of the thread; else the files would stand still in silence
                _log.exception("defect in writing a file: %s", key)
