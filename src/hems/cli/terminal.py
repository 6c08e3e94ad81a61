"""What every command owes its output: any terminal's letters will do, and a reader that leaves is no error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from hems.cli.exit_codes import ExitCode


@contextmanager
def any_terminal() -> Iterator[None]:
    """Print what the terminal cannot show as ``?``; end quietly where the reader has left (``hems status | head -1``).

    Raises: SystemExit: the reader left before all was printed.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        yield
    except BrokenPipeError:
        sys.exit(ExitCode.FAILED)
    finally:
        _flush_while_errors_can_be_caught()


def _flush_while_errors_can_be_caught() -> None:
    """Flush now: what is still buffered when the interpreter ends would fail with a message nobody can suppress."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
