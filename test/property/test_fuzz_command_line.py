"""Whatever is typed behind ``hems``: an answer or a sentence, never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hems.cli.app import app
from hems.domain.errors import HemsError
from support.household import write_configuration

TIMES = [
    *("", " ", "-1", "0", "now", "24:00", "25:00", "7", "07:00", "7:60", "2026-02-30", "2026-11-01", "0001-01-01"),
    *("9999-12-31", "10000-01-01", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-10-25T02:30"),
    *(
        "2026-03-29T02:30",
        "2026-W44-7",
        "20261101",
        "tomorrow",
        "２０２６-11-01",
        "2026-11-01T00:00:00Z",
        "\x00",
        "١٢:٠٠",
    ),
]
NUMBERS = [
    "",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "100",
    "101",
    "9" * 400,
    "0x10",
    "1_0",
    "٥",
    "1,5",
    " 5",
    "True",
]
PATHS = [
    "",
    ".",
    "/",
    "/dev/null",
    "/dev/full",
    "/proc/self/mem",
    "missing/deep/file.csv",
    "a" * 300,
    "~",
    "*",
    "\udcff",
    "-",
]
RUNNER = CliRunner()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_configuration(tmp_path_factory.mktemp("house"))


def answer(*arguments: str, folder: Path) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        result = RUNNER.invoke(app, list(arguments))
    finally:
        os.chdir(before)
    if isinstance(result.exception, HemsError):
        str(result.exception).encode("utf-8", errors="surrogateescape")
        return
    assert result.exception is None or isinstance(result.exception, SystemExit), (arguments, result.exception)
    assert "Traceback" not in result.output


@pytest.mark.parametrize("moment", TIMES)
def test_moments(config: Path, moment: str) -> None:
    folder = config.parent.parent
    answer("fast-charge", "--to", "90", "--by", moment, "--config", str(config), folder=folder)
    answer("export", "--from", moment, "--config", str(config), folder=folder)
    answer("export", "--to", moment, "--config", str(config), folder=folder)
    answer("why", "--at", moment, "--config", str(config), folder=folder)
    answer(
        "simulate", "--start", moment, "--host", "203.0.113.1", folder=folder
    )  # an address no machine has: never serves


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers(config: Path, number: str) -> None:
    folder = config.parent.parent
    answer("fast-charge", "--to", number, "--by", "07:00", "--config", str(config), folder=folder)
    for option in ("--price", "--soc", "--pv", "--load"):
        answer("score", option, number, "--config", str(config), folder=folder)
    for option in ("--soc", "--udp", "--tcp", "--speed", "--capacity-kwh", "--seed"):
        answer("simulate", option, number, "--host", "203.0.113.1", folder=folder)
    answer("restore", "--host", "127.0.0.1", "--port", number if number not in {"100", "101"} else "x", folder=folder)


@pytest.mark.parametrize("path", PATHS)
def test_paths(config: Path, path: str) -> None:
    folder = config.parent.parent
    for command in (("status",), ("export",), ("config", "check")):
        named = (path,) if command[0] == "config" else ("--config", path)
        answer(*command, *named, folder=folder)
    answer("backup", path, "--config", str(config), folder=folder)
    answer("export", path, "--config", str(config), folder=folder)


@given(
    st.lists(
        st.text(max_size=12) | st.sampled_from(["export", "score", "config", "check", "--from", "--to", "--csv"]),
        max_size=5,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_words(config: Path, words: list[str]) -> None:
    if words and words[0] in {"run", "simulate", "restore", "test", "chaos", "discover", "doctor"}:
        return  # these do something; their options stand above
    answer(*words, folder=config.parent.parent)
