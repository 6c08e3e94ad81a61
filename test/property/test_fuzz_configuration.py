"""Whatever stands in a configuration file, or in its place: a configuration, or faults that say where, soon."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hems.config.describe import settings_of
from hems.config.loader import load_configuration, parse_configuration
from hems.config.models import Configuration
from hems.config.reference import render_example
from hems.domain.errors import ConfigurationError

EXAMPLE = render_example()
BASE = "inverter: {ip_address: 10.0.0.5}\nbattery_management: {capacity_kwh: 10}\n"
PATHS = sorted({setting.path for setting in settings_of(Configuration)})
PATIENCE_S = 5.0
FAULT = re.compile(r"\S+:[1-9]\d*:[1-9]\d*: [^\n]+: [^\n]+")
FAULTS_LONGEST = 100_000

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 2**63, -1, 0])
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["${env:NOTHING}", "${file:/dev/null}", "${", "${}", "${env:}", "auto", "~", "1e999", "0x", "*a"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def outcome(text: str, folder: Path = Path()) -> list[str]:
    """Return the faults of ``text``, none where it is in order; anything but a tellable answer in time fails."""
    began = time.process_time()
    faults: list[str] = []
    try:
        parse_configuration(text, "house.yaml", folder=folder, environment={})
    except ConfigurationError as error:
        faults = error.faults
        assert faults
    assert time.process_time() - began < PATIENCE_S
    for fault in faults:
        assert FAULT.fullmatch(fault), fault[:300]
    told = "\n".join(faults)
    told.encode()  # what cannot be encoded cannot be printed
    assert len(told) < FAULTS_LONGEST
    return faults


# -- by hand: what was once a crash, a hang, or a line nobody could read ----------------------------------------


def bomb() -> str:
    """Nine levels of ten aliases each: a billion values in 400 bytes."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for this, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{this}: &{this} [{', '.join([f'*{before}'] * 10)}]")
    return BASE + "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (bomb(), "aliases"),
        ("inverter: " + "[" * 20_000, "nested too deep"),
        (BASE.replace("10}", f"0x{'f' * 9000}}}"), "capacity_kwh"),
        (BASE.replace("10}", f"{'1' * 9000}}}"), "capacity_kwh"),
        (BASE.replace("10.0.0.5", f"0x{'f' * 9000}"), "ip_address"),
        (BASE.replace("10.0.0.5", '"\\ud800"'), "ip_address: .*character"),
        (BASE + '"\\ud800": 1\n', "character"),
        (BASE + '"a\\nb": 1\n', "character"),
        (BASE + 'storage: {directory: "a\\0b"}\n', "storage.directory: .*character"),
        (BASE + 'storage: {directory: "a\\ud800"}\n', "storage.directory: .*character"),
        (BASE + 'prices: {pse: {base_url: "http://a\\0b/"}}\n', "base_url: .*character"),
        (BASE.replace("10.0.0.5", '"${env:\\ud800}"'), "character"),
        (BASE.replace("10.0.0.5", '"${file:a\\0b}"'), "character"),
        (BASE.replace("10.0.0.5", '"${file:~nobody-of-this-name/x}"'), "no such user"),
        (BASE.replace("10.0.0.5", '"${file:/dev/zero}"'), "not a regular file"),
        (BASE.replace("10.0.0.5", '"${file:/}"'), "directory"),
        (BASE.replace("10.0.0.5", "${env:X}"), "in quotes"),
        ("a: &a 1\nb: &a 2\n" + BASE, "unknown key"),
        (BASE + "".join(f"key_{number}: 1\n" for number in range(3000)), "more faults"),
        (BASE + "k: " + "x" * 60_000, "unknown key"),
        ("%YAML 9.9\n---\n" + BASE, "version"),
        ("inverter:\n\tip_address: 10.0.0.5\n", "tab"),
        (BASE.replace("ip_address", "<<"), "unknown key"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_hostile_texts_get_a_fault_that_names_the_place(text: str, told: str) -> None:
    assert any(re.search(told, fault) for fault in outcome(text)), outcome(text)[:3]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "---\n", "%YAML 1.1\n---\n"])
def test_line_endings_and_a_mark_at_the_start_change_nothing(tmp_path: Path, ending: str, start: str) -> None:
    file = tmp_path / "house.yaml"
    file.write_bytes((start + BASE).replace("\n", ending).encode())
    assert load_configuration(file).inverter.ip_address == "10.0.0.5"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "cp1250"])
def test_other_encodings_are_told(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "house.yaml"
    file.write_bytes(f"# ż\n{BASE}".replace("ż", "ó").encode(encoding))
    with pytest.raises(ConfigurationError, match=r"house.yaml:\d+:\d+: syntax: the file is not UTF-8"):
        load_configuration(file)


# -- what may stand in the place of the file -------------------------------------------------------------------


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (make_fifo, "not a regular file"),
        (make_device, "not a regular file"),
        (make_loop, "symbolic links"),
        (Path.mkdir, "directory"),
        (make_huge, "larger than"),
        (lambda path: path.symlink_to("gone"), "no such file"),
        (Path.touch, "the file is empty"),
    ],
)
@pytest.mark.parametrize("as_secret", [False, True])
def test_what_is_no_file_to_read_is_told_at_once(tmp_path: Path, make: Any, told: str, as_secret: bool) -> None:
    place = tmp_path / "place"
    make(place)
    began = time.process_time()
    if as_secret:
        with pytest.raises(ConfigurationError) as caught:
            parse_configuration(BASE.replace("10.0.0.5", '"${file:place}"'), "house.yaml", folder=tmp_path)
        assert "inverter.ip_address" in str(caught.value)
    else:
        with pytest.raises(ConfigurationError) as caught:
            load_configuration(place)
        assert re.search(told, str(caught.value))
    assert time.process_time() - began < 1.0
    assert FAULT.fullmatch(caught.value.faults[0])


# -- by chance -------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "house.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(file)
    for fault in caught.value.faults:
        assert FAULT.fullmatch(fault), fault


@given(st.data())
@settings(deadline=None)
def test_any_value_at_any_key(data: st.DataObject) -> None:
    tree: dict[str, Any] = {"inverter": {"ip_address": "10.0.0.5"}, "battery_management": {"capacity_kwh": 10}}
    for _ in range(data.draw(st.integers(1, 3))):
        *sections, key = data.draw(st.sampled_from(PATHS)).split(".")
        here: Any = tree
        for section in sections[: data.draw(st.integers(0, len(sections)))] or sections:
            here[section] = here[section] if isinstance(here.get(section), dict) else {}
            here = here[section]
        here[key] = data.draw(VALUES)
    outcome(json.dumps(tree))  # JSON is YAML, escapes and NaN included


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_the_shipped_file_with_pieces_gone_wrong(data: st.DataObject) -> None:
    text = EXAMPLE
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 40)))
        piece = data.draw(
            st.text(max_size=6) | st.sampled_from(["\t", "- ", ": ", "{", "[", "&a ", "*a", "!!", "\n  ", "'"])
        )
        text = text[:start] + piece * data.draw(st.integers(1, 3)) + text[end:]
    outcome(text)


@given(st.text(alphabet=":-{}[],&*!|>'\"%@`#? \n\tab1.~$<", max_size=60))
@settings(deadline=None)
def test_any_mixture_of_yaml_signs(text: str) -> None:
    outcome(text)
    outcome(BASE + text)
