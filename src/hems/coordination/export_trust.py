"""Whether an inverter is to be asked for a limit on export: one that refuses or does not keep it is spared a while.

A limit is money, not safety: without it the mode goes on, and nothing else has to rest.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hems.domain.command import Command, ControlState
from hems.domain.site import Ability, Capabilities

LIMIT_REST = timedelta(hours=6)
"""Each attempt at a limit that does not take costs two writes; so long it lasts at most four attempts a day."""

BROKEN_IN_A_ROW = 2
"""One swing of the regulation is no fault; a limit that the meter contradicts twice in a row is."""

LIMIT_TOLERANCE_W = 1.0
"""Limits are written rounded down to what the inverter counts in, so one that reads back higher is another's."""


class ExportTrust:
    """What is known of the inverter's limit on export since it was opened."""

    def __init__(self) -> None:
        self._told: str | None = None
        self._rest: tuple[datetime, str] | None = None
        self._broken = 0

    def reset(self) -> None:
        """Forget everything: the inverter was opened anew, and may be another."""
        self._told, self._rest, self._broken = None, None, 0

    def why_not(self, capabilities: Capabilities, now: datetime) -> str | None:
        """Return why it is not to be asked for a limit now, or None where it may be."""
        if not capabilities.can(Ability.EXPORT_LIMIT):
            return capabilities.why_not(Ability.EXPORT_LIMIT)
        if self._rest is None:
            return None
        until, why = self._rest
        # Further ahead than it was ever set means that the clock was set back since.
        return why if now < until <= now + LIMIT_REST else None

    def is_news(self, why: str) -> bool:
        """Return whether ``why`` has not been told yet; it is from then on."""
        is_news, self._told = why != self._told, why
        return is_news

    def refused(self, why: str, now: datetime) -> None:
        """Note that the inverter refused the writes themselves."""
        self._rest = (now + LIMIT_REST, why)

    def broken(self, detail: str, now: datetime) -> None:
        """Note that the meter contradicts the limit in force."""
        self._broken += 1
        if self._broken >= BROKEN_IN_A_ROW:
            self._broken = 0
            self._rest = (now + LIMIT_REST, f"the inverter does not keep it ({detail})")

    def kept(self) -> None:
        """Note that the meter confirms the limit in force."""
        self._broken = 0


def limit_text(command: Command) -> str:
    """Return the command's limit in words, to stand behind the mode; empty where it has none."""
    limit_w = command.export_limit_w
    return "" if limit_w is None else f" with at most {limit_w:.0f} W of export"


def export_agrees(found: ControlState, wanted: Command) -> bool:
    """Return whether no more may be fed in than ``wanted`` says, or else what the owner's own limit says."""
    if wanted.export_limit_w is None:
        return not found.export_limit_is_ours
    limit_w = found.export_limit_w
    return limit_w is not None and limit_w <= wanted.export_limit_w + LIMIT_TOLERANCE_W
