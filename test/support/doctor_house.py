"""An installation on disk for the doctor to look at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hems.composition.doctor.house import DoctorOptions, House, look_at
from hems.composition.doctor.model import Finding
from support.household import write_configuration

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def house_in(folder: Path, options: dict[str, Any] | None = None, **configured: Any) -> House:
    """Return the installation configured in ``folder``."""
    config = write_configuration(folder, **configured)
    config.chmod(0o640)
    return look_at(DoctorOptions(config=config, **(options or {})))


def with_status(folder: Path, **status: Any) -> None:
    """Leave the record of a service in ``folder``."""
    path = folder / "out" / "system_state" / "current_state.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 1, "at": NOW.isoformat(), "state": "monitoring"} | status))


def codes(findings: Any) -> list[str]:
    """Return the codes of ``findings``."""
    return [finding.code for finding in findings]


def the(findings: Any, code: str) -> Finding:
    """Return the one finding of ``code``."""
    (found,) = [finding for finding in findings if finding.code == code]
    return found
