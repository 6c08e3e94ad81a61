"""What decides: a strategy proposes, it never writes."""

from __future__ import annotations

from typing import Protocol

from hems.domain.decision import DecisionContext, Proposal


class Strategy(Protocol):
    """Turns what is known into a proposal; pure, so that a stored context decides the same again."""

    @property
    def name(self) -> str:
        """How decisions and configuration name this strategy."""
        ...

    def propose(self, context: DecisionContext) -> Proposal | None:
        """Return what this strategy would like, or None where it has no wish."""
        ...
