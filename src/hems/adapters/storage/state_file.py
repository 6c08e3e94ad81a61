"""Reading the latest published state. Light on imports: it answers ``--status``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CURRENT_STATE = Path("system_state") / "current_state.json"


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
        status = json.loads(path.read_text(encoding="utf-8"))
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
