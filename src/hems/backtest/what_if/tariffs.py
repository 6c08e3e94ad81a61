"""One house under many tariffs: each billed as its bill would be, monthly fees and the prosumer's deposit included.

Pure. Money in the tariffs' currency. A bill nets import and export within the hour; the deposit pays for energy from
the following month on (`analysis.billing`). The optimizer decides anew under every tariff: prices change decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hems.analysis.billing import Bill, Month, QuarterEnergy, bill_of, settle_months
from hems.backtest.what_if.side_by_side import Flows
from hems.domain.prices import DepositTerms, RetailPrice
from hems.domain.time_grid import local_date

HOURS_A_YEAR = 365.0 * 24.0
MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedFee:
    """A fee per month with VAT, and whom it binds; None binds everybody."""

    name: str
    per_month: float
    phases: int | None = None
    above_kwh_a_year: float | None = None
    up_to_kwh_a_year: float | None = None

    def binds(self, kwh_a_year: float, phases: int) -> bool:
        """Return whether a house that takes this much from the grid, on so many phases, pays it."""
        return (
            (self.phases is None or self.phases == phases)
            and (self.above_kwh_a_year is None or kwh_a_year > self.above_kwh_a_year)
            and (self.up_to_kwh_a_year is None or kwh_a_year <= self.up_to_kwh_a_year)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tariff that a house may be on, as a person names it; its prices stand elsewhere."""

    operator: str | None
    group: str | None
    seller: str | None
    contract: str
    """``dynamic``: the market's price; ``fixed``: one price of energy for each zone, or all included."""
    fees: tuple[FixedFee, ...] = ()
    is_present: bool = False
    """Whether the configuration says so."""
    is_verified: bool = True
    """Whether every figure was read from the company's own document."""
    has_ended: bool = False
    """Whether its last day has passed: new contracts may have other prices."""
    has_seller_fee: bool = True
    """Whether a monthly fee of the seller is known, or none is due: with fixed prices."""
    is_guessed: bool = False
    """Whether a zone had to be assumed: that of a group that follows the Energy Compass, which no file brings."""
    remarks: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return "/".join((self.operator or "-", self.group or "-", self.contract, self.seller or "-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the time that was lived costs [money]."""

    energy: float
    """As billed: bought with network and taxes, less what the deposit paid and what was paid out of it."""
    fixed: float
    """Monthly fees."""
    wear: float
    """Of the battery: on no bill, and a cost all the same."""
    stored_change: float
    """Worth of what the battery holds at the end more than at the start."""
    credit: float
    """What was put into the deposit; where there is none, what was paid for the energy sold."""
    deposit_left: float
    """What later bills may still be paid with."""
    deposit_worth: float
    """What that will come to if the time goes on like this: it pays for energy that the deposit has not paid for yet,
    and of the rest the refund counts."""
    import_kwh: float
    """Netted by hour, as billed."""
    export_kwh: float
    unpriced_kwh: float

    @property
    def bill(self) -> float:
        """What is paid."""
        return self.energy + self.fixed

    @property
    def total(self) -> float:
        """The bill and the wear, less what is stored more and what the deposit will come to."""
        return self.bill + self.wear - self.stored_change - self.deposit_worth


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferResult:
    """An offer with what the house pays under it, with its battery and without any."""

    offer: Offer
    with_battery: Cost
    without_battery: Cost
    fees: tuple[tuple[str, float], ...]
    """Those that bind the house with its battery, per month."""

    @property
    def saving(self) -> float:
        """What the battery saves under this tariff."""
        return self.without_battery.total - self.with_battery.total


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffComparison:
    """All offers, the cheapest first."""

    title: str
    zone: ZoneInfo
    currency: str
    strategy: str
    battery_kwh: float
    phases: int
    first: datetime
    last: datetime
    hours: float
    """That were lived; what is unknown is left out of every offer alike."""
    results: tuple[OfferResult, ...]
    not_offered: Mapping[str, str] = field(default_factory=dict)
    """Combinations that no file prices, with the reason."""
    remarks: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    is_interrupted: bool = False

    @property
    def per_year(self) -> float:
        """By what a cost is multiplied to be one of a year: 365 days over those that were lived."""
        return HOURS_A_YEAR / self.hours

    @property
    def left_out_hours(self) -> float:
        """Time of the period that nobody knows enough of."""
        return (self.last - self.first).total_seconds() / 3600.0 - self.hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What of the house a bill depends on."""

    zone: ZoneInfo
    phases: int
    deposit: DepositTerms | None
    """None: what is sold is paid at once."""


def cost_of(
    flows: Flows, prices: Sequence[RetailPrice], offer: Offer, house: Household, stored_change: float
) -> tuple[Cost, tuple[tuple[str, float], ...]]:
    """Return what ``flows`` cost under ``offer``, and the monthly fees that bind.

    Fees are those of the time that was lived: a month is a twelfth of 365 days. Which of them bind is judged by the
    energy a year at this pace. Raises: ValueError: nothing was lived.
    """
    if flows.hours <= 0.0:
        raise ValueError("nothing was lived")
    bills = _bills(flows, prices, house.zone)
    years = flows.hours / HOURS_A_YEAR
    import_kwh = sum(bill.import_wh for bill in bills.values()) / 1000.0
    binding = tuple((fee.name, fee.per_month) for fee in offer.fees if fee.binds(import_kwh / years, house.phases))
    credit = sum(bill.credit for bill in bills.values())
    energy, left, worth = sum(bill.cost for bill in bills.values()) - credit, 0.0, 0.0
    if house.deposit is not None:
        energy, left, worth = _settled(bills, house.deposit)
    return Cost(
        energy=energy,
        fixed=sum(per_month for _, per_month in binding) * MONTHS_A_YEAR * years,
        wear=flows.wear_cost,
        stored_change=stored_change,
        credit=credit,
        deposit_left=left,
        deposit_worth=worth,
        import_kwh=import_kwh,
        export_kwh=sum(bill.export_wh for bill in bills.values()) / 1000.0,
        unpriced_kwh=sum(bill.unpriced_wh for bill in bills.values()) / 1000.0,
    ), binding


def _settled(bills: Mapping[Month, Bill], terms: DepositTerms) -> tuple[float, float, float]:
    """Return what is paid for energy, what is left in the deposit, and what that is worth.

    Without the last a short time would count nothing of what is sold: a month's credit pays from the next month on.
    """
    settled = settle_months(bills, terms)
    if not settled:
        return 0.0, 0.0, 0.0
    left = settled[-1].deposit_after
    owed = sum(max(0.0, bill.energy_cost) for bill in bills.values())
    unpaid = max(0.0, owed - sum(month.paid_by_deposit for month in settled))
    used = min(left, unpaid)
    refund = min(left - used, terms.refund_share_max * sum(month.credit for month in settled))
    return sum(month.to_pay - month.refund for month in settled), left, used + max(0.0, refund)


def in_order(results: Sequence[OfferResult]) -> tuple[OfferResult, ...]:
    """Return the cheapest first, by what the house pays with its battery."""
    return tuple(sorted(results, key=lambda result: (result.with_battery.total, result.offer.key)))


def _bills(flows: Flows, prices: Sequence[RetailPrice], zone: ZoneInfo) -> dict[Month, Bill]:
    """Return the bill of each local month."""
    by_month: dict[Month, list[QuarterEnergy]] = {}
    for second, import_wh, export_wh in zip(
        flows.start_s.tolist(), flows.import_wh.tolist(), flows.export_wh.tolist(), strict=True
    ):
        start = datetime.fromtimestamp(second, UTC)
        day = local_date(start, zone)
        quarter = QuarterEnergy(start=start, import_wh=import_wh, export_wh=export_wh)
        by_month.setdefault((day.year, day.month), []).append(quarter)
    return {month: bill_of(quarters, prices) for month, quarters in sorted(by_month.items())}
