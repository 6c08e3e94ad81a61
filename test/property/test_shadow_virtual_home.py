"""A quarter of a virtual home: no energy from nowhere, no limit broken, the bill that a meter would make."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hems.domain.command import Command, Mode
from hems.domain.outlook import HomeModel
from hems.planning import kernel, kernel_modes
from hems.planning.problem import limits_of, store_of
from hems.planning.virtual_home import MeasuredSlot, VirtualSlot, live_through

LATER = datetime(2026, 11, 22, 13, tzinfo=UTC)
HOME = HomeModel(
    capacity_wh=10_000.0,
    floor_pct=10.0,
    reserve_pct=20.0,
    ceiling_pct=100.0,
    charge_max_w=5000.0,
    discharge_max_w=4000.0,
    charge_efficiency=0.9,
    discharge_efficiency=0.8,
    wear_per_kwh=0.05,
    import_max_w=11_000.0,
    export_max_w=6000.0,
    modes=tuple(Mode),
    can_limit_export=True,
)
FORCED = (Mode.CHARGE, Mode.DISCHARGE)

powers = st.floats(0.0, 12_000.0)
homes = st.builds(
    HomeModel,
    capacity_wh=st.floats(500.0, 30_000.0),
    floor_pct=st.floats(0.0, 30.0),
    reserve_pct=st.just(10.0),
    ceiling_pct=st.floats(60.0, 100.0),
    charge_max_w=powers,
    discharge_max_w=powers,
    charge_efficiency=st.floats(0.6, 1.0),
    discharge_efficiency=st.floats(0.6, 1.0),
    wear_per_kwh=st.floats(0.0, 0.2),
    import_max_w=st.floats(2000.0, 20_000.0),
    export_max_w=st.floats(0.0, 12_000.0),
    taper_from_pct=st.floats(50.0, 100.0),
    no_grid_energy_into_export=st.booleans(),
)
slots = st.builds(
    MeasuredSlot,
    load_w=powers,
    pv_w=powers,
    import_per_kwh=st.floats(-1.0, 3.0),
    export_per_kwh=st.floats(-1.0, 2.0),
    hours=st.floats(0.01, 1.0),
)
commands = st.none() | st.builds(
    Command,
    mode=st.sampled_from(Mode),
    expires_at=st.just(LATER),
    power_w=powers,
    target_soc_pct=st.none() | st.floats(0.0, 100.0),
    export_limit_w=st.none() | powers,
)
shares = st.floats(0.0, 1.0)


def slot(
    load_w: float = 0.0, pv_w: float = 0.0, hours: float = 0.25, buy: float = 1.0, sell: float = 0.5
) -> MeasuredSlot:
    return MeasuredSlot(load_w=load_w, pv_w=pv_w, import_per_kwh=buy, export_per_kwh=sell, hours=hours)


def command(mode: Mode, power_w: float | None = None, **more: float) -> Command:
    return Command(mode=mode, expires_at=LATER, power_w=power_w, **more)  # type: ignore[arg-type]


@given(homes, commands, slots, shares, shares, st.sampled_from((Mode.SELF_USE, Mode.HOLD)))
def test_no_energy_comes_from_nowhere(
    home: HomeModel, asked: Command | None, brought: MeasuredSlot, filled: float, sunny: float, after: Mode
) -> None:
    stored = filled * home.capacity_wh
    home = replace(home, exportable_wh=sunny * stored)
    lived = live_through(home, stored, asked, brought, after)
    flows = brought.pv_w - lived.curtailed_w + lived.battery_w + lived.grid_w
    assert flows == pytest.approx(brought.load_w, abs=1e-6)
    kept = lived.charged_wh * home.charge_efficiency - lived.discharged_wh / home.discharge_efficiency
    assert lived.stored_wh - stored == pytest.approx(kept, abs=1e-6)
    assert lived.battery_w * brought.hours == pytest.approx(lived.discharged_wh - lived.charged_wh, abs=1e-6)
    assert -1e-9 <= lived.curtailed_w <= brought.pv_w + 1e-9
    assert 0.0 <= lived.exportable_wh <= lived.stored_wh + 1e-9


@given(homes, commands, slots, shares, shares)
def test_no_limit_of_the_home_is_broken(
    home: HomeModel, asked: Command | None, brought: MeasuredSlot, filled: float, sunny: float
) -> None:
    stored = filled * home.capacity_wh
    home = replace(home, exportable_wh=sunny * stored)
    lived = live_through(home, stored, asked, brought)
    hours = brought.hours
    assert lived.charged_wh <= home.charge_max_w * hours + 1e-6
    assert lived.discharged_wh <= home.discharge_max_w * hours + 1e-6
    low, high = home.floor_pct / 100.0 * home.capacity_wh, home.ceiling_pct / 100.0 * home.capacity_wh
    assert min(low, stored) - 1e-6 <= lived.stored_wh <= max(high, stored) + 1e-6
    most_w = home.export_max_w
    if asked is not None and asked.export_limit_w is not None:
        most_w = min(most_w, asked.export_limit_w)
    assert lived.export_wh <= most_w * hours + 1e-6
    if home.no_grid_energy_into_export:
        surplus_wh = max(brought.pv_w - brought.load_w, 0.0) * hours
        assert lived.export_wh - surplus_wh <= home.exportable_wh * home.discharge_efficiency + 1e-6


@given(homes, commands, slots, shares)
def test_the_bill_is_what_a_meter_would_make(
    home: HomeModel, asked: Command | None, brought: MeasuredSlot, filled: float
) -> None:
    lived = live_through(home, filled * home.capacity_wh, asked, brought)
    bill = lived.import_wh / 1000.0 * brought.import_per_kwh - lived.export_wh / 1000.0 * brought.export_per_kwh
    assert lived.cost == pytest.approx(bill, abs=1e-9)
    assert lived.grid_w * brought.hours == pytest.approx(lived.import_wh - lived.export_wh, abs=1e-6)
    assert lived.wear_cost == pytest.approx(
        home.wear_per_kwh * (lived.charged_wh + lived.discharged_wh) / 1000.0, abs=1e-9
    )
    if lived.target_after_h is None:  # one mode for all of the slot: never import and export
        assert min(lived.import_wh, lived.export_wh) == 0.0


@given(homes, st.sampled_from([mode for mode in Mode if mode is not Mode.STANDBY]), powers, slots, shares)
def test_the_plan_prices_a_slot_alike(
    home: HomeModel, mode: Mode, power_w: float, brought: MeasuredSlot, filled: float
) -> None:
    lived = live_through(home, filled * home.capacity_wh, command(mode, power_w), brought)
    planned = kernel.grid_cost(
        -lived.battery_w / 1000.0, brought.load_w / 1000.0, brought.pv_w / 1000.0, brought.import_per_kwh,
        brought.export_per_kwh, limits_of(home), kernel.CUT_NOTHING,
    )  # fmt: skip
    beyond_fuse = (kernel.ABOVE_FUSE - brought.import_per_kwh) * lived.above_import_limit_wh / 1000.0
    assert lived.cost + beyond_fuse == pytest.approx(planned * brought.hours, abs=1e-6)


@settings(max_examples=50)
@given(
    homes,
    st.sampled_from([mode for mode in Mode if mode is not Mode.STANDBY]),
    powers,
    st.lists(slots, min_size=1, max_size=12),
    shares,
    shares,
)
def test_a_plan_of_one_mode_is_lived_as_it_is_planned(
    home: HomeModel, mode: Mode, power_w: float, day: list[MeasuredSlot], filled: float, sunny: float
) -> None:
    # Within its window, for a plan keeps the window it began with.
    low, high = home.floor_pct / 100.0 * home.capacity_wh, home.ceiling_pct / 100.0 * home.capacity_wh
    stored = low + filled * (high - low)
    home = replace(home, exportable_wh=sunny * stored)
    count = len(day)
    level, battery = [0.0] * (count + 1), [0.0] * count
    load, pv = [one.load_w / 1000.0 for one in day], [one.pv_w / 1000.0 for one in day]
    exportable = home.exportable_wh / 1000.0 if home.no_grid_energy_into_export else kernel_modes.ANY_ORIGIN
    kernel_modes.plan_modes(
        [[Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, *FORCED].index(mode)],
        [power_w / 1000.0], [load], [pv], load, pv,
        [one.import_per_kwh for one in day], [one.export_per_kwh for one in day], [one.hours for one in day],
        [home.wear_per_kwh] * count, stored / 1000.0, limits_of(home),
        store_of(home, 100.0 * stored / home.capacity_wh), exportable, kernel.CUT_NOTHING,
        [0.0], [1e9], [0] * (count + 1), [0] * (count + 1), [0.0] * (count + 1),
        present=0, change_price=0.0, day_of=[0] * count, day_left=[math.inf], begin=0, mode_at=[0] * count,
        battery=battery, level=level,
    )  # fmt: skip
    for t, one in enumerate(day):
        lived = live_through(home, stored, command(mode, power_w), one)
        assert lived.battery_w == pytest.approx(-1000.0 * battery[t], abs=1e-5)
        stored, home = lived.stored_wh, replace(home, exportable_wh=lived.exportable_wh)
        assert stored == pytest.approx(1000.0 * level[t + 1], abs=1e-5)


def by_small_steps(home: HomeModel, stored: float, asked: Command, brought: MeasuredSlot, steps: int) -> VirtualSlot:
    """Return the slot lived in ``steps`` pieces; the command is dropped by hand at the first that finds its target."""
    target_wh = home.capacity_wh * (asked.target_soc_pct or 0.0) / 100.0
    piece = replace(brought, hours=brought.hours / steps)
    now: Command | None = replace(asked, target_soc_pct=None)
    sums = dict.fromkeys(("import_wh", "export_wh", "charged_wh", "discharged_wh", "cost"), 0.0)
    last: VirtualSlot | None = None
    for _ in range(steps):
        reached = stored >= target_wh if asked.mode is Mode.CHARGE else stored <= target_wh
        now = None if reached else now
        last = live_through(home, stored, now, piece)
        stored, home = last.stored_wh, replace(home, exportable_wh=last.exportable_wh)
        for name in sums:
            sums[name] += getattr(last, name)
    assert last is not None
    return replace(last, **sums)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(FORCED),
    st.floats(300.0, 5000.0),
    powers,
    powers,
    st.floats(15.0, 90.0),
    st.floats(12.0, 90.0),
    shares,
)
def test_a_target_ends_a_charge_where_small_steps_end_it(
    mode: Mode, power_w: float, load_w: float, pv_w: float, soc_pct: float, target_pct: float, sunny: float
) -> None:
    stored = HOME.capacity_wh * soc_pct / 100.0
    home = replace(HOME, exportable_wh=sunny * stored)
    asked, brought, steps = command(mode, power_w, target_soc_pct=target_pct), slot(load_w, pv_w), 1000
    lived, fine = live_through(home, stored, asked, brought), by_small_steps(home, stored, asked, brought, steps)
    # Where the battery takes ever less, small steps follow it more closely than a whole slot does.
    assume(fine.stored_wh <= home.capacity_wh * home.taper_from_pct / 100.0)
    # The steps overshoot, 12 kW for 0.9 s each, at the target and where what may be sold ends; with four times as many
    # of them the difference is a quarter.
    within_wh = 6.0 * 12_000.0 * brought.hours / steps / HOME.discharge_efficiency
    for name in ("stored_wh", "import_wh", "export_wh", "charged_wh", "discharged_wh"):
        assert getattr(lived, name) == pytest.approx(getattr(fine, name), abs=within_wh), name
    assert lived.cost == pytest.approx(fine.cost, abs=within_wh / 1000.0)


@pytest.mark.parametrize("target_pct", [96.0, 98.5, 99.2])
def test_a_target_within_the_taper_is_met_where_small_steps_meet_it(target_pct: float) -> None:
    asked, brought = command(Mode.CHARGE, 5000.0, target_soc_pct=target_pct), slot(load_w=0.0)
    lived = live_through(HOME, 9300.0, asked, brought, Mode.HOLD)
    assert lived.target_after_h is not None
    assert lived.stored_wh == pytest.approx(HOME.capacity_wh * target_pct / 100.0, abs=1e-6)
    fine = by_small_steps(HOME, 9300.0, asked, brought, 3000)
    assert lived.charged_wh == pytest.approx(fine.charged_wh, abs=3.0)


def test_a_charge_ends_at_its_target_and_the_rest_is_self_use() -> None:
    # 450 Wh are missing; 5 kW store 4.5 kW: 0.1 h. For 0.15 h the battery then covers the load of 1 kW.
    lived = live_through(HOME, 5000.0, command(Mode.CHARGE, 5000.0, target_soc_pct=54.5), slot(load_w=1000.0))
    assert lived.target_after_h == pytest.approx(0.1)
    assert lived.charged_wh == pytest.approx(500.0)
    assert lived.discharged_wh == pytest.approx(150.0)
    assert lived.import_wh == pytest.approx(600.0)
    assert lived.stored_wh == pytest.approx(5450.0 - 150.0 / 0.8)
    assert lived.cost == pytest.approx(0.6)
    held = live_through(HOME, 5000.0, command(Mode.CHARGE, 5000.0, target_soc_pct=54.5), slot(load_w=1000.0), Mode.HOLD)
    assert (held.stored_wh, held.import_wh) == (pytest.approx(5450.0), pytest.approx(750.0))


def test_only_what_the_sun_gave_is_sold() -> None:
    sold = command(Mode.DISCHARGE, 4000.0)
    lived = live_through(replace(HOME, exportable_wh=250.0), 8000.0, sold, slot(load_w=1000.0))
    assert lived.export_wh == pytest.approx(200.0)  # 250 Wh stored give 200
    assert lived.discharged_wh == pytest.approx(450.0)
    assert lived.exportable_wh == pytest.approx(0.0)
    free = replace(HOME, no_grid_energy_into_export=False)
    assert live_through(free, 8000.0, sold, slot(load_w=1000.0)).export_wh == pytest.approx(750.0)


def test_an_export_limit_curtails_the_sun_where_selling_costs_money() -> None:
    bright, full = slot(pv_w=3000.0, load_w=500.0, sell=-0.2), 10_000.0
    free = live_through(HOME, full, None, bright)
    assert (free.export_wh, free.curtailed_w) == (pytest.approx(625.0), 0.0)
    assert free.cost == pytest.approx(0.125)
    cut = live_through(HOME, full, command(Mode.SELF_USE, export_limit_w=0.0), bright)
    assert (cut.export_wh, cut.curtailed_w, cut.cost) == (0.0, pytest.approx(2500.0), 0.0)


def test_an_idle_battery_does_nothing() -> None:
    lived = live_through(HOME, 5000.0, command(Mode.STANDBY), slot(load_w=1200.0, pv_w=200.0))
    assert (lived.stored_wh, lived.battery_w, lived.wear_cost) == (5000.0, 0.0, 0.0)
    assert lived.import_wh == pytest.approx(250.0)


def test_what_is_above_the_fuse_is_told_and_billed_at_its_price() -> None:
    lived = live_through(HOME, 5000.0, command(Mode.CHARGE, 5000.0), slot(load_w=8000.0))
    assert lived.above_import_limit_wh == pytest.approx(500.0)
    assert lived.cost == pytest.approx(3.25)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: slot(load_w=math.nan),
        lambda: slot(pv_w=-1.0),
        lambda: slot(buy=math.inf),
        lambda: slot(hours=0.0),
        lambda: live_through(HOME, 10_001.0, None, slot()),
        lambda: live_through(HOME, math.nan, None, slot()),
        lambda: live_through(HOME, 5000.0, command(Mode.CHARGE), slot()),
        lambda: live_through(HOME, 5000.0, command(Mode.DISCHARGE, math.nan), slot()),
    ],
)
def test_what_cannot_be_lived_through_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"W|no numbers|h$"):
        wrong()  # type: ignore[operator]
