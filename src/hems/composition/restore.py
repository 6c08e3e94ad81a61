"""Putting an inverter back to self-use, standing alone: no database, no prices, no running service.

Which inverter: the configured one, and the one that the last run controlled where that is another or where the
configuration no longer reads. The last run's is put back even where it cannot be read: what was saved is written
unseen, and said to be unconfirmed. Light on imports at the top: the hook after a stop has seconds, on a small machine
too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import UNSEEN_ROUNDS, GoodWeConnector, GoodWeOptions, LastKnown, UnseenRestore
from hems.adapters.inverters.goodwe import restore_inverter as restore_opened
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.process_lock import is_held
from hems.adapters.storage.state_file import read_current_state
from hems.composition.kept_files import DEFAULT_DATA, STATE, places_of, runtime_directory
from hems.composition.last_run import USER_SETTINGS_FILE, ControlRecord, fingerprint_of, read_record, write_record
from hems.domain.command import AlreadySo, Applied, CommandResult, Unreachable
from hems.domain.errors import ConfigurationError, StorageError

ATTEMPTS = 3
PAUSE_S = 1.0

AFTER_STOP_S = 14.0
"""How long the hook talks to inverters: with a start of a few seconds on a small machine it stays below 20 s."""
AFTER_STOP_TIMEOUT_S = 2.0
"""No longer for one answer in the hook, however patient the configuration: the last frame is waited for at the end."""

READING_SHARE = 0.5
"""The part of the hook's time that reading may take at first; then is written unseen, and read again."""
UNSEEN_PAUSE = timedelta(minutes=10)
"""After the first rounds of writing unseen the hook waits so long, then twice as long …: a service that cannot start
has a hook every half minute, and flash wears."""

WAY_OUT = "To restore an inverter without the configuration, name it: hems restore --host ADDRESS"

Tell = Callable[[str], None]


class _OnlyRead:
    """The owner's saved settings, left as they are."""

    def __init__(self, saved: JsonUserSettingsStore) -> None:
        self._saved = saved

    def load(self) -> dict[str, object] | None:
        return self._saved.load()

    def save(self, settings: dict[str, object]) -> None:
        pass

    def clear(self) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One inverter to restore, and the record of the run that controlled it, if that is known."""

    options: GoodWeOptions
    data: Path
    record: ControlRecord | None = None
    last: ControlRecord | None = None
    """The record of a run that controlled what answers at this address, where that is all the record is used for."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it answers."""
        return self.options.host, self.options.port

    @property
    def last_known(self) -> ControlRecord | None:
        """The run whose save may be written unseen: it controlled what is at this very address, and did not let go."""
        known = self.record or self.last
        if known is None or known.ended is not None or not known.serial_number:
            return None
        return known if (known.inverter.host, known.inverter.port) == self.address else None


async def restore_inverter(
    config_path: Path | None, *, host: str | None, port: int | None, progress: Tell
) -> CommandResult:
    """Return what came of putting the inverter back; tried a few times, since one lost reply proves nothing.

    Where two have to be restored, the worse of both outcomes is returned.
    Raises: ConfigurationError: there is no inverter to restore.
    """
    environment = os.environ
    if host is not None:
        named = _named(config_path, host, port, progress)
        targets = [replace(named, last=read_record(_places(config_path, environment)))]
    else:
        targets = _targets(config_path, environment, progress)
        if port is not None:
            targets = [replace(target, options=replace(target.options, port=port)) for target in targets[:1]]
    if any(is_held(target.data) for target in targets):
        progress("The service is running and may force a mode again: stop it first to keep the inverter in self-use.")
    # One after the other: both may have their owner's settings saved in the same file.
    return _worst([await _restore(target, environment, progress, ATTEMPTS, _unseen_of(target)) for target in targets])


async def restore_after_stop(
    config_path: Path | None, progress: Tell, environment: Mapping[str, str] | None = None
) -> CommandResult | None:
    """Give back what a run that has ended may have left forced; None where nothing can be left.

    That is: it is on record that the inverter was given back since, another coordinator is in control, or no run has
    ever taken an inverter over. Ends within ``AFTER_STOP_S``.
    """
    environment = os.environ if environment is None else environment
    runtime = runtime_directory(environment)
    record = read_record(places_of(runtime)) if runtime is not None else read_record(_places(config_path, environment))
    if record is not None and record.ended is not None and not _was_taken_since(record):
        progress(f"Nothing to restore: {record.inverter.host} is in self-use since {record.ended:%Y-%m-%d %H:%M:%S}Z.")
        return None
    try:
        targets = _targets(config_path, environment, progress)
    except ConfigurationError as error:
        progress(f"Nothing to restore: no run is on record that controlled an inverter ({_first_fault(error)}).")
        return None
    if any(is_held(target.data) for target in targets):
        progress("Nothing to restore: another Master Coordinator is running and in control.")
        return None
    share_s = AFTER_STOP_S / len(targets)
    return _worst([await _restore_within(share_s, target, environment, progress) for target in targets])


def _was_taken_since(record: ControlRecord) -> bool:
    """Return whether a run by hand, without systemd's directory in memory, took over what ``record`` says is back."""
    later = read_record(places_of(None, record.data))
    return later is not None and later.ended is None and record.ended is not None and later.since > record.ended


def _targets(config_path: Path | None, environment: Mapping[str, str], progress: Tell) -> list[Target]:
    """Return what is to be restored: the inverter the last run controlled first, then the configured one.

    Raises: ConfigurationError: neither is known.
    """
    record = read_record(_places(config_path, environment))
    last = None if record is None else Target(options=record.inverter, data=record.data, record=record)
    if record is not None and last is not None and _is_unchanged(config_path, record):
        return [last]  # the same text names the same inverter: the slow reading of it is spared
    try:
        configured = _configured(config_path)
    except ConfigurationError as error:
        if last is None:
            raise ConfigurationError([*error.faults, WAY_OUT]) from error
        progress(f"The configuration cannot be used: {_first_fault(error)}")
        progress(f"Restoring the inverter that the last run controlled: {_shown(last)}.")
        return [last]
    if last is None or last.address == configured.address:
        return [replace(configured, record=record)]
    if record is not None and record.ended is not None:
        return [configured]
    progress(
        f"The last run controlled {_shown(last)}, the configuration now names {_shown(configured)}: restoring both."
    )
    return [last, configured]


def _configured(config_path: Path | None) -> Target:
    """Return the configured inverter. Raises: ConfigurationError."""
    from hems.composition.inverter import goodwe_options_of
    from hems.composition.tools import load

    loaded = load(config_path)
    if loaded.settings.inverter.is_simulated:
        where = loaded.settings.locate("inverter.ip_address")
        fault = (
            f"{where}: the built-in simulator ends with the coordinator; name an inverter with --host to restore one"
        )
        raise ConfigurationError([fault])
    return Target(options=goodwe_options_of(loaded), data=loaded.data)


def _named(config_path: Path | None, host: str, port: int | None, progress: Tell) -> Target:
    """Return the inverter at ``host``; a configuration that cannot be used stops nothing: a mode may be forced."""
    from hems.composition.inverter import goodwe_options_of
    from hems.composition.tools import load
    from hems.config.loader import default_config_path, resolve_directory

    path = config_path if config_path is not None else default_config_path()
    try:
        loaded = load(path)
    except ConfigurationError as error:
        progress(f"Going on without the configuration, with its defaults: {_first_fault(error)}")
        options, data = GoodWeOptions(host=host), resolve_directory(path, DEFAULT_DATA)
    else:
        options, data = goodwe_options_of(loaded), loaded.data
    return Target(options=replace(options, host=host, port=options.port if port is None else port), data=data)


def _places(config_path: Path | None, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where a record may lie, found without trusting the configuration."""
    from hems.composition.taking_over import record_places
    from hems.composition.tools import load
    from hems.config.loader import default_config_path, resolve_directory

    runtime = runtime_directory(environment)
    if read_record(places_of(runtime)) is not None:
        return places_of(runtime)
    path = config_path if config_path is not None else default_config_path()
    try:
        return record_places(path, load(path).data, environment)
    except ConfigurationError:
        return places_of(runtime, resolve_directory(path, DEFAULT_DATA))


def _is_unchanged(config_path: Path | None, record: ControlRecord) -> bool:
    """Return whether the configuration is, word for word, the one that the last run used."""
    path = record.configuration if config_path is None else config_path
    try:
        return path.absolute() == record.configuration and fingerprint_of(path.read_bytes()) == record.fingerprint
    except OSError:
        return False


async def _restore_within(
    seconds: float, target: Target, environment: Mapping[str, str], progress: Tell
) -> CommandResult:
    """Restore ``target`` without its patience: as often as there is time for."""
    retry = target.options.retry
    hasty = replace(retry, timeout_s=min(retry.timeout_s, AFTER_STOP_TIMEOUT_S))
    target = replace(target, options=replace(target.options, retry=hasty))
    now = SystemClock().now()
    unseen = _unseen_of(target, _rounds_left(target.last_known, now))
    patience_s = None if unseen is None else READING_SHARE * seconds
    try:
        async with asyncio.timeout(seconds):
            return await _restore(target, environment, progress, None, unseen, patience_s)
    except TimeoutError:
        silence = Unreachable(detail=f"{_shown(target)} did not confirm self-use within {seconds:.0f} s")
        if unseen is None:
            return silence
        _note_unseen(target, unseen.rounds, now, progress)
        return unseen.told(silence)


def _rounds_left(record: ControlRecord | None, now: datetime) -> int:
    """Return how often the hook may write unseen now; the pauses are those of the running coordinator."""
    if record is None:
        return 0
    if record.unseen_at is None or record.unseen < UNSEEN_ROUNDS:
        return UNSEEN_ROUNDS - record.unseen
    pause = UNSEEN_PAUSE * 2 ** min(record.unseen - UNSEEN_ROUNDS, 10)
    return 1 if abs(now - record.unseen_at) >= pause else 0  # also after a clock that was set back


def _unseen_of(target: Target, rounds: int = UNSEEN_ROUNDS) -> UnseenRestore | None:
    """Return what writes to ``target`` unseen; None where nobody knows which inverter that is."""
    known = target.last_known
    if known is None or rounds < 1:
        return None
    saved = JsonUserSettingsStore(known.data / STATE / USER_SETTINGS_FILE)
    last = LastKnown(serial_number=known.serial_number, user_settings=saved, time_zone=known.inverter.time_zone)
    return GoodWeConnector(target.options, SystemClock(), saved).restore_unseen(last, rounds)


async def _restore(
    target: Target,
    environment: Mapping[str, str],
    progress: Tell,
    attempts: int | None,
    unseen: UnseenRestore | None,
    patience_s: float | None = None,
) -> CommandResult:
    """Try ``attempts`` times, or until it is done; note a success where the next one looks for it.

    ``patience_s`` is how long reading may take before the first round is written unseen.
    """
    saved = JsonUserSettingsStore(target.data / STATE / USER_SETTINGS_FILE)
    clock = SystemClock()
    attempt = 0
    while True:
        attempt += 1
        of = "" if attempts is None else f" of {attempts}"
        progress(f"Restoring self-use at {_shown(target)} (attempt {attempt}{of}) …")
        # The save of a running service is its own: it will touch the settings again, and may be killed then.
        user_settings = _OnlyRead(saved) if is_held(target.data) else saved
        connector = GoodWeConnector(target.options, clock, user_settings)
        if unseen is None:
            result = await restore_opened(connector)
        else:
            result = await restore_opened(connector, unseen, None if unseen.account else patience_s)
        if isinstance(result, Applied | AlreadySo):
            _note(target, environment, clock.now(), progress)
            return result
        if attempt == attempts:
            return result
        progress(f"Not yet: {result.detail}")
        await clock.sleep(PAUSE_S)


def _note(target: Target, environment: Mapping[str, str], now: datetime, progress: Tell) -> None:
    """Say in the records that a run left behind that the inverter has been put back since."""
    if is_held(target.data):
        return
    runtime = places_of(runtime_directory(environment))
    record = target.record
    if record is None:  # nothing was known; in the memory of this boot it is now
        other = read_record(runtime)
        if other is not None and other.ended is None:
            return  # of an inverter that did not answer: it is still to be restored
        record = ControlRecord(
            inverter=target.options,
            serial_number="",
            data=target.data,
            configuration=Path(),
            fingerprint="",
            since=now,
            places=(),
        )
    places = tuple(place for place in dict.fromkeys((*runtime, *record.places)) if place.is_dir())
    problems = write_record(replace(record, ended=now, places=places))
    found = read_current_state(target.data)
    if found.status is not None:
        from hems.adapters.storage.json_text import write_json_atomically

        try:
            write_json_atomically(found.path, found.status | {"restored_at": now.isoformat(timespec="seconds")})
        except StorageError as error:
            problems.append(str(error))
    for problem in problems:
        progress(f"The record of the service could not be renewed: {problem}")


def _note_unseen(target: Target, rounds: int, now: datetime, progress: Tell) -> None:
    """Keep in the record how often was written unseen, for the next hook; a running service's record is its own."""
    record = target.last_known
    if record is None or rounds == 0 or is_held(target.data):
        return
    places = tuple(place for place in record.places if place.is_dir())
    for problem in write_record(replace(record, unseen=record.unseen + rounds, unseen_at=now, places=places)):
        progress(f"The record of the service could not be renewed: {problem}")


def _worst(results: list[CommandResult]) -> CommandResult:
    for result in results:
        if isinstance(result, Unreachable):
            return result
    for result in results:
        if not isinstance(result, Applied | AlreadySo):
            return result
    return next((result for result in results if isinstance(result, Applied)), results[0])


def _shown(target: Target) -> str:
    return f"{target.options.host}:{target.options.port}"


def _first_fault(error: ConfigurationError) -> str:
    faults = [fault for fault in error.faults if fault != WAY_OUT]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{faults[0]}{more}"
