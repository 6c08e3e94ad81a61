"""What a process that plans holds at most: every way in a fresh process, Python and all its imports counted."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.machine import ROOT, installed
from benchmarks.programs import environment
from benchmarks.sections import Options, Outcome
from benchmarks.table import Table

WAYS = {
    "plain": ("our kernel in plain Python", None),
    "compiled": ("our kernel compiled", "numba"),
    "highs": ("HiGHS", "highspy"),
    "emhass": ("EMHASS", "emhass"),
}
"""By `ten_plans` way: what it is called, and the package it needs."""


def measure(options: Options) -> Outcome:
    """Measure every way whose packages are installed; the quick run only the first."""
    figures: dict[str, Any] = {}
    remarks = []
    for way, (name, package) in list(WAYS.items())[: 1 if options.quick else None]:
        if package is not None and installed(package) is None:
            remarks.append(f"{name}: not measured, {package} is not installed.")
            continue
        command = [sys.executable, "-m", "benchmarks.ten_plans", way]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
        figures[way] = json.loads(done.stdout.splitlines()[-1])
    rows = tuple((WAYS[way][0], found["peak"], found["peak"] - found["start"]) for way, found in figures.items())
    columns = ("ten plans of 192 quarters", "the process at its most, MB (RSS)", "above Python alone, MB")
    table = Table(columns=columns, rows=rows, note="Compiling itself is not in it where numba found its cache on disk.")
    return Outcome(tables=(table,), figures=figures, remarks=tuple(remarks))
