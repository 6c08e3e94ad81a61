"""One visit of the doctor: look at the installation, run every check, and the result as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hems import __version__
from hems.adapters.daemon_thread import in_daemon_thread
from hems.composition.doctor.catalogue import checks_of
from hems.composition.doctor.house import DoctorOptions, look_at
from hems.composition.doctor.model import Finding, State
from hems.composition.doctor.runner import Tell, run_checks
from hems.domain.secrets import Redactor

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found, when, and with which configuration."""

    at: datetime
    configuration: Path
    findings: Sequence[Finding]

    def count(self, state: State) -> int:
        """Return how many findings are of ``state``."""
        return Counter(finding.state for finding in self.findings)[state]

    @property
    def has_problems(self) -> bool:
        """Whether anything keeps the product from working as it should."""
        return self.count(State.PROBLEM) > 0

    def as_document(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            "at": self.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "configuration": str(self.configuration),
            "counts": {state.value: self.count(state) for state in State},
            "findings": [
                {
                    "group": finding.group.value,
                    "code": finding.code,
                    "state": finding.state.value,
                    "title": finding.title,
                    "found": finding.found,
                    "advice": list(finding.advice),
                }
                for finding in self.findings
            ],
        }


async def visit(options: DoctorOptions, tell: Tell) -> Report:
    """Return the report on the installation; nothing is changed, in the inverter least of all."""
    house = await in_daemon_thread(lambda: look_at(options))
    findings = await run_checks(checks_of(house), tell)
    # Reports are shown to others: what was given as a secret is in none of them.
    hide = Redactor(house.loaded.settings.secrets if house.loaded is not None else ())
    told = [
        replace(finding, found=hide(finding.found), advice=tuple(hide(text) for text in finding.advice))
        for finding in findings
    ]
    return Report(at=house.clock.now(), configuration=house.path, findings=told)
