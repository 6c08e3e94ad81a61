"""The options of ``src/master_coordinator.py`` as the users' documentation gives them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hems import __version__
from hems.cli.exit_codes import ExitCode, exit_code_of
from hems.cli.terminal import any_terminal
from hems.domain.errors import HemsError


def main(arguments: Sequence[str]) -> int:
    """Run, show the status, or test one decision cycle; return the exit code."""
    with any_terminal():
        return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    parser = make_parser()
    options = parser.parse_args(arguments)
    if (options.execute and not options.test) or (options.test and options.status):
        parser.error("--execute goes with --test, and --test does not go with --status")
    if options.after_stop and (options.test or options.status):
        parser.error("--after-stop goes alone")
    if options.json and not (options.status or options.test):
        parser.error("--json goes with --status or --test")
    try:
        if options.after_stop:
            from hems.cli.after_stop import give_back_after_stop

            return give_back_after_stop(options.config)
        if options.status:
            from hems.cli.show_status import show_status

            return show_status(options.config, as_json=options.json)
        from hems.cli.coordinator import run_coordinator, test_cycle

        if options.test:
            return test_cycle(options.config, execute=options.execute, as_json=options.json)
        return run_coordinator(options.config, live=None)
    except HemsError as error:
        from hems.adapters.logging_setup import tell_error

        tell_error(str(error))
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the documented options."""
    parser = argparse.ArgumentParser(
        prog="master_coordinator.py",
        description="Runs the Master Coordinator. Without options it works until it is stopped.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration to use")
    parser.add_argument("--status", action="store_true", help="show the last record; never touches the inverter")
    parser.add_argument("--test", action="store_true", help="run one decision cycle without writing to the inverter")
    parser.add_argument("--execute", action="store_true", help="with --test: carry the decision out, prove it, undo it")
    parser.add_argument(
        "--after-stop",
        action="store_true",
        help="for systemd: give the inverter back where the run that ended did not; within 20 s",
    )
    parser.add_argument("--json", action="store_true", help="with --status and --test: for programs")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser
