"""Tables in Markdown, and the places in a document that hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells under columns; ``note`` is a paragraph that stands below."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse ragged rows. Raises: ValueError."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(row)} cells under {len(self.columns)} columns: {row}")

    def markdown(self) -> str:
        """Return the table as Markdown; a float with three digits, None as a dash."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        text = "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
        return f"{text}\n\n{self.note}\n" if self.note else f"{text}\n"


def _cell(cell: object) -> str:
    if cell is None:
        return "-"
    text = figure(cell) if isinstance(cell, float) else str(cell)
    return text.replace("|", "\\|").replace("\n", " ")


def section_text(title: str, machine: str, tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """Return one section of a document: what was measured, on what, and the tables."""
    blocks = [f"## {title}", f"Measured on {machine}."]
    blocks += [table.markdown().rstrip() for table in tables]
    blocks += list(remarks)
    return "\n\n".join(blocks) + "\n"


def write_sections(file: Path, sections: Mapping[str, str]) -> None:
    """Put each section where ``file`` marks its place, at the end where it does not; what else stands there stays.

    A place lies between ``<!-- measured: NAME -->`` and ``<!-- end of NAME -->``. Raises: ValueError where a place
    begins and does not end.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for name, section in sections.items():
        begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
        block = f"{begin}\n{section}{end}"
        if (begin in text) != (end in text):
            raise ValueError(f"{file}: the place of {name} has only one of its two marks")
        if begin in text:
            place = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
            text = place.sub(lambda _, block=block: block, text, count=1)  # type: ignore[misc]
        else:
            text = f"{text.rstrip()}\n\n{block}\n".lstrip()
    file.write_text(text, encoding="utf-8")
