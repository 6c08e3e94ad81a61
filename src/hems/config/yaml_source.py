"""YAML 1.2 with a memory: plain values, and the line and column each key and value came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from unicodedata import category

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

KeyPath = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, both from 1."""

_TAG = "tag:yaml.org,2002:"

VALUES_MAX = 20_000
"""A complete configuration has some 150 values. Aliases of aliases make a billion of a few hundred bytes."""

_DIGITS_MAX = 1000
_SHOWN_TEXT_MAX = 60
_SHOWN_PATH_MAX = 200
_NO_TEXT = ("Cc", "Cs")
"""Unicode categories that no setting takes: control characters, and halves of a character, which nothing can print."""


class _TooManyValuesError(Exception):
    """The text unfolds into more values than any configuration has."""


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One parsed file: its values, where they stand, and every fault of its form as ``file:line:col: path: ...``."""

    name: str
    data: Any = None
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    value_places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def fault(self, path: KeyPath, message: str, *, at_value: bool = False) -> str:
        """Return one line about ``path``, at its value or its key, or at the nearest section the file has."""
        first, second = self.key_places, self.value_places
        if at_value:
            first, second = second, first
        known = path
        while known and known not in first and known not in second:
            known = known[:-1]
        line, column = first.get(known) or second.get(known, (1, 1))
        return f"{self.name}:{line}:{column}: {_named(path)}: {message}"

    def locate(self, key: str) -> str:
        """Return ``file:line:col: key`` of ``key`` or of the nearest section above it."""
        path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
        return self.fault(path, "").removesuffix(": ")


def dotted(path: KeyPath) -> str:
    """Return ``path`` as people write it: `coordinator.factors.price.bands.0`."""
    return ".".join(str(part) for part in path)


def _named(path: KeyPath) -> str:
    name = dotted(path)
    return "configuration" if not name else name if len(name) <= _SHOWN_PATH_MAX else f"{name[:_SHOWN_PATH_MAX]}..."


def parse_yaml(text: str, name: str) -> YamlSource:
    """Return the values and places of ``text``; faults of form are in the answer, never raised."""
    source = YamlSource(name)
    parser = YAML(typ="safe", pure=True)
    parser.composer.warn_double_anchors = False  # YAML lets a name be used again, and nobody would see the warning
    try:
        root = parser.compose(text)
        data = _Builder(source).build(root, (), ()) if root is not None else None
    except RecursionError:
        source.faults.append(f"{name}:1:1: syntax: sections nested too deep; a configuration has four levels at most")
        return source
    except _TooManyValuesError:
        source.faults.append(
            f"{name}:1:1: syntax: more than {VALUES_MAX} values; if aliases (`*name`) repeat each other, write them out"
        )
        return source
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if isinstance(mark, StringMark) else (1, 1)
        source.faults.append(f"{name}:{line}:{column}: syntax: {_explain(error, text, line)}")
        return source
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        source.faults.append(
            f"{name}:{line}:{column}: syntax: this character cannot stand in YAML: {error.character!r}"
        )
        return source
    return YamlSource(name, data, source.key_places, source.value_places, source.faults)


class _Builder:
    """Turns YAML nodes into plain values and notes where they stand."""

    def __init__(self, source: YamlSource) -> None:
        self._source = source
        self._built = 0

    def build(self, node: Node, path: KeyPath, above: tuple[Node, ...]) -> Any:
        """Return the value of ``node``, which stands at ``path`` below the nodes ``above``."""
        self._built += 1
        if self._built > VALUES_MAX:
            raise _TooManyValuesError
        mark = node.start_mark
        self._source.value_places[path] = (mark.line + 1, mark.column + 1)
        if any(node is parent for parent in above):
            self._fault(path, "an alias to a section that contains it")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path, (*above, node))
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, index), (*above, node)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath, above: tuple[Node, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self._fault_at(place, path, "keys must be words")
                continue
            key = str(key_node.value)
            key_path = (*path, key)
            if odd := odd_character(key):
                self._fault_at(place, path, f"a key holds the character {odd}, which cannot stand here")
                continue
            if key in result:
                first_line, _ = self._source.key_places[key_path]
                self._fault_at(place, key_path, f"stands twice, first in line {first_line}; keep one of them")
                continue
            self._source.key_places[key_path] = place
            result[key] = self.build(value_node, key_path, above)
        return result

    def _scalar(self, node: Node, path: KeyPath) -> Any:
        text = str(node.value)
        tag = str(node.tag).removeprefix(_TAG)
        if odd := odd_character(text):
            self._fault(path, f"holds the character {odd}, which no setting takes")
            return None
        try:
            match tag:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return _integer(text)
                case "float":
                    return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())
                case "str" | "timestamp" | "merge" | "value":
                    return text
        except ValueError:
            self._fault(path, f"cannot be read as a number: {shortened(text)}")
            return None
        self._fault(path, f"the tag {shortened(str(node.tag))} is not known here; write the plain value")
        return None

    def _fault(self, path: KeyPath, message: str) -> None:
        self._source.faults.append(self._source.fault(path, message, at_value=True))

    def _fault_at(self, place: Place, path: KeyPath, message: str) -> None:
        line, column = place
        self._source.faults.append(f"{self._source.name}:{line}:{column}: {_named(path)}: {message}")


def odd_character(text: str) -> str | None:
    """Return the first character of ``text`` that no setting takes, written out, or None."""
    return next((ascii(character)[1:-1] for character in text if category(character) in _NO_TEXT), None)


def shortened(text: str) -> str:
    """Return ``text`` as far as a person wants to read it in a message."""
    return text if len(text) <= _SHOWN_TEXT_MAX else f"{text[:_SHOWN_TEXT_MAX]}..."


def _integer(text: str) -> int:
    """Return a YAML 1.2 integer: `010` is ten, `0o10` eight and `0x10` sixteen.

    Raises: ValueError: none, or one of so many digits that it could not even be shown.
    """
    plain = text.replace("_", "").lower()
    if len(plain) > _DIGITS_MAX:
        raise ValueError("too many digits")
    for prefix, base in (("0o", 8), ("0x", 16), ("0b", 2)):
        if re.match(rf"[-+]?{prefix}", plain):
            return int(plain.replace(prefix, "", 1), base)
    return int(plain)


def _explain(error: MarkedYAMLError, text: str, line: int) -> str:
    """Return what is wrong and what to do, in a person's words where the reason is a common one."""
    problem = error.problem or "not valid YAML"
    lines = text.splitlines()
    row = lines[line - 1] if line <= len(lines) else ""
    if "\\t" in problem or row[: len(row) - len(row.lstrip())].find("\t") >= 0:
        return "a tab cannot indent in YAML; use spaces"
    if "expected a single document" in str(error.context) or "but found another document" in problem:
        return "one file holds one configuration; remove the second `---`"
    if "${" in row and "flow mapping" in str(error.context):
        return "put ${...} in quotes where it stands inside { }"
    if "mapping values are not allowed" in problem:
        return "a second `:` on this line, or a wrong indentation; put text that contains `: ` in quotes"
    if "could not find expected ':'" in problem:
        return "a key without `:` behind it"
    context = f" ({error.context})" if error.context else ""
    return f"{problem}{context}"
