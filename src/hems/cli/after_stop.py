"""``--after-stop``: what systemd calls when the service has ended, however it ended. Light on imports: it has 20 s."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from hems.cli.exit_codes import ExitCode
from hems.domain.command import AlreadySo, Applied, CommandResult, NotConfirmed, Rejected, Unreachable

END_AFTER_S = 17.0
"""The last word, whatever hangs: a name server that does not answer holds a thread that nobody can cancel."""


def give_back_after_stop(config: Path | None) -> int:
    """Give the inverter back where the run that has ended did not; return the exit code."""
    signal.signal(signal.SIGALRM, _end_at_once)
    signal.setitimer(signal.ITIMER_REAL, END_AFTER_S)
    import asyncio

    from hems.cli.quiet_logs import logs_beside_the_output
    from hems.composition.restore import restore_after_stop

    with logs_beside_the_output():
        result = asyncio.run(restore_after_stop(config, _tell))
    if result is None:
        return ExitCode.OK
    _tell(sentence_of(result))
    return code_of(result)


def sentence_of(result: CommandResult) -> str:
    """Return what came of a restore, for a person."""
    match result:
        case Applied(writes=writes):
            return f"The inverter is in self-use ({writes} register writes, read back)."
        case AlreadySo():
            return "The inverter was in self-use already; nothing was written."
        case NotConfirmed(detail=detail) | Rejected(detail=detail):
            return f"Self-use could not be confirmed: {detail}. Try again, or set the mode in the vendor's app."
        case Unreachable(detail=detail, writes=writes) if writes:
            return f"Self-use is not confirmed, nothing readable came back: {detail}"
        case Unreachable(detail=detail):
            return f"The inverter did not answer: {detail}"


def code_of(result: CommandResult) -> ExitCode:
    """Return the exit code that tells a script what came of a restore."""
    match result:
        case Applied() | AlreadySo():
            return ExitCode.OK
        case Unreachable():
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.FAILED


def _tell(line: str) -> None:
    print(line, flush=True)


def _end_at_once(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.write(f"Self-use was not confirmed within {END_AFTER_S:.0f} s: run `hems restore`.\n")
    sys.stderr.flush()
    os._exit(ExitCode.UNREACHABLE)
