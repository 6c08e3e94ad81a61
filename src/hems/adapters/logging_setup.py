"""Logs in two places: JSON lines in a daily file for programs, readable lines for the person or the journal.

Everything that logs, ours through structlog and libraries through stdlib logging, takes the same way.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from io import TextIOWrapper
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import TextIO, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from hems.adapters.clock import SystemClock
from hems.adapters.storage.disk import FILE_MODE, make_directory, why_refused
from hems.domain.errors import StorageError
from hems.domain.secrets import Redactor

LOG_FILE_NAME = "master_coordinator.log"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

# Libraries that tell of every exchange at INFO: their warnings are ours, their chatter only while debugging.
_CHATTY = ("httpx2", "httpcore2", "goodwe", "asyncio", "uvicorn")

# Priorities of syslog(3), as the journal reads them from `<N>` at the start of a line.
_JOURNAL_PRIORITY = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingOptions:
    """Where logs go. ``console`` False leaves the terminal to the live view; the journal is always served."""

    directory: Path
    keep_days: int = 7
    debug: bool = False
    console: bool = True
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What no line may hold; users and passwords in addresses are hidden in any case."""


def configure_logging(
    options: LoggingOptions, *, stream: TextIO | None = None, environment: Mapping[str, str] | None = None
) -> Callable[[], None]:
    """Send all logs to ``options.directory`` and to ``stream`` (stderr); return what flushes and closes them.

    Calling again replaces the former set-up.
    Raises: StorageError: the directory cannot be made or written; it says what to change.
    """
    stream = sys.stderr if stream is None else stream
    to_journal = _is_journal(stream, os.environ if environment is None else environment)
    handlers: list[logging.Handler] = [_open_file(options, _Complaint(stream, to_journal=to_journal))]
    if options.console or to_journal:
        handlers.append(_console_handler(stream, options.secrets, to_journal=to_journal))
    level = logging.DEBUG if options.debug else logging.INFO
    root = logging.getLogger()
    _close(root, [handler for handler in root.handlers if isinstance(handler, _DailyFile | _Console)])
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if options.debug else logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return lambda: _close(root, handlers)


class _Complaint:
    """Says to the person or the journal what the log file itself cannot take."""

    def __init__(self, stream: TextIO, *, to_journal: bool) -> None:
        self._stream = stream
        self._prefix = f"<{_JOURNAL_PRIORITY['warning']}>" if to_journal else ""

    def tell(self, text: str) -> None:
        """Write one line."""
        self._stream.write(f"{self._prefix}{text}\n")
        self._stream.flush()


class _DailyFile(TimedRotatingFileHandler):
    """A log file that changes at midnight and goes after ``keep_days`` days; a full disk is told once, not once a line.

    The stdlib's handler counts files: of a service that ran one day a week it would keep seven weeks.
    """

    _is_complaining = False
    _failed = False

    def __init__(self, path: Path, keep_days: int, complaint: _Complaint) -> None:
        self._keep_days = keep_days
        self._complaint = complaint
        super().__init__(path, when="midnight", backupCount=keep_days, encoding="utf-8")
        self._remove_old()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self._failed = False
        super().emit(record)
        self._is_complaining = self._failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  stdlib's name
        """Tell of the first line in a row that the disk did not take."""
        self._failed = True
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_complaining:
            self._complaint.tell(f"logs are not being kept: {self.baseFilename}: {why_refused(error)}")

    def getFilesToDelete(self) -> list[str]:  # noqa: N802  stdlib's name
        """Return the files of days that are older than is kept; a file with another name is somebody's own."""
        oldest = SystemClock().now().astimezone().date() - timedelta(days=self._keep_days)
        current = Path(self.baseFilename)
        dated = (
            (path, path.name.removeprefix(f"{current.name}.")) for path in current.parent.glob(f"{current.name}.*")
        )
        return [str(path) for path, day in dated if _DAY.fullmatch(day) and day < oldest.isoformat()]

    def _open(self) -> TextIOWrapper:
        """Open the file, closed to others whatever the umask."""

        def closed_to_others(path: str, flags: int) -> int:
            descriptor = os.open(path, flags, FILE_MODE)
            with suppress(OSError):  # somebody else's file keeps its mode
                os.fchmod(descriptor, FILE_MODE)
            return descriptor

        return cast(
            "TextIOWrapper",
            open(self.baseFilename, self.mode, encoding=self.encoding, opener=closed_to_others),
        )

    def _remove_old(self) -> None:
        for name in self.getFilesToDelete():
            with suppress(OSError):  # what cannot be removed today is tried again tomorrow
                Path(name).unlink()


class _Console(logging.StreamHandler[TextIO]):
    """The readable lines."""


def _open_file(options: LoggingOptions, complaint: _Complaint) -> logging.Handler:
    path = options.directory / LOG_FILE_NAME
    try:
        make_directory(options.directory)
        handler = _DailyFile(path, options.keep_days, complaint)
    except OSError as error:
        raise StorageError(
            f"logs cannot be kept at {path}: {why_refused(error)}, or set logging.directory to another place"
        ) from error
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared_processors(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Without local variables: a frame's holds whole configurations, passwords among them.
                structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
                _hiding(options.secrets),
            ],
        )
    )
    return handler


def _console_handler(stream: TextIO, secrets: frozenset[str], *, to_journal: bool) -> logging.Handler:
    handler = _Console(stream)
    last: list[Processor] = (
        [structlog.processors.format_exc_info, _journal_line]
        if to_journal
        else [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
            )
        ]
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared_processors(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _hiding(secrets)],
        )
    )
    return handler


def _hiding(secrets: frozenset[str]) -> Processor:
    """Return the last step of a line: the whole of it, libraries' words and tracebacks too, without secrets."""
    redact = Redactor(secrets)
    return cast("Processor", lambda _logger, _name, line: redact(line))


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _journal_line(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    """Return the event as journal lines: the priority first on each, no time, since the journal has its own."""
    priority = _JOURNAL_PRIORITY.get(str(event.pop("level", "info")), 6)
    event.pop("timestamp", None)
    event.pop("logger", None)
    exception = event.pop("exception", None)
    words = [str(event.pop("event", "")), *(f"{key}={value}" for key, value in event.items())]
    text = " ".join(words) + (f"\n{exception}" if exception else "")
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def _is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether ``stream`` is the one that systemd connected to the journal.

    The variable alone is not enough: a shell started from a service inherits it with another stream.
    Source: systemd.exec(5), JOURNAL_STREAM.
    """
    named = environment.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def tell_error(text: str, stream: TextIO | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Say why a command ends, on stderr; the journal takes every line for the error that it is."""
    stream = sys.stderr if stream is None else stream
    to_journal = _is_journal(stream, os.environ if environment is None else environment)
    prefix = f"<{_JOURNAL_PRIORITY['error']}>" if to_journal else ""
    stream.writelines(f"{prefix}{line}\n" for line in text.splitlines())
    stream.flush()


def _close(root: logging.Logger, handlers: list[logging.Handler]) -> None:
    for handler in handlers:
        root.removeHandler(handler)
        handler.close()
