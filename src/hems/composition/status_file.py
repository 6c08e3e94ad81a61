"""Reading the last record of the service, whether it runs or not. Light: neither inverter nor database is touched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hems.adapters.process_lock import is_held
from hems.adapters.storage.fast_charge_inbox import FileFastChargeInbox
from hems.adapters.storage.state_file import read_current_state
from hems.composition.refusal import data_of_refused, read_refusal
from hems.config.loader import default_config_path, load_configuration, resolve_directory
from hems.config.models import SiteSettings
from hems.domain.errors import ConfigurationError

FAST_CHARGE_FILE = Path("system_state") / "fast_charge_request.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStatus:
    """The last status document, ``running`` told apart; ``problem`` says why there is no document."""

    document: dict[str, Any]
    is_running: bool | None
    """None where this user may not know."""
    problem: str | None
    zone: ZoneInfo


def read_status(config_path: Path | None) -> FoundStatus:
    """Return the last record of the service configured in ``config_path``.

    Raises: ConfigurationError.
    """
    path = config_path if config_path is not None else default_config_path()
    settings = load_configuration(path)
    return _read(resolve_directory(path, settings.storage.directory), settings.site.time_zone)


def read_status_anyway(config_path: Path | None) -> tuple[FoundStatus, ConfigurationError | None]:
    """Return the last record also where the configuration cannot be used, and then why it cannot.

    Somebody who looks because the service is down wants both: what is wrong, and what the inverter may still be doing.
    """
    try:
        return read_status(config_path), None
    except ConfigurationError as error:
        path = config_path if config_path is not None else default_config_path()
        return _read(data_of_refused(path, os.environ), SiteSettings().time_zone), error


def _read(directory: Path, time_zone: str) -> FoundStatus:
    found = read_current_state(directory)
    is_running = is_held(directory)
    document = dict(found.status) if found.status is not None else {}
    document["running"] = is_running
    if not document.get("at"):
        document["problem"] = found.problem
    refusal = read_refusal(directory)
    if refusal is not None and not is_running and refusal["at"] >= str(document.get("at", "")):
        document["refused"] = refusal
    return FoundStatus(document=document, is_running=is_running, problem=found.problem, zone=ZoneInfo(time_zone))


def fast_charge_inbox(config_path: Path | None) -> FileFastChargeInbox:
    """Return the place where a person leaves a fast-charge request."""
    path = config_path if config_path is not None else default_config_path()
    settings = load_configuration(path)
    return FileFastChargeInbox(resolve_directory(path, settings.storage.directory) / FAST_CHARGE_FILE)
