"""`scripts/run.sh` sets a bare checkout up and runs it: from anywhere, with spaces, twice at once, without a network.

The checkout here is a small one with the real scripts: no packages to fetch, and a build backend of its own, so that
pip needs nothing from outside.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
BASH = shutil.which("bash") or "/bin/bash"

BACKEND = """
import pathlib, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    info = "small-1.dist-info"
    source = str(pathlib.Path.cwd() / "src")
    files = {
        "small.pth": source + "\\n",
        info + "/METADATA": "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n",
        info + "/WHEEL": "Wheel-Version: 1.0\\nGenerator: small\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[info + "/RECORD"] = "".join(f"{name},,\\n" for name in (*files, info + "/RECORD"))
    name = "small-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["build-backend"]

[project]
name = "small"
version = "1"
"""
ENTRY = """
import json, os, sys
import small
print(json.dumps({"arguments": sys.argv[1:], "prefix": sys.prefix, "directory": os.getcwd(), "small": small.__file__}))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout in a folder with a space in its name."""
    root = tmp_path_factory.mktemp("fresh clone") / "the house"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    for path, text in (
        ("build-backend/backend.py", BACKEND),
        ("pyproject.toml", PYPROJECT),
        ("requirements.txt", "# nothing to fetch\n"),
        ("src/small/__init__.py", ""),
        ("src/master_coordinator.py", ENTRY),
        ("config/master_coordinator_config.yaml", ""),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def start(checkout: Path, *arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "HEMS_CONFIG", "PYTHONPATH"}}
    return subprocess.Popen(
        [str(checkout / "scripts" / "run.sh"), *arguments],
        cwd=cwd,
        env=kept | {"PIP_NO_INDEX": "1"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(checkout: Path, *arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    with start(checkout, *arguments, cwd=cwd, **environment) as process:
        out, err = process.communicate(timeout=90)
    return process.returncode, out, err


def ran(outcome: tuple[int, str, str]) -> dict[str, object]:
    """Return what the entry printed about itself."""
    code, out, err = outcome
    assert code == 0, err
    printed = json.loads(out)
    assert isinstance(printed, dict)
    return printed


def test_bare_checkout_is_set_up_once_by_two_starts_at_once(checkout: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    with start(checkout, "--status", cwd=tmp_path) as first, start(checkout, "--test", cwd=tmp_path) as second:
        outcomes = [(*process.communicate(timeout=90), process.returncode) for process in (first, second)]
    for out, err, code in outcomes:
        assert code == 0, err
        assert f'"prefix": "{checkout}/.venv"' in out
        assert f'"small": "{checkout}/src/small/__init__.py"' in out
    told = "".join(err for _, err, _ in outcomes)
    assert told.count("[1/3] making .venv") == 1
    assert told.count("[3/3] installing the Master Coordinator") == 1
    assert set(tmp_path.iterdir()) == before, "something was written to the current directory"

    code, out, err = run(checkout, cwd=tmp_path)
    assert (code, err) == (0, ""), "a second start has nothing to set up"
    assert f'"directory": "{tmp_path}"' in out


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, ["--config", "{root}/config/master_coordinator_config.yaml"]),
        (
            ["--status", "--json"],
            {},
            ["--config", "{root}/config/master_coordinator_config.yaml", "--status", "--json"],
        ),
        (["--config", "my file.yaml"], {}, ["--config", "my file.yaml"]),
        (["--config=x.yaml", "--test"], {}, ["--config=x.yaml", "--test"]),
        (["--test"], {"HEMS_CONFIG": "/etc/hems.yaml"}, ["--test"]),
    ],
)
def test_shipped_configuration_is_used_unless_another_is_named(
    checkout: Path, tmp_path: Path, arguments: list[str], environment: dict[str, str], expected: list[str]
) -> None:
    printed = ran(run(checkout, *arguments, cwd=tmp_path, **environment))
    assert printed["arguments"] == [word.replace("{root}", str(checkout)) for word in expected]


def test_changed_pins_are_installed_and_a_moved_checkout_is_set_up_again(checkout: Path, tmp_path: Path) -> None:
    ran(run(checkout, cwd=tmp_path))
    (checkout / "requirements.txt").write_text("# still nothing to fetch\n")
    code, _, err = run(checkout, cwd=tmp_path)
    assert code == 0, err
    assert "[2/3]" in err
    assert "[1/3]" not in err

    moved = tmp_path / "moved house"
    shutil.copytree(checkout, moved, symlinks=True)
    outcome = run(moved, cwd=tmp_path)
    assert "[1/3] making .venv" in outcome[2]
    assert ran(outcome)["small"] == f"{moved}/src/small/__init__.py"


def test_missing_package_stops_with_a_sentence_and_is_tried_again(checkout: Path, tmp_path: Path) -> None:
    ran(run(checkout, cwd=tmp_path))
    pins = checkout / "requirements.txt"
    former = pins.read_text()
    pins.write_text(f"absent==1 --hash=sha256:{'0' * 64}\n")
    for _ in range(2):
        code, out, err = run(checkout, cwd=tmp_path)
        assert code == 1
        assert out == ""
        assert "error: the packages could not be installed" in err
    pins.write_text(former)
    ran(run(checkout, cwd=tmp_path))


def only_these(directory: Path, *names: str) -> str:
    """Return a PATH on which only the commands ``names`` exist."""
    directory.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (directory / name).symlink_to(found)
    return str(directory)


def test_machine_without_python_is_told_what_to_install(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "no python"
    shutil.copytree(checkout, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    path = only_these(tmp_path / "bin", "bash", "env", "dirname", "cat", "sha256sum", "cut", "mkdir", "id")
    code, _, err = run(copy, cwd=tmp_path, PATH=path)
    assert code == 1
    assert "error: Python 3.11 or newer is needed and was not found" in err
    assert "sudo apt install python3 python3-venv" in err


def test_python_without_venv_names_the_package(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "no venv"
    shutil.copytree(checkout, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    path = only_these(tmp_path / "bin", "bash", "env", "dirname", "cat", "sha256sum", "cut", "mkdir", "id")
    python = Path(path) / "python3"
    # As Debian ships it: a Python that works, whose ensurepip is packaged apart.
    python.write_text(
        f'#!{BASH}\ncase "$*" in *ensurepip*) exit 1 ;; esac\nexec "{Path(sys.executable).resolve()}" "$@"\n'
    )
    python.chmod(0o755)
    code, _, err = run(copy, cwd=tmp_path, PATH=path)
    assert code == 1
    assert "error: python3 has no venv module" in err
    assert "-venv" in err.splitlines()[-1]


def test_checkout_of_another_user_is_told_in_a_sentence(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "of another"
    shutil.copytree(checkout, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    (copy / ".venv" / ".setup.lock").mkdir(parents=True)  # as little to be opened as a file of somebody else
    code, _, err = run(copy, cwd=tmp_path)
    assert code == 1
    assert "error: " in err
    assert f"cannot be written by {getpass.getuser()}: run this as the owner of {copy}" in err
    assert "Permission denied" not in err
    assert "line " not in err


def test_what_is_recommended_exists() -> None:
    text = (ROOT / "scripts" / "lib.sh").read_text(encoding="utf-8")
    for name in re.findall(r"scripts/([a-z_]+\.sh)", text):
        assert (ROOT / "scripts" / name).exists(), name


def test_scripts_are_valid_bash_and_executable() -> None:
    for name in ("run.sh", "test.sh", "lib.sh"):
        subprocess.run([BASH, "-n", str(ROOT / "scripts" / name)], check=True)
    for path in ("scripts/run.sh", "scripts/test.sh", ".ci/run"):
        assert os.access(ROOT / path, os.X_OK), path
