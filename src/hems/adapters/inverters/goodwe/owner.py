"""The owner's own settings, kept while the coordinator is in charge.

Everything that we may touch is saved before the first write. Before a field is touched for the first time its saved
value is brought up to date, so that a change the owner made meanwhile is not undone; from then on it is not overwritten
until it is back in the inverter, also not after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast

from hems.adapters.inverters.goodwe.fields import Field, Image
from hems.domain.errors import StorageError
from hems.ports.inverter import UserSettingsStore

FORMAT = 1

logger = logging.getLogger(__name__)


class OwnerSettings:
    """What the owner had set, and which of it we have changed."""

    def __init__(self, store: UserSettingsStore, serial_number: str) -> None:
        self._store = store
        self._serial_number = serial_number
        self._fields: dict[Field, bytes] = {}
        self._touched: set[Field] = set()
        self._held = False
        self._set_aside: object | None = None
        self._loaded = False

    @property
    def is_held(self) -> bool:
        """Whether a save of this inverter's settings is held."""
        return self._held

    @property
    def touched(self) -> Image:
        """The owner's value of every field we have changed."""
        return {field: self._fields[field] for field in self._touched}

    def load(self) -> None:
        """Take up a save that an earlier run left behind; does nothing the second time.

        Raises: StorageError: a save exists and cannot be understood.
        """
        if self._loaded:
            return
        saved = self._store.load()
        self._loaded = True
        if saved is None:
            return
        if saved.get("serial_number") != self._serial_number:
            logger.warning("the saved settings belong to inverter %s: set aside", saved.get("serial_number"))
            self._set_aside = saved
            return
        try:
            fields = cast("Mapping[str, str]", saved["fields"])
            self._fields = {Field(name): bytes.fromhex(value) for name, value in fields.items()}
            self._touched = {Field(name) for name in cast("Iterable[str]", saved["touched"])}
            self._set_aside = saved.get("set_aside")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            self._loaded = False
            raise StorageError(f"the saved inverter settings cannot be understood ({error}): {saved}") from error
        self._touched &= self._fields.keys()
        self._held = True

    def save_all(self, image: Image) -> None:
        """Save ``image`` as the owner's, unless a save is held already.

        Raises: StorageError.
        """
        self.load()
        if not self._held:
            self._fields, self._touched = dict(image), set()
            self._write()

    def before_touching(self, fields: Iterable[Field], image: Image) -> None:
        """Note that ``fields`` are about to be changed; their present values in ``image`` are the owner's.

        Raises: StorageError: nothing may be written then.
        """
        new = {field for field in fields if field not in self._touched and field in image}
        if new:
            self._fields |= {field: image[field] for field in new}
            self._touched |= new
            self._write()

    def forget_restored(self, image: Image) -> None:
        """Note that fields which hold the owner's value again are the owner's again.

        Raises: StorageError.
        """
        back = {field for field in self._touched if image.get(field) == self._fields[field]}
        if back:
            self._touched -= back
            self._write()

    def clear(self) -> None:
        """Let the save go: all of it is back in the inverter.

        Raises: StorageError.
        """
        self._store.clear()
        self._fields, self._touched, self._held, self._set_aside = {}, set(), False, None

    def _write(self) -> None:
        record: dict[str, Any] = {
            "format": FORMAT,
            "serial_number": self._serial_number,
            "fields": {field.value: value.hex() for field, value in sorted(self._fields.items())},
            "touched": sorted(field.value for field in self._touched),
        }
        if self._set_aside is not None:
            record["set_aside"] = self._set_aside
        self._store.save(record)
        self._held = True
