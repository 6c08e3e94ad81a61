"""``hems plan``: what is planned from now on, with its money, as a table, for programs, or as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hems.cli.exit_codes import ExitCode
from hems.cli.plain_values import plain
from hems.decision.sentences import Language, details_of, sentence_of
from hems.domain.plan import NoPlan, Plan

if TYPE_CHECKING:
    from hems.composition.stored_decisions import FoundDecision, FoundPlan

SCHEMA = 1
"""Raised when a field of the document changes its meaning or goes."""


def register(app: typer.Typer) -> None:
    """Add ``hems plan``."""

    @app.command()
    def plan(
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs: every quarter, exact.")] = False,
        plot: Annotated[Path | None, typer.Option(help="Draw the plan into this PNG file.")] = None,
        hourly: Annotated[bool, typer.Option("--hourly", help="A row for each hour in place of each mode.")] = False,
        lang: Annotated[Language | None, typer.Option(help="Language of the reason; the configured one.")] = None,
    ) -> None:
        """Show the plan behind the newest decision: modes, energy, money; never touches the inverter.

        Exit codes: 0 shown, 1 there is no decision or no plan yet, 2 the configuration cannot be used.
        """
        raise typer.Exit(show_plan(config, as_json=as_json, plot=plot, hourly=hourly, lang=lang))


def show_plan(config: Path | None, *, as_json: bool, plot: Path | None, hourly: bool, lang: Language | None) -> int:
    """Print the plan, or draw it, and return the exit code.

    Raises: ConfigurationError; StorageError: the database cannot be read; PlotRefused: no matplotlib, or no file.
    """
    from hems.composition.stored_decisions import find_plan

    found, planned = find_plan(config)
    language = lang or found.language
    plan = planned.plan if planned is not None else None
    if as_json:
        print(json.dumps(as_document(found, planned), ensure_ascii=False, indent=2, allow_nan=False))
    elif plot is None or not isinstance(plan, Plan):
        _print(found, planned, language, hourly=hourly)
    if plot is not None and isinstance(plan, Plan):
        from hems.cli.plan_picture import draw_plan

        draw_plan(plan, plot, zone=found.zone, language=language)
        typer.echo(f"{plot}: drawn", err=True)
    return ExitCode.OK if isinstance(plan, Plan) else ExitCode.FAILED


def why_no_plan(found: FoundDecision, planned: FoundPlan | None) -> str:
    """Return in words what is missing."""
    if found.record is None or planned is None:
        return f"No decision is stored yet in {found.database}: the service makes its first one when it starts."
    at = found.record.at.astimezone(found.zone)
    return f"There is no plan in the newest decision, of {at:%Y-%m-%d %H:%M}: {'; '.join(planned.plan.remarks)}."


def _print(found: FoundDecision, planned: FoundPlan | None, language: Language, *, hourly: bool) -> None:
    if found.record is None or planned is None or isinstance(planned.plan, NoPlan):
        print(why_no_plan(found, planned))
        return
    from rich.console import Console

    from hems.cli.plan_view import plan_view

    console = Console(highlight=False)
    console.print(
        plan_view(
            planned.plan,
            found.record,
            planned.comparison,
            zone=found.zone,
            now=found.now,
            language=language,
            width=console.width,
            hourly=hourly,
        )
    )


def as_document(found: FoundDecision, planned: FoundPlan | None) -> dict[str, Any]:
    """Return the plan for a program: exact figures, units in the names, times in UTC, null for what is unknown."""
    record = found.record
    decided = None
    if record is not None:
        decision = record.decision
        decided = {
            "at": plain(decision.at),
            "trigger": record.trigger.value,
            "source": decision.source,
            "verdict": decision.verdict,
            "causes": list(decision.causes),
            "reason": decision.reason,
            "confidence_pct": decision.confidence_pct,
            "command": plain(decision.command),
        }
    plan = planned.plan if planned is not None else None
    return {
        "schema": SCHEMA,
        "time_zone": found.zone.key,
        "decision": decided,
        "plan": _plan_document(found, planned) if isinstance(plan, Plan) and planned is not None else None,
        "problem": None if isinstance(plan, Plan) else why_no_plan(found, planned),
    }


def _plan_document(found: FoundDecision, planned: FoundPlan) -> dict[str, Any]:
    plan = planned.plan
    if isinstance(plan, NoPlan):
        raise TypeError("a plan is needed")
    why, chosen = plan.reasoning, plan.chosen
    comparison = planned.comparison
    return {
        "at": plain(plan.at),
        "soc_pct": plan.soc_pct,
        "currency": why.currency,
        "method": plan.method,
        "gap": plain(plan.gap),
        "remarks": list(plan.remarks),
        "sentence": {
            one.value: sentence_of(why, chosen, zone=found.zone, now=plan.at, language=one) for one in Language
        },
        "details": {one.value: details_of(why, chosen, zone=found.zone, now=plan.at, language=one) for one in Language},
        "reasoning": plain(why),
        "choices": plain(plan.choices),
        "totals": None
        if comparison is None
        else {
            "plan": {**plain(comparison.plan), "total": comparison.plan.total},
            "self_use": {**plain(comparison.self_use), "total": comparison.self_use.total},
            "saving": comparison.saving,
        },
        "slots": plain(plan.slots),
    }
