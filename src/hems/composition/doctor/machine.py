"""The machine: Python, memory and processor."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hems.composition.doctor.house import House
from hems.composition.doctor.model import Catalogue, Finding, Group

CATALOGUE = Catalogue(Group.MACHINE)

PYTHON_LEAST = (3, 11)
AVAILABLE_LEAST_MB = 100.0
SERVICE_MB = 400.0
"""The unit slows the service down from 384 MB on and ends it at 512 MB."""
CPU_SHARE_MUCH_PCT = 40.0
"""Of one core; the unit allows half of one."""

PYTHON = CATALOGUE.fine("machine_python", "Python")
RESOURCES = CATALOGUE.fine("machine_resources", "Memory and processor")
OLD_PYTHON = CATALOGUE.problem(
    "machine_python_old",
    "Python too old",
    "this program needs Python 3.11 or newer",
    "Run scripts/ubuntu_setup.sh: it brings its own",
)
NARROW = CATALOGUE.warning(
    "machine_32_bit",
    "32-bit system",
    "some of the packages this program can use are not made for 32-bit systems",
    "Use a 64-bit system where the processor has one (Raspberry Pi 3 and newer)",
)
LITTLE_MEMORY = CATALOGUE.warning(
    "machine_little_memory",
    "Little memory left",
    "the machine is short of memory: Linux may end programs, this one included",
    "End what is not needed; `ps aux --sort=-rss | head` shows what takes most",
)
SERVICE_BIG = CATALOGUE.warning(
    "machine_service_memory",
    "Service takes much memory",
    "it should stay well below 200 MB; at 512 MB systemd ends it",
    "Restart it, and please report it with `hems status --json`",
)
SERVICE_BUSY = CATALOGUE.warning(
    "machine_service_processor",
    "Service takes much processor time",
    "it should need a few percent of one core",
    "Is debug.enabled on, or the polling interval very short? If not, please report it with `hems status --json`",
)
BUSY = CATALOGUE.warning(
    "machine_busy",
    "Machine busy",
    "more programs want to work than there are processors: answers come late",
    "`top` shows which; the service itself needs little",
)

_MEMORY = Path("/proc/meminfo")


async def machine_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of the machine."""
    return judge_machine(house.status or {} if house.is_running else {}, available_mb(), os.getloadavg()[2])


def judge_machine(status: dict[str, Any], memory_mb: float | None, load: float) -> list[Finding]:
    """Return the findings for the service's own figures in ``status``, free memory and the load of 15 minutes."""
    version = platform.python_version()
    old = sys.version_info[:2] < PYTHON_LEAST
    findings = [(OLD_PYTHON if old else PYTHON)(f"{version} on {platform.machine()}, {platform.system()}")]
    if sys.maxsize <= 2**32:
        findings.append(NARROW(platform.machine()))
    troubles: list[Finding] = []
    resources = status.get("resources") or {}
    rss_mb, share_pct = resources.get("rss_mb"), resources.get("cpu_pct_of_one_core")
    if isinstance(rss_mb, int | float) and rss_mb > SERVICE_MB:
        troubles.append(SERVICE_BIG(f"{rss_mb:.0f} MB"))
    if isinstance(share_pct, int | float) and share_pct > CPU_SHARE_MUCH_PCT:
        troubles.append(SERVICE_BUSY(f"{share_pct:.0f} % of one core"))
    if memory_mb is not None and memory_mb < AVAILABLE_LEAST_MB:
        troubles.append(LITTLE_MEMORY(f"{memory_mb:.0f} MB available"))
    cores = os.cpu_count() or 1
    if load > 2 * cores:
        troubles.append(BUSY(f"load {load:.1f} on {cores} processors over 15 minutes"))
    if troubles:
        return [*findings, *troubles]
    parts = [f"load {load:.1f} on {cores} processors"]
    if memory_mb is not None:
        parts.append(f"{memory_mb:.0f} MB memory available")
    if isinstance(rss_mb, int | float):
        parts.append(f"the service takes {rss_mb:.0f} MB")
    return [*findings, RESOURCES(", ".join(parts))]


def available_mb() -> float | None:
    """Return how much memory programs may still have [MB]; None where the system does not tell."""
    try:
        lines = _MEMORY.read_text(encoding="ascii").splitlines()
        return next(float(line.split()[1]) / 1000 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
