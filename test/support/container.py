"""A machine with a systemd of its own: a tree of files booted by systemd-nspawn, without a network but its loopback."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOTS_WITHIN_S = 60
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb", "HOME": "/root"}


class CannotBoot(Exception):
    """This machine cannot make or boot a tree; the text says why."""


def make_tree() -> Path:
    """Return a tree that is never changed, made now where there is none yet. Raises: CannotBoot."""
    if os.geteuid() != 0:
        raise CannotBoot("booting a tree needs root")
    made = subprocess.run(
        [ROOT / "test" / "systemd" / "make_tree.sh"], capture_output=True, text=True, check=False, timeout=900
    )
    if made.returncode != 0:
        raise CannotBoot(f"no tree: {made.stderr.strip()[-600:]}")
    return Path(made.stdout.strip().splitlines()[-1])


class Container:
    """The booted machine. ``run`` writes every command and its output down in ``transcript``."""

    def __init__(self, root: Path, binds: Mapping[Path, str]) -> None:
        self.root = root
        self.transcript: list[str] = []
        self._command = [
            "systemd-nspawn",
            "-D",
            str(root),
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--boot",
        ]
        self._command += [
            "--console=pipe",
            "--hostname=house",
            *(f"--bind-ro={path}:{at}" for path, at in binds.items()),
        ]
        self._nspawn: subprocess.Popen[bytes] | None = None

    def switch_on(self) -> None:
        """Boot, and return once all services are started. Raises: CannotBoot."""
        with self._console_file.open("wb") as console:
            self._nspawn = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )
        self._wait_until_booted()

    def switch_off(self) -> None:
        """End everything at once, as a power cut does."""
        if self._nspawn is None:
            return
        if leader := self._leader():
            subprocess.run(["kill", "-KILL", str(leader)], check=False)  # init gone, the kernel ends all the rest
        self._nspawn.terminate()
        self._nspawn.wait(30)
        self._nspawn = None

    def run(self, command: str, *, check: bool = True, timeout_s: float = 240, shown: bool = True) -> str:
        """Run a shell command inside and return what it printed; fails the test on another exit code than 0."""
        code, output = self.attempt(command, timeout_s=timeout_s, shown=shown)
        assert code == 0 or not check, f"{command}: exit code {code}\n{output}\n{self._last_words()}"
        return output

    def attempt(self, command: str, *, timeout_s: float = 240, shown: bool = True) -> tuple[int, str]:
        """Run a shell command inside and return its exit code and what it printed."""
        done = subprocess.run(
            [*self._enter(), "/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=CLEAN,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        if shown:
            ending = f"[exit code {done.returncode}]\n" if done.returncode else ""
            self.transcript.append(f"# {command}\n{done.stdout}{ending}")
        return done.returncode, done.stdout

    def note(self, text: str) -> None:
        """Write down what a reader must know about the commands that follow."""
        self.transcript.append(f"\n## {text}\n")

    def _wait_until_booted(self) -> None:
        deadline = time.monotonic() + BOOTS_WITHIN_S
        state = "no init yet"
        while time.monotonic() < deadline:
            if self._leader():
                state = self.attempt("systemctl is-system-running", shown=False)[1].strip()
                if state in {"running", "degraded"}:
                    return
            elif self._nspawn is None or self._nspawn.poll() is not None:
                break
            time.sleep(0.5)
        raise CannotBoot(f"systemd did not come up in {self.root} ({state}); systemd-nspawn's words: {self._console()}")

    def _leader(self) -> int:
        """Return the process id of the machine's init as seen from outside; 0 while there is none."""
        if self._nspawn is None:
            return 0
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else 0

    def _enter(self) -> list[str]:
        leader = self._leader()
        assert leader, f"the machine is down: {self._console()}"
        return ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "--"]

    @property
    def _console_file(self) -> Path:
        return self.root.with_suffix(".console")

    def _console(self) -> str:
        return self._console_file.read_text(errors="replace").strip()[-600:]

    def _last_words(self) -> str:
        words = self.attempt("journalctl -n 40 --no-pager -o short-monotonic -u goodwe-master-coordinator", shown=False)
        return f"journal:\n{words[1]}"


@contextmanager
def booted(tree: Path, binds: Mapping[Path, str]) -> Iterator[Container]:
    """Boot a copy of ``tree``; ``binds`` are folders of this machine that it may read. Raises: CannotBoot."""
    with tempfile.TemporaryDirectory(prefix="hems-machine-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "machine"
        subprocess.run(["cp", "-a", "--reflink=auto", tree, root], check=True)
        machine = Container(root, binds)
        try:
            machine.switch_on()
            yield machine
        finally:
            machine.switch_off()
