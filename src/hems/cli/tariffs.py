"""``hems tariffs``: the operators, groups and sellers that the configuration can name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hems.composition.tariff_list import TariffEntry


def register(app: typer.Typer) -> None:
    """Add ``hems tariffs``."""

    @app.command()
    def tariffs(
        config: Annotated[Path | None, typer.Option(help="The configuration whose own tariff files count.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs, with all prices.")] = False,
    ) -> None:
        """List the tariffs that can be configured: who, which groups, until when, and where the figures come from."""
        from hems.composition.tariff_list import tariff_list

        entries = tariff_list(config)
        if as_json:
            print(json.dumps([entry.document for entry in entries], indent=2, ensure_ascii=False))
            return
        for entry in entries:
            print("\n".join(_lines(entry)))
        print("Figures that are not verified: check them with a bill. How to add a tariff: docs/tariffs.md")


def _lines(entry: TariffEntry) -> list[str]:
    """Return what a person needs to choose: the name to configure, what it offers, until when, and on whose word."""
    doubt = "" if entry.verified else ", not verified"
    last = "without end" if entry.valid_to is None else f"to {entry.valid_to}"
    first = "" if entry.valid_from is None else f"from {entry.valid_from} "
    return [
        f"{entry.kind.replace('_', '-')} {entry.name}: {', '.join(entry.offers)}",
        f"    {entry.title}, {first}{last}{doubt}",
        f"    source: {entry.source}",
    ]
