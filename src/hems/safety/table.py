"""The table of ``docs/safety.md``, made from the rules themselves so that it cannot drift.

``python -m hems.safety.table docs/safety.md`` writes it between its two marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hems.domain.command import Mode
from hems.domain.safety import Bounds
from hems.safety.gate import permitted_mode
from hems.safety.rules import RULES

BEGIN_MARK = "<!-- made from the rules: begin -->"
END_MARK = "<!-- made from the rules: end -->"

_HEADINGS = (
    "Cause",
    "Holds when",
    "PV or house may charge",
    "Battery may cover the load",
    "Forced charge",
    "Forced discharge",
    "Export",
    "Mode demanded",
    "Holds after",
    "Why",
)


def safety_table() -> str:
    """Return the Markdown table of all rules, one row each, in the order they are run."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS)]
    for rule in RULES:
        mode = permitted_mode(rule.bounds)
        rows.append(
            (
                f"`{rule.key}`",
                rule.when,
                _allowed(rule.bounds.charge_max_w),
                _allowed(rule.bounds.discharge_max_w),
                _allowed(min(rule.bounds.charge_max_w, rule.bounds.forced_charge_max_w)),
                _allowed(
                    min(rule.bounds.discharge_max_w, rule.bounds.forced_discharge_max_w, rule.bounds.export_max_w)
                ),
                _export(rule.bounds),
                "self-use" if mode is Mode.SELF_USE else mode.value.replace("_", " "),
                "release time" if rule.latches else "at once free",
                rule.why,
            )
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def with_table(text: str) -> str:
    """Return the document ``text`` with the table between its marks made anew.

    Raises: ValueError: a mark is missing.
    """
    before, begin, rest = text.partition(BEGIN_MARK)
    _, end, after = rest.partition(END_MARK)
    if not begin or not end:
        raise ValueError(f"the document needs the marks {BEGIN_MARK} and {END_MARK}")
    return f"{before}{BEGIN_MARK}\n\n{safety_table()}\n{END_MARK}{after}"


def _allowed(bound_w: float) -> str:
    return "yes" if bound_w > 0 else "no"


def _export(bounds: Bounds) -> str:
    return (
        "PV and battery"
        if min(bounds.discharge_max_w, bounds.forced_discharge_max_w, bounds.export_max_w) > 0
        else "PV only"
    )


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(with_table(document.read_text(encoding="utf-8")), encoding="utf-8")
