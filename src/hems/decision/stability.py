"""Anti-flapping: a strategy's charge, and the self-use after it, run for a minimum time before a strategy ends them.

Emergencies and persons pass, safety is not asked, and what is unknown or has reached its target ends at once. Any other
lease in force is a person's or safety's: once nobody asks for it any more it is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, Priority, Proposal, ScoreAction


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityOptions:
    """How long a mode has to run."""

    min_mode: timedelta = timedelta(minutes=15)
    slack: timedelta = timedelta(seconds=30)
    """Decisions come every 15 minutes and a mode takes seconds to be confirmed: without this 15 minutes would be 30."""

    def __post_init__(self) -> None:
        if self.min_mode < timedelta(0) or self.slack < timedelta(0):
            raise ValueError("the minimum run time of a mode must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The present mode stays: its command, and why."""

    command: Command
    reason: str


def keep_present(context: DecisionContext, winner: Proposal, options: StabilityOptions) -> Kept | None:
    """Return what stays in force instead of ``winner``, or None where the winner may act.

    ``context.active_since`` is the moment of the last change of mode, back to self-use included. A kept lease keeps its
    own expiry: it is never prolonged against a strategy's wish.
    """
    if winner.priority is not Priority.STRATEGY or context.active_since is None:
        return None
    if winner.reasoning is not None:
        return None  # a plan has weighed the change in money; after a target it has to go on at once
    present = context.active.mode if context.active is not None else Mode.SELF_USE
    if winner.command.mode is present:
        return None
    ran = context.at - context.active_since
    if ran < timedelta(0) or ran + options.slack >= options.min_mode:
        return None  # a start in the future is a clock that was set back: holding on to it could last for ever
    if _must_end(context, winner):
        return None
    command = context.active or Command(mode=Mode.SELF_USE, expires_at=winner.command.expires_at)
    if command.export_limit_w != winner.command.export_limit_w:  # it is no mode: it follows the price at once
        command = replace(command, export_limit_w=winner.command.export_limit_w)
    words = present.value.replace("_", " ")
    minimum = options.min_mode.total_seconds() / 60
    reason = f"{words} stays: it has run for {ran.total_seconds() / 60:.0f} of at least {minimum:.0f} min"
    return Kept(command=command, reason=reason)


def _must_end(context: DecisionContext, winner: Proposal) -> bool:
    """Return whether the lease in force has to end now whatever its run time."""
    active = context.active
    if active is None:
        return False
    if active.expires_at <= context.at:
        return True
    if winner.score is not None and winner.score.action is ScoreAction.UNKNOWN:
        return True
    if not context.charging:
        return True  # not a strategy's own: nobody asks for it any more
    soc_pct, target_pct = context.snapshot.battery.soc_pct, active.target_soc_pct
    return target_pct is not None and (soc_pct is None or soc_pct >= target_pct)
