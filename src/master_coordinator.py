#!/usr/bin/env python3
"""The documented entry: runs the Master Coordinator, shows its status, or tests one decision cycle."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _enter_environment() -> None:
    """Go on inside the project's own environment where this Python does not have the packages."""
    if importlib.util.find_spec("pydantic") and importlib.util.find_spec("goodwe"):
        return
    python = ROOT / ".venv" / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), str(Path(__file__).resolve()), *sys.argv[1:]])  # noqa: S606
    sys.exit(f"The packages this program needs are not installed. Run {ROOT / 'scripts' / 'run.sh'} once.")


if __name__ == "__main__":
    _enter_environment()
    from hems.cli.documented import main

    sys.exit(main(sys.argv[1:]))
