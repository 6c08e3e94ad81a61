"""What the commands that do not run the service need: configuration, places on disk, prices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hems.adapters.clock import SystemClock
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.composition.settings import multi_factor_options_of, price_service_of, tariff_of
from hems.config.loader import FILE_MAX_BYTES, default_config_path, load_configuration, resolve_directory
from hems.config.models import Configuration
from hems.coordination.price_service import PriceService
from hems.decision.multi_factor_engine import MultiFactorOptions
from hems.plain_files import read_plain_file

DATABASE = "hems.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration, where it came from, and the places it names."""

    path: Path
    settings: Configuration
    content: bytes = b""
    """The file as it was read, references to secrets unresolved."""

    @property
    def zone(self) -> ZoneInfo:
        """The house's time zone."""
        return ZoneInfo(self.settings.site.time_zone)

    @property
    def data(self) -> Path:
        """The data directory."""
        return resolve_directory(self.path, self.settings.storage.directory)

    @property
    def logs(self) -> Path:
        """The directory of log files."""
        return resolve_directory(self.path, self.settings.logging.directory)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / DATABASE


def load(config_path: Path | None) -> Loaded:
    """Return the configuration of ``config_path``, or of the default place.

    Raises: ConfigurationError.
    """
    path = config_path if config_path is not None else default_config_path()
    try:
        content = read_plain_file(path, FILE_MAX_BYTES)
    except OSError:
        content = b""  # what is wrong with the file is the loader's to say
    return Loaded(path=path, settings=load_configuration(path), content=content)


def data_directory(config_path: Path | None) -> Path:
    """Return the data directory of the configuration."""
    return load(config_path).data


def site_zone(config_path: Path | None) -> ZoneInfo:
    """Return the house's time zone."""
    return load(config_path).zone


def multi_factor_options(config_path: Path | None) -> MultiFactorOptions:
    """Return the score's bands, weights and thresholds as configured."""
    return multi_factor_options_of(load(config_path).settings)


def json_files(loaded: Loaded, *, in_background: bool = False) -> JsonFiles:
    """Return the readable files of the house; ``in_background`` they are to be closed."""
    kept = timedelta(days=loaded.settings.storage.raw_days)
    return JsonFiles(loaded.data, loaded.zone, kept=kept, in_background=in_background)


def store_options(loaded: Loaded, *, set_damaged_aside: bool = True) -> StoreOptions:
    """Return where and for how long records are kept."""
    kept = loaded.settings.storage
    return StoreOptions(
        path=loaded.database,
        raw_kept=timedelta(days=kept.raw_days),
        quarters_kept=timedelta(days=kept.quarter_hour_days),
        set_damaged_aside=set_damaged_aside,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTools:
    """Prices outside the service."""

    service: PriceService
    zone: ZoneInfo


@asynccontextmanager
async def open_price_tools(config_path: Path | None) -> AsyncIterator[PriceTools]:
    """Yield the price service on the house's own archive."""
    loaded = load(config_path)
    clock = SystemClock()
    tariff = tariff_of(loaded.settings)
    # A damaged file is the running service's to set aside, not a question's.
    with SqliteStore(store_options(loaded, set_damaged_aside=False)) as store:
        async with price_service_of(loaded.settings, store, tariff, clock) as service:
            yield PriceTools(service=service, zone=loaded.zone)
