"""The defaults are the documented ones, and settings that contradict each other are refused."""

from __future__ import annotations

from typing import Any

import pytest

from hems.config.loader import parse_configuration
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError

SMALLEST = "inverter: {ip_address: simulator}\nbattery_management: {capacity_kwh: 10}\n"


def load(more: str = "") -> Configuration:
    return parse_configuration(SMALLEST + more, "f.yaml")


def refusals(more: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(more)
    return [fault.split(" ", 1)[1] for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("coordinator.decision_interval_minutes", 15),
        ("coordinator.health_check_interval_minutes", 5),
        ("coordinator.data_collection_interval_seconds", 60),
        ("coordinator.charging_thresholds.start_charging_score", 70),
        ("coordinator.charging_thresholds.stop_charging_score", 30),
        ("coordinator.charging_thresholds.continue_charging_min", 30),
        ("coordinator.charging_thresholds.continue_charging_max", 70),
        ("decision.strategy", "optimal"),
        ("charging.max_power", 5000),
        ("charging.safety_voltage_min", "auto"),
        ("charging.emergency_soc", 20),
        ("grid.voltage_min", 200),
        ("grid.voltage_max", 250),
        ("inverter.port", 8899),
        ("inverter.daily_write_budget", 60),
        ("logging.keep_days", 7),
        ("storage.raw_days", 30),
        ("debug.enabled", False),
        ("site.time_zone", "Europe/Warsaw"),
    ],
)
def test_default_is_the_documented_one(path: str, default: object) -> None:
    value: Any = load()
    for part in path.split("."):
        value = getattr(value, part)
    assert value == default


def test_score_bands_are_the_documented_table() -> None:
    factors = load().coordinator.factors
    table = {
        "price": (0.40, [(200, 100), (400, 80), (600, 40)], 0),
        "battery": (0.25, [(20, 100), (40, 80), (70, 40), (90, 10)], 0),
        "pv": (0.20, [(3000, 0), (1000, 30), (100, 60)], 100),
        "consumption": (0.15, [(3000, 100), (1000, 60), (100, 30)], 0),
    }
    for name, (weight, bands, otherwise) in table.items():
        factor = getattr(factors, name)
        edges = [
            (getattr(band, "up_to", None) or getattr(band, "at_least", None), band.points) for band in factor.bands
        ]
        assert (factor.weight, edges, factor.otherwise) == (weight, bands, otherwise)


def test_network_price_is_the_sum_of_its_named_parts() -> None:
    assert load().prices.tariff.network_per_kwh == pytest.approx(0.2464 + 0.0331 + 0.0073 + 0.0030)


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        (
            "coordinator: {charging_thresholds: {start_charging_score: 30}}\n",
            "coordinator.charging_thresholds.stop_charging_score: must be less than start_charging_score (30)",
        ),
        (
            "coordinator: {charging_thresholds: {continue_charging_min: 40}}\n",
            "coordinator.charging_thresholds.continue_charging_min: must equal stop_charging_score (30)",
        ),
        (
            "coordinator: {charging_thresholds: {start_charging_score: 80, continue_charging_max: 70}}\n",
            "coordinator.charging_thresholds.continue_charging_max: must equal start_charging_score (80)",
        ),
        (
            "coordinator: {factors: {price: {weight: 0.5}}}\n",
            (
                "coordinator.factors: the four weights must sum to 1; price 0.5 + battery 0.25 + pv 0.2 + consumption "
                "0.15 sum to 1.1"
            ),
        ),
        (
            "coordinator: {factors: {price: {bands: [{up_to: 2, points: 9}, {up_to: 2, points: 1}]}}}\n",
            "coordinator.factors.price.bands.1.up_to: must be more than in the band before it (2)",
        ),
        (
            "coordinator: {factors: {pv: {bands: [{at_least: 2, points: 9}, {at_least: 3, points: 1}]}}}\n",
            "coordinator.factors.pv.bands.1.at_least: must be less than in the band before it (2)",
        ),
        (
            "charging: {safety_voltage_min: 60, safety_voltage_max: 58}\n",
            "charging.safety_voltage_min: must be less than safety_voltage_max (58 V)",
        ),
        (
            "charging: {emergency_soc: 50, target_soc: 40}\n",
            "charging.emergency_soc: must be less than target_soc (40 %)",
        ),
        ("grid: {voltage_min: 250, voltage_max: 250}\n", "grid.voltage_min: must be less than voltage_max (250 V)"),
        (
            "prices: {tariff: {kind: fixed, fixed_export_per_kwh: 0.2}}\n",
            "fixed_import_per_kwh: required, because kind",
        ),
        ("prices: {currency: EUR}\n", "prices.currency: must be PLN: prices.source pse publishes no other"),
        (
            "prices: {pse: {base_url: 'http://a.pl/api?x=1'}}\n",
            "prices.pse.base_url: must be an http:// or https:// address",
        ),
        # The score proposes charges with this power, and a fast charge divides by it.
        ("charging: {max_power: 0}\n", "charging.max_power: must be a number from 100 to 50000 W, not 0"),
    ],
)
def test_contradiction_is_refused_at_its_key(more: str, refusal: str) -> None:
    found = refusals(more)
    assert len([line for line in found if refusal in line]) == len(found) == 1, found


def test_custom_battery_needs_all_four_numbers() -> None:
    text = (
        SMALLEST.replace("capacity_kwh: 10", "capacity_kwh: 10, profile: custom")
        + "charging: {safety_voltage_min: 320}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, "f.yaml")
    keys = [fault.split(" ")[1] for fault in caught.value.faults]
    assert keys == ["charging.safety_voltage_max:", "charging.safety_current_max:", "charging.safety_temp_max:"]


def test_continue_range_follows_its_thresholds() -> None:
    thresholds = load(
        "coordinator: {charging_thresholds: {start_charging_score: 80, stop_charging_score: 20}}\n"
    ).coordinator.charging_thresholds
    assert (thresholds.continue_charging_min, thresholds.continue_charging_max) == (20, 80)


def test_one_factor_may_be_changed_alone() -> None:
    factors = load("coordinator: {factors: {price: {otherwise: 5}}}\n").coordinator.factors
    assert factors.price.otherwise == 5
    assert factors.price.bands[0].up_to == 200


def test_configuration_is_read_only() -> None:
    configuration = load()
    with pytest.raises(ValueError, match="frozen"):
        configuration.charging.max_power = 1
