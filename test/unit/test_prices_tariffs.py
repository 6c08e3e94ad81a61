"""What the household pays and is paid, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hems.adapters.tariffs.dynamic import DynamicTariff, DynamicTariffOptions
from hems.adapters.tariffs.fixed import FixedTariff, FixedTariffOptions
from hems.adapters.tariffs.registry import TARIFFS, create_tariff
from hems.domain.errors import ConfigurationError
from hems.domain.prices import MarketView, PriceOrigin, PriceSeries, SlotPrice
from support.price_tools import utc

AT = utc("2026-05-01 10:45")

PLAIN = {"seller_margin_per_kwh": 0.08, "excise_per_kwh": 0.005, "vat_pct": 23.0, "network_per_kwh": 0.29}


def view(market: float, settlement: float | None) -> MarketView:
    """One quarter, its day-ahead price estimated, its settlement price published where there is one."""
    day_ahead = SlotPrice(start=AT, price_per_mwh=market, origin=PriceOrigin.SIMILAR_DAY)
    settled = () if settlement is None else (replace(day_ahead, price_per_mwh=settlement),)
    return MarketView(day_ahead=PriceSeries("PLN", (day_ahead,)), settlement=PriceSeries("PLN", settled))


@pytest.mark.parametrize(
    ("extra", "market", "settlement", "buy", "sell"),
    [
        # (0.5 + 0.085) x 1.23 + 0.29 x 1.23 = 1.07625
        ({}, 500.0, 480.0, 1.07625, 0.48),
        ({}, 500.0, None, 1.07625, 0.5),  # no settlement price: day-ahead pays
        # (-2.08686 + 0.085 + 0.29) x 1.23: the seller passes a negative price on; a negative RCE counts as 0
        ({}, -2086.86, -2000.0, -2.1055878, 0.0),
        ({"floor_negative_market": True}, -2086.86, -2000.0, 0.46125, 0.0),
        ({"export_negative_counts_as_zero": False}, -100.0, -100.0, 0.33825, -0.1),
        ({"market_cap_per_mwh": 4000.0}, 9000.0, 9000.0, 5.38125, 9.0),
        ({"export_multiplier": 1.23}, 500.0, 400.0, 1.07625, 0.492),
        ({"export_margin_per_kwh": 0.02}, 500.0, 400.0, 1.07625, 0.38),
        ({"vat_pct": 0.0}, 500.0, 400.0, 0.875, 0.4),
    ],
)
def test_dynamic_contract(
    extra: dict[str, object], market: float, settlement: float | None, buy: float, sell: float
) -> None:
    tariff = create_tariff("dynamic", {**PLAIN, **extra})
    (retail,) = tariff.retail_series(view(market, settlement))
    assert retail.import_per_kwh == pytest.approx(buy)
    assert retail.export_per_kwh == pytest.approx(sell)
    assert (retail.start, retail.origin) == (AT, PriceOrigin.SIMILAR_DAY)
    assert retail.export_estimated is (settlement is None)


def test_fixed_contract_does_not_follow_the_market() -> None:
    tariff = FixedTariff(FixedTariffOptions(import_per_kwh=1.1, export_per_kwh=0.3))
    for market in (-2000.0, 0.0, 2748.0):
        (retail,) = tariff.retail_series(view(market, None))
        assert (retail.import_per_kwh, retail.export_per_kwh) == (1.1, 0.3)
        assert retail.origin is PriceOrigin.PUBLISHED


def test_registry_finds_every_tariff_by_its_file() -> None:
    assert TARIFFS.names() == ("dynamic", "fixed")
    assert isinstance(create_tariff("dynamic", {}), DynamicTariff)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("dynamo", {}, "tariff.type: 'dynamo' is not a tariff; allowed: dynamic, fixed"),
        ("fixed", {}, "tariff.fixed.import_per_kwh: is required"),
        ("dynamic", {"vat": 23}, "tariff.dynamic.vat: unknown setting; allowed: currency,"),
        ("dynamic", {"vat_pct": 123.0}, "tariff.dynamic: vat_pct 123.0: must be 0 to 100"),
        ("dynamic", {"network_per_kwh": float("nan")}, "must be finite"),
        ("dynamic", {"export_multiplier": -1.0}, "must be 0 or more"),
        ("fixed", {"import_per_kwh": float("inf")}, "must be finite"),
    ],
)
def test_wrong_settings_name_themselves(name: str, settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_tariff(name, settings)
    assert said in str(caught.value)


def test_default_options_are_a_polish_contract() -> None:
    # 400 PLN/MWh: (0.4 + 0.08 + 0.005 + 0.2898) x 1.23
    (retail,) = DynamicTariff(DynamicTariffOptions()).retail_series(view(400.0, None))
    assert retail.import_per_kwh == pytest.approx(0.953004)
