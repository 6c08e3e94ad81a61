"""The documented scripts with a Python that has none of the packages: the project's own takes over, or a sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = "import importlib.util as u, sys; sys.exit(any(u.find_spec(n) for n in ('pydantic', 'goodwe')))"
SCRIPTS = [("src/master_coordinator.py", "--version"), ("test/inverter_test.py", "--help")]


@pytest.fixture(scope="module")
def bare_python() -> str:
    """Return a Python without the packages: the system's, or this one's own kept away from them."""
    for candidate in ("/usr/bin/python3", getattr(sys, "_base_executable", sys.executable)):
        if Path(candidate).exists():
            lacks = subprocess.run([candidate, "-c", PACKAGES], check=False, capture_output=True).returncode == 0
            if lacks:
                return candidate
    pytest.skip("every Python here has the packages")


@pytest.mark.parametrize(("script", "option"), SCRIPTS)
def test_the_projects_own_environment_takes_over(bare_python: str, script: str, option: str, tmp_path: Path) -> None:
    if not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip("there is no .venv to go on in")
    command = [bare_python, str(ROOT / script), option]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert Path(script).name in result.stdout


@pytest.mark.parametrize(("script", "option"), SCRIPTS)
def test_without_an_environment_one_sentence_says_what_to_run(
    bare_python: str, script: str, option: str, tmp_path: Path
) -> None:
    for path in (script, "src/hems/__init__.py", "src/hems/environment.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    command = [bare_python, str(tmp_path / script), option]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert result.returncode == 1
    assert "./scripts/run.sh" in result.stderr
    assert len(result.stderr.splitlines()) == 1
