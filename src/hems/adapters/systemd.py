"""What systemd knows of the installed service. Only asks."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

UNIT = "goodwe-master-coordinator.service"
_BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "ExecMainCode",
    "NRestarts",
    "MainPID",
    "User",
    "StatusText",
    "NeedDaemonReload",
)
ASK_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """The unit's properties, by systemd's own names."""

    properties: dict[str, str]

    def get(self, name: str) -> str:
        """Return one property; empty where systemd does not have it."""
        return self.properties.get(name, "")

    @property
    def is_installed(self) -> bool:
        """Whether the unit file was found."""
        return self.get("LoadState") == "loaded"

    @property
    def user(self) -> str:
        """The user that runs it; empty is root."""
        return self.get("User")

    def number(self, name: str) -> int | None:
        """Return a property that is a number, or None."""
        text = self.get(name)
        return int(text) if text.isdecimal() else None


async def unit_state(unit: str = UNIT) -> UnitState | None:
    """Return what systemd says of the service; None where this machine was not started by systemd, or it is silent."""
    if not _BOOTED.is_dir() or shutil.which("systemctl") is None:
        return None
    process = await asyncio.create_subprocess_exec(
        "systemctl",
        "show",
        unit,
        f"--property={','.join(_PROPERTIES)}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
    try:
        async with asyncio.timeout(ASK_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return parse_show(output.decode("utf-8", "replace")) if process.returncode == 0 else None


def parse_show(text: str) -> UnitState:
    """Return the properties in the output of ``systemctl show``."""
    pairs = (line.partition("=") for line in text.splitlines())
    return UnitState(properties={name: value for name, sign, value in pairs if sign})
