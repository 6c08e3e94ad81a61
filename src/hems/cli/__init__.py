"""The console: ``hems`` and the documented ``src/master_coordinator.py``."""

from __future__ import annotations


def main() -> None:
    """Run the ``hems`` command."""
    from hems.cli.app import run

    run()
