"""A file that another program of the owner writes: its forecast, read again when it changes.

CSV with the columns ``ts_utc,pv_w`` or JSON, a list of objects with the same two keys (or an object that holds such a
list as ``forecast``). ``ts_utc`` is the START of an interval, ISO 8601, UTC where it names no zone; steps are even: 5,
15, 30 or 60 minutes. ``pv_w`` is the mean AC power of all panels [W].
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hems.adapters.daemon_thread import in_daemon_thread
from hems.adapters.forecasts.http_json import finite_number, parse_json, short
from hems.adapters.forecasts.registry import FORECAST_SOURCES
from hems.adapters.registry import options_from
from hems.domain.errors import ForecastUnavailable, RejectedData
from hems.domain.forecast import SourceForecast
from hems.domain.time_grid import MTU, floor_to_grid
from hems.plain_files import read_plain_file
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastSource

_STEPS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))
_MOST_ROWS = 20_000
_MOST_W = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Which file, and how often it is looked at."""

    path: Path
    interval: timedelta = timedelta(minutes=15)
    size_limit_bytes: int = 2_000_000


class FileSource:
    """Reads the file when it has changed; its age is that of the file."""

    def __init__(self, options: FileOptions) -> None:
        self._options = options
        self._seen: tuple[int, int] | None = None
        self._quarters: Mapping[datetime, float] = {}

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        return "file"

    @property
    def interval(self) -> timedelta:
        """How often it may be asked."""
        return self._options.interval

    async def fetch(self, now: datetime) -> SourceForecast:
        """Return what the file expects from the MTU of ``now`` on; received when the file was written.

        Raises: ForecastUnavailable: the file is not there, cannot be read, or ends before ``now``; RejectedData: its
            content cannot be right; names the row.
        """
        path = self._options.path
        try:
            # A disk or a share that hangs must hold up nothing but this.
            modified_s = await in_daemon_thread(self._read_where_new)
        except OSError as error:
            raise ForecastUnavailable(f"{path} cannot be read: {error.strerror}; check forecast.file.path") from error
        written = min(now, datetime.fromtimestamp(modified_s, tz=UTC))
        start = floor_to_grid(now)
        end = max((quarter for quarter in self._quarters), default=start - MTU)
        if end < start:
            raise ForecastUnavailable(
                f"{path} ends at {end + MTU:%Y-%m-%d %H:%M} UTC and says nothing of the time ahead; does the program "
                "that writes it still run?"
            )
        count = (end - start) // MTU + 1
        values = tuple(self._quarters.get(start + number * MTU) for number in range(count))
        return SourceForecast(source=self.name, received_at=written, start=start, pv_w=values)

    def _read_where_new(self) -> float:
        path = self._options.path
        found = path.stat()
        seen = (found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            content = read_plain_file(path, self._options.size_limit_bytes)
            self._seen = None  # a file that is refused is read again
            self._quarters = quarters_of(content, str(path))
            self._seen = seen
        return found.st_mtime


def quarters_of(content: bytes, where: str) -> dict[datetime, float]:
    """Return the mean power of each quarter that ``content`` covers whole [W], by its start (UTC).

    Raises: RejectedData: neither CSV nor JSON of the documented form; names the row.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RejectedData(f"{where} is not UTF-8 text") from None
    rows = _json_rows(text, where) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text, where)
    if not 1 <= len(rows) <= _MOST_ROWS:
        raise RejectedData(f"{where} holds {len(rows)} rows; 1 to {_MOST_ROWS} are read")
    by_start: dict[datetime, float] = {}
    for number, (stamp, value) in enumerate(rows, start=1):
        start, power_w = _start_of(stamp, number, where), _power_of(value, number, where)
        if start in by_start:
            raise RejectedData(f"{where}, row {number}: {short(stamp)} stands there twice")
        by_start[start] = power_w
    return _on_quarters(by_start, _step_of(sorted(by_start), where))


def _csv_rows(text: str, where: str) -> list[tuple[object, object]]:
    try:
        table = csv.DictReader(io.StringIO(text), strict=True)
        if table.fieldnames is None or not {"ts_utc", "pv_w"} <= set(table.fieldnames):
            raise RejectedData(f"{where}: the first line must name the columns ts_utc and pv_w")
        return [(row["ts_utc"], _number_of(row["pv_w"])) for row in table]
    except csv.Error as error:
        raise RejectedData(f"{where} is not CSV: {error}") from error


def _json_rows(text: str, where: str) -> list[tuple[object, object]]:
    content = parse_json(text.encode(), where)
    listed = content.get("forecast") if isinstance(content, dict) else content
    if not isinstance(listed, list):
        raise RejectedData(f"{where}: no list of objects, and no key 'forecast' with one")
    if not all(isinstance(row, dict) for row in listed):
        raise RejectedData(f"{where}: a row is not an object with ts_utc and pv_w")
    return [(row.get("ts_utc"), row.get("pv_w")) for row in listed]


def _number_of(text: object) -> object:
    try:
        return float(str(text))
    except ValueError:
        return text


def _start_of(stamp: object, number: int, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(stamp.strip()) if isinstance(stamp, str) else None
        if moment is not None:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not 2000 <= moment.year <= 2200:
        raise RejectedData(f"{where}, row {number}: ts_utc is {short(stamp)}, not a time such as 2026-05-01T10:15:00Z")
    return moment


def _power_of(value: object, number: int, where: str) -> float:
    power_w = finite_number(value)
    if power_w is None or not 0.0 <= power_w <= _MOST_W:
        raise RejectedData(f"{where}, row {number}: pv_w is {short(value)}, not a number of watts from 0 on")
    return power_w


def _step_of(starts: Sequence[datetime], where: str) -> timedelta:
    """Return the step of the rows: the least distance of two; holes of whole steps are allowed."""
    if len(starts) == 1:
        raise RejectedData(f"{where} holds one row only: its length is not known")
    step = min(later - earlier for earlier, later in pairwise(starts))
    uneven = next(
        (start for start in starts if (start - starts[0]) % step or floor_to_grid(start, step) != start), None
    )
    if step not in _STEPS or uneven is not None:
        raise RejectedData(
            f"{where}: rows must lie 5, 15, 30 or 60 minutes apart on the clock; see {uneven or starts[0]}"
        )
    return step


def _on_quarters(by_start: Mapping[datetime, float], step: timedelta) -> dict[datetime, float]:
    if step >= MTU:
        parts = step // MTU
        return {start + part * MTU: power_w for start, power_w in by_start.items() for part in range(parts)}
    needed = MTU // step
    gathered: dict[datetime, list[float]] = {}
    for start, power_w in by_start.items():
        gathered.setdefault(floor_to_grid(start), []).append(power_w)
    return {start: sum(values) / needed for start, values in gathered.items() if len(values) == needed}


@FORECAST_SOURCES.register("file")
def _file_from_settings(settings: Mapping[str, object], clock: Clock) -> ForecastSource:
    del clock
    return FileSource(options_from(FileOptions, settings, key="forecast.file"))
