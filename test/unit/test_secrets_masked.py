"""What is hidden and what stays readable: texts, tracebacks, addresses, serial numbers; rights that are too wide."""

from __future__ import annotations

import base64
import io
import logging
from pathlib import Path

import pytest
import structlog

from hems.adapters.inverters.goodwe.library_bus import LinkOptions
from hems.adapters.logging_setup import LOG_FILE_NAME, LoggingOptions, configure_logging
from hems.adapters.prices.pse import PseOptions
from hems.config.loader import parse_configuration
from hems.config.rights import doubts_about_rights
from hems.domain.secrets import Redactor, secrets_in_address, shortened_serial, without_secrets

SECRET = 'pa"ss\\w or/d%é'  # noqa: S105 - made up
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()
ADDRESS = "http://me:pa%22ss%5Cw%20or%2Fd%25%C3%A9@host/api"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing secret", "nothing secret"),
        (f"said {SECRET}!", "said ***!"),
        (f"GET {ADDRESS}/x", "GET http://***@host/api/x"),
        (f'{{"a": "{SECRET!r}"}}', '{"a": "\'***\'"}'),
        ('"pa\\"ss\\\\w or/d%\\u00e9"', '"***"'),
        ("pa%22ss%5Cw%20or%2Fd%25%C3%A9", "***"),
        (f"Authorization: Basic {BASIC}", "Authorization: Basic ***"),
        ("https://token@host and ftp://a:b@c/d@e", "https://***@host and ftp://***@c/d@e"),
        ("mail me@host about http://host/@x", "mail me@host about http://host/@x"),
        ("http://x/ and a@b", "http://x/ and a@b"),
    ],
)
def test_secrets_are_hidden_in_every_form_in_which_they_travel(text: str, shown: str) -> None:
    assert Redactor(secrets_in_address(ADDRESS))(text) == shown


def test_what_is_too_short_to_look_for_is_hidden_in_addresses_only() -> None:
    redact = Redactor(secrets_in_address("http://a:b@host/"))
    assert redact("bad http://a:b@host/ bob") == "bad http://***@host/ bob"


def test_a_longer_secret_is_hidden_whole() -> None:
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh abcd") == "*** ***"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://u:p@h/x?token=t", "http://***@h/x?***"),
        ("http://h/x", "http://h/x"),
        ("http://u@h", "http://***@h"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_as_it_may_be_shown(address: str, shown: str) -> None:
    assert without_secrets(address) == shown


@pytest.mark.parametrize(
    ("serial", "shown"),
    [("9010KETU00TEST01", "9010KETU******01"), ("95048ESU123W0001", "95048ESU******01"), ("short", "*****"), ("", "")],
)
def test_a_serial_number_tells_the_model_and_opens_nothing(serial: str, shown: str) -> None:
    assert shortened_serial(serial) == shown


@pytest.mark.parametrize("debug", [False, True])
def test_logs_hold_no_secret_whoever_logs_and_whatever_fails(tmp_path: Path, debug: bool) -> None:
    stream = io.StringIO()
    secrets = secrets_in_address(ADDRESS)
    close = configure_logging(
        LoggingOptions(directory=tmp_path, debug=debug, secrets=secrets), stream=stream, environment={}
    )
    try:
        logging.getLogger("a.library").warning("asked %s with %s", ADDRESS, SECRET)
        structlog.get_logger("ours").info("told", address=ADDRESS, word=SECRET, options=PseOptions(base_url=ADDRESS))
        try:
            kept_in_a_variable = [SECRET, ADDRESS]
            raise ValueError(f"{ADDRESS} failed with {kept_in_a_variable}")
        except ValueError:
            structlog.get_logger("ours").exception("failed")
            logging.getLogger("a.library").exception("failed")
    finally:
        close()
    told = (tmp_path / LOG_FILE_NAME).read_text() + stream.getvalue()
    assert told.count("***@host") >= 6, "the address itself is still of use"
    for form in (SECRET, "pa%22ss", BASIC, 'pa\\"ss', "ss\\\\\\\\w"):
        assert form not in told


def test_tracebacks_in_the_log_file_carry_no_variables(tmp_path: Path) -> None:
    close = configure_logging(LoggingOptions(directory=tmp_path), stream=io.StringIO(), environment={})
    try:
        try:
            a_value_nobody_announced = "canary-" + "in-a-local"
            raise ValueError("broken")
        except ValueError:
            structlog.get_logger("ours").exception("failed")
        assert a_value_nobody_announced not in (tmp_path / LOG_FILE_NAME).read_text()
    finally:
        close()
    assert "broken" in (tmp_path / LOG_FILE_NAME).read_text()


CONFIGURED = (
    "inverter: {{ip_address: simulator}}\nbattery_management: {{capacity_kwh: 10}}\n"
    'prices: {{pse: {{base_url: "{address}"}}}}\n'
)


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("https://host/api", set()),
        ("https://me:passw0rd@host/api", {"passw0rd", base64.b64encode(b"me:passw0rd").decode()}),
        ("https://${env:TOKEN}@host/api", {"t0ken", base64.b64encode(b"t0ken:").decode()}),
        ("https://host/${env:TOKEN}/api", {"t0ken"}),
    ],
)
def test_the_configuration_knows_what_of_it_is_secret(address: str, secrets: set[str]) -> None:
    configuration = parse_configuration(
        CONFIGURED.format(address=address), "house.yaml", environment={"TOKEN": "t0ken"}
    )
    assert configuration.secrets == secrets
    assert not any(secret in repr(configuration) for secret in secrets if "${" in address), repr(configuration)


@pytest.mark.parametrize(
    ("mode", "address", "told"),
    [
        (0o640, "https://me:passw0rd@host/api", []),
        (0o644, "https://host/api", []),
        (0o664, "https://host/api", ["the file's group may change"]),
        (0o666, "https://host/api", ["every user of this machine may change"]),
        (0o644, "https://me:passw0rd@host/api", ["holds a password"]),
        (0o666, "https://me:passw0rd@host/api", ["may change", "holds a password"]),
        (0o644, "https://host/${env:TOKEN}/api", []),
    ],
)
def test_rights_that_are_too_wide_are_told(tmp_path: Path, mode: int, address: str, told: list[str]) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(CONFIGURED.format(address=address))
    file.chmod(mode)
    configuration = parse_configuration(file.read_text(), str(file), environment={"TOKEN": "t0ken"})
    doubts = doubts_about_rights(file, configuration)
    assert len(doubts) == len(told), doubts
    for doubt, words in zip(doubts, told, strict=True):
        assert words in doubt
        assert "passw0rd" not in doubt


def test_the_inverters_address_is_no_secret() -> None:
    assert "192.0.2.7" in str(LinkOptions(host="192.0.2.7")), "an error that does not name it helps nobody"
