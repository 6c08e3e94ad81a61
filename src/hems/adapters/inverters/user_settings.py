"""The owner's inverter settings on disk: one small JSON file that survives a power cut."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

from hems.adapters.storage.disk import make_directory
from hems.domain.errors import StorageError
from hems.plain_files import read_json_file

_MAX_BYTES = 1_000_000  # one inverter's settings take 1 kB
_MODE = 0o640  # the inverter's serial number is in it


class JsonUserSettingsStore:
    """Keeps the settings in one file, written beside it and put in its place in one step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, object] | None:
        """Return what was saved, or None.

        Raises: StorageError: a save exists but cannot be read.
        """
        try:
            content = read_json_file(self._path, _MAX_BYTES)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StorageError(
                f"the saved inverter settings in {self._path} cannot be read: {error}. "
                "Look at the file; delete it only if the inverter's settings are as you want them"
            ) from error
        if not isinstance(content, dict):
            raise StorageError(f"the saved inverter settings in {self._path} are not a JSON object")
        return cast("dict[str, object]", content)

    def save(self, settings: dict[str, object]) -> None:
        """Keep ``settings``; they are on disk when this returns.

        Raises: StorageError.
        """
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            make_directory(self._path.parent)
            beside.unlink(missing_ok=True)  # of a write cut short, or a link that was planted there
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), _MODE)
                json.dump(settings, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            self._sync_directory()
        except OSError as error:
            raise StorageError(f"the inverter settings cannot be saved to {self._path}: {error}") from error

    def clear(self) -> None:
        """Forget the save.

        Raises: StorageError.
        """
        try:
            self._path.unlink(missing_ok=True)
            if self._path.parent.is_dir():
                self._sync_directory()
        except OSError as error:
            raise StorageError(f"the saved inverter settings in {self._path} cannot be removed: {error}") from error

    def _sync_directory(self) -> None:
        """Make the rename itself survive a power cut."""
        descriptor = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class MemoryUserSettingsStore:
    """Keeps the settings in memory: for simulated time, where no disk outlives the run."""

    def __init__(self) -> None:
        self._settings: dict[str, object] | None = None

    def load(self) -> dict[str, object] | None:
        """Return what was saved, or None."""
        return self._settings

    def save(self, settings: dict[str, object]) -> None:
        """Keep ``settings``."""
        self._settings = dict(settings)

    def clear(self) -> None:
        """Forget the save."""
        self._settings = None
