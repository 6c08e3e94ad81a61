"""``hems score``: what the multi-factor score says to any four values."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from hems.cli.exit_codes import ExitCode
from hems.decision.score import MultiFactorOptions, ScoreInputs, score, total_text
from hems.domain.decision import FactorScore, ScoreResult


def register(app: typer.Typer) -> None:
    """Add ``hems score`` to ``app``."""
    app.command("score", help="Score a price, an SoC, a PV power and a load, and say what follows.")(_score_command)


def _score_command(
    price: Annotated[float, typer.Option("--price", help="Market price of the quarter [PLN/MWh]; may be negative.")],
    soc: Annotated[float, typer.Option("--soc", help="State of charge of the battery [%].")],
    pv: Annotated[float, typer.Option("--pv", help="PV production [W].")],
    load: Annotated[float, typer.Option("--load", help="Consumption of the house [W].")],
    charging: Annotated[bool, typer.Option("--charging", help="Score as if charging were on.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="Take bands and thresholds from this configuration file.")
    ] = None,
) -> None:
    """Print factor scores, total, action, confidence and reason; exit 2 on a value that cannot be."""
    fault = _fault(price=price, soc=soc, pv=pv, load=load)
    if fault is not None:
        typer.echo(fault, err=True)
        raise typer.Exit(ExitCode.USAGE)
    inputs = ScoreInputs(price_per_mwh=price, soc_pct=soc, pv_w=pv, load_w=load)
    result = score(inputs, charging, _options(config))
    if as_json:
        typer.echo(json.dumps(as_document(inputs, result), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        _print_table(result)


def _options(config: Path | None) -> MultiFactorOptions:
    if config is None:
        return MultiFactorOptions()
    from hems.composition.tools import multi_factor_options  # a score without a file needs none of that machinery

    return multi_factor_options(config)


def _fault(*, price: float, soc: float, pv: float, load: float) -> str | None:
    """Return what is wrong with the values, for the person who typed them, or None."""
    for name, value, unit in (
        ("--price", price, "PLN/MWh"),
        ("--soc", soc, "%"),
        ("--pv", pv, "W"),
        ("--load", load, "W"),
    ):
        if not math.isfinite(value):
            return f"{name}: a number in {unit} is needed, not {value}"
    if not 0.0 <= soc <= 100.0:
        return f"--soc: a state of charge lies between 0 and 100 %, not {soc:g}"
    for name, value in (("--pv", pv), ("--load", load)):
        if value < 0:
            return f"{name}: a power in W, 0 or more, is needed, not {value:g}"
    return None


def as_document(inputs: ScoreInputs, result: ScoreResult) -> dict[str, object]:
    """Return the score as the JSON document of ``--json``."""
    return {
        "inputs": {
            "price_per_mwh": inputs.price_per_mwh,
            "currency": inputs.currency,
            "soc_pct": inputs.soc_pct,
            "pv_w": inputs.pv_w,
            "load_w": inputs.load_w,
            "charging": result.charging_before,
        },
        "factors": {factor.name.value: _factor_document(factor) for factor in result.factors},
        "total": result.total,
        "action": result.action.value,
        "charging_after": result.charging_after,
        "confidence": result.confidence_pct,
        "reason": result.reason,
    }


def _factor_document(factor: FactorScore) -> dict[str, object]:
    contribution = factor.contribution
    return {
        "value": factor.value,
        "unit": factor.unit,
        "band": factor.band,
        "points": factor.points,
        "weight": factor.weight,
        "contribution": None if contribution is None else round(contribution, 9),
    }


def _print_table(result: ScoreResult) -> None:
    from rich import box  # rich takes a tenth of a second to import, and JSON does without it
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Factor")
    for heading in ("Value", "Band", "Points", "Weight", "Share"):
        table.add_column(heading, justify="right")
    for factor in result.factors:
        table.add_row(
            factor.name.value,
            f"{factor.value:.9g} {factor.unit}",
            f"{factor.band} {factor.unit}",
            f"{factor.points:g}",
            f"{factor.weight:g}",
            f"{factor.contribution:.2f}",
        )
    table.add_section()
    table.add_row("total", "", "", "", "", total_text(result.total), style="bold")
    console = Console(highlight=False)
    console.print(table)
    after = "charging" if result.charging_after else "not charging"
    console.print(f"[bold]{result.action.value.replace('_', ' ')}[/] ({after}), confidence {result.confidence_pct:g} %")
    console.print(result.reason, markup=False)
