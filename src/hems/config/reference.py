"""The shipped configuration file, its reference and its JSON Schema, made from the models so that they cannot drift."""

from __future__ import annotations

import json
import textwrap
from datetime import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hems.config.describe import Setting, settings_of
from hems.config.describe import allowed_text as allowed
from hems.config.models import BatterySettings, Configuration, InverterSettings

_COMMENT_WIDTH = 118

_FILE_HEADER = """\
# yaml-language-server: $schema=../docs/config.schema.json
#
# Configuration of the Master Coordinator. Every key stands here with its default; keys left out keep their default.
# Check it with `hems config check`; a restart of the service applies it.
# Values may stand elsewhere: ${env:NAME} takes an environment variable, ${file:/path} the text of a file.
# This file is made from the program (`hems config example`); docs/configuration.md says the same as a table.
"""

_REFERENCE_HEADER = """\
# Configuration

<!-- Made from the program by `hems config reference`; change the models in src/hems/config, not this file. -->

The Master Coordinator reads one YAML 1.2 file: the one named by `--config`, else `$HEMS_CONFIG`, else
`config/master_coordinator_config.yaml` of the checkout, of the current directory, or of
`/opt/goodwe-dynamic-price-optimiser`. A restart applies a change.

- `hems config check [FILE]` checks a file and names every fault as `file:line:col: key: what is allowed`.
- `hems config example` prints a complete file with the defaults; `hems config schema` prints a JSON Schema, which
  `docs/config.schema.json` holds for editors.
- Unknown keys are refused. A key that is left out, or a section that is empty, has its default.
- `${env:NAME}` in a value stands for an environment variable, `${file:/path}` for the text of a file (a relative path
  starts at the configuration's folder). What they bring is text, and no error message repeats it.
- Relative directories lie beside the folder `config` that holds the file; a file in another folder has them beside
  itself.
- `no`, `yes` and `12:30` are text in YAML 1.2, `010` is ten, and a value with a unit such as `5 kW` is refused: the
  unit is fixed and named below.
"""


def example_configuration() -> Configuration:
    """Return the configuration of the shipped file: the defaults, and an example for what is required."""
    required = {setting.path: setting.example for setting in settings_of(Configuration) if setting.field.is_required()}
    return Configuration(
        inverter=InverterSettings(ip_address=required["inverter.ip_address"]),
        battery_management=BatterySettings(capacity_kwh=required["battery_management.capacity_kwh"]),
    )


def render_example() -> str:
    """Return the shipped configuration file: every key with its meaning, unit, bounds and default."""
    lines = [_FILE_HEADER]
    for setting in settings_of(Configuration):
        depth = setting.path.count(".")
        indent = "  " * depth
        if setting.section is not None:
            text = setting.description if depth else (setting.section.__doc__ or setting.description)
            lines += ([""] if depth == 0 else []) + _comment(text, indent) + [f"{indent}{setting.key}:"]
            continue
        lines += _comment(f"{setting.description} Allowed: {allowed(setting.field)}.", indent)
        lines += _key_value(setting, _example_value(setting.path), indent)
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def render_reference() -> str:
    """Return docs/configuration.md: one table for each section."""
    lines = [_REFERENCE_HEADER]
    for setting in settings_of(Configuration):
        if setting.section is None:
            lines.append(_row(setting))
        elif any(inner.section is None for inner in settings_of(setting.section)):
            text = setting.section.__doc__ or setting.description
            heading = "##" if "." not in setting.path else "###"
            lines += ["", f"{heading} `{setting.path}`", "", text]
            if any(section_key.section is None for section_key in _direct(setting.section)):
                lines += ["", "| Key | Default | Allowed | Meaning |", "|---|---|---|---|"]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def render_schema() -> str:
    """Return the JSON Schema of the configuration, for editors."""
    schema = Configuration.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _direct(model: type[BaseModel]) -> list[Setting]:
    return [setting for setting in settings_of(model) if "." not in setting.path]


def _row(setting: Setting) -> str:
    default = "*required*" if setting.field.is_required() else f"`{_inline(_example_value(setting.path))}`"
    cells = (f"`{setting.key}`", default, allowed(setting.field), setting.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _example_value(path: str) -> Any:
    value: Any = example_configuration()
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _comment(text: str, indent: str) -> list[str]:
    prefix = f"{indent}# "
    return textwrap.wrap(
        " ".join(text.split()),
        width=_COMMENT_WIDTH,
        initial_indent=prefix,
        subsequent_indent=prefix,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _key_value(setting: Setting, value: Any, indent: str) -> list[str]:
    if isinstance(value, tuple) and value:
        return [f"{indent}{setting.key}:", *(f"{indent}  - {_inline(item)}" for item in value)]
    return [f"{indent}{setting.key}: {_inline(value)}"]


def _inline(value: Any) -> str:
    """Return ``value`` as YAML in one line."""
    match value:
        case BaseModel():
            pairs = ", ".join(f"{name}: {_inline(getattr(value, name))}" for name in type(value).model_fields)
            return "{" + pairs + "}"
        case tuple():
            return "[" + ", ".join(_inline(item) for item in value) + "]"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case time():
            return f'"{value:%H:%M}"'
        case Path():
            return value.as_posix()
        case _:
            return str(value)
