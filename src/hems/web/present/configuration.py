"""The configuration in force, as it may be shown: secrets masked."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hems.composition.tools import Loaded
from hems.config.describe import is_secret
from hems.domain.secrets import HIDDEN, Redactor
from hems.web.models.system import ConfigurationView


def configuration_view(loaded: Loaded) -> ConfigurationView:
    """Return every setting, defaults filled in; what is secret is masked."""
    return ConfigurationView(path=str(loaded.path), values=_section(loaded.settings, Redactor(loaded.settings.secrets)))


def _section(section: BaseModel, redact: Redactor) -> dict[str, Any]:
    plain = section.model_dump(mode="json")
    shown: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if value is not None and is_secret(field):
            shown[name] = HIDDEN
        elif isinstance(value, BaseModel):
            shown[name] = _section(value, redact)
        elif isinstance(value, tuple) and value and all(isinstance(item, BaseModel) for item in value):
            shown[name] = [_section(item, redact) for item in value]
        else:
            shown[name] = _leaf(plain[name], redact)
    return shown


def _leaf(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_leaf(item, redact) for item in value]
    if isinstance(value, dict):
        return {key: _leaf(item, redact) for key, item in value.items()}
    return value
