"""A configuration file is read whole or refused whole, with every fault at its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.config.loader import (
    CONFIG_NAME,
    default_config_path,
    load_configuration,
    parse_configuration,
    resolve_directory,
)
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError

SMALLEST = """\
inverter:
  ip_address: 192.168.1.14
battery_management:
  capacity_kwh: 10
"""


def faults_of(text: str, **options: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, "f.yaml", **options)  # type: ignore[arg-type]
    return caught.value.faults


def with_keys(more: str) -> str:
    return SMALLEST + more


def test_two_keys_are_enough() -> None:
    configuration = parse_configuration(SMALLEST, "f.yaml")
    assert configuration.inverter.ip_address == "192.168.1.14"
    assert configuration.battery_management.capacity_kwh == 10.0
    assert not configuration.inverter.is_simulated


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("grid: {voltage_min: low}\n", 'f.yaml:5:21: grid.voltage_min: must be a number from 100 to 300 V, not "low"'),
        ("debug:\n  enabled: yes\n", 'f.yaml:6:12: debug.enabled: must be true or false, not "yes"'),
        (
            "storage: {raw_days: 1.5}\n",
            "f.yaml:5:21: storage.raw_days: must be a whole number from 1 to 3650 days, not 1.5",
        ),
        (
            "storage: {raw_days: true}\n",
            "f.yaml:5:21: storage.raw_days: must be a whole number from 1 to 3650 days, not true",
        ),
        (
            "charging:\n  max_power: 5 kW\n",
            'f.yaml:6:14: charging.max_power: must be a number from 100 to 50000 W, not "5 kW"',
        ),
        (
            "charging:\n  safety_temp_max: 200\n",
            "f.yaml:6:20: charging.safety_temp_max: must be a number from 0 to 80 °C or auto, not 200",
        ),
        (
            "charging: {max_power: .nan}\n",
            "f.yaml:5:23: charging.max_power: must be a number from 100 to 50000 W, not NaN",
        ),
        ("site: {time_zone: Mars/Olympus}\n", "time_zone: must be a time zone of the IANA database"),
        ("prices: {first_fetch_time: 24:30}\n", "prices.first_fetch_time: must be a local time of day as HH:MM"),
        ("prices: {pse: {base_url: ftp://x}}\n", "prices.pse.base_url: must be an http:// or https:// address"),
        ("chargin: {}\n", "f.yaml:5:1: chargin: unknown key; did you mean charging?"),
        ("charging: {max_powr: 1}\n", "f.yaml:5:12: charging.max_powr: unknown key; did you mean charging.max_power?"),
        ("charging: {soc_min: 1}\n", "unknown key here; did you mean battery_management.soc_min?"),
        ("debug: {xyzzy: 1}\n", "f.yaml:5:9: debug.xyzzy: unknown key; allowed here: enabled"),
        ("charging: 7\n", "f.yaml:5:11: charging: must be a section with the keys max_power,"),
        ("charging: {max_power: 1, max_power: 2}\n", "f.yaml:5:26: charging.max_power: stands twice, first in line 5"),
        (
            "coordinator: {factors: {price: {bands: []}}}\n",
            "coordinator.factors.price.bands: must be a list of at least one",
        ),
        (
            "coordinator: {factors: {price: {bands: [{up_to: 1}]}}}\n",
            "f.yaml:5:41: coordinator.factors.price.bands.0.points: required: a number from 0 to 100 points",
        ),
        ("<<: {debug: 1}\n", "f.yaml:5:1: <<: unknown key"),
        ("debug: {enabled: !secret x}\n", "f.yaml:5:18: debug.enabled: the tag !secret is not known here"),
    ],
)
def test_fault_names_place_key_and_what_is_allowed(more: str, fault: str) -> None:
    faults = faults_of(with_keys(more))
    assert len([line for line in faults if fault in line]) == 1, faults


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1:1", "the file is empty"),
        ("# only a comment\n", "1:1", "the file is empty"),
        ("- a\n- b\n", "1:1", "must be keys with values"),
        ("inverter:\n\tip_address: x\n", "2:1", "a tab cannot indent"),
        ("inverter: {ip_address: [\n", "2:1", "flow"),
        ("a: b: c\n", "1:5", "quotes"),
        ("a: 1\n---\nb: 2\n", "2:1", "one configuration"),
        ("a: 1\nb: \x07\n", "2:4", "cannot stand in YAML"),
        ("a: &x {b: *x}\n", "1:4", "contains it"),
    ],
)
def test_broken_form_is_explained(text: str, place: str, words: str) -> None:
    faults = faults_of(text)
    assert any(fault.startswith(f"f.yaml:{place}: ") and words in fault for fault in faults), faults


def test_every_fault_is_told_at_once_in_order_of_the_file() -> None:
    text = "inverter: {port: 0}\ncharging: {max_power: -1}\nnonsense: 1\ngrid: {voltage_max: 1, voltage_max: 2}\n"
    faults = faults_of(text)
    keys = [fault.split(": ")[1] for fault in faults]
    assert sorted(keys) == sorted(
        [
            "battery_management",
            "inverter.ip_address",
            "inverter.port",
            "charging.max_power",
            "nonsense",
            "grid.voltage_max",
            "grid.voltage_max",
        ]
    )
    lines = [int(fault.split(":")[1]) for fault in faults]
    assert lines == sorted(lines)


def test_yaml_1_2_reads_numbers_and_words_as_written() -> None:
    configuration = parse_configuration(
        with_keys(
            "storage: {raw_days: 010}\nprices: {first_fetch_time: 12:30}\nsimulator: {scenario: no, seed: 0o17}\n"
        ),
        "f.yaml",
    )
    assert configuration.storage.raw_days == 10
    assert configuration.prices.first_fetch_time.strftime("%H:%M") == "12:30"
    assert configuration.simulator.scenario == "no"
    assert configuration.simulator.seed == 15


def test_empty_section_has_its_defaults() -> None:
    text = with_keys("charging:\n  # max_power: 3000\nprices:\n  pse:\n")
    assert parse_configuration(text, "f.yaml").charging.max_power == 5000


@pytest.mark.parametrize(
    "address", ["simulator", "10.0.0.1", "fe80::1", "goodwe.local", "inverter", "INVERTER-2.lan.", "under_score.lan"]
)
def test_addresses_that_are_taken(address: str) -> None:
    text = SMALLEST.replace("192.168.1.14", f'"{address}"')
    assert parse_configuration(text, "f.yaml").inverter.ip_address == address


@pytest.mark.parametrize(
    "address", ["", "192.168.1.300", "192.168.1", "10.0.0.1:8899", "http://10.0.0.1", "a b", "-a", "a..b", "x" * 64]
)
def test_addresses_that_are_refused(address: str) -> None:
    faults = faults_of(SMALLEST.replace("192.168.1.14", f'"{address}"'))
    assert faults[0].startswith("f.yaml:2:15: inverter.ip_address: must be an IPv4 or IPv6 address")


def test_references_are_resolved_from_environment_and_files(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("10.1.2.3\n")
    text = SMALLEST.replace("192.168.1.14", "${file:address}") + "prices: {pse: {base_url: 'http://${env:HOST}/api'}}\n"
    configuration = parse_configuration(text, "f.yaml", folder=tmp_path, environment={"HOST": "prices.lan"})
    assert configuration.inverter.ip_address == "10.1.2.3"
    assert configuration.prices.pse.base_url == "http://prices.lan/api"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("${env:ABSENT}", "the environment variable ABSENT is not set, or empty"),
        ("${env:EMPTY}", "the environment variable EMPTY is not set, or empty"),
        ("${file:absent}", "absent cannot be read: No such file"),
        ("${vault:x}", "a reference is written ${env:NAME} or ${file:/path/to/file}"),
        ("${env:ABSENT", "a reference is written ${env:NAME} or ${file:/path/to/file}"),
    ],
)
def test_reference_that_leads_nowhere_is_one_fault(tmp_path: Path, reference: str, words: str) -> None:
    text = SMALLEST.replace("192.168.1.14", f"'{reference}'")
    faults = faults_of(text, folder=tmp_path, environment={"EMPTY": ""})
    assert len(faults) == 1
    assert words in faults[0]
    assert faults[0].startswith("f.yaml:2:15: inverter.ip_address: ")


def test_secret_is_never_repeated_in_a_fault() -> None:
    text = SMALLEST.replace("192.168.1.14", "${env:SECRET}")
    faults = faults_of(text, environment={"SECRET": "hunter2 hunter2"})
    assert faults == [
        (
            "f.yaml:2:15: inverter.ip_address: must be an IPv4 or IPv6 address or a host name, without a port, or the "
            "word simulator, not the value of ${env:SECRET}"
        )
    ]


def test_unreadable_places_are_explained(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: 1\nb: żółw\n".encode("iso-8859-2"))
    for path, words in (
        (tmp_path / "absent.yaml", ":1:1: configuration: no such file"),
        (tmp_path, ":1:1: configuration: this is a directory"),
        (latin / "c.yaml", ":1:1: configuration: cannot be read: Not a directory"),
        (latin, "latin.yaml:2:4: syntax: the file is not UTF-8 text"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_configuration(path)
        assert words in str(caught.value)


def test_a_file_closed_to_this_user_says_who_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, limit: int) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("hems.config.loader.read_plain_file", refuse)  # root may read everything
    with pytest.raises(ConfigurationError, match="Permission denied; try with sudo, or as a user of the group"):
        load_configuration(tmp_path / "c.yaml")


def test_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert load_configuration(file).inverter.ip_address == "192.168.1.14"


def test_configuration_knows_where_its_keys_stand(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(SMALLEST + "charging:\n  max_power: 3000\n")
    configuration = load_configuration(file)
    assert configuration.locate("charging.max_power") == f"{file}:6:3: charging.max_power"
    assert configuration.locate("charging.safety_voltage_max") == f"{file}:5:1: charging.safety_voltage_max"
    assert configuration.locate("grid.voltage_min") == f"{file}:1:1: grid.voltage_min"


def test_default_path_prefers_the_environment_then_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_config_path({"HEMS_CONFIG": "/etc/hems.yaml"}) == Path("/etc/hems.yaml")
    monkeypatch.chdir(tmp_path)
    found = default_config_path({})
    assert found.parts[-2:] == CONFIG_NAME.parts
    assert (found.parents[1] / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("file", "value", "expected"),
    [
        ("/srv/home/config/c.yaml", "out", "/srv/home/out"),
        ("/srv/home/my.yaml", "out", "/srv/home/out"),
        ("/srv/home/config/c.yaml", "/var/lib/hems", "/var/lib/hems"),
    ],
)
def test_relative_directories_do_not_depend_on_the_current_one(file: str, value: str, expected: str) -> None:
    assert resolve_directory(Path(file), Path(value)) == Path(expected)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_read_or_refused_with_places(text: str) -> None:
    try:
        outcome: Configuration | list[str] = parse_configuration(text, "f.yaml", environment={})
    except ConfigurationError as error:
        outcome = error.faults
    assert outcome
    assert isinstance(outcome, Configuration) or all(fault.startswith("f.yaml:") for fault in outcome)
