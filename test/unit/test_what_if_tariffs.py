"""Bills under tariffs, worked out by hand: netting, deposit, fees that bind, what is scaled to a year."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hems.backtest.what_if.side_by_side import Flows
from hems.backtest.what_if.tariffs import FixedFee, Household, Offer, OfferResult, TariffComparison, cost_of, in_order
from hems.domain.prices import DepositTerms, PartKind, PriceOrigin, PricePart, RetailPrice
from hems.domain.time_grid import MTU

WARSAW = ZoneInfo("Europe/Warsaw")
MARCH_END = datetime(2026, 3, 31, 21, tzinfo=UTC)
"""23:00 local: the next hour is of April."""

OFFER = Offer(operator="o", group="G", seller="s", contract="dynamic")
BILLED = Household(zone=WARSAW, phases=3, deposit=DepositTerms(valid_months=12, refund_share_max=0.3))


def prices(count: int = 8) -> list[RetailPrice]:
    """Return prices of 1.00 to buy, 0.60 of it energy, and 0.50 to sell."""
    parts = (PricePart("energy", 0.6, PartKind.ENERGY), PricePart("network", 0.4, PartKind.NETWORK))
    return [
        RetailPrice(
            start=MARCH_END + index * MTU, import_per_kwh=1.0, export_per_kwh=0.5, origin=PriceOrigin.PUBLISHED,
            import_parts=parts,
        )
        for index in range(count)
    ]  # fmt: skip


def flows(import_wh: list[float], export_wh: list[float]) -> Flows:
    start_s = round(MARCH_END.timestamp()) + 900 * np.arange(len(import_wh))
    return Flows(
        start_s=start_s, import_wh=np.array(import_wh), export_wh=np.array(export_wh), hours=len(import_wh) / 4.0,
        energy_cost=0.0, wear_cost=0.25, charged_kwh=0.0, discharged_kwh=0.0, soc_pct=50.0,
    )  # fmt: skip


MOVED = flows([500.0, 0, 0, 0, 3000, 0, 0, 1000], [0.0, 2500, 0, 0, 0, 0, 0, 0])
"""In March 0.5 kWh bought and 2.5 sold within one hour: 2 net sold. In April 4 kWh bought."""


def test_the_deposit_of_march_pays_for_the_energy_of_april() -> None:
    cost, _ = cost_of(MOVED, prices(), OFFER, BILLED, 0.1)
    assert (cost.import_kwh, cost.export_kwh, cost.credit) == (4.0, 2.0, 1.0)
    assert cost.energy == pytest.approx(4.0 - 1.0)  # 2.40 of April's bill is energy: the whole credit of 1.00 counts
    assert (cost.deposit_left, cost.deposit_worth) == (0.0, 0.0)
    assert cost.total == pytest.approx(3.0 + 0.25 - 0.1)


def test_what_is_left_counts_as_far_as_such_bills_will_use_it() -> None:
    """In April 2 kWh sold within an hour and 1 kWh bought in the other: a credit of 1.00 for energy of 0.60."""
    sold_last = flows([1000.0] + [0.0] * 7, [0.0] * 4 + [2000.0] + [0.0] * 3)
    cost, _ = cost_of(sold_last, prices(), OFFER, BILLED, 0.0)
    assert (cost.energy, cost.deposit_left) == (pytest.approx(1.0), pytest.approx(1.0))
    # 0.60 will pay for energy like that of March, of the 0.40 beyond 30 % of the credit are paid out.
    assert cost.deposit_worth == pytest.approx(0.6 + 0.3)
    assert cost.total == pytest.approx(1.0 - 0.9 + 0.25)


def test_a_deposit_pays_for_no_network_and_not_for_its_own_month() -> None:
    much, _ = cost_of(flows([0.0] * 4 + [1000.0] + [0.0] * 3, [8000.0] + [0.0] * 7), prices(), OFFER, BILLED, 0.0)
    assert (much.energy, much.deposit_left) == (pytest.approx(0.4), pytest.approx(4.0 - 0.6))
    same_month, _ = cost_of(
        flows([0.0] * 4 + [1000.0] + [0.0] * 3, [0.0] * 6 + [0, 8000.0]), prices(), OFFER, BILLED, 0
    )
    assert (same_month.energy, same_month.deposit_left) == (0.0, pytest.approx(3.5))  # 7 kWh net within the hour


def test_without_a_deposit_what_is_sold_is_paid_at_once() -> None:
    cost, _ = cost_of(MOVED, prices(), OFFER, replace(BILLED, deposit=None), 0.0)
    assert (cost.energy, cost.deposit_left) == (pytest.approx(4.0 - 1.0), 0.0)
    more, _ = cost_of(flows([0.0] * 8, [4000.0] + [0.0] * 7), prices(), OFFER, replace(BILLED, deposit=None), 0.0)
    assert more.energy == pytest.approx(-2.0)


def test_what_has_no_price_is_counted_and_not_billed() -> None:
    cost, _ = cost_of(MOVED, prices(4), OFFER, BILLED, 0.0)
    assert (cost.unpriced_kwh, cost.import_kwh, cost.export_kwh) == (4.0, 0.0, 2.0)


def test_nothing_lived_is_no_tariff() -> None:
    with pytest.raises(ValueError, match="nothing was lived"):
        cost_of(replace(MOVED, hours=0.0), prices(), OFFER, BILLED, 0.0)


@pytest.mark.parametrize(
    ("kwh", "phases", "binding"),
    [(500.0, 3, "a3"), (500.1, 3, "b3"), (1200.0, 1, "b"), (1200.1, 1, "c"), (9e9, 3, "c3")],
)
def test_fees_bind_whom_they_name(kwh: float, phases: int, binding: str) -> None:
    fees = (
        FixedFee(name="a", per_month=1, up_to_kwh_a_year=500),
        FixedFee(name="b", per_month=1, above_kwh_a_year=500, up_to_kwh_a_year=1200),
        FixedFee(name="c", per_month=1, above_kwh_a_year=1200),
        FixedFee(name="3", per_month=1, phases=3),
    )
    assert "".join(fee.name for fee in fees if fee.binds(kwh, phases)) == binding


def test_fees_are_those_of_the_time_lived_and_bind_by_the_pace_of_a_year() -> None:
    """4 kWh in two hours are 17 520 a year."""
    fees = (
        FixedFee(name="many", per_month=10.0, above_kwh_a_year=17_519.0),
        FixedFee(name="more", per_month=99.0, above_kwh_a_year=17_521.0),
    )
    cost, binding = cost_of(MOVED, prices(), replace(OFFER, fees=fees), BILLED, 0.0)
    assert binding == (("many", 10.0),)
    assert cost.fixed * 365.0 * 12.0 == pytest.approx(120.0)
    assert cost.bill == pytest.approx(cost.energy + cost.fixed)


def test_the_cheapest_comes_first_and_a_year_is_365_days() -> None:
    cheap, _ = cost_of(MOVED, prices(), OFFER, BILLED, 1.0)
    dear, _ = cost_of(MOVED, prices(), OFFER, BILLED, 0.0)
    rows = [
        OfferResult(offer=replace(OFFER, group=name), with_battery=cost, without_battery=dear, fees=())
        for name, cost in (("dear", dear), ("cheap", cheap))
    ]
    ordered = in_order(rows)
    assert [one.offer.group for one in ordered] == ["cheap", "dear"]
    assert [one.saving for one in ordered] == [pytest.approx(1.0), 0.0]
    result = TariffComparison(
        title="t", zone=WARSAW, currency="PLN", strategy="optimal", battery_kwh=10.0, phases=3, first=MARCH_END,
        last=MARCH_END + timedelta(hours=3), hours=2.0, results=ordered,
    )  # fmt: skip
    assert (result.per_year, result.left_out_hours) == (365.0 * 12.0, 1.0)
