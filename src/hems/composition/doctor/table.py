"""The tables of docs/troubleshooting.md, made from the kinds of findings themselves so that they cannot drift.

``python -m hems.composition.doctor.table docs/troubleshooting.md`` renews them.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from hems.composition.doctor.catalogue import kinds
from hems.composition.doctor.model import Kind, State

BEGIN = "<!-- findings: made by hems.composition.doctor.table -->"
END = "<!-- end of findings -->"


def findings_tables() -> str:
    """Return one table for each group: what the report says, what it means, what to try."""
    lines: list[str] = []
    told = [kind for kind in kinds() if kind.state is not State.OK]
    for group, members in groupby(told, key=lambda kind: kind.group):
        lines += [f"### {group.value.capitalize()}", "", "| It says | It means | Try |", "|---|---|---|"]
        lines += [_row(kind) for kind in members]
        lines.append("")
    return "\n".join(lines).rstrip()


def with_tables(text: str) -> str:
    """Return ``text`` with the tables between its marks renewed.

    Raises: ValueError: the marks are not there.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document needs the marks {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{findings_tables()}\n\n{END}{tail}"


def _row(kind: Kind) -> str:
    advice = "<br>".join(f"{number}. {text}" for number, text in enumerate(kind.advice, start=1))
    if len(kind.advice) == 1:
        advice = kind.advice[0]
    mark = {State.PROBLEM: "✗", State.WARNING: "!", State.NOT_CHECKED: "–"}[kind.state]
    cells = (f"{mark} **{kind.title}**<br>`{kind.code}`", kind.meaning, advice or "nothing to do")
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
