"""Who else may read or change the configuration: what a person should know, though it stops nothing."""

from __future__ import annotations

import stat
from pathlib import Path

from hems.config.models import Configuration
from hems.domain.secrets import Redactor
from hems.plain_files import read_plain_file

_LARGEST_BYTES = 1_000_000


def doubts_about_rights(path: Path, configuration: Configuration) -> list[str]:
    """Return a sentence for each right on the file ``path`` that is wider than the service needs; none where none is.

    Raises: OSError: the file cannot be looked at.
    """
    mode = path.stat().st_mode
    doubts = []
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        who = "every user of this machine" if mode & stat.S_IWOTH else "the file's group"
        doubts.append(f"{path}: {who} may change how the battery is used: chmod go-w {path}")
    if mode & stat.S_IROTH and _holds_secret(path, configuration):
        doubts.append(
            f"{path}: holds a password that every user of this machine may read: chmod 640 {path}, or give it as "
            "${file:PATH}"
        )
    return doubts


def _holds_secret(path: Path, configuration: Configuration) -> bool:
    text = read_plain_file(path, _LARGEST_BYTES).decode("utf-8", errors="replace")
    return Redactor(configuration.secrets)(text) != text
