"""The owner's own settings, kept while the coordinator is in charge.

Everything that we may touch is saved before the first write. Before a field is touched for the first time its saved
value is brought up to date, so that a change the owner made meanwhile is not undone; from then on it is not overwritten
until it is back in the inverter, also not after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from hems.adapters.inverters.goodwe.fields import PLACE_MAPS, Field, Image, Place, cannot_hold
from hems.adapters.inverters.goodwe.options import Family
from hems.domain.errors import StorageError
from hems.domain.secrets import shortened_serial
from hems.ports.inverter import UserSettingsStore

FORMAT = 1

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How one inverter's fields are reached, kept for whoever has to write to it without being able to ask."""

    family: Family
    places: Mapping[Field, Place]
    """Those that have one; what an ES inverter keeps in its settings block has none."""


class OwnerSettings:
    """What the owner had set, and which of it we have changed."""

    def __init__(self, store: UserSettingsStore, serial_number: str) -> None:
        self._store = store
        self._serial_number = serial_number
        self._fields: dict[Field, bytes] = {}
        self._touched: set[Field] = set()
        self._held = False
        self._set_aside: dict[str, object] | None = None
        self._loaded = False
        self._reach: Reach | None = None
        self._saved_reach: Reach | None = None

    @property
    def is_held(self) -> bool:
        """Whether a save of this inverter's settings is held."""
        return self._held

    @property
    def touched(self) -> Image:
        """The owner's value of every field we have changed."""
        return {field: self._fields[field] for field in self._touched}

    @property
    def fields(self) -> Image:
        """What was saved of every field the device had, whether we have changed it or not."""
        return self._fields

    @property
    def reach(self) -> Reach | None:
        """How the fields are reached by the save; None where an older version saved it without."""
        return self._saved_reach

    def note_reach(self, reach: Reach) -> None:
        """Have how the fields are reached saved with them from now on."""
        self._reach = reach

    def load(self) -> None:
        """Take up a save that an earlier run left behind; does nothing the second time.

        Raises: StorageError: a save exists and cannot be understood.
        """
        if self._loaded:
            return
        saved = self._store.load()
        self._loaded = True
        own, self._set_aside = _sorted_out(saved, self._serial_number)
        if self._set_aside is not None:
            other = shortened_serial(str(self._set_aside.get("serial_number")))
            logger.warning("saved settings of inverter %s are set aside", other)
        if own is None:
            return
        try:
            fields = cast("Mapping[str, str]", own["fields"])
            self._fields = {Field(name): bytes.fromhex(value) for name, value in fields.items()}
            self._touched = {Field(name) for name in cast("Iterable[str]", own["touched"])}
            odd = [field.value for field, value in self._fields.items() if len(value) < 2 or cannot_hold(field, value)]
            if odd:
                raise ValueError(f"no inverter holds what stands under {', '.join(odd)}")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            self._loaded = False
            self._fields, self._touched = {}, set()
            raise StorageError(f"the saved inverter settings cannot be understood: {error}") from error
        self._touched &= self._fields.keys()
        self._saved_reach = _reach_in(own)
        self._held = True

    def save_all(self, image: Image) -> None:
        """Save ``image`` as the owner's, unless a save is held already.

        Raises: StorageError.
        """
        self.load()
        if not self._held:
            self._fields, self._touched = dict(image), set()
            self._write()
        elif self._reach is not None and self._reach != self._saved_reach:
            self._write()  # a save of an older version, or of the inverter before an update of its firmware

    def before_touching(self, fields: Iterable[Field], image: Image) -> None:
        """Note that ``fields`` are about to be changed; their present values in ``image`` are the owner's.

        Raises: StorageError: nothing may be written then.
        """
        new = {field for field in fields if field not in self._touched and field in image}
        if new:
            self._fields |= {field: image[field] for field in new}
            self._touched |= new
            self._write()

    def renew(self, image: Image) -> None:
        """Note that the owner has set the touched fields in ``image`` anew, while ours were in force.

        Raises: StorageError.
        """
        self._fields |= {field: value for field, value in image.items() if field in self._touched}
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
        """Let the save go: all of it is back in the inverter. What belongs to another inverter waits for that one.

        Raises: StorageError.
        """
        if self._set_aside is None:
            self._store.clear()
        else:
            self._store.save(self._set_aside)
        self._fields, self._touched, self._held, self._saved_reach = {}, set(), False, None

    def _write(self) -> None:
        record: dict[str, Any] = {
            "format": FORMAT,
            "serial_number": self._serial_number,
            "fields": {field.value: value.hex() for field, value in sorted(self._fields.items())},
            "touched": sorted(field.value for field in self._touched),
        }
        reach = self._reach or self._saved_reach
        if reach is not None:
            places = {field.value: [place.address, place.count] for field, place in sorted(reach.places.items())}
            record["reach"] = {"family": reach.family.value, "places": places}
        if self._set_aside is not None:
            record["set_aside"] = self._set_aside
        self._store.save(record)
        self._saved_reach = reach
        self._held = True


def _sorted_out(
    saved: dict[str, object] | None, serial_number: str
) -> tuple[dict[str, object] | None, dict[str, object] | None]:
    """Return the save of inverter ``serial_number``, and those of others, each within the one before; None is none."""
    own: dict[str, object] | None = None
    others: list[dict[str, object]] = []
    entry: object = saved
    while isinstance(entry, dict):
        alone = {key: value for key, value in entry.items() if key != "set_aside"}
        if own is None and alone.get("serial_number") == serial_number:
            own = alone
        else:
            others.append(alone)
        entry = entry.get("set_aside")
    set_aside: dict[str, object] | None = None
    for other in reversed(others):
        set_aside = other if set_aside is None else {**other, "set_aside": set_aside}
    return own, set_aside


def _reach_in(saved: Mapping[str, object]) -> Reach | None:
    """Return how the fields are reached by ``saved``; None where it does not say, or names a wrong place."""
    try:
        reach = cast("Mapping[str, Any]", saved["reach"])
        places = {Field(name): _known_place(Field(name), *place) for name, place in reach["places"].items()}
        return Reach(family=Family(reach["family"]), places=places)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _known_place(field: Field, address: object, count: object) -> Place:
    for places in PLACE_MAPS:
        place = places.get(field)
        if place is not None and (place.address, place.count) == (address, count):
            return place
    raise ValueError(f"{field.value} does not lie at {address}")
