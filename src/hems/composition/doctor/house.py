"""What the checks share, looked at once: configuration, places on disk, and what the service last said of itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hems.adapters.clock import SystemClock
from hems.adapters.process_lock import is_held
from hems.adapters.storage.state_file import read_current_state
from hems.composition.built_in_simulator import check_simulator
from hems.composition.doctor.model import Catalogue, Finding, Group
from hems.composition.kept_files import DEFAULT_DATA, STATE, places_of
from hems.composition.last_run import GOOD_CONFIGURATION, ControlRecord, read_record
from hems.composition.tariff import tariff_of
from hems.composition.tools import Loaded, load
from hems.config.loader import default_config_path, resolve_directory
from hems.domain.errors import ConfigurationError
from hems.ports.clock import Clock

CATALOGUE = Catalogue(Group.CONFIGURATION)

VALID = CATALOGUE.fine("configuration_valid", "Configuration in order")
INVALID = CATALOGUE.problem(
    "configuration_invalid",
    "Configuration wrong",
    "the file cannot be read or holds what is not allowed; the service does not start with it",
    "Correct the lines that are named (docs/configuration.md says what is allowed); `hems config check` checks again",
    "After a change: `systemctl restart goodwe-master-coordinator`",
)
GOOD_COPY = CATALOGUE.warning(
    "configuration_last_good_used",
    "Checks use the last good configuration",
    "the present file cannot be used, so the other checks go by the copy with which the service last ran",
    "Correct the present file, or go back to the copy (docs/service.md, `To go back`)",
)
NO_COPY = CATALOGUE.unknown(
    "configuration_missing_for_checks",
    "Checks left out",
    "without a configuration nobody knows which inverter, prices and directories are meant",
    "Correct the configuration first",
)
NEWER_THAN_RUN = CATALOGUE.warning(
    "configuration_not_applied",
    "Configuration changed since the start",
    "the file was changed after the service started: a restart applies it",
    "`systemctl restart goodwe-master-coordinator`",
)


NOT_READABLE = CATALOGUE.unknown(
    "configuration_not_readable",
    "Configuration not for this user to see",
    "the file is there and closed to this user, as it should be; nothing can be checked without it",
    "Run it as root or as the service's user: sudo .venv/bin/hems doctor",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What is asked for, and what the console knows better."""

    config: Path | None = None
    ask_inverter: bool = False
    """Ask the inverter itself although the service runs."""
    show_serial: bool = False
    exit_meanings: Mapping[int, str] = field(default_factory=dict)
    """What the program's exit codes mean."""
    left_behind: Callable[[dict[str, Any]], str | None] = lambda _: None
    """What a person must do about the inverter, from the last record of a service that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One installation as it is on disk."""

    options: DoctorOptions
    clock: Clock
    path: Path
    loaded: Loaded | None
    """The configuration to check with; None where there is none."""
    faults: tuple[str, ...]
    """Why the present file cannot be used."""
    data: Path
    logs: Path
    is_running: bool | None
    """None where this user may not know."""
    status: dict[str, Any] | None
    status_problem: str | None
    control: ControlRecord | None

    @property
    def good_copy(self) -> Path:
        """The configuration with which the service last ran."""
        return self.data / STATE / GOOD_CONFIGURATION


def look_at(options: DoctorOptions) -> House:
    """Return the installation that the configuration describes, as far as it can be told."""
    path = options.config if options.config is not None else default_config_path()
    clock = SystemClock()
    loaded, faults = _load(path, clock)
    data = loaded.data if loaded is not None else resolve_directory(path, DEFAULT_DATA)
    if loaded is None:
        # The copy lies elsewhere than the file: its relative directories are still meant from the file's place.
        copy, _ = _load(data / STATE / GOOD_CONFIGURATION, clock)
        loaded = None if copy is None else Loaded(path=path, settings=copy.settings)
    data = loaded.data if loaded is not None else data
    found = read_current_state(data)
    return House(
        options=options,
        clock=clock,
        path=path,
        loaded=loaded,
        faults=faults,
        data=data,
        logs=loaded.logs if loaded is not None else resolve_directory(path, Path("logs")),
        is_running=is_held(data),
        status=found.status,
        status_problem=found.problem,
        control=read_record(places_of(None, data)),
    )


def _load(path: Path, clock: Clock) -> tuple[Loaded | None, tuple[str, ...]]:
    try:
        loaded = load(path)
        check_simulator(loaded.settings, clock)
        tariff_of(loaded.settings)
    except ConfigurationError as error:
        return None, tuple(error.faults)
    return loaded, ()


async def configuration_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of the configuration."""
    if not house.faults and house.loaded is not None:
        settings = house.loaded.settings
        battery = settings.battery_management
        found = f"{house.path}: inverter {settings.inverter.ip_address}, battery {battery.capacity_kwh:g} kWh"
        return [VALID(found), *_not_applied(house)]
    if house.path.exists() and not os.access(house.path, os.R_OK, effective_ids=True):
        return [NOT_READABLE(f"{house.path} may not be read by this user")]
    more = f"; and {len(house.faults) - 3} more" if len(house.faults) > 3 else ""
    findings = [INVALID("; ".join(house.faults[:3]) + more)]
    if house.loaded is None:
        return [*findings, NO_COPY("inverter, clock and prices are not checked")]
    copy = f"cp {house.good_copy} {house.path}"
    return [*findings, GOOD_COPY(f"{house.good_copy}", f"To go back to it: {copy}")]


def _not_applied(house: House) -> Sequence[Finding]:
    control = house.control
    if not house.is_running or control is None:
        return []
    try:
        changed_s = house.path.stat().st_mtime
    except OSError:
        return []
    if changed_s <= control.since.timestamp():
        return []
    return [NEWER_THAN_RUN(f"{house.path} was changed after the service took over the inverter")]
