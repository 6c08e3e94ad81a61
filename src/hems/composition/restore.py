"""Putting an inverter back to self-use, standing alone: no database, no prices, no running service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import GoodWeConnector, GoodWeOptions
from hems.adapters.inverters.goodwe import restore_inverter as restore_opened
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.process_lock import is_held
from hems.adapters.storage.json_text import write_json_atomically
from hems.adapters.storage.state_file import read_current_state
from hems.composition.inverter import USER_SETTINGS_FILE, goodwe_options_of
from hems.composition.tools import load
from hems.config.loader import default_config_path, resolve_directory
from hems.domain.command import AlreadySo, Applied, CommandResult, Unreachable
from hems.domain.errors import ConfigurationError, StorageError

ATTEMPTS = 3
PAUSE_S = 1.0
DEFAULT_DATA = Path("out")


async def restore_inverter(
    config_path: Path | None, *, host: str | None, port: int | None, progress: Callable[[str], None]
) -> CommandResult:
    """Return what came of putting the inverter back; tried a few times, since one lost reply proves nothing.

    Raises: ConfigurationError: there is no inverter to restore.
    """
    options, data = _options_and_data(config_path, host, progress)
    options = replace(options, host=host or options.host, port=options.port if port is None else port)
    if is_held(data):
        progress("The service is running and may force a mode again: stop it first to keep the inverter in self-use.")
    user_settings = JsonUserSettingsStore(data / "system_state" / USER_SETTINGS_FILE)
    clock = SystemClock()
    result: CommandResult = Unreachable(detail="not tried")
    for attempt in range(1, ATTEMPTS + 1):
        progress(f"Restoring self-use at {options.host}:{options.port} (attempt {attempt} of {ATTEMPTS}) …")
        result = await restore_opened(GoodWeConnector(options, clock, user_settings))
        if isinstance(result, Applied | AlreadySo):
            _note_in_record(data, clock.now(), progress)
            break
        await clock.sleep(PAUSE_S)
    return result


def _note_in_record(data: Path, now: datetime, progress: Callable[[str], None]) -> None:
    """Say in the record that a service left behind that the inverter has been put back since."""
    found = read_current_state(data)
    if found.status is None or is_held(data):
        return
    try:
        write_json_atomically(found.path, found.status | {"restored_at": now.isoformat(timespec="seconds")})
    except StorageError as error:
        progress(f"The record of the service could not be renewed: {error}")


def _options_and_data(
    config_path: Path | None, host: str | None, progress: Callable[[str], None]
) -> tuple[GoodWeOptions, Path]:
    """Return how the inverter is reached and where its owner's settings are kept.

    With a ``host`` a configuration that cannot be used stops nothing: the inverter may be forcing a mode meanwhile.
    Raises: ConfigurationError: no inverter is named, or none that outlives the coordinator.
    """
    path = config_path if config_path is not None else default_config_path()
    try:
        loaded = load(path)
    except ConfigurationError as error:
        if host is None:
            raise ConfigurationError(
                [
                    *error.faults,
                    "To restore an inverter without the configuration, name it: hems restore --host ADDRESS",
                ]
            ) from error
        more = f" (and {len(error.faults) - 1} more)" if len(error.faults) > 1 else ""
        progress(f"Going on without the configuration, with its defaults: {error.faults[0]}{more}")
        return GoodWeOptions(host=host), resolve_directory(path, DEFAULT_DATA)
    if loaded.settings.inverter.is_simulated and host is None:
        where = loaded.settings.locate("inverter.ip_address")
        fault = (
            f"{where}: the built-in simulator ends with the coordinator; name an inverter with --host to restore one"
        )
        raise ConfigurationError([fault])
    return goodwe_options_of(loaded), loaded.data
