"""A household's bill from the energy of its quarters and their prices: netting by hour, and the prosumer's deposit.

Pure. Money is in the prices' currency. Fixed monthly fees are not in it: they depend on no decision.
Source: Dz.U. 2024 poz. 1847 (net-billing): import and export are netted within the hour; what is fed in is credited to
a deposit that pays for energy, not for the network, from the following month on, and lapses after twelve months.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import fmean

from hems.domain.prices import DepositTerms, PartKind, RetailPrice
from hems.domain.time_grid import MTU, floor_to_grid
from hems.domain.units import kwh_from_wh

Month = tuple[int, int]
"""Year and month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterEnergy:
    """What the meter counted in the quarter from ``start`` [Wh], both >= 0."""

    start: datetime
    import_wh: float
    export_wh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One netted period: either bought or sold, or nothing."""

    start: datetime
    import_wh: float
    export_wh: float
    cost: float
    """Of the energy bought, network and taxes included."""
    energy_cost: float
    """The part of the cost that a deposit may pay."""
    credit: float
    """For the energy sold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The sums of a span of time. ``unpriced_wh`` was bought or sold without a known price and is in no sum."""

    lines: tuple[BillLine, ...]
    import_wh: float
    export_wh: float
    cost: float
    energy_cost: float
    credit: float
    unpriced_wh: float


def bill_of(
    energies: Iterable[QuarterEnergy], prices: Iterable[RetailPrice], *, netted_over: timedelta = timedelta(hours=1)
) -> Bill:
    """Return the bill of ``energies``; quarters in any order, each at most once.

    Import and export are netted within each step ``netted_over`` (an hour, or a quarter for none); the step's price is
    the plain mean of its quarters' prices, whatever moved in which of them. A step with a quarter that moved energy
    and has no price is not priced at all.
    Raises: ValueError: a quarter twice, or a negative energy.
    """
    known = {price.start: price for price in prices}
    by_start: dict[datetime, QuarterEnergy] = {}
    for energy in energies:
        if energy.start in by_start:
            raise ValueError(f"two energies for the quarter {energy.start.isoformat()}")
        if not (energy.import_wh >= 0.0 and energy.export_wh >= 0.0):  # also refuses NaN
            raise ValueError(f"the quarter {energy.start.isoformat()} has an energy below 0")
        by_start[energy.start] = energy
    lines: list[BillLine] = []
    unpriced_wh = 0.0
    ordered = [by_start[start] for start in sorted(by_start)]
    for start, group in groupby(ordered, key=lambda energy: floor_to_grid(energy.start, netted_over)):
        quarters = list(group)
        line = _line(start, quarters, _prices_of(start, netted_over, quarters, known))
        if line is None:
            unpriced_wh += sum(one.import_wh + one.export_wh for one in quarters)
        else:
            lines.append(line)
    return Bill(
        lines=tuple(lines),
        import_wh=sum(line.import_wh for line in lines),
        export_wh=sum(line.export_wh for line in lines),
        cost=sum(line.cost for line in lines),
        energy_cost=sum(line.energy_cost for line in lines),
        credit=sum(line.credit for line in lines),
        unpriced_wh=unpriced_wh,
    )


def _prices_of(
    start: datetime, step: timedelta, quarters: Sequence[QuarterEnergy], known: Mapping[datetime, RetailPrice]
) -> Sequence[RetailPrice]:
    """Return the prices of the step's quarters, empty where one that moved energy has none."""
    if any(one.start not in known and (one.import_wh or one.export_wh) for one in quarters):
        return ()
    starts = (start + number * MTU for number in range(step // MTU))
    return [known[one] for one in starts if one in known]


def _line(start: datetime, quarters: Sequence[QuarterEnergy], prices: Sequence[RetailPrice]) -> BillLine | None:
    if not prices:
        return None
    net_wh = sum(one.import_wh for one in quarters) - sum(one.export_wh for one in quarters)
    import_wh, export_wh = max(0.0, net_wh), max(0.0, -net_wh)
    bought_kwh = kwh_from_wh(import_wh)
    return BillLine(
        start=start,
        import_wh=import_wh,
        export_wh=export_wh,
        cost=bought_kwh * fmean(price.import_per_kwh for price in prices),
        energy_cost=bought_kwh * fmean(map(_energy_per_kwh, prices)),
        credit=kwh_from_wh(export_wh) * fmean(price.export_per_kwh for price in prices),
    )


def _energy_per_kwh(price: RetailPrice) -> float:
    """Return the part of the import price that a deposit may pay: the seller's, with VAT; all of it where not split."""
    if not price.import_parts or any(part.kind is PartKind.TOTAL for part in price.import_parts):
        return price.import_per_kwh
    return sum(part.per_kwh for part in price.import_parts if part.kind is PartKind.ENERGY)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSettled:
    """One month with its deposit."""

    month: Month
    cost: float
    credit: float
    paid_by_deposit: float
    to_pay: float
    """What the household pays: the cost less what the deposit paid."""
    refund: float
    """Of a credit that lapsed this month."""
    lost: float
    deposit_after: float


def settle_months(bills: Mapping[Month, Bill], terms: DepositTerms) -> tuple[MonthSettled, ...]:
    """Return month by month what is paid, in order. Months without a bill pass, and time with them.

    A month's credit can pay from the following month on, the oldest first. Twelve months later what is left of it
    lapses: up to ``refund_share_max`` of the month's credit is paid out, the rest is lost.
    """
    left: dict[Month, float] = {}
    settled: list[MonthSettled] = []
    for month in sorted(bills):
        bill = bills[month]
        refund, lost = _lapse(left, month, bills, terms)
        owed = max(0.0, bill.energy_cost)
        paid = 0.0
        for earlier in sorted(left):
            share = min(left[earlier], owed - paid)
            left[earlier] -= share
            paid += share
        if bill.credit > 0.0:
            left[month] = bill.credit
        settled.append(
            MonthSettled(
                month=month,
                cost=bill.cost,
                credit=bill.credit,
                paid_by_deposit=paid,
                to_pay=bill.cost - paid,
                refund=refund,
                lost=lost,
                deposit_after=sum(left.values()),
            )
        )
    return tuple(settled)


def _lapse(
    left: dict[Month, float], month: Month, bills: Mapping[Month, Bill], terms: DepositTerms
) -> tuple[float, float]:
    """Take out of ``left`` what is too old to pay in ``month``; return what is paid out of it, and what is lost."""
    refund = lost = 0.0
    for earlier in sorted(left):
        if (month[0] - earlier[0]) * 12 + month[1] - earlier[1] <= terms.valid_months:
            continue
        rest = left.pop(earlier)
        paid_out = min(rest, terms.refund_share_max * bills[earlier].credit)
        refund += paid_out
        lost += rest - paid_out
    return refund, lost
