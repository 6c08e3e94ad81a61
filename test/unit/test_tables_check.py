"""``hems data check``: what a file is and how complete, for a person and for a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hems.cli.app import app
from hems.domain.errors import RejectedData

HOME = "ts_utc,load_w,pv_w\n" + "".join(
    f"2025-01-01T{h:02}:00Z,{'' if h == 3 else 400},1\n" for h in range(24) if h not in (9, 10)
)
EUR = "ts_utc,day_ahead_eur_mwh\n" + "".join(f"2025-01-01T{h:02}:00Z,{h * 10}\n" for h in range(24))
RETAIL = "ts_utc,buy_per_kwh,sell_per_kwh\n" + "".join(f"2025-01-01T{h:02}:00Z,0.9,0.2\n" for h in range(24))


def check(tmp_path: Path, text: str, *more: str) -> str:
    """Run the command on ``text``."""
    (tmp_path / "f.csv").write_text(text)
    result = CliRunner().invoke(app, ["data", "check", str(tmp_path / "f.csv"), *more], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_home_for_a_person(tmp_path: Path) -> None:
    assert check(tmp_path, HOME).splitlines() == [
        f"{tmp_path}/f.csv: a home",
        "  22 rows of 60 minutes, 2025-01-01 00:00 to 2025-01-02 00:00 UTC",
        "  2 rows are missing in between",
        "  1 rows of load_w are unknown",
        "  nothing from 2025-01-01 09:00 to 2025-01-01 11:00 UTC (2 h)",
        "  nothing from 2025-01-01 03:00 to 2025-01-01 04:00 UTC (1 h)",
    ]


def test_a_home_for_a_program(tmp_path: Path) -> None:
    document = json.loads(check(tmp_path, HOME, "--json"))
    assert document["kind"] == "a home"
    assert (document["rows"], document["step_s"], document["missing_rows"]) == (22, 3600, 2)
    assert document["gaps"][0] == ["2025-01-01T09:00:00+00:00", "2025-01-01T11:00:00+00:00"]
    assert document["not_numbers"] == {"load_w": 1}


@pytest.mark.parametrize(
    ("text", "kind"), [(EUR, "market prices, column day_ahead_eur_mwh"), (RETAIL, "retail prices")]
)
def test_prices(tmp_path: Path, text: str, kind: str) -> None:
    assert check(tmp_path, text).startswith(f"{tmp_path}/f.csv: {kind}\n  24 rows of 60 minutes")


def test_what_is_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RejectedData, match="no column pv_w"):
        check(tmp_path, HOME.replace("pv_w", "sun"))
