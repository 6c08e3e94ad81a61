"""The battery's window: recognised or refused, and only ever narrowed."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hems.analysis.battery_profiles import PRODUCTS, PROFILE_NAMES, WindowRequest
from hems.analysis.battery_window import resolve_battery_window
from hems.config.battery import explain_window, resolve_window, site_spec
from hems.config.loader import parse_configuration
from hems.config.models import BatterySettings, Configuration
from hems.domain.errors import WrongBatteryWindow
from hems.domain.site import BatteryWindow, ReportedBatteryLimits
from hems.simulation.battery import BATTERY_SPECS, Battery

NOTHING = ReportedBatteryLimits()
PACK = ReportedBatteryLimits(
    voltage_min_v=40.0,
    voltage_max_v=60.0,
    charge_current_max_a=50.0,
    discharge_current_max_a=60.0,
    measured_voltage_v=52.4,
)
STACK = ReportedBatteryLimits(
    voltage_min_v=320.0,
    voltage_max_v=480.0,
    charge_current_max_a=25.0,
    discharge_current_max_a=30.0,
    measured_voltage_v=397.0,
)


def configured(battery: str = "", charging: str = "") -> Configuration:
    text = (
        "inverter:\n  ip_address: simulator\n"
        f"battery_management:\n  capacity_kwh: 10\n{battery}"
        f"charging:\n  max_power: 4000\n{charging}"
    )
    return parse_configuration(text, "house.yaml")


def refusal(configuration: Configuration, reported: ReportedBatteryLimits) -> str:
    with pytest.raises(WrongBatteryWindow) as caught:
        resolve_window(configuration, reported)
    return str(caught.value)


def test_auto_takes_a_48v_pack_at_its_documented_window() -> None:
    assert resolve_window(configured(), PACK) == BatteryWindow(
        voltage_min_v=45.0,
        voltage_max_v=58.0,
        charge_current_max_a=32.0,
        discharge_current_max_a=32.0,
        charge_temperature_min_c=0.0,
        discharge_temperature_min_c=-10.0,
        temperature_max_c=60.0,
    )


def test_auto_takes_the_reported_window_of_a_high_voltage_stack_with_careful_temperatures() -> None:
    window = resolve_window(configured(), STACK)
    assert (window.voltage_min_v, window.voltage_max_v) == (320.0, 480.0)
    assert (window.charge_current_max_a, window.discharge_current_max_a) == (25.0, 25.0)
    assert window.temperature_max_c == 50.0


def test_auto_takes_a_battery_of_another_make_as_the_inverter_describes_it() -> None:
    reported = ReportedBatteryLimits(
        voltage_min_v=620.0,
        voltage_max_v=760.0,
        charge_current_max_a=20.0,
        discharge_current_max_a=22.0,
        measured_voltage_v=700.0,
    )
    window = resolve_window(configured(), reported)
    assert (window.voltage_min_v, window.voltage_max_v) == (620.0, 760.0)
    assert (window.charge_current_max_a, window.discharge_current_max_a) == (20.0, 22.0)
    assert window.temperature_max_c == 50.0


@pytest.mark.parametrize(
    ("battery", "reported", "low", "high", "current"),
    [
        ("  profile: pack_48v\n", NOTHING, 45.0, 58.0, 32.0),
        ("  profile: lynx_home_u\n", NOTHING, 45.0, 58.0, 50.0),
        ("  profile: lynx_home_u\n  modules: 2\n", NOTHING, 45.0, 58.0, 100.0),
        ("  profile: lynx_home_f\n  modules: 4\n", NOTHING, 225.0, 290.0, 35.0),
        ("  profile: lynx_home_f_plus\n  modules: 4\n", NOTHING, 360.0, 464.0, 25.0),
        ("  profile: lynx_home_d\n", STACK, 320.0, 480.0, 25.0),
        ("  profile: lynx_home_f\n", STACK, 320.0, 480.0, 25.0),
    ],
)
def test_profile_gives_its_window(
    battery: str, reported: ReportedBatteryLimits, low: float, high: float, current: float
) -> None:
    window = resolve_window(configured(battery), reported)
    assert (window.voltage_min_v, window.voltage_max_v) == pytest.approx((low, high))
    assert window.charge_current_max_a == current


def test_lynx_home_d_has_its_data_sheet_temperatures() -> None:
    window = resolve_window(configured("  profile: lynx_home_d\n"), STACK)
    assert (window.charge_temperature_min_c, window.discharge_temperature_min_c, window.temperature_max_c) == (
        0,
        -20,
        53,
    )


@pytest.mark.parametrize(
    ("battery", "charging", "reported", "words"),
    [
        (
            "  profile: pack_48v\n",
            "",
            STACK,
            (
                "house.yaml:5:3: battery_management.profile: 48 V pack works at 45.0-58.0 V, but the inverter reports "
                "320.0-480.0 V and measures 397.0 V; what fits: "
            ),
        ),
        ("  profile: lynx_home_d\n", "", PACK, "what fits: pack_48v, lynx_home_u"),
        ("  profile: lynx_home_f\n  modules: 9\n", "", STACK, "house.yaml:5:3: battery_management.profile: "),
        ("", "", NOTHING, "house.yaml:3:1: battery_management.profile: auto cannot recognise the battery"),
        (
            "",
            "",
            ReportedBatteryLimits(measured_voltage_v=397.0),
            "auto cannot recognise the battery: the inverter measures 397.0 V; what fits: ",
        ),
        ("  profile: lynx_home_f\n", "", NOTHING, "battery_management.modules: the voltage of Lynx Home F G2 depends"),
        (
            "  profile: lynx_home_f_plus\n  modules: 7\n",
            "",
            NOTHING,
            "house.yaml:6:3: battery_management.modules: Lynx Home F Plus+ is built of 2 to 5 modules, not 7",
        ),
        (
            "",
            "  safety_voltage_max: 58.0\n",
            STACK,
            "house.yaml:7:3: charging.safety_voltage_max: 58.0 V cannot be meant for this battery",
        ),
        (
            "",
            "  safety_voltage_min: 320\n",
            PACK,
            "house.yaml:7:3: charging.safety_voltage_min: 320.0 V cannot be meant",
        ),
        (
            "  profile: lynx_home_d\n",
            "",
            ReportedBatteryLimits(measured_voltage_v=400.0),
            "house.yaml:6:1: charging.safety_current_max: how fast the battery charges is unknown",
        ),
        (
            "",
            "",
            ReportedBatteryLimits(measured_voltage_v=800.0, voltage_min_v=700.0, voltage_max_v=900.0),
            "charging.safety_current_max: how fast the battery charges is unknown",
        ),
    ],
)
def test_what_cannot_be_this_battery_is_refused_at_its_line(
    battery: str, charging: str, reported: ReportedBatteryLimits, words: str
) -> None:
    assert words in refusal(configured(battery, charging), reported)


def test_the_advice_of_a_refusal_works() -> None:
    message = refusal(configured("  profile: pack_48v\n"), STACK)
    advised = message.split("what fits: ")[1].split(", or custom")[0].split(", ")
    assert "lynx_home_d" in advised
    for advice in advised:
        profile, _, modules = advice.removesuffix(" modules").partition(" with ")
        battery = f"  profile: {profile}\n" + (f"  modules: {modules}\n" if modules else "")
        assert resolve_window(configured(battery), STACK).voltage_max_v <= 480.0


def test_custom_is_the_owners_own_window() -> None:
    configuration = configured(
        "  profile: custom\n  charge_temp_min: 5\n",
        "  safety_voltage_min: 210\n  safety_voltage_max: 290\n  safety_current_max: 20\n  safety_temp_max: 55\n",
    )
    assert resolve_window(configuration, NOTHING) == BatteryWindow(
        voltage_min_v=210.0,
        voltage_max_v=290.0,
        charge_current_max_a=20.0,
        discharge_current_max_a=20.0,
        charge_temperature_min_c=5.0,
        discharge_temperature_min_c=-10.0,
        temperature_max_c=55.0,
    )
    assert "but the inverter reports 320.0-480.0 V" in refusal(configuration, STACK)


def test_a_wider_number_has_no_effect_and_says_so() -> None:
    resolution = explain_window(configured("", "  safety_voltage_max: 59\n  safety_current_max: 80\n"), PACK)
    assert resolution.window.voltage_max_v == 58.0
    assert resolution.window.charge_current_max_a == 32.0
    assert [note.split(":")[0] for note in resolution.notes] == [
        "charging.safety_voltage_max",
        "charging.safety_current_max",
    ]


def test_an_empty_battery_is_in_trouble_not_another_battery() -> None:
    resolution = explain_window(configured(), dataclasses.replace(PACK, measured_voltage_v=43.0))
    assert resolution.window.voltage_min_v == 45.0
    assert "measures 43.0 V, outside its window" in resolution.notes[0]


@pytest.mark.parametrize(
    "nonsense",
    [
        ReportedBatteryLimits(voltage_min_v=60.0, voltage_max_v=40.0, measured_voltage_v=52.0),
        ReportedBatteryLimits(voltage_min_v=0.0, voltage_max_v=0.0, charge_current_max_a=0.0, measured_voltage_v=52.0),
    ],
)
def test_limits_that_cannot_be_meant_are_unknown(nonsense: ReportedBatteryLimits) -> None:
    window = resolve_window(configured(), nonsense)
    assert (window.voltage_min_v, window.voltage_max_v, window.charge_current_max_a) == (45.0, 58.0, 32.0)


def test_open_terminals_are_not_a_low_voltage_battery() -> None:
    assert "reports neither" in refusal(configured(), ReportedBatteryLimits(measured_voltage_v=0.3))


def test_site_is_in_watts_and_watt_hours() -> None:
    configuration = configured()
    site = site_spec(configuration, resolve_window(configuration, PACK))
    assert (site.battery_capacity_wh, site.charge_max_w, site.soc_min_pct, site.soc_max_pct) == (10_000, 4000, 10, 100)
    assert (site.grid_voltage_min_v, site.grid_voltage_max_v) == (200, 250)


def test_configuration_offers_exactly_the_known_profiles() -> None:
    annotation = BatterySettings.model_fields["profile"].annotation
    assert set(getattr(annotation, "__args__", ())) == set(PROFILE_NAMES)


maybe_volts = st.none() | st.floats(1, 900)
maybe_amperes = st.none() | st.floats(0, 150)


@given(
    profile=st.sampled_from([name for name in PROFILE_NAMES if name != "custom"]),
    modules=st.none() | st.integers(1, 9),
    keys=st.tuples(maybe_volts, maybe_volts, maybe_amperes, st.none() | st.floats(0, 80)),
    low=maybe_volts,
    high=maybe_volts,
    charge=maybe_amperes,
    discharge=maybe_amperes,
    measured=maybe_volts,
)
def test_window_is_refused_or_inside_every_bound(
    profile: str,
    modules: int | None,
    keys: tuple[float | None, float | None, float | None, float | None],
    low: float | None,
    high: float | None,
    charge: float | None,
    discharge: float | None,
    measured: float | None,
) -> None:
    assume(low is None or high is None or low < high)
    assume(keys[0] is None or keys[1] is None or keys[0] < keys[1])
    request = WindowRequest(
        profile=profile,
        modules=modules,
        voltage_min_v=keys[0],
        voltage_max_v=keys[1],
        current_max_a=keys[2],
        temperature_max_c=keys[3],
    )
    reported = ReportedBatteryLimits(
        voltage_min_v=low,
        voltage_max_v=high,
        charge_current_max_a=charge,
        discharge_current_max_a=discharge,
        measured_voltage_v=measured,
    )
    try:
        window = resolve_battery_window(request, reported).window
    except WrongBatteryWindow:
        return
    assert window.voltage_min_v < window.voltage_max_v
    assert window.voltage_min_v >= max(value for value in (low, keys[0], 0.0) if value is not None)
    assert window.voltage_max_v <= min(value for value in (high, keys[1], 9e9) if value is not None)
    assert window.charge_current_max_a <= min(value for value in (charge or None, keys[2], 9e9) if value is not None)
    assert window.temperature_max_c <= (60.0 if keys[3] is None else keys[3])
    if profile in PRODUCTS:
        assert window.temperature_max_c <= PRODUCTS[profile].temperature_max_c
        product_low, product_high = PRODUCTS[profile].voltage_range(modules)
        assert product_low <= window.voltage_min_v
        assert window.voltage_max_v <= product_high


@pytest.mark.parametrize("soc_pct", [1, 10, 50, 100])
@pytest.mark.parametrize("name", BATTERY_SPECS)
@pytest.mark.parametrize("profile", ["auto", "its own"])
def test_every_simulated_battery_is_recognised_at_any_charge(name: str, soc_pct: float, profile: str) -> None:
    spec = BATTERY_SPECS[name]
    battery = Battery(spec, capacity_wh=spec.capacity_default_wh, soc_pct=soc_pct)
    reported = ReportedBatteryLimits(
        voltage_min_v=battery.voltage_min_v,
        voltage_max_v=battery.voltage_max_v,
        charge_current_max_a=spec.current_max_a,
        discharge_current_max_a=spec.current_max_a,
        measured_voltage_v=battery.voltage_v,
    )
    resolution = explain_window(configured(f"  profile: {'auto' if profile == 'auto' else name}\n"), reported)
    assert resolution.window.voltage_min_v < battery.voltage_v < resolution.window.voltage_max_v
    assert resolution.notes == ()
    wrong = "lynx_home_d" if name in {"pack_48v", "lynx_home_u"} else "pack_48v"
    assert "what fits: " in refusal(configured(f"  profile: {wrong}\n"), reported)
