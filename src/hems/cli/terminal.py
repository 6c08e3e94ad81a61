"""What every command owes its output: any terminal's letters will do, and a reader that leaves is no error."""

from __future__ import annotations

import codecs
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from hems.cli.exit_codes import ExitCode

PLAIN = str.maketrans("▁▂▃▄▅▆▇█░▶◀─·–…×✓✗→", "_.-:=+*#.><---.x+x>")
"""Stand-ins for what an old terminal has no letters for: a direction shown as ``?`` would be no direction."""


@contextmanager
def any_terminal() -> Iterator[None]:
    """Print in plain letters, else as ``?``, what the terminal cannot show; end quietly where the reader has left.

    That is what ``hems status --json | head -1`` does.
    Raises: SystemExit: the reader left before all was printed.
    """
    codecs.register_error("plain", _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="plain")
    try:
        yield
    except BrokenPipeError:
        if not _reader_left():
            raise  # some other connection's, and worth telling
        sys.exit(ExitCode.FAILED)
    finally:
        _flush_while_errors_can_be_caught()


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(PLAIN)
    return "".join(letter if letter.isascii() else "?" for letter in plain), error.end


def _reader_left() -> bool:
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # an error is reported without being asked for
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _flush_while_errors_can_be_caught() -> None:
    """Flush now: what is still buffered when the interpreter ends would fail with a message nobody can suppress."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
