"""Names to factories, found by file: adding a price source or a tariff is adding one file to its package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Generic, TypeVar

from hems.domain.errors import ConfigurationError

F = TypeVar("F")
T = TypeVar("T")


class Registry(Generic[F]):
    """The factories of one kind of adapter; ``kind`` and ``key`` name it to the person who misspells one."""

    def __init__(self, *, kind: str, key: str, package: str) -> None:
        self._kind = kind
        self._key = key
        self._package = package
        self._factories: dict[str, F] = {}

    def register(self, name: str) -> Callable[[F], F]:
        """Return a decorator that enters a factory under ``name``."""

        def enter(factory: F) -> F:
            if name in self._factories:
                raise ValueError(f"two {self._kind} factories are named {name!r}")
            self._factories[name] = factory
            return factory

        return enter

    def names(self) -> tuple[str, ...]:
        """Return every known name, in order of the alphabet."""
        self._import_package()
        return tuple(sorted(self._factories))

    def factory(self, name: str) -> F:
        """Return the factory of ``name``.

        Raises: ConfigurationError: nothing has that name; says what is allowed.
        """
        known = self.names()
        if name not in known:
            raise ConfigurationError([f"{self._key}: {name!r} is not a {self._kind}; allowed: {', '.join(known)}"])
        return self._factories[name]

    def _import_package(self) -> None:
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")


def options_from(make: Callable[..., T], settings: Mapping[str, object], *, key: str) -> T:
    """Return the options dataclass ``make`` filled from ``settings``; their types are the configuration's to check.

    Raises: ConfigurationError: one line for every setting that is unknown or missing, or the options' own complaint.
    """
    declared = {field.name: field for field in fields(make)}  # type: ignore[arg-type]
    faults = [
        f"{key}.{name}: unknown setting; allowed: {', '.join(sorted(declared))}"
        for name in settings
        if name not in declared
    ]
    faults += [
        f"{key}.{name}: is required"
        for name, field in declared.items()
        if name not in settings and field.default is MISSING and field.default_factory is MISSING
    ]
    if faults:
        raise ConfigurationError(faults)
    try:
        return make(**settings)
    except ValueError as error:
        raise ConfigurationError([f"{key}: {error}"]) from error
