"""What is shipped and documented is what the models say: nothing can drift."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hems.config.describe import settings_of
from hems.config.loader import load_configuration
from hems.config.models import Configuration
from hems.config.reference import example_configuration, render_example, render_reference, render_schema

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "config" / "master_coordinator_config.yaml"


@pytest.mark.parametrize(
    ("path", "rendered", "command"),
    [
        (SHIPPED, render_example(), "example"),
        (ROOT / "docs" / "configuration.md", render_reference(), "reference"),
        (ROOT / "docs" / "config.schema.json", render_schema(), "schema"),
    ],
)
def test_file_is_the_rendered_one(path: Path, rendered: str, command: str) -> None:
    assert path.read_text(encoding="utf-8") == rendered, f"run: hems config {command} > {path.relative_to(ROOT)}"


def test_shipped_file_holds_every_key_with_its_default() -> None:
    configuration = load_configuration(SHIPPED)
    assert configuration.model_dump() == example_configuration().model_dump()
    assert configuration.inverter.is_simulated
    for setting in settings_of(Configuration):
        assert configuration.locate(setting.path).endswith(f": {setting.path}")
        line = int(configuration.locate(setting.path).split(":")[1])
        text = SHIPPED.read_text(encoding="utf-8").splitlines()
        assert text[line - 1].strip().startswith(f"{setting.key}:")
        assert text[line - 2].strip().startswith("#"), f"{setting.path} has no comment"


def test_every_setting_has_a_meaning_and_numbers_have_bounds() -> None:
    settings = [setting for setting in settings_of(Configuration) if setting.section is None]
    assert len(settings) > 60
    for setting in settings:
        assert setting.description.endswith("."), setting.path
    physical = re.compile(r"_(seconds|minutes|milliseconds|days|kwh|pct|soc|power)$")
    assert [setting.path for setting in settings if physical.search(setting.path) and not setting.unit] == []


def test_schema_refuses_unknown_keys_and_names_units() -> None:
    schema = json.loads(render_schema())
    assert schema["additionalProperties"] is False
    inverter = schema["$defs"]["InverterSettings"]
    assert inverter["required"] == ["ip_address"]
    assert inverter["properties"]["poll_interval_seconds"]["unit"] == "s"
    assert inverter["properties"]["poll_interval_seconds"]["maximum"] == 60


def test_checking_the_shipped_file_costs_little_beside_reading_it() -> None:
    """A ratio: absolute times are the machine's, and its other work's."""

    def shortest_s(work: Callable[[], object]) -> float:
        durations = []
        for _ in range(5):
            start = time.process_time()
            work()
            durations.append(time.process_time() - start)
        return min(durations)

    text = SHIPPED.read_text(encoding="utf-8")
    reading_s = shortest_s(lambda: YAML(typ="rt").load(text))
    assert shortest_s(lambda: load_configuration(SHIPPED)) < 3.0 * reading_s
