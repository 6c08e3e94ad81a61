"""Reading TOML strictly: every fault is noted with file, key and what is allowed; unknown keys are faults."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TypeVar

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class TomlTable:
    """One table of a file. What is missing or wrong is noted in ``faults`` and read as a harmless stand-in.

    Whoever reads must look at ``faults`` in the end and use nothing where there is one.
    """

    def __init__(self, values: Mapping[str, object], *, file: str, path: str, faults: list[str]) -> None:
        self._values = dict(values)
        self._file = file
        self._path = path
        self._read: set[str] = set()
        self.faults = faults

    @property
    def file(self) -> str:
        """The name of the file."""
        return self._file

    def fault(self, key: str, allowed: str) -> None:
        """Note that ``key`` is not ``allowed``."""
        place = f"{self._path}.{key}" if self._path and key else self._path or key
        self.faults.append(f"{self._file}: {place}: {allowed}")

    def has(self, key: str) -> bool:
        """Return whether ``key`` is there."""
        return key in self._values

    def keys(self) -> tuple[str, ...]:
        """Return every key, in the order of the file."""
        return tuple(self._values)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self._take(key, default)
        if isinstance(value, str) and value.strip():
            return value
        return "" if value is None or value == default else self._refused(key, value, "a text", "")

    def name(self, key: str) -> str:
        """Return a name: letters, digits, dot, dash and underscore."""
        value = self._take(key, None)
        if value is None:
            return ""
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
        return self._refused(key, value, "a name of up to 40 letters, digits, '.', '-' and '_'", "")

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """Return one of the ``allowed`` words."""
        value = self._take(key, default)
        if isinstance(value, str) and value in allowed:
            return value
        return allowed[0] if value is None else self._refused(key, value, f"one of {', '.join(allowed)}", allowed[0])

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Return true or false."""
        value = self._take(key, default)
        if isinstance(value, bool):
            return value
        return False if value is None else self._refused(key, value, "true or false", False)

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Return a number from ``low`` to ``high``."""
        value = self._take(key, default)
        if _is_number(value, low, high):
            return float(value)  # type: ignore[arg-type]  # a number, as just checked
        return low if value is None else self._refused(key, value, f"a number from {low:g} to {high:g}", low)

    def optional_number(self, key: str, low: float, high: float) -> float | None:
        """Return a number, or None where there is none."""
        return self.number(key, low, high) if key in self._values else None

    def day(self, key: str) -> date | None:
        """Return a day such as 2026-01-31, or None where there is none."""
        if key not in self._values:
            return None
        value = self._take(key, None)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        return self._refused(key, value, "a day such as 2026-01-31, without quotes", None)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._take(key, default)
        if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
            return tuple(value)
        if value is None or value == default:
            return default or ()
        return self._refused(key, value, "a list of texts", ())

    def prices(self, key: str, low: float, high: float, *, optional: bool = False) -> dict[str, float]:
        """Return a table of names with prices."""
        if optional and key not in self._values:
            return {}
        table = self.table(key)
        return {name: table.number(name, low, high) for name in table.keys()}  # noqa: SIM118 - not a mapping

    def table(self, key: str, *, optional: bool = False) -> TomlTable:
        """Return the table ``key``; an empty one where it is missing and ``optional``."""
        value = self._take(key, {} if optional else None)
        if not isinstance(value, dict):
            value = {} if value is None else self._refused(key, value, f"a table: [{key}]", {})
        return self._inner(value, key)

    def tables(self, key: str) -> Iterator[TomlTable]:
        """Yield the tables of the list ``key``, none where it is missing."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            value = self._refused(key, value, f"a list of tables: [[{key}]]", [])
        for number, item in enumerate(value, start=1):
            yield self._inner(item, f"{key}[{number}]")

    def close(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._values:
            if key not in self._read:
                self.fault(key, f"unknown key; allowed: {', '.join(sorted(self._read))}")

    def _take(self, key: str, default: object) -> object:
        self._read.add(key)
        if key not in self._values:
            if default is None:
                self.fault(key, "is required")
            return default
        return self._values[key]

    def _inner(self, values: Mapping[str, object], key: str) -> TomlTable:
        path = f"{self._path}.{key}" if self._path else key
        return TomlTable(values, file=self._file, path=path, faults=self.faults)

    def _refused(self, key: str, value: object, allowed: str, stand_in: T) -> T:
        shown = repr(value)
        self.fault(key, f"must be {allowed}, not {shown if len(shown) <= 40 else shown[:37] + '...'}")
        return stand_in


def _is_number(value: object, low: float, high: float) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high
    )
