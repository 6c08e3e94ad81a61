"""Reading the latest published state. Light on imports: it answers ``--status``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hems.plain_files import read_json_file

CURRENT_STATE = Path("system_state") / "current_state.json"
STATE_MAX_BYTES = 2_000_000
"""The status has some 30 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """What the state file says: ``status``, or the ``problem`` that explains to a person why there is none."""

    path: Path
    status: dict[str, Any] | None
    problem: str | None


def read_current_state(directory: Path) -> StateFile:
    """Return the latest published state under the data ``directory``; never raises for what the disk holds."""
    path = directory / CURRENT_STATE
    try:
        status = read_json_file(path, STATE_MAX_BYTES)
    except FileNotFoundError:
        problem = f"{path} does not exist: the coordinator has not run yet with this data directory"
    except PermissionError:
        problem = f"{path} may not be read by this user: try as the service's user or as root"
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}"
    except ValueError as error:
        problem = f"{path} is not whole JSON ({error}): it will be written anew when the coordinator runs"
    else:
        if isinstance(status, dict):
            return StateFile(path=path, status=status, problem=None)
        problem = f"{path} holds no state: it will be written anew when the coordinator runs"
    return StateFile(path=path, status=None, problem=problem)
