"""The JSON a person can read, beside the database: latest state, energy by day, charging schedules.

    out/system_state/current_state.json
    out/energy_data/energy_data_YYYY-MM-DD.json
    out/charging_schedules/schedule_YYYY-MM-DD.json

Days are local days. Every file is written beside itself, synced and renamed, so a reader finds the old one or the new
one, whole.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from hems.adapters.storage.background_files import BackgroundJobs
from hems.adapters.storage.disk import make_directory, why_refused
from hems.adapters.storage.json_text import plain, readable_json, write_text_atomically
from hems.adapters.storage.patient_time import PatientTime
from hems.adapters.storage.state_file import CURRENT_STATE
from hems.adapters.storage.store_options import Told
from hems.domain.errors import StorageError
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, local_date, local_day_bounds, require_utc
from hems.plain_files import read_json_file

_log = logging.getLogger(__name__)

_ENERGY = ("energy_data", "energy_data_")
_SCHEDULE = ("charging_schedules", "schedule_")
DAY_FILE_MAX_BYTES = 20_000_000
"""A day's decisions have 50 kB; with one every minute 700 kB."""

NEWS_KEPT = 20

_TOTALS = ("pv_wh", "load_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh")


class JsonFiles:
    """Writes the files under ``directory``; implements ``StatusPublisher``.

    A disk that refuses never stops the cycle: it is told once per spell and shown as ``last_error``.
    """

    def __init__(
        self, directory: Path, zone: ZoneInfo, *, kept: timedelta = timedelta(days=30), in_background: bool = False
    ) -> None:
        """With ``in_background`` a thread writes, and nobody waits for the disk; ``close`` then waits for the last."""
        self.directory = directory
        self._background = BackgroundJobs() if in_background else None
        self._zone = zone
        self._kept = kept
        self._patient = PatientTime()
        self._schedules: dict[date, dict[str, Any]] = {}
        self.last_error: str | None = None
        """Why the last write failed; None while the disk takes files."""
        self.failed_writes = 0
        self.failed_removals = 0
        self._news: deque[Told] = deque(maxlen=NEWS_KEPT)
        self._make_folders()

    def __enter__(self) -> JsonFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Have everything written; a disk that does not answer is waited for five seconds."""
        if self._background is not None and not self._background.close():
            _log.error("%s: the disk does not answer: the last files are not known to be written", self.directory)

    def news(self) -> Sequence[Told]:
        """Return what a person should know and has not been told yet: trouble with the disk, and its end."""
        news = []
        while self._news:  # one by one: the thread may add to it meanwhile
            news.append(self._news.popleft())
        return tuple(news)

    def _make_folders(self) -> None:
        """Have the documented folders from the start, so that nobody wonders where a day's file will be."""
        for folder in (CURRENT_STATE.parent.name, _ENERGY[0], _SCHEDULE[0]):
            try:
                make_directory(self.directory / folder)
            except OSError as error:
                self.last_error = f"{self.directory / folder}: {why_refused(error)}"
                self._news.append(Told("error", self.last_error))

    def publish(self, status: dict[str, object], schedule: Iterable[dict[str, object]]) -> None:
        """Make ``status`` the latest, and enter ``schedule`` into the files of its days.

        Each entry of ``schedule`` has a time under ``start`` or ``at`` (aware datetime or ISO text); an entry of the
        same time replaces the earlier one. A day's file is rewritten only when an entry of it changed.
        Raises: ValueError, TypeError: an entry without a time, or a value that JSON cannot hold.
        """
        self._write(self.directory / CURRENT_STATE, status)
        changed: set[date] = set()
        for entry in schedule:
            readable = plain(entry)
            moment = _moment_of(readable)
            day = local_date(moment, self._zone)
            entries = self._entries_of(day)
            if entries.get(moment.isoformat()) != readable:
                entries[moment.isoformat()] = readable
                changed.add(day)
        for day in sorted(changed):
            entries = self._schedules[day]
            content = {"day": day, "zone": str(self._zone), "entries": [entries[at] for at in sorted(entries)]}
            self._write(self._day_file(_SCHEDULE, day), content)
        for day in sorted(self._schedules)[:-3]:  # yesterday, today and tomorrow stay at hand
            del self._schedules[day]

    def write_energy_of(self, day: date, quarters: Sequence[EnergySlot]) -> None:
        """Rewrite the energy file of the local ``day`` from all its finished ``quarters``."""
        totals: dict[str, object] = {name: sum(getattr(slot, name) for slot in quarters) for name in _TOTALS}
        for name in ("cost", "baseline_cost"):
            known = [value for slot in quarters if (value := getattr(slot, name)) is not None]
            totals[name] = sum(known) if known else None
            totals[f"{name}_quarters"] = len(known)
        content = {
            "day": day,
            "zone": str(self._zone),
            "units": "energy Wh, + in the direction its name says; money in the price's currency, + is a cost",
            "until": quarters[-1].start + MTU if quarters else None,
            "measured_quarters": sum(slot.coverage for slot in quarters),
            "totals": totals,
            "quarters": [_readable_quarter(slot, self._zone) for slot in quarters],
        }
        self._write(self._day_file(_ENERGY, day), content)

    def prune(self, now: datetime) -> None:
        """Remove the files of days older than the retention, and leftovers of writes cut short.

        A file that cannot be removed is told and counted, and the next prune tries again.
        """
        if self._background is None:
            self._prune(now)
        else:
            self._background.submit("prune", partial(self._prune, now))

    def _prune(self, now: datetime) -> None:
        days = [
            (day, file)
            for folder, prefix in (_ENERGY, _SCHEDULE)
            for file in self._found(folder, f"{prefix}*.json")
            if (day := _day_of(file, prefix)) is not None
        ]
        newest = local_day_bounds(max(day for day, _ in days), self._zone)[1] if days else None
        oldest = local_date(self._patient.at(now, newest) - self._kept, self._zone)
        for day, file in days:
            if day < oldest:
                self._remove(file)
        for folder in (CURRENT_STATE.parent.name, _ENERGY[0], _SCHEDULE[0]):
            for file in self._found(folder, ".*.json.*.tmp"):
                self._remove(file)

    def _found(self, folder: str, pattern: str) -> list[Path]:
        """Return the files of ``folder``; none where the disk does not tell."""
        try:
            return list((self.directory / folder).glob(pattern))
        except OSError as error:
            self.failed_removals += 1
            where = self.directory / folder
            self._news.append(Told("warning", f"{where}: old files not looked for: {why_refused(error)}"))
            return []

    def _remove(self, file: Path) -> None:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            self.failed_removals += 1
            self._news.append(Told("warning", f"{file}: old file not removed: {why_refused(error)}"))

    def _day_file(self, kind: tuple[str, str], day: date) -> Path:
        folder, prefix = kind
        return self.directory / folder / f"{prefix}{day.isoformat()}.json"

    def _entries_of(self, day: date) -> dict[str, Any]:
        """Return the entries of ``day`` by their time; after a restart, those that are on disk."""
        if day not in self._schedules:
            self._schedules[day] = {}
            path = self._day_file(_SCHEDULE, day)
            try:
                stored = read_json_file(path, DAY_FILE_MAX_BYTES)["entries"]
                self._schedules[day] = {_moment_of(entry).isoformat(): entry for entry in stored}
            except FileNotFoundError:
                pass
            except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                _log.warning("%s: not readable (%s): written anew", path, error)
        return self._schedules[day]

    def _write(self, path: Path, value: object) -> None:
        text = readable_json(value)  # here, since what is shown goes on changing
        if self._background is None:
            self._write_text(path, text)
        else:
            self._background.submit(path, partial(self._write_text, path, text))

    def _write_text(self, path: Path, text: str) -> None:
        try:
            write_text_atomically(path, text)
        except StorageError as error:
            self.failed_writes += 1
            if self.last_error is None:
                self._news.append(Told("error", str(error)))
            self.last_error = str(error)
        else:
            if self.last_error is not None:
                self._news.append(Told("info", f"{path}: written again"))
            self.last_error = None


def _day_of(file: Path, prefix: str) -> date | None:
    """Return the day in the name of ``file``; None where the name is not one of ours."""
    try:
        return date.fromisoformat(file.stem.removeprefix(prefix))
    except ValueError:
        return None


def _moment_of(entry: Mapping[str, Any]) -> datetime:
    text = entry.get("start", entry.get("at"))
    if not isinstance(text, str):
        raise ValueError(f"schedule entry without a time under 'start' or 'at': {dict(entry)!r:.120}")
    return require_utc(datetime.fromisoformat(text))


def _readable_quarter(slot: EnergySlot, zone: ZoneInfo) -> dict[str, Any]:
    values = {field.name: getattr(slot, field.name) for field in dataclasses.fields(slot) if field.name != "start"}
    rounded = {name: round(value, 5) if isinstance(value, float) else value for name, value in values.items()}
    return {"start": slot.start, "local": slot.start.astimezone(zone).isoformat(), **rounded}
