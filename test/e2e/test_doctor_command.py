"""``hems doctor`` as a person runs it: its exit code, its output, its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hems.composition.doctor.catalogue import kinds
from hems.composition.doctor.runner import CRASHED, TIMED_OUT
from support.household import write_configuration

HOST = f"127.74.{os.getpid() % 250}.1"


def doctor(config: Path, *more: str, width: int = 80) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hems.cli", "doctor", "--config", str(config), *more]
    environment = os.environ | {"COLUMNS": str(width), "PYTHONWARNINGS": "error"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.mark.slow
def test_says_what_is_wrong_and_changes_nothing(tmp_path: Path) -> None:
    config = write_configuration(tmp_path, host=HOST, base_url="http://user:canary-password@127.0.0.1:9/api")
    before = sorted(tmp_path.rglob("*"))
    began = time.monotonic()
    result = doctor(config)
    assert time.monotonic() - began < 20
    assert result.returncode == 1, result.stderr
    assert sorted(tmp_path.rglob("*")) == before
    for said in ("✗ Connection refused", "✗ Price server refuses connections", "→ Try the other protocol", "problems"):
        assert said in result.stdout
    lines = [line for line in result.stdout.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 80
    assert "canary-password" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_tells_programs_the_same(tmp_path: Path) -> None:
    config = write_configuration(tmp_path, host="simulator")
    result = doctor(config, "--json")
    document = json.loads(result.stdout)
    found = {finding["code"] for finding in document["findings"]}
    assert {"configuration_valid", "inverter_simulated", "prices_connection_refused"} <= found
    assert found <= {kind.code for kind in kinds()}, f"neither {CRASHED} nor {TIMED_OUT}"
    assert document["counts"]["problem"] == sum(one["state"] == "problem" for one in document["findings"])
    assert result.stderr == ""


@pytest.mark.slow
def test_a_broken_configuration_is_the_first_finding_and_no_end(tmp_path: Path) -> None:
    config = write_configuration(tmp_path, more="nonsense: 1")
    result = doctor(config, width=120)
    assert result.returncode == 1
    assert f"{config}:" in result.stdout
    assert "nonsense" in result.stdout
    assert "✓ Python" in result.stdout
