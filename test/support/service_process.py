"""The service as a process that tells on itself: every address it speaks to, every socket it listens on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "src" / "master_coordinator.py"

_AUDITED = """\
import json, os, runpy, sys

told = open(sys.argv[1], "a", buffering=1)

def hook(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.bind", "socket.sendmsg"):
        address = arguments[1] if len(arguments) > 1 else None
        if isinstance(address, tuple):
            told.write(json.dumps([event, str(address[0]), address[1]]) + "\\n")
        elif address is not None:
            told.write(json.dumps([event, repr(address), 0]) + "\\n")

sys.addaudithook(hook)
os.umask(0)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningService:
    """A service process under audit."""

    process: subprocess.Popen[bytes]
    audit: Path
    output: Path
    config: Path

    def addresses(self) -> set[tuple[str, str, int]]:
        """Return (event, host, port) of all that was bound, connected to or sent to."""
        return {(event, host, port) for event, host, port in map(json.loads, self.audit.read_text().splitlines())}

    def wait_for(self, what: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 40.0) -> dict[str, Any]:
        """Return the first published status for which ``holds``; fails where none comes in time."""
        state = self.config.parent.parent / "out" / "system_state" / "current_state.json"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}: {self.output.read_text()}")
            if state.exists():
                document: dict[str, Any] = json.loads(state.read_text())
                if holds(document):
                    return document
            time.sleep(0.2)
        raise AssertionError(f"{what} did not come within {seconds} s: {self.output.read_text()[-2000:]}")

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running_service(
    config: Path, *, environment: Mapping[str, str] | None = None, to_journal: bool = False
) -> Iterator[RunningService]:
    """Run the service of ``config`` with a caller's umask of 0; ``to_journal`` as systemd connects it."""
    folder = config.parent.parent
    script, audit, output = folder / "audited.py", folder / "audit.jsonl", folder / "output.txt"
    script.write_text(_AUDITED)
    surroundings = {**os.environ, **(environment or {})}
    with output.open("ab") as sink:
        if to_journal:
            status = os.fstat(sink.fileno())
            surroundings["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
        process = subprocess.Popen(
            [sys.executable, script, audit, ENTRY, "--config", config],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=surroundings,
            cwd=folder,
        )
    try:
        yield RunningService(process=process, audit=audit, output=output, config=config)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def hems(*arguments: str | Path, environment: Mapping[str, str] | None = None, folder: Path) -> tuple[int, str]:
    """Run ``hems`` with a umask of 0 and return its exit code and all it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "hems.cli", *map(str, arguments)],
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        timeout=90,
        umask=0,
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def listening_sockets(pids: Sequence[int]) -> set[tuple[str, str, int]]:
    """Return (protocol, address in the kernel's hex, port) of every listening or bound socket of ``pids``."""
    inodes = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(entry.readlink())
            except OSError:
                continue  # closed meanwhile
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pids[0]}/net/{protocol}").read_text().splitlines()[1:]:
            words = line.split()
            is_listening = words[3] == "0A" if protocol.startswith("tcp") else words[2].endswith(":0000")
            if words[9] in inodes and is_listening:
                address, port = words[1].split(":")
                found.add((protocol, address, int(port, 16)))
    return found
