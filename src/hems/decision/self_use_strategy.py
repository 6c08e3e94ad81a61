"""Plain self-use as a strategy: what the inverter does alone. The yardstick of the others, and a choice of its own."""

from __future__ import annotations

from datetime import timedelta

from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, Priority, Proposal

_REASON = "self-use is the chosen strategy: the sun first, the battery next, the grid last"


class SelfUseStrategy:
    """Asks for nothing. Implements the ``Strategy`` port."""

    @property
    def name(self) -> str:
        """How decisions and configuration name this strategy."""
        return "self_use"

    def propose(self, context: DecisionContext) -> Proposal:
        """Return self-use."""
        expires_at = context.at + timedelta(seconds=context.decision_interval_s)
        return Proposal(
            source=self.name,
            priority=Priority.STRATEGY,
            command=Command(mode=Mode.SELF_USE, expires_at=expires_at, reason=_REASON),
            reason=_REASON,
            confidence_pct=100.0,
            expires_at=expires_at,
        )
