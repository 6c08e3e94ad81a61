"""Homes from open packages: in W, in UTC, the same every time, and named for what they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typer.testing import CliRunner

from hems.adapters.tables import open_profiles
from hems.adapters.tables.household_file import read_household
from hems.adapters.tables.open_profiles import demandlib_homes, simbench_homes, write_home
from hems.adapters.tables.table import ExtraMissing
from hems.cli.app import app
from hems.domain.errors import RejectedData
from hems.domain.time_grid import MTU

WARSAW = ZoneInfo("Europe/Warsaw")


def test_demandlib_homes_follow_the_wall_clock_and_the_sun() -> None:
    homes = list(demandlib_homes(3, 2025))
    assert [home.name for home in homes] == [f"synthetic_demandlib_00{number}" for number in (1, 2, 3)]
    for home in homes:
        assert home.start == datetime(2024, 12, 31, 23, tzinfo=UTC)
        assert len(home.load_w) == len(home.pv_w) == 365 * 96
        assert home.load_w.min() > 0
        assert home.pv_w.min() == 0
    assert homes[0].load_w.sum() / 4 == pytest.approx(2_000_000, rel=0.001)
    assert homes[1].load_w.sum() / 4 == pytest.approx(4_100_000, rel=0.001)
    at = {(home.start + index * MTU).astimezone(WARSAW): index for home in homes[:1] for index in range(365 * 96)}
    winter, summer = datetime(2025, 3, 28, 19, tzinfo=WARSAW), datetime(2025, 3, 31, 19, tzinfo=WARSAW)
    load = homes[0].load_w
    assert load[at[summer]] == pytest.approx(load[at[winter]], rel=0.05), "seven in the evening, before and after"
    noon, night = datetime(2025, 6, 20, 13, tzinfo=WARSAW), datetime(2025, 6, 20, 0, tzinfo=WARSAW)
    assert homes[0].pv_w[at[noon]] > 1_900
    assert homes[0].pv_w[at[night]] == 0


def test_the_command_writes_what_a_backtest_reads(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "homes", "--out", str(tmp_path), "--count", "2", "--year", "2024"])
    assert result.exit_code == 0, result.output
    assert "synthetic" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"synthetic_demandlib_00{n}.csv" for n in (1, 2)]
    home = read_household(tmp_path / "synthetic_demandlib_002.csv")
    made = list(demandlib_homes(2, 2024))[1]
    assert (home.start, home.step, len(home.load_w)) == (made.start, MTU, 366 * 96)
    np.testing.assert_allclose(home.load_w, made.load_w, atol=0.051)
    np.testing.assert_allclose(home.pv_w, made.pv_w, atol=0.051)
    assert home.quality.remarks == ()
    assert home.quality.gaps == ()


def fake_simbench(folder: Path, rows: Sequence[str] = ("01.01.2016 00:00", "01.01.2016 00:15")) -> None:
    """A package with two homes with panels, one farm, one shop and one home without panels."""
    data = folder / "simbench" / "networks" / "1-complete_data-mixed-all-0-sw"
    data.mkdir(parents=True)
    (folder / "simbench" / "__init__.py").write_text("raise RuntimeError('only its files are wanted')")
    (data / "Load.csv").write_text(
        "id;node;profile;pLoad\na;n1;H0-A;0.002\nb;n2;H0-B;0.003\nc;n3;H0-A;0.001\nd;n4;G1-A;0.002\ne;n5;H0-A;0.002\n"
        "f;n6;H0-A;0.002\n"
    )
    (data / "RES.csv").write_text(
        "id;node;type;profile;pRES\na;n1;PV;PV1;0.005\nb;n2;PV;PV2;0.008\nc;n3;PV;PV1;0.078\nd;n4;PV;PV1;0.005\n"
        "e;n6;PV;PV1;0.005\nw;n5;Wind_MV;WP1;2\n"
    )
    (data / "LoadProfile.csv").write_text(
        "time;H0-A_qload;H0-A_pload;H0-B_pload;x\n"
        + "".join(f"{row};9;0.{i + 1};0.5;z\n" for i, row in enumerate(rows))
    )
    (data / "RESProfile.csv").write_text("time;PV1;PV2\n" + "".join(f"{row};0;1\n" for row in rows))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages are looked for first."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "simbench", raising=False)
    return tmp_path


def test_simbench_homes(package: Path) -> None:
    fake_simbench(package)
    homes = {home.name.partition("_h0")[2]: home for home in simbench_homes(2, 2025)}
    assert set(homes) == {"-a_pv1", "-b_pv2"}
    assert homes["-a_pv1"].load_w.tolist() == pytest.approx([200, 400])
    assert homes["-b_pv2"].load_w.tolist() == pytest.approx([1500, 1500])
    assert homes["-b_pv2"].pv_w.tolist() == pytest.approx([8000, 8000])
    for home in homes.values():
        assert home.start == datetime(2025, 1, 2, 23, tzinfo=UTC)
        assert home.start.astimezone(WARSAW).weekday() == datetime(2016, 1, 1).weekday()  # noqa: DTZ001
        file = write_home(home, package / "out")
        assert read_household(file).load_w.tolist() == pytest.approx(home.load_w.tolist())
    with pytest.raises(RejectedData, match="holds 2 different homes"):
        list(simbench_homes(3, 2025))


def test_another_simbench_is_refused(package: Path) -> None:
    fake_simbench(package, rows=["01.01.2017 00:00", "01.01.2017 00:15"])
    with pytest.raises(RejectedData, match=r"begins with '01\.01\.2017 00:00', not 1 January 2016"):
        list(simbench_homes(1, 2025))
    (package / "simbench/networks/1-complete_data-mixed-all-0-sw/RES.csv").unlink()
    with pytest.raises(RejectedData, match="cannot be read"):
        list(simbench_homes(1, 2025))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_profiles.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissing, match="extra `bench`"):
        list(simbench_homes(1, 2025))
    monkeypatch.setitem(sys.modules, "demandlib", None)
    with pytest.raises(ExtraMissing, match="extra `bench`"):
        list(demandlib_homes(1, 2025))


def test_years_keep_weekdays_and_seasons(package: Path) -> None:
    fake_simbench(package)
    for year in (2017, 2020, 2024, 2030):
        start = next(simbench_homes(1, year)).start + timedelta(hours=1)
        assert abs((start - datetime(year, 1, 1, tzinfo=UTC)).days) <= 4
        assert (start - datetime(2016, 1, 1, tzinfo=UTC)).days % 7 == 0
