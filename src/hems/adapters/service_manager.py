"""What systemd is told while this process runs as its service; says nothing where there is no systemd.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)


class ServiceManager:
    """The datagram socket in ``$NOTIFY_SOCKET``, and how long systemd waits between two signs of life."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        known = os.environ if environment is None else environment
        address = known.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_complaining = False
        self.watchdog_s = _watchdog_s(known)
        """After how long without a sign of life systemd ends this process [s]; None: it does not watch."""

    @property
    def is_there(self) -> bool:
        """Whether systemd listens."""
        return self._address.startswith(("/", "\0"))

    def tell(self, *assignments: str) -> bool:
        """Send ``assignments`` (``READY=1`` and the like) as one message; return whether it went out.

        Never waits: a manager that does not listen must not hold up the control cycle.
        """
        if not self.is_there:
            return False
        message = "\n".join(assignments).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
                out.sendto(message, self._address)
        except OSError as error:
            if not self._is_complaining:  # the next cycle tries again, and would complain again
                log.warning("the service manager was not reached", error=str(error))
            self._is_complaining = True
            return False
        self._is_complaining = False
        return True


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's patience, where it is meant for this process."""
    meant_for = environment.get("WATCHDOG_PID")
    if meant_for and meant_for != str(os.getpid()):
        return None
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
