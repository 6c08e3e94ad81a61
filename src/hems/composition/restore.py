"""Putting an inverter back to self-use, standing alone: no database, no prices, no running service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import GoodWeConnector
from hems.adapters.inverters.goodwe import restore_inverter as restore_opened
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.process_lock import is_held
from hems.composition.inverter import USER_SETTINGS_FILE, goodwe_options_of
from hems.composition.tools import load
from hems.domain.command import AlreadySo, Applied, CommandResult, Unreachable
from hems.domain.errors import ConfigurationError

ATTEMPTS = 3
PAUSE_S = 1.0


async def restore_inverter(
    config_path: Path | None, *, host: str | None, port: int | None, progress: Callable[[str], None]
) -> CommandResult:
    """Return what came of putting the inverter back; tried a few times, since one lost reply proves nothing.

    Raises: ConfigurationError: there is no inverter to restore.
    """
    loaded = load(config_path)
    options = goodwe_options_of(loaded)
    options = replace(options, host=host or options.host, port=port or options.port)
    if loaded.settings.inverter.is_simulated and host is None:
        where = loaded.settings.locate("inverter.ip_address")
        fault = (
            f"{where}: the built-in simulator ends with the coordinator; name an inverter with --host to restore one"
        )
        raise ConfigurationError([fault])
    if is_held(loaded.data):
        progress("The service is running and may force a mode again: stop it first to keep the inverter in self-use.")
    user_settings = JsonUserSettingsStore(loaded.data / "system_state" / USER_SETTINGS_FILE)
    clock = SystemClock()
    result: CommandResult = Unreachable(detail="not tried")
    for attempt in range(1, ATTEMPTS + 1):
        progress(f"Restoring self-use at {options.host}:{options.port} (attempt {attempt} of {ATTEMPTS}) …")
        result = await restore_opened(GoodWeConnector(options, clock, user_settings))
        if isinstance(result, Applied | AlreadySo):
            break
        await clock.sleep(PAUSE_S)
    return result
