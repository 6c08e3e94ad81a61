"""Runs measuring programs as processes of their own, and takes their figures from a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT


def figures_of(script: str, words: Sequence[str]) -> Any:
    """Return what ``benchmarks/SCRIPT`` wrote with ``--json``; its own tables go to standard error.

    Raises: subprocess.CalledProcessError where it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, str(ROOT / "benchmarks" / script), *words, "--json", str(file)]
        subprocess.run(command, check=True, stdout=sys.stderr.fileno(), env=environment())
        return json.loads(file.read_text(encoding="utf-8"))


def environment() -> dict[str, str]:
    """Return the environment of a process that finds the product, installed or not."""
    paths = [str(ROOT / "src"), str(ROOT / "test"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
