#!/usr/bin/env python3
"""The documented entry: runs the Master Coordinator, shows its status, or tests one decision cycle."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hems.environment import enter_environment

if __name__ == "__main__":
    enter_environment(Path(__file__))
    from hems.cli.documented import main

    sys.exit(main(sys.argv[1:]))
