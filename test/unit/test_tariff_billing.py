"""The bill's rules: netting, missing prices, and the deposit month by month, against figures worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.analysis.billing import Bill, QuarterEnergy, bill_of, settle_months
from hems.domain.prices import DepositTerms, PartKind, PriceOrigin, PricePart, RetailPrice
from hems.domain.time_grid import MTU
from support.price_tools import utc

NOON = utc("2026-03-10 11:00")


def price(number: int, buy: float = 1.0, sell: float = 0.3, energy: float | None = 0.6) -> RetailPrice:
    """Return the price of the quarter ``number`` after noon; ``energy`` is the part that a deposit may pay."""
    parts: tuple[PricePart, ...] = ()
    if energy is not None:
        parts = (PricePart("energy", energy, PartKind.ENERGY), PricePart("network", buy - energy, PartKind.NETWORK))
    return RetailPrice(
        start=NOON + number * MTU,
        import_per_kwh=buy,
        export_per_kwh=sell,
        origin=PriceOrigin.PUBLISHED,
        import_parts=parts,
    )


def energy(number: int, import_wh: float = 0.0, export_wh: float = 0.0) -> QuarterEnergy:
    return QuarterEnergy(start=NOON + number * MTU, import_wh=import_wh, export_wh=export_wh)


def bill(cost: float, energy_cost: float, credit: float) -> Bill:
    """Return a month's sums, without its lines."""
    return Bill(
        lines=(), import_wh=0.0, export_wh=0.0, cost=cost, energy_cost=energy_cost, credit=credit, unpriced_wh=0.0
    )


def test_hours_are_netted_apart() -> None:
    energies = [energy(0, 1000.0), energy(1, 0.0, 400.0), energy(4, 100.0), energy(7, 0.0, 500.0)]
    whole = bill_of(energies, [price(number) for number in range(8)])
    # first hour: 600 Wh bought at 1.0, of which 0.6 is energy; second: 400 Wh sold at 0.3
    assert [(line.import_wh, line.export_wh) for line in whole.lines] == [(600.0, 0.0), (0.0, 400.0)]
    assert (whole.cost, whole.energy_cost, whole.credit) == pytest.approx((0.6, 0.36, 0.12))


def test_price_of_the_hour_is_the_plain_mean_of_its_quarters() -> None:
    prices = [price(0, buy=1.0), price(1, buy=2.0), price(2, buy=3.0), price(3, buy=6.0)]
    assert bill_of([energy(0, 1000.0)], prices).cost == pytest.approx(3.0)
    assert bill_of([energy(0, 1000.0)], prices, netted_over=MTU).cost == pytest.approx(1.0)


def test_energy_without_a_price_is_counted_and_not_priced() -> None:
    known = [price(number) for number in (0, 1, 2, 4, 5, 6, 7)]
    found = bill_of([energy(0, 1000.0), energy(3, 200.0), energy(4, 100.0)], known)
    assert (found.cost, found.unpriced_wh) == (pytest.approx(0.1), 1200.0)
    still = bill_of([energy(0, 1000.0), energy(3, 0.0)], known)  # what moved nothing needs no price
    assert (still.cost, still.unpriced_wh) == (pytest.approx(1.0), 0.0)
    assert bill_of([energy(0, 5.0)], []).unpriced_wh == 5.0
    assert bill_of([], known) == bill(0, 0, 0)


def test_an_all_in_price_may_be_paid_by_the_deposit_whole() -> None:
    assert bill_of([energy(0, 1000.0)], [price(0, energy=None)]).energy_cost == pytest.approx(1.0)


@pytest.mark.parametrize(
    "energies", [[energy(0, 1.0), energy(0, 1.0)], [energy(0, -1.0)], [energy(0, 0.0, float("nan"))]]
)
def test_energies_that_cannot_be(energies: list[QuarterEnergy]) -> None:
    with pytest.raises(ValueError, match="quarter"):
        bill_of(energies, [price(0)])


def test_deposit_pays_energy_from_the_following_month_on_the_oldest_first() -> None:
    months = settle_months(
        {
            (2025, 11): bill(cost=100.0, energy_cost=60.0, credit=90.0),
            (2025, 12): bill(cost=100.0, energy_cost=60.0, credit=10.0),
            (2026, 1): bill(cost=100.0, energy_cost=60.0, credit=0.0),
            (2026, 2): bill(cost=100.0, energy_cost=60.0, credit=0.0),
        },
        DepositTerms(),
    )
    # November: nothing to pay with yet. December: 60 of the 90. January: the last 30, then December's 10.
    assert [(one.paid_by_deposit, one.to_pay, one.deposit_after) for one in months] == [
        (0.0, 100.0, 90.0),
        (60.0, 40.0, 40.0),
        (40.0, 60.0, 0.0),
        (0.0, 100.0, 0.0),
    ]
    assert all(one.refund == one.lost == 0.0 for one in months)


@pytest.mark.parametrize(("share", "refund", "lost"), [(0.30, 60.0, 90.0), (0.20, 40.0, 110.0), (1.0, 150.0, 0.0)])
def test_after_twelve_months_a_credit_lapses(share: float, refund: float, lost: float) -> None:
    """Of 200 credited in June 2025 50 are used in July; what is left may pay until June 2026, and lapses in July."""
    months = settle_months(
        {
            (2025, 6): bill(cost=0.0, energy_cost=0.0, credit=200.0),
            (2025, 7): bill(cost=70.0, energy_cost=50.0, credit=0.0),
            (2026, 6): bill(cost=0.0, energy_cost=0.0, credit=0.0),
            (2026, 7): bill(cost=70.0, energy_cost=50.0, credit=0.0),
        },
        DepositTerms(refund_share_max=share),
    )
    assert [one.deposit_after for one in months] == [200.0, 150.0, 150.0, 0.0]
    assert (months[-1].refund, months[-1].lost, months[-1].to_pay) == pytest.approx((refund, lost, 70.0))


def test_at_negative_prices_a_month_may_owe_nothing() -> None:
    (first, second) = settle_months(
        {(2026, 4): bill(0.0, 0.0, 20.0), (2026, 5): bill(cost=3.0, energy_cost=-5.0, credit=0.0)}, DepositTerms()
    )
    assert (first.deposit_after, second.paid_by_deposit, second.deposit_after) == (20.0, 0.0, 20.0)


@given(
    moved=st.lists(st.tuples(st.floats(0, 5000), st.floats(0, 5000)), min_size=1, max_size=24),
    buy=st.floats(0.0, 3.0),
    margin=st.floats(0.0, 1.0),
)
def test_netting_never_costs_more_where_selling_pays_less(
    moved: list[tuple[float, float]], buy: float, margin: float
) -> None:
    prices = [price(number, buy=buy, sell=buy - margin, energy=None) for number in range(24)]
    energies = [energy(number, *wh) for number, wh in enumerate(moved)]
    hourly, apart = bill_of(energies, prices), bill_of(energies, prices, netted_over=timedelta(minutes=15))
    assert hourly.cost - hourly.credit <= apart.cost - apart.credit + 1e-9
    assert hourly.import_wh - hourly.export_wh == pytest.approx(sum(wh[0] - wh[1] for wh in moved), abs=1e-6)
