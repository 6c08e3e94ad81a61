"""What figures were measured on: no figure is worth anything without it."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Processor, software and state of the tree; None is not installed or unknown."""

    processor: str
    cores: int
    python: str
    system: str
    numba: str | None
    highspy: str | None
    commit: str | None
    """Of the source, ``+`` behind it where files differ from it."""
    load: float | None
    """Processes that wanted to run in the minute before, besides this one."""
    at: str

    def __str__(self) -> str:
        parts = [f"{self.cores} cores of {self.processor}", f"Python {self.python}", self.system]
        parts += [f"numba {self.numba}"] if self.numba else []
        parts += [f"HiGHS {self.highspy}"] if self.highspy else []
        parts += [f"commit {self.commit}"] if self.commit else []
        parts += [f"load {self.load:.1f} before"] if self.load is not None else []
        return ", ".join([*parts, self.at])


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Several measurements of one thing: the median, and how far they lie apart."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of ``values``, at least one."""
        return cls(median=statistics.median(values), low=min(values), high=max(values), count=len(values))

    def __str__(self) -> str:
        median = figure(self.median)
        return f"{median} ({figure(self.low)} – {figure(self.high)})" if self.count > 1 else median


def figure(value: float) -> str:
    """Return ``value`` with three digits, whole from 100 on, and 0 where it is rounding."""
    if abs(value) < ROUNDING:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def machine() -> Machine:
    """Return what is measured on, now."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        system=platform.system(),
        numba=installed("numba"),
        highspy=installed("highspy"),
        commit=_commit(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        at=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def installed(package: str) -> str | None:
    """Return the version of ``package``, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str | None:
    """Return the commit of the tree, None outside a checkout."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()
