"""Values that stand elsewhere: ``${env:NAME}`` and ``${file:PATH}`` in the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hems.config.yaml_source import KeyPath, YamlSource, odd_character
from hems.plain_files import read_plain_file

_REFERENCE = re.compile(r"\$\{([^}]*)\}?")
_SECRET_MAX_BYTES = 65_536


class References:
    """Replaces ``${env:NAME}`` and ``${file:PATH}``, and remembers where, so that no error repeats a secret."""

    def __init__(self, source: YamlSource, environment: Mapping[str, str], folder: Path) -> None:
        self._source = source
        self._environment = environment
        self._folder = folder
        self.origins: dict[KeyPath, str] = {}
        self.unresolved: set[KeyPath] = set()
        self.values: dict[KeyPath, set[str]] = {}
        self.faults: list[str] = []

    def resolve(self, value: Any, path: KeyPath) -> Any:
        """Return ``value`` with every reference in it replaced."""
        if isinstance(value, dict):
            return {key: self.resolve(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        self.origins[path] = value
        return _REFERENCE.sub(lambda match: self._replace(match, path), value)

    def _replace(self, match: re.Match[str], path: KeyPath) -> str:
        kind, _, target = match.group(1).partition(":")
        if not match.group(0).endswith("}") or kind not in {"env", "file"} or not target:
            return self._fail(path, "a reference is written ${env:NAME} or ${file:/path/to/file}")
        if kind == "env":
            value = self._environment.get(target, "")
            named = f"the environment variable {target}"
            return self._checked(value, path, named) or self._fail(path, f"{named} is not set, or empty")
        try:
            file = self._folder / Path(target).expanduser()
        except RuntimeError:  # ~somebody
            return self._fail(path, f"{target} cannot be found: there is no such user, or no home directory")
        try:
            content = read_plain_file(file, _SECRET_MAX_BYTES)
        except OSError as error:
            return self._fail(path, f"{file} cannot be read: {error.strerror}")
        try:
            value = content.decode("utf-8").strip()
        except UnicodeDecodeError:
            return self._fail(path, f"{file} is not UTF-8 text")
        return self._checked(value, path, str(file)) or self._fail(path, f"{file} is empty")

    def _checked(self, value: str, path: KeyPath, origin: str) -> str:
        if odd := odd_character(value):
            self._fail(path, f"{origin} holds the character {odd}, which no setting takes")
        self.values.setdefault(path, set()).add(value)
        return value

    def _fail(self, path: KeyPath, message: str) -> str:
        self.unresolved.add(path)
        self.faults.append(self._source.fault(path, message, at_value=True))
        return ""
