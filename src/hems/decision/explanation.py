"""Decisions in words and money, for the person who reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hems.decision.factors import figure
from hems.decision.order_words import begun, called
from hems.decision.wording import WORDS, Language
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, DecisionContext, Narrowed, Proposal, Verdict
from hems.domain.units import kw_from_w, kwh_from_wh

_SECONDS_PER_HOUR = 3600.0


def describe_command(command: Command) -> str:
    """Return the command in words: ``charge at 5 kW to 100 %``."""
    words = _mode(command)
    if command.power_w is not None:
        words += f" at {_power(command.power_w)}"
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
        parts, wanted = ["nothing was proposed: self-use"], None
    elif kept is not None:
        parts = [f"{kept}; {_who(winner.source)} asks for {describe_command(winner.command)}: {winner.reason}"]
        wanted = context.active
    else:
        parts, wanted = [winner.reason], winner.command
    parts.extend(_bounding(verdict, wanted))
    if winner is not None and winner.reasoning is not None:
        return begun("; ".join(parts))  # a plan's sentence has told the money and what else there was
    cost = cost_text(context, command_of(verdict))
    if cost is not None:
        parts.append(cost)
    if others:
        best = others[0]
        parts.append(f"next best, from {_who(best.source)}: {describe_command(best.command)}")
    return ". ".join(begun(part) for part in parts)


def command_of(verdict: Verdict) -> Command:
    """Return the command that the gate let through or put in place."""
    if isinstance(verdict, Allowed | Narrowed):
        return verdict.command
    return verdict.fallback


def _bounding(verdict: Verdict, wanted: Command | None) -> list[str]:
    if isinstance(verdict, Allowed):
        return []
    causes, command = "; ".join(verdict.causes), command_of(verdict)
    if not isinstance(verdict, Narrowed):
        return [f"refused, {describe_command(command)}: {causes}"]
    if wanted is None:
        return [f"less than asked, {describe_command(command)}: {causes}"]
    is_power_alone = replace(command, power_w=wanted.power_w) == wanted
    if is_power_alone and command.power_w is not None and wanted.power_w is not None:
        now, asked = _power(command.power_w), _power(wanted.power_w)
    else:
        now, asked = describe_command(command), describe_command(wanted)
    return [f"less than asked, {now} instead of {asked}: {causes}"]


def _who(source: str) -> str:
    """Return what people call ``source``, without the name that the configuration has for it."""
    return called(source, Language.ENGLISH).split(" (", 1)[0]


def _mode(command: Command) -> str:
    return WORDS[Language.ENGLISH].modes[command.mode]


def _power(power_w: float) -> str:
    return f"{kw_from_w(power_w):.2f}".rstrip("0").rstrip(".") + " kW"


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
