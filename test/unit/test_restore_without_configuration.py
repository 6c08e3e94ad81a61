"""``hems restore --host`` works from any state: also where the configuration is what is broken."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from hems.adapters.inverters.goodwe import GoodWeConnector
from hems.composition import restore
from hems.composition.inverter import USER_SETTINGS_FILE
from hems.domain.command import Applied, CommandResult
from hems.domain.errors import ConfigurationError

BROKEN = "inverter: [\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Take the inverter's place; note which link was asked and what the owner's store holds."""
    seen: list[tuple[str, object]] = []

    async def note(connector: GoodWeConnector, *_: object) -> CommandResult:
        seen.append((str(connector._options.link), connector._user_settings.load()))
        return Applied(writes=1)

    monkeypatch.setattr(restore, "restore_opened", note)
    return seen


def run(path: Path, host: str | None, said: list[str], port: int | None = None) -> CommandResult:
    return asyncio.run(restore.restore_inverter(path, host=host, port=port, progress=said.append))


@pytest.mark.parametrize("content", [BROKEN, "inverter: {port: 0}\n", "", None])
def test_a_named_host_is_restored_whatever_the_configuration(
    content: str | None, asked: list[tuple[str, object]], tmp_path: Path
) -> None:
    path = tmp_path / "config" / "house.yaml"
    path.parent.mkdir()
    if content is not None:
        path.write_text(content)
    saved = tmp_path / "out" / "system_state" / USER_SETTINGS_FILE
    saved.parent.mkdir(parents=True)
    saved.write_text(json.dumps({"serial_number": "X"}))
    said: list[str] = []
    assert run(path, "127.44.0.1", said) == Applied(writes=1)
    assert len(asked) == 1
    assert asked[0][0].startswith("127.44.0.1:8899")
    assert asked[0][1] == {"serial_number": "X"}, "the owner's settings are looked for at the default place"
    assert "without the configuration" in said[0]
    assert "house.yaml:" in said[0]
    assert "\n" not in said[0]


def test_without_a_host_a_broken_configuration_names_the_way_out(
    asked: list[tuple[str, object]], tmp_path: Path
) -> None:
    path = tmp_path / "house.yaml"
    path.write_text(BROKEN)
    with pytest.raises(ConfigurationError, match="--host"):
        run(path, None, [])
    assert asked == []


def test_host_and_port_go_before_the_configuration(asked: list[tuple[str, object]], tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_text("inverter: {ip_address: 127.44.0.9}\nbattery_management: {capacity_kwh: 10}\n")
    run(path, "127.44.0.1", [], 502)
    assert asked[0][0].startswith("127.44.0.1:502")
