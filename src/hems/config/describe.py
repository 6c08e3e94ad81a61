"""What the models say about each setting, in words: the one source of comments, references and error messages."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hems.config.fields import Allowed, MayHoldSecret, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key of the configuration; ``section`` is the model of a key that holds further keys."""

    path: str
    field: FieldInfo
    section: type[BaseModel] | None

    @property
    def key(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def description(self) -> str:
        """The meaning, in sentences."""
        return self.field.description or ""

    @property
    def unit(self) -> str | None:
        """The unit, or None for a number without one and for words."""
        return unit_of(self.field)

    @property
    def example(self) -> Any:
        """The default, or for a required key the value of the shipped file."""
        if self.field.is_required():
            return (self.field.examples or [None])[0]
        return self.field.get_default(call_default_factory=True)


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    """Yield every key of ``model`` and of the sections in it, each section before its keys."""
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        setting = Setting(path=f"{prefix}{name}", field=field, section=section)
        yield setting
        if section is not None:
            yield from settings_of(section, f"{setting.path}.")


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model behind a key that holds further keys, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def element_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a list's elements, or None."""
    if get_origin(annotation) is tuple:
        return section_of(get_args(annotation)[0])
    return None


def may_hold_secret(field: FieldInfo) -> bool:
    """Return whether the value of a setting may carry a password."""
    return any(isinstance(item, MayHoldSecret) for item in (*field.metadata, *_nested_metadata(field.annotation)))


def is_secret(field: FieldInfo) -> bool:
    """Return whether the whole value of a setting is a password or key."""
    found = (*field.metadata, *_nested_metadata(field.annotation))
    return any(isinstance(item, MayHoldSecret) and item.whole for item in found)


def unit_of(field: FieldInfo) -> str | None:
    """Return the unit of a setting, or None."""
    found = (item for item in (*field.metadata, *_nested_metadata(field.annotation)) if isinstance(item, Unit))
    return next((unit.symbol for unit in found), None)


def allowed_text(field: FieldInfo) -> str:
    """Return in words what a setting takes, such as `a number from 1 to 60 s`."""
    for item in (*field.metadata, *_nested_metadata(field.annotation)):
        if isinstance(item, Allowed):
            return item.text
    return _allowed(field.annotation, list(field.metadata), unit_of(field))


def _allowed(annotation: Any, metadata: list[Any], unit: str | None) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _allowed(inner, _flatten(more) + metadata, unit)
    if origin in {Union, types.UnionType}:
        return _join_or([_allowed(part, metadata, unit) for part in get_args(annotation)])
    if origin is Literal:
        return _join_or([str(value) for value in get_args(annotation)])
    if origin is tuple:
        element = element_of(annotation)
        keys = " and ".join(f"`{name}`" for name in element.model_fields) if element else "values"
        return f"a list of at least one band, each with {keys}"
    if annotation is bool:
        return "true or false"
    if annotation in {int, float}:
        noun = "a whole number" if annotation is int else "a number"
        return " ".join(part for part in (noun, _bounds(metadata), unit) if part)
    words: dict[Any, str] = {type(None): "null", Path: "a directory", time: "a time of day", str: "text"}
    return words.get(annotation, "a section with keys")


def _bounds(metadata: list[Any]) -> str:
    low = next((f"{item.ge:g}" for item in metadata if isinstance(item, Ge)), None)
    above = next((f"{item.gt:g}" for item in metadata if isinstance(item, Gt)), None)
    high = next((f"{item.le:g}" for item in metadata if isinstance(item, Le)), None)
    below = next((f"{item.lt:g}" for item in metadata if isinstance(item, Lt)), None)
    if low is not None and high is not None:
        return f"from {low} to {high}"
    parts = [
        f"of at least {low}" if low is not None else "",
        f"above {above}" if above is not None else "",
        f"up to {high}" if high is not None else "",
        f"below {below}" if below is not None else "",
    ]
    return " and ".join(part for part in parts if part)


def _flatten(metadata: list[Any]) -> list[Any]:
    """Return ``metadata`` with a nested Field replaced by the bounds it holds."""
    return [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]


def _nested_metadata(annotation: Any) -> list[Any]:
    """Return what is annotated inside a union, such as the unit of `float | None`."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _flatten(more) + _nested_metadata(inner)
    if get_origin(annotation) in {Union, types.UnionType}:
        return [item for part in get_args(annotation) for item in _nested_metadata(part)]
    return []


def _join_or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
