"""What the console's exit codes mean; documented in ``docs/commands.md``."""

from __future__ import annotations

from enum import IntEnum

from hems.domain.errors import ConfigurationError, HemsError, InverterUnreachable, PermanentError


class ExitCode(IntEnum):
    """The answer of a command to the script that called it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    UNREACHABLE = 4
    REFUSED = 5
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "it was tried and did not work; the message says why",
    ExitCode.USAGE: "the command line or the configuration is wrong",
    ExitCode.NOT_RUNNING: "`status`: the last record is shown, but no service is running",
    ExitCode.UNREACHABLE: "the inverter does not answer",
    ExitCode.REFUSED: "a person has to act: a wrong battery window, a missing capability, a second coordinator",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C before it was done",
}
"""One sentence for each code, for ``docs/commands.md``."""


def exit_code_of(error: HemsError) -> ExitCode:
    """Return the exit code that tells a script what kind of error this was."""
    if isinstance(error, ConfigurationError):
        return ExitCode.USAGE
    if isinstance(error, InverterUnreachable):
        return ExitCode.UNREACHABLE
    if isinstance(error, PermanentError):
        return ExitCode.REFUSED
    return ExitCode.FAILED
