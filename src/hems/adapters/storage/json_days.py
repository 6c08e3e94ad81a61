"""What the files for people hold of the records: quarters of energy, the latest events and the prices of these days."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from hems.adapters.storage.codec import from_json
from hems.adapters.storage.rows import Row, row_of_energy, row_of_event, us_from_datetime
from hems.adapters.storage.state_file import read_current_state
from hems.domain.errors import StorageError
from hems.domain.prices import Market, PriceOrigin
from hems.domain.record import EnergySlot, EventRecord
from hems.domain.time_grid import require_utc
from hems.plain_files import read_json_file

_log = logging.getLogger(__name__)

DAY_FILE_MAX_BYTES = 20_000_000
SOURCE = "current_state.json"
_UNFIT = (StorageError, OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError)


def energy_rows(directory: Path) -> Iterator[Row]:
    """Yield the quarters of all days in ``energy_data``, oldest day first; what does not read is told and left out."""
    names = {field.name for field in fields(EnergySlot)}
    for file in sorted((directory / "energy_data").glob("energy_data_*.json")):
        try:
            quarters = read_json_file(file, DAY_FILE_MAX_BYTES)["quarters"]
            rows = [
                row_of_energy(from_json(EnergySlot, {key: value for key, value in entry.items() if key in names}))
                for entry in quarters
            ]
        except _UNFIT as error:
            _log.warning("%s: not brought back: %s", file, error)
            continue
        yield from rows


def event_rows(directory: Path) -> Iterator[Row]:
    """Yield the events that the latest published state shows."""
    for entry in _shown(directory, "events"):
        try:
            yield row_of_event(
                EventRecord(
                    at=_moment(entry["at"]),
                    kind=str(entry["kind"]),
                    severity=str(entry["severity"]),
                    message=str(entry["message"]),
                )
            )
        except _UNFIT as error:
            _log.warning("%s: an event is not brought back: %s", SOURCE, error)


def price_rows(directory: Path) -> Iterator[Row]:
    """Yield the published day-ahead prices that the latest published state shows; estimates never come back."""
    try:
        currency = (read_current_state(directory).status or {})["price"]["currency"]
    except _UNFIT:
        return
    for slot in _shown(directory, "price_slots"):
        try:
            if slot["origin"] == PriceOrigin.PUBLISHED.value:
                start_us = us_from_datetime(_moment(slot["start"]))
                yield Market.DAY_AHEAD.value, start_us, float(slot["price_per_mwh"]), str(currency), None, SOURCE
        except _UNFIT as error:
            _log.warning("%s: a price is not brought back: %s", SOURCE, error)


def _shown(directory: Path, name: str) -> list[Any]:
    found = (read_current_state(directory).status or {}).get(name)
    return found if isinstance(found, list) else []


def _moment(text: str) -> datetime:
    return require_utc(datetime.fromisoformat(text))
