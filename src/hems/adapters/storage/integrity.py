"""A full check of the database beside the work: on a slow card it takes a minute, and nobody waits for it."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hems.adapters.storage.sqlite_schema import DamagedDatabase, connect_reader, faults_found
from hems.adapters.storage.trouble import Trouble, trouble_of
from hems.domain.errors import StorageError

_log = logging.getLogger(__name__)

STOP_MAX_S = 2.0
"""SQLite before 3.41 looks for an interruption only between two tables: the thread may outlive the store."""


class BackgroundCheck:
    """Reads the whole file in a thread of its own; ``on_damage`` is called there with what is wrong."""

    def __init__(self, path: Path, on_damage: Callable[[str], None]) -> None:
        self._path = path
        self._on_damage = on_damage
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def is_running(self) -> bool:
        """Whether a check is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin a check unless one is under way."""
        if not self.is_running:
            self._stopped = False
            self._thread = threading.Thread(target=self._run, name="store-check", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End a check that is under way; what it would have found is found another day."""
        with self._lock:
            self._stopped = True
            if self._connection is not None:
                self._connection.interrupt()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=STOP_MAX_S)

    def _run(self) -> None:
        try:
            found = self._check()
        except sqlite3.Error as error:
            if self._stopped:
                return
            if trouble_of(error) is not Trouble.DAMAGED:
                _log.warning("%s: not checked: %s", self._path, error)
                return
            found = str(error)
        except DamagedDatabase as error:
            found = str(error)
        except StorageError as error:
            _log.warning("%s: not checked: %s", self._path, error)
            return
        if found is not None and not self._stopped:
            self._on_damage(f"integrity check failed: {found}")

    def _check(self) -> str | None:
        with closing(connect_reader(self._path)) as connection:
            with self._lock:
                self._connection = connection
                if self._stopped:
                    self._connection = None
                    return None
            try:
                return faults_found(connection, "integrity_check")
            finally:
                with self._lock:  # interrupting a closed connection is an error
                    self._connection = None
