"""The section ``web``: what would open the house by mistake is refused with the key's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hems.config.loader import load_configuration
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError


def load(folder: Path, web: str) -> Configuration:
    path = folder / "house.yaml"
    path.write_text(f"inverter: {{ip_address: simulator}}\nbattery_management: {{capacity_kwh: 10}}\nweb: {web}\n")
    return load_configuration(path)


def test_by_default_it_listens_to_this_machine_alone(tmp_path: Path) -> None:
    web = load(tmp_path, "{}").web
    assert (web.enabled, web.host, web.port, web.cors_origins, web.trusted_proxies) == (True, "127.0.0.1", 8080, (), ())


@pytest.mark.parametrize(
    "web",
    [
        "{host: 0.0.0.0, port: 80}",
        "{host: '::'}",
        "{host: 'fe80::1%eth0'}",
        "{cors_origins: ['https://home.example', 'http://10.0.0.5:8123', 'http://[fd00::1]:81', 'http://a_b']}",
        "{trusted_proxies: [192.168.1.2, 172.30.32.0/23, 'fd00::/64']}",
    ],
)
def test_what_is_allowed(tmp_path: Path, web: str) -> None:
    load(tmp_path, web)


@pytest.mark.parametrize(
    ("web", "key"),
    [
        ("{host: localhost}", "web.host"),
        ("{host: ''}", "web.host"),
        ("{host: 127.0.0.1:8080}", "web.host"),
        ("{port: 0}", "web.port"),
        ("{port: 65536}", "web.port"),
        ("{port: '8080'}", "web.port"),
        ("{cors_origins: ['*']}", "web.cors_origins"),
        ("{cors_origins: ['null']}", "web.cors_origins"),
        ("{cors_origins: ['https://*.example']}", "web.cors_origins"),
        ("{cors_origins: ['https://home.example/']}", "web.cors_origins"),
        ("{cors_origins: ['https://home.example:443']}", "web.cors_origins"),
        ("{cors_origins: ['https://home.example:0']}", "web.cors_origins"),
        ("{cors_origins: ['https://home.example:99999']}", "web.cors_origins"),
        ("{cors_origins: ['https://Home.example']}", "web.cors_origins"),
        ("{cors_origins: ['https://me@home.example']}", "web.cors_origins"),
        ("{cors_origins: ['ftp://home.example']}", "web.cors_origins"),
        ("{cors_origins: [home.example]}", "web.cors_origins"),
        ("{cors_origins: https://home.example}", "web.cors_origins"),
        ("{trusted_proxies: ['*']}", "web.trusted_proxies"),
        ("{trusted_proxies: [0.0.0.0/0]}", "web.trusted_proxies"),
        ("{trusted_proxies: ['::/0']}", "web.trusted_proxies"),
        ("{trusted_proxies: [proxy.local]}", "web.trusted_proxies"),
        ("{trusted_proxies: [192.168.1.2/24]}", "web.trusted_proxies"),
        ("{password: secret}", "web.password"),
    ],
)
def test_what_is_refused(tmp_path: Path, web: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, web)
    (fault,) = refused.value.faults
    assert f":3:{fault.split(':')[2]}: {key}: " in fault
