"""Decisions in words and money, for the person who reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hems.decision.factors import figure
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, DecisionContext, Narrowed, Proposal, Verdict
from hems.domain.units import kwh_from_wh

_SECONDS_PER_HOUR = 3600.0


def describe_command(command: Command) -> str:
    """Return the command in words: ``charge with 5000 W to 100 %``."""
    words = command.mode.value.replace("_", " ")
    if command.power_w is not None:
        words += f" with {command.power_w:.0f} W"
    if command.target_soc_pct is not None:
        words += f" to {figure(command.target_soc_pct)} %"
    if command.export_limit_w is not None:
        words += f", feeding in at most {command.export_limit_w:.0f} W"
    return words


def explain(
    context: DecisionContext, winner: Proposal | None, kept: str | None, verdict: Verdict, others: Sequence[Proposal]
) -> str:
    """Return why the command of ``verdict`` is what happens: the wish, what held or bounded it, money, next best."""
    if winner is None:
        parts = ["nothing was proposed: self-use"]
    elif kept is not None:
        parts = [f"{kept}; {winner.source} would {describe_command(winner.command)}: {winner.reason}"]
    else:
        parts = [winner.reason]
    parts.extend(_bounding(verdict))
    if winner is not None and winner.reasoning is not None:
        return "; ".join(parts)  # a plan's sentence has told the money and what else there was
    cost = cost_text(context, command_of(verdict))
    if cost is not None:
        parts.append(cost)
    if others:
        best = others[0]
        parts.append(f"next best, from {best.source}: {describe_command(best.command)}")
    return ". ".join(parts)


def command_of(verdict: Verdict) -> Command:
    """Return the command that the gate let through or put in place."""
    if isinstance(verdict, Allowed | Narrowed):
        return verdict.command
    return verdict.fallback


def _bounding(verdict: Verdict) -> list[str]:
    if isinstance(verdict, Allowed):
        return []
    causes = "; ".join(verdict.causes)
    now = describe_command(command_of(verdict))
    return [f"narrowed to {now}: {causes}" if isinstance(verdict, Narrowed) else f"refused, {now}: {causes}"]


def cost_text(context: DecisionContext, command: Command) -> str | None:
    """Return what a charge takes from the grid until the next decision, at most, and what that costs.

    PV beyond the load goes into the battery first. None where nothing is charged or a figure is unknown.
    """
    pv_w, load_w = context.snapshot.pv.power_w, context.snapshot.load.power_w
    price = context.price.import_per_kwh
    if command.mode is not Mode.CHARGE or command.power_w is None:
        return None
    if pv_w is None or load_w is None or price is None:
        return None
    hours = timedelta(seconds=context.decision_interval_s).total_seconds() / _SECONDS_PER_HOUR
    grid_kwh = kwh_from_wh(max(command.power_w - max(pv_w - load_w, 0.0), 0.0) * hours)
    money = f"{grid_kwh * price:.2f} {context.price.currency}"
    return (
        f"until the next decision at most {grid_kwh:.2f} kWh of it from the grid at {price:.2f} "
        f"{context.price.currency}/kWh: {money}"
    )
