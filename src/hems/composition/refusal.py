"""Why the service did not start, kept for ``--status``: the journal forgets, and not everybody may read it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from hems.composition.kept_files import DEFAULT_DATA, STATE, keep, places_of, runtime_directory
from hems.config.loader import default_config_path, load_configuration, resolve_directory
from hems.domain.errors import ConfigurationError, HemsError

REFUSAL = "refusal.json"


def note_refusal(data: Path, message: str, now: datetime) -> list[str]:
    """Keep ``message`` in the ``data`` directory; return what the disk said where it refused that too."""
    body = {"at": now.isoformat(timespec="seconds"), "message": message}
    return keep(REFUSAL, (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode(), places_of(None, data))


def forget_refusal(data: Path) -> None:
    """Let the note go: the service starts."""
    with suppress(OSError):  # a note that stays is older than the record beside it, and so not shown
        (data / STATE / REFUSAL).unlink(missing_ok=True)


def read_refusal(data: Path) -> dict[str, Any] | None:
    """Return when and why the service with the ``data`` directory last refused to start; None where it did not."""
    try:
        body = json.loads((data / STATE / REFUSAL).read_text(encoding="utf-8"))
        return {"at": datetime.fromisoformat(body["at"]).isoformat(), "message": str(body["message"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def data_of_refused(config_path: Path, environment: Mapping[str, str]) -> Path:
    """Return the data directory; where the configuration cannot say, that of the last run, else the default one."""
    from hems.composition.last_run import read_record

    try:
        return resolve_directory(config_path, load_configuration(config_path).storage.directory)
    except ConfigurationError:
        default = resolve_directory(config_path, DEFAULT_DATA)
        record = read_record(places_of(runtime_directory(environment), default))
        return record.data if record is not None else default


def tell_refusal(config_path: Path | None, error: HemsError) -> None:
    """Say to the service manager and to ``--status`` why the service does not run; the caller tells the journal."""
    from hems.adapters.clock import SystemClock
    from hems.adapters.process_lock import is_held
    from hems.adapters.service_manager import ServiceManager

    path = config_path if config_path is not None else default_config_path()
    data = data_of_refused(path, os.environ)
    if not is_held(data):  # else the record there is that of another coordinator, and it works
        for problem in note_refusal(data, str(error), SystemClock().now()):
            logging.getLogger(__name__).warning("the refusal is not kept for --status: %s", problem)
    ServiceManager().tell(f"STATUS=Does not run: {str(error).splitlines()[0]}")
