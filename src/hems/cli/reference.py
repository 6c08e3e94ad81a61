"""``docs/commands.md``, made from the commands themselves so that it cannot drift.

``python -m hems.cli.reference > docs/commands.md`` renews it.
"""

from __future__ import annotations

import sys
from argparse import Action
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import cast

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from hems.cli.app import app
from hems.cli.documented import make_parser
from hems.cli.exit_codes import MEANINGS

_HEADER = """\
# Commands

<!-- Made from the program: python -m hems.cli.reference > docs/commands.md -->

`hems` is `.venv/bin/hems` in a checkout. Where no `--config` is given, the configuration is `$HEMS_CONFIG`, else
`config/master_coordinator_config.yaml` of the checkout, of the current directory, or of the installed place;
`hems score` alone goes without and takes the documented bands then.
"""

_VALUE_WORDS = {str: "TEXT", float: "NUMBER", int: "INTEGER", Path: "PATH"}


def render_commands() -> str:
    """Return the page: the documented script, every command of ``hems`` with its options, and the exit codes."""
    group = cast("TyperGroup", get_command(app))
    lines = [_HEADER, *_script(), *_group(group, "hems"), "## Exit codes", "", "| Code | Meaning |", "|---|---|"]
    lines += [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(lines) + "\n"


def _script() -> Iterator[str]:
    parser = make_parser()
    yield f"## `src/{parser.prog}`\n"
    yield f"{parser.description}\n"
    yield from _table((_script_option(action), action.help or "", "") for action in parser._actions)  # noqa: SLF001 - argparse has no other list


def _script_option(action: Action) -> str:
    name = ", ".join(action.option_strings)
    return f"{name} {action.metavar}" if action.metavar else name


def _group(group: TyperGroup, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _group(command, f"{path} {name}")
        else:
            yield from _command(cast("TyperCommand", command), f"{path} {name}")


def _command(command: TyperCommand, path: str) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if isinstance(parameter, TyperArgument)]
    usage = "".join(f" {_argument(argument)}" for argument in arguments)
    yield f"## `{path}{usage}`\n"
    yield f"{command.help or ''}\n"
    if command.params:
        yield from _table(_row(parameter) for parameter in command.params)


def _row(parameter: object) -> tuple[str, str, str]:
    if isinstance(parameter, TyperArgument):
        return _argument(parameter), parameter.help or "", ""
    option = cast("TyperOption", parameter)
    name = " / ".join([*option.opts, *option.secondary_opts])
    shown = name if option.is_flag else f"{name} {_value(option)}"
    default = "required" if option.required else "" if option.is_flag else _default(option.default)
    return shown, option.help or "", default


def _argument(argument: TyperArgument) -> str:
    name = str(argument.name).upper()
    return name if argument.required else f"[{name}]"


def _value(option: TyperOption) -> str:
    kind = option.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return _VALUE_WORDS.get(kind, "TEXT")


def _default(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    yield "| Option | Meaning | Default |"
    yield "|---|---|---|"
    for name, meaning, default in rows:
        yield f"| `{_cell(name)}` | {_cell(' '.join(meaning.split()))} | {_cell(default)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render_commands())
