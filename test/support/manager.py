"""A service manager for tests: the socket that systemd would listen on."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class Manager:
    """Receives what a service tells; as a context manager it lets the socket go."""

    def __init__(self, path: Path | None = None) -> None:
        """Listen at ``path``, else at an abstract address."""
        self.address = f"@hems-{uuid.uuid4().hex}" if path is None else str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._socket.settimeout(0.2)
        self.heard: list[str] = []

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def environment(self, watchdog_s: float | None = None) -> dict[str, str]:
        """Return what systemd would add to the service's environment."""
        watchdog = {} if watchdog_s is None else {"WATCHDOG_USEC": str(round(watchdog_s * 1e6))}
        return {"NOTIFY_SOCKET": self.address, **watchdog}

    def fill(self) -> None:
        """Leave no room for another message, as a manager that is busy does."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    sender.sendto(b"", self.address.replace("@", "\0", 1))

    def listen(self) -> list[str]:
        """Take what has come; return every assignment heard so far, in order."""
        while True:
            try:
                self.heard += self._socket.recv(65_536).decode().splitlines()
            except TimeoutError:
                return self.heard

    def wait_for(self, what: Callable[[str], bool], seconds: float) -> str:
        """Return the first assignment that is ``what``; raises TimeoutError with all that came instead."""
        deadline = time.monotonic() + seconds
        while True:
            found = next((line for line in self.listen() if what(line)), None)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"not heard within {seconds} s: {self.heard}")
