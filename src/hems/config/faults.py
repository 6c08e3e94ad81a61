"""From a validation error to one line that names file, line, column, key and what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hems.config.describe import allowed_text, element_of, is_secret, may_hold_secret, section_of, settings_of
from hems.config.fields import FAULTS
from hems.config.models import Configuration
from hems.config.yaml_source import KeyPath, YamlSource, dotted
from hems.domain.secrets import HIDDEN, without_secrets

_SHOWN_VALUE_MAX = 60


def told_once(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Return ``errors`` without those of a list that only lacks what was refused inside it."""
    places = [tuple(details["loc"]) for details in errors]
    return [
        details
        for details, place in zip(errors, places, strict=True)
        if details["type"] != "too_short"
        or not any(other != place and other[: len(place)] == place for other in places)
    ]


def explain_fault(details: ErrorDetails, source: YamlSource, origins: Mapping[KeyPath, str]) -> list[str]:
    """Return the lines for one validation error."""
    kind = details["type"]
    if kind == FAULTS:
        base = tuple(details["loc"])
        lines = []
        for key, message in details["ctx"][FAULTS]:
            relative = tuple(int(part) if part.isdigit() else part for part in key.split(".") if part)
            lines.append(source.fault((*base, *relative), message, at_value=bool(relative)))
        return lines
    path, model, field = _find_setting(tuple(details["loc"]))
    if kind == "extra_forbidden":
        unknown = tuple(details["loc"])
        return [source.fault(unknown, _explain_unknown(str(unknown[-1]), model, path))]
    if kind == "missing" or field is None:
        section = section_of(field.annotation) if field is not None else None
        wanted = _keys_of(section) if section else allowed_text(field) if field is not None else "a section"
        return [source.fault(path, f"required: {wanted}")]
    section = section_of(field.annotation) or (model if not path or isinstance(path[-1], int) else None)
    wanted = _keys_of(section) if section else allowed_text(field)
    if path in origins:
        shown = f"the value of {origins[path]}"
    elif is_secret(field):
        shown = HIDDEN
    else:
        shown = _show(details["input"], secret=may_hold_secret(field))
    return [source.fault(path, f"must be {wanted}, not {shown}", at_value=True)]


def _find_setting(loc: KeyPath) -> tuple[KeyPath, type[BaseModel], FieldInfo | None]:
    """Return the deepest known key on the way of ``loc``, the model it belongs to, and its field.

    What follows the key in ``loc`` is the validator's own bookkeeping, such as the branch of a union.
    """
    model: type[BaseModel] = Configuration
    path: KeyPath = ()
    field: FieldInfo | None = None
    for part in loc:
        if isinstance(part, int) and field is not None and (element := element_of(field.annotation)):
            path, model = (*path, part), element
        elif isinstance(part, str) and (inner := _inner_model(path, model, field)) and part in inner.model_fields:
            path, model, field = (*path, part), inner, inner.model_fields[part]
        else:
            break
    return path, model if path and isinstance(path[-1], int) else _inner_model(path, model, field) or model, field


def _inner_model(path: KeyPath, model: type[BaseModel], field: FieldInfo | None) -> type[BaseModel] | None:
    """Return the model whose keys may follow ``path``."""
    if not path or isinstance(path[-1], int):
        return model
    return section_of(field.annotation) if field is not None else None


def _explain_unknown(key: str, model: type[BaseModel], section: KeyPath) -> str:
    near = difflib.get_close_matches(key, model.model_fields, n=1, cutoff=0.6)
    if near:
        return f"unknown key; did you mean {dotted((*section, near[0]))}?"
    elsewhere = [setting.path for setting in settings_of(Configuration) if setting.key == key]
    if elsewhere:
        return f"unknown key here; did you mean {' or '.join(elsewhere)}?"
    return f"unknown key; allowed here: {', '.join(model.model_fields)}"


def _keys_of(section: type[BaseModel]) -> str:
    return f"a section with the keys {', '.join(section.model_fields)}"


def _show(value: Any, *, secret: bool) -> str:
    if isinstance(value, dict):
        return "a section"
    if secret:
        value = without_secrets(str(value))
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= _SHOWN_VALUE_MAX else f"{shown[:_SHOWN_VALUE_MAX]}..."
