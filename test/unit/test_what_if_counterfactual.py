"""What was really done, beside others: worked out by hand, on missing quarters, and on days of 23 and 25 hours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hems.adapters.storage.sqlite_store import SqliteStore
from hems.backtest.assess import Telling, assess
from hems.backtest.outcome import IDLE_BATTERY
from hems.backtest.runner import MULTI_FACTOR, OPTIMAL, SELF_USE, live_all
from hems.backtest.what_if.counterfactual import compare, measured_efficiency, real_quarters
from hems.cli import counterfactual as command
from hems.cli.counterfactual import month_of
from hems.composition.counterfactual import CounterfactualQuestion, counterfactual
from hems.composition.tools import Loaded, load, store_options
from hems.domain.errors import ConfigurationError, RejectedData, StorageError
from hems.domain.prices import PriceSeries
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.planning.compiled import PLAIN
from support.household import write_configuration
from support.storage_records import quarter
from support.what_if_tools import small_study

START = datetime(2026, 10, 24, 22, tzinfo=UTC)
"""Midnight of a day that has 100 quarters."""

Make = Callable[..., Loaded]


@pytest.fixture
def house(tmp_path: Path) -> Make:
    """Make a house whose store holds the given quarters."""

    def made(slots: list[EnergySlot]) -> Loaded:
        found = load(write_configuration(tmp_path))
        found.data.mkdir(parents=True, exist_ok=True)
        with SqliteStore(store_options(found)) as store:
            for slot in slots:
                store.add_energy(slot)
        return found

    return made


def still(index: int, **changes: object) -> EnergySlot:
    """Return a quarter of 500 W from the grid, the battery at rest at half."""
    return quarter(START + index * MTU, **changes)


def asked(loaded: Loaded, now: datetime, **changes: int | tuple[int, int]) -> object:
    return counterfactual(CounterfactualQuestion(config=loaded.path, **changes), now)  # type: ignore[arg-type]


def test_a_battery_that_rested_is_compared_with_one_in_self_use(house: Make) -> None:
    """500 W for 25 hours: 12.5 kWh really bought at 0.80; self-use gives what it holds above the floor."""
    loaded = house([still(index) for index in range(100)])
    result = counterfactual(CounterfactualQuestion(config=loaded.path, days=1), START + 100 * MTU - MTU / 2)
    # The last quarter has not ended at that time.
    assert [(day.day, day.quarters, day.missing) for day in result.days] == [(date(2026, 10, 25), 99, 0)]
    result = counterfactual(CounterfactualQuestion(config=loaded.path, month=(2026, 10)), START + 100 * MTU)
    assert [(day.day, day.quarters, day.missing) for day in result.days] == [(date(2026, 10, 25), 100, 0)]
    real, idle, own = (result.sums[name] for name in ("real", "idle_battery", "self_use"))
    assert (real.energy, real.wear, real.stored_change, real.cycles) == (pytest.approx(10.0), 0.0, 0.0, 0.0)
    assert (idle.cost, idle.import_kwh) == (pytest.approx(10.0), pytest.approx(12.5))
    settings = loaded.settings.battery_management
    out_kwh = 10.0 * (50.0 - settings.soc_min) / 100.0 * settings.discharge_efficiency
    assert own.energy == pytest.approx(10.0 - 0.8 * out_kwh)
    assert own.wear == pytest.approx(out_kwh * settings.wear_per_kwh)
    assert own.stored_change == pytest.approx(-(50.0 - settings.soc_min) / 10.0 * result.stored_value_per_kwh)
    assert result.stored_value_per_kwh == pytest.approx(
        0.6 * settings.discharge_efficiency - settings.wear_per_kwh, abs=1e-4
    )
    assert result.days[0].cost["self_use"] == pytest.approx(own.cost)
    # Hindsight is no worse than anybody, but for the gap that is told.
    best = result.sums["perfect_foresight"].cost
    assert best <= min(one.cost for one in result.sums.values()) + 1e-9


def test_what_the_coordinator_did_is_what_the_meter_counted(house: Make) -> None:
    """One dear quarter served from the battery, which falls from 50 to 47 %; sold energy counts against it."""
    used = still(1, import_wh=0.0, export_wh=40.0, discharge_wh=165.0, soc_end_pct=47.0, import_price_per_kwh=2.0)
    loaded = house([still(0), used, still(2, soc_start_pct=47.0, soc_end_pct=47.0)])
    result = counterfactual(CounterfactualQuestion(config=loaded.path, month=(2026, 10)), START + 3 * MTU)
    real, wear = result.sums["real"], loaded.settings.battery_management.wear_per_kwh
    assert real.energy == pytest.approx(0.125 * 0.8 - 0.04 * 0.4 + 0.125 * 0.8)
    assert real.wear == pytest.approx(0.165 * wear)
    assert real.stored_change == pytest.approx(-0.3 * result.stored_value_per_kwh)
    assert (real.import_kwh, real.export_kwh) == (pytest.approx(0.25), pytest.approx(0.04))


@pytest.mark.parametrize(
    "changes",
    [
        {"coverage": 0.7},
        {"import_price_per_kwh": None},
        {"export_price_per_kwh": None},
        {"soc_end_pct": None},
        {"load_wh": float("nan")},
    ],
)
def test_what_is_not_known_counts_for_nobody(house: Make, changes: dict[str, object]) -> None:
    known = [still(index, soc_start_pct=50.0) for index in (0, 1, 3)]
    whole = counterfactual(CounterfactualQuestion(config=house(known).path, month=(2026, 10)), START + 4 * MTU)
    unknown = still(2, import_wh=9e5, discharge_wh=9e5, **changes)
    slots = [known[0], known[1], unknown, known[2]]
    assert real_quarters(slots) == real_quarters(known)
    assert (whole.quarters, whole.missing) == (3, 1)
    assert whole.sums["real"].energy == pytest.approx(0.3)


def test_a_part_that_was_measured_counts_as_a_part(house: Make) -> None:
    """Of 0.9 of a quarter 0.9 of the SoC's change counts, as 0.9 of the energy was seen."""
    (found,) = real_quarters([still(0, coverage=0.9, load_wh=112.5, soc_end_pct=60.0)])
    assert (found.hours, found.load_w, found.soc_change_pct) == (
        pytest.approx(0.225), pytest.approx(500.0), pytest.approx(9.0),
    )  # fmt: skip


def test_records_of_old_versions_begin_where_the_one_before_ended() -> None:
    old = [still(0, soc_start_pct=None), still(1, soc_start_pct=None, soc_end_pct=48.0), still(3, soc_start_pct=None)]
    assert [(one.start, one.soc_start_pct) for one in real_quarters(old)] == [(START + MTU, 50.0)]


def test_a_day_nobody_measured_is_told(house: Make) -> None:
    loaded = house([still(0), still(100 + 96)])
    result = counterfactual(CounterfactualQuestion(config=loaded.path, month=(2026, 10)), START + 200 * MTU)
    assert [(day.quarters, day.missing) for day in result.days] == [(1, 99), (0, 96), (1, 3)]
    assert result.days[1].cost["real"] == 0.0
    spring = quarter(datetime(2026, 3, 28, 23, tzinfo=UTC))
    result = counterfactual(
        CounterfactualQuestion(config=house([spring]).path, month=(2026, 3)), datetime(2026, 3, 29, 22, tzinfo=UTC)
    )
    assert [(day.quarters, day.missing) for day in result.days] == [(1, 91)]


def test_a_time_without_records_is_refused(house: Make, tmp_path: Path) -> None:
    now = START + 100 * MTU
    with pytest.raises(StorageError):
        counterfactual(CounterfactualQuestion(config=write_configuration(tmp_path)), now)
    loaded = house([still(0)])
    with pytest.raises(RejectedData, match="no quarter of an hour is stored with its price"):
        asked(loaded, now + timedelta(days=40), days=30)
    for changes, said in (
        ({"month": (2026, 11)}, "has not begun"),
        ({"days": 0}, "from 1 to 366"),
        ({"days": 2, "month": (2026, 10)}, "two times"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            asked(loaded, START + MTU, **changes)
    for text in ("2026-13", "2026-1", "october"):
        with pytest.raises(ConfigurationError, match="a month such as"):
            month_of(text)


def test_the_command_fits_a_terminal_and_tells_programs_the_same(house: Make, tmp_path: Path) -> None:
    loaded = house([still(index) for index in range(200)] + [still(250)])
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)
    picture, document = tmp_path / "c.png", tmp_path / "c.json"
    arguments = ["counterfactual", "--config", str(loaded.path), "--month", "2026-10", "--json", str(document)]
    found = CliRunner().invoke(app, [*arguments, "--plot", str(picture)])
    assert found.exit_code == 0, found.output
    assert max(map(len, found.output.splitlines())) <= 80
    told = json.loads(document.read_text())
    assert [day["quarters"] for day in told["days"][:3]] == [100, 96, 5]
    assert told["missing_quarters"] > 0
    real = sum(day["cost"]["real"] for day in told["days"])
    assert real == pytest.approx(told["sums"]["real"]["cost"])
    assert f"{real:.2f}" in found.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_losses_that_the_battery_showed_are_those_of_the_others(house: Make) -> None:
    """4 kWh an hour in for 10 hours, 8.1 of 10 out for 10 hours: 90 % each way, back at the same SoC."""
    slots = []
    for index in range(80):
        is_charge = index < 40
        begin = 10.0 + 2.25 * (index if is_charge else 80 - index)
        slots.append(
            still(
                index, charge_wh=250.0 if is_charge else 0.0, discharge_wh=0.0 if is_charge else 202.5,
                soc_start_pct=begin, soc_end_pct=begin + (2.25 if is_charge else -2.25),
            )
        )  # fmt: skip
    quarters = real_quarters(slots)
    gives_more = [replace(quarter, charge_wh=quarter.charge_wh / 2.0) for quarter in 3 * quarters]
    assert measured_efficiency(gives_more, 10_000.0) is None  # no battery gives more than it took
    assert measured_efficiency(quarters, 10_000.0) is None  # less than two cycles
    assert measured_efficiency([*quarters, *quarters, *quarters], 10_000.0) == pytest.approx(0.9)
    assert measured_efficiency([], 10_000.0) is None
    result = counterfactual(CounterfactualQuestion(config=house(slots).path, month=(2026, 10)), START + 80 * MTU)
    assert (result.efficiency, result.is_efficiency_measured) == (pytest.approx(0.95), False)


def test_a_stored_backtest_is_told_as_the_backtest_told_it() -> None:
    """The optimizer's run, stored as if it had been measured: every house comes to the backtest's own figures."""
    study = small_study(2)
    runs = live_all(study, [IDLE_BATTERY, SELF_USE, MULTI_FACTOR, OPTIMAL], kernel=PLAIN)
    result = assess(study, runs, Telling(), PLAIN)
    done, soc_pct, slots = runs.runs[OPTIMAL].period, study.start_soc_pct, []
    for index, start in enumerate(done.starts()):
        grid_wh, battery_wh = float(done.grid_w[index]) / 4.0, float(done.battery_w[index]) / 4.0
        slots.append(
            quarter(
                start,
                load_wh=float(done.load_w[index]) / 4.0,
                pv_wh=float(done.pv_w[index]) / 4.0,
                import_wh=max(grid_wh, 0.0),
                export_wh=max(-grid_wh, 0.0),
                charge_wh=max(-battery_wh, 0.0),
                discharge_wh=max(battery_wh, 0.0),
                soc_start_pct=soc_pct,
                soc_end_pct=float(done.soc_pct[index]),
                import_price_per_kwh=float(done.import_per_kwh[index]),
                export_price_per_kwh=float(done.export_per_kwh[index]),
            )
        )
        soc_pct = float(done.soc_pct[index])
    quarters = real_quarters(slots)
    expected = {date(2026, 3, 2): 96, date(2026, 3, 3): 96}
    days, sums, gap = compare(study, quarters, PriceSeries("PLN", ()), expected, PLAIN)
    for name, told in (("real", OPTIMAL), *((name, name) for name in sums if name != "real")):
        outcome = result.outcome(told)
        assert outcome is not None
        figures = outcome.figures
        assert sums[name].cost == pytest.approx(figures.cost_pln - figures.stored_change_pln, abs=1e-9), name
        assert sums[name].cycles == pytest.approx(figures.cycles, abs=1e-9)
        assert sum(day.cost[name] for day in days) == pytest.approx(sums[name].cost)
    assert gap == result.possible_gap
    assert sums["real"].cost < sums["self_use"].cost
