"""What the store may be told, and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """Where and how records are kept."""

    path: Path
    commit_every_s: float = 2.0
    commit_every_rows: int = 500
    max_queued_rows: int = 5000
    max_queued_bytes: int = 8_000_000
    wait_max_s: float = 15.0
    """Bounds ``flush`` and ``close``, which wait for the disk."""
    state_wait_max_s: float = 2.0
    """Bounds ``put_state``, which is called in the cycle: what the disk has not taken by then stays in memory."""
    raw_kept: timedelta = timedelta(days=30)
    events_kept: timedelta = timedelta(days=365)
    quarters_kept: timedelta = timedelta(days=5 * 366)
    max_bytes: int = 700_000_000
    """What everything in the file's directory may take; beyond it the oldest raw days go before their time."""
    set_damaged_aside: bool = True
    """Whether trouble with the file is overcome, so that the house is cared for: a damaged file is renamed and a new
    one begun, and records wait in memory for a disk that refuses. Otherwise opening fails."""
    durable: bool = True
    """Whether a commit waits until the disk has it. False is for simulated houses: a power cut may lose everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """How the store is doing. ``newest_on_disk``: time of the newest record known to be committed, None before one."""

    queued: int
    dropped: dict[str, int]
    refused: int
    """Rows the database would not take whatever the disk; each is a defect of ours and is logged."""
    commits: int
    failed_commits: int
    newest_on_disk: datetime | None
    file_bytes: int
    last_error: str | None
    """What is wrong with the disk; None while it takes records."""
    pruned: dict[str, int]


@dataclass(frozen=True, slots=True)
class Told:
    """Something a person should know about the disk; ``severity`` is that of an event."""

    severity: str
    text: str
