"""From a YAML file to a checked configuration; every fault at once, each as ``file:line:col: path: allowed``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from hems.config.describe import is_secret, may_hold_secret, section_of, settings_of
from hems.config.faults import explain_fault, told_once
from hems.config.models import Configuration
from hems.config.secrets import References
from hems.config.yaml_source import parse_yaml
from hems.domain.errors import ConfigurationError
from hems.domain.secrets import secrets_in_address
from hems.plain_files import read_plain_file

CONFIG_NAME = Path("config") / "master_coordinator_config.yaml"
INSTALLED_ROOT = Path("/opt/goodwe-dynamic-price-optimiser")
ENVIRONMENT_VARIABLE = "HEMS_CONFIG"
FILE_MAX_BYTES = 100_000
"""The complete file with all its comments has 14 kB. Of text made to be slow, ten times that takes seconds to read."""
FAULTS_SHOWN_MAX = 50
MOVED_KEYS = {("coordinator", "strategy"): ("decision", "strategy")}
"""Where keys of earlier versions stand now: a file that survives an update keeps its meaning."""


def load_configuration(path: Path) -> Configuration:
    """Return the configuration in ``path``.

    Raises: ConfigurationError: with one line per fault: unreadable file, wrong encoding, syntax, duplicate, unknown or
        missing keys, and values that are not allowed.
    """
    return parse_configuration(_read(path), str(path), folder=path.parent).remember_path(path)


def parse_configuration(
    text: str, name: str, *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Configuration:
    """Return the configuration in ``text``; ``name`` stands for the file in faults.

    ``${env:NAME}`` and ``${file:PATH}`` in values are replaced from ``environment`` and from files, relative ones in
    ``folder``.
    Raises: ConfigurationError: with one line per fault.
    """
    source = parse_yaml(text, name)
    if source.faults and source.data is None:
        raise ConfigurationError(_told_in_order(source.faults, name))
    if source.data is None:
        raise ConfigurationError(
            [f"{name}:1:1: configuration: the file is empty; `hems config example` prints a complete one"]
        )
    if not isinstance(source.data, dict):
        raise ConfigurationError([source.fault((), "must be keys with values, such as `inverter:`", at_value=True)])
    resolver = References(source, os.environ if environment is None else environment, folder or Path())
    data = _fill_empty_sections(_with_moved_keys(resolver.resolve(source.data, ())), Configuration)
    faults = [*source.faults, *resolver.faults]
    try:
        configuration = Configuration.model_validate(data)
    except ValidationError as error:
        for details in told_once(error.errors(include_url=False)):
            if tuple(details["loc"]) not in resolver.unresolved:
                faults.extend(explain_fault(details, source, resolver.origins))
    if faults:
        raise ConfigurationError(_told_in_order(faults, name))
    return configuration.remember_source(source, _secrets_of(configuration, resolver))


def default_config_path(environment: Mapping[str, str] | None = None) -> Path:
    """Return the configuration file to use where none was named.

    $HEMS_CONFIG; else the checkout this code runs from, the current directory, the installed place: the first that
    has the file. Where none has it, the first place a person would look.
    """
    named = (os.environ if environment is None else environment).get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named)
    checkout = Path(__file__).resolve().parents[3]
    candidates = [root / CONFIG_NAME for root in (checkout, Path.cwd(), INSTALLED_ROOT)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    return candidates[0] if (checkout / "pyproject.toml").is_file() else candidates[-1]


def resolve_directory(config_path: Path, value: Path) -> Path:
    """Return ``value`` as an absolute directory.

    A relative one lies beside the folder `config` that holds the file, or in the file's own folder where that has
    another name; never in the current directory, which differs between a terminal and a service.
    """
    if value.is_absolute():
        return value
    folder = config_path.resolve().parent
    return (folder.parent if folder.name == "config" else folder) / value


def _read(path: Path) -> str:
    try:
        content = read_plain_file(path, FILE_MAX_BYTES)
    except OSError as error:
        match error:
            case FileNotFoundError():
                reason = f"no such file; name one with --config, or make one: `hems config example > {path}`"
            case IsADirectoryError():
                reason = "this is a directory; name the file in it"
            case PermissionError():
                reason = f"cannot be read: {error.strerror}; try with sudo, or as a user of the group it belongs to"
            case _:
                reason = f"cannot be read: {error.strerror}"
        raise ConfigurationError([f"{path}:1:1: configuration: {reason}"]) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ConfigurationError(
            [f"{path}:{line}:{column}: syntax: the file is not UTF-8 text; save it with the encoding UTF-8"]
        ) from None


def _fill_empty_sections(data: Any, model: type[BaseModel]) -> Any:
    """Return ``data`` with sections whose keys are all commented out as empty ones: their defaults hold."""
    if not isinstance(data, dict):
        return data
    filled = dict(data)
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        if section is not None and name in filled:
            filled[name] = _fill_empty_sections({} if filled[name] is None else filled[name], section)
    return filled


def _with_moved_keys(data: Any) -> Any:
    """Return ``data`` with keys of earlier versions at their present place, unless that is filled already."""
    for (old_section, old_key), (new_section, new_key) in MOVED_KEYS.items():
        section = data.get(old_section)
        if not isinstance(section, dict) or old_key not in section:
            continue
        kept = {key: value for key, value in section.items() if key != old_key}
        target = data.get(new_section) or {}
        if isinstance(target, dict):
            data = {**data, old_section: kept, new_section: {new_key: section[old_key], **target}}
    return data


def _secrets_of(configuration: Configuration, resolver: References) -> frozenset[str]:
    """Return what the settings that may hold a secret hold of it: what was given by reference, and any user's name."""
    secrets: set[str] = set()
    for setting in settings_of(Configuration):
        if not may_hold_secret(setting.field):
            continue
        path = tuple(setting.path.split("."))
        value: Any = configuration
        for part in path:
            value = getattr(value, part)
        secrets |= secrets_in_address(str(value)) | resolver.values.get(path, set())
        if value is not None and is_secret(setting.field):
            secrets.add(str(value))
    return frozenset(secrets - {""})


def _told_in_order(faults: Sequence[str], name: str) -> list[str]:
    """Return each fault once, by its place in the file; a file with ever so many gets the first of them and a count."""
    ordered = sorted(dict.fromkeys(faults), key=_line_and_column)
    if len(ordered) <= FAULTS_SHOWN_MAX:
        return ordered
    more = len(ordered) - FAULTS_SHOWN_MAX
    return [*ordered[:FAULTS_SHOWN_MAX], f"{name}:1:1: configuration: {more} more faults are not shown"]


def _line_and_column(fault: str) -> tuple[int, int]:
    match = re.search(r":(\d+):(\d+): ", fault)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)
