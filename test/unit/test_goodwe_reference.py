"""The page about inverters says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from hems.adapters.inverters.goodwe.reference import render_device_map

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "inverters.md").read_text(encoding="utf-8")


def test_the_device_map_in_the_page_is_the_one_in_the_code() -> None:
    assert PAGE.split("<!-- made by hems.adapters.inverters.goodwe.reference -->\n\n")[1] == render_device_map()


def test_every_defect_has_the_test_that_the_page_names() -> None:
    promised = set(re.findall(r"`test_defect_(\d\d)_\*`", PAGE))
    tests = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "test").rglob("test_goodwe_*.py"))
    assert promised == {f"{number:02}" for number in range(1, 13)}
    assert promised <= set(re.findall(r"def test_defect_(\d\d)_", tests))
