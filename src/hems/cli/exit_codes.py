"""What the console's exit codes mean; documented in ``docs/commands.md``."""

from __future__ import annotations

from enum import IntEnum

from hems.domain.errors import ConfigurationError, HemsError, InverterUnreachable, PermanentError


class ExitCode(IntEnum):
    """The answer of a command to the script that called it."""

    OK = 0
    FAILED = 1  # it was tried and did not work; the message says why
    USAGE = 2  # the command line or the configuration is wrong
    NOT_RUNNING = 3  # --status: the last record is shown, but no service is running
    UNREACHABLE = 4  # the inverter does not answer
    REFUSED = 5  # a person has to act: the wrong battery window, a missing capability


def exit_code_of(error: HemsError) -> ExitCode:
    """Return the exit code that tells a script what kind of error this was."""
    if isinstance(error, ConfigurationError):
        return ExitCode.USAGE
    if isinstance(error, InverterUnreachable):
        return ExitCode.UNREACHABLE
    if isinstance(error, PermanentError):
        return ExitCode.REFUSED
    return ExitCode.FAILED
