"""What this process costs the machine: memory, processor time, open files."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from hems.domain.record import ProcessFigures


class ProcessMeter:
    """Reads the kernel's own figures of this process."""

    def __init__(self) -> None:
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    def read(self) -> ProcessFigures:
        """Return memory, processor seconds and open files; a figure the system does not offer is None."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return ProcessFigures(
            pid=os.getpid(),
            rss_bytes=self._rss_bytes(),
            cpu_s=usage.ru_utime + usage.ru_stime,
            open_files=self._open_files(),
        )

    def _rss_bytes(self) -> int | None:
        try:
            return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * self._page_bytes
        except (OSError, ValueError, IndexError):
            return None

    @staticmethod
    def _open_files() -> int | None:
        try:
            return sum(1 for _ in Path("/proc/self/fd").iterdir())
        except OSError:
            return None
