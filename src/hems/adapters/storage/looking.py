"""One look into the database: a connection of its own, read-only, that sees one moment of it while a service writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hems.adapters.storage.migration import refuse_older
from hems.adapters.storage.sqlite_schema import connect_reader
from hems.domain.errors import StorageError


@contextmanager
def one_look(database: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection whose every answer is of the same moment; it is closed at the end.

    Raises: StorageError: there is no database, it is damaged, or it waits for its migration.
    """
    with closing(connect_reader(database)) as connection:
        try:
            refuse_older(connection, database)
            connection.execute("BEGIN")
            yield connection
        except sqlite3.Error as error:
            raise StorageError(f"{database}: cannot be read: {error}") from error
