"""Goes on inside the project's own environment. Standard library only: it runs before any package can be there."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("pydantic", "goodwe", "structlog", "typer")
"""Packages that nobody has by chance all at once."""


def enter_environment(script: Path) -> None:
    """Return where this Python has the packages, else run ``script`` afresh with that of ``.venv``, same arguments.

    Raises: SystemExit: with one sentence, where there is no usable ``.venv``.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return
    python = ROOT / ".venv" / "bin" / "python"
    if os.access(python, os.X_OK) and Path(sys.prefix).resolve() != python.parent.parent.resolve():
        sys.stdout.flush()
        os.execv(python, [str(python), str(script.resolve()), *sys.argv[1:]])  # noqa: S606
    sys.exit(
        f"The packages this program needs are not installed ({', '.join(missing)}): "
        f"run ./scripts/run.sh in {ROOT} once."
    )
