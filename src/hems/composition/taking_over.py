"""Notes which inverter is taken over before anything can be written to it, and later that it was given back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import structlog

from hems.composition.inverter import goodwe_options_of
from hems.composition.kept_files import DEFAULT_DATA, places_of, runtime_directory
from hems.composition.last_run import (
    ControlRecord,
    end_record,
    fingerprint_of,
    keep_good_configuration,
    read_record,
    write_record,
)
from hems.composition.tools import Loaded
from hems.config.loader import resolve_directory
from hems.ports.clock import Clock
from hems.ports.inverter import Inverter, InverterConnector

log = structlog.get_logger(__name__)


def record_places(config_path: Path, data: Path, environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Return where the record of this installation lies.

    Also below the default data directory: a configuration that no longer reads cannot say where its own is.
    """
    runtime = runtime_directory(os.environ if environment is None else environment)
    return places_of(runtime, data, resolve_directory(config_path, DEFAULT_DATA))


class RecordingConnector:
    """Opens the inverter, and keeps in mind for any end of this process that it is in our hands.

    The configuration counts as good from here on: it has opened an inverter.
    """

    def __init__(self, inner: InverterConnector, loaded: Loaded, content: bytes, clock: Clock) -> None:
        """``content`` is the text of the configuration as ``loaded`` was read from it."""
        self._inner = inner
        self._loaded = loaded
        self._content = content
        self._clock = clock
        self._places = record_places(loaded.path, loaded.data)
        self._record: ControlRecord | None = None

    async def open(self) -> Inverter:
        """Return the opened inverter; raises as the connector inside."""
        inverter = await self._inner.open()
        serial_number = inverter.identity.serial_number
        is_new = self._record is None or self._record.serial_number != serial_number
        if is_new and not self._loaded.settings.inverter.is_simulated:
            self._note(serial_number)
        return inverter

    def given_back(self) -> None:
        """Note that the inverter has confirmed that it is in self-use, with its owner's settings."""
        if self._record is not None:
            _tell(end_record(self._record, self._clock.now()))

    def _note(self, serial_number: str) -> None:
        before = read_record(self._places)
        if before is not None and before.ended is None and before.serial_number != serial_number:
            log.error(
                "another inverter, of an earlier run, was not confirmed back in self-use",
                serial_number=before.serial_number,
                restore_it_with=f"hems restore --host {before.inverter.host}",
            )
        self._record = record = ControlRecord(
            inverter=goodwe_options_of(self._loaded),
            serial_number=serial_number,
            data=self._loaded.data,
            configuration=self._loaded.path.absolute(),
            fingerprint=fingerprint_of(self._content),
            since=self._clock.now(),
            places=self._places,
        )
        _tell(write_record(record))
        _tell(keep_good_configuration(self._content, self._places))


def _tell(problems: list[str]) -> None:
    for problem in problems:
        log.warning("what a restore after a crash would look for is not kept everywhere", problem=problem)
