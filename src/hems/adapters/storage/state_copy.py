"""A second copy of the state that control depends on, the safety latch above all: a damaged database must not free it.

    out/system_state/control_state.json     {"number": 17, "state": {"safety_latch": ...}}

The number counts the changes of state; the database keeps it too, so that at the next start the newer of both counts.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hems.adapters.storage.json_text import write_json_atomically
from hems.adapters.storage.sqlite_schema import connect_reader
from hems.domain.errors import StorageError
from hems.plain_files import read_json_file

_log = logging.getLogger(__name__)

NAME = Path("system_state") / "control_state.json"
NUMBER_KEY = "state_number"
COPY_MAX_BYTES = 10_000_000
"""Four small values and the ledger's: some 20 kB."""


@dataclass(frozen=True, slots=True)
class States:
    """JSON values by key, as text; the highest ``number`` is the newest."""

    number: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """What is kept but is no JSON, as a JSON string of its text: a latch that cannot be read must not pass for none."""


def read_copy(directory: Path) -> States:
    """Return what the copy in the data ``directory`` holds; nothing where it is absent or cannot be understood."""
    path = directory / NAME
    try:
        body = read_json_file(path, COPY_MAX_BYTES)
        values = {str(key): json.dumps(value, ensure_ascii=False) for key, value in body["state"].items()}
        return States(int(body["number"]), values)
    except FileNotFoundError:
        return States()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        _log.warning("%s: not read: %s; it is written anew", path, error)
        return States()


def read_database(path: Path) -> States:
    """Return the state kept in the database at ``path``, also one that is damaged; nothing where it does not read."""
    values: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    try:
        with closing(connect_reader(path)) as connection:
            cursor = connection.execute("SELECT key, value FROM state")
            while (row := cursor.fetchone()) is not None:  # one by one: what comes before a damaged page counts
                if _is_json(row[1]):
                    values[str(row[0])] = row[1]
                else:
                    unreadable[str(row[0])] = json.dumps(str(row[1]))
    except (sqlite3.Error, StorageError) as error:
        _log.debug("%s: state not read to the end: %s", path, error)
    number = values.pop(NUMBER_KEY, "0")
    return States(int(number) if number.isdecimal() else 0, values, unreadable)


def newest(database: States, copy: States) -> States:
    """Return all that is known: where both read a key, the one with the higher number counts."""
    older, newer = sorted((copy, database), key=lambda states: states.number)
    return States(newer.number, {**database.unreadable, **older.values, **newer.values})


def write_copy(directory: Path, states: States, *, durable: bool) -> None:
    """Replace the copy. Raises: StorageError."""
    body = {"number": states.number, "state": {key: json.loads(value) for key, value in states.values.items()}}
    write_json_atomically(directory / NAME, body, durable=durable)


def _is_json(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True
